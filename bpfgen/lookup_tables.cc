#include "bpfgen/lookup_tables.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "core/base/check.h"
#include "core/base/diagnostic.h"
#include "core/tables/rule_rows.h"
#include "core/tables/wide.h"

namespace vfm::bpf {
namespace {

using Key = vfm::WideKey;
using Range = WideRange;

// What the kernel is asked to take for one program.
constexpr uint64_t kMostData = uint64_t{32} << 20;

// The members of a set as ranges in order that neither overlap nor touch.
std::vector<Range> ranges_of(const SetDecl& set) {
    std::vector<Range> ranges;
    ranges.reserve(set.members.size());
    for (const SetMember& member : set.members)
        ranges.push_back(prefix_range(wide_key(member.hi, member.lo), member.length, set.width));
    std::ranges::sort(ranges, {}, &Range::first);
    std::vector<Range> merged;
    for (const Range& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last)
            merged.back().last = std::max(merged.back().last, range.last);
        else if (!merged.empty() && range.first - merged.back().last == 1)
            merged.back().last = range.last;
        else
            merged.push_back(range);
    }
    return merged;
}

std::unexpected<Failure> refuse_at(const Insn& insn, std::string why) {
    return fail(Diagnostic::at_offset("", insn.offset, "eBPF: " + std::move(why)), Status::refused);
}

}  // namespace

Result<LookupTables> LookupTables::make(const VerifiedModule& program, ConstantData data) {
    LookupTables tables;
    tables.data_ = std::move(data);
    const Module& module = program.module();
    for (const Insn& insn : program.insns()) {
        const std::string_view name = op_info(insn.op).name;
        if (insn.op == Opcode::IN || insn.op == Opcode::IN128) {
            const bool wide = insn.op == Opcode::IN128;
            const SetDecl& set = module.sets[insn.imm];
            if (set.live) continue;  // a map
            if (!(wide ? tables.wide_sets_ : tables.sets_).contains(insn.imm))
                tables.add_set(set, insn.imm, wide);
        } else if (insn.op == Opcode::VERDICT) {
            if (!tables.verdicts_.contains(insn.imm))
                tables.add_verdicts(module.rule_tables[insn.imm], insn.imm);
        } else if (insn.op == Opcode::MATCH && !tables.rows_.contains(insn.imm)) {
            const RuleTable& rules = module.rule_tables[insn.imm];
            if (!tables.add_rows(rules, insn.imm))
                return refuse_at(insn, fmt::format("MATCH: the rules {} need more than {} MiB",
                                                   printable(rules.name), kMostData >> 20));
        }
        if (tables.data_.size() > kMostData)
            return refuse_at(
                insn, fmt::format("{}: its tables need more than {} MiB", name, kMostData >> 20));
    }
    return tables;
}

void LookupTables::add_set(const SetDecl& set, uint64_t number, bool wide) {
    const Key greatest = greatest_of(wide ? 128 : 64);
    std::vector<Range> ranges = ranges_of(set);
    // Of keys of two words those whose first is 0 are keys of one.
    std::erase_if(ranges, [&](const Range& range) { return range.first > greatest; });
    if (!ranges.empty()) ranges.back().last = std::min(ranges.back().last, greatest);
    if (wide) {
        wide_sets_.emplace(number, make_wide_set(ranges, data_));
    } else {
        sets_.emplace(number, make_set(ranges, data_));
    }
}

Result<> LookupTables::add_own(const ir::Function& function) {
    for (const ir::Block& block : function.blocks)
        for (const ir::ValueId id : block.body) {
            const ir::Value& value = function[id];
            if (value.op == ir::Op::in_set) {
                add_keys(function.sets[value.imm], value.imm);
            } else if (value.op == ir::Op::in_rows) {
                auto list = make_rule_list(function, value, data_);
                VFM_CHECK(list.has_value(), "find_rule_lists() has asked");
                rule_lists_.emplace(id, *std::move(list));
            }
            if (data_.size() > kMostData)
                return fail(Diagnostic::at_offset(
                                "", value.origin,
                                fmt::format("eBPF: the tables of tests for equality need more than "
                                            "{} MiB",
                                            kMostData >> 20)),
                            Status::refused);
        }
    return {};
}

void LookupTables::add_keys(const std::vector<uint64_t>& keys, uint64_t number) {
    if (keys_.contains(number)) return;
    if (auto table = make_key_table(keys, data_)) {
        keys_.emplace(number, *std::move(table));
        return;
    }
    std::vector<Range> ranges;
    ranges.reserve(keys.size());
    for (const uint64_t key : keys) ranges.push_back({key, key});
    keys_.emplace(number, make_ends(ranges, 1, data_));
}

void LookupTables::add_verdicts(const RuleTable& rules, uint64_t number) {
    std::vector<uint64_t> entries = {rules.default_verdict};
    entries.insert(entries.end(), rules.verdicts.begin(), rules.verdicts.end());
    entries.resize(std::bit_ceil(entries.size()), rules.default_verdict);
    VerdictTable table{.bits = static_cast<unsigned>(std::countr_zero(entries.size()))};
    if (std::ranges::max(entries) <= UINT8_MAX) {
        const std::vector<uint8_t> bytes(entries.begin(), entries.end());
        table.size = 1;
        table.offset = data_.add(std::span<const uint8_t>(bytes));
    } else {
        table.offset = data_.add(std::span<const uint64_t>(entries));
    }
    verdicts_.emplace(number, table);
}

unsigned LookupTables::rounds(RowForm form) const {
    unsigned most = 0;
    for (const auto& [number, rows] : rows_) most = std::max(most, rounds_of(rows, form));
    return most;
}

bool LookupTables::walks_far() const {
    return std::ranges::any_of(rows_,
                               [](const auto& table) { return can_call_walk(table.second); });
}

bool LookupTables::add_rows(const RuleTable& rules, uint64_t number) {
    auto table = make_row_table(RuleRows(rules), kMostData, data_);
    if (!table) return false;
    rows_.emplace(number, *std::move(table));
    return true;
}

}  // namespace vfm::bpf
