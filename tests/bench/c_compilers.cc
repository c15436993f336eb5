// filters.c as gcc and clang compiled it: called through a pointer for each packet, which is what a
// perfect JIT could give, and inlined into a loop over a burst.
#include <cstring>

#include "core/base/check.h"
#include "tests/bench/c_filters.h"
#include "tests/bench/contenders.h"
#include "tests/bench/names.h"
#include "tests/bench/traces.h"

namespace vfm::bench {
namespace {

/// The array of packets as C sees it.
const bench_packet* as_c(std::span<const Packet> packets) {
    static_assert(sizeof(Packet) == sizeof(bench_packet));
    return reinterpret_cast<const bench_packet*>(packets.data());
}

void check_layout() {
    const uint8_t byte = 0;
    const Packet packet{.bytes = {&byte, 1}, .timestamp = 2};
    bench_packet seen;
    std::memcpy(&seen, &packet, sizeof seen);
    VFM_CHECK(seen.data == &byte && seen.size == 1 && seen.timestamp == 2,
              "Packet lies in memory as bench_packet does");
}

class Counters {
  public:
    Counters() : memory_(sizeof(bench_slot) << BENCH_SLOT_BITS) {
        counters_.slots = reinterpret_cast<bench_slot*>(memory_.data());
    }
    bench_counters* get() { return &counters_; }

  private:
    Arena memory_;
    bench_counters counters_;
};

class Called final : public Prepared {
  public:
    explicit Called(bench_filter filter) : filter_(filter) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        const bench_filter filter = filter_;
        bench_counters* counters = counters_.get();
        walk_each(packets, verdicts, [&](const Packet& p) {
            return filter(p.bytes.data(), p.bytes.size(), counters) != 0;
        });
    }

  private:
    bench_filter filter_;
    Counters counters_;
};

class Looped final : public Prepared {
  public:
    explicit Looped(bench_loop loop) : loop_(loop) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        for (size_t i = 0; i < packets.size(); i += kBurst) {
            const auto burst = packets.subspan(i, std::min(kBurst, packets.size() - i));
            loop_(as_c(burst), burst.size(), verdicts + i, counters_.get());
        }
    }

  private:
    bench_loop loop_;
    Counters counters_;
};

const bench_c_filter& find(const bench_c_filter* table, const BenchFilter& filter) {
    const auto* end = table + BENCH_C_FILTERS;
    const auto* found = std::find_if(
        table, end, [&](const bench_c_filter& row) { return row.name == filter.name; });
    VFM_CHECK(found != end, "filters.c has every filter");
    return *found;
}

template <const bench_c_filter* kTable>
void add(Field& field, std::string_view name, std::string_view loop_name,
         const std::string& version) {
    const std::string flags = ", " + version + ", -O3 -march=native";
    field.contenders.push_back({.name = name,
                                .what = what_is(engine_names(), name) + flags,
                                .prepare = [](const BenchFilter& f) -> std::unique_ptr<Prepared> {
                                    return std::make_unique<Called>(find(kTable, f).filter);
                                }});
    field.contenders.push_back({.name = loop_name,
                                .what = what_is(engine_names(), loop_name) + flags,
                                .prepare = [](const BenchFilter& f) -> std::unique_ptr<Prepared> {
                                    return std::make_unique<Looped>(find(kTable, f).loop);
                                }});
}

}  // namespace

void add_c(Field& field) {
    check_layout();
#ifdef BENCH_GCC
    add<bench_gcc>(field, "gcc", "gcc-loop", BENCH_GCC);
#else
    add_missing(field, {"gcc", "gcc-loop"}, "no gcc was found when the bench was built");
#endif
#ifdef BENCH_CLANG
    add<bench_clang>(field, "clang", "clang-loop", BENCH_CLANG);
#else
    add_missing(field, {"clang", "clang-loop"}, "no clang-19 was found when the bench was built");
#endif
}

}  // namespace vfm::bench
