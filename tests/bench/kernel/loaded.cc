#include "tests/bench/kernel/loaded.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <memory>

#include "core/base/clock.h"
#include "loader/kernel.h"
#include "loader/load.h"

namespace vfm::bench {
namespace {

std::unexpected<Failure> not_loaded(const bpf_object* object) {
    return refuse(bpf_object__name(object), error_text(errno) + ": " + take_libbpf_warnings());
}

}  // namespace

Result<bpf::Program> our_build(const VerifiedModule& program) {
    return bpf::generate(program, {.frames = bpf::Frames::linear});
}

Result<Opener> ours_of(const VerifiedModule& program) {
    const auto elf = std::make_shared<const Bytes>(bpf::write_elf(TRY(our_build(program))));
    return [elf]() -> Result<twins::ObjectFile> {
        silence_libbpf();
        take_libbpf_warnings();
        auto options = libbpf_options<bpf_object_open_opts>();
        options.object_name = "ours";
        twins::ObjectFile object(bpf_object__open_mem(elf->data(), elf->size(), &options));
        if (!object) return refuse("ours", error_text(errno) + ": " + take_libbpf_warnings());
        return object;
    };
}

Opener twin_of(const twins::Twin& twin) {
    return [twin] { return twins::open_twin(twin, twins::Clock::kernel); };
}

Result<Loaded> Loaded::load(const Opener& opener) {
    Loaded out;
    out.object_ = TRY(opener());
    if (bpf_object__load(out.object_.get()) != 0) return not_loaded(out.object_.get());
    return out;
}

Result<double> Loaded::load_again(const Opener& opener) const {
    const twins::ObjectFile again = TRY(opener());
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, again.get()) {
        const int there = bpf_object__find_map_fd_by_name(object_.get(), bpf_map__name(map));
        if (bpf_map__reuse_fd(map, there) != 0) return not_loaded(again.get());
    }
    const uint64_t begin = monotonic_now();
    if (bpf_object__load(again.get()) != 0) return not_loaded(again.get());
    return static_cast<double>(monotonic_now() - begin) / 1e6;
}

int Loaded::fd() const { return bpf_program__fd(bpf_object__next_program(object_.get(), nullptr)); }

Result<int> Loaded::map(const char* name) const {
    const int map = bpf_object__find_map_fd_by_name(object_.get(), name);
    if (map < 0) return not_loaded(object_.get());
    return map;
}

Size Loaded::size() const {
    bpf_prog_info info{};
    if (!program_facts(fd(), info)) return {};
    return {.loaded = static_cast<unsigned>(info.xlated_prog_len / sizeof(bpf_insn)),
            .processed = info.verified_insns,
            .machine_bytes = info.jited_prog_len};
}

}  // namespace vfm::bench
