# The compiler must have what the sources use of C++23; better said here than by a hundred files.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX23_STANDARD_COMPILE_OPTION}")
if(CMAKE_CXX_EXTENSIONS AND CMAKE_CXX23_EXTENSION_COMPILE_OPTION)
    set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX23_EXTENSION_COMPILE_OPTION}")
endif()
check_cxx_source_compiles("
#include <expected>
#include <ranges>
std::expected<int, int> half(int n) { return n % 2 ? std::unexpected(n) : std::expected<int, int>(n / 2); }
int main() { return half(4).value() - 2; }" VFM_HAS_EXPECTED)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT VFM_HAS_EXPECTED)
    message(FATAL_ERROR
        "${CMAKE_CXX_COMPILER} (${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}) has no "
        "std::expected, which VFM is written with. g++ 12 or newer has it, and clang++-19 "
        "(scripts/setup.sh installs both): in an empty build folder, "
        "CC=gcc CXX=g++ cmake ... or CC=clang-19 CXX=clang++-19 cmake ...")
endif()
