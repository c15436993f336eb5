// Flow tables: keys of several words, counts, token buckets.
#include <algorithm>

#include "core/lisp/generator.h"

namespace vfm::lisp {
namespace {

constexpr uint64_t kIpv4Bits = 0xffffffff;
constexpr uint64_t kTimeBits = (uint64_t{1} << 44) - 1;  // of a bucket's microseconds
/// A time as little before the last refill is no time since: another CPU, whose clock was read
/// later, has refilled the bucket. Taken modulo 2^44 it would be half a year, and the bucket full.
constexpr uint64_t kBehind = uint64_t{1} << 20;
constexpr uint64_t kTokenBits = (uint64_t{1} << 20) - 1;
constexpr unsigned kTimeShift = 20;
constexpr unsigned kEndpointWords = 3;

/// What stands in a table for an empty bucket of time 0, whose value, 0, would be none. No other
/// bucket looks so: each that is stored has given a token away.
uint64_t empty_at_zero(const Rate& node) { return node.burst; }

}  // namespace

/// An IPv4 address becomes the low half of ::ffff:a.b.c.d.
void Generator::mapped(const Expr& at) { apply(Opcode::OR, kMappedIpv4, at); }

/// Values that stand below the words of an element.
unsigned Generator::key_padding(const Expr& element, KeyKind kind) const {
    if (kind == KeyKind::conn) return 2 * kEndpointWords;
    return key_kind_words(kind) == 2 ? padding(element) : 0;
}

/// Leaves the words of an element on the stack.
void Generator::key_element(const Expr& element, KeyKind kind, Landing& absent) {
    if (kind == KeyKind::conn)
        connection(element, absent);
    else if (key_kind_words(kind) == 2)
        key_address(element, absent);
    else
        number(element, absent);
}

void Generator::key_address(const Expr& element, Landing& absent) {
    if (const auto* literal = element.as<AddressLiteral>()) {
        out_.push(literal->value.hi, element);
        out_.push(literal->value.lo, element);
        return;
    }
    if (!element.is_address()) {
        out_.push(0, element);
        number(element, absent);
        apply(Opcode::AND, kIpv4Bits, element);
        return mapped(element);
    }
    address(element, absent);
    Landing six = out_.landing_at(out_.depth() - 1);
    out_.push(4, element);
    out_.branch(Comparison::ne, six, element);
    mapped(element);
    out_.bind(six, element);
}

/// The words of a key, one after the other on top of the stack. What they do not need stays below.
void Generator::push_key(std::span<const Expr> elements, const TableDecl& table, Landing& absent,
                         const Expr& at) {
    // Only the first element may leave something below its words: others are copied.
    bool in_place = true;
    for (size_t i = 1; i < elements.size(); ++i)
        in_place = in_place && key_padding(elements[i], table.key[i]) == 0;
    std::vector<uint32_t> words;
    for (size_t i = 0; i < elements.size(); ++i) {
        key_element(elements[i], table.key[i], absent);
        const unsigned count = key_kind_words(table.key[i]);
        for (unsigned word = 0; word < count; ++word) words.push_back(out_.depth() - count + word);
    }
    if (!in_place)
        for (const uint32_t word : words) out_.pick(word, at);
}

/// Address, which the packet has, and port of one side.
void Generator::endpoint(unsigned side, const Expr& at) {
    const auto row = find_header_field(side == 0 ? "ip.src" : "ip.dst");
    const HeaderField& field = all_header_fields()[*row];
    Landing six = out_.landing(), address = out_.landing(2);
    fact(HeaderFact::ip_version, at);
    out_.push(4, at);
    out_.branch(Comparison::ne, six, at);
    out_.push(0, at);
    load4(field, at);
    mapped(at);
    out_.jump(address, at);
    out_.bind(six, at);
    load6(field, at);
    out_.bind(address, at);

    Landing none = out_.landing(), port = out_.landing(1);
    require(Header::ports, none, at);
    load(HeaderFact::transport_offset, 2 * side, 2, at);
    out_.jump(port, at);
    out_.bind(none, at);
    out_.push(0, at);
    out_.bind(port, at);
}

/// The seven words that both directions share, above both endpoints as they are.
void Generator::connection(const Expr& at, Landing& absent) {
    out_.open(at, How::connection);
    require(Header::ip, absent, at);
    const uint32_t from = out_.depth();
    endpoint(0, at);
    const uint32_t to = out_.depth();
    endpoint(1, at);
    Landing source_first = out_.landing(), other_first = out_.landing(),
            joined = out_.landing(2 * kEndpointWords);
    for (unsigned word = 0; word < kEndpointWords; ++word)
        for (const bool less : {true, false}) {
            out_.pick(from + word, at);
            out_.pick(to + word, at);
            out_.branch(less ? Comparison::lt : Comparison::gt, less ? source_first : other_first,
                        at);
        }
    const auto copy = [&](uint32_t first, uint32_t second) {
        for (unsigned word = 0; word < kEndpointWords; ++word) out_.pick(first + word, at);
        for (unsigned word = 0; word < kEndpointWords; ++word) out_.pick(second + word, at);
    };
    out_.bind(source_first, at);
    copy(from, to);
    out_.jump(joined, at);
    out_.bind(other_first, at);
    copy(to, from);
    out_.bind(joined, at);
    fact(HeaderFact::proto, at);
    out_.close();
}

void Generator::number_of(const Expr& e, const Flow& node, Landing& absent, End) {
    const uint32_t base = out_.depth();
    const TableDecl& table = tree_.tables[node.table];
    const unsigned words = table.words();
    const auto parts = arguments(e);
    push_key(parts.first(node.elements), table, absent, e);
    if (node.op == Opcode::FLOW_GET) {
        out_.emit(node.op, node.table, words, 1, e);
    } else {
        if (parts.size() > node.elements)
            number(parts[node.elements], absent);
        else
            out_.push(1, e);
        const bool store = node.op == Opcode::FLOW_SET;
        // A store takes the value that the form gives: it stores a copy.
        if (store) copy_key(words + 1, words + 1, e);
        out_.emit(node.op, node.table, words + 1, store ? 0 : 1, e);
    }
    out_.keep_top(base, e);
}

/// Microseconds as a bucket keeps them.
void Generator::bucket_time(const Expr& at) {
    out_.emit(Opcode::NOW, 0, at);
    apply(Opcode::DIV, 1000, at);
    apply(Opcode::AND, kTimeBits, at);
}

/// Above a key, which stays: what its bucket is once a token has been taken, or to `empty`.
void Generator::take_token(const Expr& e, const Rate& node, unsigned words, Landing& empty) {
    const uint32_t old = out_.depth();  // above the key: what the table holds
    Landing full = out_.landing(1), taken = out_.landing(1);
    copy_key(words, words, e);
    out_.emit(Opcode::FLOW_GET, node.table, words, 1, e);
    out_.emit(Opcode::DUP, 0, e);
    out_.push(0, e);
    out_.branch(Comparison::eq, full, e);
    out_.emit(Opcode::DUP, 0, e);
    out_.push(empty_at_zero(node), e);
    out_.emit(Opcode::NE, 0, e);
    out_.emit(Opcode::MUL, 0, e);

    // old -> old, tokens that have come since
    bucket_time(e);
    out_.pick(old, e);
    apply(Opcode::SHR, kTimeShift, e);
    out_.emit(Opcode::SUB, 0, e);
    apply(Opcode::AND, kTimeBits, e);
    Landing since = out_.landing();
    out_.emit(Opcode::DUP, 0, e);
    out_.push(kTimeBits - kBehind, e);
    out_.branch(Comparison::le, since, e);
    out_.emit(Opcode::POP, 0, e);
    out_.push(0, e);
    out_.bind(since, e);
    apply(Opcode::MUL, node.tokens, e);
    apply(Opcode::DIV, node.per, e);
    // -> old, come, tokens that there are
    out_.pick(old, e);
    apply(Opcode::AND, kTokenBits, e);
    out_.pick(old + 1, e);
    out_.emit(Opcode::ADD, 0, e);
    Landing fits = out_.landing();
    out_.emit(Opcode::DUP, 0, e);
    out_.push(node.burst, e);
    out_.branch(Comparison::le, fits, e);
    out_.emit(Opcode::POP, 0, e);
    out_.push(node.burst, e);
    out_.bind(fits, e);
    out_.emit(Opcode::DUP, 0, e);
    out_.push(0, e);
    out_.branch(Comparison::eq, empty, e);
    // -> old, tokens, the new time
    out_.emit(Opcode::SWAP, 0, e);
    apply(Opcode::MUL, node.per, e);
    apply(Opcode::DIV, node.tokens, e);
    out_.pick(old, e);
    apply(Opcode::SHR, kTimeShift, e);
    out_.emit(Opcode::ADD, 0, e);
    apply(Opcode::AND, kTimeBits, e);
    apply(Opcode::SHL, kTimeShift, e);
    out_.emit(Opcode::SWAP, 0, e);
    apply(Opcode::SUB, 1, e);
    out_.emit(Opcode::OR, 0, e);
    out_.keep_top(old, e);
    out_.jump(taken, e);

    out_.bind(full, e);
    out_.emit(Opcode::POP, 0, e);
    bucket_time(e);
    apply(Opcode::SHL, kTimeShift, e);
    apply(Opcode::OR, node.burst - 1, e);
    out_.bind(taken, e);
    out_.emit(Opcode::DUP, 0, e);
    out_.push(0, e);
    out_.emit(Opcode::EQ, 0, e);
    apply(Opcode::MUL, empty_at_zero(node), e);
    out_.emit(Opcode::OR, 0, e);
}

/// Copies a key of which `above` values, its own words among them, are on top of the stack.
void Generator::copy_key(unsigned words, unsigned above, const Expr& at) {
    for (unsigned word = 0; word < words; ++word) out_.emit(Opcode::PICK, above - 1, 0, 1, at);
}

/// A token is taken where the bucket then is what it should be: between reading and storing,
/// another CPU may have taken the same one. The kernel's programs compare and exchange for this
/// shape: bpfgen/exchanges.h. Elsewhere the first try is the last.
void Generator::number_of(const Expr& e, const Rate& node, Landing& absent, End) {
    constexpr unsigned kTries = 3;
    const uint32_t base = out_.depth();
    const TableDecl& table = tree_.tables[node.table];
    const unsigned words = table.words();
    push_key(arguments(e), table, absent, e);
    Landing taken = out_.landing(), empty = out_.landing_at(base),
            joined = out_.landing_at(base + 1);
    for (unsigned attempt = 0; attempt < kTries; ++attempt) {
        take_token(e, node, words, empty);
        copy_key(words + 1, words + 1, e);
        out_.emit(Opcode::FLOW_SET, node.table, words + 1, 0, e);
        copy_key(words, words + 1, e);
        out_.emit(Opcode::FLOW_GET, node.table, words, 1, e);
        out_.branch(Comparison::eq, taken, e);
    }
    out_.jump(empty, e);
    out_.bind(taken, e);
    out_.drop_to(base, e);
    out_.push(1, e);
    out_.jump(joined, e);
    out_.bind(empty, e);
    out_.push(0, e);
    out_.bind(joined, e);
}

}  // namespace vfm::lisp
