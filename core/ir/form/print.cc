// Text of a function. Constants stand as numbers where they are used, so that a line reads like the
// instruction it becomes; everything else has a line of its own.
#include "core/ir/form/print.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

#include "core/base/diagnostic.h"
#include "core/ir/form/analysis.h"

namespace vfm::ir {
namespace {

constexpr size_t kCommentColumn = 44;

std::string number(uint64_t value) {
    return value < 1024 ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}

class Printer {
  public:
    explicit Printer(const Function& function) : function_(function) {}
    Printer(const Function& function, const Module& module)
        : function_(function),
          module_(&module),
          tables_(module.effective_tables()),
          source_(std::in_place, module) {}

    std::string run() {
        line(fmt::format("function, fuel {}", function_.fuel));
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            const Block& block = function_.blocks[id];
            line(fmt::format("b{}{}:", id, list(block.params)));
            origin_ = kNone;
            for (const ValueId value : block.body)
                if (function_[value].op != Op::constant) operation(value);
            line("  " + terminator(block.end), block.end.origin);
        }
        return std::move(out_);
    }

  private:
    void line(const std::string& text) {
        out_ += text;
        out_ += '\n';
    }

    // The place is shown where it changes.
    void line(std::string text, uint32_t origin) {
        if (source_) out_ += source_->comment(origin);
        if (origin != origin_) {
            if (text.size() + 1 < kCommentColumn) text.resize(kCommentColumn - 1, ' ');
            text += fmt::format(" ; +{:#x}", origin);
            if (const auto position =
                    source_ && source_->any() ? module_->position_of(origin) : std::nullopt)
                text += fmt::format(", {}:{}", position->line, position->column);
            origin_ = origin;
        }
        line(text);
    }

    // A key of several words stands together.
    std::string operands(const Value& value) const {
        const unsigned count = op_info(value.op).operands;
        std::string text;
        if (count > 0) text += " " + use(value.a);
        for (const ValueId operand : value.more) text += ":" + use(operand);
        if (count > 1) text += ", " + use(value.b);
        return text;
    }

    std::string table(uint64_t number) const {
        if (number >= tables_.size()) return fmt::format("{}", number);
        return fmt::format("{} ({})", number, printable(tables_[number].name));
    }

    /// The number of a declaration, and its name where it is known.
    template <class Declaration>
    std::string declared(std::vector<Declaration> Module::* list, uint64_t number) const {
        if (!module_ || number >= (module_->*list).size()) return fmt::format("{}", number);
        return fmt::format("{} ({})", number, printable((module_->*list)[number].name));
    }

    std::string function(uint64_t number) const {
        if (!module_ || number >= module_->imports.size()) return fmt::format("{}", number);
        return printable(module_->imports[number].name);
    }

    std::string use(ValueId id) const {
        if (id < function_.values.size() && function_[id].op == Op::constant)
            return number(function_[id].imm);
        return fmt::format("v{}", id);
    }

    std::string joined(const IdList& values) const {
        std::string text;
        for (const ValueId value : values) text += (text.empty() ? "" : ", ") + use(value);
        return text;
    }

    std::string list(const IdList& values) const {
        return values.empty() ? std::string() : "(" + joined(values) + ")";
    }

    std::string edge(const Edge& to) const {
        return fmt::format("b{}{}", to.target, list(to.args));
    }

    /// The first keys of a set, and how many there are if not all are shown.
    static std::string keys(const std::vector<uint64_t>& set) {
        constexpr size_t kShown = 8;
        const size_t shown = std::min(set.size(), kShown);
        std::string text;
        for (const uint64_t key : std::span(set).first(shown))
            text += fmt::format("{}{}", text.empty() ? "" : " ", key);
        if (shown < set.size()) text += fmt::format(" ... {} keys", set.size());
        return text;
    }

    void operation(ValueId id) {
        const Value& value = function_[id];
        const OpInfo& info = op_info(value.op);
        std::string text = "  ";
        if (info.has_result) text += fmt::format("v{} = ", id);
        text += info.name;
        switch (value.op) {
            case Op::load:
            case Op::load_raw:
                text += fmt::format("{} {}", value.size * 8, value.imm);
                break;
            case Op::loadx:
            case Op::loadx_raw:
                text += fmt::format("{} {} + {}", value.size * 8, use(value.a), value.imm);
                break;
            case Op::guard_index:
                text += fmt::format(" {} + {}", use(value.a), value.imm);
                break;
            case Op::guard_len:
            case Op::fuel:
                text += fmt::format(" {}", value.imm);
                break;
            case Op::call:
                text += " " + function(value.imm) + list(value.more);
                break;
            case Op::in_set:
                text += fmt::format(" {}, {{{}}}", use(value.a), keys(function_.sets[value.imm]));
                break;
            case Op::in_rows:
                text += fmt::format(" {}, {}, rows {} ({})", use(value.a), use(value.b), value.imm,
                                    function_.rows[value.imm].size());
                break;
            case Op::match:
                text += fmt::format(" {}: {}", declared(&Module::rule_tables, value.imm),
                                    joined(value.more));
                break;
            case Op::member:
            case Op::member128:
                text += fmt::format(" {}:{}", declared(&Module::sets, value.imm), operands(value));
                break;
            case Op::verdict:
                text += fmt::format(" {}:{}", declared(&Module::rule_tables, value.imm),
                                    operands(value));
                break;
            case Op::count:
                text += fmt::format(" {}:{}", declared(&Module::counter_groups, value.imm),
                                    operands(value));
                break;
            default:
                if (info.kind == OpKind::flow) text += fmt::format(" table {}:", table(value.imm));
                text += operands(value);
                break;
        }
        line(std::move(text), value.origin);
    }

    std::string terminator(const Terminator& end) const {
        const auto ways = [&] { return edge(end.then) + " : " + edge(end.otherwise); };
        switch (end.kind) {
            case Terminator::Kind::jump:
                return "jump " + edge(end.then);
            case Terminator::Kind::branch:
                return fmt::format("branch {} {}, {} ? {}", comparison_name(end.comparison),
                                   use(end.a), use(end.b), ways());
            case Terminator::Kind::branch_len:
                return fmt::format("branch_len {} ? {}", end.imm, ways());
            case Terminator::Kind::branch_index:
                return fmt::format("branch_index {} + {} ? {}", use(end.a), end.imm, ways());
            case Terminator::Kind::ret:
                return "ret " + use(end.a);
            case Terminator::Kind::trap:
                return fmt::format("trap {}", error_name(end.error));
        }
        return {};
    }

    const Function& function_;
    const Module* module_ = nullptr;
    std::vector<TableDecl> tables_;
    std::optional<SourceComments> source_;
    std::string out_;
    uint32_t origin_ = kNone;  // place shown last
};

}  // namespace

std::string_view comparison_name(Comparison c) {
    switch (c) {
        case Comparison::eq:
            return "eq";
        case Comparison::ne:
            return "ne";
        case Comparison::gt:
            return "gt";
        case Comparison::lt:
            return "lt";
        case Comparison::ge:
            return "ge";
        case Comparison::le:
            return "le";
    }
    return "";
}

SourceComments::SourceComments(const Module& module)
    : module_(module),
      source_(module.source_name, module.source_text),
      any_(!module.lines.empty() && !module.source_text.empty()) {}

std::string SourceComments::comment(uint32_t offset) {
    const auto position = any_ ? module_.position_of(offset) : std::nullopt;
    if (!position || position->line == last_) return {};
    last_ = position->line;
    constexpr size_t kMostShown = 200;
    return fmt::format("; {}: {}\n", last_, printable(source_.line(last_), kMostShown));
}

std::string print(const Function& function) { return Printer(function).run(); }

std::string print(const Function& function, const Module& module) {
    return Printer(function, module).run();
}

}  // namespace vfm::ir
