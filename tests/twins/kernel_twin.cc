#include "tests/twins/kernel_twin.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "loader/counters.h"
#include "loader/kernel.h"
#include "tests/twins/blocked_list.h"

namespace vfm::twins {
namespace {

constexpr size_t kPage = 4096;

/// The list that the twin wants, if it wants one.
Result<> set_blocked(bpf_object* object) {
    bpf_map* map = bpf_object__find_map_by_name(object, ".rodata");
    if (!map) return {};
    const twin_blocked blocked = TRY(read_blocked(VFM_COOKBOOK "/geo-block.txt"));
    if (bpf_map__set_initial_value(map, &blocked, sizeof blocked) != 0)
        return refuse("geo-block.txt", error_text(errno));
    return {};
}

bool has_own_clock(const Twin& twin, Clock clock) {
    return twin.reads_clock && clock == Clock::packet;
}

std::unexpected<Failure> refused(const std::string& path) {
    return refuse(path, fmt::format("{}: {}", error_text(errno), take_libbpf_warnings()));
}

size_t entries(int map) {
    std::array<uint8_t, 64> key{};  // no key is longer
    size_t count = 0;
    const void* previous = nullptr;
    for (; bpf_map_get_next_key(map, previous, key.data()) == 0; previous = key.data()) ++count;
    return count;
}

}  // namespace

const std::vector<Twin>& all_twins() {
    static const std::vector<Twin> twins = {
        {"H1", "01-syn-limit", true},          {"H2", "02-syn-prefix", true},
        {"H3", "03-dns-amplification", false}, {"H4", "04-ntp-monlist", false},
        {"H5", "09-port-scan", true},          {"H6", "13-bogons", false},
        {"H7", "14-geo-block", false},         {"H8", "18-ra-guard", false},
        {"H9", "21-allow-list", false},        {"H10", "25-host-policy", true},
    };
    return twins;
}

std::string path_of(const Twin& twin, Clock clock) {
    return fmt::format("{}/{}{}.bpf.o", VFM_TWINS, twin.filter,
                       has_own_clock(twin, clock) ? ".test" : "");
}

Result<ObjectFile> open_twin(const Twin& twin, Clock clock) {
    silence_libbpf();
    take_libbpf_warnings();
    const std::string path = path_of(twin, clock);
    ObjectFile object(bpf_object__open_file(path.c_str(), nullptr));
    if (!object) return refused(path);
    TRY(set_blocked(object.get()));
    return object;
}

Result<KernelTwin> KernelTwin::load(const Twin& twin, Clock clock) {
    KernelTwin out;
    out.object_ = TRY(open_twin(twin, clock));
    const std::string path = path_of(twin, clock);
    if (bpf_object__load(out.object_.get()) != 0) return refused(path);
    out.program_ = bpf_program__fd(bpf_object__next_program(out.object_.get(), nullptr));
    out.counts_ = bpf_object__find_map_fd_by_name(out.object_.get(), "counts");
    if (has_own_clock(twin, clock)) {
        // The clock is all that stands there.
        const int bss = bpf_object__find_map_fd_by_name(out.object_.get(), ".bss");
        void* memory = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, bss, 0);
        if (memory == MAP_FAILED) return refused(path);
        out.clock_.reset(static_cast<uint64_t*>(memory));
    }
    return out;
}

void KernelTwin::Unmap::operator()(uint64_t* clock) const { munmap(clock, kPage); }

std::optional<uint32_t> KernelTwin::run(const Packet& packet) {
    if (clock_) *clock_ = packet.timestamp;
    return run_now(packet);
}

std::optional<uint32_t> KernelTwin::run_now(const Packet& packet) const {
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = packet.bytes.data();
    options.data_size_in = static_cast<uint32_t>(packet.bytes.size());
    options.repeat = 1;
    if (bpf_prog_test_run_opts(program_, &options) != 0) return std::nullopt;
    return options.retval;
}

void KernelTwin::advance(uint64_t nanoseconds) const {
    __atomic_fetch_add(clock_.get(), nanoseconds, __ATOMIC_RELAXED);
}

twin_counts KernelTwin::counts() const {
    std::vector<twin_counts> of_cpu(cpu_count());
    const uint32_t key = 0;
    twin_counts sum{};
    if (bpf_map_lookup_elem(counts_, &key, of_cpu.data()) != 0) return sum;
    for (const twin_counts& one : of_cpu) {
        add_stats(sum.stats, one.stats);
        for (unsigned rule = 0; rule < TWIN_RULES; ++rule) {
            sum.rules[rule].packets += one.rules[rule].packets;
            sum.rules[rule].bytes += one.rules[rule].bytes;
        }
    }
    return sum;
}

std::vector<size_t> KernelTwin::table_sizes() const {
    std::vector<size_t> sizes;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
        if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH) sizes.push_back(entries(bpf_map__fd(map)));
    }
    std::ranges::sort(sizes);
    return sizes;
}

}  // namespace vfm::twins
