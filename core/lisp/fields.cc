#include "core/lisp/fields.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/check.h"

namespace vfm::lisp {
namespace {

constexpr FieldInfo kFields[] = {
#define VFM_FIELD(name, offset, size, key, sentence) {name, offset, size, KeyKind::key, sentence},
#include "core/packet/fields.def"
};

constexpr HeaderInfo kHeaders[] = {
#define VFM_HEADER(id, name, size, sentence) {Header::id, name, size, sentence},
#include "core/packet/header_fields.def"
};

constexpr HeaderField kHeaderFields[] = {
#define VFM_HEADER_FIELD(name, header, source, at, size, shift, bits, factor, plus, key, sentence) \
    {name,   Header::header, FieldSource::source, at,      size, shift, bits,                      \
     factor, plus,           KeyKind::key,        sentence},
#include "core/packet/header_fields.def"
};

constexpr NamedNumber kNumbers[] = {
#define VFM_NUMBER(name, value, what) {name, value, what},
#include "core/packet/names.def"
};

/// The number of the row with this name.
template <class Rows>
std::optional<uint32_t> find_row(const Rows& rows, std::string_view name) {
    const auto* found = std::ranges::find(rows, name, [](const auto& row) { return row.name; });
    if (name.empty() || found == std::end(rows)) return std::nullopt;
    return static_cast<uint32_t>(found - std::begin(rows));
}

}  // namespace

std::span<const FieldInfo> all_fields() { return kFields; }
std::span<const HeaderInfo> all_headers() { return kHeaders; }
std::span<const HeaderField> all_header_fields() { return kHeaderFields; }
std::span<const NamedNumber> all_numbers() { return kNumbers; }

std::optional<uint32_t> find_field(std::string_view name) { return find_row(kFields, name); }

std::optional<uint32_t> find_header_field(std::string_view name) {
    return find_row(kHeaderFields, name);
}

std::optional<Header> find_header(std::string_view name) {
    const auto row = find_row(kHeaders, name);
    return row ? std::optional(kHeaders[*row].id) : std::nullopt;
}

std::optional<uint64_t> find_number(std::string_view name) {
    const auto row = find_row(kNumbers, name);
    return row ? std::optional(kNumbers[*row].value) : std::nullopt;
}

const HeaderInfo& header_info(Header header) { return kHeaders[static_cast<size_t>(header)]; }

std::string_view absent_without(const HeaderField& field) {
    const HeaderInfo& header = header_info(field.header);
    if (field.header == Header::packet) return {};
    return header.name.empty() ? header.sentence : header.name;
}

const HeaderField& of_version(const HeaderField& field, unsigned version) {
    const std::string name = (version == 4 ? "ipv4" : "ipv6") + std::string(field.name.substr(2));
    const auto row = find_header_field(name);
    VFM_CHECK(row.has_value(), "a field that is computed by version is one of both versions");
    return kHeaderFields[*row];
}

std::optional<Header> find_payload(std::string_view name) {
    constexpr std::string_view kSuffix = ".payload";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    const auto header = find_header(name.substr(0, name.size() - kSuffix.size()));
    constexpr Header kWith[] = {Header::tcp, Header::udp, Header::sctp, Header::icmp,
                                Header::icmp6};
    if (!header || std::ranges::find(kWith, *header) == std::end(kWith)) return std::nullopt;
    return header;
}

std::span<const std::string_view> value_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> out;
        for (const FieldInfo& field : kFields) out.push_back(field.name);
        for (const HeaderField& field : kHeaderFields) out.push_back(field.name);
        for (const NamedNumber& number : kNumbers) out.push_back(number.name);
        return out;
    }();
    return names;
}

}  // namespace vfm::lisp
