#include "userspace/engines/bpf_engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "bpf/vfm_abi.h"
#include "bpfgen/hook.h"
#include "core/base/check.h"
#include "userspace/ebpf/machine.h"

namespace vfm {
namespace {

/// What no run leaves in the result map: errors are 0 or negative.
constexpr vfm_result kUntouched = {.value = 0, .error = 1};

constexpr size_t kAddresses = 12;  // of an Ethernet header, before tag or EtherType
constexpr size_t kTag = 4;

ebpf::Image image_of(const bpf::Program& program) {
    ebpf::Image image;
    image.context = program.hook == bpf::Hook::xdp ? ebpf::Context::xdp : ebpf::Context::tc;
    image.insns = program.insns;
    for (const bpf::Map& map : program.maps)
        image.maps.push_back({map.type, map.key_size, map.value_size, map.max_entries});
    for (const bpf::MapReference& reference : program.map_references)
        image.map_uses.push_back({reference.insn, reference.map});
    return image;
}

class BpfEngine final : public Engine {
  public:
    BpfEngine(bpf::Program program, ebpf::Machine machine, const BpfEngineOptions& options)
        : program_(std::move(program)), machine_(std::move(machine)), options_(options) {
        const auto result = std::ranges::find(program_.maps, bpf::MapRole::result, &bpf::Map::role);
        VFM_CHECK(result != program_.maps.end(), "a test build has a result map");
        result_map_ = static_cast<size_t>(result - program_.maps.begin());
        if (options.vlan_in_metadata) untagged_.resize(UINT16_MAX + kTag);
    }

    std::string_view name() const override { return "bpf"; }
    Outcome run(const Packet& packet) override;
    std::vector<FlowEntry> flows() const override;
    uint64_t refused_stores() const override;
    std::optional<uint32_t> ended_at() const override;

  private:
    ebpf::Input input_of(const Packet& packet);
    [[noreturn, gnu::cold]] void abort_run(const ebpf::Fault& fault) const;

    bpf::Program program_;
    ebpf::Machine machine_;
    BpfEngineOptions options_;
    size_t result_map_ = 0;
    Bytes untagged_;  // the packet without its outer tag
};

/// With `vlan_in_metadata` what a tc hook sees of a tagged packet: the tag beside the bytes.
ebpf::Input BpfEngine::input_of(const Packet& packet) {
    ebpf::Input input = {
        .bytes = packet.bytes, .linear = options_.linear, .timestamp = packet.timestamp};
    const ByteView bytes = packet.visible();
    if (!options_.vlan_in_metadata || bytes.size() < kAddresses + kTag + 2) return input;
    const auto protocol = load_be<uint16_t>(bytes.data() + kAddresses);
    if (protocol != 0x8100 && protocol != 0x88a8) return input;
    input.vlan = ebpf::VlanTag{.protocol = protocol,
                               .tci = load_be<uint16_t>(bytes.data() + kAddresses + 2)};
    std::memcpy(untagged_.data(), bytes.data(), kAddresses);
    std::memcpy(untagged_.data() + kAddresses, bytes.data() + kAddresses + kTag,
                bytes.size() - kAddresses - kTag);
    input.bytes = ByteView(untagged_).first(bytes.size() - kTag);
    return input;
}

Outcome BpfEngine::run(const Packet& packet) {
    uint8_t* result_bytes = machine_.map(result_map_).value(0);
    std::memcpy(result_bytes, &kUntouched, sizeof kUntouched);
    const auto verdict = machine_.run(input_of(packet));
    if (!verdict) abort_run(verdict.error());
    vfm_result result;
    std::memcpy(&result, result_bytes, sizeof result);
    VFM_CHECK(result.error <= 0 && result.error > -int64_t{kErrorKinds},
              "an emitted test build writes its result");

    const bpf::HookFacts& hook = bpf::hook_facts(options_.hook);
    const bool drops = result.error != 0 ? options_.drop_on_error : result.value == 0;
    VFM_CHECK(static_cast<int32_t>(*verdict) == (drops ? hook.drop : hook.pass),
              "the verdict of an emitted program fits its result");
    return result.error == 0 ? Outcome::of(result.value)
                             : Outcome::trap(static_cast<ErrorKind>(result.error));
}

void BpfEngine::abort_run(const ebpf::Fault& fault) const {
    std::string place;
    for (const bpf::LineInfo& line : program_.lines)
        if (line.insn <= fault.pc) place = fmt::format(", bytecode +{:#x}", line.code_offset);
    const std::string what = fmt::format("an emitted program does not fault (eBPF insn {}{}: {})",
                                         fault.pc, place, fault.reason);
    VFM_CHECK(false, what.c_str());
    std::unreachable();
}

std::vector<FlowEntry> BpfEngine::flows() const {
    std::vector<FlowEntry> out;
    for (size_t i = 0; i < program_.maps.size(); ++i) {
        const bpf::Map& map = program_.maps[i];
        if (map.role != bpf::MapRole::flow) continue;
        machine_.map(i).for_each([&](ByteView key, ByteView value) {
            out.push_back(
                {map.table, load_le<uint64_t>(key.data()), load_le<uint64_t>(value.data())});
        });
    }
    return out;
}

uint64_t BpfEngine::refused_stores() const {
    for (size_t i = 0; i < program_.maps.size(); ++i)
        if (program_.maps[i].role == bpf::MapRole::stats)
            return load_le<uint64_t>(machine_.map(i).value(0) +
                                     offsetof(vfm_stats, refused_stores));
    return 0;
}

std::optional<uint32_t> BpfEngine::ended_at() const {
    std::optional<uint32_t> offset;
    for (const bpf::LineInfo& line : program_.lines)
        if (line.insn <= machine_.exit_pc()) offset = line.code_offset;
    return offset;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_bpf_engine(const VerifiedModule& program) {
    return make_bpf_engine(program, BpfEngineOptions{});
}

Result<std::unique_ptr<Engine>> make_bpf_engine(const VerifiedModule& program,
                                                const BpfEngineOptions& options) {
    bpf::Options build{.hook = options.hook, .result_map = true};
    build.drop_on_error = options.drop_on_error;
    build.register_seed = options.register_seed;
    bpf::Program emitted = TRY(bpf::generate(program, build));
    auto machine = ebpf::Machine::load(image_of(emitted));
    if (!machine) {
        const std::string what = fmt::format("an emitted program loads (eBPF insn {}: {})",
                                             machine.error().pc, machine.error().reason);
        VFM_CHECK(false, what.c_str());
    }
    return std::make_unique<BpfEngine>(std::move(emitted), *std::move(machine), options);
}

}  // namespace vfm
