// Runs in single steps through the C API.
#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(steps_test)

namespace {

/// "pc=9 count=1 stack=7 ", as a debugger sees a VM.
std::string view(const Vm& vm) {
    std::string text = "pc=" + std::to_string(vfm_get_pc(vm.get())) +
                       " count=" + std::to_string(vfm_get_insn_count(vm.get())) + " stack=";
    for (uint32_t i = 0; i < vfm_get_stack_depth(vm.get()); ++i)
        text += std::to_string(vfm_get_stack_value(vm.get(), i)) + ' ';
    return text;
}

BOOST_AUTO_TEST_CASE(a_debugger_sees_every_step) {
    const Vm vm = vm_with("PUSH 7\nLD8 0\nSUB\nRET\n");
    const std::vector<uint8_t> packet = {3};
    uint64_t value = 9;
    BOOST_TEST(vfm_step(vm.get(), &value) == VFM_ERROR_INVALID_PROGRAM);  // none was begun
    BOOST_TEST(value == 0u);
    BOOST_TEST(view(vm) == "pc=0 count=0 stack=");
    BOOST_TEST(vfm_step_begin(vm.get(), packet.data(), 1) == VFM_SUCCESS);
    BOOST_TEST(vfm_step(vm.get(), &value) == VFM_STEP_MORE);
    BOOST_TEST(view(vm) == "pc=9 count=1 stack=7 ");
    BOOST_TEST(run(vm, packet) == 4);  // a run in between changes nothing
    BOOST_TEST(vfm_step(vm.get(), &value) == VFM_STEP_MORE);
    BOOST_TEST(view(vm) == "pc=12 count=2 stack=7 3 ");
    BOOST_TEST(vfm_get_stack_value(vm.get(), 2) == 0u);
    BOOST_TEST(vfm_step(vm.get(), &value) == VFM_STEP_MORE);
    BOOST_TEST(vfm_step(vm.get(), &value) == VFM_SUCCESS);
    BOOST_TEST(value == 4u);
    BOOST_TEST(vfm_step(vm.get(), nullptr) == VFM_SUCCESS);
    BOOST_TEST(view(vm) == "pc=13 count=4 stack=");
}

BOOST_AUTO_TEST_CASE(a_run_in_steps_ends_with_the_error_of_the_run) {
    const auto last = [](const Vm& vm, const std::vector<uint8_t>& packet) {
        BOOST_TEST(vfm_step_begin(vm.get(), packet.data(), packet.size()) == VFM_SUCCESS);
        int code = VFM_STEP_MORE;
        while (code == VFM_STEP_MORE) code = vfm_step(vm.get(), nullptr);
        return code;
    };
    BOOST_TEST(last(vm_with("LD8 3\nRET\n"), {1, 2}) == VFM_ERROR_BOUNDS);
    BOOST_TEST(last(vm_with("PUSH 1\nLD8 0\nDIV\nRET\n"), {0}) == VFM_ERROR_DIVISION_BY_ZERO);
    const Vm loops = vm_with("again:\nPUSH 1\nPUSH 1\nJEQ again\nRET 1\n");
    BOOST_TEST(last(loops, {}) == VFM_ERROR_LIMIT);
    BOOST_TEST(vfm_get_insn_count(loops.get()) == 9999u);  // 3333 blocks of 3 instructions
    BOOST_TEST(vfm_set_insn_limit(loops.get(), 7) == VFM_SUCCESS);
    BOOST_TEST(vfm_step(loops.get(), nullptr) == VFM_ERROR_INVALID_PROGRAM);  // the change ended it
    BOOST_TEST(last(loops, {}) == VFM_ERROR_LIMIT);
    BOOST_TEST(vfm_get_insn_count(loops.get()) == 6u);
    BOOST_TEST(vfm_step_begin(loops.get(), nullptr, 1) == VFM_ERROR_BOUNDS);
}

BOOST_AUTO_TEST_CASE(steps_use_the_vms_flow_tables) {
    const Vm vm = vm_with("PUSH 5\nPUSH 1\nFLOW_ADD 0\nRET\n");
    BOOST_TEST(run(vm) == 1);
    BOOST_TEST(vfm_step_begin(vm.get(), nullptr, 0) == VFM_SUCCESS);
    uint64_t value = 0;
    while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
    BOOST_TEST(value == 2u);
    BOOST_TEST(run(vm) == 3);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
