#include "userspace/lint/packets.h"

#include <algorithm>
#include <array>

#include "core/packet/header_walk.h"

namespace vfm::lint {
namespace {

using lisp::HeaderField;

constexpr uint64_t kArpType = 0x0806;
/// For experiments: nothing looks into it.
constexpr uint64_t kOtherType = 0x88b5;
constexpr uint64_t kProtoOffset = 23, kTypeOffset = 12;
constexpr size_t kMostPayload = 60'000;
constexpr uint64_t kMostTries = 4'096;

struct UsualValue {
    std::string_view name;
    uint64_t value;
};
constexpr UsualValue kUsual[] = {
    {"tcp.sport", 40'000},
    {"tcp.dport", 80},
    {"udp.sport", 40'000},
    {"udp.dport", 53},
    {"sctp.sport", 40'000},
    {"sctp.dport", 2'905},
    {"port.src", 40'000},
    {"port.dst", 80},
    {"ip.src", 0x0a000001},
    {"ip.dst", 0xc0000201},
    {"ipv4.src", 0x0a000001},
    {"ipv4.dst", 0xc0000201},
    {"arp.src", 0x0a000001},
    {"arp.dst", 0xc0000201},
    {"ip.ttl", 64},
    {"ipv4.ttl", 64},
    {"ipv6.ttl", 64},
    {"tcp.flags", 2},
    {"icmp.type", 8},
    {"icmp6.type", 128},
    {"arp.op", 1},
    {"eth.src", 0x020000000001},
    {"eth.dst", 0x020000000002},
};

/// Fields of the manual, and what they are in IPv4 without options and tags.
constexpr std::pair<std::string_view, std::string_view> kManualFields[] = {
    {"ip-len", "ipv4.len"},   {"src-ip", "ipv4.src"},   {"dst-ip", "ipv4.dst"},
    {"src-port", "port.src"}, {"dst-port", "port.dst"}, {"tcp-flags", "tcp.flags"},
};

class SpecMaker {
  public:
    SpecMaker(const Terms& terms, const Facts& facts, const Style& style)
        : terms_(terms), facts_(facts), style_(style) {}

    FrameSpec run() {
        choose_type();
        choose_tags();
        if (spec_.is_ip()) choose_transport();
        spec_.payload.resize(style_.payload);
        for (const Facts::Fact& fact : facts_.all()) set(fact.term, *fact.can_be);
        fit_length();
        return std::move(spec_);
    }

  private:
    bool excluded(Header header) const { return facts_.is_not_there(header); }

    uint64_t pick(const std::vector<NumberRange>& from, std::string_view name = {}) const {
        if (style_.pick == Style::Pick::most) return from.back().last;
        if (style_.pick == Style::Pick::usual) {
            const auto usual = std::ranges::find(kUsual, name, &UsualValue::name);
            const Outcomes can_be{.numbers = from};
            if (usual != std::end(kUsual) && can_be.holds(usual->value)) return usual->value;
            // 0 is seldom a value that packets hold.
            if (from.front().first == 0 && from.front().last > 0 && !name.empty()) return 1;
        }
        return from.front().first;
    }

    /// What bytes at a fixed offset can be; null if nothing is known of them.
    const Outcomes* known_bytes(uint64_t at, unsigned size) const {
        for (const Facts::Fact& fact : facts_.all()) {
            const Term& term = terms_[fact.term];
            if (term.kind == TermKind::bytes && term.at == at && term.size == size)
                return &*fact.can_be;
        }
        return nullptr;
    }
    bool bytes_allow(uint64_t at, unsigned size, uint64_t value) const {
        const Outcomes* known = known_bytes(at, size);
        return !known || known->holds(value);
    }

    void choose_type() {
        const Outcomes& types = facts_.of(kEtherType);
        const auto version_fits = [&](unsigned version) {
            const uint64_t type = version == 4 ? walk::kIpv4 : walk::kIpv6;
            return !excluded(version == 4 ? Header::ipv4 : Header::ipv6) && types.holds(type) &&
                   bytes_allow(kTypeOffset, 2, type);
        };
        if (excluded(Header::eth)) {
            spec_.length = 10;
        } else if (facts_.is_there(Header::arp)) {
            spec_.ether_type = kArpType;
        } else if (version_fits(style_.version) || version_fits(10 - style_.version)) {
            const unsigned version =
                version_fits(style_.version) ? style_.version : 10 - style_.version;
            spec_.ether_type = version == 4 ? walk::kIpv4 : walk::kIpv6;
        } else {
            choose_other_type(types);
        }
    }

    void choose_other_type(const Outcomes& types) {
        uint64_t type = types.holds(kOtherType) ? kOtherType : walk::kIpv4;
        const Outcomes* known = known_bytes(kTypeOffset, 2);
        if (known && !known->holds(type) && !meet(*known, types).numbers.empty())
            type = pick(meet(*known, types).numbers);
        else if (!excluded(Header::arp) && types.holds(kArpType) && style_.proto == walk::kTcp)
            type = kArpType;
        else if (!types.holds(kOtherType) && !types.numbers.empty())
            type = pick(types.numbers);
        spec_.ether_type = static_cast<uint16_t>(type);
        // The header that this type announces is not to be there: it is cut off.
        if ((type == kArpType && excluded(Header::arp)) ||
            ((type == walk::kIpv4 || type == walk::kIpv6) && excluded(Header::ip)))
            spec_.length = 30;
    }

    void choose_tags() {
        const size_t count = facts_.is_there(Header::inner_vlan) ? 2
                             : facts_.is_there(Header::vlan)     ? 1
                                                                 : 0;
        if (count == 0) return;
        const auto value_of = [&](std::string_view name) -> uint64_t {
            const auto term = terms_.known_field(field_number(name));
            return term && facts_.of(*term).has_value() ? pick(facts_.of(*term).numbers) : 1;
        };
        spec_.tags.push_back(
            static_cast<uint16_t>(value_of("vlan.id") | value_of("vlan.pcp") << 13));
        if (count == 2) spec_.tags.push_back(static_cast<uint16_t>(value_of("vlan.inner")));
    }

    /// The header that a protocol has in this frame; `packet` for none that filters know.
    Header header_of(uint64_t proto) const {
        switch (proto) {
            case walk::kTcp:
                return Header::tcp;
            case walk::kUdp:
                return Header::udp;
            case walk::kSctp:
                return Header::sctp;
            case walk::kUdpLite:
                return Header::ports;
            case walk::kIcmp:
                return spec_.version() == 4 ? Header::icmp : Header::packet;
            case walk::kIcmp6:
                return spec_.version() == 6 ? Header::icmp6 : Header::packet;
            default:
                return Header::packet;
        }
    }

    void choose_transport() {
        const Outcomes& protos = facts_.of(kProto);
        const Outcomes* known = spec_.version() == 4 ? known_bytes(kProtoOffset, 1) : nullptr;
        const auto fits = [&](uint64_t proto) {
            return protos.holds(proto) && !excluded(header_of(proto)) &&
                   (!known || known->holds(proto)) &&
                   !(header_of(proto) != Header::packet && header_of(proto) != Header::icmp &&
                     header_of(proto) != Header::icmp6 && excluded(Header::ports));
        };
        std::vector<uint64_t> candidates = {style_.proto, 6, 17, 132, 1, 58, 136, 47};
        for (const NumberRange& range : protos.numbers)
            for (uint64_t number = range.first; number <= range.last; ++number)
                candidates.push_back(number);
        const Outcomes& fragment = facts_.of(kFragment);
        const auto found = std::ranges::find_if(candidates, fits);
        if (found != candidates.end() && !(style_.later_fragment && fragment.holds(1) &&
                                           protos.holds(style_.proto) && !needs_transport())) {
            spec_.proto = static_cast<uint8_t>(*found);
            if (!fragment.holds(0))
                spec_.fragment = needs_transport() || !style_.later_fragment ? FragmentPart::first
                                                                             : FragmentPart::later;
            return;
        }
        // The header is to be absent though the protocol has one.
        spec_.proto = protos.holds(style_.proto) || protos.numbers.empty()
                          ? style_.proto
                          : static_cast<uint8_t>(protos.numbers.front().first);
        if (fragment.holds(1)) {
            spec_.fragment = FragmentPart::later;
        } else {
            spec_.length = transport_offset(spec_) + (excluded(Header::ports) ? 2 : 6);
        }
    }

    bool needs_transport() const {
        for (const Header header : {Header::tcp, Header::udp, Header::sctp, Header::icmp,
                                    Header::icmp6, Header::ports, Header::payload})
            if (facts_.is_there(header)) return true;
        return false;
    }

    void set(TermId id, const Outcomes& can_be) {
        const Term& term = terms_[id];
        switch (term.kind) {
            case TermKind::field:
                set_field(term, can_be);
                break;
            case TermKind::bytes:
                set_bytes(term, can_be);
                break;
            case TermKind::payload:
                set_payload(term, can_be);
                break;
            case TermKind::derived:
                set_derived(term, can_be);
                break;
            case TermKind::pair:
                set_pair(term, can_be.holds(1));
                break;
            case TermKind::state:
                if (term.hint.has_value() && can_be.only_number() == 1) set_hinted(term);
                break;
            case TermKind::has:
            case TermKind::other:
                break;
        }
    }

    void set_field(const Term& term, const Outcomes& can_be) {
        const HeaderField& field = lisp::all_header_fields()[term.field];
        if (!can_be.has_value()) return;
        const bool six = spec_.version() == 6 && !can_be.addresses.empty();
        if (six) {
            const AddressRange& range = style_.pick == Style::Pick::most ? can_be.addresses.back()
                                                                         : can_be.addresses.front();
            spec_.fields[term.field] = style_.pick == Style::Pick::most ? range.last : range.first;
            return;
        }
        if (can_be.numbers.empty()) return;
        const uint64_t value = pick(can_be.numbers, field.name);
        if (field.source == lisp::FieldSource::payload_length) {
            spec_.payload.resize(std::min<size_t>(value, kMostPayload));
        } else if (field.name == "ipv4.hlen") {
            spec_.option_words = static_cast<unsigned>(value / 4 - 5);
        } else if (field.name.ends_with("ip.len") || field.name == "ipv4.len" ||
                   field.name == "ipv6.len") {
            set_ip_length(term.field, value);
        } else {
            spec_.fields[term.field] = {0, value};
        }
    }

    /// By the payload where that can be, else the field alone.
    void set_ip_length(uint32_t field, uint64_t value) {
        FrameSpec bare = spec_;
        bare.payload.clear();
        bare.length.reset();
        const size_t least = make_frame(bare).size() - 14 - 4 * spec_.tags.size();
        if (value >= least && value - least <= kMostPayload)
            spec_.payload.resize(value - least);
        else
            spec_.fields[field] = {0, value};
    }

    void set_payload(const Term& term, const Outcomes& can_be) {
        const size_t end = term.at + term.size;
        if (!can_be.has_value()) {
            if (spec_.payload.size() >= end) spec_.payload.resize(end - 1);
            return;
        }
        if (end > kMostPayload) return;
        if (spec_.payload.size() < end) spec_.payload.resize(end);
        const uint64_t value = pick(can_be.numbers);
        for (unsigned i = 0; i < term.size; ++i)
            spec_.payload[term.at + i] = static_cast<uint8_t>(value >> (8 * (term.size - 1 - i)));
    }

    void set_bytes(const Term& term, const Outcomes& can_be) {
        const bool plain = spec_.tags.empty() && !spec_.length;
        if (plain && term.at == kTypeOffset && term.size == 2 && can_be.holds(spec_.ether_type))
            return;
        const bool plain4 = plain && spec_.version() == 4 && spec_.option_words == 0;
        if (plain4 && term.at == kProtoOffset && term.size == 1 && can_be.holds(spec_.proto))
            return;
        // By the field that stands there, where it does: then other shapes of the packet have it.
        for (const auto& [name, header] : kManualFields) {
            const lisp::FieldInfo& field = lisp::all_fields()[*lisp::find_field(name)];
            if (field.offset != term.at || field.size != term.size || !plain4) continue;
            const HeaderField& found = lisp::all_header_fields()[field_number(header)];
            const bool fits = found.header == Header::ipv4 ||
                              header_of(spec_.proto) == Header::tcp ||
                              (found.header == Header::ports && has_ports());
            if (!fits) break;
            spec_.fields[field_number(header)] = {0, pick(can_be.numbers, header)};
            return;
        }
        spec_.patches.push_back({term.at, term.size, pick(can_be.numbers)});
    }
    bool has_ports() const {
        const Header header = header_of(spec_.proto);
        return header == Header::tcp || header == Header::udp || header == Header::sctp ||
               header == Header::ports;
    }

    void put(const Term& term, uint64_t value) {
        if (term.kind == TermKind::field) set_field(term, Outcomes::number(value));
        if (term.kind == TermKind::bytes) set_bytes(term, Outcomes::number(value));
        if (term.kind == TermKind::payload) set_payload(term, Outcomes::number(value));
    }

    /// A value that a live set begins with.
    void set_hinted(const Term& term) {
        const Outcomes can_be = meet(facts_.of(term.base), term.hint);
        const Term& base = terms_[term.base];
        if (base.kind == TermKind::field)
            set_field(base, can_be);
        else if (!can_be.numbers.empty())
            put(base, can_be.numbers.front().first);
    }

    void set_derived(const Term& term, const Outcomes& can_be) {
        const Outcomes& from = facts_.of(term.base);
        const auto fits = [&](uint64_t value) {
            const auto got = after_steps(term.steps, value);
            return from.holds(value) && got && can_be.holds(*got);
        };
        for (const NumberRange& range : from.numbers) {
            for (uint64_t i = 0; i <= std::min(range.last - range.first, kMostTries); ++i)
                for (const uint64_t value : {range.first + i, range.last - i})
                    if (fits(value)) {
                        put(terms_[term.base], value);
                        return;
                    }
        }
        for (const NumberRange& range : can_be.numbers)
            for (const uint64_t value : {range.first, range.last})
                if (fits(value)) {
                    put(terms_[term.base], value);
                    return;
                }
    }

    void set_pair(const Term& term, bool holds) {
        const Term &left = terms_[term.base], &right = terms_[term.right];
        const Outcomes &a = facts_.of(term.base), &b = facts_.of(term.right);
        const Comparison how = holds ? term.comparison : negate(term.comparison);
        if (spec_.version() == 6 && !a.addresses.empty() && !b.addresses.empty()) {
            const Outcomes both = meet(a, b);
            if (left.kind != TermKind::field || right.kind != TermKind::field) return;
            if (how == Comparison::eq && !both.addresses.empty()) {
                spec_.fields[left.field] = spec_.fields[right.field] = both.addresses[0].first;
            } else if (how == Comparison::ne) {
                spec_.fields[left.field] = a.addresses[0].first;
                spec_.fields[right.field] = b.addresses.back().last;
            }
            return;
        }
        if (a.numbers.empty() || b.numbers.empty()) return;
        std::vector<uint64_t> tries;
        for (const Outcomes* of : {&a, &b})
            for (const NumberRange& range : of->numbers)
                for (const uint64_t value :
                     {range.first, range.first + 1, range.last - 1, range.last})
                    tries.push_back(value);
        if (tries.size() > 64) tries.resize(64);
        for (const uint64_t x : tries)
            for (const uint64_t y : tries)
                if (a.holds(x) && b.holds(y) && compare(how, x, y)) {
                    put(left, x);
                    put(right, y);
                    return;
                }
    }

    void fit_length() {
        const Outcomes& lengths = facts_.of(kLength);
        if (spec_.length || lengths.numbers.empty()) return;
        const size_t now = make_frame(spec_).size();
        if (lengths.holds(now)) return;
        for (const NumberRange& range : lengths.numbers) {
            if (range.last < now) continue;
            const uint64_t least = std::max<uint64_t>(range.first, now);
            const uint64_t want = style_.pick == Style::Pick::most ? range.last : least;
            if (want > 65'535) break;
            spec_.payload.resize(spec_.payload.size() + (want - now));
            if (make_frame(spec_).size() != want) spec_.length = want;
            return;
        }
        spec_.length = lengths.numbers.back().last;
    }

    const Terms& terms_;
    const Facts& facts_;
    const Style& style_;
    FrameSpec spec_;
};

}  // namespace

FrameSpec spec_for(const Terms& terms, const Facts& facts, const Style& style) {
    return SpecMaker(terms, facts, style).run();
}

}  // namespace vfm::lint
