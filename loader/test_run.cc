#include "loader/test_run.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bpf/vfm_abi.h"
#include "core/ebpf/constructors.h"
#include "core/front/front.h"
#include "core/run/random.h"
#include "loader/counters.h"
#include "loader/kernel.h"
#include "loader/load.h"
#include "loader/loop_forms.h"
#include "loader/map_memory.h"

namespace vfm {
namespace {

/// What no run leaves in the result map: errors are 0 or negative.
constexpr int64_t kUntouched = 1;

class KernelProgram final : public Program {
  public:
    KernelProgram(const VerifiedModule& program, bpf::Program emitted)
        : Program(program), emitted_(std::move(emitted)) {}

    std::string_view name() const override { return kName; }
    bpf::Frames frames() const { return emitted_.frames; }

    static constexpr std::string_view kName = "kernel";

  private:
    Result<std::unique_ptr<Instance>> make_instance(const InstanceOptions& options) const override;

    bpf::Program emitted_;
};

class KernelInstance final : public Instance {
  public:
    KernelInstance(std::shared_ptr<const KernelProgram> owner, LoadedProgram program)
        : owner_(std::move(owner)),
          program_(std::move(program)),
          result_map_(program_.find(bpf::MapRole::result)->fd.get()),
          results_(cpu_count()) {}

    std::string_view name() const override { return KernelProgram::kName; }
    Outcome run(const Packet& packet) override;
    std::vector<FlowEntry> flows() const override;
    std::vector<std::vector<Count>> counters() const override;
    uint64_t refused_stores() const override;

  private:
    std::shared_ptr<const KernelProgram> owner_;
    LoadedProgram program_;
    int result_map_;
    std::vector<vfm_result> results_;  // by CPU
    RandomSequence random_;
};

Outcome KernelInstance::run(const Packet& packet) {
    const uint32_t key = 0;
    // The run may be on any CPU: the one whose value has changed afterwards is it.
    const vfm_result before = {
        .value = 0, .error = kUntouched, .now = packet.timestamp, .random = random_.state()};
    std::ranges::fill(results_, before);
    if (bpf_map_update_elem(result_map_, &key, results_.data(), BPF_ANY) != 0)
        return Outcome::skip();
    const ByteView bytes = packet.visible();
    // The test run would make two buffers of it, with or without BPF_F_XDP_HAS_FRAGS.
    constexpr size_t kMostInOneBuffer = 3520;
    if (owner_->frames() == bpf::Frames::linear && bytes.size() > kMostInOneBuffer)
        return Outcome::skip();
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = bytes.data();
    options.data_size_in = static_cast<uint32_t>(bytes.size());
    options.repeat = 1;
    if (bpf_prog_test_run_opts(program_.fd.get(), &options) != 0) return Outcome::skip();
    if (bpf_map_lookup_elem(result_map_, &key, results_.data()) != 0) return Outcome::skip();
    for (const vfm_result& result : results_) {
        if (result.error > 0) continue;
        random_ = RandomSequence(result.random);
        if (result.error == 0) return Outcome::of(result.value);
        return Outcome::trap(static_cast<ErrorKind>(result.error));
    }
    return Outcome::skip();
}

std::vector<FlowEntry> KernelInstance::flows() const {
    std::vector<FlowEntry> entries;
    for (const LoadedMap& map : program_.maps) {
        if (map.declaration.role != bpf::MapRole::flow) continue;
        const auto flows = read_flows(map.fd.get(), map.declaration.max_entries);
        if (!flows) continue;
        for (const FlowCount& flow : *flows)
            entries.push_back({map.declaration.table, flow.key, flow.value});
    }
    return entries;
}

std::vector<std::vector<Count>> KernelInstance::counters() const {
    std::vector<std::vector<Count>> all;
    const auto& groups = owner_->verified().module().counter_groups;
    for (const CounterGroup& group : groups) all.emplace_back(group.counters.size());
    for (const LoadedMap& map : program_.maps) {
        if (!map.declaration.counters.empty())
            return read_counters_in_stats(map.fd.get(), sizes_of(groups)).value_or(std::move(all));
        if (map.declaration.role != bpf::MapRole::counters) continue;
        const auto counters = read_counters(map.fd.get());
        if (!counters) continue;
        std::ranges::transform(
            *counters, all[map.declaration.table].begin(),
            [](const vfm_counter& one) { return Count{one.packets, one.bytes}; });
    }
    return all;
}

uint64_t KernelInstance::refused_stores() const {
    const LoadedMap* map = program_.find(bpf::MapRole::stats);
    const auto stats = map ? read_stats(map->fd.get()) : Result<vfm_stats>(vfm_stats{});
    return stats ? stats->refused_stores : 0;
}

/// For messages: what the module says about itself.
Filter filter_of(const VerifiedModule& program) {
    Filter filter{.module = program.module(), .name = program.module().source_name, .warnings = {}};
    if (filter.name.empty()) filter.name = "filter";
    return filter;
}

// An emitted program calls no host functions: CALL is refused there.
Result<std::unique_ptr<Instance>> KernelProgram::make_instance(
    const InstanceOptions& /*options*/) const {
    auto loaded = load_program(emitted_);
    if (!loaded) return std::unexpected(load_failure(loaded.error(), filter_of(verified())));
    return std::make_unique<KernelInstance>(
        std::static_pointer_cast<const KernelProgram>(shared_from_this()), std::move(*loaded));
}

}  // namespace

Result<std::shared_ptr<const Program>> kernel_program(const VerifiedModule& program,
                                                      const KernelEngineOptions& options) {
    for (const Insn& insn : program.insns()) {
        if (options.fixed_inputs || (insn.op != Opcode::NOW && insn.op != Opcode::RAND)) continue;
        return std::unexpected(Failure(
            Status::refused,
            locate(filter_of(program), insn.offset,
                   fmt::format("programs with {} are not run in the kernel: no two runs agree",
                               op_info(insn.op).name))));
    }
    const bpf::Options build{.hook = options.hook,
                             .frames = options.frames,
                             .result_map = true,
                             .fixed_inputs = options.fixed_inputs,
                             .loops = options.loops ? *options.loops : loop_form_for(program)};
    bpf::Program emitted = TRY(bpf::generate(program, build));
    uint64_t memory = 0;
    for (const MemoryPart& map : memory_of_maps(emitted)) memory += map.bytes;
    if (memory > kDefaultMemory)
        return refuse(filter_of(program).name,
                      fmt::format("its maps would take {} bytes of the kernel's memory, a test run "
                                  "asks for {} at most",
                                  memory, kDefaultMemory));
    return std::make_shared<const KernelProgram>(program, std::move(emitted));
}

std::string kernel_engine_missing() {
    static const std::string missing = []() -> std::string {
        silence_libbpf();
        const bpf_insn pass[] = {ebpf::mov_imm(BPF_REG_0, XDP_PASS), ebpf::exit_insn()};
        const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "vfm_probe", "GPL", pass, 2, nullptr));
        if (!program) {
            const int error = errno;
            if (!has_capability(Capability::bpf)) return "needs CAP_BPF";
            if (!has_capability(Capability::net_admin)) return "needs CAP_NET_ADMIN";
            return fmt::format("the kernel loads no XDP program: {}", error_text(error));
        }
        if (!has_capability(Capability::perfmon)) return "needs CAP_PERFMON";
        const std::array<uint8_t, 64> packet{};
        auto options = libbpf_options<bpf_test_run_opts>();
        options.data_in = packet.data();
        options.data_size_in = packet.size();
        options.repeat = 1;
        if (bpf_prog_test_run_opts(program.get(), &options) != 0)
            return fmt::format("the kernel has no test run: {}", error_text(errno));
        return {};
    }();
    return missing;
}

}  // namespace vfm
