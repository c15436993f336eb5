// Addresses of either family: three words, and comparisons of them.
#include <algorithm>

#include "core/lisp/generator.h"

namespace vfm::lisp {
namespace {

constexpr unsigned kSource4 = 12, kSource6 = 8;  // offsets in the IP header

}  // namespace

/// Values that mean nothing below an address: those of names, which nothing can take away there.
unsigned Generator::padding(const Expr& e) const {
    if (!e.is_address()) return 0;
    const auto parts = arguments(e);
    if (e.as<Choice>()) return std::max(padding(parts[1]), padding(parts[2]));
    if (!e.as<Let>()) return 0;
    unsigned sum = padding(parts.back());
    for (const Expr& value : parts.first(parts.size() - 1))
        sum += value.is_address() ? padding(value) + 3 : value.absent ? 2 : 1;
    return sum;
}

void Generator::address(const Expr& e, Landing& absent) {
    if (!e.is_address()) {
        out_.push(0, e);
        number(e, absent);
        out_.push(4, e);
        return;
    }
    const bool opens = !e.as<AddressLiteral>();
    if (opens) out_.open(e, How::address);
    address_of(e, absent);
    if (opens) out_.close();
}

void Generator::address_of(const Expr& e, Landing& absent) {
    const auto parts = arguments(e);
    if (const auto* literal = e.as<AddressLiteral>()) {
        out_.push(literal->value.hi, e);
        out_.push(literal->value.lo, e);
        out_.push(6, e);
    } else if (const auto* any = e.as<AnyHeaderField>()) {
        address_field(all_header_fields()[any->index], absent, e);
    } else if (const auto* variable = e.as<Variable>()) {
        const uint32_t at = variables_[variable->index].position;
        if (e.absent) {
            out_.pick(at + 2, e);
            out_.push(0, e);
            out_.branch(Comparison::eq, absent, e);
        }
        for (const uint32_t word : {0, 1, 2}) out_.pick(at + word, e);
    } else if (const auto* let = e.as<Let>()) {
        bind_values(e, *let);
        address(parts.back(), absent);
    } else {  // a choice: nothing else gives an address
        const unsigned pad = padding(e);
        Landing yes = out_.landing(), no = out_.landing(), joined = out_.landing(pad + 3);
        const auto side = [&](const Expr& value) {
            for (unsigned i = padding(value); i < pad; ++i) out_.push(0, e);
            if (value.is_address()) return address(value, absent);
            out_.push(0, e);
            number(value, absent);
            out_.push(0xffffffff, e);
            out_.emit(Opcode::AND, 0, e);
            out_.push(4, e);
        };
        condition(parts[0], {&yes, &no, &no}, Next::yes);
        out_.bind(yes, e);
        side(parts[1]);
        out_.jump(joined, e);
        out_.bind(no, e);
        side(parts[2]);
        out_.bind(joined, e);
    }
}

void Generator::address_field(const HeaderField& field, Landing& absent, const Expr& at) {
    Landing four = out_.landing(), joined = out_.landing(3);
    if (field.header == Header::ip) {
        fact(HeaderFact::ip_version, at);
        out_.push(4, at);
        out_.branch(Comparison::eq, four, at);
    }
    require(Header::ipv6, absent, at);
    load6(field, at);
    out_.push(6, at);
    if (!four.used()) return;
    out_.jump(joined, at);
    out_.bind(four, at);
    out_.push(0, at);
    load4(field, at);
    out_.push(4, at);
    out_.bind(joined, at);
}

void Generator::load4(const HeaderField& field, const Expr& at) {
    load(HeaderFact::ip_offset, kSource4 + 4u * field.at, 4, at);
}

void Generator::load6(const HeaderField& field, const Expr& at) {
    load(HeaderFact::ip_offset, kSource6 + 16u * field.at, 8, at);
    load(HeaderFact::ip_offset, kSource6 + 16u * field.at + 8, 8, at);
}

/// How the address of a field shows that is not left on the stack.
How Generator::shown_address(const HeaderField& field) {
    if (field.header == Header::ip) return field.at == 0 ? How::ip_source : How::ip_destination;
    return field.at == 0 ? How::ipv6_source : How::ipv6_destination;
}

/// A comparison of what is absent is false.
void Generator::compare_addresses(const Expr& e, Ways ways, Next next) {
    const auto parts = arguments(e);
    for (const size_t i : {0, 1}) {
        const Expr& other = parts[1 - i];
        if (parts[i].as<AnyHeaderField>() && parts[i].is_address() &&
            (other.as<AddressLiteral>() || other.as<Number>()))
            return compare_field(e, i, ways, next);
    }
    Landing& unequal = e.form == Form::equal ? *ways.no : *ways.yes;
    address(parts[0], *ways.no);
    const uint32_t a = out_.depth() - 3;
    address(parts[1], *ways.no);
    const uint32_t b = out_.depth() - 3;
    for (const uint32_t word : {2, 1}) {
        out_.pick(a + word, e);
        out_.pick(b + word, e);
        out_.branch(Comparison::ne, unequal, e);
    }
    out_.pick(a, e);
    out_.pick(b, e);
    decide(e.form == Form::equal ? Comparison::eq : Comparison::ne, ways, next, e);
}

/// Argument number `field` is an address field, the other one a literal.
void Generator::compare_field(const Expr& e, size_t field, Ways ways, Next next) {
    const auto parts = arguments(e);
    const bool equal = e.form == Form::equal;
    Landing& unequal = equal ? *ways.no : *ways.yes;
    const HeaderField& info = all_header_fields()[parts[field].as<AnyHeaderField>()->index];
    const auto* literal = parts[1 - field].as<AddressLiteral>();
    const auto* constant = parts[1 - field].as<Number>();
    const bool both = info.header == Header::ip;
    out_.open(parts[field], shown_address(info), ways.yes);
    if (!both && constant) {  // an IPv6 field is no IPv4 address
        require(Header::ipv6, *ways.no, e);
        out_.jump(unequal, e);
        out_.close();
        out_.drop_to(ways.no->depth(), e);
        return;
    }
    // The other family is another address.
    if (both && !equal) {
        fact(HeaderFact::ip_version, e);
        out_.push(literal ? 4 : 6, e);
        out_.branch(Comparison::eq, unequal, e);
    }
    require(literal ? Header::ipv6 : Header::ipv4, *ways.no, e);
    if (constant) {
        load4(info, e);
        out_.push(constant->value, e);
    } else {
        load(HeaderFact::ip_offset, kSource6 + 16u * info.at, 8, e);
        out_.push(literal->value.hi, e);
        out_.branch(Comparison::ne, unequal, e);
        load(HeaderFact::ip_offset, kSource6 + 16u * info.at + 8, 8, e);
        out_.push(literal->value.lo, e);
    }
    out_.close();
    decide(equal ? Comparison::eq : Comparison::ne, ways, next, e);
}

void Generator::number_of(const Expr& e, const AddressLiteral&, Landing& absent, End) {
    out_.jump(absent, e);
    out_.push(0, e);
}

}  // namespace vfm::lisp
