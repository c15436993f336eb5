// Lists of rules, each a prefix of an address and a port, as one lookup: by the address a word with
// a bit for each class of ports, by the port the number of its class.
#pragma once

#include <cstdint>
#include <optional>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/range_index.h"
#include "bpfgen/lookup/word.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Puts an in_rows in the place of each list of rules if make_rule_list() can make a table of all
/// of them. Packets that are too short for all tests get a list of their own, which says what
/// fails.
void find_rule_lists(ir::Function& function);

struct RuleList {
    bool address_is_a = true;  ///< else it is the operation's second operand
    bool turned = false;       ///< the address is in the packet's byte order
    bool any_port = false;     ///< no rule asks for one
    RangeIndex addresses;
    uint32_t words = 0;    ///< by place among the addresses' ends: 64 bits each
    uint32_t classes = 0;  ///< by port: 8 bits each
    unsigned port_bits = 16;
};

/// The table of an in_rows, also where byte_swap_elimination() has turned its rows.
std::optional<RuleList> make_rule_list(const ir::Function& function, const ir::Value& rows,
                                       ConstantData& data);

/// 1 if a rule holds, else 0; without a branch. `a` and `b` are the operation's.
VReg holds_one(Builder& b, const RuleList& list, Word first, Word second);

}  // namespace vfm::bpf
