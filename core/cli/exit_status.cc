#include "core/cli/exit_status.h"

namespace vfm::cli {

std::span<const ExitStatus> exit_statuses() {
    static constexpr ExitStatus rows[] = {
        {Status::done, "Done, also after --help."},
        {Status::rejected, "The input was rejected: a bad or missing program or packet file."},
        {Status::usage,
         "Wrong usage: an unknown verb, option or option value, or a missing "
         "argument."},
        {Status::refused,
         "The system or the kernel refused: no such interface, a missing "
         "capability, the kernel's verifier."},
        {Status::disagree, "Engines disagree on a packet."},
        {Status::bug, "An internal error."},
    };
    return rows;
}

}  // namespace vfm::cli
