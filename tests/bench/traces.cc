#include "tests/bench/traces.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/base/check.h"
#include "tests/bench/names.h"
#include "tests/bench/packet_maker.h"

namespace vfm::bench {
namespace {

constexpr uint64_t kMixSeed = 1, kAttackSeed = 2, kColdSeed = 3, kOrderSeed = 4;
constexpr size_t kLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;

/// Sizes of everything, full and quick.
struct Sizes {
    size_t mixed, hot, cold, cut;
};
constexpr Sizes kFull = {.mixed = 50'000, .hot = 12'288, .cold = 1 << 20, .cut = 512};
constexpr Sizes kQuick = {.mixed = 8'000, .hot = 4'096, .cold = 1 << 14, .cut = 64};

Trace named(std::string_view name, size_t bytes, size_t walk) {
    return {.name = std::string(name),
            .what = what_is(trace_names(), name),
            .memory = Arena(bytes),
            .packets = {},
            .walk = walk};
}

/// Packets of at most `most` bytes one behind the other, each at a multiple of kLine.
template <class Next>
Trace packed(std::string_view name, size_t count, size_t most, Next&& next) {
    std::vector<std::vector<uint8_t>> made;
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        const std::span<const uint8_t> packet = next();
        made.emplace_back(packet.begin(), packet.begin() + std::min(packet.size(), most));
        bytes += (made.back().size() + kLine - 1) / kLine * kLine;
    }
    Trace trace = named(name, bytes, count);
    uint8_t* at = trace.memory.data();
    for (const auto& packet : made) {
        std::ranges::copy(packet, at);
        trace.packets.push_back({.bytes = {at, packet.size()}});
        at += (packet.size() + kLine - 1) / kLine * kLine;
    }
    return trace;
}

Trace cold(const Sizes& sizes) {
    constexpr size_t kSlot = 256;
    Trace trace = named("imix-cold", sizes.cold * kSlot, std::min<size_t>(sizes.cold, 16'384));
    PacketMaker maker(kColdSeed);
    for (size_t i = 0; i < sizes.cold; ++i) {
        const auto packet = maker.mixed();
        uint8_t* at = trace.memory.data() + i * kSlot;
        const size_t size = std::min(packet.size(), kSlot);
        std::memcpy(at, packet.data(), size);
        trace.packets.push_back({.bytes = {at, size}});
    }
    test::Rng rng(kOrderSeed);
    for (size_t i = sizes.cold - 1; i > 0; --i)
        std::swap(trace.packets[i], trace.packets[rng.below(i + 1)]);
    return trace;
}

/// Every packet at each of its first lengths, in turn.
Trace cut(const Sizes& sizes) {
    constexpr size_t kLengths = 64;
    PacketMaker maker(kMixSeed + 100);
    std::vector<uint8_t> packet;
    size_t made = 0;
    Trace trace = packed("cut", sizes.cut * kLengths, kLengths, [&] {
        if (made % kLengths == 0) {
            const auto next = made % (2 * kLengths) ? maker.attack() : maker.mixed();
            packet.assign(next.begin(), next.end());
        }
        return std::span<const uint8_t>(packet).first(std::min(made++ % kLengths, packet.size()));
    });
    trace.timed = false;
    return trace;
}

}  // namespace

Arena::Arena(size_t bytes) : bytes_((bytes + kHugePage) / kHugePage * kHugePage) {
    // One huge page more than asked for, to begin at the start of one.
    void* at = mmap(nullptr, bytes_ + kHugePage, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    auto* begin = static_cast<uint8_t*>(at);
    const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
    if (before) munmap(begin, before);
    if (before < kHugePage) munmap(begin + before + bytes_, kHugePage - before);
    data_ = begin + before;
    madvise(data_, bytes_, MADV_HUGEPAGE);  // a wish
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

Arena::~Arena() {
    if (data_) munmap(data_, bytes_);
}

Trace make_trace(std::string_view name, bool quick) {
    const Sizes& sizes = quick ? kQuick : kFull;
    if (name == "cut") return cut(sizes);
    if (name == "imix-cold") return cold(sizes);
    PacketMaker maker(name == "ddos" ? kAttackSeed : kMixSeed);
    if (name == "ddos") return packed(name, sizes.mixed, SIZE_MAX, [&] { return maker.attack(); });
    if (name == "imix") return packed(name, sizes.mixed, SIZE_MAX, [&] { return maker.mixed(); });
    VFM_CHECK(name == "imix-hot", "a name of trace_names()");
    Trace trace = packed(name, sizes.hot, kLine, [&] { return maker.mixed(); });
    trace.shuffled = true;
    return trace;
}

}  // namespace vfm::bench
