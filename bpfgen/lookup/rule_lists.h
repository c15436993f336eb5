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
    bool all_ports = false;    ///< each rule asks for one
    RangeIndex addresses;
    uint32_t words = 0;    ///< beside the addresses' ends: 64 bits each, a bit for each class
    uint32_t classes = 0;  ///< by port: 8 bits each; kNoClass has a port that no rule names
    unsigned port_bits = 16;
};

/// The table of an in_rows, also where byte_swap_elimination() has turned its rows.
std::optional<RuleList> make_rule_list(const ir::Function& function, const ir::Value& rows,
                                       ConstantData& data);

inline constexpr uint64_t kNoClass = 63;

/// 1 if a rule holds, else 0; without a branch. The words are the operation's operands.
VReg holds_one(Builder& b, const RuleList& list, Word first, Word second);

/// The same in two steps, for a branch, if all rules ask for ports: few packets have one of those.
VReg class_of_port(Builder& b, const RuleList& list, Word first, Word second);
/// 1 if a rule of this class of ports holds, else 0.
VReg holds_one_of(Builder& b, const RuleList& list, VReg port_class, Word first, Word second);

}  // namespace vfm::bpf
