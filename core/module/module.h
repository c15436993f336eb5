// A program with what it declares. Everything that can run is one of these; only verify() turns it
// into something an engine accepts. The format on disk is in module_file.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/source.h"
#include "core/isa/insn.h"

namespace vfm {

/// An element of a flow key: how it is shown to people, and the type that a BPF map declares for
/// it. `ip` is an address of either family, an IPv4 one as ::ffff:a.b.c.d; `conn` what both
/// directions of a connection share: two endpoints of address and port, then the protocol.
enum class KeyKind : uint8_t { u64, ipv4, ipv6, port, proto, hash, mac, ip, conn };
inline constexpr unsigned kKeyKinds = 9;
/// Words that an element takes: 7 for conn, 2 (hi, lo) for ipv6 and ip, else 1.
unsigned key_kind_words(KeyKind kind);
std::string_view key_kind_name(KeyKind kind);
std::optional<KeyKind> find_key_kind(std::string_view name);
/// "ip,port", as directives and records write a key.
std::string key_kinds_text(std::span<const KeyKind> kinds);
/// Kinds with commas between them; nothing if one of them is none.
std::optional<std::vector<KeyKind>> find_key_kinds(std::string_view list);

/// A part of a key as people write it: "10.0.0.1", "443", "0x1f..." for a hash. A conn has five.
struct KeyPart {
    std::string text;
    bool is_number = false;  ///< plain decimal: JSON prints it as a number
    bool operator==(const KeyPart&) const = default;
};
/// `words` are those of all kinds, as they were pushed.
std::vector<KeyPart> key_parts(std::span<const KeyKind> kinds, std::span<const uint64_t> words);
/// The parts with commas between them.
std::string key_text(std::span<const KeyKind> kinds, std::span<const uint64_t> words);

enum class Eviction : uint8_t { lru, none };

/// A flow table: a key of 1 to kMaxKeyWords words to a u64. `capacity` is 1..2^26 entries. A
/// `shared` table is one for all filters of an interface that declare it alike.
struct TableDecl {
    std::string name;
    std::vector<KeyKind> key = {KeyKind::u64};
    uint32_t capacity = kDefaultCapacity;
    Eviction eviction = Eviction::lru;
    bool shared = false;
    /// Of the key.
    unsigned words() const;
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

/// A set for IN (width 32, 48 or 64) or IN128 (width 128). A `live` one can be changed while the
/// filter runs; `members` are those that it begins with.
struct SetDecl {
    std::string name;
    uint8_t width = 64;
    bool live = false;
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

/// A row of a rule table: a way to meet its rule. Rules count from 1.
struct RuleRow {
    uint32_t rule = 1;
    std::vector<RuleTest> tests;  ///< one a key
    bool operator==(const RuleRow&) const = default;
};

/// A rule table: MATCH gives the rule of the first row whose tests all hold, 0 if none does, and
/// VERDICT the constant of a rule. The rules of the rows never fall.
struct RuleTable {
    std::string name;
    std::vector<uint8_t> key_widths;  ///< 1 to 16 of 32, 64 or 128
    std::vector<uint64_t> verdicts;   ///< of rule i: verdicts[i - 1]
    uint64_t default_verdict = 0;     ///< of rule 0 and of those beyond `verdicts`
    std::vector<RuleRow> rows;
    bool operator==(const RuleTable&) const = default;
};

/// What a counter counts: a place in the source.
struct CounterPlace {
    std::string file;   ///< as it was given
    uint32_t line = 0;  ///< from 1
    std::string text;
    std::string name;  ///< empty: none
    bool operator==(const CounterPlace&) const = default;
};

/// Counters of packets and bytes for COUNT. They outlive a run.
struct CounterGroup {
    std::string name;
    std::vector<CounterPlace> counters;
    bool operator==(const CounterGroup&) const = default;
};

/// A file that the code came from.
struct SourceText {
    std::string name;
    std::string text;
    bool operator==(const SourceText&) const = default;
};

/// From the instruction at `offset` on, up to the next entry, the code came from this place.
struct LineEntry {
    uint32_t offset = 0;
    Position position;
    uint32_t file = 0;  ///< 0: the module's source_name; i: included[i - 1]
    bool operator==(const LineEntry&) const = default;
};

/// An expression of the source in the code, for those who show what it gave: its instructions are
/// those from `begin` up to `end`, entered at the first one. Nothing that runs a program needs it.
struct CodeExpression {
    /// How its value is found when control leaves its instructions.
    enum class How : uint8_t {
        number,   ///< at `end` its value is the top one; it is absent where control goes elsewhere
        address,  ///< the same of hi, lo, family (4 or 6)
        connection,   ///< the same of the seven words of `conn`
        result,       ///< the value of the RET that ends the run; else it is absent
        test,         ///< like a number, but 0 where control goes elsewhere
        opposite,     ///< the top value says the opposite; 0 where control goes elsewhere
        falls_true,   ///< true at `end` and by ExpressionMap::true_jumps, else false
        falls_false,  ///< true by ExpressionMap::true_jumps, else false
        passed,       ///< what the last expression within it gave
        all_or_any,   ///< whether that one is true
        none_of,      ///< whether that one is not
        ip_source,    ///< this address of the packet's IP header; absent if there is no header
        ip_destination,
        ipv6_source,  ///< absent for IPv4 too
        ipv6_destination,
    };
    static constexpr How kLastHow = How::ipv6_destination;
    /// How it is shown to people.
    enum class Shown : uint8_t { number, truth, ipv4, mac, address, connection, constant };
    static constexpr Shown kLastShown = Shown::constant;

    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t file = 0;  ///< as LineEntry::file
    Span text;          ///< of that file
    How how = How::number;
    Shown shown = Shown::number;
    uint32_t group = 0;    ///< of `rules`: 1 + its counter group
    uint32_t test_of = 0;  ///< of the test of a rule: 1 + the counter group of its `rules`
    uint32_t rule = 0;     ///< of the test of a rule: which
    bool operator==(const CodeExpression&) const = default;
};

/// The expressions of some code, each before those within it; they do not overlap otherwise.
struct ExpressionMap {
    std::vector<CodeExpression> expressions;
    std::vector<uint32_t> true_jumps;  ///< jumps that say true of the test that they stand in
    std::vector<uint32_t> relays;      ///< jumps on the way of others: they belong to no expression
    bool operator==(const ExpressionMap&) const = default;
};

/// The tests of rules that a rule table holds, as code: it gives the rule of the first that holds,
/// else 0. No engine runs it; a trace does, to show what a MATCH has found.
struct RuleTests {
    uint32_t rule_table = 0;
    Bytes code;
    std::vector<SetDecl> sets;  ///< of this code alone
    ExpressionMap map;
    bool operator==(const RuleTests&) const = default;
};

/// Plain data; may break every rule until verify() has seen it.
struct Module {
    Bytes code;
    std::optional<uint64_t> fuel;  ///< instructions a run may take; kDefaultFuel if not said
    std::vector<TableDecl> tables;
    std::vector<SetDecl> sets;
    std::vector<ImportDecl> imports;
    std::vector<RuleTable> rule_tables;
    std::vector<CounterGroup> counter_groups;
    std::string source_name;  ///< file the text below came from, or `<expr>`
    std::string source_text;
    std::vector<SourceText> included;   ///< further files
    std::vector<LineEntry> lines;       ///< ascending by offset
    ExpressionMap map;                  ///< empty where nobody knows
    std::vector<RuleTests> rule_tests;  ///< those of one table in the order of its rules

    bool operator==(const Module&) const = default;

    /// True if the code alone says everything: nothing declared, no fuel of its own. (Source text,
    /// lines and expressions do not count: they are for people.)
    bool is_raw() const {
        return !fuel && tables.empty() && sets.empty() && imports.empty() && rule_tables.empty() &&
               counter_groups.empty();
    }
    /// The declared tables, or the one named `flow` that every program without any has.
    std::vector<TableDecl> effective_tables() const;
    /// Words that a key of table number `table` has; the table must be one of effective_tables().
    unsigned key_words(size_t table) const { return tables.empty() ? 1 : tables[table].words(); }
    /// The entry for the instruction at `offset`, or null.
    const LineEntry* line_entry_of(uint32_t offset) const;
    /// Where the instruction at `offset` came from, if the module says.
    std::optional<Position> position_of(uint32_t offset) const;
    /// The name of a file by LineEntry::file.
    const std::string& file_name(uint32_t file) const {
        return file == 0 ? source_name : included[file - 1].name;
    }
    /// Its text.
    const std::string& file_text(uint32_t file) const {
        return file == 0 ? source_text : included[file - 1].text;
    }
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
