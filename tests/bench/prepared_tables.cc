// bench_tables [--quick]: sets and rule tables as prepared for filters, by every method that suits
// their members, beside what others would take: the sets of the standard library and of Boost, a
// binary search, a scan. All rows of one table are measured in turns, pass by pass, and every
// answer is compared. The method that is taken by itself has a star.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/base/median.h"
#include "core/tables/prepared_rules.h"
#include "core/tables/prepared_set.h"
#include "tests/harness/classbench.h"
#include "tests/harness/rng.h"
#ifdef BENCH_BOOST
#include <boost/unordered/unordered_flat_set.hpp>
#endif

namespace vfm::bench {
namespace {

using test::Rng;

struct Effort {
    size_t largest = 1'000'000;  ///< members of a set
    size_t lookups = 16'384;     ///< different ones in a pass
    unsigned passes = 15;
};

/// One way to answer: all lookups, and the sum of the answers.
struct Contender {
    std::string name;
    std::function<uint64_t()> pass;
    double megabytes = 0;
    double build_ms = 0;
    bool own = false;  ///< what is taken by itself
};

double milliseconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
}

void measure(const std::string& title, const std::vector<Contender>& contenders, size_t lookups,
             unsigned passes) {
    std::vector<std::vector<double>> times(contenders.size());
    for (unsigned pass = 0; pass <= passes; ++pass) {
        std::optional<uint64_t> sum;
        for (size_t i = 0; i < contenders.size(); ++i) {
            const auto begin = std::chrono::steady_clock::now();
            const uint64_t got = contenders[i].pass();
            const double ns = milliseconds_since(begin) * 1e6 / static_cast<double>(lookups);
            if (pass > 0) times[i].push_back(ns);  // the first one warms up
            if (sum && got != *sum) {
                fmt::print(stderr, "bench_tables: error: {}: {} answers otherwise\n", title,
                           contenders[i].name);
                std::exit(1);
            }
            sum = got;
        }
    }
    fmt::print("{}\n", title);
    for (size_t i = 0; i < contenders.size(); ++i)
        fmt::print("  {:<42}{} {:8.1f} ns {:9.3f} MB {:8.1f} ms\n", contenders[i].name,
                   contenders[i].own ? '*' : ' ', median(times[i]), contenders[i].megabytes,
                   contenders[i].build_ms);
    std::fflush(stdout);
}

/// A key of one or two words.
struct Key {
    uint64_t hi = 0, lo = 0;
    auto operator<=>(const Key&) const = default;
};
struct KeyHash {
    size_t operator()(const Key& key) const {
        return std::hash<uint64_t>()(key.lo ^ key.hi * 0x9E3779B97F4A7C15);
    }
};

void measure_set(const std::string& title, const SetDecl& set, const Effort& effort) {
    Rng rng(set.members.size());
    std::vector<Key> keys(effort.lookups);
    for (Key& key : keys) {  // half of them members
        const SetMember& member = set.members[rng.below(set.members.size())];
        key = {member.hi, member.lo};
        if (rng.one_in(2)) key.lo ^= rng.next() >> (64 - set.width / (set.width == 128 ? 2 : 1));
        if (set.width == 128 && rng.one_in(4)) key.hi ^= rng.next() >> 8;
        if (set.members[0].lo < 65536 && set.width == 32) key.lo %= 65536;
    }
    std::vector<Contender> all;
    const SetMethod taken = PreparedSet::make(set)->kind();
    for (const SetMethod method :
         {SetMethod::compare, SetMethod::bitmap, SetMethod::hash, SetMethod::ranges}) {
        if (method == SetMethod::compare && set.members.size() > 256) continue;
        if (method == SetMethod::bitmap && taken != method && set.members[0].lo >= 65536) continue;
        if (method == SetMethod::hash && taken == SetMethod::ranges) continue;
        const auto begin = std::chrono::steady_clock::now();
        const std::shared_ptr<const PreparedSet> made = PreparedSet::make(set, method);
        const double taken_ms = milliseconds_since(begin);
        if (!made || made->kind() != method) continue;
        all.push_back({.name = made->method(),
                       .pass =
                           [made, &keys] {
                               uint64_t sum = 0;
                               for (const Key& key : keys) sum += made->contains(key.hi, key.lo);
                               return sum;
                           },
                       .megabytes = static_cast<double>(made->memory()) * 1e-6,
                       .build_ms = taken_ms,
                       .own = method == taken});
    }
    const bool hosts = std::ranges::all_of(
        set.members, [&](const SetMember& member) { return member.length == set.width; });
    const auto add_rival = [&]<class Set>(std::string name, std::shared_ptr<Set> rival) {
        const auto begin = std::chrono::steady_clock::now();
        for (const SetMember& member : set.members) rival->insert({member.hi, member.lo});
        all.push_back({.name = std::move(name),
                       .pass =
                           [rival, &keys] {
                               uint64_t sum = 0;
                               for (const Key& key : keys) sum += rival->contains(key);
                               return sum;
                           },
                       .build_ms = milliseconds_since(begin)});
    };
    if (hosts) {
        add_rival("std::unordered_set", std::make_shared<std::unordered_set<Key, KeyHash>>());
#ifdef BENCH_BOOST
        add_rival("boost::unordered_flat_set",
                  std::make_shared<boost::unordered_flat_set<Key, KeyHash>>());
#endif
    } else {  // ends of ranges, by the standard library's binary search
        std::vector<Key> firsts, lasts;
        std::vector<std::pair<Key, Key>> ranges;
        for (const SetMember& member : set.members) {
            const unsigned rest = set.width - member.length;
            const uint64_t hi_rest = rest <= 64 ? 0 : ~uint64_t{0} >> (128 - rest);
            const uint64_t lo_rest = rest == 0    ? 0
                                     : rest >= 64 ? ~uint64_t{0}
                                                  : (uint64_t{1} << rest) - 1;
            ranges.push_back({{member.hi & ~hi_rest, member.lo & ~lo_rest},
                              {member.hi | hi_rest, member.lo | lo_rest}});
        }
        std::ranges::sort(ranges);
        for (const auto& [first, last] : ranges) {
            if (!lasts.empty() && first <= lasts.back()) {
                lasts.back() = std::max(lasts.back(), last);
                continue;
            }
            firsts.push_back(first);
            lasts.push_back(last);
        }
        all.push_back({.name = "std::upper_bound", .pass = [firsts, lasts, &keys] {
                           uint64_t sum = 0;
                           for (const Key& key : keys) {
                               const auto at = std::ranges::upper_bound(firsts, key);
                               sum += at != firsts.begin() &&
                                      key <= lasts[static_cast<size_t>(at - firsts.begin()) - 1];
                           }
                           return sum;
                       }});
    }
    measure(fmt::format("{}, {} members", title, set.members.size()), all, keys.size(),
            effort.passes);
}

SetDecl make_set(uint8_t width, size_t count, const std::function<SetMember(Rng&)>& member) {
    SetDecl set;
    set.width = width;
    Rng rng(count);
    for (size_t i = 0; i < count; ++i) set.members.push_back(member(rng));
    return set;
}

void measure_sets(const Effort& effort) {
    const auto host = [](Rng& rng) { return SetMember{0, rng.next() >> 32 | 1u << 31, 32}; };
    const auto port = [](Rng& rng) { return SetMember{0, rng.below(65536), 32}; };
    const auto host6 = [](Rng& rng) {
        return SetMember{0x2000000000000000 | rng.next() >> 4, rng.next(), 128};
    };
    const auto prefix = [](Rng& rng) {
        return SetMember{0, rng.next() >> 32, static_cast<uint8_t>(rng.pick({16, 20, 22, 24, 24}))};
    };
    const auto prefix6 = [](Rng& rng) {
        const uint64_t registry = 0x2000000000000000 | rng.below(16) << 52;
        return SetMember{registry | rng.next() >> 12, 0,
                         static_cast<uint8_t>(rng.pick({32, 40, 48, 48, 64}))};
    };
    for (const size_t count : {2u, 4u, 6u, 8u, 16u, 64u, 1000u, 65536u, 1000000u}) {
        if (count > effort.largest) break;
        measure_set("IPv4 hosts", make_set(32, count, host), effort);
        if (count <= 1000) measure_set("ports", make_set(32, count, port), effort);
        measure_set("IPv4 prefixes", make_set(32, count, prefix), effort);
        measure_set("IPv6 hosts", make_set(128, count, host6), effort);
        measure_set("IPv6 prefixes", make_set(128, count, prefix6), effort);
    }
}

void measure_rules(const std::string& title, const RuleTable& table, const Effort& effort) {
    Rng rng(table.rows.size());
    std::vector<std::vector<uint64_t>> operands(effort.lookups / 4);
    for (auto& one : operands) one = test::classbench_operands(table, rng);
    const RulesMethod taken = PreparedRules::make(table)->kind();
    std::vector<Contender> all;
    for (const RulesMethod method : {RulesMethod::scan, RulesMethod::bits}) {
        const auto begin = std::chrono::steady_clock::now();
        const std::shared_ptr<const PreparedRules> made = PreparedRules::make(table, method);
        all.push_back({.name = made->method(),
                       .pass =
                           [made, &operands] {
                               uint64_t sum = 0;
                               for (const auto& one : operands) sum += made->match(one.data());
                               return sum;
                           },
                       .megabytes = static_cast<double>(made->memory()) * 1e-6,
                       .build_ms = milliseconds_since(begin),
                       .own = method == taken});
    }
    measure(fmt::format("{}, {} rows", title, table.rows.size()), all, operands.size(),
            table.rows.size() > 2000 ? 3 : effort.passes);
}

/// Rows as people write them: a network or a host on one side or both, a port or a range.
RuleTable made_rules(size_t rows) {
    RuleTable table;
    table.key_widths = {32, 32, 32, 32, 32};
    Rng rng(rows);
    const auto address = [&](bool open) {
        if (open) return RuleTest{};
        return RuleTest{.kind = RuleTest::Kind::prefix,
                        .lo = rng.next() >> 32,
                        .length = static_cast<uint8_t>(rng.pick({16, 24, 28, 32, 32}))};
    };
    for (uint32_t i = 1; i <= rows; ++i) {
        const uint64_t open = rng.below(3);
        RuleRow row{i, {address(open == 0), address(open == 1), {}, {}, {}}};
        const uint64_t port = rng.below(65536);
        if (!rng.one_in(3))
            row.tests[3] = {.kind = RuleTest::Kind::range,
                            .lo = port,
                            .last_lo = rng.one_in(4) ? std::max<uint64_t>(port, 65535) : port};
        if (!rng.one_in(3)) row.tests[4] = {.kind = RuleTest::Kind::range, .lo = 6, .last_lo = 6};
        table.rows.push_back(std::move(row));
    }
    return table;
}

void measure_rule_tables(const Effort& effort) {
    for (const size_t rows : {2u, 4u, 8u, 12u, 16u, 24u, 32u, 64u, 1000u, 10000u})
        if (rows <= effort.largest) measure_rules("made rows", made_rules(rows), effort);
    const auto folder = test::classbench_folder(VFM_SOURCE_DIR);
    if (!std::filesystem::is_directory(folder)) {
        fmt::print("skipped: the lists of ClassBench; there is no {}\n", folder.string());
        return;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) {
        const RuleTable table = test::read_classbench(file);
        if (table.rows.size() <= effort.largest) measure_rules(table.name, table, effort);
    }
}

}  // namespace
}  // namespace vfm::bench

int main(int argc, char** argv) {
    vfm::bench::Effort effort;
    if (argc == 2 && std::string_view(argv[1]) == "--quick") {
        effort = {.largest = 1000, .lookups = 2048, .passes = 3};
    } else if (argc > 1) {
        std::fputs("usage: bench_tables [--quick]\n", stderr);
        return 2;
    }
    vfm::bench::measure_sets(effort);
    vfm::bench::measure_rule_tables(effort);
}
