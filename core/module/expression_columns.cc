#include "core/module/expression_columns.h"

#include <algorithm>
#include <vector>

namespace vfm {
namespace {

using Numbers = google::protobuf::RepeatedField<uint32_t>;

/// A column that is left out where it has nothing but 0.
uint32_t sparse(const Numbers& column, int row) { return column.empty() ? 0 : column[row]; }

bool is_sparse(const Numbers& column, int rows) {
    return column.empty() || (column.size() == rows && std::ranges::count(column, 0u) != rows);
}

void clear_if_zero(Numbers& column) {
    if (std::ranges::count(column, 0u) == column.size()) column.Clear();
}

/// Offsets that ascend, each in the code.
bool ascend(const Numbers& offsets, size_t code_size) {
    return std::ranges::is_sorted(offsets, std::less_equal{}) &&
           (offsets.empty() || offsets[offsets.size() - 1] < code_size);
}

std::optional<std::string> wrong_row(const CodeExpression& row, const Module& module) {
    if (row.file > module.included.size()) return "one is of no file";
    if (row.text.end > module.file_text(row.file).size()) return "one is beyond its text";
    if (row.how > CodeExpression::kLastHow || row.shown > CodeExpression::kLastShown)
        return "one is of an unknown kind";
    if (row.group > module.counter_groups.size()) return "one has no counter group";
    if ((row.test_of == 0) != (row.rule == 0) || row.test_of > module.counter_groups.size() ||
        (row.rule > 0 && row.rule >= module.counter_groups[row.test_of - 1].counters.size()))
        return "one has no rule";
    return {};
}

}  // namespace

void put_expressions(const ExpressionMap& from, file::Expressions& to) {
    uint32_t last = 0;
    for (const CodeExpression& row : from.expressions) {
        to.add_advances(row.begin - last);
        last = row.begin;
        to.add_lengths(row.end - row.begin);
        to.add_files(row.file);
        to.add_text_begins(row.text.begin);
        to.add_text_lengths(row.text.end - row.text.begin);
        to.mutable_how()->push_back(static_cast<char>(row.how));
        to.mutable_shown()->push_back(static_cast<char>(row.shown));
        to.add_groups(row.group);
        to.add_tests_of(row.test_of);
        to.add_rules(row.rule);
    }
    for (Numbers* column :
         {to.mutable_files(), to.mutable_groups(), to.mutable_tests_of(), to.mutable_rules()})
        clear_if_zero(*column);
    to.mutable_true_jumps()->Add(from.true_jumps.begin(), from.true_jumps.end());
    to.mutable_relays()->Add(from.relays.begin(), from.relays.end());
}

std::optional<std::string> get_expressions(const file::Expressions& in, size_t code_size,
                                           const Module& module, ExpressionMap& map) {
    const int rows = in.advances_size();
    const auto as_many = [&](auto count) { return static_cast<int>(count) == rows; };
    if (!as_many(in.lengths_size()) || !as_many(in.text_begins_size()) ||
        !as_many(in.text_lengths_size()) || !as_many(in.how().size()) ||
        !as_many(in.shown().size()))
        return "columns differ in number";
    for (const Numbers* column : {&in.files(), &in.groups(), &in.tests_of(), &in.rules()})
        if (!is_sparse(*column, rows)) return "a column is spelt out or differs in number";
    if (!ascend(in.true_jumps(), code_size) || !ascend(in.relays(), code_size))
        return "jumps do not ascend in the code";
    std::vector<uint64_t> ends;  // of those around the next one
    uint64_t begin = 0;
    for (int i = 0; i < rows; ++i) {
        begin += in.advances(i);
        const uint64_t end = begin + in.lengths(i);
        while (!ends.empty() && ends.back() <= begin) ends.pop_back();
        if (in.lengths(i) == 0 || end > (ends.empty() ? code_size : ends.back()))
            return "they do not lie in the code or within each other";
        ends.push_back(end);
        const uint64_t text_end = uint64_t{in.text_begins(i)} + in.text_lengths(i);
        if (text_end > UINT32_MAX) return "one is beyond its text";
        const auto at = static_cast<size_t>(i);
        map.expressions.push_back({.begin = static_cast<uint32_t>(begin),
                                   .end = static_cast<uint32_t>(end),
                                   .file = sparse(in.files(), i),
                                   .text = {in.text_begins(i), static_cast<uint32_t>(text_end)},
                                   .how = static_cast<CodeExpression::How>(in.how()[at]),
                                   .shown = static_cast<CodeExpression::Shown>(in.shown()[at]),
                                   .group = sparse(in.groups(), i),
                                   .test_of = sparse(in.tests_of(), i),
                                   .rule = sparse(in.rules(), i)});
        if (auto why = wrong_row(map.expressions.back(), module)) return why;
    }
    map.true_jumps.assign(in.true_jumps().begin(), in.true_jumps().end());
    map.relays.assign(in.relays().begin(), in.relays().end());
    return {};
}

}  // namespace vfm
