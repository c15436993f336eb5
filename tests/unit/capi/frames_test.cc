// Packets with what the host knows of them.
#include <numeric>

#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(frames_test)

namespace {

vfm_frame_t frame_of(const std::vector<uint8_t>& packet) {
    vfm_frame_t frame = {};
    frame.data = packet.data();
    frame.len = packet.size();
    return frame;
}

uint64_t run_frame(const Vm& vm, const vfm_frame_t& frame) {
    uint64_t value = 0;
    BOOST_TEST(vfm_execute_frame(vm.get(), &frame, &value) == VFM_SUCCESS);
    return value;
}

std::vector<uint8_t> numbered(size_t size) {
    std::vector<uint8_t> packet(size);
    std::iota(packet.begin(), packet.end(), uint8_t{1});
    return packet;
}

BOOST_AUTO_TEST_CASE(a_frame_without_a_tag_is_its_packet) {
    const Vm vm = vm_with("LD16 0\nLEN\nPUSH 16\nSHL\nOR\nNOW\nPUSH 32\nSHL\nOR\nRET\n");
    const auto packet = numbered(20);
    vfm_frame_t frame = frame_of(packet);
    frame.timestamp = 3;
    BOOST_TEST(run_frame(vm, frame) == 0x300140102u);
}

BOOST_AUTO_TEST_CASE(a_tag_that_was_taken_stands_in_its_place) {
    const auto packet = numbered(20);
    vfm_frame_t frame = frame_of(packet);
    frame.vlan_protocol = 0x88a8;
    frame.vlan_tci = 0x6123;
    BOOST_TEST(run_frame(vm_with("LD64 10\nRET\n"), frame) == 0x0b0c88a861230d0eu);
    BOOST_TEST(run_frame(vm_with("LD64 16\nRET\n"), frame) == 0x0d0e0f1011121314u);
    BOOST_TEST(run_frame(vm_with("LEN\nRET\n"), frame) == 24u);
    BOOST_TEST(run_frame(vm_with("HDR 7\nRET\n"), frame) == 0x6123u);
    frame.vlan_protocol = 0;
    BOOST_TEST(run_frame(vm_with("LD64 10\nRET\n"), frame) == 0x0b0c0d0e0f101112u);
    frame.vlan_protocol = 0x8100;
    frame.len = 12;
    BOOST_TEST(run_frame(vm_with("LEN\nRET\n"), frame) == 16u);
    frame.len = 11;
    BOOST_TEST(run_frame(vm_with("LEN\nRET\n"), frame) == 11u);
}

BOOST_AUTO_TEST_CASE(a_long_packet_with_a_tag_is_cut) {
    const std::vector<uint8_t> packet(70000, 7);
    vfm_frame_t frame = frame_of(packet);
    frame.vlan_protocol = 0x8100;
    BOOST_TEST(run_frame(vm_with("LD8 65534\nLEN\nADD\nRET\n"), frame) == 65542u);
    frame.len = 65532;
    BOOST_TEST(run_frame(vm_with("LEN\nRET\n"), frame) == 65535u);
    frame.len = 65530;
    BOOST_TEST(run_frame(vm_with("LEN\nRET\n"), frame) == 65534u);
}

uint64_t interface_of(void* user, const uint64_t* /*arguments*/) {
    const vfm_frame_t* frame = vfm_current_frame(*static_cast<vfm_state_t**>(user));
    return frame ? frame->interface * 1000 + frame->queue * 100 + frame->wire_length : 0;
}

BOOST_AUTO_TEST_CASE(host_functions_see_the_frame) {
    const Vm vm = new_vm();
    vfm_state_t* handle = vm.get();
    BOOST_REQUIRE(vfm_register_function(handle, "interface", 0, interface_of, &handle) ==
                  VFM_SUCCESS);
    BOOST_REQUIRE(load(vm, assembled(".import interface\nCALL 0\nRET\n")) == VFM_SUCCESS);
    const auto packet = numbered(20);
    vfm_frame_t frame = frame_of(packet);
    frame.interface = 4, frame.queue = 3, frame.wire_length = 21;
    BOOST_TEST(run_frame(vm, frame) == 4321u);
    BOOST_TEST(!vfm_current_frame(handle));
    BOOST_TEST(run(vm, packet) == 0);  // a packet has none
    BOOST_TEST(!vfm_current_frame(nullptr));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_for_frames) {
    const Vm vm = vm_with("LD8 5\nRET\n"), empty = new_vm();
    uint64_t value = 9;
    vfm_frame_t frame = {};
    BOOST_TEST(vfm_execute_frame(vm.get(), nullptr, &value) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_error_message(vm.get()) == std::string("frame: error: INVALID_PROGRAM: null"));
    BOOST_TEST(vfm_execute_frame(vm.get(), &frame, nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_execute_frame(nullptr, &frame, &value) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_execute_frame(empty.get(), &frame, &value) == VFM_ERROR_INVALID_PROGRAM);
    value = 9;
    BOOST_TEST(vfm_execute_frame(vm.get(), &frame, &value) == VFM_ERROR_BOUNDS);
    BOOST_TEST(value == 0u);
    frame.len = 3;
    BOOST_TEST(vfm_execute_frame(vm.get(), &frame, &value) == VFM_ERROR_BOUNDS);
    BOOST_TEST(vfm_error_message(vm.get()) ==
               std::string("packet: error: BOUNDS: null, but it has a length"));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
