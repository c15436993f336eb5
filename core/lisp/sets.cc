#include "core/lisp/sets.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace vfm::lisp {
namespace {

using Bits = unsigned __int128;

Bits bits(Wide value) { return Bits{value.hi} << 64 | value.lo; }
Wide wide(Bits value) { return {static_cast<uint64_t>(value >> 64), static_cast<uint64_t>(value)}; }
Bits bits(uint64_t value) { return value; }

template <class Range>
void join(std::vector<Range>& ranges) {
    std::ranges::sort(ranges);
    size_t kept = 0;
    for (const Range& range : ranges) {
        if (kept > 0) {
            Range& before = ranges[kept - 1];
            const Bits last = bits(before.last);
            if (bits(range.first) <= last || bits(range.first) == last + 1) {
                if (bits(range.last) > last) before.last = range.last;
                continue;
            }
        }
        ranges[kept++] = range;
    }
    ranges.resize(kept);
    ranges.shrink_to_fit();
}

template <class Range>
void keep_each_once(std::vector<Range>& ranges) {
    std::ranges::sort(ranges);
    const auto repeated = std::ranges::unique(ranges);
    ranges.erase(repeated.begin(), repeated.end());
}

unsigned zeros_behind(Bits value) {
    const auto low = static_cast<uint64_t>(value);
    return static_cast<unsigned>(low != 0
                                     ? std::countr_zero(low)
                                     : 64 + std::countr_zero(static_cast<uint64_t>(value >> 64)));
}

/// The greatest n for which there are 2^n numbers from 0 to `last`.
unsigned bits_filled(Bits last) {
    const Bits count = last + 1;
    if (count == 0) return 128;
    const auto high = static_cast<uint64_t>(count >> 64);
    return static_cast<unsigned>(high != 0 ? 127 - std::countl_zero(high)
                                           : 63 - std::countl_zero(static_cast<uint64_t>(count)));
}

/// Calls `add` with the first number and the length of each prefix of a range of numbers of
/// `width` bits, of which there are as few as can be.
template <class Range, class Add>
void for_each_prefix(const Range& range, unsigned width, Add add) {
    const Bits last = bits(range.last);
    Bits at = bits(range.first);
    for (;;) {
        // As many bits as are free behind the prefix, and as the rest of the range fills.
        const unsigned free = std::min({width, zeros_behind(at), bits_filled(last - at)});
        add(at, width - free);
        const Bits end = at + (free == 128 ? 0 : Bits{1} << free) - 1;
        if (end >= last) return;
        at = end + 1;
    }
}

template <class Range>
void add_prefixes(const Range& range, unsigned width, std::vector<SetMember>& out) {
    for_each_prefix(range, width, [&](Bits at, unsigned length) {
        const Wide value = wide(at);
        out.push_back({value.hi, value.lo, static_cast<uint8_t>(length)});
    });
}

template <class Range>
size_t prefixes_of(const std::vector<Range>& ranges, unsigned width) {
    size_t count = 0;
    for (const Range& range : ranges)
        for_each_prefix(range, width, [&](Bits, unsigned) { ++count; });
    return count;
}

size_t members_of(const SetInfo& set) {
    return prefixes_of(set.numbers, 64) + prefixes_of(set.addresses, 128);
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

/// The next token of a line; parentheses are tokens. Empty at its end.
std::string_view next_token(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest[0])) rest.remove_prefix(1);
    size_t size = 0;
    while (size < rest.size() && !is_blank(rest[size]) && rest[size] != '(' && rest[size] != ')')
        ++size;
    if (size == 0 && !rest.empty()) size = 1;
    const std::string_view token = rest.substr(0, size);
    rest.remove_prefix(size);
    return token;
}

class SetReader {
  public:
    SetReader(std::shared_ptr<const SourceFile> file, SetInfo& set, ErrorList& errors)
        : file_(std::move(file)), set_(set), errors_(errors) {}

    void run() {
        std::string_view text = file_->text();
        while (!text.empty() && !full_) {
            const size_t end = std::min(text.find('\n'), text.size());
            line(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        if (!full_ && !count_.fits()) error(last_, kTooManyMembers);
    }

  private:
    void line(std::string_view whole) {
        std::string_view rest = whole.substr(0, whole.find_first_of(";#"));
        const std::string_view first = next_token(rest);
        if (first.empty()) return;
        if (first == "(") return range(first, rest);
        const auto value = literal(first);
        if (!value) return;
        const std::string_view behind = next_token(rest);
        if (!behind.empty()) return error(behind, "expected one value a line");
        add(first, *value, *value);
    }

    void add(std::string_view at, const Literal& first, const Literal& last) {
        add_to_set(set_, first, last);
        last_ = at;
        full_ = !count_.fits_with(first, last);
        if (full_) error(at, kTooManyMembers);
    }

    void range(std::string_view paren, std::string_view rest) {
        const std::string_view word = next_token(rest);
        if (word != "range") return error(paren, "expected a value, a prefix or `(range a b)`");
        const std::string_view a = next_token(rest), b = next_token(rest);
        if (a.empty() || b.empty() || a == ")" || b == ")" || next_token(rest) != ")")
            return error(paren, "expected `(range a b)`");
        const std::string_view behind = next_token(rest);
        if (!behind.empty()) return error(behind, "expected one value a line");
        const auto first = range_end(a), last = range_end(b);
        if (!first || !last) return;
        const std::string fault = range_fault(*first, *last);
        if (!fault.empty()) return error(paren, fault);
        add(paren, *first, *last);
    }

    std::optional<Literal> literal(std::string_view token) {
        const ParsedLiteral parsed = parse_literal(token);
        if (!parsed.literal)
            error(token, parsed.error.empty()
                             ? fmt::format("expected a number, an address or a prefix, found `{}`",
                                           printable(token))
                             : parsed.error);
        return parsed.literal;
    }

    std::optional<Literal> range_end(std::string_view token) {
        const auto value = literal(token);
        if (!value || value->kind != LiteralKind::prefix) return value;
        error(token, kPrefixInRange);
        return std::nullopt;
    }

    void error(std::string_view at, std::string message) {
        if (!number_) number_ = errors_.sources().add(file_);
        const auto begin = static_cast<uint32_t>(at.data() - file_->text().data());
        errors_.error({*number_, {begin, begin + static_cast<uint32_t>(at.size())}},
                      std::move(message));
    }

    std::shared_ptr<const SourceFile> file_;
    SetInfo& set_;
    MemberCount count_{set_};
    bool full_ = false;
    std::string_view last_;  // of what was added
    ErrorList& errors_;
    std::optional<uint32_t> number_;  // among the sources, where only files with errors need one
};

}  // namespace

void add_to_set(SetInfo& set, const Literal& first, const Literal& last) {
    const bool prefix = first.kind == LiteralKind::prefix;
    const bool six = prefix ? first.is_ipv6 : first.kind == LiteralKind::address;
    Wide end{last.hi, last.lo};
    if (prefix) {
        const Wide mask = prefix_mask(six ? first.length : first.length + 96u);
        end = {six ? first.hi | ~mask.hi : 0, first.lo | (~mask.lo & (six ? ~0ull : 0xffffffff))};
    }
    if (six)
        set.addresses.push_back({{first.hi, first.lo}, end});
    else
        set.numbers.push_back({first.lo, end.lo});
}

void normalise(SetInfo& set) {
    if (set.live) {
        keep_each_once(set.numbers);
        keep_each_once(set.addresses);
        return;
    }
    join(set.numbers);
    join(set.addresses);
}

bool MemberCount::fits_with(const Literal& first, const Literal& last) {
    SetInfo one;
    add_to_set(one, first, last);
    most_ += members_of(one);
    return most_ <= next_ || fits();
}

bool MemberCount::fits() {
    constexpr size_t kRecountSlack = size_t{1} << 20;  // so that counting anew is seldom
    if (most_ <= kMaxMembers) return true;
    normalise(set_);
    most_ = members_of(set_);
    const bool fit = most_ <= kMaxMembers;
    next_ = fit ? std::max(kMaxMembers, most_ + kRecountSlack) : SIZE_MAX;  // said once
    return fit;
}

std::string range_fault(const Literal& first, const Literal& last) {
    if (first.kind != last.kind) return "the ends of a `range` are of one family";
    if (Wide{first.hi, first.lo} > Wide{last.hi, last.lo})
        return "the first end of a `range` is not above the last";
    return {};
}

void read_set(std::shared_ptr<const SourceFile> file, SetInfo& set, ErrorList& errors) {
    SetReader(std::move(file), set, errors).run();
}

DeclaredSet declare(const SetInfo& set) {
    DeclaredSet out;
    unsigned width = set.live ? set.width : 32;
    uint64_t most = 0;
    for (const NumberRange& range : set.numbers) most = std::max(most, range.last);
    if (most >> 32 != 0) width = std::max(width, 48u);
    if (most >> 48 != 0) width = 64;
    if (!set.numbers.empty() || set.live) {
        out.numbers = SetDecl{.name = set.name,
                              .width = static_cast<uint8_t>(width),
                              .live = set.live,
                              .members = {}};
        for (const NumberRange& range : set.numbers)
            add_prefixes(range, width, out.numbers->members);
    }
    if (!set.addresses.empty() || (set.live && set.of_addresses)) {
        // No symbol of a program has a blank in it: this name is nobody else's.
        out.addresses =
            SetDecl{.name = set.name + " IPv6", .width = 128, .live = set.live, .members = {}};
        for (const AddressRange& range : set.addresses)
            add_prefixes(range, 128, out.addresses->members);
    }
    return out;
}

}  // namespace vfm::lisp
