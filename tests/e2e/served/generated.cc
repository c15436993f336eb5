// Writes generated filters 0.vfl, 1.vfl, ... and generated packets for them: served_generated
// DIRECTORY SEED FILTERS PACKETS. On stdout how many packets have which shape, as JSON.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "tests/harness/header_oracle.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_packet.h"

namespace vfm::test {
namespace {

constexpr size_t kShortest = 14, kLongest = 1514;  // what a wire takes
constexpr uint64_t kNothing = ~uint64_t{0};
enum Fact { ip_at, transport_at, payload_at, version, proto, fragment, ethertype, vlan, inner };

void number(std::ofstream& file, uint32_t value) {
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

using Shapes = std::map<std::string, unsigned>;

void count_ip(const Bytes& packet, const OracleHeaders& headers, Shapes& shapes) {
    const auto& at = headers.facts;
    if (at[version] == 4)
        ++shapes[(packet[at[ip_at]] & 15) == 5 ? "IPv4 without options" : "IPv4 options"];
    else
        ++shapes[at[transport_at] == at[ip_at] + 40 ? "IPv6 alone" : "IPv6 extensions"];
    if (at[fragment] != 0) ++shapes[at[fragment] == 1 ? "first fragments" : "later fragments"];
    ++shapes[at[payload_at] == kNothing ? "no whole transport header" : "whole transport headers"];
}

void count(const Bytes& packet, Shapes& shapes) {
    const OracleHeaders headers = header_oracle(packet);
    const auto& at = headers.facts;
    ++shapes[at[inner] != kNothing ? "two tags" : at[vlan] != kNothing ? "one tag" : "no tag"];
    if (at[version] != kNothing)
        count_ip(packet, headers, shapes);
    else
        ++shapes[at[ethertype] == 0x800 || at[ethertype] == 0x86dd ? "IP cut or damaged" : "no IP"];
}

/// Every second filter has rules, every fourth flow tables: what outlives a run is worth a look.
/// No time, no chance: the interpreter would have another.
std::string filter(Rng rng, unsigned index) {
    for (;;) {
        std::string text = random_lisp(rng, {.clock = false});
        const auto has = [&](std::string_view form) { return text.find(form) != text.npos; };
        if (index % 2 == 1 ? has("(rules")
                           : index % 4 == 0 || has("(count-by") || has("(flow-add!"))
            return text;
    }
}

/// A pcap file in this machine's byte order, Ethernet.
void write_packets(const std::string& path, Rng rng, unsigned packets) {
    std::ofstream file(path, std::ios::binary);
    for (const uint32_t word : {0xA1B2C3D4u, 2u | 4u << 16, 0u, 0u, 65535u, 1u}) number(file, word);
    Shapes shapes;
    for (unsigned i = 0; i < packets; ++i) {
        Bytes packet = random_packet(rng);
        packet.resize(std::clamp(packet.size(), kShortest, kLongest));
        const auto size = static_cast<uint32_t>(packet.size());
        for (const uint32_t word : {0u, 0u, size, size}) number(file, word);
        file.write(reinterpret_cast<const char*>(packet.data()), size);
        count(packet, shapes);
    }
    std::string json;
    for (const auto& [name, amount] : shapes)
        json += fmt::format("{}\"{}\": {}", json.empty() ? "" : ", ", name, amount);
    fmt::print("{{{}}}\n", json);
}

}  // namespace
}  // namespace vfm::test

int main(int argc, char** argv) {
    using namespace vfm::test;
    uint64_t seed = 0;
    unsigned filters = 0, packets = 0;
    const auto read = [&](int at, auto& value) {
        const std::string_view text = argv[at];
        return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
    };
    if (argc != 5 || !read(2, seed) || !read(3, filters) || !read(4, packets)) {
        fmt::print(stderr, "usage: served_generated DIRECTORY SEED FILTERS PACKETS\n");
        return 2;
    }
    const std::string folder = argv[1];
    for (unsigned i = 0; i < filters; ++i)
        std::ofstream(fmt::format("{}/{}.vfl", folder, i)) << filter(Rng(seed, i), i) << '\n';
    write_packets(folder + "/packets.pcap", Rng(seed, filters), packets);
    return 0;
}
