// The builds that users get: without a result map, with the clock and the random numbers of the
// kernel. Nobody can compare what they give, but each has to load, and the verifier to go through
// as many instructions as predicted.
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
    /// True if of every engine's programs all but one or a twentieth were predicted within a tenth,
    /// or if this kernel is another than the one that is modelled.
    bool foretold() const;

  private:
    struct Tally {
        uint64_t programs = 0;
        uint64_t refused = 0;
        std::map<std::string, uint64_t> reasons;
        uint32_t most = 0;  // instructions that the verifier went through
        std::string most_of;
        uint32_t largest = 0;  // instructions loaded
        std::string largest_of;
        // Of those that were predicted at all.
        uint64_t predicted = 0, exact = 0, close = 0;
        double worst = 0;  // the part that the prediction was too large, below 0 too small
        std::string worst_of;

        void compare(uint64_t prediction, uint64_t asked, const std::string& label);
    };
    std::map<std::string, Tally, std::less<>> tallies_;  // by engine
};

}  // namespace vfm::test
