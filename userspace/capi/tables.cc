// Flow tables as the host reads and changes them.
#include <algorithm>
#include <iterator>
#include <string>

#include "userspace/capi/state.h"
#include "userspace/capi/text.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

// The numbers in the public header are those of the module's kinds.
static_assert(VFM_KEY_U64 == static_cast<int>(KeyKind::u64));
static_assert(VFM_KEY_IPV4 == static_cast<int>(KeyKind::ipv4));
static_assert(VFM_KEY_IPV6 == static_cast<int>(KeyKind::ipv6));
static_assert(VFM_KEY_PORT == static_cast<int>(KeyKind::port));
static_assert(VFM_KEY_PROTO == static_cast<int>(KeyKind::proto));
static_assert(VFM_KEY_HASH == static_cast<int>(KeyKind::hash));
static_assert(VFM_KEY_MAC == static_cast<int>(KeyKind::mac));
static_assert(VFM_KEY_IP == static_cast<int>(KeyKind::ip));
static_assert(VFM_KEY_CONN == static_cast<int>(KeyKind::conn));
static_assert(kKeyKinds == 9 && VFM_MAX_KEY_WORDS == kMaxKeyWords);

std::unexpected<Failure> refuse_table(std::string why) {
    return capi::refuse(ErrorKind::invalid_program, "flow table", std::move(why));
}

/// The declaration of a table, as the program that was given has it: its texts stay.
Result<const TableDecl*> declared_table(const vfm_state_t& vm, uint32_t table) {
    if (!vm.is_loaded()) return refuse_table("no program is loaded");
    const auto tables = vm.loaded.program->verified().tables();
    if (table < tables.size()) return &tables[table];
    return refuse_table("there is no number " + std::to_string(table) + ", the program has " +
                        std::to_string(tables.size()));
}

Result<const TableDecl*> checked_key(const vfm_state_t& vm, uint32_t table, const uint64_t* key,
                                     uint32_t words) {
    const TableDecl* const declared = TRY(declared_table(vm, table));
    if (!key) return refuse_table("there is no key");
    if (words == declared->words()) return declared;
    return refuse_table("a key of " + std::to_string(words) + " words, the table's have " +
                        std::to_string(declared->words()));
}

}  // namespace

uint32_t vfm_flow_table_count(const vfm_state_t* vm) {
    if (!vm || !vm->is_loaded()) return 0;
    return static_cast<uint32_t>(vm->loaded.program->verified().tables().size());
}

int vfm_flow_table_info(vfm_state_t* vm, uint32_t table, vfm_flow_table_t* info) {
    if (info) *info = {};
    return capi::call(vm, [&]() -> Result<> {
        if (!info) return refuse_table("there is no place for what is asked");
        const TableDecl& declared = *TRY(declared_table(*vm, table));
        const FlowTable& flows = (*vm->loaded.tables)[table];
        info->name = declared.name.c_str();
        std::ranges::transform(declared.key, info->kinds,
                               [](KeyKind kind) { return static_cast<uint8_t>(kind); });
        info->kind_count = static_cast<uint32_t>(declared.key.size());
        info->key_words = declared.words();
        info->capacity = vm->loaded.program->verified().module().tables.empty()
                             ? vm->settings.flow_capacity
                             : declared.capacity;
        info->entries = flows.size();
        info->evicts = declared.eviction == Eviction::lru ? 1 : 0;
        info->refused_stores = flows.refused_stores();
        return {};
    });
}

int vfm_flow_table_find(vfm_state_t* vm, const char* name) {
    uint32_t found = 0;
    const int code = capi::call(vm, [&]() -> Result<> {
        if (!name) return refuse_table("there is no name");
        if (!vm->is_loaded()) return refuse_table("no program is loaded");
        const auto tables = vm->loaded.program->verified().tables();
        const auto at = std::ranges::find(tables, name, &TableDecl::name);
        if (at == tables.end()) return refuse_table("there is none with this name");
        found = static_cast<uint32_t>(at - tables.begin());
        return {};
    });
    return code == VFM_SUCCESS ? static_cast<int>(found) : code;
}

int vfm_flow_get(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                 uint64_t* value) {
    if (value) *value = 0;
    const uint64_t* found = nullptr;
    const int code = capi::call(vm, [&]() -> Result<> {
        if (!value) return refuse_table("there is no place for the value");
        TRY(checked_key(*vm, table, key, words));
        found = (*vm->loaded.tables)[table].peek(KeyWords{key});
        return {};
    });
    if (code != VFM_SUCCESS) return code;
    if (!found) return VFM_ABSENT;
    *value = *found;
    return VFM_SUCCESS;
}

int vfm_flow_set(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                 uint64_t value) {
    return capi::call(vm, [&]() -> Result<> {
        TRY(checked_key(*vm, table, key, words));
        FlowTable& flows = (*vm->loaded.tables)[table];
        flows.set(KeyWords{key}, value);
        if (flows.peek(KeyWords{key})) return {};
        return capi::refuse(ErrorKind::no_memory, "flow table",
                            "full at " + std::to_string(flows.size()) + " entries");
    });
}

int vfm_flow_delete(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words) {
    return capi::call(vm, [&]() -> Result<> {
        TRY(checked_key(*vm, table, key, words));
        (*vm->loaded.tables)[table].remove(KeyWords{key});
        return {};
    });
}

int vfm_flow_each(vfm_state_t* vm, uint32_t table, vfm_flow_visit_t visit, void* user) {
    std::vector<FlowEntry> entries;
    const int code = capi::call(vm, [&]() -> Result<> {
        if (!visit) return refuse_table("there is no function");
        TRY(declared_table(*vm, table));
        const FlowTable& flows = (*vm->loaded.tables)[table];
        entries.reserve(flows.size());
        flows.entries(table, entries);
        return {};
    });
    if (code != VFM_SUCCESS) return code;
    for (const FlowEntry& entry : entries)
        if (visit(user, entry.key.words.data(), entry.key.count, entry.value) != 0) break;
    return VFM_SUCCESS;
}

int vfm_flow_key_text(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                      char* text, size_t size) {
    capi::copy_text("", text, size);
    return capi::call(vm, [&]() -> Result<> {
        if (!text && size != 0) return refuse_table("there is no place for the text");
        const TableDecl& declared = *TRY(checked_key(*vm, table, key, words));
        capi::copy_text(key_text(declared.key, {key, words}), text, size);
        return {};
    });
}
