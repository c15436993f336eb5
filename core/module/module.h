// A program with what it declares. Everything that can run is one of these; only verify() turns it
// into something an engine accepts. The format on disk is in module_file.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/source.h"
#include "core/isa/insn.h"

namespace vfm {

/// How a flow key is shown to people, and the type that a BPF map declares for it.
enum class KeyKind : uint8_t { u64, ipv4, ipv6, port, proto, hash, mac };
inline constexpr unsigned kKeyKinds = 7;
std::string_view key_kind_name(KeyKind kind);
std::optional<KeyKind> find_key_kind(std::string_view name);
/// A key as people write it: "10.0.0.1", "443", "0x1f..." for a hash.
std::string key_text(KeyKind kind, uint64_t key);
/// True where key_text() is a plain decimal number, so that JSON prints it as one.
bool key_is_number(KeyKind kind);

enum class Eviction : uint8_t { lru, none };

/// A flow table: u64 to u64. `capacity` is 1..2^26 entries.
struct TableDecl {
    std::string name;
    KeyKind key = KeyKind::u64;
    uint32_t capacity = kDefaultCapacity;
    Eviction eviction = Eviction::lru;
    bool operator==(const TableDecl&) const = default;
};
inline constexpr uint32_t kMaxCapacity = 1u << 26;

/// A member of a set: a number of the set's width, or a prefix of it. `length` counts from the top
/// of the width; a plain member has the full width.
struct SetMember {
    uint64_t hi = 0;
    uint64_t lo = 0;
    uint8_t length = 0;
    bool operator==(const SetMember&) const = default;
};

/// A set for IN (width 32, 48 or 64) or IN128 (width 128).
struct SetDecl {
    std::string name;
    uint8_t width = 64;
    std::vector<SetMember> members;
    bool operator==(const SetDecl&) const = default;
};

/// A host function: at most kMaxCallArguments arguments.
struct ImportDecl {
    std::string name;
    uint8_t arity = 0;
    bool operator==(const ImportDecl&) const = default;
};

/// One test of a row: nothing, a prefix or a range of a key.
struct RuleTest {
    enum class Kind : uint8_t { any, prefix, range } kind = Kind::any;
    uint64_t hi = 0, lo = 0;            ///< prefix value, or the range's low end
    uint64_t last_hi = 0, last_lo = 0;  ///< the range's high end, included
    uint8_t length = 0;                 ///< of a prefix, from the top of the key's width
    bool operator==(const RuleTest&) const = default;
};

/// A rule table for MATCH: every row has one test a key.
struct RuleTable {
    std::string name;
    std::vector<uint8_t> key_widths;  ///< 1 to 16 of 32, 64 or 128
    std::vector<std::vector<RuleTest>> rows;
    bool operator==(const RuleTable&) const = default;
};

/// From the instruction at `offset` on, up to the next entry, the code came from this place.
struct LineEntry {
    uint32_t offset = 0;
    Position position;
    bool operator==(const LineEntry&) const = default;
};

/// Plain data; may break every rule until verify() has seen it.
struct Module {
    Bytes code;
    std::optional<uint64_t> fuel;  ///< instructions a run may take; kDefaultFuel if not said
    std::vector<TableDecl> tables;
    std::vector<SetDecl> sets;
    std::vector<ImportDecl> imports;
    std::vector<RuleTable> rule_tables;
    std::string source_name;  ///< file the text below came from, or `<expr>`
    std::string source_text;
    std::vector<LineEntry> lines;  ///< ascending by offset

    bool operator==(const Module&) const = default;

    /// True if the code alone says everything: nothing declared, no fuel of its own. (Source text
    /// and lines do not count: they are for people.)
    bool is_raw() const {
        return !fuel && tables.empty() && sets.empty() && imports.empty() && rule_tables.empty();
    }
    /// The declared tables, or the one named `flow` that every program without any has.
    std::vector<TableDecl> effective_tables() const;
    /// Where the instruction at `offset` came from, if the module says.
    std::optional<Position> position_of(uint32_t offset) const;
};

/// What an instruction does to the stack's depth.
struct StackEffect {
    uint32_t needs = 0;  ///< values that must be there
    uint32_t pops = 0;
    uint32_t pushes = 0;
    /// Depth after it, given the depth before (>= needs).
    uint32_t after(uint32_t depth) const { return depth - pops + pushes; }
};

/// Of an instruction whose row leaves the number of values it takes to its immediate.
StackEffect varying_stack_effect(const Insn& insn, const Module& module);

/// `insn` may name only declarations that exist in `module` (rule 2 of verification).
inline StackEffect stack_effect(const Insn& insn, const Module& module) {
    const OpInfo& info = op_info(insn.op);
    if (info.pops == kVaries) return varying_stack_effect(insn, module);
    const auto pops = static_cast<uint32_t>(int{info.pops});
    return {pops, pops, static_cast<uint32_t>(int{info.pushes})};
}

}  // namespace vfm
