#include "core/module/module_wire.h"

#include <fmt/core.h>

namespace vfm {
namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2 };

class Walk {
  public:
    explicit Walk(ByteView bytes) : bytes_(bytes) {}

    /// The message in begin..end. Recursion is as deep as the schema, which has no cycle.
    bool message(const MessageSchema& schema, uint64_t begin, uint64_t end);
    const WireFault& fault() const { return fault_; }

  private:
    /// `begin` is the offset of the field's tag, `at` that of what follows it.
    bool field(const FieldSchema& field, unsigned wire_type, uint64_t begin, uint64_t& at,
               uint64_t end);
    bool number(const FieldSchema& field, uint64_t& at, uint64_t end);
    bool varint(const FieldSchema& field, uint64_t& at, uint64_t end);
    bool packed(const FieldSchema& field, uint64_t at, uint64_t end);
    /// One number of at most ten bytes, seven bits each. Nothing, and a fault, if it has zeros at
    /// its end, or if it is cut off or too long, which is `why()` at `begin`.
    template <class Why>
    std::optional<uint64_t> read(uint64_t& at, uint64_t end, uint64_t begin, Why why);
    bool broken(uint64_t offset, std::string reason) {
        fault_ = {offset, std::move(reason)};
        return false;
    }
    bool spelt_out(const FieldSchema& field, uint64_t offset) {
        return broken(offset, fmt::format("'{}' spells out what it is without it", field.name));
    }
    static unsigned expected_wire_type(const FieldSchema& field);

    ByteView bytes_;
    WireFault fault_;
    size_t messages_ = 0, listed_ = 0, numbers_ = 0;
};

template <class Why>
std::optional<uint64_t> Walk::read(uint64_t& at, uint64_t end, uint64_t begin, Why why) {
    const uint64_t first = at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        const uint64_t byte = bytes_[at++];
        if (shift == 63 && byte > 1) break;
        value |= (byte & 127) << shift;
        if (byte >= 128) continue;
        if (byte != 0 || shift == 0) return value;
        broken(first, "a number that is not in its shortest form");
        return std::nullopt;
    }
    broken(begin, why());
    return std::nullopt;
}

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
        case FieldType::boolean:
        case FieldType::enumeration:
            return kVarint;
    }
    return kVarint;
}

bool Walk::varint(const FieldSchema& field, uint64_t& at, uint64_t end) {
    const uint64_t begin = at;
    const auto value =
        read(at, end, begin, [&] { return fmt::format("'{}' is no number", field.name); });
    if (!value) return false;
    if (field.type == FieldType::uint32 && *value > UINT32_MAX)
        return broken(begin, fmt::format("'{}' is {}, more than 32 bits", field.name, *value));
    if (field.type == FieldType::boolean && *value > 1)
        return broken(begin, fmt::format("'{}' is {}, not 0 or 1", field.name, *value));
    if (field.type == FieldType::enumeration &&
        (*value > INT32_MAX || !field.is_known(static_cast<int>(*value))))
        return broken(begin, fmt::format("'{}' has the unknown value {}", field.name, *value));
    if (*value == 0 && !field.repeated && !field.optional) return spelt_out(field, begin);
    return true;
}

bool Walk::number(const FieldSchema& field, uint64_t& at, uint64_t end) {
    if (field.type != FieldType::fixed64) return varint(field, at, end);
    if (end - at < 8) return broken(at, fmt::format("'{}' is cut off", field.name));
    if (!field.repeated && load_le<uint64_t>(bytes_.data() + at) == 0) return spelt_out(field, at);
    at += 8;
    return true;
}

bool Walk::packed(const FieldSchema& field, uint64_t at, uint64_t end) {
    const uint64_t begin = at;
    for (; at < end; ++numbers_)
        if (!number(field, at, end)) return false;
    return numbers_ <= kMaxNumbers ||
           broken(begin, fmt::format("more than {} numbers in lists", kMaxNumbers));
}

bool Walk::field(const FieldSchema& field, unsigned wire_type, uint64_t begin, uint64_t& at,
                 uint64_t end) {
    if (wire_type != expected_wire_type(field))
        return broken(begin, fmt::format("'{}' is of wire type {}, not {}", field.name, wire_type,
                                         expected_wire_type(field)));
    if (wire_type != kLengthDelimited) return number(field, at, end);

    const auto cut_off = [&] { return fmt::format("'{}' is cut off", field.name); };
    const auto length = read(at, end, begin, cut_off);
    if (!length) return false;
    if (*length > end - at) return broken(begin, cut_off());
    const uint64_t body = at;
    at += *length;
    if (*length == 0 && (!field.repeated || field.is_packed())) return spelt_out(field, begin);
    if (field.type == FieldType::bytes)
        return !field.repeated || ++listed_ <= kMaxListed ||
               broken(begin, fmt::format("more than {} texts in lists", kMaxListed));
    if (field.is_packed()) return packed(field, body, at);
    if (++messages_ > kMaxMessages)
        return broken(begin,
                      fmt::format("more than {} declarations, rows and tests", kMaxMessages));
    return message(*field.message, body, at);
}

bool Walk::message(const MessageSchema& schema, uint64_t begin, uint64_t end) {
    int previous = 0;
    for (uint64_t at = begin; at < end;) {
        const uint64_t start = at;
        const auto tag = read(at, end, start,
                              [&] { return fmt::format("a field of {} is cut off", schema.name); });
        if (!tag) return false;
        const uint64_t number = *tag >> 3;
        const FieldSchema* known = schema.find(number);
        if (!known) return broken(start, fmt::format("{} has no field {}", schema.name, number));
        const bool again = known->number == previous && known->repeated && !known->is_packed();
        if (known->number <= previous && !again)
            return broken(start, fmt::format("'{}' is out of order or there twice", known->name));
        previous = known->number;
        if (!field(*known, *tag & 7, start, at, end)) return false;
    }
    return true;
}

}  // namespace

std::optional<WireFault> check_wire(ByteView bytes, const MessageSchema& schema) {
    Walk walk(bytes);
    if (walk.message(schema, 0, bytes.size())) return std::nullopt;
    return walk.fault();
}

}  // namespace vfm
