// What registers hold, as the verifier's log tells it instruction by instruction.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace vfm {

class RegisterStates {
  public:
    /// A line of the log that shows an instruction or a state.
    void read(std::string_view line);
    /// In words: "r2 is a packet address 14 bytes in, 0 bytes proved". Of a register that the log
    /// does not show it says that nothing was put there.
    /// `proved`: bytes of the packet that the complaint itself names, empty for none.
    std::string describe(unsigned number, std::string_view proved = {}) const;

  private:
    std::array<std::string, 11> states_;
};

}  // namespace vfm
