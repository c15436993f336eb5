#include "core/module/module.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"

namespace vfm {
namespace {

constexpr std::string_view kKeyKindNames[] = {"u64",  "ipv4", "ipv6", "port", "proto",
                                              "hash", "mac",  "ip",   "conn"};
static_assert(std::size(kKeyKindNames) == kKeyKinds);

uint32_t match_pops(const RuleTable& rules) {
    uint32_t pops = 1;  // the mask of present keys
    for (const uint8_t width : rules.key_widths) pops += width == 128 ? 2 : 1;
    return pops;
}

/// A wider number than the kind has is none of it: it is shown as it is.
KeyPart ipv4_part(uint64_t word) {
    if (word >> 32) return {fmt::format("{}", word), false};
    return {ipv4_text(static_cast<uint32_t>(word)), false};
}

KeyPart mac_part(uint64_t word) {
    if (word >> 48) return {fmt::format("{}", word), false};
    return {
        fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", word >> 40 & 255, word >> 32 & 255,
                    word >> 24 & 255, word >> 16 & 255, word >> 8 & 255, word & 255),
        false};
}

KeyPart ip_part(uint64_t hi, uint64_t lo) {
    if (hi == 0 && lo >> 32 == 0xffff) return {ipv4_text(static_cast<uint32_t>(lo)), false};
    return {ipv6_text({hi, lo}), false};
}

KeyPart number_part(uint64_t word) { return {fmt::format("{}", word), true}; }

void add_parts(KeyKind kind, std::span<const uint64_t> words, std::vector<KeyPart>& parts) {
    switch (kind) {
        case KeyKind::ipv4:
            parts.push_back(ipv4_part(words[0]));
            return;
        case KeyKind::mac:
            parts.push_back(mac_part(words[0]));
            return;
        case KeyKind::hash:
            parts.push_back({fmt::format("{:#018x}", words[0]), false});
            return;
        case KeyKind::u64:
        case KeyKind::port:
        case KeyKind::proto:
            parts.push_back(number_part(words[0]));
            return;
        case KeyKind::ipv6:
            parts.push_back({ipv6_text({words[0], words[1]}), false});
            return;
        case KeyKind::ip:
            parts.push_back(ip_part(words[0], words[1]));
            return;
        case KeyKind::conn:
            parts.push_back(ip_part(words[0], words[1]));
            parts.push_back(number_part(words[2]));
            parts.push_back(ip_part(words[3], words[4]));
            parts.push_back(number_part(words[5]));
            parts.push_back(number_part(words[6]));
            return;
    }
}

/// Of an instruction of group flow: behind the key.
bool takes_value(Opcode op) { return op != Opcode::FLOW_LOAD && op != Opcode::FLOW_GET; }

}  // namespace

unsigned key_kind_words(KeyKind kind) {
    switch (kind) {
        case KeyKind::ipv6:
        case KeyKind::ip:
            return 2;
        case KeyKind::conn:
            return 7;
        case KeyKind::u64:
        case KeyKind::ipv4:
        case KeyKind::port:
        case KeyKind::proto:
        case KeyKind::hash:
        case KeyKind::mac:
            break;
    }
    return 1;
}

std::string_view key_kind_name(KeyKind kind) { return kKeyKindNames[static_cast<size_t>(kind)]; }

std::optional<KeyKind> find_key_kind(std::string_view name) {
    const auto* found = std::ranges::find(kKeyKindNames, name);
    if (found == std::end(kKeyKindNames)) return std::nullopt;
    return static_cast<KeyKind>(found - std::begin(kKeyKindNames));
}

std::string key_kinds_text(std::span<const KeyKind> kinds) {
    std::string text;
    for (const KeyKind kind : kinds) {
        if (!text.empty()) text += ',';
        text += key_kind_name(kind);
    }
    return text;
}

std::optional<std::vector<KeyKind>> find_key_kinds(std::string_view list) {
    std::vector<KeyKind> kinds;
    while (true) {
        const size_t comma = std::min(list.find(','), list.size());
        const auto kind = find_key_kind(list.substr(0, comma));
        if (!kind) return std::nullopt;
        kinds.push_back(*kind);
        if (comma == list.size()) return kinds;
        list.remove_prefix(comma + 1);
    }
}

std::vector<KeyPart> key_parts(std::span<const KeyKind> kinds, std::span<const uint64_t> words) {
    std::vector<KeyPart> parts;
    for (const KeyKind kind : kinds) {
        add_parts(kind, words, parts);
        words = words.subspan(key_kind_words(kind));
    }
    return parts;
}

std::string key_text(std::span<const KeyKind> kinds, std::span<const uint64_t> words) {
    std::string text;
    for (const KeyPart& part : key_parts(kinds, words)) {
        if (!text.empty()) text += ',';
        text += part.text;
    }
    return text;
}

unsigned TableDecl::words() const {
    unsigned sum = 0;
    for (const KeyKind kind : key) sum += key_kind_words(kind);
    return sum;
}

std::vector<TableDecl> Module::effective_tables() const {
    if (!tables.empty()) return tables;
    return {TableDecl{.name = "flow"}};
}

const LineEntry* Module::line_entry_of(uint32_t offset) const {
    auto after = std::ranges::upper_bound(lines, offset, {}, &LineEntry::offset);
    return after == lines.begin() ? nullptr : &*std::prev(after);
}

std::optional<Position> Module::position_of(uint32_t offset) const {
    const LineEntry* const entry = line_entry_of(offset);
    if (!entry) return std::nullopt;
    return entry->position;
}

StackEffect varying_stack_effect(const Insn& insn, const Module& module) {
    const OpInfo& info = op_info(insn.op);
    const auto pushes = static_cast<uint32_t>(int{info.pushes});
    if (info.imm == ImmKind::pick) return {static_cast<uint32_t>(insn.imm) + 1, 0, pushes};
    uint32_t pops = 0;
    if (info.group == Group::flow)  // FLOW_LOAD and FLOW_STORE have the immediate 0
        pops = module.key_words(insn.imm) + (takes_value(insn.op) ? 1 : 0);
    else if (info.imm == ImmKind::import)
        pops = module.imports[insn.imm].arity;
    else
        pops = match_pops(module.rule_tables[insn.imm]);
    return {pops, pops, pushes};
}

}  // namespace vfm
