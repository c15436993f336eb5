#include "bpfgen/lower_tables.h"

#include <algorithm>

namespace vfm::bpf {

using ir::Op;
using ir::Value;
using ir::ValueId;

VReg TableLowering::operation(ValueId id) {
    const Value& value = f_[id];
    if (value.op == Op::flow_set) {
        store(id, value.b);
        return kNoReg;
    }
    if (value.op == Op::flow_add) return access(TableAccess::add, id, {operand(value.b)});
    const auto exchange = exchanges_.store_of.find(id);
    if (exchange != exchanges_.store_of.end()) return exchanged_.at(exchange->second);
    return access(TableAccess::get, id, {});
}

Operand TableLowering::operand(ValueId value) const {
    if (v_.is_number(value)) return {.number = f_[value].imm};
    return {.reg = v_.reg(value)};
}

std::vector<Operand> TableLowering::key_of(const Value& value) const {
    std::vector<Operand> words = {operand(value.a)};
    for (const ValueId word : value.more) words.push_back(operand(word));
    return words;
}

void TableLowering::write_key(ValueId access) {
    const std::vector<Operand> key = key_of(f_[access]);
    // What is called puts it into a frame of its own.
    if (!shared_.has(TableAccess::get, key.size())) code_.write_key(key);
}

void TableLowering::write_key_ahead(const ir::IdList& body, ValueId call) {
    const auto access = std::find_if(std::ranges::find(body, call), body.end(), [&](ValueId id) {
        return ir::op_info(f_[id].op).kind == ir::OpKind::flow;
    });
    if (access == body.end()) return;
    const auto is_known = [&](ValueId word) {
        return v_.is_number(word) || v_.reg(word) != kNoReg;
    };
    if (is_known(f_[*access].a) && std::ranges::all_of(f_[*access].more, is_known))
        write_key(*access);
}

// The register with what a flow_get has found, if it is kept for this store.
VReg TableLowering::entry_for(ValueId store) const {
    const auto get = exchanges_.entry_of.find(store);
    if (get == exchanges_.entry_of.end()) return kNoReg;
    const auto entry = entries_.find(get->second);
    return entry == entries_.end() ? kNoReg : entry->second;
}

// `operands` stand beside the key.
VReg TableLowering::access(TableAccess kind, ValueId id, const std::vector<Operand>& operands) {
    const auto table = static_cast<uint32_t>(f_[id].imm);
    const std::vector<Operand> key = key_of(f_[id]);
    if (shared_.has(kind, key.size()))
        return shared_.call(code_.builder(), kind, table, key, operands);
    const uint32_t map = maps_.flow(table);
    switch (kind) {
        case TableAccess::get:
            return code_.get(map, key, exchanges_.found.contains(id) ? &entries_[id] : nullptr);
        case TableAccess::set:
            code_.set(map, key, operands[0], entry_for(id));
            return kNoReg;
        case TableAccess::exchange:
            return code_.exchange(map, key, operands[0], operands[1], entry_for(id));
        case TableAccess::add:
            return code_.add(map, key, operands[0], entry_for(id));
    }
    return kNoReg;
}

void TableLowering::store(ValueId id, ValueId value) {
    const auto old = exchanges_.old_of.find(id);
    if (old == exchanges_.old_of.end())
        access(TableAccess::set, id, {operand(value)});
    else
        exchanged_[id] = access(TableAccess::exchange, id, {operand(old->second), operand(value)});
}

}  // namespace vfm::bpf
