// Which maps of a new program are there already: those of the filters that go on, and the tables
// that all filters of an interface share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/prepare.h"
#include "loader/state.h"

namespace vfm {

struct WantedFilter;

/// The name of a map's pin in the directory of its filter, by what it holds; empty for one that is
/// of no filter or says nothing between runs.
std::string pin_of_map(const bpf::Map& map, const VerifiedModule& module);

/// That of a set's map.
std::string pin_of_set(const std::string& set);

/// A table that is `:shared`, at another hook of the interface.
struct SharedTable {
    RecordedTable table;
    StoredFilter filter;
};
/// Those beside `hook`. Fails with Status::refused.
Result<std::vector<SharedTable>> shared_tables_of(const StoredHook& hook);

/// One change of a hook's filters. Of a filter as it was go on: tables of equal name, kinds,
/// capacity and eviction; its statistics and counters if all lie as they did and count the same
/// rules, else new ones go on with their numbers (counted.h).
class MapChoice {
  public:
    /// `filters` outlives the object.
    MapChoice(const std::vector<WantedFilter>& filters, std::vector<SharedTable> shared)
        : filters_(filters), shared_(std::move(shared)) {}

    /// For a program that is not loaded yet, which must outlive what is given.
    KnownMaps maps_of(const PreparedProgram& program);
    /// Behind it: fails with Status::refused where filters declare a shared table in different
    /// ways.
    Result<> check() const;
    /// The unit's statistics and counters are those of the filter as it was: all of them, or none.
    bool counts_stay(uint32_t unit) const { return counts_stay_[unit]; }
    /// Pins of the maps of a loaded unit that were there before.
    static std::vector<std::string> kept(const PreparedProgram& program, uint32_t unit);

  private:
    KnownMap find(const PreparedProgram& program, size_t number);
    KnownMap find_shared(const PreparedProgram& program, size_t number);
    KnownMap find_kept(const StoredFilter& filter, const bpf::Map& map, const std::string& pin);
    KnownMap find_table(const StoredFilter& filter, const bpf::Map& map, const TableDecl& table);
    bool counts_fit(const PreparedProgram& program, uint32_t unit);
    KnownMap take(Fd fd, const bpf::Map& map, const std::string& table);

    const std::vector<WantedFilter>& filters_;
    std::vector<SharedTable> shared_;
    std::vector<Fd> opened_;
    std::vector<bool> counts_stay_;  ///< by unit
    std::vector<std::string> misfits_;
};

}  // namespace vfm
