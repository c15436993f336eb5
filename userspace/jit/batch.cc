#include "userspace/jit/batch.h"

#include <algorithm>
#include <array>

#include "core/ir/lift.h"
#include "core/ir/passes.h"
#include "userspace/jit/cpu.h"

namespace vfm::jit {
namespace {

constexpr size_t kMaxLanes = 16;
// Fewer packets than this are run one by one sooner than as a group that is mostly empty.
constexpr size_t kWorthAGroup = 4;
// Packets ahead of the one that runs: far enough for memory to answer, near enough for the line to
// be there still.
constexpr size_t kPacketsAhead = 16;
// Where the headers that filters look at mostly are, for programs that do not say.
constexpr uint32_t kHeaderBytes = 54;

Outcome run_one(NativeFunction scalar, RunState& state, const Packet& packet) {
    state.now = packet.timestamp;
    const ByteView bytes = packet.visible();
    return scalar(bytes.data(), bytes.size(), &state);
}

}  // namespace

BatchCode::BatchCode(const VerifiedModule& program, BatchVariant variant) {
    auto function = ir::lift(program);
    if (!function) {
        reason_ = "no IR";
        return;
    }
    ir::optimise_for_native(*function);
    uint32_t first = kMaxPacket, last = 0;
    for (const ir::Value& value : function->values) {
        if (!ir::is_load(value.op)) continue;
        first = std::min(first, static_cast<uint32_t>(value.imm));
        last = std::max(last, static_cast<uint32_t>(value.imm) + value.size - 1);
    }
    first_byte_ = first < last ? first : 0;
    last_byte_ = std::min(first < last ? last : kHeaderBytes, 2 * kHeaderBytes);
    make_vector_code(*function, variant);
}

void BatchCode::make_vector_code(const ir::Function& function, BatchVariant variant) {
    const Cpu& cpu = Cpu::host();
    const bool avx512 = cpu.avx512 && variant <= BatchVariant::avx512;
    if (variant == BatchVariant::scalar) return;
    if (!avx512 && !cpu.avx2) {
        reason_ = "no vector instructions";
        return;
    }
    auto plan = plan_vector(function);
    if (!plan) {
        reason_ = plan.error();
        return;
    }
    vector_ = VectorCode::make(*std::move(plan), avx512 ? VectorIsa::avx512 : VectorIsa::avx2);
    if (vector_)
        variant_ = avx512 ? BatchVariant::avx512 : BatchVariant::avx2;
    else
        reason_ = "no memory for code";
}

void BatchCode::run(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                    std::span<Outcome> results) const {
    if (vector_)
        run_vector(scalar, state, packets, results);
    else
        run_scalar(scalar, state, packets, results);
}

void BatchCode::prefetch(const Packet& packet) const {
    // Asking for bytes that are not there does no harm.
    const auto at = reinterpret_cast<uintptr_t>(packet.bytes.data());
    __builtin_prefetch(reinterpret_cast<const void*>(at + first_byte_));
    __builtin_prefetch(reinterpret_cast<const void*>(at + last_byte_));
}

void BatchCode::run_scalar(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                           std::span<Outcome> results) const {
    for (size_t i = 0; i < std::min(kPacketsAhead, packets.size()); ++i) prefetch(packets[i]);
    for (size_t i = 0; i < packets.size(); ++i) {
        if (i + kPacketsAhead < packets.size()) prefetch(packets[i + kPacketsAhead]);
        results[i] = run_one(scalar, state, packets[i]);
    }
}

void BatchCode::run_vector(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                           std::span<Outcome> results) const {
    const size_t lanes = vector_->lanes();
    for (size_t i = 0; i < std::min(VectorCode::kGroupsAhead * lanes, packets.size()); ++i)
        prefetch(packets[i]);
    size_t done = 0;
    while (packets.size() - done >= lanes) {
        const size_t groups = (packets.size() - done) / lanes;
        const size_t left = vector_->function()(&packets[done], &results[done], groups, &state);
        done += (groups - left) * lanes;
        if (left == 0) break;
        run_group(scalar, state, packets.subspan(done, lanes), results.subspan(done, lanes));
        done += lanes;
    }
    if (packets.size() - done >= kWorthAGroup)
        run_group(scalar, state, packets.subspan(done), results.subspan(done));
    else
        for (; done < packets.size(); ++done) results[done] = run_one(scalar, state, packets[done]);
}

// At most one group, not all of it long packets. One that changes state goes packet by packet. Else
// the places of short packets and those behind the last are filled with a packet
// that is long enough, whose results are not looked at.
void BatchCode::run_group(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                          std::span<Outcome> results) const {
    const auto is_long = [&](const Packet& packet) {
        return packet.bytes.size() >= vector_->least_length();
    };
    const auto filler = std::ranges::find_if(packets, is_long);
    bool done = false;
    std::array<Outcome, kMaxLanes> outcomes;
    if (filler != packets.end() && !vector_->stateful()) {
        std::array<Packet, kMaxLanes> group;
        group.fill(*filler);
        std::ranges::copy_if(packets, group.begin(), is_long);
        done = vector_->function()(group.data(), outcomes.data(), 1, &state) == 0;
    }
    size_t next = 0;
    for (size_t i = 0; i < packets.size(); ++i)
        results[i] =
            done && is_long(packets[i]) ? outcomes[next++] : run_one(scalar, state, packets[i]);
}

}  // namespace vfm::jit
