vfm_library(test_tree_eval SOURCES tree_eval.cc LIBS core_lisp core_run)
