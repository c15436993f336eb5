#include "core/module/schema.h"

#include <core/module/vfm_module.pb.h>

namespace vfm {
namespace {

constexpr FieldSchema one(int number, std::string_view name, FieldType type) {
    return {.number = number, .name = name, .type = type};
}
constexpr FieldSchema many(int number, std::string_view name, FieldType type) {
    return {.number = number, .name = name, .type = type, .repeated = true};
}
constexpr FieldSchema one_of(int number, std::string_view name, bool (*is_known)(int)) {
    return {.number = number,
            .name = name,
            .type = FieldType::enumeration,
            .repeated = false,
            .is_known = is_known};
}
constexpr FieldSchema inner(int number, std::string_view name, bool repeated,
                            const MessageSchema& message) {
    return {.number = number,
            .name = name,
            .type = FieldType::message,
            .repeated = repeated,
            .is_known = nullptr,
            .message = &message};
}

using enum FieldType;

constexpr FieldSchema kTableFields[] = {
    one(file::Table::kNameFieldNumber, "name", bytes),
    one_of(file::Table::kKeyFieldNumber, "key", file::KeyKind_IsValid),
    one(file::Table::kCapacityFieldNumber, "capacity", uint32),
    one_of(file::Table::kEvictionFieldNumber, "eviction", file::Eviction_IsValid)};
constexpr MessageSchema kTable = {"Table", kTableFields};

constexpr FieldSchema kSetFields[] = {one(file::Set::kNameFieldNumber, "name", bytes),
                                      one(file::Set::kWidthFieldNumber, "width", uint32),
                                      many(file::Set::kLoFieldNumber, "lo", fixed64),
                                      many(file::Set::kHiFieldNumber, "hi", fixed64),
                                      one(file::Set::kLengthsFieldNumber, "lengths", bytes)};
constexpr MessageSchema kSet = {"Set", kSetFields};

constexpr FieldSchema kImportFields[] = {one(file::Import::kNameFieldNumber, "name", bytes),
                                         one(file::Import::kArityFieldNumber, "arity", uint32)};
constexpr MessageSchema kImport = {"Import", kImportFields};

constexpr FieldSchema kTestFields[] = {
    one(file::Test::kKeyFieldNumber, "key", uint32),
    one_of(file::Test::kKindFieldNumber, "kind", file::TestKind_IsValid),
    one(file::Test::kHiFieldNumber, "hi", fixed64),
    one(file::Test::kLoFieldNumber, "lo", fixed64),
    one(file::Test::kLastHiFieldNumber, "last_hi", fixed64),
    one(file::Test::kLastLoFieldNumber, "last_lo", fixed64),
    one(file::Test::kLengthFieldNumber, "length", uint32)};
constexpr MessageSchema kTest = {"Test", kTestFields};

constexpr FieldSchema kRowFields[] = {inner(file::Row::kTestsFieldNumber, "tests", true, kTest)};
constexpr MessageSchema kRow = {"Row", kRowFields};

constexpr FieldSchema kRulesFields[] = {
    one(file::Rules::kNameFieldNumber, "name", bytes),
    many(file::Rules::kKeyWidthsFieldNumber, "key_widths", uint32),
    inner(file::Rules::kRowsFieldNumber, "rows", true, kRow)};
constexpr MessageSchema kRules = {"Rules", kRulesFields};

constexpr FieldSchema kSourceFields[] = {
    one(file::Source::kNameFieldNumber, "name", bytes),
    one(file::Source::kTextFieldNumber, "text", bytes),
    many(file::Source::kOffsetsFieldNumber, "offsets", uint32),
    many(file::Source::kLinesFieldNumber, "lines", uint32),
    many(file::Source::kColumnsFieldNumber, "columns", uint32)};
constexpr MessageSchema kSource = {"Source", kSourceFields};

constexpr FieldSchema kModuleFields[] = {
    one(file::Module::kMagicFieldNumber, "magic", bytes),
    one(file::Module::kCodeFieldNumber, "code", bytes),
    one(file::Module::kFuelFieldNumber, "fuel", uint64),
    inner(file::Module::kTablesFieldNumber, "tables", true, kTable),
    inner(file::Module::kSetsFieldNumber, "sets", true, kSet),
    inner(file::Module::kImportsFieldNumber, "imports", true, kImport),
    inner(file::Module::kRulesFieldNumber, "rules", true, kRules),
    inner(file::Module::kSourceFieldNumber, "source", false, kSource)};

}  // namespace

constexpr MessageSchema kModuleSchema = {"Module", kModuleFields};

const FieldSchema* MessageSchema::find(uint64_t number) const {
    for (const FieldSchema& field : fields)
        if (static_cast<uint64_t>(field.number) == number) return &field;
    return nullptr;
}

}  // namespace vfm
