#include "core/verify/verifier.h"

#include <fmt/core.h>

#include <algorithm>
#include <bitset>

#include "core/module/declarations.h"

namespace vfm {
namespace {

constexpr uint32_t kNoInsn = ~uint32_t{0};

/// The breach of rule 3 that decides: lowest offset, there underflow before overflow, there the
/// lowest depth, so that the message does not depend on the order of exploration.
struct StackBreach {
    uint32_t insn = 0;
    bool overflow = false;
    uint32_t depth = 0;
    auto operator<=>(const StackBreach&) const = default;
};

/// States (instruction, depth before it) reached so far, and those still to be looked at.
class StateSet {
  public:
    explicit StateSet(size_t insns) : seen_(insns) {}

    void add(uint32_t insn, uint32_t depth) {
        if (seen_[insn].test(depth)) return;
        seen_[insn].set(depth);
        ++count_;
        open_.push_back({insn, depth});
    }
    bool too_many() const { return count_ > kMaxStates; }
    bool empty() const { return open_.empty(); }
    std::pair<uint32_t, uint32_t> take() {
        const auto state = open_.back();
        open_.pop_back();
        return state;
    }
    bool reached(uint32_t insn) const { return seen_[insn].any(); }

  private:
    std::vector<std::bitset<kMaxStack + 1>> seen_;
    std::vector<std::pair<uint32_t, uint32_t>> open_;
    uint32_t count_ = 0;
};

std::string values(uint32_t count) {
    return fmt::format("{} value{}", count, count == 1 ? "" : "s");
}

}  // namespace

Verifier::Verifier(Module module) : facts_(std::make_shared<VerifiedModule::Facts>()) {
    facts_->module = std::move(module);
}

std::expected<VerifiedModule, Rejection> Verifier::run() {
    if (auto breach = check_declarations()) return std::unexpected(*std::move(breach));
    if (auto breach = check_size()) return std::unexpected(*std::move(breach));
    if (auto breach = check_decodes()) return std::unexpected(*std::move(breach));
    if (auto breach = check_jumps_and_end()) return std::unexpected(*std::move(breach));
    if (auto breach = check_names()) return std::unexpected(*std::move(breach));
    if (auto breach = check_stack()) return std::unexpected(*std::move(breach));
    graph_ = make_blocks(facts_->insns, facts_->index_of);
    if (auto breach = check_reachable()) return std::unexpected(*std::move(breach));

    facts_->longest_path = longest_path(graph_);
    facts_->blocks = std::move(graph_.blocks);
    facts_->block_of = std::move(graph_.block_of);
    facts_->tables = module().effective_tables();
    return VerifiedModule(std::move(facts_));
}

Rejection Verifier::breach_at(const Insn& insn, ErrorKind kind, std::string reason) {
    return {kind, insn.offset, std::string(op_info(insn.op).name), std::move(reason)};
}

Verifier::Breach Verifier::check_size() const {
    std::string fault = code_size_fault(module().code.size());
    if (fault.empty()) return std::nullopt;
    return Rejection{ErrorKind::invalid_program, 0, "", std::move(fault)};
}

Verifier::Breach Verifier::check_decodes() {
    if (auto breach = decode_program(module().code, facts_->insns)) return breach;
    facts_->index_of.assign(module().code.size(), kNoInsn);
    for (uint32_t i = 0; i < facts_->insns.size(); ++i)
        facts_->index_of[facts_->insns[i].offset] = i;
    return std::nullopt;
}

Verifier::Breach Verifier::jump_breach(const Insn& insn) const {
    const int64_t target = insn.jump_target();
    const auto& name = op_info(insn.op).name;
    if (target < 0 || target >= static_cast<int64_t>(module().code.size()))
        return breach_at(insn, ErrorKind::verification_failed,
                         fmt::format("{} by {} leaves the program", name, insn.jump_distance()));
    auto at = static_cast<uint32_t>(target);
    if (facts_->index_of[at] != kNoInsn) return std::nullopt;
    while (facts_->index_of[at] == kNoInsn) --at;
    return breach_at(insn, ErrorKind::verification_failed,
                     fmt::format("{} lands at +{:#x}, inside {} at +{:#x}", name, target,
                                 op_info(facts_->insns[facts_->index_of[at]].op).name, at));
}

Verifier::Breach Verifier::check_jumps_and_end() const {
    for (const Insn& insn : facts_->insns) {
        if (op_info(insn.op).imm != ImmKind::jump) continue;
        if (auto breach = jump_breach(insn)) return breach;
    }
    const Insn& last = facts_->insns.back();
    const OpInfo& info = op_info(last.op);
    if (info.group == Group::ret || info.group == Group::jump) return std::nullopt;
    return breach_at(last, ErrorKind::verification_failed,
                     fmt::format("the program ends with {}, not with RET or JMP", info.name));
}

Verifier::Breach Verifier::check_declarations() const {
    const auto fault = find_declaration_fault(module());
    if (!fault) return std::nullopt;
    return Rejection{ErrorKind::verification_failed, 0, "", fault->reason};
}

Verifier::Breach Verifier::check_names() const {
    const size_t tables = module().tables.empty() ? 1 : module().tables.size();
    for (const Insn& insn : facts_->insns) {
        const OpInfo& info = op_info(insn.op);
        const auto missing = [&](std::string_view what, size_t count) -> Breach {
            if (insn.imm < count) return std::nullopt;
            return breach_at(
                insn, ErrorKind::verification_failed,
                fmt::format("{} names {} {}, there are {}", info.name, what, insn.imm, count));
        };
        Breach breach;
        switch (info.imm) {
            case ImmKind::table:
                breach = missing("table", tables);
                break;
            case ImmKind::set:
                breach = missing("set", module().sets.size());
                break;
            case ImmKind::import:
                breach = missing("import", module().imports.size());
                break;
            case ImmKind::rules:
                breach = missing("rule table", module().rule_tables.size());
                break;
            case ImmKind::counters:
                breach = missing("counter group", module().counter_groups.size());
                break;
            case ImmKind::header:
                breach = missing("header fact", kHeaderFacts);
                break;
            case ImmKind::none:
            case ImmKind::offset:
            case ImmKind::value64:
            case ImmKind::value32:
            case ImmKind::value16:
            case ImmKind::value8:
            case ImmKind::jump:
            case ImmKind::pick:
                break;
        }
        if (breach) return breach;
    }
    return std::nullopt;
}

Verifier::Breach Verifier::check_stack() {
    const std::vector<Insn>& insns = facts_->insns;
    StateSet states(insns.size());
    std::optional<StackBreach> worst;
    states.add(0, 0);
    while (!states.empty()) {
        if (states.too_many())
            return Rejection{ErrorKind::verification_failed, 0, "",
                             fmt::format("more than {} states of offset and depth", kMaxStates)};
        const auto [index, depth] = states.take();
        const Insn& insn = insns[index];
        const StackEffect effect = stack_effect(insn, module());
        const bool underflow = depth < effect.needs;
        if (underflow || effect.after(depth) > kMaxStack) {
            const StackBreach breach{index, !underflow, depth};
            worst = worst ? std::min(*worst, breach) : breach;
            continue;
        }
        const uint32_t after = effect.after(depth);
        facts_->max_depth = std::max(facts_->max_depth, after);
        const Group group = op_info(insn.op).group;
        if (group == Group::jump || group == Group::branch)
            states.add(facts_->index_of[static_cast<size_t>(insn.jump_target())], after);
        if (group != Group::jump && group != Group::ret) states.add(index + 1, after);
    }
    if (worst) {
        const Insn& insn = insns[worst->insn];
        const auto& name = op_info(insn.op).name;
        if (worst->overflow)
            return breach_at(insn, ErrorKind::stack_overflow,
                             fmt::format("{} on a stack of {} goes above {}", name,
                                         values(worst->depth), kMaxStack));
        return breach_at(insn, ErrorKind::stack_underflow,
                         fmt::format("{} needs {}, has {}", name,
                                     values(stack_effect(insn, module()).needs), worst->depth));
    }
    reachable_.resize(insns.size());
    for (uint32_t i = 0; i < insns.size(); ++i) reachable_[i] = states.reached(i);
    return std::nullopt;
}

Verifier::Breach Verifier::check_reachable() const {
    const std::vector<bool> returns = can_return(graph_, facts_->insns);
    for (uint32_t i = 0; i < graph_.blocks.size(); ++i) {
        const uint32_t first = graph_.blocks[i].first;
        const Insn& insn = facts_->insns[first];
        const auto& name = op_info(insn.op).name;
        if (!reachable_[first])
            return breach_at(insn, ErrorKind::verification_failed,
                             fmt::format("{} can never be reached", name));
        if (!returns[i])
            return breach_at(insn, ErrorKind::verification_failed,
                             fmt::format("no RET can be reached from {}", name));
    }
    return std::nullopt;
}

}  // namespace vfm
