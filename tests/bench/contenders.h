// Who takes part: one row for each way to run a filter, ours and others', behind one small
// interface. A row whose library or compiler was not there when this was built does not exist.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/program.h"
#include "core/verify/verify.h"
#include "tests/bench/filters.h"

namespace vfm::bench {

/// How many packets a call gets from those who take several at once.
constexpr size_t kBurst = 256;

/// One filter made ready by one contender, with fresh state. Not thread safe.
class Prepared {
  public:
    virtual ~Prepared() = default;
    /// Runs the filter on each packet in turn; verdicts[i] becomes 1 if it accepts packets[i], else
    /// 0. `verdicts` has room for all.
    virtual void walk(std::span<const Packet> packets, uint8_t* verdicts) = 0;
    /// What is timed: the same runs, with the results left in the form in which this contender
    /// gives them. Returns whether `verdicts` were written.
    virtual bool timed_walk(std::span<const Packet> packets, uint8_t* verdicts) {
        walk(packets, verdicts);
        return true;
    }
};

struct Contender {
    std::string_view name;
    std::string what;  ///< one phrase, with the version
    /// Null if it has no such filter. Throws std::runtime_error with the reason if it should have.
    std::unique_ptr<Prepared> (*prepare)(const BenchFilter& filter);
    /// What its compile time is measured on: one call compiles once. Null where there is nothing to
    /// compile at run time.
    std::function<void()> (*compile)(const BenchFilter& filter) = nullptr;
    std::string_view compiles = {};  ///< from what to what `compile` goes
};

/// All that this build and this machine have, ours first; those that it has not are named in
/// `missing` with the reason.
struct Missing {
    std::string name;
    std::string reason;
};
struct Field {
    std::vector<Contender> contenders;
    std::vector<Missing> missing;
};
Field all_contenders();
void add_missing(Field& field, std::initializer_list<std::string_view> names,
                 std::string_view reason);

// The parts of the field, each in a file of its own.
void add_own(Field& field);
void add_c(Field& field);
void add_libpcap(Field& field);
void add_rte_bpf(Field& field);

/// The filter compiled from VFLisp and verified.
const VerifiedModule& program_of(const BenchFilter& filter);

/// One packet after the other through `accepts(packet) -> bool`.
template <class Accepts>
void walk_each(std::span<const Packet> packets, uint8_t* verdicts, Accepts&& accepts) {
    for (size_t i = 0; i < packets.size(); ++i) verdicts[i] = accepts(packets[i]);
}

}  // namespace vfm::bench
