// Prints the C header with the lists of F7 and F8 that filters.c includes. Run by the build.
#include <fmt/core.h>

#include "tests/bench/lists.h"

int main() {
    using namespace vfm::bench;
    fmt::print("// Written by write_lists from lists.cc.\n#pragma once\n\n#include <stdint.h>\n\n");
    fmt::print("static inline int matches_a_rule(uint32_t src, uint16_t dport) {{\n    return 0");
    for (const Rule& rule : rules())
        fmt::print(" ||\n        ((src & {:#010x}u) == {:#010x}u && dport == {})", rule.mask,
                   rule.net, rule.port);
    fmt::print(";\n}}\n\nstatic inline int is_listed(uint32_t src) {{\n    switch (src) {{\n");
    for (const uint32_t address : addresses()) fmt::print("        case {:#010x}u:\n", address);
    fmt::print("            return 1;\n        default:\n            return 0;\n    }}\n}}\n");
    return 0;
}
