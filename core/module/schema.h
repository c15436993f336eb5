// vfm_module.proto as a table, for the check of a file against it: the lite runtime of protobuf
// does not know the names and types of its own fields. That it says the same as the .proto file is
// tested by tests/unit/module/schema_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vfm {

/// What one value of a field is.
enum class FieldType : uint8_t { bytes, fixed64, uint32, uint64, boolean, enumeration, message };

struct MessageSchema;

struct FieldSchema {
    int number = 0;
    std::string_view name;
    FieldType type = FieldType::bytes;
    bool repeated = false;
    bool optional = false;                   ///< its default may be spelt out
    bool (*is_known)(int) = nullptr;         ///< of an enumeration: a number that has a name
    const MessageSchema* message = nullptr;  ///< of a message: its fields

    /// Repeated numbers stand in one field, one behind the other.
    bool is_packed() const {
        return repeated && type != FieldType::bytes && type != FieldType::message;
    }
};

struct MessageSchema {
    std::string_view name;
    std::span<const FieldSchema> fields;

    /// Null if there is none of this number.
    const FieldSchema* find(uint64_t number) const;
};

/// Of a whole file. No message contains itself.
extern const MessageSchema kModuleSchema;

}  // namespace vfm
