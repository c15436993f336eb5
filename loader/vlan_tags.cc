#include "loader/vlan_tags.h"

#include <fmt/core.h>
#include <set>

#include "core/isa/insn.h"
#include "loader/offloads.h"

namespace vfm {
namespace {

constexpr uint64_t kFirstByte = 12, kLastByte = 13;  // of the EtherType, or of a tag's
constexpr uint16_t kTags[] = {0x8100, 0x88a8};

/// What the program may know of bytes 12 and 13, by the size of its loads, and the numbers that it
/// may compare them with.
struct Uses {
    bool byte_loaded = false, pair_loaded = false, more_loaded = false;
    bool half = false, type = false, type_inside = false;

    void load(unsigned size) {
        (size == 1 ? byte_loaded : size == 2 ? pair_loaded : more_loaded) = true;
    }
    void number(uint64_t value) {
        for (const uint16_t tag : kTags) {
            half |= value == tag >> 8;
            type |= value == tag;
            for (uint64_t rest = value; rest != 0; rest >>= 8)
                type_inside |= (rest & 0xffff) == tag;
        }
    }
    bool may_compare() const {
        return (byte_loaded && half) || (pair_loaded && type) || (more_loaded && type_inside);
    }
};

/// What turns those off that are on, for ethtool -K.
std::string switches_of(std::string_view customer, bool customer_on, std::string_view service,
                        bool service_on) {
    std::string text;
    if (customer_on) text += fmt::format(" {} off", customer);
    if (service_on) text += fmt::format(" {} off", service);
    return text;
}

/// Where jumps lead, by offset.
std::set<int64_t> jump_targets(const Module& module) {
    std::set<int64_t> targets;
    for (uint32_t at = 0; at < module.code.size();) {
        const auto insn = decode(module.code, at);
        if (!insn) break;  // cannot be: the program is verified
        if (op_info(insn->op).imm == ImmKind::jump) targets.insert(insn->jump_target());
        at = insn->next();
    }
    return targets;
}

/// True if it gives a place behind the EtherType, or none in the packet at all.
bool gives_header_place(const Insn& insn) {
    return op_info(insn.op).group == Group::header &&
           insn.imm <= static_cast<uint64_t>(HeaderFact::payload_offset);
}

}  // namespace

bool looks_at_vlan_tags(const Module& module) {
    const std::set<int64_t> targets = jump_targets(module);
    Uses uses;
    bool behind_header = false;  // the value on top
    for (uint32_t at = 0; at < module.code.size();) {
        const auto insn = decode(module.code, at);
        if (!insn) return true;  // cannot be: the program is verified
        switch (op_info(insn->op).group) {
            case Group::header:
                if (insn->imm >= static_cast<uint64_t>(HeaderFact::vlan)) return true;
                break;
            case Group::load:
                if (insn->imm <= kLastByte && insn->imm + load_size(insn->op) > kFirstByte)
                    uses.load(load_size(insn->op));
                break;
            case Group::loadx:
                if (!behind_header || targets.contains(at)) uses.load(load_size(insn->op));
                break;
            case Group::push:
                uses.number(insn->imm);
                break;
            default:
                break;
        }
        behind_header = gives_header_place(*insn);
        at = insn->next();
    }
    return uses.may_compare();
}

std::optional<TagTaker> tag_taker(const Interface& interface, TagKinds kinds) {
    const bool all = kinds == TagKinds::all;
    if (const auto peer = veth_peer(interface)) {
        const auto sends = peer_feature_is_on(*peer, kSendVlan);
        const bool service = all && peer_feature_is_on(*peer, kSendServiceVlan).value_or(false);
        if (sends && !*sends && !service) return std::nullopt;
        const auto name = peer->namespace_id ? std::nullopt : interface_name(peer->ifindex);
        const std::string switches =
            switches_of("txvlan", sends.value_or(true), kSendServiceVlan, service);
        return TagTaker{
            .certain = sends.has_value(),
            .message =
                "the other end of this veth pair sends VLAN tags beside the packet, where "
                "XDP does not see them",
            .remedy = name ? fmt::format("ethtool -K {}{}", *name, switches)
                           : fmt::format("in the network namespace of the other end (interface "
                                         "{} there): ethtool -K PEER{}",
                                         peer->ifindex, switches)};
    }
    const bool customer = feature_is_on(interface.name, kReceiveVlan).value_or(false);
    const bool service = all && feature_is_on(interface.name, kReceiveServiceVlan).value_or(false);
    if (!customer && !service) return std::nullopt;
    return TagTaker{
        .certain = true,
        .message =
            "the receive offload takes VLAN tags out of the packet before XDP "
            "sees it",
        .remedy = fmt::format("ethtool -K {}{}", interface.name,
                              switches_of("rxvlan", customer, kReceiveServiceVlan, service))};
}

std::optional<Diagnostic> vlan_warning(const Module& module, const Interface& interface) {
    if (!looks_at_vlan_tags(module)) return std::nullopt;
    const auto taker = tag_taker(interface);
    if (!taker) return std::nullopt;
    Diagnostic warning =
        Diagnostic::about(interface.name,
                          fmt::format("the filter looks at VLAN tags, but {}{}",
                                      taker->certain ? "" : "perhaps ", taker->message),
                          taker->remedy + "; or --hook=tc-ingress, which sees them");
    warning.severity = Severity::warning;
    return warning;
}

}  // namespace vfm
