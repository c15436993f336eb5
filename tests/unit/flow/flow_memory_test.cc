// Tables in given memory as other processes read them: whatever the writer does meanwhile, however
// it ended, and whatever else the memory holds.
#include "core/run/flow_memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "tests/unit/flow/placed_memory.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(flow_memory_test)

namespace {

using namespace std::chrono_literals;

uint64_t value_of(uint64_t key) { return key * 0x9E3779B97F4A7C15 | 1; }

const FlowMemoryHeader& header_of(const PlacedMemory& placed) {
    return *reinterpret_cast<const FlowMemoryHeader*>(placed.memory().data());
}

/// A process that changes a table until it is stopped or killed.
class Writer {
  public:
    template <class Work>
    explicit Writer(Work work) : pid_(fork()) {
        if (pid_ != 0) return;
        work();
        _exit(0);
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() { end(); }

    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    /// When this returns it has stopped.
    void stop() const {
        kill(pid_, SIGSTOP);
        waitpid(pid_, nullptr, WUNTRACED);
    }
    void go_on() const { kill(pid_, SIGCONT); }

  private:
    pid_t pid_;
};

constexpr uint32_t kStaying = 300;  // keys that are used so often that they are never evicted

/// Keys come and go, by eviction and by remove(); those below kStaying stay. A new key gets its
/// value in a second step, so it may be seen with 0 where a burst was not seen whole.
void churn(FlowTable& table, unsigned burst) {
    std::mt19937_64 random(1);
    for (uint64_t key = 0; key < kStaying; ++key) table.set(key, value_of(key));
    for (uint64_t i = 0;; ++i) {
        if (burst != 0 && i % burst == 0) table.begin_changes();
        const uint64_t key = kStaying + random() % 20000;
        table.set(key, value_of(key));
        if (random() % 2) table.remove(kStaying + random() % 20000);
        table.set(i % kStaying, value_of(i % kStaying));
        if (burst != 0 && i % burst == burst - 1) table.end_changes();
    }
}

/// Every key once, with its own value; how many had none yet.
size_t check_entries(const std::vector<FlowEntry>& entries) {
    size_t wrong = 0, without = 0, staying = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
        const uint64_t key = entries[i].key.words[0], value = entries[i].value;
        without += value == 0;
        wrong += value != 0 && value != value_of(key);
        wrong += key >= kStaying + 20000 || (i > 0 && entries[i].key <= entries[i - 1].key);
        staying += key < kStaying;
    }
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(staying == kStaying);
    return without;
}

std::vector<FlowEntry> read_now(const PlacedMemory& placed) {
    const auto entries = read_flow_memory(placed.memory());
    BOOST_REQUIRE(entries.has_value());
    return *entries;
}

void wait_until_staying(const PlacedMemory& placed) {
    for (int i = 0; i < 5000; ++i) {
        const auto entries = read_flow_memory(placed.memory());
        if (entries && entries->size() > kStaying) return;
        std::this_thread::sleep_for(1ms);
    }
    BOOST_FAIL("the writer does not write");
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_stands_in_front) {
    const TableDecl declaration = {
        .name = "t", .key = {KeyKind::mac}, .capacity = 2, .eviction = Eviction::none};
    const PlacedMemory placed(declaration);
    BOOST_TEST(!read_flow_facts(placed.memory()).has_value());
    FlowTable table(PlacedTable{declaration, placed.memory()});
    for (uint64_t key = 0; key < 5; ++key) table.set(key, 9);
    const auto facts = read_flow_facts(placed.memory());
    BOOST_REQUIRE(facts.has_value());
    BOOST_TEST(facts->words == 1u);
    BOOST_TEST((facts->eviction == Eviction::none));
    BOOST_TEST(facts->capacity == 2u);
    BOOST_TEST(facts->refused_stores == 3u);
    const std::vector<FlowEntry> expected = {{7, 0, 9}, {7, 1, 9}};
    BOOST_TEST((*read_flow_memory(placed.memory(), 7) == expected));
    table.clear();
    BOOST_TEST(read_flow_facts(placed.memory())->refused_stores == 0u);
    BOOST_TEST(read_now(placed).empty());
}

BOOST_AUTO_TEST_CASE(such_a_table_has_its_last_size_from_the_start) {
    for (const uint32_t capacity : {0u, 1u, 64u, 65u, 1000u, 50000u}) {
        const TableDecl declaration = {.name = "t", .capacity = capacity};
        const PlacedMemory placed(declaration);
        FlowTable table(PlacedTable{declaration, placed.memory()});
        BOOST_TEST(table.bytes() == table.most_bytes());
        BOOST_TEST(table.bytes() + sizeof(FlowMemoryHeader) <= placed.memory().size());
        const uint32_t groups = table.groups();
        for (uint64_t key = 0; key < 2 * capacity; ++key) table.set(key, key);
        table.set(FlowTable::kMarker, 5);  // hashes all keys anew
        BOOST_TEST(table.groups() == groups);
        BOOST_TEST(table.size() == capacity);
        BOOST_TEST(table.get(FlowTable::kMarker) == (capacity == 0 ? 0u : 5u));
        BOOST_TEST(read_now(placed).size() == capacity);
    }
}

BOOST_AUTO_TEST_CASE(a_writer_in_the_middle_of_a_burst_keeps_nobody_waiting) {
    const TableDecl declaration = {.name = "t", .capacity = 200000};
    const PlacedMemory placed(declaration);
    FlowTable table(PlacedTable{declaration, placed.memory()});
    table.begin_changes();
    for (uint64_t key = 0; key < 100000; ++key) table.set(key, key + 1);
    const auto begin = std::chrono::steady_clock::now();
    const auto entries = read_now(placed);
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
    BOOST_REQUIRE(entries.size() == 100000u);
    for (uint64_t key = 0; key < 100000; ++key)
        BOOST_REQUIRE((entries[key] == FlowEntry{0, key, key + 1}));
}

BOOST_AUTO_TEST_CASE(a_writer_at_work_is_read) {
    // Bursts; one that never ends; none at all, as if bursts began and ended unseen.
    for (const unsigned burst : {8u, 1u << 30, 0u}) {
        const TableDecl declaration = {.name = "t", .capacity = 5000};
        const PlacedMemory placed(declaration);
        const Writer writer([&] {
            FlowTable table(PlacedTable{declaration, placed.memory()});
            churn(table, burst);
        });
        wait_until_staying(placed);
        for (int i = 0; i < 30; ++i) {
            const auto entries = read_now(placed);
            BOOST_TEST(check_entries(entries) <= entries.size() / 10);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_writer_stopped_or_killed_anywhere_leaves_a_table_to_read) {
    std::mt19937_64 random(2);
    for (int round = 0; round < 20; ++round) {
        const TableDecl declaration = {.name = "t", .capacity = 5000};
        const PlacedMemory placed(declaration);
        Writer writer([&] {
            FlowTable table(PlacedTable{declaration, placed.memory()});
            churn(table, 32);
        });
        wait_until_staying(placed);
        writer.stop();
        BOOST_TEST(check_entries(read_now(placed)) <= 1u);
        writer.go_on();
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        writer.end();
        const auto entries = read_now(placed);
        BOOST_TEST(check_entries(entries) <= 1u);
        BOOST_TEST((read_now(placed) == entries));
    }
}

BOOST_AUTO_TEST_CASE(a_writer_killed_while_it_hashes_anew_loses_two_entries_at_most) {
    constexpr uint64_t kKeys = 20000;
    const TableDecl declaration = {.name = "t", .capacity = kKeys + 1};
    unsigned caught = 0;
    for (int round = 0; round < 100 && caught < 5; ++round) {
        const PlacedMemory placed(declaration);
        const FlowMemoryHeader& header = header_of(placed);
        Writer writer([&] {
            FlowTable table(PlacedTable{declaration, placed.memory()});
            for (uint64_t key = 0; key < kKeys; ++key) table.set(key, value_of(key));
            for (;;) table.set(FlowTable::kMarker, 1);
        });
        for (int i = 0; i < 100000; ++i) {
            if (__atomic_load_n(&header.rehashes, __ATOMIC_ACQUIRE) != 0) break;
            std::this_thread::yield();
        }
        std::this_thread::sleep_for(std::chrono::microseconds(round % 8 * 20));
        writer.end();
        caught += header.rehashes % 2 == 1;
        size_t found = 0, wrong = 0;
        for (const FlowEntry& entry : read_now(placed)) {
            const uint64_t key = entry.key.words[0], value = entry.value;
            if (key == FlowTable::kMarker) continue;
            ++found;
            wrong += key >= kKeys || value != value_of(key);
        }
        BOOST_TEST(wrong == 0u);
        BOOST_TEST(found <= kKeys);
        BOOST_TEST(found + 2 >= kKeys);
    }
    BOOST_TEST(caught > 0u);
}

BOOST_AUTO_TEST_CASE(memory_that_was_cut_off_is_no_table) {
    const TableDecl declaration = {.name = "t", .capacity = 100};
    const PlacedMemory placed(declaration);
    FlowTable table(PlacedTable{declaration, placed.memory()});
    for (uint64_t key = 0; key < 100; ++key) table.set(key, key);
    // At the front of a mapping that ends with the memory: what reads on does not survive.
    for (size_t size = 0; size < placed.memory().size(); ++size) {
        const PlacedMemory cut((size + 63) / 64 * 64 + 64);
        const auto memory = cut.memory().last((size + 63) / 64 * 64).first(size);
        std::ranges::copy(placed.memory().first(size), memory.begin());
        const auto entries = read_flow_memory(memory);
        if (size < placed.memory().size() / 2) BOOST_REQUIRE(!entries.has_value());
        if (entries) BOOST_REQUIRE(entries->size() == 100u);
    }
    const auto failure = read_flow_memory(placed.memory().subspan(8));
    BOOST_REQUIRE(!failure.has_value());
    BOOST_TEST((failure.error().status == Status::refused));
}

BOOST_AUTO_TEST_CASE(memory_that_holds_anything_is_read_without_harm) {
    std::mt19937_64 random(3);
    const TableDecl declaration = {.name = "t", .capacity = 300};
    const PlacedMemory placed(declaration);
    FlowTable table(PlacedTable{declaration, placed.memory()});
    for (uint64_t key = 0; key < 300; ++key) table.set(key, key);
    const std::vector<std::byte> good(placed.memory().begin(), placed.memory().end());
    const size_t most = (good.size() / sizeof(FlowBucket) + 256) * FlowBucket::kEntries;
    size_t read = 0;
    for (int round = 0; round < 3000; ++round) {
        std::ranges::copy(good, placed.memory().begin());
        const size_t reach = round % 4 == 0 ? good.size() : sizeof(FlowMemoryHeader);
        for (uint64_t changes = 1 + random() % 8; changes > 0; --changes) {
            const size_t at = random() % reach;
            if (at < 12 && random() % 16 != 0) continue;  // its name and version, mostly
            placed.memory()[at] = static_cast<std::byte>(random() % 3 == 0 ? 255 : random());
        }
        const auto entries = read_flow_memory(placed.memory());
        if (!entries) continue;
        ++read;
        BOOST_REQUIRE(entries->size() <= most);
        for (size_t i = 1; i < entries->size(); ++i)
            BOOST_REQUIRE((*entries)[i - 1].key < (*entries)[i].key);
    }
    BOOST_TEST(read > 150u);
    BOOST_TEST(read < 3000u);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
