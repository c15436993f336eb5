// Writes the pages of section 7 when the project is built; it is not installed.
#include <cstdio>
#include <string_view>

#include "core/tools/reference.h"

int main(int argc, char** argv) {
    const std::string_view page = argc == 2 ? argv[1] : "";
    if (page == "vfm-isa") return std::fputs(vfm::isa_page().c_str(), stdout) < 0;
    if (page == "vflisp") return std::fputs(vfm::vflisp_page().c_str(), stdout) < 0;
    std::fputs("usage: vfm-reference vfm-isa|vflisp\n", stderr);
    return 2;
}
