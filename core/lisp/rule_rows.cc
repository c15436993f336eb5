#include "core/lisp/rule_rows.h"

#include <algorithm>
#include <bit>

#include "core/module/declarations.h"

namespace vfm::lisp {
namespace {

/// Rows of one rule: more are looked up in a set of their own.
constexpr size_t kMaxRowsOfRule = 1024;

constexpr Wide kLastAddress{UINT64_MAX, UINT64_MAX};

/// No field but MAC addresses has more than 32 bits.
uint64_t most(uint32_t field) {
    return all_header_fields()[field].key == KeyKind::mac ? (uint64_t{1} << 48) - 1 : UINT32_MAX;
}

Wide next(Wide value) { return {value.hi + (value.lo == UINT64_MAX ? 1 : 0), value.lo + 1}; }
Wide before(Wide value) { return {value.hi - (value.lo == 0 ? 1 : 0), value.lo - 1}; }
uint64_t next(uint64_t value) { return value + 1; }
uint64_t before(uint64_t value) { return value - 1; }

/// Ascending ranges that do not meet.
template <class Range, class Value>
std::vector<Range> complement(std::span<const Range> ranges, Value last) {
    std::vector<Range> out;
    Value from{};
    for (const Range& range : ranges) {
        if (range.first > last) break;
        if (from < range.first) out.push_back({from, before(range.first)});
        if (range.last >= last) return out;
        from = next(range.last);
    }
    out.push_back({from, last});
    return out;
}

template <class Range>
std::vector<Range> intersection(std::span<const Range> a, std::span<const Range> b) {
    std::vector<Range> out;
    for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const Range both{std::max(a[i].first, b[j].first), std::min(a[i].last, b[j].last)};
        if (both.first <= both.last) out.push_back(both);
        ++(a[i].last < b[j].last ? i : j);
    }
    return out;
}

std::vector<NumberRange> clipped(std::span<const NumberRange> ranges, uint64_t last) {
    const NumberRange all{0, last};
    return intersection(ranges, std::span(&all, 1));
}

/// Of a comparison with a constant, the field being its first operand.
std::vector<NumberRange> numbers_of(Form form, uint64_t value, uint64_t last) {
    const NumberRange point{value, value};
    switch (form) {
        case Form::equal:
            return {point};
        case Form::not_equal:
            return complement(std::span(&point, 1), last);
        case Form::less:
            return value == 0 ? std::vector<NumberRange>{}
                              : std::vector<NumberRange>{{0, value - 1}};
        case Form::less_equal:
            return {{0, value}};
        case Form::greater:
            return value >= last ? std::vector<NumberRange>{}
                                 : std::vector<NumberRange>{{value + 1, last}};
        default:
            return value > last ? std::vector<NumberRange>{}
                                : std::vector<NumberRange>{{value, last}};
    }
}

/// The comparison with its sides exchanged.
Form exchanged(Form form) {
    switch (form) {
        case Form::less:
            return Form::greater;
        case Form::less_equal:
            return Form::greater_equal;
        case Form::greater:
            return Form::less;
        case Form::greater_equal:
            return Form::less_equal;
        default:
            return form;
    }
}

std::optional<FieldTest> comparison_test(const Tree& tree, const Expr& test) {
    const auto parts = tree.arguments(test);
    for (const size_t i : {0, 1}) {
        const auto* field = parts[i].as<AnyHeaderField>();
        const auto* number = parts[1 - i].as<Number>();
        const auto* literal = parts[1 - i].as<AddressLiteral>();
        if (!field || !(number || literal)) continue;
        const Form form = i == 0 ? test.form : exchanged(test.form);
        const bool equality = form == Form::equal || form == Form::not_equal;
        const bool unequal = form == Form::not_equal;
        FieldTest out{.field = field->index};
        if (number) out.numbers = numbers_of(form, number->value, most(field->index));
        if (!parts[i].is_address() || !equality) return number ? std::optional(out) : std::nullopt;
        // The other family is another address.
        if (number && unequal) out.addresses = {{{}, kLastAddress}};
        if (literal) {
            const AddressRange point{literal->value, literal->value};
            out.addresses = {point};
            if (unequal)
                out.addresses =
                    complement(std::span<const AddressRange>(out.addresses), kLastAddress);
            if (unequal) out.numbers = {{0, most(field->index)}};
        }
        return out;
    }
    return std::nullopt;
}

std::optional<FieldTest> member_test(const Tree& tree, const Expr& test, const Member& member) {
    const auto* field = tree.arguments(test)[0].as<AnyHeaderField>();
    const SetInfo& set = tree.sets[member.set];
    if (!field || set.live || set.numbers.size() + set.addresses.size() > kMaxRowsOfRule)
        return std::nullopt;
    FieldTest out{.field = field->index, .numbers = set.numbers, .addresses = set.addresses};
    if (member.negated) {
        out.numbers = complement(std::span<const NumberRange>(set.numbers), most(field->index));
        out.addresses = complement(std::span<const AddressRange>(set.addresses), kLastAddress);
    }
    if (!is_address_field(field->index)) out.addresses.clear();
    return out;
}

/// A header is there where one of its fields is.
std::optional<FieldTest> header_test(Header header) {
    for (uint32_t field = 0; field < all_header_fields().size(); ++field)
        if (all_header_fields()[field].header == header && !is_address_field(field))
            return FieldTest{.field = field, .numbers = {{0, most(field)}}};
    return std::nullopt;
}

/// Alternatives of one field.
std::optional<FieldTest> alternatives(const Tree& tree, const Expr& test) {
    FieldTest out;
    for (const Expr& argument : tree.arguments(test)) {
        const auto one = conjunction_of(tree, argument);
        if (!one || one->size() != 1) return std::nullopt;
        const FieldTest& other = one->front();
        if (&argument != &tree.arguments(test).front() && other.field != out.field)
            return std::nullopt;
        out.field = other.field;
        out.numbers.insert(out.numbers.end(), other.numbers.begin(), other.numbers.end());
        out.addresses.insert(out.addresses.end(), other.addresses.begin(), other.addresses.end());
    }
    std::ranges::sort(out.numbers);
    std::ranges::sort(out.addresses);
    return out;
}

void restrict(std::vector<FieldTest>& all, FieldTest test) {
    const auto same = std::ranges::find(all, test.field, &FieldTest::field);
    if (same == all.end()) {
        all.push_back(std::move(test));
        return;
    }
    same->numbers = intersection(std::span<const NumberRange>(same->numbers),
                                 std::span<const NumberRange>(test.numbers));
    same->addresses = intersection(std::span<const AddressRange>(same->addresses),
                                   std::span<const AddressRange>(test.addresses));
}

bool is_prefix(uint64_t first, uint64_t last) {
    const uint64_t size = last - first;
    return (size & (size + 1)) == 0 && (first & size) == 0;
}

RuleTest number_range(const NumberRange& range, unsigned width) {
    if (is_prefix(range.first, range.last))
        return {.kind = RuleTest::Kind::prefix,
                .lo = range.first,
                .length = static_cast<uint8_t>(
                    width - static_cast<unsigned>(std::popcount(range.last - range.first)))};
    return {.kind = RuleTest::Kind::range, .lo = range.first, .last_lo = range.last};
}

RuleTest address_range(const AddressRange& range) {
    const auto& [first, last] = range;
    const bool low = first.hi == last.hi && is_prefix(first.lo, last.lo);
    const bool high = first.lo == 0 && last.lo == UINT64_MAX && is_prefix(first.hi, last.hi);
    if (!low && !high)
        return {.kind = RuleTest::Kind::range,
                .hi = first.hi,
                .lo = first.lo,
                .last_hi = last.hi,
                .last_lo = last.lo};
    const int free = std::popcount(last.lo - first.lo) + std::popcount(last.hi - first.hi);
    return {.kind = RuleTest::Kind::prefix,
            .hi = first.hi,
            .lo = first.lo,
            .length = static_cast<uint8_t>(128 - free)};
}

}  // namespace

bool is_address_field(uint32_t field) {
    return all_header_fields()[field].source == FieldSource::address;
}

std::optional<std::vector<FieldTest>> conjunction_of(const Tree& tree, const Expr& test) {
    std::vector<FieldTest> out;
    if (test.as<Conjunction>()) {
        for (const Expr& argument : tree.arguments(test)) {
            auto some = conjunction_of(tree, argument);
            if (!some) return std::nullopt;
            for (FieldTest& one : *some) restrict(out, std::move(one));
        }
        return out;
    }
    if (test.known && test.value != 0) return out;
    std::optional<FieldTest> one;
    if (test.as<Compare>())
        one = comparison_test(tree, test);
    else if (const auto* member = test.as<Member>())
        one = member_test(tree, test, *member);
    else if (const auto* has = test.as<HasHeader>())
        one = header_test(has->header);
    else if (test.as<Disjunction>())
        one = alternatives(tree, test);
    if (!one) return std::nullopt;
    out.push_back(std::move(*one));
    return out;
}

uint32_t RuleRows::key_of(uint32_t field) {
    const auto found = std::ranges::find(fields_, field);
    if (found != fields_.end()) return first_key_[static_cast<size_t>(found - fields_.begin())];
    fields_.push_back(field);
    const auto key = static_cast<uint32_t>(table_.key_widths.size());
    first_key_.push_back(key);
    if (is_address_field(field)) {
        table_.key_widths.insert(table_.key_widths.end(), {32, 128});
    } else {
        table_.key_widths.push_back(most(field) > UINT32_MAX ? 64 : 32);
    }
    return key;
}

bool RuleRows::add(uint32_t rule, std::span<const FieldTest> tests, uint64_t verdict) {
    size_t rows = 1, keys = table_.key_widths.size();
    std::vector<FieldTest> kept(tests.begin(), tests.end());
    for (FieldTest& test : kept) {
        test.numbers = clipped(test.numbers, most(test.field));
        rows *= test.numbers.size() + test.addresses.size();
        if (rows > kMaxRowsOfRule) return false;
        const bool known = std::ranges::find(fields_, test.field) != fields_.end();
        keys += known ? 0 : is_address_field(test.field) ? 2 : 1;
    }
    if (keys > kMaxRuleKeys || table_.rows.size() + rows > kMaxRows) return false;
    std::vector<RuleRow> made(1, RuleRow{.rule = rule, .tests = {}});
    for (const FieldTest& test : kept) {
        const uint32_t key = key_of(test.field);
        const unsigned width = table_.key_widths[key];
        std::vector<RuleRow> more;
        for (const RuleRow& row : made) {
            const auto with = [&](uint32_t at, const RuleTest& condition) {
                more.push_back(row);
                more.back().tests.resize(std::max<size_t>(more.back().tests.size(), at + 1));
                more.back().tests[at] = condition;
            };
            for (const NumberRange& range : test.numbers) with(key, number_range(range, width));
            for (const AddressRange& range : test.addresses) with(key + 1, address_range(range));
        }
        made = std::move(more);
    }
    table_.rows.insert(table_.rows.end(), made.begin(), made.end());
    table_.verdicts.resize(rule);
    table_.verdicts[rule - 1] = verdict;
    ++rules_;
    return true;
}

RuleTable RuleRows::take(uint64_t default_verdict) {
    table_.default_verdict = default_verdict;
    for (RuleRow& row : table_.rows) row.tests.resize(table_.key_widths.size());
    return std::move(table_);
}

}  // namespace vfm::lisp
