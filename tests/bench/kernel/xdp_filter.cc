// xdp-filter's own objects, filled as its command fills them for F2 (TCP to two ports) and F8 (a
// list of source addresses), timed behind the same wrapper. It walks over headers and also takes
// IPv6, so on some packets it decides otherwise: how many is said.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <cerrno>
#include <filesystem>

#include "loader/counters.h"
#include "loader/kernel.h"
#include "tests/bench/kernel/rivals.h"
#include "tests/bench/lists.h"

namespace vfm::bench {
namespace {

// Of xdp-filter's prog_common.h.
constexpr uint64_t kFromSource = 1, kToDestination = 2, kTcpPort = 4;

struct XdpFilterCase {
    std::string_view filter;
    std::string_view object;
    std::string_view map;
    std::vector<uint32_t> keys;
    uint64_t flags;
};

std::vector<XdpFilterCase> cases() {
    std::vector<uint32_t> sources;
    for (const uint32_t address : addresses()) sources.push_back(htonl(address));
    return {{"F2",
             "xdpfilt_dny_tcp.o",
             "filter_ports",
             {htons(80), htons(443)},
             kToDestination | kTcpPort},
            {"F8", "xdpfilt_dny_ip.o", "filter_ipv4", sources, kFromSource}};
}

std::string folder_of_objects() {
    for (const char* folder :
         {"/usr/lib/" VFM_ARCHITECTURE "/bpf", "/usr/lib/bpf", "/usr/lib64/bpf"})
        if (std::filesystem::exists(std::string(folder) + "/xdpfilt_dny_tcp.o")) return folder;
    return {};
}

std::unexpected<Failure> no_xdp_filter() {
    return refuse("xdp-filter", error_text(errno) + ": " + take_libbpf_warnings());
}

Result<twins::ObjectFile> loaded_object(const std::string& path, const XdpFilterCase& one) {
    take_libbpf_warnings();
    twins::ObjectFile object(bpf_object__open_file(path.c_str(), nullptr));
    if (!object) return no_xdp_filter();
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object.get()) bpf_map__set_pin_path(map, nullptr);
    if (bpf_object__load(object.get()) != 0) return no_xdp_filter();
    const std::string name(one.map);
    const int fd = bpf_object__find_map_fd_by_name(object.get(), name.c_str());
    const std::vector<uint64_t> of_cpu(cpu_count(), one.flags);
    for (const uint32_t key : one.keys)
        if (bpf_map_update_elem(fd, &key, of_cpu.data(), BPF_ANY) != 0) return no_xdp_filter();
    return object;
}

uint32_t action_of(int program, const Bytes& head) {
    Bytes frame = head;
    frame.resize(BENCH_FRAME_BYTES);
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.repeat = 1;
    return bpf_prog_test_run_opts(program, &options) == 0 ? options.retval : UINT32_MAX;
}

Result<RivalTime> time_beside_null(const Subject& subject, int program, const Plan& plan) {
    const Heads heads = TRY(Heads::make(subject.heads));
    const Loaded twin = TRY(Loaded::load(twin_of(subject.twin)));
    size_t alike = 0;
    for (const Bytes& head : subject.heads)
        alike += action_of(program, head) == action_of(twin.fd(), head);
    Timed filter = TRY(Timed::make(program, heads));
    Timed nothing = TRY(Timed::make(-1, heads));
    Times times, without;
    const FirstOnCpu first;
    for (uint32_t seed = 1; seed <= plan.rounds; ++seed) {
        without.fixed.push_back(TRY(nothing.fixed(plan.runs, 1)));
        times.fixed.push_back(TRY(filter.fixed(plan.runs, 1)));
        without.varied.push_back(TRY(nothing.varied(plan.runs, seed)));
        times.varied.push_back(TRY(filter.varied(plan.runs, seed)));
    }
    return RivalTime{
        .filter = subject.name,
        .fixed = median_difference(times.fixed, without.fixed),
        .varied = median_difference(times.varied, without.varied),
        .note = fmt::format("decides alike on {} of {} packets", alike, subject.heads.size())};
}

Result<RivalTime> time_of_case(const Subject& subject, const std::string& path,
                               const XdpFilterCase& one, const Plan& plan) {
    const twins::ObjectFile object = TRY(loaded_object(path, one));
    const int program = bpf_program__fd(bpf_object__next_program(object.get(), nullptr));
    return time_beside_null(subject, program, plan);
}

}  // namespace

Rival xdp_filter(const std::vector<Subject>& subjects, const Plan& plan) {
    Rival rival{.name = "xdp-filter",
                .how = "its program behind the same wrapper, deny policy, filled for this filter",
                .skipped = {}};
    const std::string folder = folder_of_objects();
    if (folder.empty()) {
        rival.skipped = "xdp-filter is not installed (Debian's xdp-tools)";
        return rival;
    }
    for (const Subject& subject : subjects)
        for (const XdpFilterCase& one : cases()) {
            if (one.filter != subject.name) continue;
            auto time = time_of_case(subject, fmt::format("{}/{}", folder, one.object), one, plan);
            if (!time) {
                rival.skipped = render(time.error().diagnostics);
                return rival;
            }
            rival.times.push_back(*std::move(time));
        }
    if (rival.times.empty()) rival.skipped = "it has no filter like these";
    return rival;
}

}  // namespace vfm::bench
