// Prints what the live bench sends and what it says beside its figures, as JSON: the filters F1 to
// F6 with their text and their frames, and the machine.
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/live/frames.h"
#include "tests/bench/machine.h"

namespace vfm::bench {
namespace {

constexpr std::string_view kLast = "F6";

std::string hex(std::span<const Frame> frames) {
    std::string text;
    for (const Frame& frame : frames)
        for (const uint8_t byte : frame) text += fmt::format("{:02x}", byte);
    return text;
}

nlohmann::ordered_json described() {
    nlohmann::ordered_json made;
    made["machine"] = describe_machine();
    for (const BenchFilter& filter : filters()) {
        const LiveTraffic traffic = live_traffic(filter.name, filter);
        made["filters"].push_back(
            {{"name", filter.name},
             {"what", filter.what},
             {"lisp", filter.lisp},
             {"pass", hex(traffic.pass)},
             {"drop", hex(traffic.drop)},
             {"bytes",
              {{"pass", traffic.pass.front().size()}, {"drop", traffic.drop.front().size()}}}});
        if (filter.name == kLast) break;
    }
    return made;
}

}  // namespace
}  // namespace vfm::bench

int main() {
    try {
        fmt::print("{}\n", vfm::bench::described().dump());
    } catch (const std::exception& error) {
        fmt::print(stderr, "live_frames: {}\n", error.what());
        return 3;
    }
    return 0;
}
