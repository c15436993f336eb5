# bench_tables: prepared sets and rule tables beside other ways. Boost as flow_tables.cmake finds it.
add_executable(bench_tables EXCLUDE_FROM_ALL prepared_tables.cc)
target_link_libraries(bench_tables PRIVATE vfm_flags core_tables fmt::fmt)
target_compile_definitions(bench_tables PRIVATE VFM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
if(VFM_BENCH_BOOST)
    target_compile_definitions(bench_tables PRIVATE BENCH_BOOST)
    target_include_directories(bench_tables SYSTEM PRIVATE ${VFM_BENCH_BOOST})
endif()
