#include "core/asm/assembler.h"

#include <fmt/core.h>

#include <functional>
#include <map>

#include "core/asm/directives.h"
#include "core/asm/lexer.h"
#include "core/asm/operands.h"
#include "core/base/text.h"
#include "core/module/module_file.h"

namespace vfm {
namespace assembly {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kSuggestions = 50;  // errors that get one: the search looks at every label

/// A jump whose operand is a label.
struct Fixup {
    Insn insn;
    Token label;
};

struct Label {
    uint32_t offset = 0;
    Span span;
};

class Assembler {
  public:
    explicit Assembler(std::shared_ptr<const SourceFile> source)
        : source_(std::move(source)), errors_(source_), directives_(result_.module, errors_) {}

    Result<Assembly> run();

  private:
    void line(std::string_view text, uint32_t offset);
    void define(const Token& label);
    void instruction(std::span<const Token> tokens);
    void jump(const OpInfo& info, const Token& mnemonic, const Token& operand);
    void emit(const Token& where, Opcode op, uint64_t imm);
    void unknown_mnemonic(std::span<const Token> tokens);
    void resolve(const Fixup& fixup);
    std::string label_hint(std::string_view name) const;
    uint32_t here() const { return static_cast<uint32_t>(result_.module.code.size()); }

    std::shared_ptr<const SourceFile> source_;
    Errors errors_;
    Assembly result_;
    Directives directives_;
    std::map<std::string, Label, std::less<>> labels_;
    std::vector<Fixup> fixups_;
    bool too_large_ = false;
};

Result<Assembly> Assembler::run() {
    const std::string_view text = source_->text();
    for (size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
         begin < text.size() && !errors_.overflowed();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        line(text.substr(begin, end - begin), static_cast<uint32_t>(begin));
        begin = end + 1;
    }
    for (const Fixup& fixup : fixups_) resolve(fixup);
    directives_.finish();
    if (errors_.none() && result_.module.code.empty()) {
        const auto end = static_cast<uint32_t>(text.size());
        errors_.add({end, end}, "there is no instruction");
    }
    if (!errors_.none()) return fail(errors_.take());
    result_.has_directives = directives_.any();
    return std::move(result_);
}

void Assembler::line(std::string_view text, uint32_t offset) {
    const Line line = split_line(text, offset, errors_);
    for (const Token& label : line.labels) define(label);
    if (line.tokens.empty() || line.broken) return;
    if (!line.tokens[0].quoted && line.tokens[0].text.starts_with('.'))
        directives_.apply(line.tokens);
    else
        instruction(line.tokens);
}

void Assembler::define(const Token& label) {
    const auto [entry, fresh] = labels_.try_emplace(label.text, Label{here(), label.span});
    if (fresh) return;
    errors_.add(label.span,
                fmt::format("label '{}' is already defined in line {}", printable(label.text),
                            source_->position(entry->second.span.begin).line));
}

void Assembler::unknown_mnemonic(std::span<const Token> tokens) {
    const Token& token = tokens[0];
    std::string upper = token.text;
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    std::vector<std::string_view> names;
    for (const OpInfo& info : all_ops()) names.push_back(info.name);
    std::string hint;
    if (tokens.size() > 1 && tokens[1].text.starts_with(':'))
        hint = "the colon of a label follows its name at once";
    else if (const auto near = nearest(upper, names))
        hint = fmt::format("did you mean '{}'?", *near);
    errors_.add(token.span, fmt::format("unknown mnemonic '{}'", printable(token.text)), hint);
}

void Assembler::instruction(std::span<const Token> tokens) {
    const Token& mnemonic = tokens[0];
    const OpInfo* info = mnemonic.quoted ? nullptr : find_mnemonic(mnemonic.text);
    if (!info) return unknown_mnemonic(tokens);
    const bool returns = info->op == Opcode::RET && tokens.size() > 1;
    const OpInfo& takes = returns ? op_info(Opcode::PUSH) : *info;
    const size_t operands = takes.imm == ImmKind::none ? 0 : 1;
    if (tokens.size() - 1 < operands) {
        errors_.add(mnemonic.span, fmt::format("{} needs an operand", info->name));
        return;
    }
    if (tokens.size() - 1 > operands) {
        errors_.add(tokens[operands + 1].span, fmt::format("{} takes {}, got '{}' more", info->name,
                                                           operands ? "one operand" : "no operand",
                                                           printable(tokens[operands + 1].text)));
        return;
    }
    if (operands == 0) return emit(mnemonic, info->op, 0);
    if (info->imm == ImmKind::jump) return jump(*info, mnemonic, tokens[1]);

    if (!tokens[1].quoted && is_label(tokens[1].text)) {
        errors_.add(
            tokens[1].span,
            fmt::format("{} takes a number, got '{}'", info->name, printable(tokens[1].text)),
            "only jumps take a label");
        return;
    }
    const auto value = number_in(tokens[1], range_of(takes), info->name, errors_);
    // A wrong number still takes its place, so that the distances of jumps stay what they will be.
    emit(mnemonic, takes.op, value.value_or(0));
    if (returns) emit(mnemonic, Opcode::RET, 0);
}

void Assembler::jump(const OpInfo& info, const Token& mnemonic, const Token& operand) {
    uint64_t distance = 0;
    if (!operand.quoted && is_label(operand.text))
        fixups_.push_back({{info.op, here(), 0}, operand});
    else
        distance = number_in(operand, range_of(info), info.name, errors_).value_or(0);
    emit(mnemonic, info.op, distance);
}

void Assembler::emit(const Token& where, Opcode op, uint64_t imm) {
    Bytes& code = result_.module.code;
    if (code.size() + 1 + imm_size(op_info(op).imm) > kMaxCode) {
        if (!too_large_)
            errors_.add(where.span, fmt::format("the program is larger than {} bytes", kMaxCode));
        too_large_ = true;
        return;
    }
    const Position position = source_->position(where.span.begin);
    if (result_.places.empty() || result_.places.back().position.line != position.line)
        result_.places.push_back({here(), position});
    encode(code, op, imm);
}

std::string Assembler::label_hint(std::string_view name) const {
    if (errors_.count() >= kSuggestions) return {};
    std::vector<std::string_view> names;
    for (const auto& [known, label] : labels_)
        if (known.size() <= name.size() + 3 && name.size() <= known.size() + 3)
            names.push_back(known);
    const auto near = nearest(name, names);
    return near ? fmt::format("did you mean '{}'?", *near) : "";
}

void Assembler::resolve(const Fixup& fixup) {
    if (too_large_) return;  // the labels behind the limit are not where they would be
    const auto label = labels_.find(fixup.label.text);
    if (label == labels_.end()) {
        errors_.add(fixup.label.span,
                    fmt::format("unknown label '{}'", printable(fixup.label.text)),
                    label_hint(fixup.label.text));
        return;
    }
    const OpInfo& info = op_info(fixup.insn.op);
    const int64_t distance = int64_t{label->second.offset} - int64_t{fixup.insn.next()};
    if (distance < INT16_MIN || distance > INT16_MAX) {
        errors_.add(fixup.label.span, fmt::format("label '{}' is {} bytes away, {} reaches {}",
                                                  printable(fixup.label.text), distance, info.name,
                                                  range_of(info).text()));
        return;
    }
    uint8_t* imm = result_.module.code.data() + fixup.insn.offset + 1;
    imm[0] = static_cast<uint8_t>(distance);
    imm[1] = static_cast<uint8_t>(distance >> 8);
}

}  // namespace
}  // namespace assembly

Bytes Assembly::bytes() const { return has_directives ? module_bytes(module) : module.code; }

Result<Assembly> assemble(std::shared_ptr<const SourceFile> source) {
    return assembly::Assembler(std::move(source)).run();
}

}  // namespace vfm
