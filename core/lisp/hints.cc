#include "core/lisp/hints.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "core/base/text.h"
#include "core/lisp/forms.h"

namespace vfm::lisp {
namespace {

/// The known name that contains `name` or is contained in it: `dst` and `protocol` are no typing
/// mistakes, but as clear.
std::optional<std::string_view> related(std::string_view name,
                                        std::span<const std::string_view> known) {
    constexpr size_t kTelling = 3;  // shorter parts are in too many names
    for (const std::string_view candidate : known) {
        const auto [shorter, longer] =
            std::minmax(name, candidate, [](auto a, auto b) { return a.size() < b.size(); });
        if (shorter.size() >= kTelling && longer.find(shorter) != std::string_view::npos)
            return candidate;
    }
    return std::nullopt;
}

std::string suggestion(std::string_view name, std::span<const std::string_view> known) {
    std::string lower(name.substr(0, 64));
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    auto found = nearest(name, known);
    if (!found) found = nearest(lower, known);
    if (!found) found = related(lower, known);
    return found ? fmt::format("did you mean `{}`?", *found) : std::string();
}

/// A word of C, tcpdump, nft or iptables.
struct Habit {
    std::string_view word;
    std::string_view hint;
};
constexpr Habit kHabits[] = {
    {"&&", "conditions are joined by `and`: `(and a b)`"},
    {"||", "conditions are joined by `or`: `(or a b)`"},
    {"!", "a condition is turned round by `not`: `(not a)`"},
    {"#", "comments begin with `;`"},
    {"//", "comments begin with `;`"},
    {"accept", "a filter's value is its verdict: 0 drops, 1 passes; in `rules` it is `pass`"},
    {"allow", "a filter's value is its verdict: 0 drops, 1 passes; in `rules` it is `pass`"},
    {"deny", "a filter's value is its verdict: 0 drops, 1 passes; in `rules` it is `drop`"},
    {"reject", "a filter's value is its verdict: 0 drops, 1 passes; in `rules` it is `drop`"},
    {"host", "`(or (= ip.src 10.0.0.1) (= ip.dst 10.0.0.1))`"},
    {"net", "`(or (= ip.src 10.0.0.0/8) (= ip.dst 10.0.0.0/8))`"},
    {"port", "`(or (= port.src 80) (= port.dst 80))`"},
    {"saddr", "the source address is `ip.src`"},
    {"daddr", "the destination address is `ip.dst`"},
    {"sport", "the source port is `tcp.sport`, `udp.sport` or `port.src`"},
    {"dport", "the destination port is `tcp.dport`, `udp.dport` or `port.dst`"},
    {"ip6", "IPv6 is `ipv6`: `(has ipv6)`"},
    {"icmpv6", "ICMPv6 is `icmp6`: `(has icmp6)`"},
    {"fin", "the flag is `tcp-fin`: `(& tcp.flags tcp-fin)`"},
    {"syn", "the flag is `tcp-syn`: `(& tcp.flags tcp-syn)`"},
    {"rst", "the flag is `tcp-rst`: `(& tcp.flags tcp-rst)`"},
    {"psh", "the flag is `tcp-push`: `(& tcp.flags tcp-push)`"},
    {"tcp-psh", "the flag is `tcp-push`: `(& tcp.flags tcp-push)`"},
    {"ack", "the flag is `tcp-ack`: `(& tcp.flags tcp-ack)`"},
    {"urg", "the flag is `tcp-urg`: `(& tcp.flags tcp-urg)`"},
    {"echo", "the type is `icmp-echo`, of ICMPv6 `icmp6-echo`"},
    {"limit", "`(rate ip.src 100 :per 1s)` is 1 while the source stays below the rate"},
    {"true", "a condition that holds is 1"},
    {"false", "a condition that does not hold is 0"},
    {"vlan", "`(has vlan)`, `vlan.id`"},
    {"ip", "`(has ip)`, `ip.src`, `ip.proto`"},
    {"eth", "`eth.src`, `eth.type`"},
    {"ether", "`eth.src`, `eth.type`"},
};

std::optional<std::string> habit(std::string_view word) {
    if (word.starts_with("#") && word.size() > 1) word = "#";
    const auto* found = std::ranges::find(kHabits, word, &Habit::word);
    if (found == std::end(kHabits)) return std::nullopt;
    return std::string(found->hint);
}

}  // namespace

bool is_verdict(std::string_view name) { return name == "drop" || name == "pass" || name == "log"; }

std::string hint_for_name(std::string_view name, std::span<const std::string_view> known) {
    if (auto hint = habit(name)) return *std::move(hint);
    return suggestion(name, known);
}

std::string hint_for_operator(std::string_view name, std::span<const std::string_view> known) {
    if (auto hint = habit(name)) return *std::move(hint);
    if (is_verdict(name)) return "a verdict stands without parentheses";
    if (find_number(name) && find_header(name))
        return fmt::format("`(has {})` is 1 if the packet has the header", name);
    return suggestion(name, known);
}

std::string hint_for_second(std::string_view first, std::string_view second) {
    if (first.starts_with('#') || second.starts_with('#')) return "comments begin with `;`";
    const bool is_operator =
        !find_forms(second).empty() || second == "&&" || second == "||" || second == "==";
    if (is_operator && first.size() < 40)
        return fmt::format("an operator stands first, in parentheses: `({} {} ...)`",
                           second == "&&"   ? "and"
                           : second == "||" ? "or"
                           : second == "==" ? "="
                                            : second,
                           first);
    constexpr std::string_view kTcpdump[] = {"port", "host", "net", "src", "dst", "and", "or"};
    if (std::ranges::find(kTcpdump, second) != std::end(kTcpdump))
        return "this looks like a tcpdump expression: in VFLisp `tcp port 80` is "
               "`(or (= tcp.sport 80) (= tcp.dport 80))`";
    return {};
}

}  // namespace vfm::lisp
