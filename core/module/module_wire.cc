#include "core/module/module_wire.h"

#include <fmt/core.h>

namespace vfm {
namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2 };

/// One number of at most ten bytes, seven bits each; nothing if it is cut off or too long.
std::optional<uint64_t> read_varint(ByteView bytes, uint64_t& at, uint64_t end) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        const uint64_t byte = bytes[at++];
        if (shift == 63 && byte > 1) return std::nullopt;
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
    }
    return std::nullopt;
}

class Walk {
  public:
    Walk(ByteView bytes, std::vector<WirePlace>& places) : bytes_(bytes), places_(places) {}

    /// The message in begin..end. Recursion is as deep as the schema, which has no cycle.
    bool message(const MessageSchema& schema, uint64_t begin, uint64_t end, bool outermost);
    const WireFault& fault() const { return fault_; }

  private:
    /// `begin` is the offset of the field's tag, `at` that of what follows it.
    bool field(const FieldSchema& field, unsigned wire_type, uint64_t begin, uint64_t& at,
               uint64_t end, bool outermost);
    bool number(const FieldSchema& field, uint64_t& at, uint64_t end);
    bool packed(const FieldSchema& field, uint64_t at, uint64_t end);
    bool broken(uint64_t offset, std::string reason) {
        fault_ = {offset, std::move(reason)};
        return false;
    }
    static unsigned expected_wire_type(const FieldSchema& field);

    ByteView bytes_;
    std::vector<WirePlace>& places_;
    WireFault fault_;
    size_t messages_ = 0;
};

unsigned Walk::expected_wire_type(const FieldSchema& field) {
    if (field.is_packed()) return kLengthDelimited;
    switch (field.type) {
        case FieldType::bytes:
        case FieldType::message:
            return kLengthDelimited;
        case FieldType::fixed64:
            return kFixed64;
        case FieldType::uint32:
        case FieldType::uint64:
        case FieldType::enumeration:
            return kVarint;
    }
    return kVarint;
}

bool Walk::number(const FieldSchema& field, uint64_t& at, uint64_t end) {
    const uint64_t begin = at;
    if (field.type == FieldType::fixed64) {
        if (end - at < 8) return broken(begin, fmt::format("'{}' is cut off", field.name));
        at += 8;
        return true;
    }
    const auto value = read_varint(bytes_, at, end);
    if (!value) return broken(begin, fmt::format("'{}' is no number", field.name));
    if (field.type == FieldType::uint32 && *value > UINT32_MAX)
        return broken(begin, fmt::format("'{}' is {}, more than 32 bits", field.name, *value));
    if (field.type == FieldType::enumeration &&
        (*value > INT32_MAX || !field.is_known(static_cast<int>(*value))))
        return broken(begin, fmt::format("'{}' has the unknown value {}", field.name, *value));
    return true;
}

bool Walk::packed(const FieldSchema& field, uint64_t at, uint64_t end) {
    while (at < end)
        if (!number(field, at, end)) return false;
    return true;
}

bool Walk::field(const FieldSchema& field, unsigned wire_type, uint64_t begin, uint64_t& at,
                 uint64_t end, bool outermost) {
    if (wire_type != expected_wire_type(field))
        return broken(begin, fmt::format("'{}' is of wire type {}, not {}", field.name, wire_type,
                                         expected_wire_type(field)));
    if (wire_type != kLengthDelimited) return number(field, at, end);

    const auto length = read_varint(bytes_, at, end);
    if (!length || *length > end - at)
        return broken(begin, fmt::format("'{}' is cut off", field.name));
    const uint64_t body = at;
    at += *length;
    if (field.type == FieldType::bytes) return true;
    if (field.is_packed()) return packed(field, body, at);
    if (++messages_ > kMaxMessages)
        return broken(begin,
                      fmt::format("more than {} declarations, rows and tests", kMaxMessages));
    if (outermost) places_.push_back({field.number, begin});
    return message(*field.message, body, at, false);
}

bool Walk::message(const MessageSchema& schema, uint64_t begin, uint64_t end, bool outermost) {
    int previous = 0;
    for (uint64_t at = begin; at < end;) {
        const uint64_t start = at;
        const auto tag = read_varint(bytes_, at, end);
        if (!tag) return broken(start, fmt::format("a field of {} is cut off", schema.name));
        const uint64_t number = *tag >> 3;
        const FieldSchema* known = schema.find(number);
        if (!known) return broken(start, fmt::format("{} has no field {}", schema.name, number));
        const bool again = known->number == previous && known->repeated && !known->is_packed();
        if (known->number <= previous && !again)
            return broken(start, fmt::format("'{}' is out of order or there twice", known->name));
        previous = known->number;
        if (!field(*known, *tag & 7, start, at, end, outermost)) return false;
    }
    return true;
}

}  // namespace

std::optional<WireFault> check_wire(ByteView bytes, const MessageSchema& schema,
                                    std::vector<WirePlace>& places) {
    Walk walk(bytes, places);
    if (walk.message(schema, 0, bytes.size(), true)) return std::nullopt;
    return walk.fault();
}

}  // namespace vfm
