#include "userspace/interp/plain_tables.h"

#include "core/base/text.h"

namespace vfm::plain {
namespace {

/// True if a key has a bit above its width.
bool is_too_wide(Wide key, unsigned width) {
    if (width == 128) return false;
    return key.hi != 0 || (width < 64 && key.lo >> width != 0);
}

/// True if the first `length` of `width` bits are those of `prefix`.
bool has_prefix(Wide key, Wide prefix, unsigned length, unsigned width) {
    for (unsigned bit = width - length; bit < width; ++bit) {
        const uint64_t difference = bit < 64 ? key.lo ^ prefix.lo : key.hi ^ prefix.hi;
        if (difference >> bit % 64 & 1) return false;
    }
    return true;
}

bool passes(const RuleTest& test, bool present, Wide key, unsigned width) {
    if (test.kind == RuleTest::Kind::any) return true;
    if (!present || is_too_wide(key, width)) return false;
    if (test.kind == RuleTest::Kind::prefix)
        return has_prefix(key, {test.hi, test.lo}, test.length, width);
    return Wide{test.hi, test.lo} <= key && key <= Wide{test.last_hi, test.last_lo};
}

bool passes_all(const RuleRow& row, const RuleTable& rules, const uint64_t* operands,
                uint64_t mask) {
    for (size_t key = 0; key < rules.key_widths.size(); ++key) {
        const unsigned width = rules.key_widths[key];
        const uint64_t hi = width == 128 ? *operands++ : 0;
        const uint64_t lo = *operands++;
        if (!passes(row.tests[key], (mask >> key & 1) != 0, {hi, lo}, width)) return false;
    }
    return true;
}

}  // namespace

bool is_member(const SetDecl& set, uint64_t hi, uint64_t lo) {
    if (is_too_wide({hi, lo}, set.width)) return false;
    for (const SetMember& member : set.members)
        if (has_prefix({hi, lo}, {member.hi, member.lo}, member.length, set.width)) return true;
    return false;
}

uint64_t match(const RuleTable& rules, const uint64_t* operands) {
    size_t words = 0;
    for (const unsigned width : rules.key_widths) words += width == 128 ? 2 : 1;
    for (const RuleRow& row : rules.rows)
        if (passes_all(row, rules, operands, operands[words])) return row.rule;
    return 0;
}

uint64_t verdict(const RuleTable& rules, uint64_t rule) {
    if (rule == 0 || rule > rules.verdicts.size()) return rules.default_verdict;
    return rules.verdicts[rule - 1];
}

}  // namespace vfm::plain
