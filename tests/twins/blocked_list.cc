#include "tests/twins/blocked_list.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/io.h"

namespace vfm::twins {
namespace {

struct Address {
    unsigned bits = 0;    // 32, or 63 of the first 64 of IPv6
    uint64_t number = 0;  // of so many bits
};

std::optional<Address> address(const std::string& text) {
    std::array<uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1)
        return Address{32, load_be<uint32_t>(bytes.data())};
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1)
        return Address{63, load_be<uint64_t>(bytes.data()) >> 1};
    return std::nullopt;
}

struct Entry {
    unsigned bits = 0;
    twin_range range{};
};

std::optional<Entry> entry(std::string line) {
    std::ranges::replace_if(line, [](char c) { return c == '(' || c == ')' || c == '/'; }, ' ');
    std::istringstream words(line);
    std::string first, last;
    words >> first >> last;
    const bool is_range = first == "range";
    if (is_range) {
        first = last;
        words >> last;
    }
    const auto from = address(first);
    if (!from) return std::nullopt;
    if (is_range) {
        const auto to = address(last);
        if (!to || to->bits != from->bits) return std::nullopt;
        return Entry{from->bits, {from->number, to->number}};
    }
    unsigned length = 128;
    const char* end = last.data() + last.size();
    if (!last.empty() && std::from_chars(last.data(), end, length).ptr != end) return std::nullopt;
    if (from->bits == 63 && length > 63) return std::nullopt;
    const uint64_t inside = (uint64_t{1} << (from->bits - std::min(length, from->bits))) - 1;
    return Entry{from->bits, {from->number & ~inside, from->number | inside}};
}

/// False where there is no room.
template <size_t size>
bool fill(twin_range (&to)[size], std::vector<twin_range> from) {
    std::ranges::sort(from, {}, &twin_range::first);
    std::vector<twin_range> joined;
    for (const twin_range& range : from) {
        if (joined.empty() || joined.back().last + 1 < range.first)
            joined.push_back(range);
        else
            joined.back().last = std::max(joined.back().last, range.last);
    }
    if (joined.size() > size) return false;
    joined.resize(size, joined.empty() ? twin_range{1, 0} : joined.back());
    std::ranges::copy(joined, to);
    return true;
}

}  // namespace

Result<twin_blocked> read_blocked(const std::string& path) {
    std::istringstream lines(TRY(read_text(path)));
    std::vector<twin_range> ipv4, ipv6;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line[0] == '#') continue;
        const auto found = entry(line);
        if (!found) return fail(Diagnostic::about(path, fmt::format("what is '{}'?", line)));
        (found->bits == 32 ? ipv4 : ipv6).push_back(found->range);
    }
    twin_blocked out{};
    if (!fill(out.ipv4, std::move(ipv4)) || !fill(out.ipv6, std::move(ipv6)))
        return fail(Diagnostic::about(path, "more ranges than the twin has room for"));
    return out;
}

}  // namespace vfm::twins
