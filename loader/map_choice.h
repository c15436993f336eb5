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

/// The name of a map's pin in the directory of its filter, by what it holds; empty for one that
/// says nothing between runs.
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

/// One change of a hook's filters.
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

  private:
    KnownMap find(const PreparedProgram& program, size_t map);
    KnownMap find_shared(const PreparedProgram& program, size_t map);
    KnownMap find_kept(const StoredFilter& filter, const bpf::Map& map, const std::string& pin);
    KnownMap take(Fd fd, const bpf::Map& map, const std::string& table);

    const std::vector<WantedFilter>& filters_;
    std::vector<SharedTable> shared_;
    std::vector<Fd> opened_;
    std::vector<std::string> misfits_;
};

}  // namespace vfm
