// The same filters on the same packets in every engine, ours and others', in one process: first all
// verdicts are compared, then times are taken. Prints one JSON object, which report.py reads.
//
//     bench_engines [--quick] [--filter F1,F2] [--engine jit,gcc] [--trace imix-hot]
//                   [--cpu N] [--passes N]
//
// Exit status 0, 2 for wrong usage (a CPU that it may not use too), 3 if something does not start,
// 4 if two engines differ.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/median.h"
#include "core/base/result.h"
#include "tests/bench/machine.h"
#include "tests/bench/measure.h"
#include "tests/bench/names.h"
#include "tests/bench/options.h"

namespace vfm::bench {

namespace {

using Json = nlohmann::ordered_json;
using Accepted = std::map<std::pair<std::string, std::string>, size_t>;  // by trace and filter

/// Tenths of a thousandth are more than any of this is exact to.
double rounded(double value) { return std::round(value * 1e4) / 1e4; }

class Bench {
  public:
    Bench(Options options, std::vector<Contender> contenders)
        : options_(std::move(options)), contenders_(std::move(contenders)) {
        for (const BenchFilter& filter : bench::filters())
            if (Options::takes(options_.filters, filter.name)) filters_.push_back(&filter);
        for (const Name& trace : trace_names())
            if (Options::takes(options_.traces, trace.name))
                traces_.push_back(make_trace(trace.name, options_.quick));
    }

    /// False if two engines differ, which it has then said.
    bool compare_all() {
        for (const Trace& trace : traces_) {
            fmt::print(stderr, "bench: comparing verdicts on {}\n", trace.name);
            for (const BenchFilter* filter : filters_) {
                size_t& accepted = accepted_[{trace.name, filter->name}];
                const auto wrong = compare(contenders_, *filter, trace, accepted);
                if (!wrong) continue;
                fmt::print(stderr,
                           "bench: error: {} differs from {}: {}, packet {} of {}: {} instead of "
                           "{}\n",
                           wrong->engine, wrong->reference, wrong->filter, wrong->packet,
                           wrong->trace, wrong->got ? "accepts" : "rejects",
                           wrong->expected ? "accepts" : "rejects");
                return false;
            }
        }
        return true;
    }

    void measure_all(Json& out) {
        out["cells"] = Json::array();
        for (Trace& trace : traces_) {
            if (!trace.timed) {
                fmt::print(stderr, "bench: {} is for comparing, it is not timed\n", trace.name);
                continue;
            }
            fmt::print(stderr, "bench: measuring {}\n", trace.name);
            for (const BenchFilter* filter : filters_) {
                const auto times = measure(contenders_, *filter, trace,
                                           accepted_[{trace.name, filter->name}], options_.effort);
                for (size_t i = 0; i < times.size(); ++i)
                    if (!times[i].empty())
                        out["cells"].push_back(
                            cell(contenders_[i].name, filter->name, trace.name, times[i]));
            }
        }
        out["compile"] = compile_times();
    }

    void describe(Json& out) const {
        out["filters"] = Json::object();
        for (const BenchFilter* filter : filters_) out["filters"][filter->name] = filter->what;
        out["traces"] = Json::object();
        out["accepted"] = Json::object();
        for (const Trace& trace : traces_) {
            out["traces"][trace.name] = {
                {"what", trace.what}, {"packets", trace.packets.size()}, {"timed", trace.timed}};
            for (const BenchFilter* filter : filters_)
                out["accepted"][trace.name][filter->name] =
                    accepted_.at({trace.name, filter->name});
        }
        out["engines"] = Json::object();
        for (const Contender& contender : contenders_)
            out["engines"][std::string(contender.name)] = contender.what;
    }

  private:
    static Json cell(std::string_view engine, const std::string& filter, const std::string& trace,
                     const std::vector<double>& times) {
        const auto [least, most] = std::ranges::minmax(times);
        Json made = {{"engine", engine}, {"filter", filter}, {"trace", trace}};
        made["ns_median"] = rounded(median(times));
        made["ns_min"] = rounded(least);
        made["ns_max"] = rounded(most);
        made["ns_passes"] = Json::array();
        for (const double time : times) made["ns_passes"].push_back(rounded(time));
        return made;
    }

    Json compile_times() const {
        fmt::print(stderr, "bench: measuring compile times\n");
        Json made = Json::object();
        for (const Contender& contender : contenders_) {
            Json times = Json::object();
            for (const BenchFilter* filter : filters_)
                if (const auto us = measure_compile(contender, *filter, options_.effort))
                    times[filter->name] = rounded(*us);
            if (!times.empty())
                made[std::string(contender.name)] = {{"from_to", contender.compiles},
                                                     {"us", times}};
        }
        return made;
    }

    Options options_;
    std::vector<Contender> contenders_;
    std::vector<const BenchFilter*> filters_;
    std::vector<Trace> traces_;
    Accepted accepted_;
};

int run(Options options) {
    const auto cpu = pin_to_cpu(options.cpu);
    if (!cpu) {
        fmt::print(stderr, "bench: error: --cpu={}: is no CPU that this process may use\n",
                   options.cpu.value_or(0));
        return static_cast<int>(Status::usage);
    }
    Field field = all_contenders();
    const size_t all = field.contenders.size();
    const auto chosen = [&](std::string_view name) {
        return Options::takes(options.engines, name);
    };
    std::erase_if(field.contenders, [&](const Contender& c) { return !chosen(c.name); });
    std::erase_if(field.missing, [&](const Missing& m) { return !chosen(m.name); });
    if (!options.engines.empty() && !field.missing.empty()) {
        const Missing& missing = field.missing.front();
        fmt::print(stderr, "bench: error: engine {} is not here: {}\n", missing.name,
                   missing.reason);
        return static_cast<int>(Status::refused);
    }
    Json out;
    out["machine"] = describe_machine();
    out["machine"]["pinned_to"] = *cpu;
    out["missing"] = Json::array();
    for (const Missing& missing : field.missing) {
        fmt::print(stderr, "bench: without {}: {}\n", missing.name, missing.reason);
        out["missing"].push_back({{"engine", missing.name}, {"reason", missing.reason}});
    }
    out["quick"] = options.quick;
    out["passes"] = options.effort.passes;
    out["pass_ms"] = options.effort.pass_ms;
    // Of what only some take part, at the user's wish.
    out["partial"] = Json::array();
    const auto taken = [&](const Name& filter) {
        return Options::takes(options.filters, filter.name);
    };
    if (!std::ranges::all_of(filter_names(), taken)) out["partial"].push_back("filters");
    if (field.contenders.size() < all) out["partial"].push_back("engines");
    Bench bench(std::move(options), std::move(field.contenders));
    if (!bench.compare_all()) return static_cast<int>(Status::disagree);
    bench.describe(out);
    bench.measure_all(out);
    fmt::print("{}\n", out.dump(1));
    return std::fflush(stdout) == 0 ? 0 : static_cast<int>(Status::refused);
}

}  // namespace
}  // namespace vfm::bench

int main(int argc, char** argv) {
    using vfm::Status;
    namespace bench = vfm::bench;
    const std::vector<const char*> arguments(argv + 1, argv + argc);
    auto options = bench::parse_options(arguments);
    if (!options) {
        fmt::print(stderr, "bench: error: {}\n", options.error());
        return static_cast<int>(Status::usage);
    }
    try {
        return bench::run(*std::move(options));
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench: error: {}\n", error.what());
        return static_cast<int>(Status::refused);
    }
}
