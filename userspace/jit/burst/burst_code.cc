#include "userspace/jit/burst/burst_code.h"

#include <algorithm>
#include <array>

#include "userspace/jit/x64/cpu.h"

namespace vfm::jit {
namespace {

constexpr size_t kMaxLanes = 16;
// Vector code goes all ways, whatever the packet, where scalar code may be done after one test.
// More steps than these are at worst, with every packet so, some times dearer: one step is half a
// cycle a group. See README.md for what was measured.
constexpr size_t kMostSteps512 = 1024, kMostSteps2 = 512;
// Packets ahead of the one that runs: far enough for memory to answer, near enough for the line to
// be there still.
constexpr size_t kPacketsAhead = 16;
// The same for entries of flow tables, whose keys stand in packets that are there by then; and from
// how many bytes on a table is no longer near.
constexpr size_t kKeysAhead = 8;
constexpr size_t kLargeTable = size_t{4} << 20;
// Where the headers that filters look at mostly are, for programs that do not say.
constexpr uint32_t kHeaderBytes = 54;

Outcome run_one(NativeFunction scalar, RunState& state, const Packet& packet) {
    state.now = packet.timestamp;
    const ByteView bytes = packet.visible();
    return scalar(bytes.data(), bytes.size(), &state);
}

}  // namespace

BurstCode::BurstCode(const VerifiedModule& program, const ir::Function& function,
                     BurstVariant variant, bool notes) {
    uint32_t first = kMaxPacket, last = 0;
    for (const ir::Value& value : function.values) {
        if (!ir::is_load(value.op)) continue;
        first = std::min(first, static_cast<uint32_t>(value.imm));
        last = std::max(last, static_cast<uint32_t>(value.imm) + value.size - 1);
    }
    first_byte_ = first < last ? first : 0;
    last_byte_ = std::min(first < last ? last : kHeaderBytes, 2 * kHeaderBytes);
    make_vector_code(function, variant, notes);
    if (!vector_) keys_ = KeyCode::make(program, function);
}

void BurstCode::make_vector_code(const ir::Function& function, BurstVariant variant, bool notes) {
    if (variant == BurstVariant::scalar) return;
    const Cpu& cpu = Cpu::host();
    const bool avx512 = cpu.avx512 && variant <= BurstVariant::avx512;
    if (!avx512 && !cpu.avx2) {
        reason_ = "no vector instructions";
        return;
    }
    auto plan = plan_vector(function);
    if (!plan) {
        reason_ = plan.error();
        return;
    }
    if (plan->cost() > (avx512 ? kMostSteps512 : kMostSteps2)) {
        reason_ = "too many steps";
        return;
    }
    vector_ =
        VectorCode::make(*std::move(plan), avx512 ? VectorIsa::avx512 : VectorIsa::avx2, notes);
    if (vector_)
        variant_ = avx512 ? BurstVariant::avx512 : BurstVariant::avx2;
    else
        reason_ = "no memory for code";
}

void BurstCode::run(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                    std::span<Outcome> results) const {
    if (vector_ && packets.size() >= vector_->lanes())
        run_vector(scalar, state, packets, results);
    else
        run_scalar(scalar, state, packets, results);
}

void BurstCode::prefetch(const Packet& packet) const {
    const size_t size = packet.bytes.size();
    const uint8_t* const first = packet.bytes.data() + std::min<size_t>(first_byte_, size);
    const uint8_t* const last = packet.bytes.data() + std::min<size_t>(last_byte_, size);
    __builtin_prefetch(first);
    constexpr uintptr_t kLine = 64;
    if (reinterpret_cast<uintptr_t>(first) / kLine != reinterpret_cast<uintptr_t>(last) / kLine)
        __builtin_prefetch(last);
    asm volatile("" : : "r"(first));  // else g++ takes calls of this for work without an effect
}

bool BurstCode::foresees(const RunState& state) const {
    return keys_ && state.tables[keys_->table()].bytes() >= kLargeTable;
}

void BurstCode::run_scalar(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                           std::span<Outcome> results) const {
    const size_t count = packets.size();
    for (size_t i = 0; i < std::min(kPacketsAhead, count); ++i) prefetch(packets[i]);
    if (!foresees(state)) {
        for (size_t i = 0; i < count; ++i) {
            if (i + kPacketsAhead < count) prefetch(packets[i + kPacketsAhead]);
            results[i] = run_one(scalar, state, packets[i]);
        }
        return;
    }
    FlowTable& table = state.tables[keys_->table()];
    const auto foresee = [&](const Packet& packet) {
        table.prefetch(run_one(keys_->function(), state, packet).value);
    };
    for (size_t i = 0; i < std::min(kKeysAhead, count); ++i) foresee(packets[i]);
    for (size_t i = 0; i < count; ++i) {
        if (i + kPacketsAhead < count) prefetch(packets[i + kPacketsAhead]);
        if (i + kKeysAhead < count) foresee(packets[i + kKeysAhead]);
        results[i] = run_one(scalar, state, packets[i]);
    }
}

void BurstCode::run_vector(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                           std::span<Outcome> results) const {
    const size_t lanes = vector_->lanes();
    // The first group comes at once; the vector code prefetches from kGroupsAhead on.
    const size_t ahead = std::min(VectorCode::kGroupsAhead * lanes, packets.size());
    for (size_t i = lanes; i < ahead; ++i) prefetch(packets[i]);
    size_t done = 0;
    while (packets.size() - done >= lanes) {
        const size_t groups = (packets.size() - done) / lanes;
        const size_t left = vector_->function()(&packets[done], &results[done], groups, &state);
        done += (groups - left) * lanes;
        if (left == 0) break;
        run_mixed(scalar, state, packets.subspan(done, lanes), results.subspan(done, lanes));
        done += lanes;
    }
    if (done == packets.size()) return;
    // The last group reaches back to packets that have their results already.
    const size_t first = packets.size() - lanes;
    if (!vector_->stateful() &&
        vector_->function()(&packets[first], &results[first], 1, &state) == 0)
        return;
    run_scalar(scalar, state, packets.subspan(done), results.subspan(done));
}

// A group that is not all long packets. Among dear evaluations it pays to run those that are long
// together: the places of the others are filled with one of them, and not looked at.
void BurstCode::run_mixed(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                          std::span<Outcome> results) const {
    const auto is_long = [&](const Packet& packet) {
        return packet.bytes.size() >= vector_->least_length();
    };
    std::array<Packet, kMaxLanes> group;
    const auto filled = std::ranges::copy_if(packets, group.begin(), is_long).out;
    std::array<Outcome, kMaxLanes> outcomes;
    bool done = false;
    if (vector_->dear() && !vector_->stateful() && filled != group.begin()) {
        std::fill(filled, group.end(), group[0]);
        done = vector_->function()(group.data(), outcomes.data(), 1, &state) == 0;
    }
    size_t next = 0;
    for (size_t i = 0; i < packets.size(); ++i)
        results[i] =
            done && is_long(packets[i]) ? outcomes[next++] : run_one(scalar, state, packets[i]);
}

}  // namespace vfm::jit
