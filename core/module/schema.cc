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
constexpr FieldSchema optional(int number, std::string_view name, FieldType type) {
    return {.number = number, .name = name, .type = type, .repeated = false, .optional = true};
}
constexpr FieldSchema one_of(int number, std::string_view name, bool (*is_known)(int)) {
    return {.number = number,
            .name = name,
            .type = FieldType::enumeration,
            .repeated = false,
            .optional = false,
            .is_known = is_known};
}
constexpr FieldSchema many_of(int number, std::string_view name, bool (*is_known)(int)) {
    FieldSchema field = one_of(number, name, is_known);
    field.repeated = true;
    return field;
}
constexpr FieldSchema inner(int number, std::string_view name, bool repeated,
                            const MessageSchema& message) {
    return {.number = number,
            .name = name,
            .type = FieldType::message,
            .repeated = repeated,
            .optional = false,
            .is_known = nullptr,
            .message = &message};
}

using enum FieldType;

constexpr FieldSchema kTableFields[] = {
    one(file::Table::kNameFieldNumber, "name", bytes),
    one_of(file::Table::kKeyFieldNumber, "key", file::KeyKind_IsValid),
    one(file::Table::kCapacityFieldNumber, "capacity", uint32),
    one_of(file::Table::kEvictionFieldNumber, "eviction", file::Eviction_IsValid),
    many_of(file::Table::kFurtherFieldNumber, "further", file::KeyKind_IsValid),
    one(file::Table::kSharedFieldNumber, "shared", boolean)};
constexpr MessageSchema kTable = {"Table", kTableFields};

constexpr FieldSchema kSetFields[] = {one(file::Set::kNameFieldNumber, "name", bytes),
                                      one(file::Set::kWidthFieldNumber, "width", uint32),
                                      many(file::Set::kLoFieldNumber, "lo", fixed64),
                                      many(file::Set::kHiFieldNumber, "hi", fixed64),
                                      one(file::Set::kLengthsFieldNumber, "lengths", bytes),
                                      one(file::Set::kLiveFieldNumber, "live", boolean)};
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
    inner(file::Rules::kRowsFieldNumber, "rows", true, kRow),
    many(file::Rules::kVerdictsFieldNumber, "verdicts", uint64),
    one(file::Rules::kDefaultVerdictFieldNumber, "default_verdict", uint64),
    many(file::Rules::kRowRulesFieldNumber, "row_rules", uint32),
    one(file::Rules::kCellsFieldNumber, "cells", bytes),
    many(file::Rules::kLoFieldNumber, "lo", uint64),
    many(file::Rules::kHiFieldNumber, "hi", uint64),
    many(file::Rules::kLastLoFieldNumber, "last_lo", uint64),
    many(file::Rules::kLastHiFieldNumber, "last_hi", uint64),
    one(file::Rules::kLengthsFieldNumber, "lengths", bytes)};
constexpr MessageSchema kRules = {"Rules", kRulesFields};

constexpr FieldSchema kTextFields[] = {one(file::Text::kNameFieldNumber, "name", bytes),
                                       one(file::Text::kTextFieldNumber, "text", bytes)};
constexpr MessageSchema kText = {"Text", kTextFields};

constexpr FieldSchema kSourceFields[] = {
    one(file::Source::kNameFieldNumber, "name", bytes),
    one(file::Source::kTextFieldNumber, "text", bytes),
    many(file::Source::kOffsetsFieldNumber, "offsets", uint32),
    many(file::Source::kLinesFieldNumber, "lines", uint32),
    many(file::Source::kColumnsFieldNumber, "columns", uint32),
    many(file::Source::kFilesFieldNumber, "files", uint32),
    inner(file::Source::kIncludedFieldNumber, "included", true, kText)};
constexpr MessageSchema kSource = {"Source", kSourceFields};

constexpr FieldSchema kCountersFields[] = {one(file::Counters::kNameFieldNumber, "name", bytes),
                                           many(file::Counters::kFilesFieldNumber, "files", bytes),
                                           many(file::Counters::kFileFieldNumber, "file", uint32),
                                           many(file::Counters::kLinesFieldNumber, "lines", uint32),
                                           many(file::Counters::kTextsFieldNumber, "texts", bytes),
                                           many(file::Counters::kNamesFieldNumber, "names", bytes)};
constexpr MessageSchema kCounters = {"Counters", kCountersFields};

constexpr FieldSchema kExpressionsFields[] = {
    many(file::Expressions::kAdvancesFieldNumber, "advances", uint32),
    many(file::Expressions::kLengthsFieldNumber, "lengths", uint32),
    many(file::Expressions::kFilesFieldNumber, "files", uint32),
    many(file::Expressions::kTextBeginsFieldNumber, "text_begins", uint32),
    many(file::Expressions::kTextLengthsFieldNumber, "text_lengths", uint32),
    one(file::Expressions::kHowFieldNumber, "how", bytes),
    one(file::Expressions::kShownFieldNumber, "shown", bytes),
    many(file::Expressions::kGroupsFieldNumber, "groups", uint32),
    many(file::Expressions::kTestsOfFieldNumber, "tests_of", uint32),
    many(file::Expressions::kRulesFieldNumber, "rules", uint32),
    many(file::Expressions::kTrueJumpsFieldNumber, "true_jumps", uint32),
    many(file::Expressions::kRelaysFieldNumber, "relays", uint32)};
constexpr MessageSchema kExpressions = {"Expressions", kExpressionsFields};

constexpr FieldSchema kRuleTestsFields[] = {
    one(file::RuleTests::kRuleTableFieldNumber, "rule_table", uint32),
    one(file::RuleTests::kCodeFieldNumber, "code", bytes),
    inner(file::RuleTests::kSetsFieldNumber, "sets", true, kSet),
    inner(file::RuleTests::kExpressionsFieldNumber, "expressions", false, kExpressions)};
constexpr MessageSchema kRuleTests = {"RuleTests", kRuleTestsFields};

constexpr FieldSchema kModuleFields[] = {
    one(file::Module::kMagicFieldNumber, "magic", bytes),
    one(file::Module::kCodeFieldNumber, "code", bytes),
    optional(file::Module::kFuelFieldNumber, "fuel", uint64),
    inner(file::Module::kTablesFieldNumber, "tables", true, kTable),
    inner(file::Module::kSetsFieldNumber, "sets", true, kSet),
    inner(file::Module::kImportsFieldNumber, "imports", true, kImport),
    inner(file::Module::kRulesFieldNumber, "rules", true, kRules),
    inner(file::Module::kSourceFieldNumber, "source", false, kSource),
    inner(file::Module::kCountersFieldNumber, "counters", true, kCounters),
    inner(file::Module::kExpressionsFieldNumber, "expressions", false, kExpressions),
    inner(file::Module::kRuleTestsFieldNumber, "rule_tests", true, kRuleTests)};

}  // namespace

constexpr MessageSchema kModuleSchema = {"Module", kModuleFields};

const FieldSchema* MessageSchema::find(uint64_t number) const {
    for (const FieldSchema& field : fields)
        if (static_cast<uint64_t>(field.number) == number) return &field;
    return nullptr;
}

}  // namespace vfm
