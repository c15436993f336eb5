// Hand-written engine cases (.vt): a program, packets, and what each gives.
//
//     # comment
//     -- asm                      or -- lisp: the program, up to the next line that begins with --
//     LD16 12
//     RET
//     -- packet tcp dport=80 len=60      a packet in words (packet_words) ...
//     -- packet hex 00 01 02             ... or in hexadecimal digits
//     -- result 0x0800                   what the packet before gives, or
//     -- trap BOUNDS                     the error that it ends with
//     -- flows 0 167772161=3 5=1         all entries of a table after the packets so far; words of
//                                        a key with commas between them
//     -- counts 0 2/120 0/0              all counters of a group then: packets/bytes
//     -- refused                         no engine takes the program
// A file may hold several programs, each with its packets. Packets of one program run in order on
// the same flow tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/module/module.h"
#include "core/run/program.h"

namespace vfm::test {

struct CasePacket {
    Bytes bytes;
    Outcome expected;
    std::optional<uint32_t> flow_table;  ///< the table to check after this packet, if any
    std::vector<FlowEntry> flows;        ///< all its entries, sorted
    std::optional<uint32_t> group;       ///< the counter group to check after this packet, if any
    std::vector<Count> counts;           ///< all its counters
    unsigned line = 0;
};

struct Case {
    std::string place;  ///< file:line of the program
    Module module;
    std::vector<CasePacket> packets;
    bool refused = false;
};

/// Throws std::runtime_error with file and line for what it cannot read.
std::vector<Case> read_cases(const std::string& path);

/// "tcp dport=80 len=60": an Ethernet packet of a kind (tcp, udp, icmp, tcp6, arp, empty) with some
/// numbers said (sport dport flags src dst ttl) and a length that cuts it or fills it with zeros.
Bytes packet_words(const std::string& words);

/// A program with its packets as text that read_cases() reads.
std::string case_text(const Module& module, const std::vector<Bytes>& packets,
                      const std::vector<Outcome>& outcomes);

}  // namespace vfm::test
