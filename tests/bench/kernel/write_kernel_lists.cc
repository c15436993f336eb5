// Prints the C header with the lists of F7 and F8 as filters.bpf.c wants them. Run by the build.
#include <fmt/core.h>

#include <bit>
#include <map>

#include "tests/bench/lists.h"

namespace {

using vfm::bench::Rule;

uint32_t network_order(uint32_t value) { return __builtin_bswap32(value); }

std::string in_network(const Rule& rule) {
    return fmt::format("(src & {:#010x}u) == {:#010x}u", network_order(rule.mask),
                       network_order(rule.net));
}

/// By port, as one who writes many rules sorts them.
void print_rules() {
    std::map<uint16_t, std::vector<Rule>> by_port;
    for (const Rule& rule : vfm::bench::rules()) by_port[rule.port].push_back(rule);
    fmt::print(
        "static __always_inline _Bool matches_a_rule(__be32 src, __be16 port) {{\n"
        "    switch (port) {{\n");
    for (const auto& [port, rules] : by_port) {
        fmt::print("        case {:#06x}:\n            return ", __builtin_bswap16(port));
        for (const Rule& rule : rules)
            fmt::print("{}{}", &rule == &rules.front() ? "" : " ||\n                   ",
                       in_network(rule));
        fmt::print(";\n");
    }
    fmt::print("        default: return 0;\n    }}\n}}\n\n");
}

void print_addresses() {
    fmt::print("static __always_inline _Bool is_listed(__u32 src) {{\n    switch (src) {{\n");
    for (const uint32_t address : vfm::bench::addresses())
        fmt::print("        case {:#010x}u:\n", network_order(address));
    fmt::print("            return 1;\n        default: return 0;\n    }}\n}}\n");
}

}  // namespace

int main() {
    fmt::print("/* Written by write_kernel_lists. Values are in network byte order. */\n\n");
    print_rules();
    print_addresses();
    return 0;
}
