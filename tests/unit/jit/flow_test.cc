// Accesses to flow tables as machine code makes them, against FlowTable's own: same values, same
// entries, same evictions.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "core/base/check.h"
#include "tests/harness/rng.h"
#include "userspace/jit/native_program.h"

BOOST_AUTO_TEST_SUITE(flow_test)

using namespace vfm;
using vfm::test::Rng;

namespace {

enum class Access : uint8_t { get, set, add };

// Packets that tables of these programs are asked about: what to do, key, value.
Bytes packet_of(Access access, uint64_t key, uint64_t value) {
    Bytes bytes(17);
    bytes[0] = static_cast<uint8_t>(access);
    for (unsigned i = 0; i < 8; ++i) {
        bytes[1 + i] = static_cast<uint8_t>(key >> (56 - 8 * i));
        bytes[9 + i] = static_cast<uint8_t>(value >> (56 - 8 * i));
    }
    return bytes;
}

// if byte 0 is get: table[key], set: (table[key] = value, 7), else table[key] += value
VerifiedModule access_program(std::vector<TableDecl> tables, uint8_t table) {
    Module module;
    module.tables = std::move(tables);
    Bytes& code = module.code;
    std::vector<size_t> jumps;
    const auto unless = [&](Access access) {
        encode(code, Opcode::LD8, 0);
        encode(code, Opcode::PUSH8, static_cast<uint64_t>(access));
        encode(code, Opcode::JNE, 0);
        jumps.push_back(code.size());
    };
    const auto here = [&] {
        const size_t distance = code.size() - jumps.back();
        code[jumps.back() - 2] = static_cast<uint8_t>(distance);
    };
    unless(Access::get);
    encode(code, Opcode::LD64, 1);
    encode(code, Opcode::FLOW_GET, table);
    encode(code, Opcode::RET);
    here();
    unless(Access::set);
    encode(code, Opcode::LD64, 1);
    encode(code, Opcode::LD64, 9);
    encode(code, Opcode::FLOW_SET, table);
    encode(code, Opcode::PUSH8, 7);
    encode(code, Opcode::RET);
    here();
    encode(code, Opcode::LD64, 1);
    encode(code, Opcode::LD64, 9);
    encode(code, Opcode::FLOW_ADD, table);
    encode(code, Opcode::RET);
    auto program = verify(std::move(module));
    VFM_CHECK(program.has_value(), program.error().reason.c_str());
    return *std::move(program);
}

std::vector<FlowEntry> sorted(std::vector<FlowEntry> entries) {
    std::ranges::sort(entries, {}, &FlowEntry::key);
    return entries;
}

void agree(const TableDecl& declaration, const std::vector<uint64_t>& keys, uint64_t seed) {
    // Another table before it: the second one's place is counted in.
    const VerifiedModule program =
        access_program({{.name = "before", .capacity = 4}, declaration}, 1);
    const auto shared = std::make_shared<FlowTables>(program.tables());
    FlowTables& native = *shared;
    FlowTables wanted(program.tables());
    const auto compiled = jit::NativeProgram::compile(program);
    BOOST_TEST_REQUIRE(compiled.has_value());
    const auto engine = (*compiled)->instantiate_on(shared);
    BOOST_TEST_REQUIRE(engine.has_value());
    Rng rng(seed);
    for (unsigned i = 0; i < 20'000; ++i) {
        const auto access = static_cast<Access>(rng.below(3));
        const uint64_t key = keys[rng.below(keys.size())];
        const uint64_t value = rng.below(4) == 0 ? rng.next() : rng.below(5);
        uint64_t expected = 7;
        if (access == Access::get) expected = wanted[1].get(key);
        if (access == Access::set) wanted[1].set(key, value);
        if (access == Access::add) expected = wanted[1].add(key, value);
        const Bytes bytes = packet_of(access, key, value);
        const Outcome got = (*engine)->run({.bytes = bytes});
        BOOST_TEST_REQUIRE(got.value == expected);
    }
    BOOST_TEST((sorted(native.entries()) == sorted(wanted.entries())));
    BOOST_TEST(native.refused_stores() == wanted.refused_stores());
    BOOST_TEST(native[0].size() == 0u);
}

std::vector<uint64_t> random_keys(size_t count) {
    Rng rng(count);
    std::vector<uint64_t> keys(count);
    for (uint64_t& key : keys) key = rng.next();
    keys[0] = 0;
    return keys;
}

}  // namespace

BOOST_AUTO_TEST_CASE(tables_that_have_room) {
    agree({.name = "t", .capacity = 65536}, random_keys(5), 1);
    agree({.name = "t", .capacity = 65536}, random_keys(3000), 2);
    // A key whose hash is that of no entry.
    agree({.name = "t", .capacity = 65536}, {FlowTable::kMarker, 0, 1}, 3);
}

BOOST_AUTO_TEST_CASE(tables_that_evict) {
    for (const uint32_t capacity : {1u, 2u, 64u, 65u, 1000u})
        agree({.name = "t", .capacity = capacity}, random_keys(capacity + 10), capacity);
}

BOOST_AUTO_TEST_CASE(tables_that_refuse) {
    for (const uint32_t capacity : {1u, 64u, 300u})
        agree({.name = "t", .capacity = capacity, .eviction = Eviction::none},
              random_keys(2 * capacity + 3), capacity);
}

BOOST_AUTO_TEST_SUITE_END()
