// The instruction limit and runs in single steps.
#include <algorithm>
#include <utility>

#include "userspace/capi/state.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

const Stepper* stepper_of(const vfm_state_t* vm) {
    return vm && vm->loaded.stepper ? &*vm->loaded.stepper : nullptr;
}

}  // namespace

int vfm_set_insn_limit(vfm_state_t* vm, uint64_t limit) {
    return capi::call(vm, [&]() -> Result<> {
        capi::Settings settings = vm->settings;
        settings.limit = limit == 0 ? std::nullopt : std::optional(limit);
        return capi::change(*vm, std::move(settings));
    });
}

uint64_t vfm_get_insn_limit(const vfm_state_t* vm) {
    if (!vm) return 0;
    if (vm->is_loaded()) return vm->loaded.active->verified().fuel();
    return vm->settings.limit.value_or(0);
}

int vfm_step_begin(vfm_state_t* vm, const uint8_t* packet, size_t packet_len) {
    return capi::call(vm, [&]() -> Result<> {
        if (!vm->is_loaded())
            return capi::refuse(ErrorKind::invalid_program, "run", "no program is loaded");
        if (!packet && packet_len != 0)
            return capi::refuse(ErrorKind::bounds, "packet", "null, but it has a length");
        TRY(capi::check_no_step(*vm));
        capi::Loaded& loaded = vm->loaded;
        const VerifiedModule& program = loaded.active->verified();
        const bool told = vm->step_trace.function != nullptr;
        if (told && !loaded.teller)
            loaded.teller = std::make_unique<capi::StepTeller>(program, vm->step_trace);
        // One that is told may find no memory: it begins beside the last one and takes its place.
        std::optional<Stepper> fresh;
        if (!loaded.stepper)
            fresh.emplace(TRY(
                Stepper::make(program, capi::options_of(vm->settings, loaded), *loaded.tables)));
        else if (told)
            fresh = loaded.stepper;
        Stepper& next = fresh ? *fresh : *loaded.stepper;
        next.trace(told ? loaded.teller.get() : nullptr);
        next.begin(capi::packet_of(loaded, packet, packet_len));
        if (fresh) loaded.stepper = std::move(fresh);
        return {};
    });
}

int vfm_step(vfm_state_t* vm, uint64_t* value) {
    if (value) *value = 0;
    if (!stepper_of(vm))
        return capi::refused_call(vm, ErrorKind::invalid_program, "step",
                                  "no run in steps was begun, or a change of the VM ended it");
    if (vm->stepping) return capi::call(vm, [&] { return capi::check_no_step(*vm); });
    vm->stepping = true;
    const int code = capi::guarded([&] {
        const std::optional<Outcome> end = vm->loaded.stepper->step();
        if (!end) return VFM_STEP_MORE;
        if (value) *value = end->value;
        return capi::code_of(end->error);
    });
    vm->stepping = false;
    // What was not told is not told later: the trace has lost its place.
    if (code == VFM_ERROR_NO_MEMORY) vm->loaded.stepper->end(Outcome::trap(ErrorKind::no_memory));
    return code;
}

int vfm_set_step_trace(vfm_state_t* vm, vfm_step_trace_t function, void* user) {
    return capi::call(vm, [&]() -> Result<> {
        vm->step_trace = {function, user};
        return {};
    });
}

uint32_t vfm_get_pc(const vfm_state_t* vm) {
    const Stepper* stepper = stepper_of(vm);
    return stepper ? stepper->offset() : 0;
}

uint64_t vfm_get_insn_count(const vfm_state_t* vm) {
    const Stepper* stepper = stepper_of(vm);
    return stepper ? stepper->steps() : 0;
}

uint32_t vfm_get_stack_depth(const vfm_state_t* vm) {
    const Stepper* stepper = stepper_of(vm);
    return stepper ? static_cast<uint32_t>(stepper->stack().size()) : 0;
}

uint64_t vfm_get_stack_value(const vfm_state_t* vm, uint32_t index) {
    const Stepper* stepper = stepper_of(vm);
    return stepper && index < stepper->stack().size() ? stepper->stack()[index] : 0;
}
