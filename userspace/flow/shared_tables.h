// The flow tables of a filter that several threads serve: one set for all of them, in memory that
// others can read.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "userspace/flow/flow_table.h"

namespace vfm {

/// Counts are exact, whichever thread a packet comes by: a thread holds the tables while it runs a
/// burst. Engines are made on tables(), one a thread, and run only under changes(). Where the
/// program has no tables nothing is locked. A process that is stopped or killed while it holds them
/// leaves nothing to mend: others only read the memory, without the lock.
class SharedTables {
  public:
    /// In memories[i] of FlowTable::memory_size(declarations[i]) bytes, as PlacedTable wants it.
    SharedTables(std::span<const TableDecl> declarations,
                 std::span<const std::span<std::byte>> memories);

    /// The right to change the tables, until it goes.
    class [[nodiscard]] Changes {
      public:
        explicit Changes(SharedTables* shared);
        Changes(const Changes&) = delete;
        Changes& operator=(const Changes&) = delete;
        ~Changes();

      private:
        SharedTables* shared_;  // null where there are no tables
    };
    /// Waits for other threads. Any thread may call it, not twice at once.
    Changes changes() { return Changes(tables_.empty() ? nullptr : this); }

    FlowTables& tables() { return tables_; }

  private:
    std::mutex mutex_;
    FlowTables tables_;
};

}  // namespace vfm
