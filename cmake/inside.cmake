# Libraries of others that become part of the tools. Finding twenty shared libraries and binding their
# names took two thirds of the time that a tool needs to start. What a machine has no archive of stays
# shared, as libc does, and libelf, whose licence (LGPL 3 or GPL 2) asks for more than ours gives.
# Sanitizers watch calls into shared libraries; there nothing changes.

function(vfm_find_archive NAME)
    find_library(VFM_ARCHIVE_${NAME} NAMES lib${NAME}.a)
    mark_as_advanced(VFM_ARCHIVE_${NAME})
endfunction()

# All of C++ inside or nothing of it: there must be one libstdc++ in a process.
vfm_find_archive(boost_program_options)
vfm_find_archive(protobuf-lite)
if(VFM_SANITIZE OR VFM_TSAN OR VFM_FUZZ OR NOT VFM_ARCHIVE_boost_program_options
        OR NOT VFM_ARCHIVE_protobuf-lite)
    set(inside_default OFF)
else()
    set(inside_default ON)
endif()
option(VFM_INSIDE "Link libraries of others into the tools, which start in half the time"
    ${inside_default})

# vfm_inside(TARGET NAME [what the archive needs ...]): a library that was found as shared becomes
# libNAME.a, for everything that links TARGET.
function(vfm_inside TARGET NAME)
    vfm_find_archive(${NAME})
    set(archive ${VFM_ARCHIVE_${NAME}})
    if(NOT VFM_INSIDE OR NOT archive)
        return()
    endif()
    get_target_property(type ${TARGET} TYPE)
    if(type STREQUAL INTERFACE_LIBRARY)
        set_target_properties(${TARGET} PROPERTIES INTERFACE_LINK_LIBRARIES "${archive};${ARGN}")
        return()
    endif()
    set_target_properties(${TARGET} PROPERTIES IMPORTED_LOCATION ${archive})
    get_target_property(configurations ${TARGET} IMPORTED_CONFIGURATIONS)
    foreach(configuration IN LISTS configurations)
        set_target_properties(${TARGET} PROPERTIES IMPORTED_LOCATION_${configuration} ${archive})
    endforeach()
endfunction()

if(VFM_INSIDE)
    # {fmt} from its headers. FMT_SHARED: the objects of libvfm are linked with others' {fmt}, too.
    find_path(VFM_FMT_HEADERS fmt/format-inl.h REQUIRED)
    set(functions ${CMAKE_BINARY_DIR}/fmt_functions.cc)
    configure_file(cmake/fmt_functions.cc.in ${functions} COPYONLY)
    add_library(vfm_fmt STATIC ${functions})
    target_include_directories(vfm_fmt SYSTEM PUBLIC ${VFM_FMT_HEADERS})
    target_compile_definitions(vfm_fmt PUBLIC FMT_SHARED)
    target_compile_options(vfm_fmt PRIVATE -fPIC $<$<CONFIG:RelWithDebInfo>:-O1>)
    add_library(fmt::fmt ALIAS vfm_fmt)
else()
    find_package(fmt REQUIRED)
endif()
