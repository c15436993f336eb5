// Membership: comparisons for a few ranges, sets of the module for more.
#include "core/lisp/sets.h"
#include "core/lisp/generator.h"

namespace vfm::lisp {
namespace {

/// Ranges that are compared one by one; more are looked up. A live set always is.
constexpr size_t kFewRanges = 8;

}  // namespace

/// The number of a declared set, which it becomes with its first use.
uint64_t Generator::declared(uint32_t set, bool addresses) {
    if (declared_.empty()) declared_.resize(tree_.sets.size(), {-1, -1});
    int32_t& number = addresses ? declared_[set].second : declared_[set].first;
    if (number < 0) {
        number = static_cast<int32_t>(sets_.size());
        DeclaredSet made = declare(tree_.sets[set]);
        sets_.push_back(std::move(*(addresses ? made.addresses : made.numbers)));
    }
    return static_cast<uint64_t>(number);
}

/// Goes to `yes` if the top value is in the set. Leaves the value or takes it.
void Generator::number_member(const SetInfo& set, uint32_t index, Landing& yes, const Expr& at) {
    if (set.live || set.numbers.size() > kFewRanges) {
        out_.emit(Opcode::IN, declared(index, false), at);
        out_.push(0, at);
        out_.branch(Comparison::ne, yes, at);
        return;
    }
    for (const NumberRange& range : set.numbers) {
        out_.emit(Opcode::DUP, 0, at);
        if (range.first != 0 && range.first != range.last) {
            out_.push(range.first, at);
            out_.emit(Opcode::SUB, 0, at);
        }
        const bool one = range.first == range.last;
        out_.push(one ? range.first : range.last - range.first, at);
        out_.branch(one ? Comparison::eq : Comparison::le, yes, at);
    }
}

/// The same for an address, hi and lo.
void Generator::address_member(const SetInfo& set, uint32_t index, Landing& yes, const Expr& at) {
    if ((set.live && set.of_addresses) || set.addresses.size() > kFewRanges) {
        out_.emit(Opcode::IN128, declared(index, true), at);
        out_.push(0, at);
        out_.branch(Comparison::ne, yes, at);
        return;
    }
    const uint32_t hi = out_.depth() - 2, lo = hi + 1;
    for (const auto& [first, last] : set.addresses) {
        Landing next = out_.landing();
        const auto go_on_if = [&](uint32_t word, Comparison comparison, uint64_t value) {
            out_.pick(word, at);
            out_.push(value, at);
            out_.branch(comparison, next, at);
        };
        if (first.hi == last.hi) {
            go_on_if(hi, Comparison::ne, first.hi);
            if (first.lo != 0) go_on_if(lo, Comparison::lt, first.lo);
            if (last.lo != UINT64_MAX) go_on_if(lo, Comparison::gt, last.lo);
        } else {
            if (first.hi != 0) go_on_if(hi, Comparison::lt, first.hi);
            if (last.hi != UINT64_MAX) go_on_if(hi, Comparison::gt, last.hi);
            // At the ends the low half decides.
            const auto end = [&](uint64_t high, Comparison beyond, uint64_t low) {
                Landing inside = out_.landing();
                out_.pick(hi, at);
                out_.push(high, at);
                out_.branch(Comparison::ne, inside, at);
                go_on_if(lo, beyond, low);
                out_.bind(inside, at);
            };
            if (first.lo != 0) end(first.hi, Comparison::lt, first.lo);
            if (last.lo != UINT64_MAX) end(last.hi, Comparison::gt, last.lo);
        }
        out_.jump(yes, at);
        out_.bind(next, at);
    }
}

/// What the tests of a set leave is outside: the last of a few ranges, turned round where what is
/// inside goes on.
void Generator::not_inside(const Expr& e, const Member& node, Ways ways, bool inside_follows) {
    out_.jump(node.negated ? *ways.yes : *ways.no, e);
    if (!inside_follows) return;
    out_.drop_to((node.negated ? ways.no : ways.yes)->depth(), e);
}

/// What is absent is in no set, and not outside of one either.
void Generator::member(const Expr& e, const Member& node, Ways ways, Next next) {
    const SetInfo& set = tree_.sets[node.set];
    const Expr& value = arguments(e)[0];
    Landing& inside = node.negated ? *ways.no : *ways.yes;
    Landing& outside = node.negated ? *ways.yes : *ways.no;
    const bool inside_follows = (next == Next::yes) != node.negated;
    if (!value.is_address()) {
        number(value, *ways.no);
        number_member(set, node.set, inside, e);
        return not_inside(e, node, ways, inside_follows);
    }
    if (const auto* any = value.as<AnyHeaderField>()) {
        out_.open(value, shown_address(all_header_fields()[any->index]), ways.yes);
        member_field(e, node, ways, inside_follows);
        return out_.close();
    }
    Landing six = out_.landing(3 + padding(value));
    address(value, *ways.no);
    const uint32_t at = out_.depth() - 3;
    out_.pick(at + 2, e);
    out_.push(4, e);
    out_.branch(Comparison::ne, six, e);
    out_.pick(at + 1, e);
    number_member(set, node.set, inside, e);
    out_.jump(outside, e);
    out_.bind(six, e);
    out_.pick(at, e);
    out_.pick(at + 1, e);
    address_member(set, node.set, inside, e);
    not_inside(e, node, ways, inside_follows);
}

/// The argument is an address field: a family's words are read where they are needed.
void Generator::member_field(const Expr& e, const Member& node, Ways ways, bool inside_follows) {
    const SetInfo& set = tree_.sets[node.set];
    Landing& inside = node.negated ? *ways.no : *ways.yes;
    Landing& outside = node.negated ? *ways.yes : *ways.no;
    Landing six = out_.landing();
    const auto* any = arguments(e)[0].as<AnyHeaderField>();
    const HeaderField& field = all_header_fields()[any->index];
    if (field.header != Header::ipv6) {
        fact(HeaderFact::ip_version, e);
        out_.push(4, e);
        // Of IPv6 nothing is inside: what is left to know is whether there is an address.
        const bool no_addresses = set.addresses.empty() && !(set.live && set.of_addresses);
        const bool known = no_addresses && !node.negated;
        out_.branch(Comparison::ne, known ? outside : six, e);
        load4(field, e);
        number_member(set, node.set, inside, e);
        if (known) return not_inside(e, node, ways, inside_follows);
        out_.jump(outside, e);
        out_.bind(six, e);
    }
    require(Header::ipv6, *ways.no, e);
    load6(field, e);
    address_member(set, node.set, inside, e);
    not_inside(e, node, ways, inside_follows);
}

}  // namespace vfm::lisp
