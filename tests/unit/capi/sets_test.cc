// Live sets that the host changes while programs look keys up in them.
#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(sets_test)

namespace {

struct Close {
    void operator()(vfm_set_t* set) const { vfm_set_close(set); }
};
using Set = std::unique_ptr<vfm_set_t, Close>;

const char* const kAsks =
    ".set fixed width=32\n.member 9\n"
    ".set blocked width=32 live\n.member 5\n.member 10.0.0.0/8\n"
    ".set wide width=128 live\n"
    "LD32 0\nIN 1\nLD32 0\nIN 0\nPUSH 1\nSHL\nOR\n"
    "PUSH 1\nPUSH 2\nIN128 2\nPUSH 2\nSHL\nOR\nRET\n";

Set open(const Vm& vm, const char* name) {
    vfm_set_t* set = nullptr;
    BOOST_REQUIRE(vfm_set_open(vm.get(), name, &set) == VFM_SUCCESS);
    return Set(set);
}

vfm_member_t key(uint64_t lo) { return {0, lo, 32}; }

std::vector<uint64_t> members(const Set& set) {
    std::vector<uint64_t> all;
    const auto note = [](void* user, const vfm_member_t* member) {
        static_cast<std::vector<uint64_t>*>(user)->push_back(member->lo);
        return 0;
    };
    BOOST_TEST(vfm_set_each(set.get(), note, &all) == VFM_SUCCESS);
    return all;
}

const std::vector<uint8_t> kFive = {0, 0, 0, 5}, kSix = {0, 0, 0, 6}, kNine = {0, 0, 0, 9},
                           kTen = {10, 1, 2, 3};

BOOST_AUTO_TEST_CASE(a_program_sees_changes_at_once) {
    const Vm vm = vm_with(kAsks);
    BOOST_TEST(run(vm, kFive) == 1);
    BOOST_TEST(run(vm, kNine) == 2);
    BOOST_TEST(run(vm, kTen) == 1);
    const Set blocked = open(vm, "blocked"), wide = open(vm, "wide");
    const vfm_member_t more[] = {key(6), key(9), key(5)}, net = {0, 0x0a000000, 8};
    size_t changed = 0;
    BOOST_TEST(vfm_set_add(blocked.get(), more, 3, &changed) == VFM_SUCCESS);
    BOOST_TEST(changed == 2u);
    BOOST_TEST(run(vm, kSix) == 1);
    BOOST_TEST(run(vm, kNine) == 3);
    BOOST_TEST(vfm_set_remove(blocked.get(), &net, 1, &changed) == VFM_SUCCESS);
    BOOST_TEST(changed == 1u);
    BOOST_TEST(run(vm, kTen) == 0);
    BOOST_TEST(vfm_set_replace(blocked.get(), &net, 1) == VFM_SUCCESS);
    BOOST_TEST(run(vm, kTen) == 1);
    BOOST_TEST(run(vm, kFive) == 0);
    BOOST_TEST(vfm_set_replace(blocked.get(), nullptr, 0) == VFM_SUCCESS);
    BOOST_TEST(run(vm, kTen) == 0);
    const vfm_member_t pair = {1, 2, 128};
    BOOST_TEST(vfm_set_add(wide.get(), &pair, 1, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(vm, kTen) == 4);
}

BOOST_AUTO_TEST_CASE(batches_and_steps_see_them_too) {
    const Vm vm = vm_with(kAsks);
    const Set blocked = open(vm, "blocked");
    const vfm_member_t six = key(6);
    const vfm_packet_t packets[] = {{kSix.data(), 4, 0}, {kFive.data(), 4, 0}};
    vfm_outcome_t outcomes[2];
    BOOST_REQUIRE(vfm_execute_batch(vm.get(), packets, 2, outcomes) == VFM_SUCCESS);
    BOOST_TEST(outcomes[0].value == 0u);
    BOOST_REQUIRE(vfm_step_begin(vm.get(), kSix.data(), 4) == VFM_SUCCESS);
    BOOST_REQUIRE(vfm_set_add(blocked.get(), &six, 1, nullptr) == VFM_SUCCESS);
    const auto rest = [&] {
        uint64_t value = 0;
        while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
        return value;
    };
    BOOST_TEST(rest() == 0u);  // began before
    BOOST_REQUIRE(vfm_step_begin(vm.get(), kSix.data(), 4) == VFM_SUCCESS);
    BOOST_TEST(rest() == 1u);
    BOOST_REQUIRE(vfm_execute_batch(vm.get(), packets, 2, outcomes) == VFM_SUCCESS);
    BOOST_TEST(outcomes[0].value == 1u);
    BOOST_TEST(outcomes[1].value == 1u);
}

BOOST_AUTO_TEST_CASE(a_set_says_what_is_in_it) {
    const Vm vm = vm_with(kAsks);
    const Set blocked = open(vm, "blocked"), wide = open(vm, "wide");
    BOOST_TEST(vfm_set_width(blocked.get()) == 32u);
    BOOST_TEST(vfm_set_width(wide.get()) == 128u);
    BOOST_TEST((members(blocked) == std::vector<uint64_t>{5, 0x0a000000}));
    BOOST_TEST(members(wide).empty());
    BOOST_TEST(vfm_set_contains(blocked.get(), 0, 5) == 1);
    BOOST_TEST(vfm_set_contains(blocked.get(), 0, 0x0affffff) == 1);
    BOOST_TEST(vfm_set_contains(blocked.get(), 0, 6) == 0);
    BOOST_TEST(vfm_set_contains(blocked.get(), 1, 5) == 0);
    unsigned calls = 0;
    const auto first = [](void* user, const vfm_member_t*) {
        ++*static_cast<unsigned*>(user);
        return 1;
    };
    BOOST_TEST(vfm_set_each(blocked.get(), first, &calls) == VFM_SUCCESS);
    BOOST_TEST(calls == 1u);
    BOOST_TEST(vfm_live_set_name(vm.get(), 0) == std::string("blocked"));
    BOOST_TEST(vfm_live_set_name(vm.get(), 1) == std::string("wide"));
    BOOST_TEST(!vfm_live_set_name(vm.get(), 2));
}

BOOST_AUTO_TEST_CASE(one_set_for_several_vms_and_programs) {
    const Vm first = vm_with(kAsks), second = vm_with(kAsks);
    const Set blocked = open(first, "blocked");
    const vfm_member_t six = key(6), seven = key(7);
    BOOST_REQUIRE(vfm_set_add(blocked.get(), &six, 1, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(second, kSix) == 0);  // has its own
    BOOST_REQUIRE(vfm_use_set(second.get(), "blocked", blocked.get()) == VFM_SUCCESS);
    BOOST_TEST(run(second, kSix) == 1);
    BOOST_REQUIRE(vfm_set_remove(blocked.get(), &six, 1, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(first, kSix) == 0);
    BOOST_TEST(run(second, kSix) == 0);

    // Settings keep it, another program does not.
    BOOST_REQUIRE(vfm_set_add(blocked.get(), &six, 1, nullptr) == VFM_SUCCESS);
    BOOST_REQUIRE(vfm_set_insn_limit(second.get(), 900) == VFM_SUCCESS);
    BOOST_TEST(run(second, kSix) == 1);
    BOOST_REQUIRE(load(second, assembled(kAsks)) == VFM_SUCCESS);
    BOOST_TEST(run(second, kSix) == 0);
    BOOST_REQUIRE(vfm_use_set(second.get(), "blocked", blocked.get()) == VFM_SUCCESS);
    BOOST_TEST(run(second, kSix) == 1);
    BOOST_REQUIRE(vfm_set_add(blocked.get(), &seven, 1, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(first, {0, 0, 0, 7}) == 1);
}

BOOST_AUTO_TEST_CASE(a_set_outlives_its_vm_and_a_vm_its_handle) {
    Vm vm = vm_with(kAsks);
    Set blocked = open(vm, "blocked");
    vm.reset();
    BOOST_TEST((members(blocked) == std::vector<uint64_t>{5, 0x0a000000}));
    vm = vm_with(kAsks);
    const vfm_member_t six = key(6);
    BOOST_REQUIRE(vfm_set_add(blocked.get(), &six, 1, nullptr) == VFM_SUCCESS);
    BOOST_REQUIRE(vfm_use_set(vm.get(), "blocked", blocked.get()) == VFM_SUCCESS);
    blocked.reset();
    BOOST_TEST(run(vm, kSix) == 1);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_for_sets) {
    const Vm vm = vm_with(kAsks), empty = new_vm();
    const Set blocked = open(vm, "blocked"), wide = open(vm, "wide");
    const int bad = VFM_ERROR_INVALID_PROGRAM;
    const auto said = [&] { return std::string(vfm_error_message(vm.get())); };
    vfm_set_t* set = blocked.get();
    BOOST_TEST(vfm_set_open(vm.get(), "fixed", &set) == bad);
    BOOST_TEST(said() ==
               "live set: error: INVALID_PROGRAM: "
               "the set with this name is not declared as live");
    BOOST_TEST(!set);
    BOOST_TEST(vfm_set_open(vm.get(), "other", &set) == bad);
    BOOST_TEST(said() == "live set: error: INVALID_PROGRAM: the program has none with this name");
    BOOST_TEST(vfm_set_open(vm.get(), nullptr, &set) == bad);
    BOOST_TEST(vfm_set_open(vm.get(), "blocked", nullptr) == bad);
    BOOST_TEST(vfm_set_open(empty.get(), "blocked", &set) == bad);
    BOOST_TEST(vfm_set_open(nullptr, "blocked", &set) == bad);
    BOOST_TEST(vfm_use_set(vm.get(), "blocked", nullptr) == bad);
    BOOST_TEST(vfm_use_set(vm.get(), "fixed", blocked.get()) == bad);
    BOOST_TEST(vfm_use_set(nullptr, "blocked", blocked.get()) == bad);
    BOOST_TEST(vfm_use_set(vm.get(), "blocked", wide.get()) == VFM_ERROR_VERIFICATION_FAILED);
    BOOST_TEST(said() ==
               "live set: error: VERIFICATION_FAILED: "
               "of 128 bits, the program declares 32");

    // One bad member, and none of them comes.
    const vfm_member_t large[] = {key(6), key(1ULL << 32)}, upper[] = {{1, 6, 32}},
                       longer[] = {{0, 6, 33}};
    size_t changed = 4;
    BOOST_TEST(vfm_set_add(blocked.get(), large, 2, &changed) == bad);
    BOOST_TEST(changed == 0u);
    BOOST_TEST(vfm_set_add(blocked.get(), upper, 1, nullptr) == bad);
    BOOST_TEST(vfm_set_remove(blocked.get(), longer, 1, nullptr) == bad);
    BOOST_TEST(vfm_set_replace(blocked.get(), large, 2) == bad);
    BOOST_TEST(vfm_set_add(blocked.get(), nullptr, 1, nullptr) == bad);
    BOOST_TEST(vfm_set_add(blocked.get(), nullptr, 0, nullptr) == VFM_SUCCESS);
    BOOST_TEST((members(blocked) == std::vector<uint64_t>{5, 0x0a000000}));

    BOOST_TEST(vfm_set_add(nullptr, large, 1, nullptr) == bad);
    BOOST_TEST(vfm_set_remove(nullptr, large, 1, nullptr) == bad);
    BOOST_TEST(vfm_set_replace(nullptr, large, 1) == bad);
    BOOST_TEST(vfm_set_contains(nullptr, 0, 0) == bad);
    BOOST_TEST(vfm_set_width(nullptr) == 0u);
    BOOST_TEST(vfm_set_each(nullptr, nullptr, nullptr) == bad);
    BOOST_TEST(vfm_set_each(blocked.get(), nullptr, nullptr) == bad);
    BOOST_TEST(!vfm_live_set_name(empty.get(), 0));
    BOOST_TEST(!vfm_live_set_name(nullptr, 0));
    vfm_set_close(nullptr);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
