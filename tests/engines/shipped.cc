#include "tests/engines/shipped.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bpfgen/object.h"
#include "bpfgen/predict/predict.h"
#include "core/front/front.h"
#include "loader/load.h"
#include "loader/loop_forms.h"
#include "tests/engines/compare.h"
#include "tests/harness/modelled_kernel.h"

namespace vfm::test {
namespace {

bpf::Options build_of(std::string_view engine, const VerifiedModule& program) {
    bpf::Options build;
    if (engine.ends_with("-tc")) build.hook = bpf::Hook::tc;
    if (engine.ends_with("-linear")) build.frames = bpf::Frames::linear;
    if (engine == "kernel-bounded")
        build.loops = bpf::LoopForm::bounded;
    else if (engine.starts_with("kernel-loop"))
        build.loops = bpf::LoopForm::bpf_loop;
    else
        build.loops = loop_form_for(program);
    return build;
}

}  // namespace

std::string ShippedBuilds::load(std::string_view engine, const VerifiedModule& program,
                                const std::string& label) {
    Tally& tally = tallies_[std::string(engine)];
    ++tally.programs;
    const auto refused = [&](const Failure& failure) {
        ++tally.refused;
        ++tally.reasons[reason_without_numbers(failure.diagnostics.front().message)];
        return render(failure.diagnostics);
    };
    const auto emitted = bpf::generate(program, build_of(engine, program));
    if (!emitted) return refused(emitted.error());
    const auto loaded = load_program(*emitted);
    if (!loaded) {
        const Filter filter{.module = program.module(), .name = "filter", .warnings = {}};
        return refused(load_failure(loaded.error(), filter));
    }
    if (loaded->verified > tally.most) {
        tally.most = loaded->verified;
        tally.most_of = label;
    }
    if (loaded->instructions > tally.largest) {
        tally.largest = loaded->instructions;
        tally.largest_of = label;
    }
    if (const auto prediction = bpf::predict(*emitted).processed)
        tally.compare(*prediction, loaded->verified, label);
    return {};
}

void ShippedBuilds::Tally::compare(uint64_t prediction, uint64_t asked, const std::string& label) {
    const double off = static_cast<double>(prediction) / static_cast<double>(asked) - 1;
    ++predicted;
    exact += prediction == asked;
    close += std::abs(off) <= 0.1;
    if (std::abs(off) <= std::abs(worst)) return;
    worst = off;
    worst_of = label;
}

std::string ShippedBuilds::summary() const {
    std::string text;
    for (const auto& [engine, tally] : tallies_) {
        text += fmt::format(
            "  {} as shipped: {} programs, {} refused; {} instructions at most ({}), "
            "{} processed ({})\n",
            engine, tally.programs, tally.refused, tally.largest, tally.largest_of, tally.most,
            tally.most_of);
        if (tally.predicted > 0)
            text += fmt::format(
                "    predicted: {} programs, {} exactly, {} within 10 %, worst {:+.1f} % ({})\n",
                tally.predicted, tally.exact, tally.close, 100 * tally.worst, tally.worst_of);
        for (const auto& [reason, count] : tally.reasons)
            text += fmt::format("    {} x {}\n", count, reason);
    }
    return text;
}

bool ShippedBuilds::took(double share) const {
    for (const auto& [engine, tally] : tallies_)
        if (static_cast<double>(tally.programs - tally.refused) <
            share * static_cast<double>(tally.programs))
            return false;
    return true;
}

bool ShippedBuilds::foretold() const {
    if (!kernel_is_modelled()) return true;
    return std::ranges::all_of(tallies_, [](const auto& row) {
        const uint64_t off = row.second.predicted - row.second.close;
        return off <= std::max<uint64_t>(1, row.second.predicted / 20);
    });
}

}  // namespace vfm::test
