// What is read of a packet: fixed and header-aware fields, headers, raw loads.
#include <bit>

#include "core/lisp/generator.h"
#include "core/packet/header_walk.h"

namespace vfm::lisp {
namespace {

/// HDR's facts that are no offset in a packet are above this if there are none.
constexpr uint64_t kSomewhere = 0xffff;
constexpr uint64_t kArp = 0x0806;

Opcode load_at(unsigned size) {
    return static_cast<Opcode>(static_cast<unsigned>(Opcode::LD8) + std::bit_width(size) - 1);
}
Opcode load_from(unsigned size) {
    return static_cast<Opcode>(static_cast<unsigned>(Opcode::LDX8) + std::bit_width(size) - 1);
}

uint64_t protocol_of(Header header) {
    switch (header) {
        case Header::tcp:
            return walk::kTcp;
        case Header::udp:
            return walk::kUdp;
        case Header::sctp:
            return walk::kSctp;
        case Header::icmp:
            return walk::kIcmp;
        default:
            return walk::kIcmp6;
    }
}

}  // namespace

void Generator::load(HeaderFact base, unsigned offset, unsigned size, const Expr& at) {
    fact(base, at);
    out_.emit(load_from(size), offset, at);
}

void Generator::require_fact(HeaderFact what, Landing& absent, const Expr& at) {
    fact(what, at);
    out_.push(kSomewhere, at);
    out_.branch(Comparison::gt, absent, at);
}

/// Goes on where the packet has the header, its fixed part in the packet.
void Generator::require(Header header, Landing& absent, const Expr& at) {
    const auto fact_is = [&](HeaderFact what, uint64_t value) {
        fact(what, at);
        out_.push(value, at);
        out_.branch(Comparison::ne, absent, at);
    };
    const auto transport_covers = [&](unsigned size) {
        fact(HeaderFact::fragment, at);
        out_.push(walk::kLaterFragment, at);
        out_.branch(Comparison::eq, absent, at);
        fact(HeaderFact::transport_offset, at);
        out_.push(size, at);
        out_.emit(Opcode::ADD, 0, at);
        out_.emit(Opcode::LEN, 0, at);
        out_.branch(Comparison::gt, absent, at);
    };
    const unsigned size = header_info(header).size;
    switch (header) {
        case Header::packet:
            break;
        case Header::eth:
            out_.emit(Opcode::LEN, 0, at);
            out_.push(size, at);
            out_.branch(Comparison::lt, absent, at);
            break;
        case Header::vlan:
            require_fact(HeaderFact::vlan, absent, at);
            break;
        case Header::inner_vlan:
            require_fact(HeaderFact::inner_vlan, absent, at);
            break;
        case Header::ip:
            require_fact(HeaderFact::ip_version, absent, at);
            break;
        case Header::ipv4:
            fact_is(HeaderFact::ip_version, 4);
            break;
        case Header::ipv6:
            fact_is(HeaderFact::ip_version, 6);
            break;
        case Header::payload:
            require_fact(HeaderFact::payload_offset, absent, at);
            break;
        case Header::arp:
            fact_is(HeaderFact::ethertype, kArp);
            arp_begin(at);
            out_.emit(Opcode::DUP, 0, at);
            out_.push(size, at);
            out_.emit(Opcode::ADD, 0, at);
            out_.emit(Opcode::LEN, 0, at);
            out_.branch(Comparison::gt, absent, at);
            out_.emit(Opcode::DUP, 0, at);
            out_.emit(Opcode::LDX32, 0, at);
            out_.push(0x00010800, at);  // Ethernet, IPv4
            out_.branch(Comparison::ne, absent, at);
            out_.emit(Opcode::LDX16, 4, at);
            out_.push(0x0604, at);  // lengths of their addresses
            out_.branch(Comparison::ne, absent, at);
            break;
        case Header::ports: {
            Landing found = out_.landing();
            for (const uint64_t protocol : {walk::kTcp, walk::kUdp, walk::kSctp}) {
                fact(HeaderFact::proto, at);
                out_.push(protocol, at);
                out_.branch(Comparison::eq, found, at);
            }
            fact_is(HeaderFact::proto, walk::kUdpLite);
            out_.bind(found, at);
            transport_covers(size);
            break;
        }
        case Header::icmp:
        case Header::icmp6:
            fact_is(HeaderFact::ip_version, header == Header::icmp ? 4 : 6);
            [[fallthrough]];
        case Header::tcp:
        case Header::udp:
        case Header::sctp:
            fact_is(HeaderFact::proto, protocol_of(header));
            transport_covers(size);
            break;
    }
}

/// Where ARP begins if the EtherType behind the tags is ARP's: HDR knows only where IP does.
void Generator::arp_begin(const Expr& at) {
    Landing joined = out_.landing(1);
    for (const unsigned type : {12, 16}) {
        Landing further = out_.landing();
        out_.emit(Opcode::LD16, type, at);
        out_.push(kArp, at);
        out_.branch(Comparison::ne, further, at);
        out_.push(type + 2, at);
        out_.jump(joined, at);
        out_.bind(further, at);
    }
    out_.push(22, at);
    out_.bind(joined, at);
}

/// The value of a field whose header is there.
void Generator::field(const HeaderField& field, const Expr& at) {
    switch (field.source) {
        case FieldSource::packet_length:
            out_.emit(Opcode::LEN, 0, at);
            return;
        case FieldSource::payload_length:
            return payload_length(at);
        case FieldSource::fragment:
            fact(HeaderFact::fragment, at);
            out_.push(walk::kNoFragment, at);
            out_.compare(Comparison::ne, at);
            return;
        case FieldSource::by_version: {
            Landing six = out_.landing(), joined = out_.landing(1);
            fact(HeaderFact::ip_version, at);
            out_.push(4, at);
            out_.branch(Comparison::ne, six, at);
            this->field(of_version(field, 4), at);
            out_.jump(joined, at);
            out_.bind(six, at);
            this->field(of_version(field, 6), at);
            out_.bind(joined, at);
            return;
        }
        case FieldSource::address:  // as a number: an IPv4 one
            return load(HeaderFact::ip_offset, field.at == 0 ? 12 : 16, 4, at);
        case FieldSource::fact:
            fact(static_cast<HeaderFact>(field.at), at);
            break;
        case FieldSource::bytes:
            field_bytes(field, at);
            break;
    }
    const unsigned read = field.source == FieldSource::bytes ? 8u * field.size : 64;
    const auto apply = [&](Opcode op, uint64_t operand) {
        out_.push(operand, at);
        out_.emit(op, 0, at);
    };
    if (field.shift != 0) apply(Opcode::SHR, field.shift);
    if (field.bits + field.shift < read && !(field.source == FieldSource::fact && field.bits == 16))
        apply(Opcode::AND, (uint64_t{1} << field.bits) - 1);
    if (field.factor != 1) apply(Opcode::MUL, field.factor);
    if (field.plus != 0) apply(Opcode::ADD, field.plus);
}

void Generator::field_bytes(const HeaderField& field, const Expr& at) {
    switch (field.header) {
        case Header::eth:
            if (field.size != 6) {
                out_.emit(load_at(field.size), field.at, at);
                return;
            }
            out_.emit(Opcode::LD32, field.at, at);
            out_.push(16, at);
            out_.emit(Opcode::SHL, 0, at);
            out_.emit(Opcode::LD16, field.at + 4u, at);
            out_.emit(Opcode::OR, 0, at);
            return;
        case Header::arp:
            arp_begin(at);
            out_.emit(load_from(field.size), field.at, at);
            return;
        case Header::ipv4:
        case Header::ipv6:
            return load(HeaderFact::ip_offset, field.at, field.size, at);
        default:
            return load(HeaderFact::transport_offset, field.at, field.size, at);
    }
}

void Generator::payload_length(const Expr& at) {
    // The lesser of two: the top value and what `push` pushes; the greater with `gt` turned round.
    const auto bound = [&](Comparison keep, auto push) {
        Landing kept = out_.landing();
        out_.emit(Opcode::DUP, 0, at);
        push();
        out_.branch(keep, kept, at);
        out_.emit(Opcode::POP, 0, at);
        push();
        out_.bind(kept, at);
    };
    const auto row = find_header_field("ip.len");
    field(all_header_fields()[*row], at);
    fact(HeaderFact::ip_offset, at);
    out_.emit(Opcode::ADD, 0, at);
    bound(Comparison::le, [&] { out_.emit(Opcode::LEN, 0, at); });
    bound(Comparison::ge, [&] { fact(HeaderFact::payload_offset, at); });
    fact(HeaderFact::payload_offset, at);
    out_.emit(Opcode::SUB, 0, at);
}

void Generator::number_of(const Expr& e, const FixedField& node, Landing&, End) {
    const FieldInfo& info = all_fields()[node.index];
    out_.emit(load_at(info.size), info.offset, e);
}

void Generator::number_of(const Expr& e, const AnyHeaderField& node, Landing& absent, End) {
    const HeaderField& info = all_header_fields()[node.index];
    const bool address = info.source == FieldSource::address;
    // An IPv6 address is no number.
    if (address && info.header == Header::ipv6) out_.jump(absent, e);
    require(address ? Header::ipv4 : info.header, absent, e);
    field(info, e);
}

void Generator::number_of(const Expr& e, const Load& node, Landing& absent, End) {
    const Expr& offset = arguments(e)[0];
    const auto* constant = offset.as<Number>();
    const unsigned size = load_size(node.op);
    const bool fixed = constant && constant->value <= kSomewhere;
    if (!node.payload) {
        if (fixed) {
            out_.emit(load_at(size), constant->value, e);
        } else {
            number(offset, absent);
            out_.emit(node.op, 0, e);
        }
        return;
    }
    if (*node.payload == Header::icmp || *node.payload == Header::icmp6)
        require(*node.payload == Header::icmp ? Header::ipv4 : Header::ipv6, absent, e);
    fact(HeaderFact::proto, e);
    out_.push(protocol_of(*node.payload), e);
    out_.branch(Comparison::ne, absent, e);
    require_fact(HeaderFact::payload_offset, absent, e);
    if (fixed) {
        fact(HeaderFact::payload_offset, e);
    } else {
        number(offset, absent);
        out_.emit(Opcode::DUP, 0, e);
        out_.emit(Opcode::LEN, 0, e);
        out_.branch(Comparison::gt, absent, e);
        fact(HeaderFact::payload_offset, e);
        out_.emit(Opcode::ADD, 0, e);
    }
    const uint64_t more = fixed ? constant->value : 0;
    out_.emit(Opcode::DUP, 0, e);
    out_.push(more + size, e);
    out_.emit(Opcode::ADD, 0, e);
    out_.emit(Opcode::LEN, 0, e);
    out_.branch(Comparison::gt, absent, e);
    out_.emit(node.op, more, e);
}

}  // namespace vfm::lisp
