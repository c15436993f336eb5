vfm_library(test_object_program SOURCES object_program.cc LIBS userspace_ebpf PkgConfig::BPF)
