// What the command line of vfm-test asks for.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cli/cli.h"

namespace vfm {

struct TestOptions {
    std::string filter;       ///< path, or the VFLisp of -e
    bool expression = false;  ///< `filter` is VFLisp
    std::string capture;      ///< path or `-`
    std::string engine;       ///< a name of the table of engines, or `all`
    std::optional<uint64_t> fuel;
    unsigned jobs = 1;     ///< threads
    std::string accepted;  ///< where accepted packets go; empty for nowhere
    std::string dropped;
    std::optional<uint64_t> explain;  ///< number of a packet
    std::string against;              ///< path of another filter; empty for none
    bool generate = false;            ///< packets are made from both; there is no capture
    std::string expect;               ///< path; empty for none
    bool verbose = false;
    bool statistics = false;
    bool json = false;
    bool dump_flows = false;
    bool dump_rules = false;

    /// Results go to stderr while a capture goes to stdout.
    bool stdout_taken() const { return accepted == "-" || dropped == "-"; }
};

/// Whether a progress bar is shown: not where lines of results go over it.
bool wants_progress(const TestOptions& options);

/// The options, or the exit status with which the tool ends at once: 0 after --help, 2 after wrong
/// usage, which has been reported.
std::expected<TestOptions, int> test_options(const std::vector<std::string>& arguments);

}  // namespace vfm
