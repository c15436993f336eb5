// Flow tables and counters as a host reads and changes them.
#include <map>

#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(tables_test)

namespace {

using Key = std::vector<uint64_t>;
using Entries = std::map<Key, uint64_t>;

const char* const kTables =
    ".table ports key=port capacity=2 evict=none\n"
    ".table pairs key=ipv6,port\n"
    "LD8 0\nLD8 1\nFLOW_SET 0\n"
    "PUSH 1\nLD8 0\nLD8 1\nPUSH 7\nFLOW_ADD 1\nRET\n";

int note(void* user, const uint64_t* key, uint32_t words, uint64_t value) {
    (*static_cast<Entries*>(user))[{key, key + words}] = value;
    return 0;
}

Entries entries(const Vm& vm, uint32_t table) {
    Entries all;
    BOOST_TEST(vfm_flow_each(vm.get(), table, note, &all) == VFM_SUCCESS);
    return all;
}

std::string said(const Vm& vm) { return vfm_error_message(vm.get()); }

BOOST_AUTO_TEST_CASE(tables_say_what_they_are) {
    const Vm vm = vm_with(kTables);
    BOOST_TEST(vfm_flow_table_count(vm.get()) == 2u);
    vfm_flow_table_t info;
    BOOST_REQUIRE(vfm_flow_table_info(vm.get(), 0, &info) == VFM_SUCCESS);
    BOOST_TEST(info.name == std::string("ports"));
    BOOST_TEST(info.kind_count == 1u);
    BOOST_TEST(info.kinds[0] == VFM_KEY_PORT);
    BOOST_TEST(info.key_words == 1u);
    BOOST_TEST(info.capacity == 2u);
    BOOST_TEST(info.evicts == 0);
    BOOST_TEST(info.entries == 0u);
    for (uint8_t key = 1; key <= 4; ++key) run(vm, {key, 9});
    BOOST_REQUIRE(vfm_flow_table_info(vm.get(), 0, &info) == VFM_SUCCESS);
    BOOST_TEST(info.entries == 2u);
    BOOST_TEST(info.refused_stores == 2u);
    BOOST_REQUIRE(vfm_flow_table_info(vm.get(), 1, &info) == VFM_SUCCESS);
    BOOST_TEST(info.kind_count == 2u);
    BOOST_TEST(info.kinds[0] == VFM_KEY_IPV6);
    BOOST_TEST(info.kinds[1] == VFM_KEY_PORT);
    BOOST_TEST(info.key_words == 3u);
    BOOST_TEST(info.capacity == kDefaultCapacity);
    BOOST_TEST(info.evicts == 1);
    BOOST_TEST(vfm_flow_table_find(vm.get(), "pairs") == 1);
    BOOST_TEST(vfm_flow_table_find(vm.get(), "ports") == 0);
}

BOOST_AUTO_TEST_CASE(the_table_of_programs_that_declare_none) {
    const Vm vm = vm_with("RET 1\n");
    BOOST_TEST(vfm_flow_table_count(vm.get()) == 1u);
    BOOST_REQUIRE(vfm_flow_table_init(vm.get(), 3) == VFM_SUCCESS);
    vfm_flow_table_t info;
    BOOST_REQUIRE(vfm_flow_table_info(vm.get(), 0, &info) == VFM_SUCCESS);
    BOOST_TEST(info.name == std::string("flow"));
    BOOST_TEST(info.capacity == 3u);
}

BOOST_AUTO_TEST_CASE(what_a_program_stores_is_read) {
    const Vm vm = vm_with(kTables);
    BOOST_TEST(run(vm, {1, 2}) == 7);
    BOOST_TEST(run(vm, {1, 2}) == 14);
    BOOST_TEST(run(vm, {3, 4}) == 7);
    BOOST_TEST((entries(vm, 0) == Entries{{{1}, 2}, {{3}, 4}}));
    BOOST_TEST((entries(vm, 1) == Entries{{{1, 1, 2}, 14}, {{1, 3, 4}, 7}}));
    uint64_t value = 5;
    const uint64_t key[] = {1, 1, 2}, none[] = {1, 1, 3};
    BOOST_TEST(vfm_flow_get(vm.get(), 1, key, 3, &value) == VFM_SUCCESS);
    BOOST_TEST(value == 14u);
    BOOST_TEST(vfm_flow_get(vm.get(), 1, none, 3, &value) == VFM_ABSENT);
    BOOST_TEST(value == 0u);
}

BOOST_AUTO_TEST_CASE(a_program_sees_what_the_host_stores) {
    const Vm vm = vm_with(kTables);
    const uint64_t key[] = {1, 1, 2};
    BOOST_TEST(vfm_flow_set(vm.get(), 1, key, 3, 100) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1, 2}) == 107);
    BOOST_TEST(vfm_flow_delete(vm.get(), 1, key, 3) == VFM_SUCCESS);
    BOOST_TEST(vfm_flow_delete(vm.get(), 1, key, 3) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1, 2}) == 7);
}

BOOST_AUTO_TEST_CASE(a_full_table_refuses) {
    const Vm vm = vm_with(kTables);
    for (const uint64_t key : {1, 2})
        BOOST_TEST(vfm_flow_set(vm.get(), 0, &key, 1, 1) == VFM_SUCCESS);
    const uint64_t other = 3, known = 2;
    BOOST_TEST(vfm_flow_set(vm.get(), 0, &other, 1, 1) == VFM_ERROR_NO_MEMORY);
    BOOST_TEST(said(vm) == "flow table: error: NO_MEMORY: full at 2 entries");
    BOOST_TEST(vfm_flow_set(vm.get(), 0, &known, 1, 9) == VFM_SUCCESS);
    BOOST_TEST((entries(vm, 0) == Entries{{{1}, 1}, {{2}, 9}}));
}

BOOST_AUTO_TEST_CASE(a_look_of_the_host_is_no_use) {
    const Vm vm = vm_with(".table t capacity=2\nRET 1\n");
    for (const uint64_t key : {1, 2})
        BOOST_TEST(vfm_flow_set(vm.get(), 0, &key, 1, 1) == VFM_SUCCESS);
    const uint64_t first = 1, third = 3;
    uint64_t value = 0;
    BOOST_TEST(vfm_flow_get(vm.get(), 0, &first, 1, &value) == VFM_SUCCESS);
    BOOST_TEST(vfm_flow_set(vm.get(), 0, &third, 1, 1) == VFM_SUCCESS);
    BOOST_TEST((entries(vm, 0) == Entries{{{2}, 1}, {{3}, 1}}));
}

BOOST_AUTO_TEST_CASE(a_walk_ends_early_and_may_change_the_table) {
    const Vm vm = vm_with(".table t\nRET 1\n");
    for (uint64_t key = 0; key < 100; ++key)
        BOOST_TEST(vfm_flow_set(vm.get(), 0, &key, 1, key) == VFM_SUCCESS);
    unsigned calls = 0;
    const auto third = [](void* user, const uint64_t*, uint32_t, uint64_t) {
        return ++*static_cast<unsigned*>(user) == 3 ? 1 : 0;
    };
    BOOST_TEST(vfm_flow_each(vm.get(), 0, third, &calls) == VFM_SUCCESS);
    BOOST_TEST(calls == 3u);
    const auto drop_odd = [](void* user, const uint64_t* key, uint32_t words, uint64_t value) {
        return value % 2 == 0 ? 0 : vfm_flow_delete(static_cast<vfm_state_t*>(user), 0, key, words);
    };
    BOOST_TEST(vfm_flow_each(vm.get(), 0, drop_odd, vm.get()) == VFM_SUCCESS);
    BOOST_TEST(entries(vm, 0).size() == 50u);
}

BOOST_AUTO_TEST_CASE(keys_as_people_write_them) {
    const Vm vm = vm_with(".table t key=ip,port\n.table u key=conn\nRET 1\n");
    char text[40];
    const uint64_t mapped[] = {0, 0xffff0a000001, 443}, wide[] = {0x20010db8ULL << 32, 1, 53};
    const auto key_text = [&](const uint64_t* key, size_t size) {
        BOOST_TEST(vfm_flow_key_text(vm.get(), 0, key, 3, text, size) == VFM_SUCCESS);
        return std::string(text);
    };
    BOOST_TEST(key_text(mapped, sizeof text) == "10.0.0.1,443");
    BOOST_TEST(key_text(wide, sizeof text) == "2001:db8::1,53");
    BOOST_TEST(key_text(wide, 5) == "2001");
    BOOST_TEST(vfm_flow_key_text(vm.get(), 0, mapped, 3, nullptr, 0) == VFM_SUCCESS);
    BOOST_TEST(vfm_flow_key_text(vm.get(), 0, mapped, 3, nullptr, 1) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_flow_key_text(vm.get(), 1, mapped, 3, text, 40) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(text == std::string());
}

BOOST_AUTO_TEST_CASE(wrong_arguments_for_tables) {
    const Vm vm = vm_with(kTables), empty = new_vm();
    const uint64_t key[] = {1, 2, 3};
    uint64_t value = 3;
    vfm_flow_table_t info;
    const int bad = VFM_ERROR_INVALID_PROGRAM;
    BOOST_TEST(vfm_flow_get(vm.get(), 2, key, 1, &value) == bad);
    BOOST_TEST(said(vm) ==
               "flow table: error: INVALID_PROGRAM: there is no number 2, the program has 2");
    BOOST_TEST(value == 0u);
    BOOST_TEST(vfm_flow_set(vm.get(), 1, key, 1, 1) == bad);
    BOOST_TEST(said(vm) ==
               "flow table: error: INVALID_PROGRAM: a key of 1 words, the table's have 3");
    BOOST_TEST(vfm_flow_get(vm.get(), 0, key, 1, nullptr) == bad);
    BOOST_TEST(vfm_flow_get(vm.get(), 0, nullptr, 1, &value) == bad);
    BOOST_TEST(vfm_flow_delete(vm.get(), 0, key, 3) == bad);
    BOOST_TEST(vfm_flow_table_info(vm.get(), 2, &info) == bad);
    BOOST_TEST(vfm_flow_table_info(vm.get(), 0, nullptr) == bad);
    BOOST_TEST(vfm_flow_table_find(vm.get(), "other") == bad);
    BOOST_TEST(vfm_flow_table_find(vm.get(), nullptr) == bad);
    BOOST_TEST(vfm_flow_each(vm.get(), 0, nullptr, nullptr) == bad);
    BOOST_TEST(vfm_flow_each(vm.get(), 2, note, nullptr) == bad);

    BOOST_TEST(vfm_flow_table_count(empty.get()) == 0u);
    BOOST_TEST(vfm_flow_table_find(empty.get(), "ports") == bad);
    BOOST_TEST(vfm_flow_set(empty.get(), 0, key, 1, 1) == bad);
    BOOST_TEST(said(empty) == "flow table: error: INVALID_PROGRAM: no program is loaded");

    BOOST_TEST(vfm_flow_table_count(nullptr) == 0u);
    BOOST_TEST(vfm_flow_get(nullptr, 0, key, 1, &value) == bad);
    BOOST_TEST(vfm_flow_set(nullptr, 0, key, 1, 1) == bad);
    BOOST_TEST(vfm_flow_delete(nullptr, 0, key, 1) == bad);
    BOOST_TEST(vfm_flow_table_info(nullptr, 0, &info) == bad);
    BOOST_TEST(vfm_flow_table_find(nullptr, "ports") == bad);
    BOOST_TEST(vfm_flow_each(nullptr, 0, note, nullptr) == bad);
    BOOST_TEST(vfm_flow_key_text(nullptr, 0, key, 1, nullptr, 0) == bad);
}

const char* const kCounted =
    ".counters web\n.counter 3 web.vfl \"(drop)\" blocked\n.counter 4 web.vfl \"(pass)\"\n"
    ".counters dns\n.counter 9 dns.vfl \"(log)\"\n"
    "LD8 0\nCOUNT 0\nPUSH 0\nCOUNT 1\nLEN\nRET\n";

BOOST_AUTO_TEST_CASE(counters_say_what_they_count) {
    const Vm vm = vm_with(kCounted);
    BOOST_TEST(vfm_counter_count(vm.get()) == 3u);
    run(vm, {1, 0, 0});
    run(vm, {1});
    run(vm, {0, 0});
    run(vm, {7});  // beyond the group
    vfm_counter_t counter;
    BOOST_REQUIRE(vfm_counter_get(vm.get(), 0, &counter) == VFM_SUCCESS);
    BOOST_TEST(counter.group == std::string("web"));
    BOOST_TEST(counter.name == std::string("blocked"));
    BOOST_TEST(counter.file == std::string("web.vfl"));
    BOOST_TEST(counter.line == 3u);
    BOOST_TEST(counter.text == std::string("(drop)"));
    BOOST_TEST(counter.packets == 1u);
    BOOST_TEST(counter.bytes == 2u);
    BOOST_REQUIRE(vfm_counter_get(vm.get(), 1, &counter) == VFM_SUCCESS);
    BOOST_TEST(counter.name == std::string());
    BOOST_TEST(counter.packets == 2u);
    BOOST_TEST(counter.bytes == 4u);
    BOOST_REQUIRE(vfm_counter_get(vm.get(), 2, &counter) == VFM_SUCCESS);
    BOOST_TEST(counter.group == std::string("dns"));
    BOOST_TEST(counter.line == 9u);
    BOOST_TEST(counter.packets == 4u);
    BOOST_TEST(counter.bytes == 7u);
}

uint64_t packets_of(const Vm& vm, uint32_t index) {
    vfm_counter_t counter;
    BOOST_REQUIRE(vfm_counter_get(vm.get(), index, &counter) == VFM_SUCCESS);
    return counter.packets;
}

BOOST_AUTO_TEST_CASE(counters_outlive_settings_and_go_back_to_0) {
    const Vm vm = vm_with(kCounted);
    run(vm, {1});
    BOOST_REQUIRE(vfm_set_insn_limit(vm.get(), 500) == VFM_SUCCESS);
    BOOST_TEST(packets_of(vm, 1) == 1u);
    const std::vector<uint8_t> packet = {1};
    BOOST_REQUIRE(vfm_step_begin(vm.get(), packet.data(), 1) == VFM_SUCCESS);
    while (vfm_step(vm.get(), nullptr) == VFM_STEP_MORE) continue;
    const vfm_packet_t packets[] = {{packet.data(), 1, 0}, {packet.data(), 1, 0}};
    vfm_outcome_t outcomes[2];
    BOOST_REQUIRE(vfm_execute_batch(vm.get(), packets, 2, outcomes) == VFM_SUCCESS);
    BOOST_TEST(packets_of(vm, 1) == 4u);
    vfm_counters_reset(vm.get());
    BOOST_TEST(packets_of(vm, 1) == 0u);
    BOOST_TEST(packets_of(vm, 2) == 0u);
    run(vm, {1});
    BOOST_TEST(packets_of(vm, 2) == 1u);
    BOOST_REQUIRE(load(vm, assembled(kCounted)) == VFM_SUCCESS);
    BOOST_TEST(packets_of(vm, 2) == 0u);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_for_counters) {
    const Vm vm = vm_with(kCounted), empty = new_vm();
    vfm_counter_t counter;
    BOOST_TEST(vfm_counter_get(vm.get(), 3, &counter) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(said(vm) ==
               "counter: error: INVALID_PROGRAM: there is no number 3, the program has 3");
    BOOST_TEST(vfm_counter_get(vm.get(), 0, nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_counter_get(empty.get(), 0, &counter) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_counter_get(nullptr, 0, &counter) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_counter_count(empty.get()) == 0u);
    BOOST_TEST(vfm_counter_count(nullptr) == 0u);
    vfm_counters_reset(empty.get());
    vfm_counters_reset(nullptr);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
