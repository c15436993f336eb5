// bench_flow [--quick] [--json]: the flow table beside the hash maps of others, u64 to u64, at
// 1,000 to 10,000,000 entries. Contenders take turns pass by pass, so that noise hits all alike.
// Everybody gets memory in huge pages, and the declared capacity of the flow table is the number of
// entries: it is full, so nothing of its upkeep is left out.
#include <sys/mman.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/median.h"
#include "tests/bench/flow_report.h"
#include "tests/harness/rng.h"
#include "userspace/flow/flow_table.h"
#ifdef BENCH_BOOST
#include <boost/unordered/unordered_flat_map.hpp>
#endif
#ifdef BENCH_ABSL
#include <absl/container/flat_hash_map.h>
#endif
#ifdef BENCH_TSL
#include <tsl/hopscotch_map.h>
#endif

namespace vfm::bench {
namespace {

using Keys = std::span<const uint64_t>;

constexpr size_t kAhead = 32;  // operations between prefetch and use

enum Who : int { kBoost, kAbsl, kTsl, kRivals };
/// What the maps of others have allocated.
size_t allocated[kRivals];

/// Huge pages for what is large, as the flow table has them.
template <class T, Who kWho>
struct HugePages {
    using value_type = T;
    template <class U>
    struct rebind {
        using other = HugePages<U, kWho>;
    };
    HugePages() = default;
    template <class U>
    HugePages(const HugePages<U, kWho>& /*other*/) {}

    T* allocate(size_t count) {
        constexpr size_t kHuge = size_t{2} << 20;
        const size_t size = count * sizeof(T);
        const size_t unit = size < kHuge ? 64 : kHuge;
        void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
        if (!memory) std::abort();
        if (unit == kHuge) madvise(memory, size, MADV_HUGEPAGE);
        allocated[kWho] += size;
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, size_t count) {
        allocated[kWho] -= count * sizeof(T);
        std::free(memory);
    }
    bool operator==(const HugePages&) const = default;
};
template <Who kWho>
using Memory = HugePages<std::pair<const uint64_t, uint64_t>, kWho>;

/// A table of one kind. Passes are timed as a whole, so that the calls cost nothing.
class Contender {
  public:
    explicit Contender(std::string name) : name_(std::move(name)) {}
    virtual ~Contender() = default;
    const std::string& name() const { return name_; }

    /// Adds 1 to the value of each key.
    virtual void add(Keys keys) = 0;
    /// The same with prefetch; false if there is none.
    virtual bool add_ahead(Keys keys) = 0;
    virtual uint64_t look(Keys keys) = 0;
    virtual void remove(Keys keys) = 0;
    virtual void clear() = 0;
    virtual size_t size() const = 0;
    virtual size_t bytes() const = 0;

  private:
    std::string name_;
};

class Own final : public Contender {
  public:
    explicit Own(size_t entries)
        : Contender(kOwnTable), table_({.name = "t", .capacity = static_cast<uint32_t>(entries)}) {}

    void add(Keys keys) override {
        for (const uint64_t key : keys) table_.add(key, 1);
    }
    bool add_ahead(Keys keys) override {
        for (size_t i = 0; i < keys.size(); ++i) {
            if (i + kAhead < keys.size()) table_.prefetch(keys[i + kAhead]);
            table_.add(keys[i], 1);
        }
        return true;
    }
    uint64_t look(Keys keys) override {
        uint64_t sum = 0;
        for (const uint64_t key : keys) sum += table_.get(key);
        return sum;
    }
    void remove(Keys keys) override {
        for (const uint64_t key : keys) table_.remove(key);
    }
    void clear() override { table_.clear(); }
    size_t size() const override { return table_.size(); }
    size_t bytes() const override { return table_.bytes(); }
    void age() { table_.age(table_.groups()); }

  private:
    FlowTable table_;
};

template <class Map, Who kWho>
class Rival final : public Contender {
  public:
    using Contender::Contender;

    void add(Keys keys) override {
        for (const uint64_t key : keys) ++map_[key];
    }
    bool add_ahead(Keys keys) override {
        if constexpr (requires { map_.prefetch(keys[0]); }) {
            for (size_t i = 0; i < keys.size(); ++i) {
                if (i + kAhead < keys.size()) map_.prefetch(keys[i + kAhead]);
                ++map_[keys[i]];
            }
            return true;
        }
        return false;
    }
    uint64_t look(Keys keys) override {
        uint64_t sum = 0;
        for (const uint64_t key : keys)
            if (const auto at = map_.find(key); at != map_.end()) sum += at->second;
        return sum;
    }
    void remove(Keys keys) override {
        for (const uint64_t key : keys) map_.erase(key);
    }
    void clear() override { map_ = Map(); }
    size_t size() const override { return map_.size(); }
    size_t bytes() const override { return allocated[kWho]; }

  private:
    Map map_;
};

std::vector<std::unique_ptr<Contender>> make_contenders(size_t entries) {
    std::vector<std::unique_ptr<Contender>> all;
    all.push_back(std::make_unique<Own>(entries));
    using Key = uint64_t;
    using Equal [[maybe_unused]] = std::equal_to<Key>;
#ifdef BENCH_BOOST
    using Boost = boost::unordered_flat_map<Key, Key, boost::hash<Key>, Equal, Memory<kBoost>>;
    all.push_back(std::make_unique<Rival<Boost, kBoost>>("boost::unordered_flat_map"));
#endif
#ifdef BENCH_ABSL
    using Absl = absl::flat_hash_map<Key, Key, absl::Hash<Key>, Equal, Memory<kAbsl>>;
    all.push_back(std::make_unique<Rival<Absl, kAbsl>>("absl::flat_hash_map"));
#endif
#ifdef BENCH_TSL
    using Tsl =
        tsl::hopscotch_map<Key, Key, std::hash<Key>, Equal, HugePages<std::pair<Key, Key>, kTsl>>;
    all.push_back(std::make_unique<Rival<Tsl, kTsl>>("tsl::hopscotch_map"));
#endif
    return all;
}

std::vector<std::string> missing() {
    std::vector<std::string> names;
#ifndef BENCH_BOOST
    names.push_back("boost::unordered_flat_map (scripts/setup.sh --bench)");
#endif
#ifndef BENCH_ABSL
    names.push_back("absl::flat_hash_map (libabsl-dev)");
#endif
#ifndef BENCH_TSL
    names.push_back("tsl::hopscotch_map (libtsl-hopscotch-map-dev)");
#endif
    return names;
}

/// The number-th key: all different, in no order.
uint64_t key_of(uint64_t number) {
    uint64_t z = number * 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

std::vector<uint64_t> keys_between(size_t first, size_t last) {
    std::vector<uint64_t> keys;
    keys.reserve(last - first);
    for (size_t i = first; i < last; ++i) keys.push_back(key_of(i));
    return keys;
}

/// Keys of the first `entries`: each as likely as the next, or by Zipf's law with exponent 1.
std::vector<uint64_t> drawn(size_t entries, size_t count, bool zipf, test::Rng& rng) {
    const double logarithm = std::log(static_cast<double>(entries));
    std::vector<uint64_t> keys(count);
    for (uint64_t& key : keys) {
        const double random = static_cast<double>(rng.next() >> 11) * 0x1p-53;
        const uint64_t rank =
            zipf ? static_cast<uint64_t>(std::exp(random * logarithm)) - 1 : rng.below(entries);
        key = key_of(std::min<uint64_t>(rank, entries - 1));
    }
    return keys;
}

/// Times of the passes of one kind, in nanoseconds per operation.
class Passes {
  public:
    template <class Work>
    void time(size_t operations, Work&& work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::nano> taken =
            std::chrono::steady_clock::now() - begin;
        all_.push_back(taken.count() / static_cast<double>(operations));
    }
    void add(const Passes& other) { all_.insert(all_.end(), other.all_.begin(), other.all_.end()); }
    bool empty() const { return all_.empty(); }
    Time result() const { return {median(all_), std::ranges::min(all_)}; }

  private:
    std::vector<double> all_;
};

/// How long to measure.
struct Effort {
    size_t largest = 10'000'000;    ///< entries
    size_t operations = 2'000'000;  ///< in a pass
    unsigned passes = 9;
    unsigned fills = 3;  ///< of large tables
};

void check(bool holds, const Contender& contender, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "bench_flow: error: %s: %s\n", contender.name().c_str(), what);
    std::exit(1);
}

void measure_size(size_t entries, const Effort& effort, FlowReport& report) {
    const auto contenders = make_contenders(entries);
    struct Taken {
        Passes fill, remove, add, ahead, look;
    };
    std::vector<Taken> taken(contenders.size());
    const std::vector<uint64_t> keys = keys_between(0, entries);
    const unsigned fills = entries < 100'000 ? effort.passes : effort.fills;
    for (unsigned pass = 0; pass < fills; ++pass)
        for (size_t i = 0; i < contenders.size(); ++i) {
            Contender& contender = *contenders[i];
            contender.clear();
            taken[i].fill.time(entries, [&] { contender.add(keys); });
            check(contender.size() == entries, contender, "keys were lost");
        }
    const Keys some = Keys(keys).first(entries / 4);
    for (unsigned pass = 0; pass < effort.passes; ++pass)
        for (size_t i = 0; i < contenders.size(); ++i) {
            taken[i].remove.time(some.size(), [&] { contenders[i]->remove(some); });
            check(contenders[i]->size() == entries - some.size(), *contenders[i],
                  "removed wrongly");
            contenders[i]->add(some);
        }

    test::Rng rng(entries);
    for (const bool zipf : {false, true}) {
        const std::vector<uint64_t> order = drawn(entries, effort.operations, zipf, rng);
        for (Taken& row : taken) row.add = row.ahead = row.look = {};
        std::vector<uint64_t> sums(contenders.size());
        for (unsigned pass = 0; pass < effort.passes; ++pass)
            for (size_t i = 0; i < contenders.size(); ++i) {
                Contender& contender = *contenders[i];
                bool can = false;
                Passes ahead;
                taken[i].add.time(order.size(), [&] { contender.add(order); });
                ahead.time(order.size(), [&] { can = contender.add_ahead(order); });
                if (can)
                    taken[i].ahead.add(ahead);
                else
                    contender.add(order);
                taken[i].look.time(order.size(), [&] { sums[i] = contender.look(order); });
                check(sums[i] == sums[0], contender, "counted wrongly");
            }
        for (size_t i = 0; i < contenders.size(); ++i) {
            Taken& row = taken[i];
            report.rows.push_back(
                {.entries = entries,
                 .keys = zipf ? "zipf" : "uniform",
                 .table = contenders[i]->name(),
                 .add = row.add.result(),
                 .ahead = row.ahead.empty() ? std::optional<Time>() : row.ahead.result(),
                 .look = row.look.result(),
                 .fill = row.fill.result(),
                 .remove = row.remove.result(),
                 .bytes =
                     static_cast<double>(contenders[i]->bytes()) / static_cast<double>(entries)});
        }
    }
}

void measure_upkeep(size_t entries, const Effort& effort, FlowReport& report) {
    Own table(entries);
    const std::vector<uint64_t> keys = keys_between(0, entries);
    table.add(keys);
    Passes age, evict;
    size_t next = entries;
    for (unsigned pass = 0; pass < effort.passes; ++pass) {
        table.look(keys);  // all are in use and stay
        age.time(entries, [&] { table.age(); });
        const std::vector<uint64_t> fresh = keys_between(next, next + entries / 4);
        next += fresh.size();
        evict.time(fresh.size(), [&] { table.add(fresh); });
        check(table.size() == entries, table, "holds more or less than it may");
        table.clear();
        table.add(keys);
    }
    report.upkeep.push_back({entries, evict.result(), age.result()});
}

FlowReport measure(const Effort& effort) {
    FlowReport report;
    report.missing = missing();
    for (const size_t entries : {size_t{1000}, size_t{65536}, size_t{1000000}, size_t{10000000}}) {
        if (entries > effort.largest) break;
        measure_size(entries, effort, report);
        measure_upkeep(entries, effort, report);
    }
    return report;
}

}  // namespace
}  // namespace vfm::bench

int main(int argc, char** argv) {
    bool json = false;
    vfm::bench::Effort effort;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--json") {
            json = true;
        } else if (argument == "--quick") {
            effort = {.largest = 65536, .operations = 100'000, .passes = 3, .fills = 1};
        } else {
            std::fputs("usage: bench_flow [--quick] [--json]\n", stderr);
            return 2;
        }
    }
    const vfm::bench::FlowReport report = vfm::bench::measure(effort);
    const std::string text = json ? as_json(report) : as_table(report);
    std::fputs(text.c_str(), stdout);
}
