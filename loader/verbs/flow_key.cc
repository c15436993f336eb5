#include "loader/verbs/flow_key.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/text.h"
#include "core/lisp/literal.h"

namespace vfm {
namespace {

constexpr size_t kEndpoint = 3;  // words of a conn

/// An element of the text.
struct KeyElement {
    std::string_view text;
    uint32_t at = 0;
};

std::vector<KeyElement> elements_of(std::string_view text) {
    std::vector<KeyElement> elements;
    for (size_t at = 0;;) {
        const size_t comma = std::min(text.find(',', at), text.size());
        elements.push_back({text.substr(at, comma - at), static_cast<uint32_t>(at)});
        if (comma == text.size()) return elements;
        at = comma + 1;
    }
}

/// What a kind is made of: a conn of five.
std::vector<KeyKind> single_kinds(std::span<const KeyKind> kinds) {
    std::vector<KeyKind> all;
    for (const KeyKind kind : kinds)
        if (kind == KeyKind::conn)
            all.insert(all.end(),
                       {KeyKind::ip, KeyKind::port, KeyKind::ip, KeyKind::port, KeyKind::proto});
        else
            all.push_back(kind);
    return all;
}

std::string_view expected_text(KeyKind kind) {
    switch (kind) {
        case KeyKind::ipv4:
            return "an IPv4 address";
        case KeyKind::ipv6:
            return "an IPv6 address";
        case KeyKind::ip:
            return "an IPv4 or IPv6 address";
        case KeyKind::port:
            return "a port";
        case KeyKind::proto:
            return "the number of a protocol";
        case KeyKind::mac:
            return "a MAC address";
        case KeyKind::hash:
        case KeyKind::u64:
        case KeyKind::conn:
            break;
    }
    return "a number";
}

/// Its words; nothing if it is no element of this kind. A number that is too wide for the kind is
/// one all the same: `flows` shows it as it is.
std::optional<std::vector<uint64_t>> words_of(KeyKind kind, std::string_view text) {
    if (key_kind_words(kind) == 2) {
        if (const auto address = parse_ipv6(text)) return std::vector{address->hi, address->lo};
        const ParsedNumber four = parse_number(text);
        if (kind == KeyKind::ipv6 || !four.value || !four.is_ipv4) return std::nullopt;
        return std::vector<uint64_t>{0, uint64_t{0xffff} << 32 | *four.value};
    }
    if (text.empty() || text.front() == '-' || (text.back() >= 'g' && text.back() <= 'z'))
        return std::nullopt;  // no negative numbers, no times
    const auto literal = lisp::parse_literal(text).literal;
    if (!literal || literal->kind != lisp::LiteralKind::number) return std::nullopt;
    const bool is_address = text.find_first_of(".:") != text.npos;
    const bool may_be_one = kind == KeyKind::ipv4 || kind == KeyKind::mac || kind == KeyKind::u64;
    if (is_address && !may_be_one) return std::nullopt;
    return std::vector{literal->lo};
}

/// The lesser endpoint stands first.
void order_endpoints(std::span<uint64_t> conn) {
    const auto first = conn.first(kEndpoint), second = conn.subspan(kEndpoint, kEndpoint);
    if (std::ranges::lexicographical_compare(second, first))
        std::ranges::swap_ranges(first, second);
}

}  // namespace

Result<FlowKey> parse_flow_key(std::span<const KeyKind> kinds, const std::string& text) {
    const auto source = std::make_shared<const SourceFile>("<key>", text);
    const auto wrong = [&](uint32_t begin, size_t size, std::string message, std::string hint) {
        const Span span{begin, begin + static_cast<uint32_t>(size)};
        return fail(Diagnostic::at(source, span, std::move(message), std::move(hint)),
                    Status::usage);
    };
    const auto elements = elements_of(text);
    const auto singles = single_kinds(kinds);
    if (elements.size() != singles.size())
        return wrong(
            0, text.size(),
            fmt::format("the key has {} element{}, the table's keys have {}", elements.size(),
                        elements.size() == 1 ? "" : "s", singles.size()),
            fmt::format("its elements are {}, with commas between them, as `vfm-xdp flows` "
                        "prints them",
                        key_kinds_text(singles)));
    std::vector<uint64_t> words;
    for (size_t i = 0; i < singles.size(); ++i) {
        const auto found = words_of(singles[i], elements[i].text);
        if (!found)
            return wrong(elements[i].at, elements[i].text.size(),
                         fmt::format("expected {}, got '{}'", expected_text(singles[i]),
                                     printable(elements[i].text)),
                         {});
        words.insert(words.end(), found->begin(), found->end());
    }
    size_t at = 0;
    for (const KeyKind kind : kinds) {
        if (kind == KeyKind::conn) order_endpoints(std::span(words).subspan(at, 2 * kEndpoint));
        at += key_kind_words(kind);
    }
    return FlowKey(words);
}

}  // namespace vfm
