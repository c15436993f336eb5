#include "core/asm/disassembler.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/asm/operands.h"
#include "core/asm/quote.h"
#include "core/verify/verify.h"

namespace vfm {
namespace {

using assembly::quote;
using assembly::wide_text;

constexpr unsigned kHexColumns = 3 * 9;  // the longest instruction has nine bytes
constexpr size_t kRestBytes = 16;        // in a line of bytes that are no instruction

std::string prefix_text(Wide value, unsigned length, unsigned width) {
    const std::string text = wide_text(value, width);
    return length == width ? text : fmt::format("{}/{}", text, length);
}

std::string test_text(const RuleTest& test, unsigned width) {
    switch (test.kind) {
        case RuleTest::Kind::any:
            break;
        case RuleTest::Kind::prefix:
            return prefix_text({test.hi, test.lo}, test.length, width);
        case RuleTest::Kind::range:
            return fmt::format("{}..{}", wide_text({test.hi, test.lo}, width),
                               wide_text({test.last_hi, test.last_lo}, width));
    }
    return "*";
}

class Disassembler {
  public:
    Disassembler(const Module& module, const DisassemblyOptions& options)
        : module_(module), options_(options), rest_of_lines_(module.lines) {
        if (!options.source) return;
        texts_.emplace_back(module.source_name, module.source_text);
        for (const SourceText& source : module.included)
            texts_.emplace_back(source.name, source.text);
    }

    std::string run() {
        fault_ = decode_program(module_.code, insns_);
        find_targets();
        declarations();
        sources();
        if (options_.as_module && out_.empty() && module_.lines.empty()) out_ += ".module\n";
        for (const Insn& insn : insns_) {
            line_entries(insn.offset, insn.next());
            instruction(insn);
        }
        if (fault_) rest();
        return std::move(out_);
    }

  private:
    template <class... T>
    void put(fmt::format_string<T...> format, T&&... values) {
        out_ += fmt::format(format, std::forward<T>(values)...);
    }

    void find_targets();
    void declarations();
    void rules(const RuleTable& rules);
    void counters(const CounterGroup& group);
    void sources();
    void source(std::string_view name, std::string_view text);
    void line_entries(uint32_t begin, uint32_t end);
    void source_comment(const LineEntry& entry);
    void instruction(const Insn& insn);
    std::string text_of(const Insn& insn) const;
    bool is_target(int64_t offset) const {
        return offset >= 0 && offset < static_cast<int64_t>(target_.size()) &&
               target_[static_cast<size_t>(offset)];
    }
    void rest();

    const Module& module_;
    const DisassemblyOptions& options_;
    std::vector<SourceFile> texts_;  // for comments, by LineEntry::file; none where nobody asked
    std::string out_;
    std::vector<Insn> insns_;
    std::optional<Rejection> fault_;
    std::vector<bool> target_;  // by code offset: an instruction that some jump names
    std::span<const LineEntry> rest_of_lines_;   // not yet shown
    std::pair<uint32_t, uint32_t> shown_{0, 0};  // file and line of the last comment
};

void Disassembler::find_targets() {
    target_.resize(module_.code.size());
    std::vector<bool> begins(module_.code.size());
    for (const Insn& insn : insns_) begins[insn.offset] = true;
    for (const Insn& insn : insns_) {
        const int64_t target = insn.jump_target();
        if (op_info(insn.op).imm == ImmKind::jump && target >= 0 &&
            target < static_cast<int64_t>(begins.size()) && begins[static_cast<size_t>(target)])
            target_[static_cast<size_t>(target)] = true;
    }
}

void Disassembler::declarations() {
    if (module_.fuel) put(".fuel {}\n", *module_.fuel);
    for (const TableDecl& table : module_.tables)
        put(".table {} key={} capacity={} evict={}{}\n", quote(table.name),
            key_kinds_text(table.key), table.capacity,
            table.eviction == Eviction::lru ? "lru" : "none", table.shared ? " shared" : "");
    for (const SetDecl& set : module_.sets) {
        put(".set {} width={}{}\n", quote(set.name), set.width, set.live ? " live" : "");
        for (const SetMember& member : set.members)
            put(".member {}\n", prefix_text({member.hi, member.lo}, member.length, set.width));
    }
    for (const ImportDecl& import : module_.imports)
        put(".import {} args={}\n", quote(import.name), import.arity);
    for (const RuleTable& table : module_.rule_tables) rules(table);
    for (const CounterGroup& group : module_.counter_groups) counters(group);
}

void Disassembler::rules(const RuleTable& rules) {
    std::string widths;
    for (const auto width : rules.key_widths)
        widths += fmt::format("{}{}", widths.empty() ? "" : ",", width);
    put(".rules {} keys={}", quote(rules.name), widths);
    if (rules.default_verdict != 0) put(" default={}", rules.default_verdict);
    out_ += '\n';
    size_t rule = 0;  // of the last .rule
    const auto go_to = [&](size_t wanted) {
        while (rule < std::min(wanted, rules.verdicts.size()))
            put(".rule {}\n", rules.verdicts[rule++]);
    };
    for (const RuleRow& row : rules.rows) {
        go_to(row.rule);
        out_ += ".row";
        for (size_t key = 0; key < std::min(row.tests.size(), rules.key_widths.size()); ++key)
            put(" {}", test_text(row.tests[key], rules.key_widths[key]));
        out_ += '\n';
    }
    go_to(rules.verdicts.size());
}

void Disassembler::counters(const CounterGroup& group) {
    put(".counters {}\n", quote(group.name));
    for (const CounterPlace& place : group.counters) {
        put(".counter {} {} {}", place.line, quote(place.file), quote(place.text));
        if (!place.name.empty()) put(" {}", quote(place.name));
        out_ += '\n';
    }
}

void Disassembler::sources() {
    if (options_.source) return;  // shown as comments instead
    if (!module_.source_name.empty() || !module_.source_text.empty() || !module_.included.empty())
        source(module_.source_name, module_.source_text);
    for (const SourceText& further : module_.included) source(further.name, further.text);
}

void Disassembler::source(std::string_view name, std::string_view text) {
    put(".source {}\n", quote(name));
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        put(".text {}\n", quote(text.substr(0, end)));
        text.remove_prefix(end);
    }
}

void Disassembler::line_entries(uint32_t begin, uint32_t end) {
    for (; !rest_of_lines_.empty() && rest_of_lines_[0].offset < end;
         rest_of_lines_ = rest_of_lines_.subspan(1)) {
        const LineEntry& entry = rest_of_lines_[0];
        if (options_.source) {
            source_comment(entry);
            continue;
        }
        put(".loc {} {}", entry.position.line, entry.position.column);
        if (entry.file != 0) put(" file={}", entry.file);
        if (entry.offset != begin) put(" +{}", entry.offset - begin);
        out_ += '\n';
    }
}

void Disassembler::source_comment(const LineEntry& entry) {
    const uint32_t line = entry.position.line;
    if (std::exchange(shown_, {entry.file, line}) == std::pair(entry.file, line)) return;
    if (entry.file >= texts_.size()) return;
    const SourceFile& text = texts_[entry.file];
    const std::string name = entry.file == 0 ? "" : printable(text.name()) + ":";
    put("; {}{}: {}\n", name, line, printable(text.line(line), 200));
}

/// As it assembles again: a jump by the name of the label that it goes to.
std::string Disassembler::text_of(const Insn& insn) const {
    const OpInfo& info = op_info(insn.op);
    if (info.imm != ImmKind::jump) return instruction_text(insn);
    if (is_target(insn.jump_target()))
        return fmt::format("{} L_{:x}", info.name, insn.jump_target());
    return fmt::format("{} {}", info.name, insn.jump_distance());
}

void Disassembler::instruction(const Insn& insn) {
    if (target_[insn.offset]) put("L_{:x}:\n", insn.offset);
    out_ += "    ";
    if (options_.offsets) put("{:<8}", fmt::format("+{:#x}", insn.offset));
    if (options_.hex)
        put("{:<{}}", hex(ByteView(module_.code).subspan(insn.offset, insn.size())), kHexColumns);
    put("{}\n", text_of(insn));
}

void Disassembler::rest() {
    put("; +{:#x}: {}: {}\n", fault_->offset, error_name(fault_->kind), fault_->reason);
    const ByteView code = module_.code;
    for (size_t at = fault_->offset; at < code.size(); at += kRestBytes)
        put("; +{:#x}: {}\n", at, hex(code.subspan(at, std::min(kRestBytes, code.size() - at))));
}

}  // namespace

std::string disassemble(const Module& module, const DisassemblyOptions& options) {
    return Disassembler(module, options).run();
}

}  // namespace vfm
