#include "tests/bench/filters.h"

#include <fmt/core.h>

#include <vector>

#include "tests/bench/lists.h"
#include "tests/bench/names.h"

namespace vfm::bench {
namespace {

/// `TEXT0 SEPARATOR TEXT1 ...`, one text for each item.
template <class List, class Text>
std::string joined(const List& items, std::string_view separator, Text&& text) {
    std::string all;
    for (const auto& item : items) {
        if (!all.empty()) all += separator;
        all += text(item);
    }
    return all;
}

BenchFilter rule_filter() {
    const auto list = rules();
    return {.name = "F7",
            .lisp = fmt::format("(or {})",
                                joined(list, "\n    ",
                                       [](const Rule& rule) {
                                           return fmt::format(
                                               "(and (= (& src-ip {:#x}) {:#x}) (= dst-port {}))",
                                               rule.mask, rule.net, rule.port);
                                       })),
            .pcap = joined(list, " or ", [](const Rule& rule) {
                return fmt::format("(ether[26:4] & {:#x} = {:#x} and ether[36:2] = {})", rule.mask,
                                   rule.net, rule.port);
            })};
}

BenchFilter address_filter() {
    const auto list = addresses();
    return {.name = "F8",
            .lisp = fmt::format(
                "(or {})",
                joined(list, "\n    ",
                       [](uint32_t address) { return fmt::format("(= src-ip {:#x})", address); })),
            .pcap = joined(list, " or ", [](uint32_t address) {
                return fmt::format("ether[26:4] = {:#x}", address);
            })};
}

std::vector<BenchFilter> make_filters() {
    std::vector<BenchFilter> made = {
        {.name = "F1", .lisp = "(= proto 6)", .pcap = "ether[23] = 6"},
        {.name = "F2",
         .lisp = "(and (= ethertype 0x0800) (= proto 6) (or (= dst-port 80) (= dst-port 443)))",
         .pcap = "ether[12:2] = 0x0800 and ether[23] = 6 and "
                 "(ether[36:2] = 80 or ether[36:2] = 443)"},
        {.name = "F3",
         .lisp = "(if (= ethertype 0x0800)\n"
                 "    (if (= proto 6)\n"
                 "        (or (= dst-port 80) (= dst-port 443) (= dst-port 22) (= dst-port 25)\n"
                 "            (= dst-port 993))\n"
                 "        (if (= proto 17) (or (= dst-port 53) (= dst-port 123)) 0))\n"
                 "    1)",
         .pcap = "ether[12:2] != 0x0800 or "
                 "(ether[23] = 6 and (ether[36:2] = 80 or ether[36:2] = 443 or ether[36:2] = 22 "
                 "or ether[36:2] = 25 or ether[36:2] = 993)) or "
                 "(ether[23] = 17 and (ether[36:2] = 53 or ether[36:2] = 123))"},
        {.name = "F4",
         .lisp = "(and (= ethertype 0x0800) (= proto 17) (= src-port 53) (> ip-len 512))",
         .pcap = "ether[12:2] = 0x0800 and ether[23] = 17 and ether[34:2] = 53 and "
                 "ether[16:2] > 512"},
        {.name = "F5",
         .lisp = "(and (= ethertype 0x0800) (= proto 6) (= tcp-flags 2))",
         .pcap = "ether[12:2] = 0x0800 and ether[23] = 6 and ether[47] = 2"},
        {.name = "F6",
         .lisp =
             "(and (or (= (& src-ip 0xFFFE0000) 0x0A000000) (= (& src-ip 0xFFF80000) 0xAC100000)\n"
             "         (= (& src-ip 0xFFFF0000) 0xC0A80000)\n"
             "         (= (& src-ip 0xFFE00000) 0x64400000))\n"
             "     (or (= proto 6) (= proto 17))\n"
             "     (or (= dst-port 22) (= dst-port 25) (= dst-port 53) (= dst-port 80)\n"
             "         (= dst-port 123) (= dst-port 443) (= dst-port 993) (= dst-port 995)\n"
             "         (= dst-port 8080) (= dst-port 8443)))",
         .pcap = "(ether[26:4] & 0xFFFE0000 = 0x0A000000 or ether[26:4] & 0xFFF80000 = 0xAC100000 "
                 "or ether[26:4] & 0xFFFF0000 = 0xC0A80000 or "
                 "ether[26:4] & 0xFFE00000 = 0x64400000) and "
                 "(ether[23] = 6 or ether[23] = 17) and "
                 "(ether[36:2] = 22 or ether[36:2] = 25 or ether[36:2] = 53 or ether[36:2] = 80 or "
                 "ether[36:2] = 123 or ether[36:2] = 443 or ether[36:2] = 993 or "
                 "ether[36:2] = 995 or ether[36:2] = 8080 or ether[36:2] = 8443)"},
        rule_filter(),
        address_filter(),
    };
    made.push_back({.name = "F9",
                    .lisp = "(if (= ethertype 0x0800) (<= (count-by src-ip) 100) 1)",
                    .pcap = "",
                    .stateful = true});
    for (BenchFilter& filter : made) filter.what = what_is(filter_names(), filter.name);
    return made;
}

}  // namespace

std::span<const BenchFilter> filters() {
    static const std::vector<BenchFilter> all = make_filters();
    return all;
}

}  // namespace vfm::bench
