// Writes the filters F1 to F9 and packets of the bench's traces: served_inputs DIRECTORY.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/bench/filters.h"
#include "tests/bench/traces.h"

namespace {

constexpr size_t kPacketsOfTrace = 400;

void number(std::ofstream& file, uint32_t value) {
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

/// A pcap file in this machine's byte order, Ethernet.
void write_packets(const std::string& path) {
    std::ofstream file(path, std::ios::binary);
    for (const uint32_t word : {0xA1B2C3D4u, 2u | 4u << 16, 0u, 0u, 65535u, 1u}) number(file, word);
    for (const std::string_view name : {"cut", "imix", "ddos"}) {
        const vfm::bench::Trace trace = vfm::bench::make_trace(name, true);
        const size_t step = std::max<size_t>(1, trace.packets.size() / kPacketsOfTrace);
        for (size_t i = 0; i < trace.packets.size(); i += step) {
            const auto bytes = trace.packets[i].bytes;
            const auto size = static_cast<uint32_t>(bytes.size());
            for (const uint32_t word : {0u, 0u, size, size}) number(file, word);
            file.write(reinterpret_cast<const char*>(bytes.data()), size);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: served_inputs DIRECTORY\n");
        return 2;
    }
    const std::string folder = argv[1];
    for (const vfm::bench::BenchFilter& filter : vfm::bench::filters())
        std::ofstream(folder + "/" + filter.name + ".vfl") << filter.lisp << '\n';
    write_packets(folder + "/trace.pcap");
    return 0;
}
