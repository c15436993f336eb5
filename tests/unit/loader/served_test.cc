// A served filter as others see it, without one: a process that holds the lock of a directory, with
// the maps in it. Skipped where BPF is not available.
#include "loader/served.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <functional>

#include "loader/live_sets.h"
#include "loader/shared_memory.h"
#include "tests/unit/loader/private_bpffs.h"
#include "userspace/flow/flow_table.h"

BOOST_AUTO_TEST_SUITE(served_test)

using namespace vfm;
using test::bpf_is_there;
using test::bpffs;

namespace {

uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// What a served filter pins.
struct Served {
    std::string directory = bpffs() + "/filter";
    SharedMemory queues, threads;

    static SharedMemory make(const char* name, size_t size) {
        auto memory = SharedMemory::make("test", name, size);
        BOOST_REQUIRE(memory.has_value());
        return *std::move(memory);
    }

    Served()
        : queues(make(kQueuesMap, VFM_MAX_QUEUES * sizeof(vfm_queue))),
          threads(make(kServedMap, (1 + VFM_MAX_QUEUES) * sizeof(vfm_served))) {
        BOOST_REQUIRE(mkdir(directory.c_str(), 0700) == 0);
        BOOST_REQUIRE(mkdir((directory + "/maps").c_str(), 0700) == 0);
        pin(queues.map(), kQueuesMap);
        pin(threads.map(), kServedMap);
        const Fd stats(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "vfm_stats", 4, sizeof(vfm_stats),
                                      1, nullptr));
        pin(stats.get(), "vfm_stats");
    }
    ~Served() { std::filesystem::remove_all(directory); }

    void pin(int map, const std::string& name) const {
        BOOST_REQUIRE(bpf_obj_pin(map, (directory + "/maps/" + name).c_str()) == 0);
    }
    vfm_queue& queue(size_t number) {
        return reinterpret_cast<vfm_queue*>(queues.bytes().data())[number];
    }
    vfm_served& entry(size_t number) {
        return reinterpret_cast<vfm_served*>(threads.bytes().data())[number];
    }
    StoredFilter filter() const {
        StoredFilter filter;
        filter.directory = directory;
        filter.record.mode = Mode::userspace;
        filter.record.stats_map = "vfm_stats";
        return filter;
    }
};

/// A process that holds the service lock of a directory while `then` runs.
class Holder {
  public:
    Holder(const std::string& directory, const std::function<void()>& then) {
        int ready[2];
        BOOST_REQUIRE(pipe(ready) == 0);
        pid_ = fork();
        if (pid_ == 0) {
            const Fd lock = take_service_lock(directory);
            const char answer = lock ? 'y' : 'n';
            if (write(ready[1], &answer, 1) == 1) then();
            _exit(0);
        }
        close(ready[1]);
        char answer = 0;
        BOOST_REQUIRE(read(ready[0], &answer, 1) == 1);
        close(ready[0]);
        BOOST_REQUIRE(answer == 'y');
    }
    ~Holder() {
        if (!ended_) kill(pid_, SIGKILL);
        if (!ended_) waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }
    int status() {
        int status = 0;
        waitpid(pid_, &status, 0);
        ended_ = true;
        return status;
    }

  private:
    pid_t pid_ = 0;
    bool ended_ = false;
};

void wait_for_ever() {
    for (;;) pause();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(served, *boost::unit_test::precondition(bpf_is_there))

BOOST_AUTO_TEST_CASE(nobody_serves) {
    const Served served;
    const Service service = service_of(served.directory);
    BOOST_TEST((!service.process && !service.answers && service.pid == 0));
    BOOST_TEST(!service_of("/no/such/directory").process);
    BOOST_TEST(end_service(served.directory).has_value());
}

BOOST_AUTO_TEST_CASE(a_lock_is_one_process_s) {
    const Served served;
    {
        const Fd lock = take_service_lock(served.directory);
        BOOST_TEST(bool(lock));
        BOOST_TEST(!take_service_lock(served.directory));
    }
    const Holder holder(served.directory, wait_for_ever);
    BOOST_TEST(!take_service_lock(served.directory));
    const Service service = service_of(served.directory);
    BOOST_TEST(service.process);
    BOOST_TEST(service.pid == holder.pid());
    BOOST_TEST(!service.answers);  // no queue has ever been served
}

BOOST_AUTO_TEST_CASE(every_queue_must_beat) {
    Served served;
    const Holder holder(served.directory, wait_for_ever);
    for (const size_t number : {0, 1, 5}) {
        served.queue(number).limit = 256;
        served.queue(number).beat = now();
    }
    BOOST_TEST(service_of(served.directory).answers);
    served.queue(5).beat = now() - 2 * VFM_PATIENCE;
    BOOST_TEST(!service_of(served.directory).answers);
    served.queue(5).beat = 0;  // silent
    BOOST_TEST(!service_of(served.directory).answers);
    served.queue(5).beat = now();
    BOOST_TEST(service_of(served.directory).answers);
}

BOOST_AUTO_TEST_CASE(the_stop_word_ends_who_hears_no_signal) {
    Served served;
    served.queue(0).limit = 1;
    served.queue(0).beat = now();
    std::signal(SIGTERM, SIG_IGN);  // before it begins
    Holder holder(served.directory, [&] {
        while (__atomic_load_n(&served.entry(0).control.stop, __ATOMIC_ACQUIRE) == 0)
            poll(nullptr, 0, 1);
    });
    std::signal(SIGTERM, SIG_DFL);
    BOOST_TEST(end_service(served.directory).has_value());
    const int status = holder.status();
    BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

BOOST_AUTO_TEST_CASE(a_signal_ends_who_reads_no_word) {
    const Served served;
    Holder holder(served.directory, wait_for_ever);
    BOOST_TEST(end_service(served.directory).has_value());
    const int status = holder.status();
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_killed) {
    const Served served;
    Holder stopped(served.directory, wait_for_ever);
    kill(stopped.pid(), SIGSTOP);
    waitpid(stopped.pid(), nullptr, WUNTRACED);
    BOOST_TEST(end_service(served.directory).has_value());
    int status = stopped.status();
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    BOOST_TEST(!service_of(served.directory).process);
}

BOOST_AUTO_TEST_CASE(flow_tables_have_keys_of_any_length) {
    const TableDecl declaration = {
        .name = "pairs", .key = {KeyKind::ip, KeyKind::port}, .capacity = 100};
    const Served served;
    const SharedMemory memory = Served::make("pairs", FlowTable::memory_size(declaration));
    served.pin(memory.map(), "pairs");
    FlowTable table(PlacedTable{declaration, memory.bytes()});
    const uint64_t key[] = {0, 0xffff0a000001, 443};
    table.set(KeyWords{key}, 7);
    RecordedTable recorded{"pairs", declaration.key, 100, "pairs"};
    const auto flows = flows_of(served.filter(), recorded);
    BOOST_REQUIRE(flows.has_value());
    BOOST_REQUIRE(flows->size() == 1u);
    BOOST_TEST((flows->front().key == FlowKey(std::span<const uint64_t>(key))));
    BOOST_TEST(flows->front().value == 7u);
    recorded.key = {KeyKind::conn};
    BOOST_TEST(!flows_of(served.filter(), recorded).has_value());
}

BOOST_AUTO_TEST_CASE(counters_are_the_sum_of_all_threads_parts) {
    const std::vector<CounterGroup> groups = {
        {"rules", std::vector<CounterPlace>(2, {"f.vfl", 1, "x", ""})},
        {"rules-2", std::vector<CounterPlace>(5, {"f.vfl", 2, "y", ""})}};
    const Served served;
    const size_t part = counters_part(groups);
    const SharedMemory memory = Served::make(kCountersMap, 3 * part);
    served.pin(memory.map(), kCountersMap);
    for (size_t queue = 0; queue < 3; ++queue) {
        Counters counters(groups, memory.bytes().subspan(queue * part, part));
        counters.count(0, 1, 100);
        counters.count(1, 4, 60 + queue);
    }
    StoredFilter filter = served.filter();
    const std::vector<std::vector<Count>> none = {std::vector<Count>(2), std::vector<Count>(5)};
    BOOST_TEST((counts_of(filter, groups).value() == none));
    filter.record.counters = {kCountersMap};
    auto expected = none;
    expected[0][1] = {3, 300};
    expected[1][4] = {3, 183};
    BOOST_TEST((counts_of(filter, groups).value() == expected));
    filter.record.counters = {"gone"};
    BOOST_TEST(!counts_of(filter, groups).has_value());
}

BOOST_AUTO_TEST_CASE(counters_in_the_kernel_are_a_map_a_group) {
    const std::vector<CounterGroup> groups = {
        {"unused", std::vector<CounterPlace>(2, {"f.vfl", 1, "x", ""})},
        {"rules", std::vector<CounterPlace>(3, {"f.vfl", 2, "y", ""})}};
    const Served served;
    const Fd map(
        bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "rules", 4, sizeof(vfm_counter), 3, nullptr));
    served.pin(map.get(), "rules");
    const std::vector<vfm_counter> values(cpu_count(), {2, 120});
    const uint32_t key = 1;
    BOOST_REQUIRE(bpf_map_update_elem(map.get(), &key, values.data(), BPF_ANY) == 0);
    StoredFilter filter = served.filter();
    filter.record.mode = Mode::native;
    filter.record.counters = {"", "rules"};
    const auto counts = counts_of(filter, groups);
    BOOST_REQUIRE(counts.has_value());
    BOOST_TEST(((*counts)[0] == std::vector<Count>(2)));
    const uint64_t cpus = cpu_count();
    const std::vector<Count> expected = {{}, {2 * cpus, 120 * cpus}, {}};
    BOOST_TEST(((*counts)[1] == expected));
}

BOOST_AUTO_TEST_CASE(counters_in_the_kernel_stand_behind_the_statistics) {
    const std::vector<CounterGroup> groups = {
        {"first", std::vector<CounterPlace>(1, {"f.vfl", 1, "x", ""})},
        {"rules", std::vector<CounterPlace>(2, {"f.vfl", 2, "y", ""})}};
    const Served served;
    struct Value {
        vfm_stats stats;
        vfm_counter counters[3];
    };
    const Fd map(
        bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "statistics", 4, sizeof(Value), 1, nullptr));
    served.pin(map.get(), "statistics");
    Value value{};
    value.stats.packets = 9;
    value.counters[0] = {1, 60};
    value.counters[2] = {2, 120};
    const std::vector<Value> values(cpu_count(), value);
    const uint32_t key = 0;
    BOOST_REQUIRE(bpf_map_update_elem(map.get(), &key, values.data(), BPF_ANY) == 0);
    StoredFilter filter = served.filter();
    filter.record.mode = Mode::native;
    filter.record.stats_map = "statistics";
    filter.record.counters = {"statistics", "statistics"};
    const uint64_t cpus = cpu_count();
    const std::vector<std::vector<Count>> expected = {{{cpus, 60 * cpus}},
                                                      {{}, {2 * cpus, 120 * cpus}}};
    BOOST_TEST((counts_of(filter, groups).value() == expected));
    BOOST_TEST(read_stats(map.get())->packets == 9 * cpus);
    // More than there are.
    const std::vector<CounterGroup> many = {
        {"many", std::vector<CounterPlace>(1000, {"f.vfl", 1, "x", ""})}};
    BOOST_TEST(!read_counters_in_stats(map.get(), sizes_of(many)).has_value());
}

BOOST_AUTO_TEST_CASE(live_sets_are_lists_beside_the_filter) {
    const Served served;
    BOOST_TEST(!read_live_set(served.directory, 3).has_value());
    LiveMembers members = {{{0, 5, 32}, kNever}, {{7, 0, 20}, 1000}};
    BOOST_TEST(write_live_set(served.directory, 3, members).has_value());
    BOOST_TEST((read_live_set(served.directory, 3).value() == members));
    drop_expired(members, 999);
    BOOST_TEST(members.size() == 2u);
    drop_expired(members, 1000);
    BOOST_TEST((members == LiveMembers{{{0, 5, 32}, kNever}}));
    for (uint64_t i = 0; i < 10000; ++i) members[{0, 1000 + i, 32}] = i;
    BOOST_TEST(write_live_set(served.directory, 3, members).has_value());
    BOOST_TEST((read_live_set(served.directory, 3).value() == members));
    BOOST_TEST(write_live_set(served.directory, 3, {}).has_value());
    BOOST_TEST(read_live_set(served.directory, 3).value().empty());
    BOOST_TEST(!write_live_set("/no/such/directory", 3, {}).has_value());
    const SharedMemory other = Served::make("other", 64);
    served.pin(other.map(), "vfm_set_4");
    BOOST_TEST(!read_live_set(served.directory, 4).has_value());
}

BOOST_AUTO_TEST_CASE(changes_of_sets_are_waited_for_where_somebody_serves) {
    const Served served;
    BOOST_TEST(!announce_changes(served.directory).has_value());  // no word to say it in
    const SharedMemory memory = Served::make(kSetsMap, sizeof(LiveSetChanges));
    served.pin(memory.map(), kSetsMap);
    auto& changes = *reinterpret_cast<LiveSetChanges*>(memory.bytes().data());
    BOOST_TEST(announce_changes(served.directory).has_value());  // nobody serves
    BOOST_TEST(changes.made == 1u);
    BOOST_TEST(changes.taken == 0u);
    const Holder holder(served.directory, [&] {
        for (;;) {
            poll(nullptr, 0, 20);
            __atomic_store_n(&changes.taken, __atomic_load_n(&changes.made, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
        }
    });
    BOOST_TEST(announce_changes(served.directory).has_value());
    BOOST_TEST(changes.taken == 2u);
}

BOOST_AUTO_TEST_CASE(both_sides_count) {
    Served served;
    served.entry(1).stats.packets = 7;
    served.entry(1).stats.pass = 7;
    served.entry(3).stats.packets = 2;
    served.entry(3).stats.drop = 2;
    served.entry(0).control.stop = 1;  // no statistics
    const auto stats = stats_of(served.filter());
    BOOST_REQUIRE(stats.has_value());
    BOOST_TEST(stats->packets == 9u);
    BOOST_TEST(stats->pass == 7u);
    BOOST_TEST(stats->drop == 2u);
    BOOST_TEST(stats->lost == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_outstanding_is_lost_once_nobody_serves) {
    Served served;
    served.queue(0).redirected = 110;
    served.queue(0).consumed = 100;
    served.queue(1).redirected = 5;
    served.queue(1).consumed = 6;  // counted by both as lost: no reason to count it twice
    {
        const Holder holder(served.directory, wait_for_ever);
        const auto stats = stats_of(served.filter());
        BOOST_REQUIRE(stats.has_value());
        BOOST_TEST(stats->lost == 0u);
    }
    const auto stats = stats_of(served.filter());
    BOOST_REQUIRE(stats.has_value());
    BOOST_TEST(stats->lost == 10u);
    BOOST_TEST(stats->drop == 10u);
    BOOST_TEST(stats->packets == 10u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
