// A second, independent statement of "Headers: HDR and HASH5" of the instruction set: plain code on
// plain bytes, written from the text of the specification alone. It shares nothing with
// core/packet/header_walk.h, which it judges; only tests link it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace vfm::test {

struct OracleHeaders {
    std::array<uint64_t, 9> facts;  ///< by HDR's immediate; all ones for nothing
    uint64_t hash5 = 0;
};

/// `packet` is at most 65,535 bytes from the Ethernet header on.
OracleHeaders header_oracle(std::span<const uint8_t> packet);

}  // namespace vfm::test
