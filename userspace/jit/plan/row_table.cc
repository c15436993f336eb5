#include "userspace/jit/plan/row_table.h"

#include <algorithm>
#include <functional>

namespace vfm::jit {
namespace {

RowSide side_of(std::span<const ir::Row> rows, uint64_t ir::Row::* mask) {
    RowSide side{.uniform = true};
    for (const ir::Row& row : rows) {
        side.mask |= row.*mask;
        side.uniform &= row.*mask == rows.front().*mask;
    }
    side.tested = side.mask != 0;
    return side;
}

}  // namespace

RowTable make_row_table(std::span<const ir::Row> rows, unsigned most_bytes) {
    RowTable table;
    table.a = side_of(rows, &ir::Row::mask_a);
    table.b = side_of(rows, &ir::Row::mask_b);
    if (table.b.mask == 0) table.a.tested = true;  // of rows that all hold one value is compared
    if ((table.a.mask | table.b.mask) > UINT32_MAX) table.lane = 8;
    unsigned bytes = 16;
    while (bytes < most_bytes && bytes < rows.size() * table.lane) bytes *= 2;
    table.lanes = bytes / table.lane;
    table.groups = static_cast<uint32_t>((rows.size() + table.lanes - 1) / table.lanes);
    for (uint32_t group = 0; group < table.groups; ++group) {
        const auto append = [&](uint64_t ir::Row::* field) {
            for (unsigned i = 0; i < table.lanes; ++i) {
                const size_t row = std::min(size_t{group} * table.lanes + i, rows.size() - 1);
                append_le(table.bytes, rows[row].*field, table.lane);
            }
        };
        if (table.a.tested && !table.a.uniform) append(&ir::Row::mask_a);
        if (table.a.tested) append(&ir::Row::want_a);
        if (table.b.tested && !table.b.uniform) append(&ir::Row::mask_b);
        if (table.b.tested) append(&ir::Row::want_b);
    }
    return table;
}

}  // namespace vfm::jit
