#include "tests/bench/kernel/timed.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <cerrno>

#include "loader/kernel.h"

namespace vfm::bench {
namespace {

constexpr size_t kClockPage = 4096;
constexpr uint32_t kFixedPackets = 16;

std::unexpected<Failure> no_wrapper() {
    return refuse("wrapper.bpf.o", error_text(errno) + ": " + take_libbpf_warnings());
}

int map_of(const twins::ObjectFile& object, const char* name) {
    return bpf_object__find_map_fd_by_name(object.get(), name);
}

int program_of(const twins::ObjectFile& object, const char* name) {
    return bpf_program__fd(bpf_object__find_program_by_name(object.get(), name));
}

}  // namespace

Result<Heads> Heads::make(const std::vector<Bytes>& heads) {
    Heads out;
    out.map_ = Fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "heads", sizeof(uint32_t), BENCH_HEADER_BYTES,
                                 BENCH_HEADERS, nullptr));
    if (!out.map_) return no_wrapper();
    for (uint32_t i = 0; i < heads.size(); ++i)
        if (bpf_map_update_elem(out.map(), &i, heads[i].data(), BPF_ANY) != 0) return no_wrapper();
    return out;
}

Result<Timed> Timed::make(int program, const Heads& heads) {
    silence_libbpf();
    take_libbpf_warnings();
    Timed out;
    out.wrapper_.reset(bpf_object__open_file(VFM_BENCH_WRAPPER, nullptr));
    if (!out.wrapper_) return no_wrapper();
    bpf_map* own = bpf_object__find_map_by_name(out.wrapper_.get(), "headers");
    if (bpf_map__reuse_fd(own, heads.map()) != 0) return no_wrapper();
    if (bpf_object__load(out.wrapper_.get()) != 0) return no_wrapper();
    void* clock = mmap(nullptr, kClockPage, PROT_READ | PROT_WRITE, MAP_SHARED,
                       map_of(out.wrapper_, ".bss"), 0);
    if (clock == MAP_FAILED) return no_wrapper();
    out.clock_.reset(static_cast<bench_clock*>(clock));
    const uint32_t only = 0;
    const int inner = program < 0 ? program_of(out.wrapper_, "nothing") : program;
    if (bpf_map_update_elem(map_of(out.wrapper_, "timed"), &only, &inner, BPF_ANY) != 0)
        return no_wrapper();
    return out;
}

void Timed::Unmap::operator()(bench_clock* clock) const { munmap(clock, kClockPage); }

Result<double> Timed::run(const Runs& runs, uint32_t seed, uint32_t same) {
    *clock_ = {.begin = 0,
               .end = 0,
               .run = 0,
               .first = runs.warm,
               .last = runs.warm + runs.timed,
               .same = same,
               .random = seed};
    const Bytes frame(BENCH_FRAME_BYTES);
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.repeat = static_cast<int>(runs.warm + runs.timed + 1);
    if (bpf_prog_test_run_opts(program_of(wrapper_, "wrapper"), &options) != 0) return no_wrapper();
    const bench_clock end = *clock_;
    return static_cast<double>(end.end - end.begin) / runs.timed;
}

Result<double> Timed::fixed(const Runs& runs, uint32_t seed) {
    return run(runs, seed, runs.timed / kFixedPackets - 1);
}

Result<double> Timed::varied(const Runs& runs, uint32_t seed) { return run(runs, seed, 0); }

}  // namespace vfm::bench
