// The checks of single instructions, before anything runs.
#include "userspace/ebpf/functions.h"
#include "userspace/ebpf/machine.h"

namespace vfm::ebpf {
namespace {

/// Why an instruction cannot be part of a program; empty if it can.
using Objection = std::string_view;

bool writes(const DecodedInsn& insn, Reg reg) {
    switch (insn.family) {
        case Family::alu:
        case Family::negate:
        case Family::swap:
        case Family::wide:
        case Family::load:
            return insn.dst == reg;
        case Family::atomic:
            return (row_of(insn.op).selector & BPF_FETCH) && insn.src == reg;
        case Family::branch:
        case Family::jump:
        case Family::may_jump:
        case Family::call:
        case Family::exit:
        case Family::store_imm:
        case Family::store:
            return false;
    }
    return false;
}

Objection check(const DecodedInsn& insn) {
    if (writes(insn, kFrame)) return "r10 is read-only";
    if (!insn.has_immediate) return "";
    if ((insn.op == Op::DIV || insn.op == Op::MOD) && insn.imm == 0) return "division by zero";
    const bool shifts = insn.op == Op::LSH || insn.op == Op::RSH || insn.op == Op::ARSH;
    if (shifts && insn.imm >= (insn.is_wide ? 64 : 32)) return "shift by the width or more";
    return "";
}

std::unexpected<Fault> fault(size_t pc, std::string_view reason) {
    return std::unexpected(Fault{static_cast<uint32_t>(pc), std::string(reason)});
}

}  // namespace

std::expected<Machine, Fault> Machine::load(const Image& image) {
    Machine machine;
    machine.context_ = image.context;
    const size_t count = image.insns.size();
    machine.insns_.resize(count);
    std::vector<DecodedInsn>& insns = machine.insns_;

    if (image.maps.size() > UINT16_MAX) return fault(0, "too many maps");
    for (const MapSpec& spec : image.maps) {
        if (const auto objection = Map::objection(spec)) return fault(0, *objection);
        machine.maps_.emplace_back(spec);
    }

    std::vector<bool> starts(count);  // where an instruction begins
    for (size_t pc = 0; pc < count; pc += insns[pc].slots()) {
        const auto decoded = decode(image.insns, pc);
        if (!decoded) return fault(pc, decoded.error());
        if (const Objection objection = check(*decoded); !objection.empty())
            return fault(pc, objection);
        starts[pc] = true;
        insns[pc] = *decoded;
        if (decoded->family == Family::wide && decoded->src != 0 && !is_function_address(*decoded))
            return fault(pc, "a map that is not among the map uses");
    }
    for (size_t pc = 0; pc < count; ++pc) {
        const DecodedInsn& insn = insns[pc];
        if (starts[pc] && is_function_address(insn)) {
            const size_t begin = function_at(pc, insn);
            if (begin >= count || !starts[begin]) return fault(pc, "a function that is none");
        }
        if (!starts[pc] || !(jumps(insn.family) || insn.op == Op::CALL_LOCAL)) continue;
        const int64_t target = static_cast<int64_t>(pc) + 1 + insn.distance;
        if (target < 0 || target >= static_cast<int64_t>(count) || !starts[target])
            return fault(pc, "jump to no instruction");
    }
    if (count == 0 || !starts[count - 1] || goes_on(insns[count - 1].family))
        return fault(count == 0 ? 0 : count - 1, "the end can be reached without exit");

    for (const uint32_t entry : image.entries)
        if (entry >= count || !starts[entry]) return fault(entry, "an entry of no instruction");
    machine.entries_ = image.entries;
    const auto frames = frames_of(insns, starts, image.entries);
    if (!frames) return std::unexpected(frames.error());
    machine.frames_.resize(*frames);

    const auto is_wide_at = [&](uint32_t at) {
        return at < count && starts[at] && insns[at].family == Family::wide;
    };
    for (const MapUse& use : image.map_uses) {
        if (!is_wide_at(use.insn)) return fault(use.insn, "a map use that is no LD_IMM64");
        if (use.map >= image.maps.size()) return fault(use.insn, "no such map");
        insns[use.insn].src = BPF_PSEUDO_MAP_IDX;
        insns[use.insn].imm = use.map;
    }
    machine.data_.assign(image.data.begin(), image.data.end());
    for (const uint32_t at : image.data_uses) {
        if (!is_wide_at(at)) return fault(at, "a use of data that is no LD_IMM64");
        insns[at].src = BPF_PSEUDO_MAP_IDX_VALUE;
    }
    return machine;
}

}  // namespace vfm::ebpf
