// The builds that users get: without a result map, with the clock and the random numbers of the
// kernel. Nobody can compare what they give, but each has to load.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/verify/verify.h"

namespace vfm::test {

class ShippedBuilds {
  public:
    /// Loads the build that an engine of the kernel ("kernel-tc") runs a test build of. `label`
    /// says in the summary which program it was. Gives why not, with a place, or nothing.
    std::string load(std::string_view engine, const VerifiedModule& program,
                     const std::string& label);

    /// A line an engine, with the most that the verifier went through, and one for every reason.
    std::string summary() const;
    /// True if more than that share (0..1) was taken by every engine.
    bool took(double share) const;

  private:
    struct Tally {
        uint64_t programs = 0;
        uint64_t refused = 0;
        std::map<std::string, uint64_t> reasons;
        uint32_t most = 0;  // instructions that the verifier went through
        std::string most_of;
        uint32_t largest = 0;  // instructions loaded
        std::string largest_of;
    };
    std::map<std::string, Tally, std::less<>> tallies_;  // by engine
};

}  // namespace vfm::test
