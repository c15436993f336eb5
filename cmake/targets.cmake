# What every target is made by: vfm_library, vfm_tool, vfm_test.
#
# Half of most files' time was the headers of others. So a room's sources are compiled several at once:
# a name of an anonymous namespace is its room's alone. Where much is built those headers are
# compiled once, too: `vfm_headers` for what is built into products, `vfm_cli_headers` for what reads
# command lines and writes JSON, `vfm_test_headers` for tests. A file includes what it uses all the
# same; the linter reads each alone. A precompiled header serves targets of equal flags only (a
# compiler that cannot use it says so, an error here): a target with flags of its own names HEADERS
# none.

option(VFM_UNITY "Compile several sources of a room at once; OFF builds a change of one file faster" ON)
option(VFM_PRECOMPILE "Compile the headers of the standard library and of others once" ${VFM_TESTS})

# vfm_precompile(NAME product|seldom|test HEADERS <a> ... LIBS x ...): headers compiled for such targets.
function(vfm_precompile NAME KIND)
    if(NOT VFM_PRECOMPILE)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "HEADERS;LIBS" ${ARGN})
    set(empty ${CMAKE_BINARY_DIR}/${NAME}.cc)
    if(NOT EXISTS ${empty})
        file(WRITE ${empty} "// Whose precompiled headers others use.\n")
    endif()
    add_library(${NAME} OBJECT ${empty})
    target_precompile_headers(${NAME} PRIVATE ${ARG_HEADERS})
    target_link_libraries(${NAME} PRIVATE ${ARG_LIBS})
    cmake_language(CALL vfm_flags_of_${KIND} ${NAME})
    add_dependencies(vfm_generated ${NAME})
endfunction()

# vfm_use_precompiled(TARGET HEADERS): HEADERS is a name of vfm_precompile or none.
function(vfm_use_precompiled NAME HEADERS)
    if(VFM_PRECOMPILE AND NOT HEADERS STREQUAL "none")
        target_precompile_headers(${NAME} REUSE_FROM ${HEADERS})
        # Whatever it links itself: the headers were read with these.
        target_compile_definitions(${NAME} PRIVATE $<TARGET_PROPERTY:${HEADERS},COMPILE_DEFINITIONS>)
    endif()
endfunction()

# Everything can become part of the shared library, where code runs anywhere and its names are its own.
function(vfm_flags_of_product NAME)
    target_link_libraries(${NAME} PRIVATE vfm_flags)
    # Not by the property, which means -fPIE for programs: they share the precompiled headers.
    target_compile_options(${NAME} PRIVATE -fPIC)
    if(VFM_FUZZ)  # the counters that libFuzzer reads
        target_compile_options(${NAME} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    set_target_properties(${NAME} PROPERTIES
        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        UNITY_BUILD ${VFM_UNITY} UNITY_BUILD_BATCH_SIZE 64)
endfunction()

# What waits for people, files and the kernel gains nothing by being optimised further, and is compiled
# in three quarters of the time.
function(vfm_flags_of_seldom NAME)
    vfm_flags_of_product(${NAME})
    target_compile_options(${NAME} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# A test runs once or twice for every time it is compiled: little is gained by optimising it, and least
# with sanitizers, where that is most of a compilation.
function(vfm_flags_of_test NAME)
    target_link_libraries(${NAME} PRIVATE vfm_flags)
    target_compile_definitions(${NAME} PRIVATE BOOST_TEST_DYN_LINK)
    target_compile_options(${NAME} PRIVATE $<$<CONFIG:RelWithDebInfo>:-Og>)
    set_target_properties(${NAME} PROPERTIES VFM_UNOPTIMISED ON
        UNITY_BUILD ${VFM_UNITY} UNITY_BUILD_BATCH_SIZE 64)
endfunction()

# vfm_library(NAME SOURCES a.cc ... LIBS x ... [SELDOM] [HEADERS none]): one static library for one
# room. SELDOM: no packet comes by it.
function(vfm_library NAME)
    cmake_parse_arguments(ARG "SELDOM" "HEADERS" "SOURCES;LIBS" ${ARGN})
    add_library(${NAME} STATIC ${ARG_SOURCES})
    target_link_libraries(${NAME} PUBLIC vfm_flags ${ARG_LIBS})
    if(ARG_SELDOM)
        vfm_flags_of_seldom(${NAME})
        vfm_use_precompiled(${NAME} vfm_cli_headers)
    else()
        vfm_flags_of_product(${NAME})
        if(NOT ARG_HEADERS)
            set(ARG_HEADERS vfm_headers)
        endif()
        vfm_use_precompiled(${NAME} ${ARG_HEADERS})
    endif()
endfunction()

# vfm_tool(NAME SOURCES a.cc ... LIBS x ...): one program in build/bin and its man page, which the
# program writes from its own table of options, in build/man.
function(vfm_tool NAME)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_LIBS})
    if(VFM_INSIDE)
        target_link_options(${NAME} PRIVATE -static-libstdc++ -static-libgcc)
    endif()
    vfm_flags_of_seldom(${NAME})
    vfm_use_precompiled(${NAME} vfm_cli_headers)
    set(page ${CMAKE_BINARY_DIR}/man/${NAME}.1)
    add_custom_command(OUTPUT ${page} DEPENDS ${NAME}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
        COMMAND ${NAME} --man > ${page} VERBATIM)
    add_custom_target(man_${NAME} ALL DEPENDS ${page})
    install(TARGETS ${NAME})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endfunction()

# vfm_test(NAME SOURCES a_test.cc ... LIBS x ... [IN PROGRAM] [LABEL unit]): one ctest row, the suites that
# are named as its sources. It is run by test_PROGRAM, which has the sources and libraries of all rows in
# it; without IN by a program of its own, test_NAME.
function(vfm_test NAME)
    cmake_parse_arguments(ARG "" "IN;LABEL" "SOURCES;LIBS" ${ARGN})
    if(NOT ARG_IN)
        set(ARG_IN ${NAME})
    endif()
    if(NOT ARG_LABEL)
        set(ARG_LABEL unit)
    endif()
    set(program test_${ARG_IN})
    if(NOT TARGET ${program})
        add_executable(${program} $<TARGET_OBJECTS:test_main>)
        target_compile_definitions(${program} PRIVATE VFM_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
            VFM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
        target_link_libraries(${program} PRIVATE Boost::unit_test_framework)
        vfm_flags_of_test(${program})
        vfm_use_precompiled(${program} vfm_test_headers)
    endif()
    target_sources(${program} PRIVATE ${ARG_SOURCES})
    target_link_libraries(${program} PRIVATE ${ARG_LIBS})
    set(suites ${ARG_SOURCES})
    list(FILTER suites INCLUDE REGEX "_test\\.cc$")
    list(TRANSFORM suites REPLACE "\\.cc$" "")
    list(JOIN suites "," suites)
    add_test(NAME ${NAME} COMMAND ${program} --run_test=${suites})
    set_tests_properties(${NAME} PROPERTIES LABELS ${ARG_LABEL})
endfunction()
