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
constexpr vfm_result kUntouched = {.value = 0, .error = 1, .now = 0, .random = 0};

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
    image.data = program.data;
    image.data_uses = program.data_references;
    for (const bpf::LaterProgram& later : program.later) image.entries.push_back(later.insn);
    return image;
}

class EmittedProgram final : public Program {
  public:
    EmittedProgram(const VerifiedModule& program, bpf::Program emitted,
                   const BpfEngineOptions& options)
        : Program(program), emitted_(std::move(emitted)), options_(options) {}

    std::string_view name() const override { return kName; }
    const bpf::Program& emitted() const { return emitted_; }
    const BpfEngineOptions& options() const { return options_; }

    static constexpr std::string_view kName = "bpf";

  private:
    Result<std::unique_ptr<Instance>> make_instance(const InstanceOptions& options) const override;

    bpf::Program emitted_;
    BpfEngineOptions options_;
};

class EmittedInstance final : public Instance {
  public:
    EmittedInstance(std::shared_ptr<const EmittedProgram> owner, ebpf::Machine machine)
        : owner_(std::move(owner)),
          program_(owner_->emitted()),
          machine_(std::move(machine)),
          options_(owner_->options()) {
        const auto result = std::ranges::find(program_.maps, bpf::MapRole::result, &bpf::Map::role);
        VFM_CHECK(result != program_.maps.end(), "a test build has a result map");
        result_map_ = static_cast<size_t>(result - program_.maps.begin());
        if (options_.vlan_in_metadata) untagged_.resize(UINT16_MAX + kTag);
    }

    std::string_view name() const override { return EmittedProgram::kName; }
    Outcome run(const Packet& packet) override;
    std::vector<FlowEntry> flows() const override;
    std::vector<std::vector<Count>> counters() const override;
    uint64_t refused_stores() const override;
    std::optional<uint32_t> ended_at() const override;

  private:
    ebpf::Input input_of(const Packet& packet);
    [[noreturn, gnu::cold]] void abort_run(const ebpf::Fault& fault) const;

    std::shared_ptr<const EmittedProgram> owner_;
    const bpf::Program& program_;
    ebpf::Machine machine_;
    const BpfEngineOptions& options_;
    size_t result_map_ = 0;
    Bytes untagged_;  // the packet without its outer tag
};

/// With `vlan_in_metadata` what a tc hook sees of a tagged packet: the tag beside the bytes.
ebpf::Input EmittedInstance::input_of(const Packet& packet) {
    ebpf::Input input = {
        .bytes = packet.bytes, .linear = options_.linear, .timestamp = packet.timestamp};
    const ByteView bytes = packet.visible();
    if (!options_.vlan_in_metadata || bytes.size() < kAddresses + kTag + 2) return input;
    const auto protocol = load_be<uint16_t>(bytes.data() + kAddresses);
    if (protocol != 0x8100 && protocol != 0x88a8) return input;
    input.vlan = {.protocol = protocol, .tci = load_be<uint16_t>(bytes.data() + kAddresses + 2)};
    std::memcpy(untagged_.data(), bytes.data(), kAddresses);
    std::memcpy(untagged_.data() + kAddresses, bytes.data() + kAddresses + kTag,
                bytes.size() - kAddresses - kTag);
    input.bytes = ByteView(untagged_).first(bytes.size() - kTag);
    return input;
}

Outcome EmittedInstance::run(const Packet& packet) {
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

void EmittedInstance::abort_run(const ebpf::Fault& fault) const {
    std::string place;
    for (const bpf::LineInfo& line : program_.lines)
        if (line.insn <= fault.pc) place = fmt::format(", bytecode +{:#x}", line.code_offset);
    const std::string what = fmt::format("an emitted program does not fault (eBPF insn {}{}: {})",
                                         fault.pc, place, fault.reason);
    VFM_CHECK(false, what.c_str());
    std::unreachable();
}

std::vector<FlowEntry> EmittedInstance::flows() const {
    std::vector<FlowEntry> out;
    for (size_t i = 0; i < program_.maps.size(); ++i) {
        const bpf::Map& map = program_.maps[i];
        if (map.role != bpf::MapRole::flow) continue;
        machine_.map(i).for_each([&](ByteView key, ByteView value) {
            std::vector<uint64_t> words(key.size() / sizeof(uint64_t));
            std::memcpy(words.data(), key.data(), key.size());
            out.push_back({map.table, FlowKey(words), load_le<uint64_t>(value.data())});
        });
    }
    return out;
}

Count take_counter(const uint8_t*& at) {
    vfm_counter value;
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return {value.packets, value.bytes};
}

std::vector<std::vector<Count>> EmittedInstance::counters() const {
    std::vector<std::vector<Count>> all;
    for (const CounterGroup& group : owner_->verified().module().counter_groups)
        all.emplace_back(group.counters.size());
    for (size_t i = 0; i < program_.maps.size(); ++i) {
        const bpf::Map& map = program_.maps[i];
        if (map.role == bpf::MapRole::stats && !map.counters.empty()) {
            const uint8_t* next = machine_.map(i).value(0) + sizeof(vfm_stats);
            for (std::vector<Count>& group : all)
                for (Count& one : group) one = take_counter(next);
        }
        if (map.role != bpf::MapRole::counters) continue;
        for (uint32_t counter = 0; counter < map.max_entries; ++counter) {
            const uint8_t* at = machine_.map(i).value(counter);
            all[map.table][counter] = take_counter(at);
        }
    }
    return all;
}

uint64_t EmittedInstance::refused_stores() const {
    for (size_t i = 0; i < program_.maps.size(); ++i)
        if (program_.maps[i].role == bpf::MapRole::stats)
            return load_le<uint64_t>(machine_.map(i).value(0) +
                                     offsetof(vfm_stats, refused_stores));
    return 0;
}

std::optional<uint32_t> EmittedInstance::ended_at() const {
    std::optional<uint32_t> offset;
    for (const bpf::LineInfo& line : program_.lines)
        if (line.insn <= machine_.exit_pc()) offset = line.code_offset;
    return offset;
}

// An emitted program calls no host functions: CALL is refused there.
Result<std::unique_ptr<Instance>> EmittedProgram::make_instance(
    const InstanceOptions& /*options*/) const {
    auto machine = ebpf::Machine::load(image_of(emitted_));
    if (!machine) {
        const std::string what = fmt::format("an emitted program loads (eBPF insn {}: {})",
                                             machine.error().pc, machine.error().reason);
        VFM_CHECK(false, what.c_str());
    }
    for (size_t i = 0; i < emitted_.maps.size(); ++i) {
        const bpf::Map& map = emitted_.maps[i];
        for (size_t at = 0; at < map.keys.size(); at += map.key_size)
            machine->map(i).update(&map.keys[at], map.value.data(), 0);
    }
    return std::make_unique<EmittedInstance>(
        std::static_pointer_cast<const EmittedProgram>(shared_from_this()), *std::move(machine));
}

}  // namespace

Result<std::shared_ptr<const Program>> bpf_program(const VerifiedModule& program,
                                                   const BpfEngineOptions& options) {
    bpf::Options build{.hook = options.hook, .for_kernel = false, .result_map = true};
    build.frames = options.frames;
    build.drop_on_error = options.drop_on_error;
    build.shared = options.shared;
    build.care = options.care;
    build.register_seed = options.register_seed;
    build.loops = options.loops;
    return std::make_shared<const EmittedProgram>(program, TRY(bpf::generate(program, build)),
                                                  options);
}

}  // namespace vfm
