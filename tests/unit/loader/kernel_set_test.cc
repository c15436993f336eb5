// Live sets of programs in this machine's kernel: random members and changes, asked by test runs
// and compared with lists of members.
#include "loader/kernel_set.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "bpf/vfm_abi.h"
#include "core/asm/assembler.h"
#include "core/base/clock.h"
#include "core/tables/wide.h"
#include "core/verify/verify.h"
#include "loader/counters.h"
#include "loader/load.h"
#include "tests/harness/rng.h"
#include "tests/unit/loader/private_bpffs.h"

BOOST_AUTO_TEST_SUITE(kernel_set_test, *boost::unit_test::precondition(vfm::test::bpf_is_there))

using namespace vfm;
using test::Rng;

namespace {

constexpr uint64_t kHour = uint64_t{3600} * 1'000'000'000;

/// A program that asks one live set for the packet's first words, of two for width 128. What it
/// reads as the time is what a run says.
class AskedSet {
  public:
    explicit AskedSet(unsigned width, const std::string& members = {}) : width_(width) {
        const bool wide = width == 128;
        const auto assembly = assemble(std::make_shared<SourceFile>(
            "test",
            fmt::format(".set none width=32 live\n.set s width={} live\n{}\n{}LD64 8\n{} 1\nRET\n",
                        width, members.empty() ? "" : ".member " + members, wide ? "LD64 0\n" : "",
                        wide ? "IN128" : "IN")));
        BOOST_REQUIRE(assembly.has_value());
        const auto verified = verify(assembly->module);
        BOOST_REQUIRE(verified.has_value());
        const auto emitted = bpf::generate(
            *verified, {.frames = bpf::Frames::linear, .result_map = true, .fixed_inputs = true});
        BOOST_REQUIRE(emitted.has_value());
        auto loaded = load_program(*emitted);
        if (!loaded) BOOST_FAIL(loaded.error().reason);
        program_ = *std::move(loaded);
        module_ = verified->module();
    }

    KernelSet set() const {
        return {module_.sets[1], 1, copy(bpf::MapRole::set), copy(bpf::MapRole::set_prefixes),
                copy(bpf::MapRole::set_control)};
    }
    bool contains(uint64_t hi, uint64_t lo, uint64_t now) const {
        const uint32_t zero = 0;
        const int result_map = program_.find(bpf::MapRole::result)->fd.get();
        std::vector<vfm_result> results(cpu_count(),
                                        {.value = 0, .error = 1, .now = now, .random = 0});
        BOOST_REQUIRE(bpf_map_update_elem(result_map, &zero, results.data(), BPF_ANY) == 0);
        Bytes packet;
        for (const uint64_t word : {hi, lo})
            for (int shift = 56; shift >= 0; shift -= 8)
                packet.push_back(static_cast<uint8_t>(word >> shift));
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                    .data_size_in = static_cast<uint32_t>(packet.size()), .repeat = 1);
        BOOST_REQUIRE(bpf_prog_test_run_opts(program_.fd.get(), &options) == 0);
        BOOST_REQUIRE(bpf_map_lookup_elem(result_map, &zero, results.data()) == 0);
        for (const vfm_result& result : results)
            if (result.error == 0) return result.value != 0;
        BOOST_FAIL("no run has ended");
        return false;
    }
    /// The set's byte of the control.
    uint8_t control() const {
        const uint32_t zero = 0;
        uint64_t value = 0;
        bpf_map_lookup_elem(of_set(bpf::MapRole::set_control).fd.get(), &zero, &value);
        return static_cast<uint8_t>(value >> 8);
    }
    unsigned width() const { return width_; }

  private:
    const LoadedMap& of_set(bpf::MapRole role) const {
        for (const LoadedMap& map : program_.maps)
            if (map.declaration.role == role &&
                (role == bpf::MapRole::set_control || map.declaration.table == 1))
                return map;
        BOOST_FAIL("no such map");
        return program_.maps.front();
    }
    Fd copy(bpf::MapRole role) const { return Fd(dup(of_set(role).fd.get())); }

    unsigned width_;
    LoadedProgram program_;
    Module module_;
};

bool is_member(const LiveMembers& members, unsigned width, uint64_t hi, uint64_t lo, uint64_t now) {
    const SetMember key{width == 128 ? hi : 0, lo, static_cast<uint8_t>(width)};
    if (width < 64 && lo >> width != 0) return false;
    return std::ranges::any_of(members, [&](const auto& member) {
        return member.second > now && is_around(member.first, key, width);
    });
}

uint64_t upper_of(Rng& rng, unsigned width) { return width == 128 ? rng.below(2) << 63 : 0; }
/// Close together, at both ends of the width.
uint64_t lower_of(Rng& rng, unsigned width) {
    const uint64_t low = rng.below(64);
    const unsigned bits = std::min(width, 64u);
    return rng.one_in(3) ? low | uint64_t{1} << (bits - 1) : low;
}

SetChange some_change(Rng& rng, unsigned width, uint64_t now) {
    SetChange change{.kind = rng.one_in(4)   ? SetChange::Kind::load
                             : rng.one_in(2) ? SetChange::Kind::add
                                             : SetChange::Kind::del,
                     .members = {},
                     .expires = rng.pick({kNever, kNever, now + kHour, now + 2 * kHour, now - 1})};
    const bool single = rng.one_in(2);
    // What is taken out of a short prefix leaves many.
    const bool short_one = change.kind == SetChange::Kind::load && rng.one_in(4);
    for (size_t count = rng.below(change.kind == SetChange::Kind::load ? 9 : 4); count > 0;
         --count) {
        const unsigned cut = single ? 0 : static_cast<unsigned>(rng.below(8));
        const unsigned length =
            short_one && rng.one_in(9) ? static_cast<unsigned>(rng.below(width)) : width - cut;
        change.members.push_back(
            prefix_of(wide_key(upper_of(rng, width), lower_of(rng, width)), length, width));
    }
    return change;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_changes) {
    for (const unsigned width : {32u, 48u, 64u, 128u}) {
        Rng rng(99, width);
        const AskedSet asked(width, width == 128 ? "::5 ::/120" : "5 64/26");
        KernelSet set = asked.set();
        const uint64_t now = monotonic_now();
        SetDecl declared{
            .name = "s", .width = static_cast<uint8_t>(width), .live = true, .members = {}};
        LiveMembers model = set.read().value();
        BOOST_TEST(model.size() == 2u);
        for (unsigned round = 0; round < 300; ++round) {
            std::vector<SetChange> changes(1 + rng.below(2));
            for (SetChange& change : changes) {
                change = some_change(rng, width, now);
                BOOST_REQUIRE(make_change(change, declared, model));
            }
            const auto done = set.change(changes);
            if (!done) BOOST_FAIL(render(done.error().diagnostics));
            LiveMembers listed = model;
            drop_expired(listed, monotonic_now());
            BOOST_REQUIRE(set.read().value() == listed);
            drop_expired(model, now);
            for (unsigned i = 0; i < 30; ++i) {
                const uint64_t hi = upper_of(rng, width), lo = lower_of(rng, width);
                const uint64_t time = now + rng.pick({uint64_t{0}, kHour, kHour + 1, 2 * kHour});
                BOOST_REQUIRE_MESSAGE(
                    asked.contains(hi, lo, time) == is_member(model, width, hi, lo, time),
                    "width " << width << ", round " << round << ": " << hi << " " << lo);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(an_empty_part_is_told_to_be_empty) {
    const AskedSet asked(32);
    KernelSet set = asked.set();
    const auto change = [&](SetChange::Kind kind, const SetMember& member) {
        BOOST_REQUIRE(set.change(std::vector<SetChange>{{kind, {member}, kNever}}));
    };
    const SetMember value{0, 7, 32}, prefix{0, 16, 28};
    BOOST_TEST(asked.control() == (VFM_SET_NO_VALUES | VFM_SET_NO_PREFIXES));
    change(SetChange::Kind::add, value);
    BOOST_TEST(asked.control() == VFM_SET_NO_PREFIXES);
    change(SetChange::Kind::add, prefix);
    BOOST_TEST(asked.control() == 0);
    change(SetChange::Kind::del, value);
    BOOST_TEST(asked.control() == VFM_SET_NO_VALUES);
    change(SetChange::Kind::del, prefix);
    BOOST_TEST(asked.control() == (VFM_SET_NO_VALUES | VFM_SET_NO_PREFIXES));
    BOOST_TEST(AskedSet(32, "1 2/31").control() == 0);
}

BOOST_AUTO_TEST_CASE(values_beyond_the_hash_table_are_in_the_trie) {
    const AskedSet asked(32);
    KernelSet set = asked.set();
    constexpr uint64_t kMany = 70'000;
    SetChange load{.kind = SetChange::Kind::load, .members = {}, .expires = kNever};
    for (uint64_t n = 0; n < kMany; ++n) load.members.push_back({0, 2 * n, 32});
    BOOST_REQUIRE(set.change(std::vector<SetChange>{load}));
    const uint64_t now = monotonic_now();
    for (const uint64_t n : {uint64_t{0}, kMany / 2, kMany - 1}) {
        BOOST_TEST(asked.contains(0, 2 * n, now));
        BOOST_TEST(!asked.contains(0, 2 * n + 1, now));
    }
    BOOST_TEST(set.read().value().size() == kMany);
    // One in the trie gets another time there, and goes.
    const SetMember last{0, 2 * (kMany - 1), 32};
    BOOST_REQUIRE(set.change(std::vector<SetChange>{{SetChange::Kind::add, {last}, now + kHour}}));
    BOOST_TEST((asked.contains(0, last.lo, now) && !asked.contains(0, last.lo, now + kHour)));
    BOOST_REQUIRE(set.change(std::vector<SetChange>{{SetChange::Kind::del, {last}, kNever}}));
    BOOST_TEST(!asked.contains(0, last.lo, now));
    // Where others go there is room in the hash table for all that stay.
    load.members.erase(load.members.begin(), load.members.end() - 1000);
    BOOST_REQUIRE(set.change(std::vector<SetChange>{load}));
    BOOST_TEST(asked.control() == VFM_SET_NO_PREFIXES);
    BOOST_TEST(set.read().value().size() == 1000u);
}

BOOST_AUTO_TEST_SUITE_END()
