#include "userspace/jit/widths.h"

#include <algorithm>
#include <bit>

namespace vfm::jit {

using ir::Op;

namespace {

uint8_t bits_of(uint64_t number) { return static_cast<uint8_t>(std::bit_width(number)); }

}  // namespace

uint8_t result_bits(const ir::Function& function, const Plan& plan, const ir::Value& value) {
    const auto bits = [&](ir::ValueId id) -> unsigned { return plan[id].bits; };
    const auto at_most_64 = [](unsigned count) {
        return static_cast<uint8_t>(std::min(count, 64u));
    };
    const auto number = [&](ir::ValueId id) -> const uint64_t* {
        return function[id].op == Op::constant ? &function[id].imm : nullptr;
    };
    switch (value.op) {
        case Op::constant:
            return bits_of(value.imm);
        case Op::add:
            return at_most_64(std::max(bits(value.a), bits(value.b)) + 1);
        case Op::mul:
            return at_most_64(bits(value.a) + bits(value.b));
        case Op::div:
            if (const uint64_t* by = number(value.b); by && *by != 0)
                return at_most_64(bits(value.a) - std::min(bits(value.a), bits_of(*by) - 1u));
            return at_most_64(bits(value.a));
        case Op::mod:
        case Op::and_:
            return at_most_64(std::min(bits(value.a), bits(value.b)));
        case Op::or_:
        case Op::xor_:
            return at_most_64(std::max(bits(value.a), bits(value.b)));
        case Op::shl:
            if (const uint64_t* by = number(value.b)) return at_most_64(bits(value.a) + (*by & 63));
            return 64;
        case Op::shr:
            if (const uint64_t* by = number(value.b))
                return at_most_64(bits(value.a) - std::min<unsigned>(bits(value.a), *by & 63));
            return at_most_64(bits(value.a));
        case Op::eq:
        case Op::ne:
        case Op::gt:
        case Op::lt:
        case Op::ge:
        case Op::le:
        case Op::in_set:
        case Op::in_rows:
        case Op::vlan_present:
            return 1;
        case Op::len:
        case Op::vlan_protocol:
        case Op::vlan_tag:
            return 16;
        case Op::load:
        case Op::loadx:
        case Op::load_raw:
        case Op::loadx_raw:
            return static_cast<uint8_t>(8 * value.size);
        case Op::rand:
            return 32;
        case Op::param:
        case Op::sub:
        case Op::not_:
        case Op::neg:
        case Op::now:
        case Op::guard_len:
        case Op::guard_index:
        case Op::guard_nonzero:
        case Op::flow_get:
        case Op::flow_set:
        case Op::flow_add:
        case Op::call_arg:
        case Op::call:
        case Op::fuel:
            return 64;
    }
    return 64;
}

}  // namespace vfm::jit
