#include "loader/prepare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

#include "loader/enforce.h"
#include "loader/loop_forms.h"
#include "loader/map_memory.h"

namespace vfm {
namespace {

/// At most 15 bytes of a C identifier, which bpftool shows: "vfm_" and what of the name can stand
/// in one; of several filters the hook's name.
std::string program_name(std::span<const UnitSource> units, HookPoint hook) {
    const std::string_view name =
        units.size() == 1 ? std::string_view(units.front().name) : hook_info(hook).name;
    std::string out = "vfm_";
    for (const char c : name) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out += plain ? c : '_';
    }
    return out.substr(0, 15);
}

bpf::LoopForm loop_form_for_all(std::span<const VerifiedModule> modules) {
    for (const VerifiedModule& module : modules)
        if (const auto form = loop_form_for(module); form != bpf::LoopForm::bounded) return form;
    return bpf::LoopForm::bounded;
}

std::expected<bpf::Program, PrepareFailure> translate_units(std::span<const UnitSource> units,
                                                            std::span<const VerifiedModule> modules,
                                                            const PrepareOptions& options) {
    const bpf::Options build{.hook = hook_info(options.hook).program,
                             .frames = options.frames,
                             .program_name = program_name(units, options.hook),
                             .loops = loop_form_for_all(modules)};
    std::vector<bpf::Unit> parts;
    for (size_t i = 0; i < units.size(); ++i)
        parts.push_back({.module = &modules[i],
                         .name = units[i].name,
                         .priority = units[i].priority,
                         .drop_on_error = units[i].drop_on_error,
                         .withholds = units[i].enforce.has_value()});
    auto emitted = bpf::generate(parts, build);
    if (emitted) return *std::move(emitted);
    bpf::UnitFailure failure = std::move(emitted).error();
    return std::unexpected(PrepareFailure(
        locate(units[failure.unit].filter, std::move(failure.failure)), Blame::filter));
}

/// What the bounded filter asks for.
Result<> check_memory(const bpf::Program& program, const UnitSource& unit,
                      const PrepareOptions& options) {
    auto parts = memory_of_maps(program);
    for (size_t i = program.maps.size(); i-- > 0;)
        if (program.maps[i].unit != options.bounded)
            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
    return require_memory(unit.filter.name, parts, options.most_memory);
}

/// Of maps that were there before the share stays.
Result<> begin_shares(const PreparedProgram& prepared, std::span<const UnitSource> units) {
    for (const LoadedMap& map : prepared.loaded.maps)
        if (map.declaration.role == bpf::MapRole::enforce && !map.known)
            TRY(begin_share(map.fd.get(), *units[map.declaration.unit].enforce));
    return {};
}

/// Before Linux 5.18 there are no frames of several buffers, and the flag for them is unknown:
/// refused before the verifier writes a word.
bool knows_no_frames(const bpf::Program& program, const LoadRefusal& refusal) {
    return program.hook == bpf::Hook::xdp && program.frames == bpf::Frames::any &&
           refusal.error == EINVAL && refusal.log.empty();
}

}  // namespace

std::vector<Build> builds_for(const Interface& interface, HookPoint hook, Mode mode) {
    using enum bpf::Frames;
    if (hook != HookPoint::xdp) return {{any, mode}};
    if (mode == Mode::skb) return {{linear, mode}};
    // A page of 4 KiB less what a driver and the kernel keep of it. No frame says how large it will
    // be: the MTU of whom it comes from may be another.
    constexpr uint32_t kMostInOnePage = 3498;
    std::vector<Build> builds;
    if (interface.mtu <= kMostInOnePage) builds.push_back({linear, Mode::native});
    builds.push_back({any, Mode::native});
    if (mode == Mode::automatic) builds.push_back({linear, mode});
    return builds;
}

std::expected<PreparedProgram, PrepareFailure> prepare_units(std::span<const UnitSource> units,
                                                             const PrepareOptions& options,
                                                             const MapsOf& maps) {
    PreparedProgram prepared;
    for (const UnitSource& unit : units) {
        auto verified = verify_filter(unit.filter);
        if (!verified)
            return std::unexpected(PrepareFailure(std::move(verified).error(), Blame::input));
        prepared.modules.push_back(*std::move(verified));
    }
    prepared.emitted = TRY(translate_units(units, prepared.modules, options));
    prepared.times.took("to verify and translate");
    if (auto within = check_memory(prepared.emitted, units[options.bounded], options); !within)
        return std::unexpected(PrepareFailure(std::move(within).error(), Blame::filter));
    auto loaded = load_program(prepared.emitted, maps ? maps(prepared) : KnownMaps());
    if (!loaded && knows_no_frames(prepared.emitted, loaded.error())) {
        PrepareOptions linear = options;
        linear.frames = bpf::Frames::linear;
        return prepare_units(units, linear, maps);
    }
    if (!loaded) {
        LoadRefusal& refusal = loaded.error();
        Failure failure = load_failure(refusal, units[refusal.unit].filter);
        return std::unexpected(
            PrepareFailure(std::move(failure), refusal.blame, std::move(refusal.log)));
    }
    prepared.loaded = *std::move(loaded);
    TRY(begin_shares(prepared, units));
    prepared.times.took("for the kernel to make its maps and verify it");
    return prepared;
}

std::expected<PreparedProgram, PrepareFailure> prepare_filter(const Filter& filter,
                                                              const PrepareOptions& options) {
    const UnitSource unit{.filter = filter, .name = "check"};
    return prepare_units({&unit, 1}, options);
}

}  // namespace vfm
