// The maps of a program: made when the first instruction that needs one is emitted, so that an
// object holds no map that nobody uses.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpfgen/object.h"

namespace vfm::bpf {

/// The maps of the whole program.
class MapList {
  public:
    /// `reserved`: names taken otherwise, as the program's symbol.
    explicit MapList(std::vector<std::string> reserved);

    /// Appends a map whose name looks like `name`; gives its index.
    uint32_t add(std::string_view name, Map map);
    /// Appends a map that is called so.
    uint32_t add_named(Map map);
    /// The index of `vfm_scratch`, which has at least so many slots and is every unit's.
    uint32_t scratch(uint32_t slots);
    /// The index of `vfm_packet`, which has room for so many bytes of a packet and is every unit's.
    uint32_t packet(uint32_t bytes);
    /// The index of `vfm_result`, which has a value for each unit.
    uint32_t result(uint32_t units);
    /// The index of `vfm_programs`, which leads to later programs.
    uint32_t programs();
    /// The index of `vfm_now`, a per-CPU number: NOW, from one program to the next.
    uint32_t clock();

    /// A name for a later program, unlike that of any other and of any map.
    std::string later_program(const std::string& first);

    /// A name for a unit, at most 7 bytes, that no other unit has.
    std::string unit_prefix(std::string_view name);

    const std::string& name(uint32_t map) const { return maps_[map].name; }
    const std::vector<Map>& all() const { return maps_; }

  private:
    std::vector<std::string> taken_;
    std::vector<std::string> prefixes_;
    std::vector<Map> maps_;
    std::optional<uint32_t> scratch_, packet_, result_, programs_, clock_;
};

/// Where a live set is.
struct LiveSetMaps {
    uint32_t values = 0;
    uint32_t prefixes = 0;
    uint32_t control = 0;
    uint32_t at = 0;  ///< its byte in the control
};

/// The maps of a unit.
class Maps {
  public:
    /// `name` is the unit's, empty if it is the only one. The list and the declarations outlive the
    /// object. `withholds`: see Unit.
    Maps(MapList& list, std::span<const TableDecl> tables, const Module& module, uint32_t unit = 0,
         std::string_view name = {}, bool withholds = false);

    /// Index of the map of a flow table, of a counter group, of the statistics, of `vfm_enforce`,
    /// of `vfm_scratch`, of `vfm_packet`, of `vfm_result`.
    uint32_t flow(uint32_t table);
    uint32_t counters(uint32_t group);
    /// Where in the value of the statistics the counters of a group begin; nothing if they have a
    /// map.
    std::optional<uint32_t> counters_in_stats(uint32_t group) const;
    /// Where in it the unit keeps which counter counted last, its number plus 1, while it runs;
    /// nothing where nobody asks for that.
    std::optional<uint32_t> decision_in_stats() const;
    /// Those of a set that may change.
    const LiveSetMaps& live_set(uint32_t set);
    /// Those of all: what a command puts into a set is there, whether the program asks it or not.
    void make_live_sets();
    uint32_t stats();
    uint32_t enforce();
    uint32_t scratch(uint32_t slots) { return list_.scratch(slots); }
    uint32_t packet(uint32_t bytes) { return list_.packet(bytes); }
    uint32_t result(uint32_t units) { return list_.result(units); }
    const std::string& name(uint32_t map) const { return list_.name(map); }

  private:
    uint32_t add(std::string_view name, Map map);
    uint32_t add_own(std::string_view name, Map map);
    uint32_t set_control();

    MapList& list_;
    std::span<const TableDecl> tables_;
    const Module& module_;
    uint32_t unit_;
    std::string prefix_;
    std::vector<std::optional<uint32_t>> of_table_, of_group_;
    std::vector<std::optional<LiveSetMaps>> of_set_;
    std::optional<uint32_t> set_control_;
    std::vector<CounterArray> arrays_;  // counters in the statistics
    bool keeps_decision_ = false;
    std::optional<uint32_t> stats_, enforce_;
};

/// A C identifier of at most 15 bytes that looks like `name`: "src-ip" becomes "src_ip".
std::string map_identifier(std::string_view name);

}  // namespace vfm::bpf
