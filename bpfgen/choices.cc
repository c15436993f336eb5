#include "bpfgen/choices.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/passes/build.h"

namespace vfm::bpf {
namespace {

using ir::BlockId;
using ir::Op;
using ir::Value;
using ir::ValueId;

// Ways that meet with another number each are followed one by one at worst.
constexpr unsigned kMostChoices = 64;

class Chooser {
  public:
    explicit Chooser(ir::Function& function) : f_(function), uses_(ir::count_uses(function)) {}

    void run() {
        unsigned made = 0;
        for (BlockId id = 0; id < f_.blocks.size() && made < kMostChoices; ++id)
            made += splits_at_first(id);
        if (made > 0) ir::remove_unreachable(f_);
    }

  private:
    // What stands behind the first choice of a block is in one behind all others afterwards.
    bool splits_at_first(BlockId id) {
        const ir::IdList& body = f_.blocks[id].body;
        for (size_t i = 0; i < body.size(); ++i)
            if (const auto choice = choice_of(body[i])) {
                split(id, i, *choice);
                return true;
            }
        return false;
    }

    // `value` if a comparison b, else `number`.
    struct Choice {
        Comparison comparison;
        ValueId a, b;
        ValueId value;
        uint64_t number;
    };

    // A comparison of which nothing but this number is wanted.
    std::optional<Choice> chosen_by(ValueId truth) const {
        const auto comparison = ir::op_comparison(f_[truth].op);
        if (!comparison || uses_[truth] != 1) return std::nullopt;
        return Choice{*comparison, f_[truth].a, f_[truth].b, ir::kNone, 0};
    }

    std::optional<Choice> choice_of(ValueId id) const {
        const Value& value = f_[id];
        if (value.op != Op::mul && value.op != Op::or_) return std::nullopt;
        for (const auto& [x, other] : {std::pair{value.a, value.b}, std::pair{value.b, value.a}}) {
            if (value.op == Op::mul) {
                auto choice = chosen_by(other);
                if (!choice || ir::is_number(f_, x)) continue;
                choice->value = x;
                return choice;
            }
            if (auto choice = instead_of_zero(x, other)) return choice;
        }
        return std::nullopt;
    }

    // x | (x = 0) * number
    std::optional<Choice> instead_of_zero(ValueId x, ValueId product) const {
        const Value& p = f_[product];
        if (p.op != Op::mul || uses_[product] != 1) return std::nullopt;
        for (const auto& [truth, number] : {std::pair{p.a, p.b}, std::pair{p.b, p.a}}) {
            auto choice = chosen_by(truth);
            if (!choice || !ir::is_number(f_, number) || choice->comparison != Comparison::eq)
                continue;
            const bool of_zero = (choice->a == x && ir::is_number(f_, choice->b, 0)) ||
                                 (choice->b == x && ir::is_number(f_, choice->a, 0));
            if (!of_zero) continue;
            choice->comparison = Comparison::ne;
            choice->value = x;
            choice->number = f_[number].imm;
            return choice;
        }
        return std::nullopt;
    }

    // The value becomes the parameter of a new block with all that stands behind it.
    void split(BlockId id, size_t place, const Choice& choice) {
        const size_t before = f_.values.size();
        const ValueId number = ir::number_in_entry(f_, choice.number);
        if (id == 0) place += f_.values.size() - before;  // it stands at the beginning
        uses_.resize(f_.values.size(), 1);
        const auto rest = static_cast<BlockId>(f_.blocks.size());
        f_.blocks.emplace_back();
        ir::Block& block = f_.blocks[id];
        ir::Block& behind = f_.blocks[rest];
        const ValueId value = block.body[place];
        const uint32_t origin = f_[value].origin;
        for (size_t i = place + 1; i < block.body.size(); ++i) behind.body.push_back(block.body[i]);
        block.body.resize(place);
        behind.params.push_back(value);
        behind.end = std::move(block.end);
        block.end = {.kind = ir::Terminator::Kind::branch,
                     .comparison = choice.comparison,
                     .a = choice.a,
                     .b = choice.b,
                     .then = {rest, {choice.value}},
                     .otherwise = {rest, {number}},
                     .origin = origin};
        f_[value] = {.op = Op::param, .origin = origin};
    }

    ir::Function& f_;
    std::vector<uint32_t> uses_;
};

}  // namespace

void choose_by_branches(ir::Function& function) { Chooser(function).run(); }

}  // namespace vfm::bpf
