#include "bpfgen/shared_access.h"

#include <fmt/core.h>

#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "core/base/check.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

// Accesses in line are faster; so many of them make a program of some thousand instructions.
constexpr size_t kMostInLine = 32;

constexpr size_t kMostArguments = 5;

std::string_view access_name(TableAccess access) {
    switch (access) {
        case TableAccess::get:
            return "get";
        case TableAccess::set:
            return "set";
        case TableAccess::exchange:
            return "exchange";
        case TableAccess::add:
            return "add";
    }
    return "";
}

}  // namespace

bool shares_accesses(std::span<const ir::Function* const> functions, SharedCode form) {
    if (form == SharedCode::never) return false;
    size_t accesses = 0;
    for (const ir::Function* function : functions) {
        for (const ir::Block& block : function->blocks)
            for (const ir::ValueId id : block.body)
                accesses += ir::op_info((*function)[id].op).kind == ir::OpKind::flow;
    }
    return accesses > (form == SharedCode::always ? 0 : kMostInLine);
}

bool SharedAccess::has(TableAccess access, size_t words) const {
    return shares_ && words <= kMostSharedWords &&
           words + operands_beside_key(access) <= kMostArguments;
}

VReg SharedAccess::call(Builder& b, TableAccess access, uint32_t table, KeyWords key,
                        std::span<const Operand> operands) {
    // The map is made with the first access, as it is in line.
    maps_.flow(table);
    const auto [at, is_new] = called_.try_emplace(Which{table, access});
    if (is_new) at->second = {b.label(), key.size(), b.origin()};
    std::vector<Move> arguments;
    for (const auto list : {key, operands})
        for (const Operand& operand : list)
            arguments.push_back({.dst = static_cast<VReg>(1 + arguments.size()),
                                 .src = operand.reg,
                                 .imm = operand.number});
    b.call_local(at->second.label, std::move(arguments));
    return access == TableAccess::set ? kNoReg : b.mov(0);
}

void SharedAccess::emit(std::vector<Subprogram>& written) {
    for (const auto& [which, called] : called_) {
        MFunction body;
        Builder b(body, emitter_);
        b.origin(called.origin);
        const uint32_t map = maps_.flow(which.table);
        write_access(b, which.access, map, called.words, maps_.stats());
        emitter_.origin(called.origin);
        emitter_.begin_subprogram(called.label);
        const int16_t below = kSharedStatsKeySlot - 8 * static_cast<int>(kMostSharedWords) - 8;
        const auto allocation = allocate(body, {.lost_in_calls = {2, 3, 4, 5},
                                                .kept_in_calls = {6, 7, 8, 9},
                                                .first_spill = below,
                                                .frame_end = below});
        VFM_CHECK(allocation && allocation->scratch_slots == 0, "an access needs few registers");
        select(body, *allocation, emitter_);
        // Longer than the name of any map or program.
        written.push_back(
            {.name = fmt::format("vfm_shared_{}_{}", access_name(which.access), maps_.name(map)),
             .insn = 0,
             .parameters = called.words + operands_beside_key(which.access)});
    }
}

}  // namespace vfm::bpf
