#include "bpfgen/hook.h"

namespace vfm::bpf {

const HookFacts& hook_facts(Hook hook) {
    switch (hook) {
        case Hook::xdp:
            return xdp_facts();
        case Hook::tc:
            return tc_facts();
    }
    return xdp_facts();
}

std::string_view hook_name(Hook hook) { return hook_facts(hook).name; }

std::string_view section_name(Hook hook, Frames frames) {
    return hook == Hook::xdp && frames == Frames::any ? "xdp.frags" : hook_name(hook);
}

}  // namespace vfm::bpf
