// Runs a program in several engines and says where they differ. The first engine is the reference.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/engines/engines.h"

namespace vfm::test {

/// How much an engine really did: a suite fails if it skips more than its stated share.
struct Tally {
    std::string name;
    uint64_t programs = 0;
    uint64_t refused = 0;  ///< programs that its back end cannot translate
    uint64_t packets = 0;
    uint64_t skipped = 0;                     ///< packets that it cannot take
    std::map<std::string, uint64_t> reasons;  ///< why programs were refused, numbers left out
};

struct Difference {
    std::string engine;
    std::string what;   ///< both results
    size_t packet = 0;  ///< index
};

/// A message with N for each of its numbers, so that reasons can be counted.
std::string reason_without_numbers(const std::string& message);

class Differential {
  public:
    explicit Differential(std::vector<EngineKind> kinds);

    /// Flow tables start empty, live for all packets, and are compared at the end where no engine
    /// can have evicted an entry; counters too, always. An engine that skips packets is compared
    /// with the reference on the others. The witness is one engine more, made by the caller.
    std::optional<Difference> run(const VerifiedModule& program, std::span<const Bytes> packets,
                                  std::unique_ptr<Instance> witness = {});

    const std::vector<Tally>& tallies() const { return tallies_; }
    /// A line an engine and one for every reason of refusals: for the end of a suite.
    std::string summary() const;
    /// The first engine that took less than `programs` (0..1) of the programs or less than
    /// `packets` of their packets; an empty string if none did.
    std::string lazy(double programs, double packets) const;

  private:
    std::vector<EngineKind> kinds_;
    std::vector<Tally> tallies_;                    // by kind, then the witness
    std::array<uint64_t, kErrorKinds> outcomes_{};  // of the reference, by error_index()
};

/// What the reference gives for each packet, in order on one set of flow tables.
std::vector<Outcome> reference_outcomes(const VerifiedModule& program,
                                        std::span<const Bytes> packets);

}  // namespace vfm::test
