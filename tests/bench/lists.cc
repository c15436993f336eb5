#include "tests/bench/lists.h"

#include <algorithm>
#include <array>

#include "tests/harness/rng.h"

namespace vfm::bench {
namespace {

constexpr uint64_t kClientSeed = 11;
constexpr uint64_t kRuleSeed = 12;
constexpr uint64_t kAddressSeed = 13;
constexpr size_t kRules = 100;
constexpr size_t kAddresses = 1000;
constexpr size_t kKnownAddresses = 100;  // of them clients, so that F8 accepts something

/// `low` random bits under `net`.
uint32_t host_in(uint32_t net, uint32_t low, test::Rng& rng) {
    return net | static_cast<uint32_t>(rng.below(uint64_t{1} << low));
}

}  // namespace

uint32_t client_address(uint32_t rank) {
    test::Rng rng(kClientSeed, rank);
    const uint64_t net = rng.below(100);
    if (net < 55) return host_in(0x0A000000, 18, rng);  // 10.0.0.0, the first four /16
    if (net < 75) return host_in(0xC0A80000, 16, rng);  // 192.168.0.0/16
    if (net < 85) return host_in(0xAC100000, 20, rng);  // 172.16.0.0/12
    if (net < 90) return host_in(0x64400000, 22, rng);  // 100.64.0.0/10
    return host_in(0x20000000, 29, rng);                // somewhere in the world
}

std::vector<Rule> rules() {
    constexpr std::array<uint16_t, 16> kPorts = {22,  25,  53,  80,   110,  123,  143,  389,
                                                 443, 445, 993, 3306, 3389, 5432, 6379, 8080};
    test::Rng rng(kRuleSeed);
    std::vector<Rule> made;
    while (made.size() < kRules) {
        const uint32_t mask = ~uint32_t{0} << rng.below(11);  // /32 to /22
        const uint32_t rank = static_cast<uint32_t>(200 + rng.below(kClients - 200));
        made.push_back(
            {mask, client_address(rank) & mask, rng.pick(std::span<const uint16_t>(kPorts))});
    }
    return made;
}

std::vector<uint32_t> addresses() {
    test::Rng rng(kAddressSeed);
    std::vector<uint32_t> made;
    const auto add = [&](uint32_t address) {
        if (std::ranges::find(made, address) == made.end()) made.push_back(address);
    };
    for (uint32_t rank = 50; made.size() < kKnownAddresses; rank += 80) add(client_address(rank));
    while (made.size() < kAddresses) add(static_cast<uint32_t>(rng.next()));
    for (size_t i = made.size() - 1; i > 0; --i) std::swap(made[i], made[rng.below(i + 1)]);
    return made;
}

}  // namespace vfm::bench
