// Counters as the host reads them and sets them back.
#include <string>

#include "userspace/capi/state.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

std::span<const CounterGroup> groups_of(const vfm_state_t& vm) {
    return vm.loaded.program->verified().module().counter_groups;
}

}  // namespace

uint32_t vfm_counter_count(const vfm_state_t* vm) {
    if (!vm || !vm->is_loaded()) return 0;
    size_t count = 0;
    for (const CounterGroup& group : groups_of(*vm)) count += group.counters.size();
    return static_cast<uint32_t>(count);
}

int vfm_counter_get(vfm_state_t* vm, uint32_t index, vfm_counter_t* counter) {
    if (counter) *counter = {};
    return capi::call(vm, [&]() -> Result<> {
        const auto refuse = [](std::string why) {
            return capi::refuse(ErrorKind::invalid_program, "counter", std::move(why));
        };
        if (!counter) return refuse("there is no place for what is asked");
        if (!vm->is_loaded()) return refuse("no program is loaded");
        const auto groups = groups_of(*vm);
        size_t rest = index;
        for (size_t number = 0; number < groups.size(); ++number) {
            const CounterGroup& group = groups[number];
            if (rest >= group.counters.size()) {
                rest -= group.counters.size();
                continue;
            }
            const CounterPlace& place = group.counters[rest];
            const Count value = vm->loaded.counters->value(number, rest);
            *counter = {.group = group.name.c_str(),
                        .name = place.name.c_str(),
                        .file = place.file.c_str(),
                        .line = place.line,
                        .text = place.text.c_str(),
                        .packets = value.packets,
                        .bytes = value.bytes};
            return {};
        }
        return refuse("there is no number " + std::to_string(index) + ", the program has " +
                      std::to_string(vfm_counter_count(vm)));
    });
}

void vfm_counters_reset(vfm_state_t* vm) {
    if (vm && vm->is_loaded()) vm->loaded.counters->clear();
}
