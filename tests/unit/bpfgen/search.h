// Sets and chains of every size and kind that bpfgen has a table of its own for, with packets that
// ask at the edges: for the user-space machine and for the kernel.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/tables/wide.h"
#include "tests/harness/rng.h"
#include "tests/unit/bpfgen/program.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {

struct SearchCase {
    std::string name;
    VerifiedModule program;
    std::vector<Bytes> packets;
};

inline Bytes with_word(uint64_t word, unsigned bytes, size_t at, size_t size) {
    Bytes packet(size);
    for (unsigned i = 0; i < bytes && at + i < size; ++i)
        packet[at + i] = static_cast<uint8_t>(word >> (8 * (bytes - 1 - i)));
    return packet;
}

/// A set of `width` bits asked with a word of `bytes` bytes.
inline SearchCase set_case(const std::string& name, std::vector<SetMember> members, unsigned width,
                           unsigned bytes, Rng& rng) {
    Module module =
        assembled(fmt::format(".set s width={}\n.member 1\nLD{} 0\nIN 0\nRET\n", width, 8 * bytes))
            .module();
    std::vector<uint64_t> words = {0, 1, UINT32_MAX, uint64_t{UINT32_MAX} + 1, UINT64_MAX};
    for (size_t i = 0; i < 200 && !members.empty(); ++i) {
        const SetMember& member =
            i < 2 ? members[i * (members.size() - 1)] : members[rng.below(members.size())];
        const uint64_t rest = member.length == 0      ? UINT64_MAX
                              : width > member.length ? ~uint64_t{0} >> (64 - width + member.length)
                                                      : 0;
        for (const uint64_t edge : {member.lo & ~rest, member.lo | rest})
            for (const uint64_t by : {UINT64_MAX, uint64_t{0}, uint64_t{1}, uint64_t{1} << 32})
                words.push_back(edge + by);
        words.push_back(rng.next() >> (64 - width));
    }
    std::vector<Bytes> packets;
    for (const uint64_t word : words) packets.push_back(with_word(word, bytes, 0, bytes));
    module.sets[0].members = std::move(members);
    return {name, verified(std::move(module)), std::move(packets)};
}

inline std::vector<SetMember> hosts(Rng& rng, size_t count, unsigned width, unsigned spread) {
    std::set<uint64_t> keys;
    const uint64_t base = rng.next() >> (64 - width);
    while (keys.size() < count) {
        const uint64_t key = base + (rng.next() >> (64 - std::min(width, spread)));
        keys.insert(key & (~uint64_t{0} >> (64 - width)));
    }
    std::vector<SetMember> members;
    for (const uint64_t key : keys) members.push_back({0, key, static_cast<uint8_t>(width)});
    return members;
}

inline std::vector<SetMember> prefixes(Rng& rng, size_t count, unsigned shortest, bool crowded) {
    std::vector<SetMember> members;
    while (members.size() < count) {
        const auto length = static_cast<uint8_t>(shortest + rng.below(33 - shortest));
        const uint64_t free = length == 0 ? UINT32_MAX : uint64_t{UINT32_MAX} >> length;
        uint64_t value = rng.next() >> 32;
        if (crowded) value = 0x0a140000 | (value & 0xffff);
        members.push_back({0, length == 32 ? value : value & ~free, length});
    }
    return members;
}

/// Calls `check` with sets of up to `most` members.
inline void for_each_set(size_t most, const std::function<void(const SearchCase&)>& check) {
    Rng rng(77);
    for (const size_t size : {1u, 2u, 3u, 4u, 5u, 9u, 17u, 100u, 1000u, 10'000u, 100'000u}) {
        if (size > most) break;
        for (const unsigned width : {32u, 48u, 64u})
            for (const unsigned spread : {16u, 20u, 64u}) {
                if (spread < 20 && size > 10'000) continue;
                if (spread == 20 && size > 100'000) continue;
                for (const unsigned bytes : {4u, 8u})
                    check(set_case(fmt::format("{} hosts of {} bits in {}, word of {}", size, width,
                                               spread, bytes),
                                   hosts(rng, size, width, spread), width, bytes, rng));
            }
        for (const unsigned shortest : {1u, 9u, 24u})
            for (const bool crowded : {false, true})
                for (const unsigned bytes : {4u, 8u})
                    check(set_case(
                        fmt::format("{} prefixes from /{}, {}, word of {}", size, shortest,
                                    crowded ? "crowded" : "spread", bytes),
                        prefixes(rng, size, crowded ? std::max(shortest, 17u) : shortest, crowded),
                        32, bytes, rng));
    }
    check(set_case("everything", {{0, 0, 0}}, 32, 4, rng));
    check(set_case("from 0", {{0, 0, 8}, {0, 0xff000000, 8}}, 32, 8, rng));
}

/// Sets of keys of two words: prefixes up to `longest`, and as many single keys if there are
/// `hosts`.
inline SearchCase wide_set_case(size_t count, unsigned longest, bool hosts, Rng& rng) {
    Module module =
        assembled(".set s width=128\n.member ::1\nLD64 0\nLD64 8\nIN128 0\nRET\n").module();
    module.sets[0].members.clear();
    std::vector<std::pair<uint64_t, uint64_t>> keys = {{0, 0}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < count; ++i) {
        // Many with the same upper word, and with the first and the last one.
        const uint64_t high = rng.pick<uint64_t>(
            {0x2001'0db8'0000'0000 + rng.below(9), rng.next() >> 3, 0, UINT64_MAX});
        const auto length =
            static_cast<uint8_t>(hosts && rng.one_in(2) ? 128 : 1 + rng.below(longest));
        module.sets[0].members.push_back({high, rng.next(), length});
        const WideKey rest = length == 128 ? 0 : ~WideKey{0} >> length;
        const WideKey key = wide_key(high, module.sets[0].members.back().lo);
        for (const WideKey edge : {key & ~rest, key | rest})
            for (const WideKey by : {~WideKey{0}, WideKey{0}, WideKey{1}, WideKey{1} << 64})
                keys.emplace_back(static_cast<uint64_t>((edge + by) >> 64),
                                  static_cast<uint64_t>(edge + by));
    }
    std::vector<Bytes> packets;
    for (size_t i = 0; i < std::min<size_t>(keys.size(), 300); ++i) {
        const auto& [high, low] = keys[i < 2 ? i : rng.below(keys.size())];
        Bytes packet = with_word(high, 8, 0, 16);
        const Bytes lower = with_word(low, 8, 0, 8);
        std::ranges::copy(lower, packet.begin() + 8);
        packets.push_back(std::move(packet));
    }
    return {fmt::format("{} prefixes to /{}{}", count, longest, hosts ? " and hosts" : ""),
            verified(std::move(module)), std::move(packets)};
}

inline void for_each_wide_set(const std::function<void(const SearchCase&)>& check) {
    Rng rng(80);
    for (const size_t count : {1u, 2u, 9u, 100u, 2000u})
        for (const unsigned longest : {3u, 64u, 128u})
            for (const bool hosts : {false, true}) check(wide_set_case(count, longest, hosts, rng));
}

/// Chains of tests for equality, all in one way or in several, with packets cut at every length.
inline void for_each_chain(const std::function<void(const SearchCase&)>& check) {
    Rng rng(78);
    for (const size_t size : {2u, 9u, 23u, 24u, 25u, 300u, 1000u})
        for (const unsigned kind : {0u, 1u, 2u, 3u}) {
            std::vector<uint32_t> keys;
            for (size_t i = 0; i < size; ++i)
                keys.push_back(kind == 2 ? 1000 + static_cast<uint32_t>(rng.below(3000))
                                         : static_cast<uint32_t>(rng.next()));
            std::string text;
            for (size_t i = 0; i < size; ++i) {
                const char* field = kind == 2 ? "dst-port" : kind == 3 ? "ip.src" : "src-ip";
                text += kind == 1 ? fmt::format("(if (= {} {}) {} ", field, keys[i], i % 3)
                                  : fmt::format("(= {} {})\n", field, keys[i]);
            }
            text = kind == 1 ? text + "1" + std::string(size, ')') : "(or " + text + ")";
            if (kind == 1 && size > 100) continue;  // deeper than VFLisp allows
            auto compiled = lisp::compile(std::make_shared<const SourceFile>("chain.vfl", text));
            if (!compiled) BOOST_FAIL(render(compiled.error().diagnostics));
            SearchCase made{fmt::format("{} tests of kind {}", size, kind),
                            verified(std::move(compiled->module)),
                            {}};
            for (size_t i = 0; i < 60; ++i) {
                const uint32_t key =
                    keys[rng.below(size)] + static_cast<uint32_t>(rng.below(3)) - 1;
                Bytes packet = tcp_packet(static_cast<uint16_t>(key), 60);
                for (unsigned at = 0; kind != 2 && at < 4; ++at)
                    packet[26 + at] = static_cast<uint8_t>(key >> (24 - 8 * at));
                made.packets.push_back(packet);
            }
            for (size_t length = 14; length < 60; ++length)
                made.packets.push_back(
                    Bytes(made.packets[0].begin(),
                          made.packets[0].begin() + static_cast<std::ptrdiff_t>(length)));
            check(made);
        }
}

/// Lists of rules (prefix, port) in either order, some without a port, with packets cut at every
/// length.
inline void for_each_list(const std::function<void(const SearchCase&)>& check) {
    Rng rng(79);
    for (const size_t size : {3u, 8u, 20u, 100u, 300u})
        for (const unsigned kind : {0u, 1u, 2u, 3u}) {
            std::vector<uint32_t> nets;
            std::string text = "(or";
            for (size_t i = 0; i < size; ++i) {
                const uint64_t mask = uint64_t{0xffffffff} << rng.below(kind == 3 ? 33 : 12);
                const uint32_t net = static_cast<uint32_t>(rng.next() & mask);
                nets.push_back(net);
                const std::string source =
                    fmt::format("(= (& src-ip {}) {})", static_cast<uint32_t>(mask), net);
                const std::string port =
                    fmt::format("(= dst-port {})", rng.below(kind == 2 ? 5000 : 20));
                if (rng.one_in(9)) {
                    text += "\n " + source;
                } else {
                    text += fmt::format("\n (and {} {})", kind == 1 ? port : source,
                                        kind == 1 ? source : port);
                }
            }
            auto compiled =
                lisp::compile(std::make_shared<const SourceFile>("rules.vfl", text + ")"));
            if (!compiled) BOOST_FAIL(render(compiled.error().diagnostics));
            SearchCase made{fmt::format("{} rules of kind {}", size, kind),
                            verified(std::move(compiled->module)),
                            {}};
            for (size_t i = 0; i < 200; ++i) {
                const uint32_t by = rng.pick<uint32_t>({0, 0, 1, 7, 4095, UINT32_MAX});
                const uint32_t address = nets[rng.below(size)] + by;
                Bytes packet = tcp_packet(static_cast<uint16_t>(rng.below(22)), 60);
                for (unsigned at = 0; at < 4; ++at)
                    packet[26 + at] = static_cast<uint8_t>(address >> (24 - 8 * at));
                made.packets.push_back(packet);
                packet.resize(14 + rng.below(46));
                made.packets.push_back(packet);
            }
            check(made);
        }
}

}  // namespace vfm::test
