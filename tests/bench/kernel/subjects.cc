#include "tests/bench/kernel/subjects.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/front/front.h"
#include "tests/bench/filters.h"
#include "tests/bench/packet_maker.h"
#include "tests/twins/twin_packets.h"

namespace vfm::bench {
namespace {

constexpr uint64_t kMixSeed = 1, kCaptureSeed = 2;

Bytes head_of(ByteView packet) {
    Bytes head(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(
                                                    packet.size(), BENCH_HEADER_BYTES)));
    head.resize(BENCH_HEADER_BYTES);
    return head;
}

/// Of every second packet, where there are captured ones, one of those.
std::vector<Bytes> heads_of(const std::vector<twins::Probe>& captured) {
    PacketMaker maker(kMixSeed);
    test::Rng rng(kCaptureSeed);
    std::vector<Bytes> heads;
    while (heads.size() < BENCH_HEADERS) {
        heads.push_back(head_of(maker.mixed()));
        if (!captured.empty()) heads.push_back(head_of(captured[rng.below(captured.size())].bytes));
    }
    return heads;
}

Result<Subject> fixed_offsets(const BenchFilter& filter, const twins::Twin& twin) {
    const Filter compiled = TRY(load_expression(filter.lisp));
    return Subject{.name = filter.name,
                   .what = filter.what,
                   .program = TRY(verify_filter(compiled)),
                   .twin = twin,
                   .heads = heads_of({})};
}

Result<Subject> of_cookbook(const twins::Twin& twin) {
    const Filter filter = TRY(load_filter(fmt::format("{}/{}.vfl", VFM_COOKBOOK, twin.filter)));
    const auto captured =
        TRY(twins::captured(fmt::format("{}/{}.pcap", VFM_CAPTURES, twin.filter)));
    return Subject{.name = std::string(twin.name),
                   .what = fmt::format("docs/cookbook/{}.vfl", twin.filter),
                   .program = TRY(verify_filter(filter)),
                   .twin = twin,
                   .heads = heads_of(captured)};
}

}  // namespace

const std::vector<twins::Twin>& filter_twins() {
    static const std::vector<twins::Twin> all = [] {
        std::vector<twins::Twin> made;
        for (const BenchFilter& filter : filters())
            made.push_back({filter.name, filter.name, false});
        return made;
    }();
    return all;
}

std::vector<std::string> subject_names() {
    std::vector<std::string> names;
    for (const twins::Twin& twin : filter_twins()) names.emplace_back(twin.name);
    for (const twins::Twin& twin : twins::all_twins()) names.emplace_back(twin.name);
    return names;
}

Result<Subject> make_subject(const std::string& name) {
    for (size_t i = 0; i < filters().size(); ++i)
        if (filters()[i].name == name) return fixed_offsets(filters()[i], filter_twins()[i]);
    const auto& all = twins::all_twins();
    const auto twin = std::ranges::find(all, name, &twins::Twin::name);
    VFM_CHECK(twin != all.end(), "one of subject_names()");
    return of_cookbook(*twin);
}

}  // namespace vfm::bench
