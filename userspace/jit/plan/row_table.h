// The rows of an in_rows as tables that vector instructions compare a lane a row. Nothing here
// knows instructions; row_code.cc writes them. Tested by tests/unit/jit/sets_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/bytes.h"
#include "core/ir/form/ir.h"

namespace vfm::jit {

/// One of the two values that rows test.
struct RowSide {
    bool tested = false;   ///< some row looks at it
    bool uniform = false;  ///< all rows have the mask `mask`, so that only wanted bits are stored
    uint64_t mask = 0;     ///< bits that any row looks at
};

/// Groups of `lanes` rows, one after the other; of each group the masks of a, the wanted bits of a,
/// and the same of b, as far as there is something to store.
struct RowTable {
    unsigned lane = 4;  ///< bytes of a number: 4 if no mask has more, else 8
    unsigned lanes = 0;
    uint32_t groups = 0;
    RowSide a, b;
    Bytes bytes;

    /// Bytes of one group's masks or wanted bits of one value.
    uint32_t vector_bytes() const { return lane * lanes; }
};

/// Rows in vectors of 16, 32 or 64 bytes, whichever is enough or `most_bytes`. A last group that is
/// not full has its last row several times.
RowTable make_row_table(std::span<const ir::Row> rows, unsigned most_bytes);

}  // namespace vfm::jit
