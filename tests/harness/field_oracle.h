// A second, independent statement of VFLisp's fields and headers: plain code on plain bytes, by
// name, written from the language's text alone. It shares nothing with
// core/packet/header_fields.def or code generation, which it judges; only tests link it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tests/harness/header_oracle.h"

namespace vfm::test {

/// A number, or an address of one family: 4 has it in `lo`.
struct OracleField {
    uint64_t lo = 0;
    uint64_t hi = 0;
    int family = 0;  ///< 4 or 6 for `ip.src` and its like, else 0
};

class FieldOracle {
  public:
    /// `packet` is at most 65,535 bytes and must outlive the oracle.
    explicit FieldOracle(std::span<const uint8_t> packet)
        : packet_(packet), headers_(header_oracle(packet)) {}

    /// `(has name)`.
    bool has(std::string_view name) const;
    /// A header-aware field; nothing if it is absent.
    std::optional<OracleField> field(std::string_view name) const;
    /// Where the payload of `tcp udp sctp icmp icmp6` begins.
    std::optional<uint64_t> payload(std::string_view header) const;
    /// Ports and protocol as HASH5 has them, and both addresses as two words, IPv4 mapped.
    struct Endpoints {
        uint64_t source[3], destination[3], proto;
    };
    std::optional<Endpoints> endpoints() const;
    uint64_t hash5() const { return headers_.hash5; }

  private:
    std::optional<uint64_t> fact(unsigned number) const;
    uint64_t bytes(uint64_t at, unsigned size) const;
    bool covers(uint64_t at, uint64_t size) const;
    std::optional<uint64_t> transport(uint64_t proto, unsigned size) const;
    std::optional<uint64_t> arp() const;
    std::optional<uint64_t> ports() const;
    std::optional<uint64_t> number(std::string_view name) const;
    uint64_t of_ip(std::string_view what, bool six) const;

    std::span<const uint8_t> packet_;
    OracleHeaders headers_;
};

}  // namespace vfm::test
