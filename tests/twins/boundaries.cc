#include "tests/twins/boundaries.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace vfm::twins {
namespace {

/// 4 or 16 bytes, or none if it is no address.
Bytes address(const std::string& text) {
    std::array<uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1)
        return {bytes.begin(), bytes.begin() + 4};
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
    return {};
}

/// The one behind it, or before it: 1 or 255 as a step, the last before the first.
Bytes beside(Bytes address, uint8_t step) {
    for (size_t i = address.size(); i-- > 0;) {
        address[i] = static_cast<uint8_t>(address[i] + step);
        if (address[i] != (step == 1 ? 0 : 255)) break;
    }
    return address;
}

/// Bits from `length` on become those of `to`.
Bytes filled(Bytes address, size_t length, uint8_t to) {
    for (size_t bit = length; bit < 8 * address.size(); ++bit) {
        const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
        address[bit / 8] = static_cast<uint8_t>((address[bit / 8] & ~mask) | (to & mask));
    }
    return address;
}

void add(std::vector<Bytes>& out, const std::string& token) {
    const size_t slash = token.find('/');
    const Bytes found = address(token.substr(0, slash));
    if (found.empty()) return;
    size_t length = 8 * found.size();
    if (slash != std::string::npos)
        std::from_chars(token.data() + slash + 1, token.data() + token.size(), length);
    const Bytes first = filled(found, length, 0), last = filled(found, length, 255);
    for (const Bytes& one : {first, last, beside(first, 255), beside(last, 1)}) out.push_back(one);
}

}  // namespace

std::vector<Bytes> boundaries(std::string_view text) {
    std::vector<Bytes> out;
    constexpr std::string_view kBetween = " \n()";
    for (size_t at = 0; (at = text.find_first_not_of(kBetween, at)) != std::string_view::npos;) {
        const size_t end = std::min(text.find_first_of(kBetween, at), text.size());
        add(out, std::string(text.substr(at, end - at)));
        at = end;
    }
    return out;
}

}  // namespace vfm::twins
