// The walk over the headers of a packet, and HASH5: the one statement of both.
//
// They are templates over a machine M, which either does what it is told on a packet in memory
// (headers.cc) or writes it down as code (core/ir). So the walk is structured: its state is a set
// of variables, its only control flow is branch() and when(), and what a body computes reaches the
// code behind it through a variable alone. M offers
//
//   using Word                                       a 64-bit value
//   Word constant(uint64_t)
//   Word get(WalkVar), void set(WalkVar, Word)       the variables; all ones at the start
//   Word binary(Opcode, Word, Word)                  arithmetic as in alu.h, never DIV or MOD
//   Word compare(Comparison, Word, Word)             0 or 1
//   Word load(Word base, unsigned offset, unsigned size)
//        packet[base + offset], big-endian; only inside a branch_covers() of the same base
//   Word vlan_present(), Word vlan_tag()             the tag that the hook holds in metadata
//   bool walks_extensions(), Word extensions(Word at, Word kind)
//        true if the machine takes all extension headers from packet[at] on, the first of that
//        kind, as one operation: see `extensions` in core/ir/form/ops.def
//   void branch(Comparison, Word, Word, then, otherwise)
//   void branch_covers(Word base, unsigned size, then, otherwise)
//        `then` if packet[base .. base + size) is there
//
// Tested against an independent description in tests/harness/header_oracle.
#pragma once

#include "core/isa/alu.h"
#include "core/isa/insn.h"

namespace vfm {

/// Variables of the walk. The first nine are the facts, numbered as HeaderFact.
enum class WalkVar : uint8_t {
    ip_offset,
    transport_offset,
    payload_offset,
    ip_version,
    proto,
    fragment,
    ethertype,
    vlan,
    inner_vlan,
    position,  // where the walk stands, from the packet's begin
    src_hi,
    src_lo,
    dst_hi,
    dst_lo,
    ports,
    hash_proto,  // what HASH5 mixes
};
inline constexpr unsigned kWalkVars = 16;

constexpr WalkVar walk_var(HeaderFact fact) { return static_cast<WalkVar>(fact); }
static_assert(walk_var(HeaderFact::ip_offset) == WalkVar::ip_offset &&
              walk_var(HeaderFact::inner_vlan) == WalkVar::inner_vlan);

namespace walk {

inline constexpr uint64_t kEtherTypeOffset = 12;
inline constexpr uint64_t kVlan = 0x8100, kServiceVlan = 0x88a8, kIpv4 = 0x0800, kIpv6 = 0x86dd;
inline constexpr unsigned kTagSize = 4, kEtherTypeSize = 2;
inline constexpr unsigned kMaxTags = 2, kMaxExtensionHeaders = 8;
inline constexpr uint64_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44,
                          kDestinationOptions = 60;
/// What is skipped behind an IPv6 header.
inline constexpr uint64_t kExtensions[] = {kHopByHop, kRouting, kFragmentHeader,
                                           kDestinationOptions};
inline constexpr uint64_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132, kUdpLite = 136;
/// Of the operation `extensions`: the place, and where the kind and the fragment fact begin.
inline constexpr uint64_t kWalkedPlace = 0x1ffff;
inline constexpr unsigned kWalkedKindShift = 32, kWalkedFragmentShift = 40;
inline constexpr uint64_t kNoFragment = 0, kFirstFragment = 1, kLaterFragment = 2;

/// The steps of the walk. One object serves one walk.
template <class M>
class Walk {
    using Word = typename M::Word;

  public:
    explicit Walk(M& machine) : m_(machine) {}

    /// Leaves the facts in their variables.
    void headers() {
        set(WalkVar::position, kEtherTypeOffset);
        m_.branch(
            Comparison::ne, m_.vlan_present(), number(0),
            [&] {
                m_.set(WalkVar::vlan, m_.vlan_tag());
                skip_tags(kMaxTags - 1);
            },
            [&] { skip_tags(kMaxTags); });
        const Word at = m_.get(WalkVar::position);
        when_covers(at, kEtherTypeSize, [&] {
            const Word type = m_.load(at, 0, kEtherTypeSize);
            m_.set(WalkVar::ethertype, type);
            m_.branch(
                Comparison::eq, type, number(kIpv4), [&] { ipv4(add(at, kEtherTypeSize)); },
                [&] {
                    when(Comparison::eq, type, number(kIpv6),
                         [&] { ipv6(add(at, kEtherTypeSize)); });
                });
        });
    }

    /// HASH5, once headers() has been done (by this or an earlier walk over the same variables).
    Word hash5() {
        for (const WalkVar var : {WalkVar::src_hi, WalkVar::src_lo, WalkVar::dst_hi,
                                  WalkVar::dst_lo, WalkVar::ports, WalkVar::hash_proto})
            set(var, 0);
        const Word version = m_.get(WalkVar::ip_version);
        const Word ip = m_.get(WalkVar::ip_offset);
        m_.branch(
            Comparison::eq, version, number(4), [&] { when_covers(ip, 20, [&] { words4(ip); }); },
            [&] {
                when(Comparison::eq, version, number(6),
                     [&] { when_covers(ip, 40, [&] { words6(ip); }); });
            });
        Word hash = number(kMixStart);
        for (const WalkVar var : {WalkVar::src_hi, WalkVar::src_lo, WalkVar::dst_hi,
                                  WalkVar::dst_lo, WalkVar::ports, WalkVar::hash_proto})
            hash = mix_word(hash, m_.get(var));
        return hash;
    }

  private:
    Word number(uint64_t value) { return m_.constant(value); }
    void set(WalkVar var, uint64_t value) { m_.set(var, number(value)); }
    Word op(Opcode opcode, Word a, uint64_t b) { return m_.binary(opcode, a, number(b)); }
    Word add(Word a, uint64_t b) { return op(Opcode::ADD, a, b); }

    template <class Body>
    void when(Comparison comparison, Word a, Word b, Body body) {
        m_.branch(comparison, a, b, body, [] {});
    }
    template <class Body>
    void when_covers(Word base, unsigned size, Body body) {
        m_.branch_covers(base, size, body, [] {});
    }
    /// 1 if `word` is one of the numbers.
    template <class... Numbers>
    Word is_one_of(Word word, uint64_t first, Numbers... rest) {
        Word found = m_.compare(Comparison::eq, word, number(first));
        ((found = m_.binary(Opcode::OR, found,
                            m_.compare(Comparison::eq, word, number(uint64_t{rest})))),
         ...);
        return found;
    }

    /// Rule 1: at most `most` whole tags are skipped; the first of two is the outer one, where the
    /// metadata held that the only one is the inner.
    void skip_tags(unsigned most) {
        if (most == 0) return;
        const Word at = m_.get(WalkVar::position);
        when_covers(at, kTagSize + kEtherTypeSize, [&] {
            const Word is_tag = is_one_of(m_.load(at, 0, 2), kVlan, kServiceVlan);
            when(Comparison::ne, is_tag, number(0), [&] {
                m_.set(most == kMaxTags ? WalkVar::vlan : WalkVar::inner_vlan, m_.load(at, 2, 2));
                m_.set(WalkVar::position, add(at, kTagSize));
                skip_tags(most - 1);
            });
        });
    }

    /// Rules 2 and 3 for IPv4; `ip` is where the header would begin.
    void ipv4(Word ip) {
        when_covers(ip, 20, [&] {
            const Word first = m_.load(ip, 0, 1);
            when(Comparison::eq, op(Opcode::SHR, first, 4), number(4), [&] {
                const Word words = op(Opcode::AND, first, 15);
                when(Comparison::ge, words, number(5), [&] {
                    m_.set(WalkVar::ip_offset, ip);
                    set(WalkVar::ip_version, 4);
                    m_.set(WalkVar::proto, m_.load(ip, 9, 1));
                    m_.set(WalkVar::position,
                           m_.binary(Opcode::ADD, ip, op(Opcode::SHL, words, 2)));
                    const Word flags = m_.load(ip, 6, 2);
                    fragment(op(Opcode::AND, flags, 0x1fff), op(Opcode::AND, flags, 0x2000), true);
                    transport(4);
                });
            });
        });
    }

    /// Rules 2 and 3 for IPv6.
    void ipv6(Word ip) {
        when_covers(ip, 40, [&] {
            when(Comparison::eq, op(Opcode::SHR, m_.load(ip, 0, 1), 4), number(6), [&] {
                m_.set(WalkVar::ip_offset, ip);
                set(WalkVar::ip_version, 6);
                m_.set(WalkVar::proto, m_.load(ip, 6, 1));
                m_.set(WalkVar::position, add(ip, 40));
                set(WalkVar::fragment, kNoFragment);
                extension_headers();
                transport(6);
            });
        });
    }

    /// Sets the fragment fact from a fragment offset and a more-fragments bit. A header that says
    /// nothing keeps what an earlier one said, unless it is the `only` one.
    void fragment(Word offset, Word more, bool only) {
        if (only) set(WalkVar::fragment, kNoFragment);
        m_.branch(
            Comparison::ne, offset, number(0), [&] { set(WalkVar::fragment, kLaterFragment); },
            [&] {
                when(Comparison::ne, more, number(0),
                     [&] { set(WalkVar::fragment, kFirstFragment); });
            });
    }

    void extension_headers() {
        if (!m_.walks_extensions()) return skip_extension_headers(kMaxExtensionHeaders);
        const Word kind = m_.get(WalkVar::proto);
        when(Comparison::ne, is_extension(kind), number(0), [&] {
            const Word walked = m_.extensions(m_.get(WalkVar::position), kind);
            m_.set(WalkVar::position, op(Opcode::AND, walked, kWalkedPlace));
            m_.set(WalkVar::proto,
                   op(Opcode::AND, op(Opcode::SHR, walked, kWalkedKindShift), 0xff));
            m_.set(WalkVar::fragment, op(Opcode::SHR, walked, kWalkedFragmentShift));
        });
    }
    Word is_extension(Word kind) {
        const auto& [first, second, third, fourth] = kExtensions;
        return is_one_of(kind, first, second, third, fourth);
    }

    /// At most `most` extension headers, each only if its first 8 bytes are there. Behind a
    /// fragment header with an offset the number is that of the data, as in IPv4, and the walk
    /// ends.
    void skip_extension_headers(unsigned most) {
        if (most == 0) return;
        const Word kind = m_.get(WalkVar::proto);
        when(Comparison::ne, is_extension(kind), number(0), [&] {
            const Word at = m_.get(WalkVar::position);
            when_covers(at, 8, [&] {
                m_.set(WalkVar::proto, m_.load(at, 0, 1));
                m_.branch(
                    Comparison::eq, kind, number(kFragmentHeader),
                    [&] {
                        const Word flags = m_.load(at, 2, 2);
                        fragment(op(Opcode::AND, flags, 0xfff8), op(Opcode::AND, flags, 1), false);
                        m_.set(WalkVar::position, add(at, 8));
                    },
                    [&] {
                        const Word units = add(m_.load(at, 1, 1), 1);
                        m_.set(WalkVar::position,
                               m_.binary(Opcode::ADD, at, op(Opcode::SHL, units, 3)));
                    });
                when(Comparison::ne, m_.get(WalkVar::fragment), number(kLaterFragment),
                     [&] { skip_extension_headers(most - 1); });
            });
        });
    }

    /// Rule 4 and the payload.
    void transport(uint64_t version) {
        when(Comparison::ne, m_.get(WalkVar::fragment), number(kLaterFragment), [&] {
            const Word at = m_.get(WalkVar::position);
            const Word proto = m_.get(WalkVar::proto);
            m_.set(WalkVar::transport_offset, at);
            const auto payload_if = [&](Word found, unsigned size) {
                when(Comparison::ne, found, number(0), [&] {
                    when_covers(at, size, [&] { m_.set(WalkVar::payload_offset, add(at, size)); });
                });
            };
            m_.branch(
                Comparison::eq, proto, number(kTcp),
                [&] {
                    when_covers(at, 20, [&] {
                        const Word words = op(Opcode::SHR, m_.load(at, 12, 1), 4);
                        when(Comparison::ge, words, number(5), [&] {
                            m_.set(WalkVar::payload_offset,
                                   m_.binary(Opcode::ADD, at, op(Opcode::SHL, words, 2)));
                        });
                    });
                },
                [&] {
                    payload_if(is_one_of(proto, kUdp, kUdpLite, version == 4 ? kIcmp : kIcmp6), 8);
                    payload_if(is_one_of(proto, kSctp), 12);
                });
        });
    }

    void words4(Word ip) {
        m_.set(WalkVar::src_lo, m_.load(ip, 12, 4));
        m_.set(WalkVar::dst_lo, m_.load(ip, 16, 4));
        ports();
    }

    void words6(Word ip) {
        m_.set(WalkVar::src_hi, m_.load(ip, 8, 8));
        m_.set(WalkVar::src_lo, m_.load(ip, 16, 8));
        m_.set(WalkVar::dst_hi, m_.load(ip, 24, 8));
        m_.set(WalkVar::dst_lo, m_.load(ip, 32, 8));
        ports();
    }

    void ports() {
        const Word proto = m_.get(WalkVar::proto);
        m_.set(WalkVar::hash_proto, proto);
        when(Comparison::ne, is_one_of(proto, kTcp, kUdp, kSctp, kUdpLite), number(0), [&] {
            // No transport header is all ones, which no packet covers.
            const Word at = m_.get(WalkVar::transport_offset);
            when_covers(at, 4, [&] { m_.set(WalkVar::ports, m_.load(at, 0, 4)); });
        });
    }

    Word mix_word(Word hash, Word word) {
        const Word product = op(Opcode::MUL, m_.binary(Opcode::XOR, hash, word), kMixFactor);
        return m_.binary(Opcode::XOR, product, op(Opcode::SHR, product, 32));
    }

    M& m_;
};

}  // namespace walk
}  // namespace vfm
