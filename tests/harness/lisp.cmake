vfm_library(test_tree_eval SOURCES tree_eval.cc field_oracle.cc tree_tally.cc LIBS core_lisp core_run test_packets)
