// Packets through a VM: nothing here allocates.
#include <algorithm>
#include <array>
#include <climits>

#include "userspace/capi/state.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

/// What stands in the way of a run on this packet, or success.
ErrorKind objection(const vfm_state_t* vm, const uint8_t* packet, size_t length) {
    if (!vm || !vm->is_loaded()) return ErrorKind::invalid_program;
    return packet || length == 0 ? ErrorKind::success : ErrorKind::bounds;
}

Outcome run(const vfm_state_t* vm, const uint8_t* packet, size_t length) {
    if (const ErrorKind error = objection(vm, packet, length); error != ErrorKind::success)
        return Outcome::trap(error);
    return vm->loaded.engine->run(capi::packet_of(vm->loaded, packet, length));
}

constexpr size_t kBurst = 64;

void run_burst(const capi::Loaded& loaded, std::span<const vfm_packet_t> packets,
               vfm_outcome_t* outcomes) noexcept {
    std::array<Packet, kBurst> burst;
    std::array<Outcome, kBurst> results;
    // What a flow table without memory leaves undone says so.
    results.fill(Outcome::trap(ErrorKind::no_memory));
    const size_t n = packets.size();
    for (size_t i = 0; i < n; ++i) {
        const vfm_packet_t& packet = packets[i];
        burst[i] = capi::packet_of(loaded, packet.data, packet.len, packet.timestamp);
    }
    capi::guarded([&] {
        loaded.engine->run_batch(std::span(burst).first(n), std::span(results).first(n));
        return VFM_SUCCESS;
    });
    for (size_t i = 0; i < n; ++i)
        outcomes[i] = {results[i].value, capi::code_of(results[i].error)};
}

}  // namespace

int vfm_execute(vfm_state_t* vm, const uint8_t* packet, uint16_t packet_len) {
    return capi::guarded([&] {
        const Outcome outcome = run(vm, packet, packet_len);
        if (outcome.error != ErrorKind::success) return capi::code_of(outcome.error);
        return static_cast<int>(std::min<uint64_t>(outcome.value, INT_MAX));
    });
}

int vfm_execute64(vfm_state_t* vm, const uint8_t* packet, size_t packet_len, uint64_t* value) {
    if (!value) return VFM_ERROR_INVALID_PROGRAM;
    *value = 0;
    return capi::guarded([&] {
        const Outcome outcome = run(vm, packet, packet_len);
        *value = outcome.value;
        return capi::code_of(outcome.error);
    });
}

int vfm_execute_batch(vfm_state_t* vm, const vfm_packet_t* packets, size_t count,
                      vfm_outcome_t* outcomes) {
    if (count != 0 && (!packets || !outcomes)) return VFM_ERROR_INVALID_PROGRAM;
    if (!vm || !vm->is_loaded()) return VFM_ERROR_INVALID_PROGRAM;
    for (size_t i = 0; i < count; ++i)
        if (objection(vm, packets[i].data, packets[i].len) != ErrorKind::success)
            return VFM_ERROR_BOUNDS;
    for (size_t done = 0; done < count;) {
        const size_t n = std::min(count - done, kBurst);
        run_burst(vm->loaded, std::span(packets + done, n), outcomes + done);
        done += n;
    }
    return VFM_SUCCESS;
}
