#include "tests/bench/kernel/lookup_lists.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/bench/kernel/wrapper.h"
#include "tests/harness/rng.h"

namespace vfm::bench {
namespace {

using test::Rng;

constexpr uint64_t kListSeed = 23, kAskedSeed = 29;

using Address = std::array<uint8_t, 16>;

/// What of a packet is looked at. An IPv4 address is in the first 4 bytes.
struct Asked {
    Address source{}, destination{};
    uint16_t source_port = 1'024, destination_port = 53;
    uint8_t protocol = 17;
    bool is_ipv6 = false;
};

void put16(Bytes& head, size_t at, unsigned value) {
    head[at] = static_cast<uint8_t>(value >> 8);
    head[at + 1] = static_cast<uint8_t>(value);
}

Bytes head_of(const Asked& asked) {
    Bytes head(BENCH_HEADER_BYTES);
    put16(head, 12, asked.is_ipv6 ? 0x86DD : 0x0800);
    size_t ports = 34;
    if (asked.is_ipv6) {
        head[14] = 0x60;
        head[20] = asked.protocol;
        std::ranges::copy(asked.source, &head[22]);
        std::ranges::copy(asked.destination, &head[38]);
        ports = 54;
    } else {
        head[14] = 0x45;
        head[23] = asked.protocol;
        std::copy_n(asked.source.begin(), 4, &head[26]);
        std::copy_n(asked.destination.begin(), 4, &head[30]);
    }
    put16(head, ports, asked.source_port);
    put16(head, ports + 2, asked.destination_port);
    head[ports + 12] = 0x50;
    return head;
}

Address address_of(uint32_t number) {
    Address address{};
    for (unsigned i = 0; i < 4; ++i) address[i] = static_cast<uint8_t>(number >> (24 - 8 * i));
    return address;
}

std::string text_of(const Address& address, bool is_ipv6) {
    if (!is_ipv6) return fmt::format("{}.{}.{}.{}", address[0], address[1], address[2], address[3]);
    std::string text;
    for (unsigned i = 0; i < 16; i += 2)
        text += fmt::format("{}{:x}", i == 0 ? "" : ":", address[i] << 8 | address[i + 1]);
    return text;
}

/// One in the 21 blocks of 16 bits that are given out, or thereabouts.
Address random_address(Rng& rng, bool is_ipv6) {
    Address address = address_of(static_cast<uint32_t>(rng.next()));
    if (!is_ipv6) return address;
    for (uint8_t& byte : address) byte = static_cast<uint8_t>(rng.next());
    address[0] = static_cast<uint8_t>(0x20 + rng.below(13));
    address[1] &= 3;
    return address;
}

/// With the bits behind the prefix changed.
Address within(Rng& rng, Address address, unsigned length, bool is_ipv6) {
    for (unsigned bit = length; bit < (is_ipv6 ? 128u : 32u); ++bit)
        if (rng.one_in(2)) address[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    return address;
}

struct Prefix {
    Address address;
    unsigned length;
};

std::vector<Prefix> random_prefixes(unsigned n, bool is_ipv6, unsigned least, unsigned most) {
    Rng rng(kListSeed);
    std::vector<Prefix> prefixes;
    for (unsigned i = 0; i < n; ++i) {
        const unsigned length = least + static_cast<unsigned>(rng.below(most - least + 1));
        Address address = random_address(rng, is_ipv6);
        for (unsigned bit = length; bit < 128; ++bit)
            address[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
        prefixes.push_back({address, length});
    }
    return prefixes;
}

std::vector<Bytes> heads_asking(const std::vector<Prefix>& prefixes, bool is_ipv6) {
    Rng rng(kAskedSeed);
    std::vector<Bytes> heads;
    for (unsigned i = 0; i < BENCH_HEADERS; ++i) {
        const Prefix& prefix = prefixes[rng.below(prefixes.size())];
        heads.push_back(
            head_of({.source = rng.one_in(2) ? within(rng, prefix.address, prefix.length, is_ipv6)
                                             : random_address(rng, is_ipv6),
                     .is_ipv6 = is_ipv6}));
    }
    return heads;
}

/// `item` makes text of a prefix.
template <class Item>
LookupList list_of(const std::vector<Prefix>& prefixes, bool is_ipv6, std::string lisp, Item item) {
    LookupList list{.lisp = std::move(lisp), .heads = heads_asking(prefixes, is_ipv6), .keys = {}};
    for (const Prefix& prefix : prefixes) {
        list.lisp += "\n  " + item(text_of(prefix.address, is_ipv6), prefix.length);
        list.keys.emplace_back(prefix.address.begin(), prefix.address.begin() + (is_ipv6 ? 16 : 4));
    }
    list.lisp += ")";
    return list;
}

LookupFamily set_family(std::string name, std::string what, bool is_ipv6, unsigned least,
                        unsigned most) {
    return {.name = std::move(name),
            .what = std::move(what),
            .list =
                [=](unsigned n) {
                    return list_of(random_prefixes(n, is_ipv6, least, most), is_ipv6, "(in ip.src",
                                   [](const std::string& address, unsigned length) {
                                       return fmt::format("{}/{}", address, length);
                                   });
                },
            .wide = is_ipv6};
}

LookupFamily chain_family(std::string name, std::string what, std::string field) {
    return {.name = std::move(name),
            .what = std::move(what),
            .list =
                [=](unsigned n) {
                    return list_of(random_prefixes(n, false, 32, 32), false, "(or",
                                   [&](const std::string& address, unsigned) {
                                       return fmt::format("(= {} {})", field, address);
                                   });
                },
            .chains = true};
}

struct Span {
    unsigned first = 0, last = 65'535;
};

struct TableRule {
    Prefix source{}, destination{};
    Span source_port{}, destination_port{};
    unsigned protocol = 0;  ///< 0: any
};

std::string port_test(std::string_view field, Span span) {
    if (span.first == 0 && span.last == 65'535) return "";
    if (span.first == span.last) return fmt::format(" (= {} {})", field, span.first);
    return fmt::format(" (in {} (range {} {}))", field, span.first, span.last);
}

std::string address_test(std::string_view field, const Prefix& prefix) {
    if (prefix.length == 0) return "";
    return fmt::format(" (in {} {}/{})", field, text_of(prefix.address, false), prefix.length);
}

/// Ports are those of UDP or of TCP.
LookupList rules_list(const std::vector<TableRule>& rules, std::string_view transport) {
    LookupList list{.lisp = "(rules", .heads = {}, .keys = {}};
    for (const TableRule& rule : rules) {
        std::string tests = address_test("ip.src", rule.source) +
                            address_test("ip.dst", rule.destination) +
                            port_test(fmt::format("{}.sport", transport), rule.source_port) +
                            port_test(fmt::format("{}.dport", transport), rule.destination_port);
        if (rule.protocol != 0) tests += fmt::format(" (= ip.proto {})", rule.protocol);
        list.lisp += fmt::format("\n  (when {} drop)", tests.empty() ? "1" : "(and" + tests + ")");
    }
    list.lisp += "\n  (default pass))";
    Rng rng(kAskedSeed);
    const auto port = [&](Span span) {
        return static_cast<uint16_t>(span.first + rng.below(span.last - span.first + 1));
    };
    for (unsigned i = 0; i < BENCH_HEADERS; ++i) {
        const bool hits = rng.one_in(2);
        const TableRule rule = hits ? rules[rng.below(rules.size())] : TableRule{};
        const unsigned any = transport == "udp" ? 17 : 6;
        list.heads.push_back(head_of(
            {.source = within(rng, rule.source.address, rule.source.length, false),
             .destination = within(rng, rule.destination.address, rule.destination.length, false),
             .source_port = port(rule.source_port),
             .destination_port = port(rule.destination_port),
             .protocol = static_cast<uint8_t>(rule.protocol != 0 ? rule.protocol : any)}));
    }
    return list;
}

/// As in `measured-rules-kernel.md`: a source prefix from /8 on, of ten rules seven with one port.
LookupList random_rules(unsigned n) {
    Rng rng(kListSeed);
    std::vector<TableRule> rules;
    for (const Prefix& prefix : random_prefixes(n, false, 8, 32)) {
        const auto first = static_cast<unsigned>(rng.below(64'000));
        const auto more = rng.below(10) < 7 ? 0 : static_cast<unsigned>(rng.below(1'000));
        rules.push_back({.source = prefix, .destination_port = {first, first + more}});
    }
    return rules_list(rules, "udp");
}

/// `@src/len dst/len sport : sport dport : dport proto/mask ...`
TableRule classbench_rule(const std::string& line) {
    std::array<unsigned, 4> s{}, d{};
    unsigned source_length = 0, destination_length = 0, protocol = 0, mask = 0;
    TableRule rule;
    std::sscanf(line.c_str(), "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", &s[0], &s[1],
                &s[2], &s[3], &source_length, &d[0], &d[1], &d[2], &d[3], &destination_length,
                &rule.source_port.first, &rule.source_port.last, &rule.destination_port.first,
                &rule.destination_port.last, &protocol, &mask);
    rule.source = {address_of(s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3]), source_length};
    rule.destination = {address_of(d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3]), destination_length};
    rule.protocol = mask == 0 ? 0 : protocol;
    return rule;
}

LookupList classbench_list(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<TableRule> rules;
    for (std::string line; std::getline(file, line);) rules.push_back(classbench_rule(line));
    return rules_list(rules, "tcp");
}

}  // namespace

std::vector<LookupFamily> lookup_families(const std::string& data) {
    std::vector<LookupFamily> families = {
        chain_family("fixed-equal", "`or` of (= src-ip A)", "src-ip"),
        chain_family("equal", "`or` of (= ip.src A)", "ip.src"),
        set_family("hosts", "`in` of IPv4 addresses", false, 32, 32),
        set_family("prefixes", "`in` of IPv4 prefixes, /16 to /28", false, 16, 28),
        set_family("hosts6", "`in` of IPv6 addresses", true, 128, 128),
        set_family("prefixes6", "`in` of IPv6 prefixes, /32 to /64", true, 32, 64),
        {.name = "rules",
         .what = "`rules` of a source prefix and a port or a range of ports",
         .list = random_rules},
    };
    const std::filesystem::path folder = std::filesystem::path(data) / "classbench";
    std::error_code none;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, none))
        files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files)
        families.push_back({.name = file.filename().string(),
                            .what = "filter set of ClassBench",
                            .list = [file](unsigned) { return classbench_list(file); },
                            .sized = false});
    return families;
}

}  // namespace vfm::bench
