// Reads the kernel verifier's log: where it stopped and why. The log is text for people and has no
// promise of stability, so whatever is not understood leaves a field empty and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vfm {

struct VerifierComplaint {
    std::optional<uint32_t> insn;  ///< instruction of the program as loaded
    std::string reason;            ///< one line; empty if the log gives none
    bool lacks_privilege = false;  ///< the same program would pass with CAP_PERFMON
    std::string meaning;           ///< the reason in plain words; empty if it is none that is known
    /// What the registers of the complaint hold there: "r2 is a packet address 14 bytes in"; may be
    /// empty.
    std::string values;
    std::string advice;  ///< what to do; empty if nothing is known
};

/// What the kernel has written into the memory for a log. One that did not find room for its
/// beginning (since Linux 6.4) may have a zero byte in the place of what it gave up.
std::string_view text_of_log(std::string_view memory);

/// Logs of Linux 6.1 to 6.18.
VerifierComplaint read_verifier_log(std::string_view log);

}  // namespace vfm
