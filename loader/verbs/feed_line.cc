#include "loader/verbs/feed_line.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/diagnostic.h"
#include "loader/verbs/live_set.h"

namespace vfm {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const size_t first = std::min(text.find_first_not_of(kBlanks), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

/// The first word, which is taken off; `(range a b)` is one.
std::string_view take_word(std::string_view& text) {
    text = trimmed(text);
    size_t end = text.find_first_of(kBlanks);
    if (text.starts_with('(')) {
        end = text.find(')');
        if (end != text.npos) ++end;
    }
    const std::string_view word = text.substr(0, end);
    text = trimmed(text.substr(word.size()));
    return word;
}

ParsedFeedLine wrong(std::string why) { return {{}, std::move(why)}; }

ParsedFeedLine made(std::string_view action, std::string_view value,
                    std::optional<std::string_view> time) {
    if (action != "add" && action != "del")
        return wrong(fmt::format("'{}' is not one of add, del", printable(action)));
    if (value.empty()) return wrong(fmt::format("{} takes a value", action));
    FeedLine line{.add = action == "add", .value = std::string(value), .ttl = {}};
    if (time && line.add) {
        line.ttl = time_span(*time);
        if (!line.ttl)
            return wrong(fmt::format("'{}' is no time such as 30s, 10m or 2h", printable(*time)));
    }
    return {std::move(line), {}};
}

bool is_of_addresses(std::string scope) {
    std::ranges::transform(scope, scope.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
    });
    return scope.empty() || scope == "ip" || scope == "range";
}

ParsedFeedLine from_json(std::string_view text) {
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) return wrong("it is no JSON object");
    const auto member = [&](const char* name) -> std::optional<std::string> {
        const auto found = object.find(name);
        if (found == object.end() || !found->is_string()) return std::nullopt;
        return found->get<std::string>();
    };
    const auto action = member("action"), value = member("value"), time = member("duration");
    if (!action || !value) return wrong("the object has no text `action` or no text `value`");
    const std::string scope = member("scope").value_or("");
    if (!is_of_addresses(scope))
        return wrong(fmt::format("'{}' is no address, but of the scope '{}'", printable(*value),
                                 printable(scope)));
    if (value->find_first_of("\n;#") != value->npos)
        return wrong(fmt::format("'{}' is no value", printable(*value)));
    return made(*action, trimmed(*value), time);
}

}  // namespace

ParsedFeedLine parse_feed_line(std::string_view line) {
    line = trimmed(line);
    if (line.starts_with('{')) return from_json(line);
    line = trimmed(line.substr(0, line.find_first_of(";#")));
    if (line.empty()) return {};
    const std::string_view action = take_word(line), value = take_word(line);
    const std::string_view time = take_word(line);
    if (!line.empty() || (action == "del" && !time.empty()))
        return wrong("there is more than `add VALUE [TTL]` or `del VALUE`");
    return made(action, value, time.empty() ? std::nullopt : std::optional(time));
}

}  // namespace vfm
