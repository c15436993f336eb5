vfm_library(test_random_lisp SOURCES random_lisp.cc LIBS core_lisp test_packets)
