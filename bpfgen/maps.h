// The maps of a program: made when the first instruction that needs one is emitted, so that an
// object holds no map that nobody uses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpfgen/object.h"

namespace vfm::bpf {

class Maps {
  public:
    /// `reserved`: names taken otherwise, as the program's symbol.
    /// The declarations outlive the object.
    Maps(std::span<const TableDecl> tables, std::span<const CounterGroup> groups,
         std::span<const SetDecl> sets, std::vector<std::string> reserved);

    /// Index of the map of a flow table, of a counter group, of a set that may change, of
    /// `vfm_stats`, of `vfm_scratch`, of `vfm_result`.
    uint32_t flow(uint32_t table);
    uint32_t counters(uint32_t group);
    uint32_t live_set(uint32_t set);
    uint32_t stats();
    /// Has at least so many slots of scratch memory.
    uint32_t scratch(uint32_t slots);
    uint32_t result();

    const std::string& name(uint32_t map) const { return maps_[map].name; }
    std::vector<Map> take() { return std::move(maps_); }

  private:
    uint32_t add(Map map);
    std::string unique_name(std::string_view wanted);

    std::span<const TableDecl> tables_;
    std::span<const CounterGroup> groups_;
    std::span<const SetDecl> sets_;
    std::vector<std::string> taken_;
    std::vector<Map> maps_;
    std::vector<uint32_t> of_table_, of_group_, of_set_;
    uint32_t stats_ = kNone;
    uint32_t scratch_ = kNone;
    uint32_t result_ = kNone;
    static constexpr uint32_t kNone = ~uint32_t{0};
};

/// Appends a member as a key of the map of a set of so many bits: the prefix' length, then the
/// number, its highest byte first.
void append_prefix(Bytes& keys, const SetMember& member, unsigned width);

/// A C identifier of at most 15 bytes that looks like `name`: "src-ip" becomes "src_ip".
std::string map_identifier(std::string_view name);

}  // namespace vfm::bpf
