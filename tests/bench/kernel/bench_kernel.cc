// Filters in the kernel, as our compiler makes them and as clang makes them of C written by hand:
// one run, everything takes turns. Prints one JSON object, which tables.py reads.
//
//     bench_kernel [--quick] [--only=F1,H3] [--rounds=N] [--cpu=N] [--without=curves,beside]
//
// Exit status 0, 2 for wrong usage, 3 if the kernel does not take something, 4 where two programs
// that must decide alike do not, 77 if this machine runs no programs in the kernel.
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "loader/test_run.h"
#include "tests/bench/kernel/curves.h"
#include "tests/bench/kernel/measured.h"
#include "tests/bench/kernel/options.h"
#include "tests/bench/kernel/rivals.h"
#include "tests/bench/machine.h"
#include "tests/bench/measure.h"

namespace vfm::bench {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kSkipped = 77;

void say(const std::string& what) { fmt::print(stderr, "bench-kernel: {}\n", what); }

Json json_of(const Times& times) { return {{"fixed", times.fixed}, {"varied", times.varied}}; }

Json json_of(const Contestant& one, double executed) {
    return {{"loaded", one.size.loaded},       {"machine_bytes", one.size.machine_bytes},
            {"processed", one.size.processed}, {"executed", executed},
            {"load_ms", one.load_ms},          {"ns", json_of(one.times)}};
}

Json json_of(const Measured& one) {
    return {{"name", one.name},
            {"what", one.what},
            {"ours", json_of(one.ours, one.executed.ours)},
            {"clang", json_of(one.clang, one.executed.clang)},
            {"null", {{"ns", json_of(one.null)}}}};
}

Json json_of(const CurvePoint& point) {
    Json made = {{"family", point.family}, {"n", point.n}};
    if (!point.refused.empty()) {
        made["refused"] = point.refused;
        return made;
    }
    made["loaded"] = point.size.loaded;
    made["processed"] = point.size.processed;
    made["load_ms"] = point.load_ms;
    return made;
}

Json json_of(const Rival& rival) {
    Json made = {{"name", rival.name}, {"how", rival.how}};
    if (!rival.skipped.empty()) {
        made["skipped"] = rival.skipped;
        return made;
    }
    for (const RivalTime& time : rival.times) {
        Json row = {{"filter", time.filter}, {"fixed", time.fixed}, {"varied", nullptr}};
        if (time.varied) row["varied"] = *time.varied;
        row["note"] = time.note;
        made["rows"].push_back(row);
    }
    return made;
}

Result<Json> run(const KernelOptions& options, Json out) {
    std::vector<Subject> subjects;
    for (const std::string& name : subject_names())
        if (options.takes(name)) subjects.push_back(TRY(make_subject(name)));
    say(fmt::format("measuring {} filters in {} rounds", subjects.size(), options.plan.rounds));
    out["filters"] = Json::array();
    for (const Measured& one : TRY(measure_in_kernel(subjects, options.plan)))
        out["filters"].push_back(json_of(one));
    out["beside"] = Json::array();
    if (!options.without_beside)
        for (const auto rival : {socket_filter, xdp_filter, nftables}) {
            out["beside"].push_back(json_of(rival(subjects, options.plan)));
            say(out["beside"].back()["name"].get<std::string>() + " is measured");
        }
    out["families"] = Json::object();
    out["curves"] = Json::array();
    if (!options.without_curves) {
        for (const CurveFamily& family : curve_families()) {
            out["families"][std::string(family.name)] = family.what;
            for (const unsigned n : options.sizes) {
                say(fmt::format("curves: {} {}", n, family.name));
                out["curves"].push_back(json_of(curve_point(family, n)));
            }
        }
    }
    return out;
}

int main_of(const KernelOptions& options) {
    if (const std::string missing = kernel_engine_missing(); !missing.empty()) {
        say("skipped: " + missing);
        return kSkipped;
    }
    const auto cpu = pin_to_cpu(options.cpu);
    if (!cpu) {
        say(fmt::format("error: --cpu={}: is no CPU that this process may use",
                        options.cpu.value_or(0)));
        return static_cast<int>(Status::usage);
    }
    Json out;
    out["machine"] = describe_machine();
    out["machine"]["pinned_to"] = *cpu;
    out["machine"]["before_all_others"] = FirstOnCpu().is();
    out["quick"] = options.quick;
    out["partial"] = !options.only.empty();
    out["rounds"] = options.plan.rounds;
    out["copies"] = options.plan.copies;
    out["runs"] = options.plan.runs.timed;
    const auto made = run(options, std::move(out));
    if (!made) {
        say("error: " + render(made.error().diagnostics));
        return static_cast<int>(made.error().status);
    }
    fmt::print("{}\n", made->dump(1));
    return std::fflush(stdout) == 0 ? 0 : static_cast<int>(Status::refused);
}

}  // namespace
}  // namespace vfm::bench

int main(int argc, char** argv) {
    namespace bench = vfm::bench;
    const auto options = bench::parse_kernel_options({argv + 1, argv + argc});
    if (!options) {
        fmt::print(stderr, "bench-kernel: error: {}\n", options.error());
        return static_cast<int>(vfm::Status::usage);
    }
    try {
        return bench::main_of(*options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench-kernel: error: {}\n", error.what());
        return static_cast<int>(vfm::Status::refused);
    }
}
