// Packets through a VM: nothing here allocates.
#include <algorithm>
#include <climits>

#include "userspace/capi/state.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

bool can_run(const vfm_state_t* vm, const uint8_t* packet, size_t length) {
    return vm && vm->is_loaded() && (packet || length == 0);
}

/// The code and message of a run that cannot begin, out of the way of those that can.
[[gnu::cold]] int refuse_run(vfm_state_t* vm) {
    if (vm && vm->is_loaded())
        return capi::refused_call(vm, ErrorKind::bounds, "packet", "null, but it has a length");
    return capi::refused_call(vm, ErrorKind::invalid_program, "run", "no program is loaded");
}

[[gnu::cold]] int refuse_argument(vfm_state_t* vm, const char* name) {
    return capi::refused_call(vm, ErrorKind::invalid_program, name, "null");
}

Outcome run(const vfm_state_t& vm, const uint8_t* packet, size_t length) {
    return vm.loaded.instance->run(capi::packet_of(vm.loaded, packet, length));
}

/// The bytes of a frame as they were on the wire.
ByteView bytes_of(vfm_state_t& vm, const vfm_frame_t& frame) {
    constexpr size_t kAddresses = 12, kTag = 4;
    const ByteView bytes(frame.data, frame.len);
    if (frame.vlan_protocol == 0 || bytes.size() < kAddresses) return bytes;
    uint8_t* at = std::ranges::copy(bytes.first(kAddresses), vm.with_tag.begin()).out;
    for (const uint16_t word : {frame.vlan_protocol, frame.vlan_tci}) {
        *at++ = static_cast<uint8_t>(word >> 8);
        *at++ = static_cast<uint8_t>(word);
    }
    const size_t rest = std::min(bytes.size() - kAddresses, vm.with_tag.size() - kAddresses - kTag);
    std::ranges::copy(bytes.subspan(kAddresses, rest), at);
    return std::span(vm.with_tag).first(kAddresses + kTag + rest);
}

/// Runs the packets that stand in the VM's burst.
void run_burst(vfm_state_t& vm, size_t count, vfm_outcome_t* outcomes) noexcept {
    const auto results = std::span(vm.results).first(count);
    const int code = capi::guarded([&] {
        vm.loaded.instance->run_batch(std::span(vm.burst).first(count), results);
        return VFM_SUCCESS;
    });
    if (code != VFM_SUCCESS) std::ranges::fill(results, Outcome::trap(ErrorKind::no_memory));
    for (size_t i = 0; i < count; ++i)
        outcomes[i] = {results[i].value, capi::code_of(results[i].error)};
}

}  // namespace

int vfm_execute(vfm_state_t* vm, const uint8_t* packet, uint16_t packet_len) {
    if (!can_run(vm, packet, packet_len)) return refuse_run(vm);
    return capi::guarded([&] {
        const Outcome outcome = run(*vm, packet, packet_len);
        if (outcome.error != ErrorKind::success) return capi::code_of(outcome.error);
        return static_cast<int>(std::min<uint64_t>(outcome.value, INT_MAX));
    });
}

int vfm_execute64(vfm_state_t* vm, const uint8_t* packet, size_t packet_len, uint64_t* value) {
    if (!value) return refuse_argument(vm, "value");
    *value = 0;
    if (!can_run(vm, packet, packet_len)) return refuse_run(vm);
    return capi::guarded([&] {
        const Outcome outcome = run(*vm, packet, packet_len);
        *value = outcome.value;
        return capi::code_of(outcome.error);
    });
}

int vfm_execute_batch(vfm_state_t* vm, const vfm_packet_t* packets, size_t count,
                      vfm_outcome_t* outcomes) {
    if (count != 0 && (!packets || !outcomes))
        return refuse_argument(vm, packets ? "outcomes" : "packets");
    if (!can_run(vm, nullptr, 0)) return refuse_run(vm);
    for (size_t i = 0; i < count; ++i)
        if (!can_run(vm, packets[i].data, packets[i].len)) return refuse_run(vm);
    for (size_t done = 0; done < count;) {
        const size_t n = std::min(count - done, capi::kBurst);
        for (size_t i = 0; i < n; ++i) {
            const vfm_packet_t& packet = packets[done + i];
            vm->burst[i] = capi::packet_of(vm->loaded, packet.data, packet.len, packet.timestamp);
        }
        run_burst(*vm, n, outcomes + done);
        done += n;
    }
    return VFM_SUCCESS;
}

int vfm_execute_frame(vfm_state_t* vm, const vfm_frame_t* frame, uint64_t* value) {
    if (!frame || !value) return refuse_argument(vm, frame ? "value" : "frame");
    *value = 0;
    if (!can_run(vm, frame->data, frame->len)) return refuse_run(vm);
    vm->frame = frame;
    const int code = capi::guarded([&] {
        const ByteView bytes = bytes_of(*vm, *frame);
        const Outcome outcome = vm->loaded.instance->run(
            capi::packet_of(vm->loaded, bytes.data(), bytes.size(), frame->timestamp));
        *value = outcome.value;
        return capi::code_of(outcome.error);
    });
    vm->frame = nullptr;
    return code;
}

const vfm_frame_t* vfm_current_frame(const vfm_state_t* vm) { return vm ? vm->frame : nullptr; }
