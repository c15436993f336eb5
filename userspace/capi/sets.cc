// vfm_set_t: a live set that VMs on any number of threads look keys up in while others change it.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/module/declarations.h"
#include "core/tables/live_set.h"
#include "userspace/capi/state.h"

/// What the handle points to.
struct vfm_set {
    std::shared_ptr<vfm::LiveSet> set;
};

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

std::unexpected<Failure> refuse_set(std::string why) {
    return capi::refuse(ErrorKind::invalid_program, "live set", std::move(why));
}

std::span<const SetDecl> sets_of(const vfm_state_t& vm) {
    return vm.loaded.program->verified().module().sets;
}

/// The number of a live set among all sets.
Result<size_t> find_live_set(const vfm_state_t& vm, const char* name) {
    if (!name) return refuse_set("there is no name");
    if (!vm.is_loaded()) return refuse_set("no program is loaded");
    const auto sets = sets_of(vm);
    const auto at = std::ranges::find(sets, name, &SetDecl::name);
    if (at == sets.end()) return refuse_set("the program has none with this name");
    if (!at->live) return refuse_set("the set with this name is not declared as live");
    return static_cast<size_t>(at - sets.begin());
}

/// The members as the library has them; nothing if one of them cannot be one.
std::optional<std::vector<SetMember>> members_of(const LiveSet& set, const vfm_member_t* members,
                                                 size_t count) {
    std::vector<SetMember> out;
    out.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        out.push_back({members[i].hi, members[i].lo, members[i].length});
        if (!set.fault(out.back()).empty()) return std::nullopt;
    }
    return out;
}

/// Changes a set: `change` gets the members and gives how many changed, nothing if they would be
/// too many.
template <class Change>
int change_set(vfm_set_t* set, const vfm_member_t* members, size_t count, size_t* changed,
               Change&& change) {
    if (changed) *changed = 0;
    if (!set || (!members && count != 0)) return VFM_ERROR_INVALID_PROGRAM;
    return capi::guarded([&] {
        const auto checked = members_of(*set->set, members, count);
        if (!checked) return VFM_ERROR_INVALID_PROGRAM;
        const std::optional<size_t> done = change(*set->set, *checked);
        if (!done) return VFM_ERROR_NO_MEMORY;
        if (changed) *changed = *done;
        return VFM_SUCCESS;
    });
}

}  // namespace

const char* vfm_live_set_name(const vfm_state_t* vm, uint32_t index) {
    if (!vm || !vm->is_loaded()) return nullptr;
    for (const SetDecl& set : sets_of(*vm))
        if (set.live && index-- == 0) return set.name.c_str();
    return nullptr;
}

int vfm_set_open(vfm_state_t* vm, const char* name, vfm_set_t** set) {
    if (set) *set = nullptr;
    return capi::call(vm, [&]() -> Result<> {
        if (!set) return refuse_set("there is no place for it");
        const size_t number = TRY(find_live_set(*vm, name));
        *set = new vfm_set{vm->loaded.live_sets[number]};
        return {};
    });
}

void vfm_set_close(vfm_set_t* set) { delete set; }

int vfm_use_set(vfm_state_t* vm, const char* name, const vfm_set_t* set) {
    return capi::call(vm, [&]() -> Result<> {
        const size_t number = TRY(find_live_set(*vm, name));
        if (!set) return refuse_set("there is none");
        const unsigned width = sets_of(*vm)[number].width;
        if (set->set->width() != width)
            return capi::refuse(ErrorKind::verification_failed, "live set",
                                "of " + std::to_string(set->set->width()) +
                                    " bits, the program declares " + std::to_string(width));
        auto live_sets = vm->loaded.live_sets;
        live_sets[number] = set->set;
        return capi::change_sets(*vm, std::move(live_sets));
    });
}

uint32_t vfm_set_width(const vfm_set_t* set) { return set ? set->set->width() : 0; }

int vfm_set_contains(const vfm_set_t* set, uint64_t hi, uint64_t lo) {
    if (!set) return VFM_ERROR_INVALID_PROGRAM;
    return set->set->state()->prepared->contains(hi, lo) ? 1 : 0;
}

int vfm_set_add(vfm_set_t* set, const vfm_member_t* members, size_t count, size_t* changed) {
    return change_set(set, members, count, changed,
                      [](LiveSet& live, const auto& all) { return live.add(all); });
}

int vfm_set_remove(vfm_set_t* set, const vfm_member_t* members, size_t count, size_t* changed) {
    return change_set(set, members, count, changed,
                      [](LiveSet& live, const auto& all) { return live.remove(all); });
}

int vfm_set_replace(vfm_set_t* set, const vfm_member_t* members, size_t count) {
    return change_set(set, members, count, nullptr, [](LiveSet& live, const auto& all) {
        return live.replace(all) ? std::optional(all.size()) : std::nullopt;
    });
}

int vfm_set_each(const vfm_set_t* set, vfm_set_visit_t visit, void* user) {
    if (!set || !visit) return VFM_ERROR_INVALID_PROGRAM;
    const auto state = set->set->state();
    for (const SetMember& member : state->set.members) {
        const vfm_member_t shown{member.hi, member.lo, member.length};
        if (visit(user, &shown) != 0) break;
    }
    return VFM_SUCCESS;
}
