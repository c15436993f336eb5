#include "core/module/module.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"

namespace vfm {
namespace {

constexpr std::string_view kKeyKindNames[] = {"u64",   "ipv4", "ipv6", "port",
                                              "proto", "hash", "mac"};
static_assert(std::size(kKeyKindNames) == kKeyKinds);

uint32_t match_pops(const RuleTable& rules) {
    uint32_t pops = 1;  // the mask of present keys
    for (const uint8_t width : rules.key_widths) pops += width == 128 ? 2 : 1;
    return pops;
}

}  // namespace

std::string_view key_kind_name(KeyKind kind) { return kKeyKindNames[static_cast<size_t>(kind)]; }

std::optional<KeyKind> find_key_kind(std::string_view name) {
    const auto* found = std::ranges::find(kKeyKindNames, name);
    if (found == std::end(kKeyKindNames)) return std::nullopt;
    return static_cast<KeyKind>(found - std::begin(kKeyKindNames));
}

std::string key_text(KeyKind kind, uint64_t key) {
    switch (kind) {
        case KeyKind::ipv4:
            // A wider number in an address table is no address: show it as it is.
            return key >> 32 ? fmt::format("{}", key) : ipv4_text(static_cast<uint32_t>(key));
        case KeyKind::mac:
            return key >> 48 ? fmt::format("{}", key)
                             : fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                                           key >> 40 & 255, key >> 32 & 255, key >> 24 & 255,
                                           key >> 16 & 255, key >> 8 & 255, key & 255);
        case KeyKind::ipv6:  // a flow key of an IPv6 address is the hash of it
        case KeyKind::hash:
            return fmt::format("{:#018x}", key);
        case KeyKind::u64:
        case KeyKind::port:
        case KeyKind::proto:
            return fmt::format("{}", key);
    }
    return {};
}

bool key_is_number(KeyKind kind) {
    return kind == KeyKind::u64 || kind == KeyKind::port || kind == KeyKind::proto;
}

std::vector<TableDecl> Module::effective_tables() const {
    if (!tables.empty()) return tables;
    return {TableDecl{.name = "flow"}};
}

std::optional<Position> Module::position_of(uint32_t offset) const {
    auto after = std::ranges::upper_bound(lines, offset, {}, &LineEntry::offset);
    if (after == lines.begin()) return std::nullopt;
    return std::prev(after)->position;
}

StackEffect varying_stack_effect(const Insn& insn, const Module& module) {
    const OpInfo& info = op_info(insn.op);
    const auto pushes = static_cast<uint32_t>(int{info.pushes});
    if (info.imm == ImmKind::pick) return {static_cast<uint32_t>(insn.imm) + 1, 0, pushes};
    const uint32_t pops = info.imm == ImmKind::import ? module.imports[insn.imm].arity
                                                      : match_pops(module.rule_tables[insn.imm]);
    return {pops, pops, pushes};
}

}  // namespace vfm
