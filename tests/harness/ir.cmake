vfm_library(test_harness_random SOURCES random_program.cc LIBS core_verify test_packets)
vfm_library(test_ir_eval SOURCES ir_eval.cc LIBS core_ir core_run)
