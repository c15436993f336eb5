# bench_flow: flow tables beside the hash maps of others, those that are installed.
add_executable(bench_flow EXCLUDE_FROM_ALL flow_tables.cc flow_report.cc)
target_link_libraries(bench_flow PRIVATE
    vfm_flags userspace_flow nlohmann_json::nlohmann_json fmt::fmt)

# Boost's flat maps are newer than the Boost that VFM is built with: scripts/setup.sh --bench unpacks
# their headers where they are not installed.
find_path(VFM_BENCH_BOOST boost/unordered/unordered_flat_map.hpp
    PATHS ${CMAKE_BINARY_DIR}/bench-headers/usr/include)
if(VFM_BENCH_BOOST)
    target_compile_definitions(bench_flow PRIVATE BENCH_BOOST)
    target_include_directories(bench_flow SYSTEM PRIVATE ${VFM_BENCH_BOOST})
endif()
find_package(absl QUIET CONFIG)
if(TARGET absl::flat_hash_map)
    target_compile_definitions(bench_flow PRIVATE BENCH_ABSL)
    target_link_libraries(bench_flow PRIVATE absl::flat_hash_map)
endif()
find_path(VFM_BENCH_TSL tsl/hopscotch_map.h)
if(VFM_BENCH_TSL)
    target_compile_definitions(bench_flow PRIVATE BENCH_TSL)
endif()
