// The kernel functions that emitted programs call, with the kernel's results and errors.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "userspace/ebpf/run.h"

namespace vfm::ebpf {
namespace {

Value error_value(int error) { return Value::scalar(static_cast<uint64_t>(int64_t{error})); }

}  // namespace

bool Run::call(int32_t helper) {
    ++calls_;
    Value result;
    switch (helper) {
        case BPF_FUNC_map_lookup_elem:
        case BPF_FUNC_map_update_elem:
        case BPF_FUNC_map_delete_elem:
            if (!call_map(helper, result)) return false;
            break;
        case BPF_FUNC_ktime_get_ns:
            result = Value::scalar(input_.timestamp);
            break;
        case BPF_FUNC_get_prandom_u32:
            result = Value::scalar(random_.next());
            break;
        case BPF_FUNC_get_smp_processor_id:
            result = Value::scalar(0);
            break;
        case BPF_FUNC_skb_load_bytes:
            if (!call_load_bytes(true, result)) return false;
            break;
        case BPF_FUNC_xdp_load_bytes:
            if (!call_load_bytes(false, result)) return false;
            break;
        case BPF_FUNC_xdp_get_buff_len:
            if (!context_argument(Context::xdp)) return false;
            result = Value::scalar(input_.bytes.size());
            break;
        case BPF_FUNC_skb_pull_data:
            if (!call_pull_data(result)) return false;
            break;
        default:
            return stop(fmt::format("helper {} is unknown here", helper));
    }
    for (unsigned reg = BPF_REG_1; reg <= BPF_REG_5; ++reg) regs_[reg] = {};
    regs_[BPF_REG_0] = result;
    return true;
}

bool Run::context_argument(Context wanted) {
    if (context_ != wanted) return stop("a helper of another program type");
    const Value& value = regs_[BPF_REG_1];
    return (value.kind == Kind::context && value.bits == 0) ||
           stop(fmt::format("r1 is to be the context, is a {}", kind_name(value.kind)));
}

bool Run::number_argument(unsigned reg, uint64_t& out) {
    out = regs_[reg].bits;
    return regs_[reg].is_scalar() ||
           stop(fmt::format("r{} is to be a number, is a {}", reg, kind_name(regs_[reg].kind)));
}

// One that fails leaves nothing in r0, as the verifier has it.
bool Run::tail_call() {
    ++calls_;
    const Value& which = regs_[BPF_REG_2];
    uint64_t entry = 0;
    if (!context_argument(context_) || !number_argument(BPF_REG_3, entry)) return false;
    if (which.kind != Kind::map || maps_[which.map].spec().type != BPF_MAP_TYPE_PROG_ARRAY)
        return stop("r2 is to be an array of programs");
    if (depth_ > 0) return stop("a tail call from what is called");
    entry = static_cast<uint32_t>(entry);
    const uint64_t entries =
        std::min<uint64_t>(entries_.size(), maps_[which.map].spec().max_entries);
    if (entry < entries && tail_calls_left_ > 0) {
        --tail_calls_left_;
        begin(entries_[entry]);
        return true;
    }
    for (unsigned reg = BPF_REG_0; reg <= BPF_REG_5; ++reg) regs_[reg] = {};
    ++pc_;
    return true;
}

bool Run::call_map(int32_t helper, Value& result) {
    const Value& which = regs_[BPF_REG_1];
    if (which.kind != Kind::map)
        return stop(fmt::format("r1 is to be a map, is a {}", kind_name(which.kind)));
    if (maps_[which.map].spec().type == BPF_MAP_TYPE_PROG_ARRAY)
        return stop("only tail calls look at an array of programs");
    Map& map = maps_[which.map];
    const uint8_t* key = readable(regs_[BPF_REG_2], 0, map.key_size());
    if (!key) return false;
    if (helper == BPF_FUNC_map_lookup_elem) {
        const uint32_t slot = map.lookup(key);
        result =
            slot == Map::kNoSlot ? Value::scalar(0) : Value{0, Kind::map_value, which.map, slot};
        return true;
    }
    if (helper == BPF_FUNC_map_delete_elem) {
        result = error_value(map.remove(key));
        return true;
    }
    const uint8_t* value = readable(regs_[BPF_REG_3], 0, map.value_size());
    uint64_t flags = 0;
    if (!value || !number_argument(BPF_REG_4, flags)) return false;
    // A new entry may move the map's memory: bytes that lie in it are taken out first.
    Bytes held_key, held_value;
    if (regs_[BPF_REG_2].kind == Kind::map_value) {
        held_key.assign(key, key + map.key_size());
        key = held_key.data();
    }
    if (regs_[BPF_REG_3].kind == Kind::map_value) {
        held_value.assign(value, value + map.value_size());
        value = held_value.data();
    }
    result = error_value(map.update(key, value, flags));
    return true;
}

bool Run::call_load_bytes(bool tc, Value& result) {
    uint64_t offset = 0, size = 0;
    if (!context_argument(tc ? Context::tc : Context::xdp) || !number_argument(BPF_REG_2, offset) ||
        !number_argument(BPF_REG_4, size))
        return false;
    const Value& to = regs_[BPF_REG_3];
    if (size == 0 || size > Map::kMaxElementBytes) return stop("a load of no bytes or too many");
    const auto bytes = static_cast<unsigned>(size);
    uint8_t* memory = writable(to, 0, bytes);
    if (!memory) return false;
    offset = static_cast<uint32_t>(offset);  // the helpers' parameter is a u32
    if (offset + size <= input_.bytes.size()) {
        std::memcpy(memory, input_.bytes.data() + offset, bytes);
        result = Value::scalar(0);
        return true;
    }
    // A failing skb_load_bytes clears the memory; xdp_load_bytes leaves it as it was, and nobody
    // who has seen the error looks at it.
    if (tc) {
        std::memset(memory, 0, bytes);
        result = error_value(-EFAULT);
    } else {
        if (to.kind == Kind::frame)
            frame_of(to).forget(static_cast<unsigned>(frame_index(to, 0, bytes)), bytes);
        result = error_value(offset > UINT16_MAX ? -EFAULT : -EINVAL);
    }
    return true;
}

bool Run::call_pull_data(Value& result) {
    uint64_t size = 0;
    if (!context_argument(Context::tc) || !number_argument(BPF_REG_2, size)) return false;
    size = static_cast<uint32_t>(size);
    ++generation_;  // every packet pointer that the program holds is void
    if (size > input_.bytes.size()) {
        result = error_value(-ENOMEM);
        return true;
    }
    linear_ = std::max(linear_, static_cast<size_t>(size));
    result = Value::scalar(0);
    return true;
}

}  // namespace vfm::ebpf
