// What VFLisp knows of packets: fields at fixed offsets (core/packet/fields.def), headers and their
// fields (header_fields.def), names of numbers (names.def).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/module/module.h"

namespace vfm::lisp {

/// A row of fields.def.
struct FieldInfo {
    std::string_view name;
    uint16_t offset;  ///< bytes from the Ethernet header on
    uint8_t size;     ///< bytes: 1, 2, 4 or 8
    KeyKind key;
    std::string_view sentence;
};

enum class Header : uint8_t {
#define VFM_HEADER(id, name, size, sentence) id,
#include "core/packet/header_fields.def"
};

/// A row of header_fields.def.
struct HeaderInfo {
    Header id;
    std::string_view name;  ///< empty: not for `(has H)`
    uint8_t size;           ///< bytes that are there if the header is
    std::string_view sentence;
};

/// How a header-aware field is computed.
enum class FieldSource : uint8_t {
    bytes,           ///< loaded from the header
    fact,            ///< what HDR pushes
    fragment,        ///< 1 if HDR 5 is not 0
    address,         ///< an address of the family that the packet has
    by_version,      ///< the field of the same name of ipv4 or ipv6
    packet_length,   ///< LEN
    payload_length,  ///< from HDR 2 to the end of the IP packet or of the packet, never negative
};

struct HeaderField {
    std::string_view name;
    Header header;
    FieldSource source;
    uint8_t at, size, shift, bits, factor, plus;
    KeyKind key;
    std::string_view sentence;
};

struct NamedNumber {
    std::string_view name;
    uint64_t value;
    std::string_view what;
};

std::span<const FieldInfo> all_fields();
std::span<const HeaderInfo> all_headers();
std::span<const HeaderField> all_header_fields();
std::span<const NamedNumber> all_numbers();

/// The number of a field at a fixed offset in all_fields().
std::optional<uint32_t> find_field(std::string_view name);
/// The number of a header-aware field in all_header_fields().
std::optional<uint32_t> find_header_field(std::string_view name);
std::optional<Header> find_header(std::string_view name);
std::optional<uint64_t> find_number(std::string_view name);
const HeaderInfo& header_info(Header header);
/// What the field is absent without: a header's name, or words; empty if it never is.
std::string_view absent_without(const HeaderField& field);
/// Of a field `ip.X` that is computed by_version: the row of `ipv4.X` or `ipv6.X`.
const HeaderField& of_version(const HeaderField& field, unsigned version);

/// `tcp` for `tcp.payload`: the base of a load from a payload.
std::optional<Header> find_payload(std::string_view name);

/// For suggestions: the names of all fields and numbers.
std::span<const std::string_view> value_names();

}  // namespace vfm::lisp
