# bench_headers: header-aware fields beside loads at fixed offsets.
add_executable(bench_headers EXCLUDE_FROM_ALL header_fields.cc)
target_link_libraries(bench_headers PRIVATE vfm_flags loader core_front userspace_jit fmt::fmt)
