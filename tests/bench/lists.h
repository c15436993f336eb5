// The random parts of filters and traces, the same on every machine: who the clients are, the rules
// of F7, the addresses of F8. Filters in VFLisp, in C and for libpcap are written from these lists,
// and traces draw from them, so that some packets match.
#pragma once

#include <cstdint>
#include <vector>

namespace vfm::bench {

constexpr uint32_t kClients = 20'000;

/// IPv4 address of the client with this rank, 0 being the busiest; ranks are below kClients.
uint32_t client_address(uint32_t rank);

/// Matches IPv4 sources whose bits under `mask` are `net`, on their way to port `port`.
struct Rule {
    uint32_t mask = 0;
    uint32_t net = 0;
    uint16_t port = 0;
};

/// The 100 rules of F7, in order.
std::vector<Rule> rules();

/// The 1,000 different addresses of F8, in no order.
std::vector<uint32_t> addresses();

}  // namespace vfm::bench
