#include "tests/bench/kernel/curves.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/front/front.h"
#include "tests/bench/kernel/measured.h"
#include "tests/harness/rng.h"

namespace vfm::bench {
namespace {

constexpr uint64_t kCurveSeed = 17;
constexpr unsigned kLoads = 3;
constexpr unsigned kTables = 32;  // a program takes 64 maps, statistics among them

/// `(FORM TEXT(0) ... TEXT(n - 1))`
template <class Text>
std::string all_of(std::string_view form, unsigned n, Text&& text) {
    std::string out = "(" + std::string(form);
    for (unsigned i = 0; i < n; ++i) out += "\n  " + text(i);
    return out + ")";
}

/// Each of a network from /16 to /24 and a port.
std::vector<std::string> rule_tests(unsigned n) {
    test::Rng rng(kCurveSeed);
    std::vector<std::string> tests;
    for (unsigned i = 0; i < n; ++i) {
        const uint32_t mask = ~uint32_t{0} << (8 + rng.below(9));
        tests.push_back(fmt::format("(= (& src-ip {:#x}) {:#x}) (= dst-port {})", mask,
                                    static_cast<uint32_t>(rng.next()) & mask,
                                    1 + rng.below(65'535)));
    }
    return tests;
}

std::string chained_rules(unsigned n) {
    const auto tests = rule_tests(n);
    return all_of("or", n, [&](unsigned i) { return "(and " + tests[i] + ")"; });
}

std::string counted_rules(unsigned n) {
    const auto tests = rule_tests(n);
    std::string rules =
        all_of("rules", n, [&](unsigned i) { return "(when (and " + tests[i] + ") drop)"; });
    rules.pop_back();
    return rules + "\n  (default pass))";
}

std::string nested_ifs(unsigned n) {
    test::Rng rng(kCurveSeed);
    std::string out;
    for (unsigned i = 0; i < n; ++i) {
        const uint32_t mask = ~uint32_t{0} << rng.below(17);
        out += fmt::format("(if (= (& src-ip {:#x}) {:#x}) {}\n ", mask,
                           static_cast<uint32_t>(rng.next()) & mask, i % 2);
    }
    return out + "1" + std::string(n, ')');
}

/// One byte of the packet each, all different as long as a frame has so many.
std::string different_fields(unsigned n) {
    constexpr unsigned kFrame = 1'500;
    return all_of("and", n, [](unsigned i) {
        return fmt::format("(!= (u8 {}) {})", i % kFrame, 1 + i / kFrame);
    });
}

std::string counters(unsigned n) {
    return all_of("and", n, [](unsigned i) {
        return fmt::format("(< (count-by (& src-ip {:#x})) {})", 0xFFFFFFFF - i % kTables,
                           1'000 + i / kTables);
    });
}

std::string listed_addresses(unsigned n) {
    test::Rng rng(kCurveSeed);
    return all_of("or", n, [&](unsigned) {
        return fmt::format("(= src-ip {:#x})", static_cast<uint32_t>(rng.next()));
    });
}

std::string address_set(unsigned n) {
    test::Rng rng(kCurveSeed);
    return all_of("in src-ip", n, [&](unsigned) {
        return fmt::format("{:#x}", static_cast<uint32_t>(rng.next()));
    });
}

constexpr CurveFamily kFamilies[] = {
    {"rules", "`or` of n networks with a port each", chained_rules},
    {"counted rules", "`rules` of n networks with a port each, with their counters", counted_rules},
    {"nested ifs", "n `if`, each in the last branch of the one before", nested_ifs},
    {"fields", "n different bytes of the packet", different_fields},
    {"counters", "n `count-by` over 32 tables", counters},
    {"addresses", "`or` of n addresses", listed_addresses},
    {"address set", "`in` of n addresses", address_set},
};

std::string first_line(const Failure& failure) {
    return failure.diagnostics.empty() ? "?" : failure.diagnostics.front().message;
}

Result<CurvePoint> measured_point(const CurveFamily& family, unsigned n) {
    const Filter filter = TRY(load_expression(family.lisp(n)));
    const auto program = TRY(verify_filter(filter));
    const Opener opener = TRY(ours_of(program));
    const FirstOnCpu first;
    const Loaded loaded = TRY(Loaded::load(opener));
    std::vector<double> times;
    for (unsigned i = 0; i < kLoads; ++i) times.push_back(TRY(loaded.load_again(opener)));
    return CurvePoint{.family = std::string(family.name),
                      .n = n,
                      .refused = {},
                      .size = loaded.size(),
                      .load_ms = *std::ranges::min_element(times)};
}

}  // namespace

std::span<const CurveFamily> curve_families() { return kFamilies; }

CurvePoint curve_point(const CurveFamily& family, unsigned n) {
    auto point = measured_point(family, n);
    if (point) return *std::move(point);
    return {.family = std::string(family.name),
            .n = n,
            .refused = first_line(point.error()),
            .size = {}};
}

}  // namespace vfm::bench
