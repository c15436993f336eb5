#include "userspace/jit/runtime/code_notes.h"

#include <fmt/core.h>

#include <utility>

#include "core/base/diagnostic.h"

namespace vfm::jit {

using ir::BlockId;
using ir::Op;
using ir::Terminator;

CodeNotes::CodeNotes(const Module& module, const ir::Function& function)
    : module_(module), function_(function), tables_(module.effective_tables()) {
    find_versions();
}

void CodeNotes::add(size_t code_offset, NativeNote::Kind kind, std::string text) {
    notes_.push_back({static_cast<uint32_t>(code_offset), kind, std::move(text)});
}

// length_versioning leaves no trace but this: the entry asks for a length, and long packets are
// not asked for one up to it again.
void CodeNotes::find_versions() {
    const Terminator& end = function_.blocks.front().end;
    if (end.kind != Terminator::Kind::branch_len) return;
    ways_.resize(function_.blocks.size());
    mark(end.then.target, long_way);
    mark(end.otherwise.target, short_way);
    if (tests_length(long_way, end.imm)) ways_.clear();
}

void CodeNotes::mark(BlockId from, Way way) {
    std::vector<BlockId> waiting = {from};
    while (!waiting.empty()) {
        const BlockId id = waiting.back();
        waiting.pop_back();
        if ((std::exchange(ways_[id], ways_[id] | way) & way) != 0) continue;
        for (const ir::Edge* edge : successors(function_.blocks[id]))
            waiting.push_back(edge->target);
    }
}

bool CodeNotes::tests_length(Way way, uint64_t length) const {
    for (BlockId id = 0; id < function_.blocks.size(); ++id) {
        if ((ways_[id] & way) == 0) continue;
        const ir::Block& block = function_.blocks[id];
        for (const ir::ValueId value : block.body)
            if (function_[value].op == Op::guard_len && function_[value].imm <= length) return true;
        if (block.end.kind == Terminator::Kind::branch_len && block.end.imm <= length) return true;
    }
    return false;
}

std::string CodeNotes::block(BlockId id) const {
    std::string text = fmt::format("b{}", id);
    if (ways_.empty() || ways_[id] == (long_way | short_way)) return text;
    const uint64_t length = function_.blocks.front().end.imm;
    if (ways_[id] == long_way) text += fmt::format(", packets of at least {} bytes", length);
    if (ways_[id] == short_way) text += ", shorter packets";
    return text;
}

std::string CodeNotes::length_test(BlockId id) const {
    const uint64_t length = function_.blocks[id].end.imm;
    if (id == 0 && !ways_.empty())
        return fmt::format("from {} bytes on no further length tests{}", length,
                           tests_length(long_way, UINT64_MAX) ? " for these" : "");
    return fmt::format("at least {} bytes?", length);
}

std::string CodeNotes::access(const ir::Value& value) const {
    std::string text = fmt::format("{}, table {}", op_info(value.op).name, value.imm);
    if (value.imm < tables_.size())
        text += fmt::format(" ({})", printable(tables_[value.imm].name));
    return text;
}

namespace {

template <class Declaration>
std::string named(std::string_view what, const std::vector<Declaration>& list, uint64_t number) {
    if (number >= list.size()) return fmt::format("{} {}", what, number);
    return fmt::format("{} {}", what, printable(list[number].name));
}

}  // namespace

std::string CodeNotes::set(uint64_t number) const { return named("set", module_.sets, number); }

std::string CodeNotes::rules(uint64_t number) const {
    return named("rules", module_.rule_tables, number);
}

std::string CodeNotes::counters(uint64_t number) const {
    return named("counters", module_.counter_groups, number);
}

std::string CodeNotes::host_function(uint64_t number) const {
    if (number >= module_.imports.size()) return fmt::format("host function {}", number);
    return "host function " + printable(module_.imports[number].name);
}

}  // namespace vfm::jit
