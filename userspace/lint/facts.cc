#include "userspace/lint/facts.h"

#include <algorithm>
#include <array>

#include "core/packet/header_walk.h"

namespace vfm::lint {
namespace {

/// A header that is there, and what is so then.
struct Consequence {
    Header header;
    TermId term;
    Outcomes is;
};

Outcomes one_of(std::initializer_list<uint64_t> numbers) {
    Outcomes out;
    for (const uint64_t number : numbers) out.numbers.push_back({number, number});
    tidy(out.numbers);
    return out;
}

/// At least so many bytes.
Outcomes at_least(uint64_t bytes) { return Outcomes::range(bytes, ~uint64_t{0}); }

const std::vector<Consequence>& consequences() {
    using enum Header;
    static const std::vector<Consequence> rows = [] {
        const Outcomes yes = Outcomes::number(1), no = Outcomes::number(0);
        std::vector<Consequence> out = {
            {eth, kLength, at_least(14)},
            {vlan, has_term(eth), yes},
            {inner_vlan, has_term(vlan), yes},
            {ip, has_term(eth), yes},
            {ip, has_term(arp), no},
            {ip, kEtherType, one_of({walk::kIpv4, walk::kIpv6})},
            {ipv4, has_term(ip), yes},
            {ipv4, has_term(ipv6), no},
            {ipv4, kEtherType, one_of({walk::kIpv4})},
            {ipv4, kVersion, one_of({4})},
            {ipv4, kLength, at_least(34)},
            {ipv6, has_term(ip), yes},
            {ipv6, has_term(ipv4), no},
            {ipv6, kEtherType, one_of({walk::kIpv6})},
            {ipv6, kVersion, one_of({6})},
            {ipv6, kLength, at_least(54)},
            {arp, has_term(eth), yes},
            {arp, kEtherType, one_of({0x806})},
            {arp, kLength, at_least(42)},
            {ports, has_term(ip), yes},
            {ports, kProto, one_of({walk::kTcp, walk::kUdp, walk::kSctp, walk::kUdpLite})},
            {ports, kLength, at_least(38)},
            {payload, has_term(ip), yes},
            {payload, kProto,
             one_of(
                 {walk::kTcp, walk::kUdp, walk::kSctp, walk::kUdpLite, walk::kIcmp, walk::kIcmp6})},
            {payload, kLength, at_least(42)},
            {tcp, has_term(ports), yes},
            {tcp, kProto, one_of({walk::kTcp})},
            {tcp, kLength, at_least(54)},
            {udp, has_term(ports), yes},
            {udp, has_term(payload), yes},
            {udp, kProto, one_of({walk::kUdp})},
            {sctp, has_term(ports), yes},
            {sctp, has_term(payload), yes},
            {sctp, kProto, one_of({walk::kSctp})},
            {icmp, has_term(ipv4), yes},
            {icmp, has_term(payload), yes},
            {icmp, kProto, one_of({walk::kIcmp})},
            {icmp6, has_term(ipv6), yes},
            {icmp6, has_term(payload), yes},
            {icmp6, kProto, one_of({walk::kIcmp6})},
        };
        return out;
    }();
    return rows;
}

/// Numbers without which a header cannot be there.
struct Need {
    TermId term;
    Header header;
    std::vector<uint64_t> one_of;
};
const std::vector<Need>& needs() {
    using enum Header;
    static const std::vector<Need> rows = {
        {kProto, tcp, {walk::kTcp}},
        {kProto, udp, {walk::kUdp}},
        {kProto, sctp, {walk::kSctp}},
        {kProto, icmp, {walk::kIcmp}},
        {kProto, icmp6, {walk::kIcmp6}},
        {kProto, ports, {walk::kTcp, walk::kUdp, walk::kSctp, walk::kUdpLite}},
        {kProto,
         payload,
         {walk::kTcp, walk::kUdp, walk::kSctp, walk::kUdpLite, walk::kIcmp, walk::kIcmp6}},
        {kEtherType, ipv4, {walk::kIpv4}},
        {kEtherType, ipv6, {walk::kIpv6}},
        {kEtherType, arp, {0x806}},
        {kVersion, ipv4, {4}},
        {kVersion, ipv6, {6}},
    };
    return rows;
}

/// Two fields that are equal where a header is there.
struct Twins {
    uint32_t general, special;
    Header header;
};
const std::vector<Twins>& twins() {
    static const std::vector<Twins> rows = [] {
        std::vector<Twins> out;
        const auto fields = lisp::all_header_fields();
        for (uint32_t i = 0; i < fields.size(); ++i) {
            const std::string name(fields[i].name);
            if (name.starts_with("ip."))
                for (const auto& [prefix, header] :
                     {std::pair("ipv4", Header::ipv4), std::pair("ipv6", Header::ipv6)})
                    out.push_back({i, field_number(prefix + name.substr(2)), header});
        }
        for (const auto& [prefix, header] :
             {std::pair("tcp", Header::tcp), std::pair("udp", Header::udp),
              std::pair("sctp", Header::sctp)}) {
            out.push_back(
                {field_number("port.src"), field_number(prefix + std::string(".sport")), header});
            out.push_back(
                {field_number("port.dst"), field_number(prefix + std::string(".dport")), header});
        }
        return out;
    }();
    return rows;
}

}  // namespace

const Facts::Fact* Facts::find(TermId term) const {
    if (term < kQuick) return quick_[term] == 0 ? nullptr : &facts_[quick_[term] - 1u];
    const auto at = std::ranges::find(facts_, term, &Fact::term);
    return at == facts_.end() ? nullptr : &*at;
}

const Outcomes& Facts::of(TermId term) const {
    static const Outcomes kNothing = Outcomes::nothing();
    if (const Fact* known = find(term)) return *known->can_be;
    const Term& info = (*terms_)[term];
    if (info.kind == TermKind::has || info.header == Header::packet) return info.domain;
    const Fact* header = find(has_term(info.header));
    if (!header || !header->can_be->only_number()) return info.domain;
    return *header->can_be->only_number() == 1 ? info.present : kNothing;
}

bool Facts::assume(TermId term, const Outcomes& allowed) {
    std::vector<TermId> changed;
    if (!narrow(term, allowed, changed)) return false;
    while (!changed.empty()) {
        const TermId next = changed.back();
        changed.pop_back();
        if (!follow(next, changed)) return false;
    }
    return true;
}

bool Facts::narrow(TermId term, const Outcomes& allowed, std::vector<TermId>& changed) {
    const Outcomes& before = of(term);
    if (relation(before, allowed) == Relation::within) return true;
    auto narrowed = std::make_shared<const Outcomes>(meet(before, allowed));
    if (narrowed->empty()) return false;
    if (const Fact* known = find(term)) {
        facts_[static_cast<size_t>(known - facts_.data())].can_be = std::move(narrowed);
    } else {
        facts_.push_back({term, std::move(narrowed)});
        if (term < kQuick) quick_[term] = static_cast<uint32_t>(facts_.size());
    }
    changed.push_back(term);
    return true;
}

bool Facts::follow(TermId term, std::vector<TermId>& changed) {
    const Term& info = (*terms_)[term];
    if (info.kind == TermKind::has) {
        const auto there = of(term).only_number();
        return !there || follow_header(info.header, *there == 1, changed);
    }
    if (info.header != Header::packet) {
        const Outcomes& can_be = of(term);
        if (!can_be.absent && !narrow(has_term(info.header), Outcomes::number(1), changed))
            return false;
        // Bytes of a payload are absent also where only they are not there.
        if (info.kind == TermKind::field && !can_be.has_value() &&
            !narrow(has_term(info.header), Outcomes::number(0), changed))
            return false;
    }
    return follow_field(term, changed);
}

bool Facts::follow_header(Header header, bool there, std::vector<TermId>& changed) {
    using enum Header;
    const Outcomes yes = Outcomes::number(1), no = Outcomes::number(0);
    for (const Consequence& row : consequences()) {
        if (there && row.header == header && !narrow(row.term, row.is, changed)) return false;
        // A header that needs one that is not there is not there either.
        if (!there && row.term == has_term(header) && row.is == yes &&
            !narrow(has_term(row.header), no, changed))
            return false;
    }
    if (there) {
        constexpr std::array kTransports = {tcp, udp, sctp, icmp, icmp6};
        if (std::ranges::find(kTransports, header) != kTransports.end())
            for (const Header other : kTransports)
                if (other != header && !narrow(has_term(other), no, changed)) return false;
    }
    if (is_there(ip)) {
        if (is_not_there(ipv4) && !narrow(has_term(ipv6), yes, changed)) return false;
        if (is_not_there(ipv6) && !narrow(has_term(ipv4), yes, changed)) return false;
    }
    if (is_not_there(ipv4) && is_not_there(ipv6) && !narrow(has_term(ip), no, changed))
        return false;
    if (is_there(ipv4) && !narrow(kVersion, Outcomes::number(4), changed)) return false;
    // Terms of which something was known before.
    const std::vector<Fact> before = facts_;
    for (const Fact& fact : before) {
        const Term& info = (*terms_)[fact.term];
        if (info.kind == TermKind::has) continue;
        if (info.header == header &&
            !narrow(fact.term, there ? info.present : Outcomes::nothing(), changed))
            return false;
        if (there && !follow_twins(fact.term, changed)) return false;
    }
    return true;
}

bool Facts::follow_field(TermId term, std::vector<TermId>& changed) {
    for (const Need& need : needs()) {
        if (need.term != term) continue;
        const Outcomes& can_be = of(term);
        const bool possible =
            std::ranges::any_of(need.one_of, [&](uint64_t number) { return can_be.holds(number); });
        if (!possible && !narrow(has_term(need.header), Outcomes::number(0), changed)) return false;
    }
    return follow_twins(term, changed);
}

bool Facts::follow_twins(TermId term, std::vector<TermId>& changed) {
    const Term& info = (*terms_)[term];
    if (info.kind != TermKind::field) return true;
    for (const Twins& row : twins()) {
        if (row.general != info.field && row.special != info.field) continue;
        if (!is_there(row.header)) continue;
        const auto other =
            terms_->known_field(row.general == info.field ? row.special : row.general);
        if (!other) continue;
        const Outcomes mine = of(term);
        if (!narrow(*other, mine, changed)) return false;
        if (!narrow(term, Outcomes(of(*other)), changed)) return false;
    }
    return true;
}

}  // namespace vfm::lint
