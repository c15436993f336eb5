#include "userspace/lint/terms.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/ir/form/intervals.h"

namespace vfm::lint {
namespace {

using lisp::FieldSource;
using lisp::HeaderField;

constexpr uint64_t kMost = ~uint64_t{0};

/// A domain of more numbers is not gone through one by one.
constexpr uint64_t kFewNumbers = 65'536;

uint64_t ones(unsigned bits) { return bits >= 64 ? kMost : (uint64_t{1} << bits) - 1; }

Outcomes value_domain(const HeaderField& field) {
    switch (field.source) {
        case FieldSource::packet_length:
        case FieldSource::payload_length:
            return Outcomes::range(0, 65'535);
        case FieldSource::fragment:
            return Outcomes::range(0, 1);
        case FieldSource::address: {
            Outcomes out;
            if (field.header != Header::ipv6) out.numbers = {{0, 0xffffffff}};
            out.addresses = {Outcomes::every_address()};
            return out;
        }
        case FieldSource::by_version: {
            Outcomes out;
            for (const unsigned version : {4u, 6u})
                for (const NumberRange& range : value_domain(of_version(field, version)).numbers)
                    out.numbers.push_back(range);
            tidy(out.numbers);
            return out;
        }
        case FieldSource::fact:
            if (field.name.ends_with("ip.version")) return {.numbers = {{4, 4}, {6, 6}}};
            if (field.name == "ipv4.version") return Outcomes::number(4);
            if (field.name == "ipv6.version") return Outcomes::number(6);
            if (field.name.ends_with(".proto")) return Outcomes::range(0, 255);
            return Outcomes::range(0, ones(field.bits));
        case FieldSource::bytes:
            break;
    }
    if (field.name == "ipv4.hlen") {
        Outcomes out;
        for (uint64_t words = 5; words < 16; ++words) out.numbers.push_back({4 * words, 4 * words});
        return out;
    }
    return Outcomes::range(field.plus, ones(field.bits) * field.factor + field.plus);
}

Term field_term(uint32_t index) {
    const HeaderField& field = lisp::all_header_fields()[index];
    Term term{.kind = TermKind::field, .header = field.header, .field = index};
    term.present = value_domain(field);
    term.domain = term.present;
    term.domain.absent = field.header != Header::packet;
    return term;
}

/// x with (x & mask) in a range, where the mask keeps all bits from some bit on that are ever set.
std::optional<std::vector<NumberRange>> before_mask(uint64_t mask, uint64_t bits,
                                                    const std::vector<NumberRange>& goal) {
    const uint64_t kept = mask & bits;
    const uint64_t low = bits & ~kept;
    if ((low & (low + 1)) != 0) return std::nullopt;
    std::vector<NumberRange> out;
    for (const NumberRange& range : goal) {
        if (range.first > (bits & ~low)) continue;
        const uint64_t first = (range.first + low) & ~low;
        const uint64_t last = (std::min(range.last, bits) & ~low) | low;
        if (first <= last) out.push_back({first, last});
    }
    return out;
}

/// Ranges moved up, modulo 2^64.
std::vector<NumberRange> moved(const std::vector<NumberRange>& ranges, uint64_t by) {
    std::vector<NumberRange> out;
    for (const NumberRange& range : ranges) {
        const uint64_t first = range.first + by, last = range.last + by;
        if (first <= last) {
            out.push_back({first, last});
        } else {
            out.push_back({first, kMost});
            out.push_back({0, last});
        }
    }
    return out;
}

/// What a value of at most `bits` was before one step that led into `goal`.
std::optional<std::vector<NumberRange>> before_step(const Step& step, uint64_t bits,
                                                    const std::vector<NumberRange>& goal) {
    const uint64_t k = step.operand;
    std::vector<NumberRange> out;
    switch (step.op) {
        case Opcode::AND:
            return before_mask(k, bits, goal);
        case Opcode::ADD:
            return moved(goal, 0 - k);
        case Opcode::SUB:
            if (!step.reversed) return moved(goal, k);
            for (const NumberRange& range : moved(goal, 0 - k))
                out.push_back({0 - range.last, 0 - range.first});
            // 0 has no other side.
            for (const NumberRange& range : out)
                if (range.first > range.last) return std::nullopt;
            return out;
        case Opcode::NOT:
            for (const NumberRange& range : goal) out.push_back({~range.last, ~range.first});
            return out;
        case Opcode::SHR:
            if (step.reversed) return std::nullopt;
            for (const NumberRange& range : goal) {
                if (range.first > kMost >> (k & 63)) continue;
                const uint64_t last = std::min(range.last, kMost >> (k & 63));
                out.push_back({range.first << (k & 63), last << (k & 63) | ones(k & 63)});
            }
            return out;
        case Opcode::SHL:
            if (step.reversed || (bits << (k & 63)) >> (k & 63) != bits) return std::nullopt;
            for (const NumberRange& range : goal) {
                const uint64_t up = ones(k & 63);
                const uint64_t first = (range.first >> (k & 63)) + ((range.first & up) != 0);
                if (first <= range.last >> (k & 63)) out.push_back({first, range.last >> (k & 63)});
            }
            return out;
        case Opcode::DIV:
            if (step.reversed || k == 0) return std::nullopt;
            for (const NumberRange& range : goal) {
                if (range.first > kMost / k) continue;
                const uint64_t last = range.last >= kMost / k ? kMost : range.last * k + (k - 1);
                out.push_back({range.first * k, last});
            }
            return out;
        case Opcode::MUL:
            if (k == 0 || bits > kMost / k) return std::nullopt;
            for (const NumberRange& range : goal) {
                const uint64_t first = range.first / k + (range.first % k != 0);
                if (first <= range.last / k) out.push_back({first, range.last / k});
            }
            return out;
        default:
            return std::nullopt;
    }
}

/// The range of a value of which the steps are known.
NumberRange range_after(std::span<const Step> steps, const std::vector<NumberRange>& from) {
    if (from.empty()) return {0, kMost};
    ir::Interval at{from.front().first, from.back().last};
    for (const Step& step : steps) {
        const ir::Interval operand = ir::Intervals::number(step.operand);
        if (op_info(step.op).group == Group::unary)
            at = ir::Intervals::unary(step.op, at);
        else
            at = step.reversed ? ir::Intervals::binary(step.op, operand, at)
                               : ir::Intervals::binary(step.op, at, operand);
    }
    return {at.low, at.high};
}

}  // namespace

std::optional<uint64_t> after_steps(std::span<const Step> steps, uint64_t number) {
    for (const Step& step : steps) {
        if (op_info(step.op).group == Group::unary) {
            number = unary(step.op, number);
            continue;
        }
        const uint64_t a = step.reversed ? step.operand : number;
        const uint64_t b = step.reversed ? number : step.operand;
        if ((step.op == Opcode::DIV || step.op == Opcode::MOD) && b == 0) return std::nullopt;
        number = binary(step.op, a, b);
    }
    return number;
}

uint32_t field_number(std::string_view name) {
    const auto found = lisp::find_header_field(name);
    VFM_CHECK(found.has_value(), "the table of fields has it");
    return *found;
}

Terms::Terms() : by_field_(lisp::all_header_fields().size()) {
    for (const lisp::HeaderInfo& header : lisp::all_headers()) {
        Term term{.kind = TermKind::has, .header = header.id};
        term.domain = term.present = Outcomes::range(header.id == Header::packet ? 1 : 0, 1);
        add(fmt::format("has {}", static_cast<unsigned>(header.id)), std::move(term));
    }
    for (const std::string_view name : {"ip.version", "ip.proto", "eth.type", "ip.frag", "pkt.len"})
        field(field_number(name));
    VFM_CHECK(has_term(Header::packet) + 1 == kVersion && size() == kLength + 1,
              "the first terms have fixed numbers");
}

TermId Terms::add(const std::string& key, Term term) {
    const auto [at, added] = by_key_.emplace(key, static_cast<TermId>(terms_.size()));
    if (added) terms_.push_back(std::move(term));
    return at->second;
}

TermId Terms::field(uint32_t index) {
    if (!by_field_[index])
        by_field_[index] = add(fmt::format("field {}", index), field_term(index));
    return *by_field_[index];
}

std::optional<TermId> Terms::known_field(uint32_t index) const { return by_field_[index]; }

TermId Terms::bytes(uint64_t at, unsigned size) {
    Term term{.kind = TermKind::bytes, .at = at, .size = size};
    term.domain = term.present = Outcomes::range(0, ones(8 * size));
    return add(fmt::format("bytes {} {}", at, size), std::move(term));
}

TermId Terms::payload(Header header, uint64_t at, unsigned size) {
    Term term{.kind = TermKind::payload, .header = header, .at = at, .size = size};
    term.present = term.domain = Outcomes::range(0, ones(8 * size));
    term.domain.absent = term.present.absent = true;  // the header may be all that there is
    return add(fmt::format("payload {} {} {}", static_cast<unsigned>(header), at, size),
               std::move(term));
}

TermId Terms::derived(TermId base, std::vector<Step> steps) {
    std::string key = fmt::format("derived {}", base);
    for (const Step& step : steps)
        key += fmt::format(" {}{}{}", static_cast<unsigned>(step.op), step.reversed ? "<" : ">",
                           step.operand);
    Term term{.kind = TermKind::derived, .header = terms_[base].header, .base = base};
    term.present.numbers = {range_after(steps, terms_[base].domain.numbers)};
    term.present.absent =
        terms_[base].kind == TermKind::payload || !terms_[base].domain.addresses.empty();
    term.domain = term.present;
    term.domain.absent = terms_[base].domain.absent || term.present.absent;
    term.steps = std::move(steps);
    return add(key, std::move(term));
}

TermId Terms::pair(Comparison comparison, TermId left, TermId right) {
    Term term{.kind = TermKind::pair, .base = left, .right = right, .comparison = comparison};
    term.domain = term.present = Outcomes::range(0, 1);
    return add(fmt::format("pair {} {} {}", static_cast<unsigned>(comparison), left, right),
               std::move(term));
}

TermId Terms::in_live_set(const std::string& set, TermId value, Outcomes members) {
    Term term{.kind = TermKind::state, .base = value, .hint = std::move(members)};
    term.domain = term.present = Outcomes::range(0, 1);
    return add(fmt::format("live {} {}", value, set), std::move(term));
}

TermId Terms::named(TermKind kind, const std::string& name, Outcomes domain) {
    Term term{.kind = kind};
    term.domain = term.present = std::move(domain);
    return add("named " + name, std::move(term));
}

std::optional<Outcomes> Terms::before(TermId base, std::span<const Step> steps,
                                      const std::vector<NumberRange>& goal) const {
    const std::vector<NumberRange>& from = terms_[base].domain.numbers;
    uint64_t count = 0;
    for (const NumberRange& range : from)
        count += std::min(range.last - range.first, kFewNumbers) + 1;
    Outcomes out;
    if (count <= kFewNumbers) {
        const Outcomes in{.numbers = goal};
        for (const NumberRange& range : from)
            for (uint64_t number = range.first; number <= range.last; ++number)
                if (const auto got = after_steps(steps, number); got && in.holds(*got)) {
                    if (!out.numbers.empty() && out.numbers.back().last + 1 == number)
                        out.numbers.back().last = number;
                    else
                        out.numbers.push_back({number, number});
                }
        return out;
    }
    out.numbers = goal;
    for (size_t i = steps.size(); i-- > 0;) {
        const NumberRange here = range_after(steps.first(i), from);
        const uint64_t bits = here.last == 0 ? 0 : kMost >> std::countl_zero(here.last);
        auto ranges = before_step(steps[i], bits, out.numbers);
        if (!ranges) return std::nullopt;
        tidy(*ranges);
        out.numbers = std::move(*ranges);
    }
    return meet(out, {.numbers = from});
}

}  // namespace vfm::lint
