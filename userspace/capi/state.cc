#include "userspace/capi/state.h"

#include <ctime>

#include <utility>

#include "core/run/host_functions.h"

namespace vfm::capi {
namespace {

/// Places of a verified program are told by the name that it was loaded under: the engines know
/// that of its source text only, and most programs have none.
Failure placed(const Program& program, Failure failure) {
    for (Diagnostic& diagnostic : failure.diagnostics) diagnostic.where = program.name();
    return failure;
}

/// The reason why a verified program cannot be loaded, with the kind that C callers get.
std::unexpected<Failure> as_kind(ErrorKind kind, const Program& program, Failure failure) {
    failure.diagnostics.front().kind = error_name(kind);
    return std::unexpected(placed(program, std::move(failure)));
}

std::shared_ptr<FlowTables> make_tables(const VerifiedModule& program, uint32_t capacity) {
    std::vector<TableDecl> declarations(program.tables().begin(), program.tables().end());
    if (program.module().tables.empty()) declarations.front().capacity = capacity;
    return std::make_shared<FlowTables>(declarations);
}

Result<std::unique_ptr<Instance>> instantiate(const Compiled& compiled, const Loaded& loaded,
                                              const InstanceOptions& options) {
    if (!compiled) return std::unexpected(compiled.error());
    return (*compiled)->instantiate_on(loaded.tables, options);
}

void choose_native(Loaded& loaded, const InstanceOptions& options) {
    auto instance = instantiate(loaded.active->native(), loaded, options);
    loaded.native = instance.has_value();
    if (instance)
        loaded.instance = *std::move(instance);
    else
        loaded.remark = text_of(placed(*loaded.active, std::move(instance).error()));
}

/// `loaded` comes with the tables, counters and live sets that it goes on with, if any.
Result<Loaded> prepare(const Settings& settings, std::shared_ptr<const Program> program,
                       Loaded loaded = {}) {
    loaded.active = settings.limit ? TRY(program->with_limit(*settings.limit)) : program;
    loaded.program = std::move(program);
    loaded.reads_clock = loaded.active->reads_clock();
    const VerifiedModule& verified = loaded.active->verified();
    if (!loaded.tables) loaded.tables = make_tables(verified, settings.flow_capacity);
    if (!loaded.counters)
        loaded.counters = std::make_shared<Counters>(verified.module().counter_groups);
    if (loaded.live_sets.empty()) loaded.live_sets = make_live_sets(verified.module());

    const InstanceOptions options = options_of(settings, loaded);
    if (auto matched = match_host_functions(verified, options.host_functions); !matched)
        return as_kind(ErrorKind::verification_failed, *loaded.program, std::move(matched).error());
    if (settings.jit) choose_native(loaded, options);
    if (!loaded.native) {
        auto instance = instantiate(loaded.active->interpreted(), loaded, options);
        if (!instance)
            return as_kind(ErrorKind::invalid_opcode, *loaded.program, std::move(instance).error());
        loaded.instance = *std::move(instance);
    }
    return loaded;
}

void put(vfm_state_t& vm, Loaded fresh) {
    vm.message = fresh.remark;
    std::swap(vm.loaded, fresh);
}

}  // namespace

InstanceOptions options_of(const Settings& settings, const Loaded& loaded) {
    return {.host_functions = settings.host_functions,
            .counters = loaded.counters,
            .live_sets = loaded.live_sets};
}

Result<> check_no_step(const vfm_state_t& vm) {
    if (!vm.stepping) return {};
    return refuse(ErrorKind::invalid_program, "step", "one is under way");
}

Result<> load(vfm_state_t& vm, std::shared_ptr<const Program> program) {
    TRY(check_no_step(vm));
    put(vm, TRY(prepare(vm.settings, std::move(program))));
    return {};
}

Result<> change(vfm_state_t& vm, Settings settings, Entries entries) {
    TRY(check_no_step(vm));
    if (vm.is_loaded()) {
        Loaded next;
        if (entries == Entries::keep) next.tables = vm.loaded.tables;
        next.counters = vm.loaded.counters;
        next.live_sets = vm.loaded.live_sets;
        put(vm, TRY(prepare(settings, vm.loaded.program, std::move(next))));
    }
    vm.settings = std::move(settings);
    return {};
}

Result<> change_sets(vfm_state_t& vm, std::vector<std::shared_ptr<LiveSet>> live_sets) {
    TRY(check_no_step(vm));
    Loaded next;
    next.tables = vm.loaded.tables;
    next.counters = vm.loaded.counters;
    next.live_sets = std::move(live_sets);
    put(vm, TRY(prepare(vm.settings, vm.loaded.program, std::move(next))));
    return {};
}

}  // namespace vfm::capi
