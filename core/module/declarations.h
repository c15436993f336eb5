// What a module declares must make sense by itself, whatever its code does. The parser of module
// files, the assembler and the verifier all ask here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "core/module/module.h"

namespace vfm {

/// The longest name of a declaration, a counter and a source file, in bytes.
inline constexpr size_t kMaxName = 65535;
/// Sets, imports, rule tables and counter groups are numbered by 16 bits.
inline constexpr size_t kMaxNumbered = 65536;
inline constexpr size_t kMaxText = size_t{16} << 20;  ///< bytes of a source file's text
inline constexpr size_t kMaxRuleKeys = 16;
inline constexpr size_t kMaxRules = (size_t{1} << 20) - 1;  ///< of a rule table
inline constexpr size_t kMaxRows = size_t{1} << 20;         ///< of all rule tables
inline constexpr size_t kMaxMembers = size_t{1} << 24;      ///< of all sets
inline constexpr size_t kMaxCounters = size_t{1} << 20;     ///< of a group
inline constexpr size_t kMaxAllCounters = size_t{1} << 21;  ///< of all groups
/// Bytes of the file names of all counters: each counter has its own, a file has each but once.
inline constexpr size_t kMaxCounterFiles = size_t{256} << 20;

/// Which of a module's lists a fault is in.
enum class Declared : uint8_t { table, set, import, rules, counters, source, line };
inline constexpr size_t kDeclaredLists = 7;
/// "table", "set", ...
std::string_view declared_name(Declared what);

struct DeclarationFault {
    Declared what = Declared::table;
    size_t index = 0;
    std::string reason;  ///< "table 3: capacity 0 is not in 1..67108864"
};

/// The first declaration that makes no sense, in the order tables, sets, imports, rule tables,
/// counter groups, sources, lines. Linear in the size of the module (n log n in the number of
/// names).
std::optional<DeclarationFault> find_declaration_fault(const Module& module);

/// Why code of `size` bytes is no program (INVALID_PROGRAM); empty if it may be one.
std::string code_size_fault(size_t size);

/// Faults of one declaration, without its number; empty if there is none.
std::string table_fault(const TableDecl& table);
std::string set_fault(const SetDecl& set);
std::string member_fault(const SetMember& member, unsigned width);
std::string import_fault(const ImportDecl& import);
std::string rules_fault(const RuleTable& rules);
std::string counters_fault(const CounterGroup& group);

}  // namespace vfm
