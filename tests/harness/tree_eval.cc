#include "tests/harness/tree_eval.h"

#include <algorithm>
#include <utility>

#include "core/isa/limits.h"
#include "tests/harness/tree_arithmetic.h"
#include "tests/harness/tree_tally.h"

namespace vfm::test {

using lisp::Expr;
using lisp::Form;

TreeEvaluator::Value TreeEvaluator::value(const Expr& expr) {
    const Expr* parent = std::exchange(within_, &expr);
    const Value got = std::visit([&](const auto& node) { return of(expr, node); }, expr.node);
    within_ = parent;
    if (got) TreeTally::of_process().add(expr, parent, !*got);
    if (log_) {
        Evaluated row{.expr = &expr};
        if (!got)
            row.error = got.error();
        else if (!*got)
            row.absent = true;
        else
            row = {&expr, {}, false, (*got)->hi, (*got)->lo, (*got)->family};
        log_->push_back(row);
    }
    return got;
}

TreeEvaluator::Value TreeEvaluator::number(const Expr& expr) {
    Value got = value(expr);
    if (got && *got && (*got)->family == 6) return Maybe{};
    if (got && *got) (*got)->family = 0;
    return got;
}

std::expected<bool, ErrorKind> TreeEvaluator::truth(const Expr& expr) {
    const Value got = number(expr);
    if (!got) return std::unexpected(got.error());
    return *got && (*got)->lo != 0;
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::Number& node) {
    return Some{node.value};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::AddressLiteral& node) {
    return Some{node.value.lo, node.value.hi, 6};
}

/// BOUNDS outside of the packet.
TreeEvaluator::Value TreeEvaluator::byte_run(uint64_t at, unsigned size) const {
    uint64_t number = 0;
    for (unsigned i = 0; i < size; ++i) {
        if (at >= packet_.bytes.size() || i >= packet_.bytes.size() - at)
            return std::unexpected(ErrorKind::bounds);
        number = number * 256 + packet_.bytes[at + i];
    }
    return Some{number};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::FixedField& node) {
    const lisp::FieldInfo& info = lisp::all_fields()[node.index];
    return byte_run(info.offset, info.size);
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::AnyHeaderField& node) {
    const auto got = fields_->field(lisp::all_header_fields()[node.index].name);
    if (!got) return Maybe{};
    return Some{got->lo, got->hi, got->family};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::HasHeader& node) {
    return Some{fields_->has(lisp::header_info(node.header).name) ? 1u : 0u};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Load& node) {
    const unsigned size = e.form == Form::load8    ? 1
                          : e.form == Form::load16 ? 2
                          : e.form == Form::load32 ? 4
                                                   : 8;
    uint64_t base = 0;
    if (node.payload) {
        const auto begin = fields_->payload(lisp::header_info(*node.payload).name);
        if (!begin) return Maybe{};
        base = *begin;
    }
    const Value offset = number(tree_.arguments(e)[0]);
    if (!offset || !*offset) return offset;
    if (!node.payload) return byte_run((*offset)->lo, size);
    if (base > packet_.bytes.size() || (*offset)->lo > packet_.bytes.size() - base) return Maybe{};
    const Value got = byte_run(base + (*offset)->lo, size);
    return got ? got : Maybe{};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Reading&) {
    if (e.form == Form::length) return Some{packet_.bytes.size()};
    return Some{e.form == Form::now ? packet_.timestamp : fields_->hash5()};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::Sample& node) {
    return Some{random_.next() % node.one_in == 0 ? 1u : 0u};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Arithmetic&) {
    const auto arguments = tree_.arguments(e);
    Value result = number(arguments[0]);
    for (const Expr& argument : arguments.subspan(1)) {
        if (!result || !*result) return result;
        const Value next = number(argument);
        if (!next || !*next) return next;
        const auto combined = combine(e.form, (*result)->lo, (*next)->lo);
        if (!combined) return std::unexpected(combined.error());
        result = Some{*combined};
    }
    return result;
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Unary&) {
    const Value got = number(tree_.arguments(e)[0]);
    if (!got || !*got) return got;
    const uint64_t flipped = (*got)->lo ^ UINT64_MAX;
    return Some{e.form == Form::negate ? flipped + 1 : flipped};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Compare&) {
    const auto arguments = tree_.arguments(e);
    const bool addresses = e.form == Form::equal || e.form == Form::not_equal;
    const Value a = addresses ? value(arguments[0]) : number(arguments[0]);
    if (!a) return a;
    if (!*a) return Some{0};
    const Value b = addresses ? value(arguments[1]) : number(arguments[1]);
    if (!b) return b;
    if (!*b) return Some{0};
    if (!addresses) return Some{*combine(e.form, (*a)->lo, (*b)->lo)};
    // A number is an IPv4 address where the other is one.
    const bool six_a = (*a)->family == 6, six_b = (*b)->family == 6;
    const bool equal = six_a == six_b && (*a)->lo == (*b)->lo && (!six_a || (*a)->hi == (*b)->hi);
    return Some{equal == (e.form == Form::equal) ? 1u : 0u};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Member& node) {
    const Value got = value(tree_.arguments(e)[0]);
    if (!got) return got;
    if (!*got) return Some{0};
    const Some& what = **got;
    const lisp::SetInfo& set = tree_.sets[node.set];
    bool found = false;
    if (what.family != 6)
        for (const auto& [first, last] : set.numbers)
            found = found || (what.lo >= first && what.lo <= last);
    else
        for (const auto& [first, last] : set.addresses)
            found = found || (std::pair(what.hi, what.lo) >= std::pair(first.hi, first.lo) &&
                              std::pair(what.hi, what.lo) <= std::pair(last.hi, last.lo));
    return Some{found != node.negated ? 1u : 0u};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Conjunction&) {
    for (const Expr& argument : tree_.arguments(e)) {
        const auto holds = truth(argument);
        if (!holds) return std::unexpected(holds.error());
        if (!*holds) return Some{0};
    }
    return Some{1};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Disjunction&) {
    for (const Expr& argument : tree_.arguments(e)) {
        const auto holds = truth(argument);
        if (!holds) return std::unexpected(holds.error());
        if (*holds) return Some{1};
    }
    return Some{0};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Negation&) {
    const auto holds = truth(tree_.arguments(e)[0]);
    if (!holds) return std::unexpected(holds.error());
    return Some{*holds ? 0u : 1u};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Choice&) {
    const auto arguments = tree_.arguments(e);
    const auto holds = truth(arguments[0]);
    if (!holds) return std::unexpected(holds.error());
    Value got = value(arguments[*holds ? 1 : 2]);
    // Beside an address a number is an IPv4 one.
    if (got && *got && e.is_address() && (*got)->family == 0)
        **got = {(*got)->lo % (1ull << 32), 0, 4};
    return got;
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Let& node) {
    const auto arguments = tree_.arguments(e);
    for (size_t i = 0; i + 1 < arguments.size(); ++i) {
        const Value got = value(arguments[i]);
        if (!got) return got;
        variables_[tree_.bound[node.first + i]] = *got;
    }
    return value(arguments.back());
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::Variable& node) {
    return variables_[node.index];
}

TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::Connection&) {
    return std::unexpected(ErrorKind::invalid_opcode);  // stands in keys only
}

std::expected<std::optional<TreeEvaluator::Key>, ErrorKind> TreeEvaluator::key(
    std::span<const Expr> elements, const TableDecl& table) {
    Key words;
    for (size_t i = 0; i < elements.size(); ++i) {
        if (table.key[i] == KeyKind::conn) {
            const auto ends = fields_->endpoints();
            if (!ends) return std::nullopt;
            const bool source_first =
                std::ranges::lexicographical_compare(ends->source, ends->destination);
            const auto& first = source_first ? ends->source : ends->destination;
            const auto& second = source_first ? ends->destination : ends->source;
            words.insert(words.end(), std::begin(first), std::end(first));
            words.insert(words.end(), std::begin(second), std::end(second));
            words.push_back(ends->proto);
            continue;
        }
        const bool address = table.key[i] == KeyKind::ip || table.key[i] == KeyKind::ipv6;
        const Value got = address ? value(elements[i]) : number(elements[i]);
        if (!got) return std::unexpected(got.error());
        if (!*got) return std::nullopt;
        const Some& what = **got;
        if (address) words.push_back(what.family == 6 ? what.hi : 0);
        words.push_back(!address || what.family == 6 ? what.lo
                                                     : what.lo % (1ull << 32) + 0xffff00000000);
    }
    return words;
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Flow& node) {
    const auto arguments = tree_.arguments(e);
    const auto where = key(arguments.first(node.elements), tree_.tables[node.table]);
    if (!where) return std::unexpected(where.error());
    if (!*where) return Maybe{};
    auto& table = tables_[node.table];
    if (e.form == Form::flow_get) {
        const auto found = table.find(**where);
        return Some{found == table.end() ? 0 : found->second};
    }
    if (e.form == Form::count_by || e.form == Form::flow_count) return Some{++table[**where]};
    const Value what = number(arguments[node.elements]);
    if (!what || !*what) return what;
    uint64_t& held = table[**where];
    held = e.form == Form::flow_add ? held + (*what)->lo : (*what)->lo;
    return Some{held};
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Rate& node) {
    const auto where = key(tree_.arguments(e), tree_.tables[node.table]);
    if (!where) return std::unexpected(where.error());
    if (!*where) return Maybe{};
    auto& table = tables_[node.table];
    const auto found = table.find(**where);
    const uint64_t now = packet_.timestamp / 1000 % (1ull << 44);
    uint64_t last = now, tokens = node.burst;
    // An empty bucket of time 0 is kept as a full one, which no other is: 0 would be none.
    if (found != table.end()) {
        const uint64_t held = found->second == node.burst ? 0 : found->second;
        last = held >> 20;
        uint64_t passed = (now + (1ull << 44) - last) % (1ull << 44);
        // Less than about a second before the last refill.
        if (passed >= (1ull << 44) - (1ull << 20)) passed = 0;
        const auto come =
            static_cast<uint64_t>(static_cast<unsigned __int128>(passed) * node.tokens / node.per);
        tokens = std::min<uint64_t>(node.burst, held % (1ull << 20) + come);
        last = (last + static_cast<uint64_t>(static_cast<unsigned __int128>(come) * node.per /
                                             node.tokens)) %
               (1ull << 44);
    }
    if (tokens == 0) return Some{0};
    const uint64_t left = last << 20 | (tokens - 1);
    table[**where] = left == 0 ? node.burst : left;
    return Some{1};
}

/// No host gives this one functions.
TreeEvaluator::Value TreeEvaluator::of(const Expr&, const lisp::Call&) {
    return std::unexpected(ErrorKind::invalid_opcode);
}

TreeEvaluator::Value TreeEvaluator::of(const Expr& e, const lisp::Rules& node) {
    const auto arguments = tree_.arguments(e);
    size_t rule = 0;
    for (size_t i = 0; rule == 0 && i + 1 < arguments.size(); i += 2) {
        const auto holds = truth(arguments[i]);
        if (!holds) return std::unexpected(holds.error());
        if (*holds) rule = i / 2 + 1;
    }
    Count& count = counts_[node.group][rule];
    ++count.packets;
    count.bytes += packet_.bytes.size();
    return number(rule == 0 ? arguments.back() : arguments[2 * rule - 1]);
}

Outcome TreeEvaluator::run(const Packet& packet) {
    packet_ = {packet.visible(), packet.timestamp};
    fields_.emplace(packet_.bytes);
    const Value result = number(tree_.filter());
    if (!result) return Outcome::trap(result.error());
    return Outcome::of(*result ? (*result)->lo : 0);
}

std::vector<FlowEntry> TreeEvaluator::flows() const {
    std::vector<FlowEntry> entries;
    for (uint32_t table = 0; table < tables_.size(); ++table)
        for (const auto& [words, held] : tables_[table])
            entries.push_back({table, FlowKey(std::span(words)), held});
    return entries;
}

}  // namespace vfm::test
