#include "userspace/interp/expression_trace.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vfm {
namespace {

using How = CodeExpression::How;

constexpr uint64_t kMapped = uint64_t{0xffff} << 32;  // ::ffff:0:0/96, low half
constexpr size_t kAddressWords = 3, kConnectionWords = 7;

FlowKey truth(bool value) { return uint64_t{value}; }

FlowKey mapped(uint64_t ipv4) { return FlowKey(std::array{uint64_t{0}, kMapped | ipv4}); }

/// Of hi, lo, family.
FlowKey address_of(std::span<const uint64_t> words) {
    return words[2] == 4 ? mapped(words[1]) : FlowKey(words.first(2));
}

/// The words at the top of the stack where they are all there.
std::optional<std::span<const uint64_t>> top(std::span<const uint64_t> stack, size_t words) {
    if (stack.size() < words) return {};
    return stack.last(words);
}

/// Where a fact about headers stands in the packet, as far as it is bytes at one place.
std::optional<PacketRange> place_of(HeaderFact fact, const Headers& headers) {
    const auto there = [&](HeaderFact what) { return headers[what] <= kMaxPacket; };
    const uint32_t tags =
        (there(HeaderFact::vlan) ? 1u : 0u) + (there(HeaderFact::inner_vlan) ? 1u : 0u);
    const auto ip = static_cast<uint32_t>(headers[HeaderFact::ip_offset]);
    const uint64_t version = headers[HeaderFact::ip_version];
    switch (fact) {
        case HeaderFact::ethertype:
            return PacketRange{12 + 4 * tags, 2};
        case HeaderFact::vlan:
            return PacketRange{14, 2};
        case HeaderFact::inner_vlan:
            return PacketRange{18, 2};
        case HeaderFact::ip_version:
            if (version == 4 || version == 6) return PacketRange{ip, 1};
            return {};
        case HeaderFact::proto:
            if (version == 4) return PacketRange{ip + 9, 1};
            if (version == 6 && headers[HeaderFact::transport_offset] == uint64_t{ip} + 40)
                return PacketRange{ip + 6, 1};
            return {};
        case HeaderFact::fragment:
            if (version == 4) return PacketRange{ip + 6, 2};
            return {};
        default:
            return {};
    }
}

/// What the code of others reads is on the way to their value, not the value.
bool is_read(const CodeExpression& expression) {
    using Shown = CodeExpression::Shown;
    if (expression.how >= How::ip_source) return true;
    return (expression.how <= How::address || expression.how == How::result) &&
           expression.group == 0 && expression.shown != Shown::truth;
}

bool is_offset(HeaderFact fact) {
    return fact == HeaderFact::ip_offset || fact == HeaderFact::transport_offset ||
           fact == HeaderFact::payload_offset;
}

}  // namespace

void ExpressionTrace::begin(ByteView packet) {
    packet_ = packet;
    frames_.clear();
    instruction_ = {};
    last_.reset();
    jump_.reset();
    open_at(0);
}

void ExpressionTrace::open_at(uint32_t offset) {
    for (auto next =
             std::ranges::lower_bound(map_->expressions, offset, {}, &CodeExpression::begin);
         next != map_->expressions.end() && next->begin == offset; ++next)
        frames_.push_back({.expression = &*next});
}

void ExpressionTrace::moved(uint32_t from, uint32_t to, bool jumped,
                            std::span<const uint64_t> stack) {
    if (map_->expressions.empty()) {
        tell(instruction_, from, stack.empty() ? Value{} : Value(stack.back()), ErrorKind::success);
        instruction_ = {};
        return;
    }
    // The jump by which control goes on, if it is one: that it took before it came by a relay.
    std::optional<uint32_t> jump = std::exchange(jump_, std::nullopt);
    if (!jump && jumped) jump = from;
    if (std::ranges::binary_search(map_->relays, to)) {
        jump_ = jump;
        return;
    }
    while (!frames_.empty() && to >= frames_.back().expression->end)
        close(from, value_behind(frames_.back(), jump, to, stack));
    open_at(to);
}

ExpressionTrace::Value ExpressionTrace::value_behind(const Frame& frame,
                                                     std::optional<uint32_t> jump, uint32_t to,
                                                     std::span<const uint64_t> stack) const {
    const CodeExpression& expression = *frame.expression;
    const bool at_end = to == expression.end;
    const auto said_true = [&] {
        return jump && std::ranges::binary_search(map_->true_jumps, *jump);
    };
    const bool last_is_true = last_ && last_->words[0] != 0;
    switch (expression.how) {
        case How::number:
            if (const auto words = top(stack, 1); at_end && words) return FlowKey(*words);
            return {};
        case How::address:
            if (const auto words = top(stack, kAddressWords); at_end && words)
                return address_of(*words);
            return {};
        case How::connection:
            if (const auto words = top(stack, kConnectionWords); at_end && words)
                return FlowKey(*words);
            return {};
        case How::result:
            return {};
        case How::test:
            return truth(at_end && !stack.empty() && stack.back() != 0);
        case How::opposite:
            return truth(at_end && !stack.empty() && stack.back() == 0);
        case How::falls_true:
            return truth(at_end || said_true());
        case How::falls_false:
            return truth(said_true());
        case How::passed:
            return last_;
        case How::all_or_any:
            return truth(last_is_true);
        case How::none_of:
            return truth(!last_is_true);
        case How::ip_source:
        case How::ip_destination:
            return address(expression.how == How::ip_source, false);
        case How::ipv6_source:
        case How::ipv6_destination:
            return address(expression.how == How::ipv6_source, true);
    }
    return {};
}

ExpressionTrace::Value ExpressionTrace::address(bool source, bool six_only) const {
    const Headers headers = walk_headers(packet_);
    const uint64_t version = headers[HeaderFact::ip_version];
    if (version != 6 && (version != 4 || six_only)) return {};
    const uint8_t* ip = packet_.data() + headers[HeaderFact::ip_offset];
    if (version == 4) return mapped(load_be<uint32_t>(ip + (source ? 12 : 16)));
    const uint8_t* at = ip + (source ? 8 : 24);
    return FlowKey(std::array{load_be<uint64_t>(at), load_be<uint64_t>(at + 8)});
}

void ExpressionTrace::close(uint32_t offset, const Value& value, ErrorKind error) {
    Frame done = frames_.back();
    frames_.pop_back();
    last_ = value;
    const CodeExpression& expression = *done.expression;
    const bool whole = depth() == 0;
    // Of a rule that always holds, too, it is told that it did.
    const bool quiet = expression.shown == CodeExpression::Shown::constant;
    if (quiet && !whole && expression.rule == 0) return;
    // Which of an address's bytes the code has read says nothing.
    if (expression.how >= How::ip_source) {
        const Headers headers = walk_headers(packet_);
        const auto ip = static_cast<uint32_t>(headers[HeaderFact::ip_offset]);
        const bool source = expression.how == How::ip_source || expression.how == How::ipv6_source;
        if (headers[HeaderFact::ip_version] == 4)
            done.bytes = PacketRange{ip + (source ? 12 : 16), 4};
        else
            done.bytes = PacketRange{ip + (source ? 8 : 24), 16};
    }
    // What is absent as a whole drops. Of a filter that is a field, the field is told of.
    const bool gone =
        !value && error == ErrorKind::success && whole && map_->expressions.size() > 1;
    tell(done, offset, gone ? Value(FlowKey(0)) : value, error);
}

void ExpressionTrace::tell(const Frame& frame, uint32_t offset, const Value& value,
                           ErrorKind error) {
    const bool failed = error != ErrorKind::success;
    const bool reads = !frame.expression || is_read(*frame.expression);
    tracer_->step({.expression = frame.expression,
                   .offset = offset,
                   .depth = depth(),
                   .end = failed  ? TraceStep::End::error
                          : value ? TraceStep::End::value
                                  : TraceStep::End::absent,
                   .error = error,
                   .value = value.value_or(FlowKey(0)),
                   .bytes = value && reads ? frame.bytes : std::nullopt,
                   .use = frame.use,
                   .decided = frame.decided});
}

void ExpressionTrace::returned(uint32_t offset, uint64_t value) {
    if (map_->expressions.empty()) tell(instruction_, offset, FlowKey(value), ErrorKind::success);
    while (!frames_.empty()) close(offset, FlowKey(value));
}

void ExpressionTrace::trapped(uint32_t offset, ErrorKind error) {
    if (map_->expressions.empty()) tell(instruction_, offset, {}, error);
    while (!frames_.empty()) close(offset, {}, error);
}

void ExpressionTrace::loaded(uint32_t offset, uint32_t size) {
    std::optional<PacketRange>& bytes = frame().bytes;
    if (bytes && bytes->offset + bytes->size == offset)
        bytes->size += size;
    else
        bytes = PacketRange{offset, size};
}

void ExpressionTrace::looked_up(HeaderFact fact, const Headers& headers) {
    if (!is_offset(fact)) frame().bytes = place_of(fact, headers);
}

void ExpressionTrace::used(const TableUse& use) {
    std::optional<TableUse>& all = frame().use;
    if (!all || all->table != use.table) {
        all = use;
        return;
    }
    if (!all->before && !all->after) all->before = use.before;
    if (use.after) all->after = use.after;
}

void ExpressionTrace::counted(uint32_t group, uint64_t counter) {
    const auto rules = std::ranges::find_if(frames_.rbegin(), frames_.rend(), [&](const Frame& in) {
        return in.expression->group == group + 1;
    });
    if (rules != frames_.rend()) rules->decided = static_cast<uint32_t>(counter);
}

}  // namespace vfm
