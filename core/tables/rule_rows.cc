#include "core/tables/rule_rows.h"

namespace vfm {

RuleRows::RuleRows(const RuleTable& table) {
    uint8_t operand = 0;
    for (const uint8_t width : table.key_widths) {
        keys_.push_back({width, operand});
        operand = static_cast<uint8_t>(operand + (width == 128 ? 2 : 1));
    }
    for (const RuleRow& row : table.rows) {
        for (uint32_t key = 0; key < row.tests.size(); ++key) {
            const RuleTest& test = row.tests[key];
            if (test.kind == RuleTest::Kind::prefix)
                tests_.push_back(
                    {key, prefix_range(wide_key(test.hi, test.lo), test.length, keys_[key].width)});
            else if (test.kind == RuleTest::Kind::range)
                tests_.push_back(
                    {key, {wide_key(test.hi, test.lo), wide_key(test.last_hi, test.last_lo)}});
        }
        rules_.push_back(row.rule);
        starts_.push_back(tests_.size());
        if (starts_[size()] == starts_[size() - 1]) break;  // it always holds
    }
}

}  // namespace vfm
