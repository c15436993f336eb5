// Two veth pairs in a network namespace of their own, what is seen on them, and a program that
// counts.
//
//   v1 --- v0 10.9.0.1  the target       w0 10.8.0.1 --- w1  a third interface, without offloads
#pragma once

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "tests/unit/live/frames.h"
#include "userspace/live/give_back.h"

namespace vfm::test {

inline void run(const std::string& command) {
    if (system(command.c_str()) != 0) BOOST_FAIL("failed: " << command);
}

inline std::string output(const std::string& command) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    for (int c; (c = fgetc(pipe)) != EOF;) text.push_back(static_cast<char>(c));
    pclose(pipe);
    return text;
}

inline boost::test_tools::assertion_result works(boost::unit_test::test_unit_id) {
    static const std::string missing = [] {
        return unshare(CLONE_NEWNET) == 0 ? GiveBack::missing()
                                          : std::string("no network namespace of its own");
    }();
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << missing;
    return result;
}

/// A counter of the stack: "Udp", "InCsumErrors".
inline long counter(const std::string& group, const std::string& name) {
    std::ifstream file("/proc/self/net/snmp");
    std::string names, values;
    while (std::getline(file, names) && std::getline(file, values)) {
        std::istringstream name_words(names), value_words(values);
        std::string word, value;
        while (name_words >> word && value_words >> value)
            if (names.starts_with(group + ":") && word == name) return std::stol(value);
    }
    BOOST_FAIL("no counter " << group << name);
    return 0;
}

/// One frame as a packet socket sees it.
struct Seen {
    Bytes bytes;
    unsigned char type = 0;  ///< PACKET_HOST ...
    tpacket_auxdata beside{};
};

class Listener {
  public:
    explicit Listener(const std::string& interface)
        : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_protocol = htons(ETH_P_ALL);
        where.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        const int one = 1, room = 8 << 20;
        BOOST_REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
        BOOST_REQUIRE(setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) == 0);
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    }
    ~Listener() { close(fd_); }

    /// What came in so far; waits for the first `most` at most a second.
    std::vector<Seen> incoming(size_t wanted) {
        std::vector<Seen> all;
        for (int rounds = 0; rounds < 100; ++rounds) {
            while (auto seen = next())
                if (seen->type != PACKET_OUTGOING && !is_chatter(*seen))
                    all.push_back(std::move(*seen));
            // What should not be there has a little time to come too.
            if (all.size() >= wanted && rounds >= 3) break;
            poll(nullptr, 0, 10);
        }
        return all;
    }

  private:
    /// What hosts and bridges say on their own: to IPv6 multicast groups, where no test sends, and
    /// of IPv4 multicast groups (IGMP).
    static bool is_chatter(const Seen& seen) {
        const Bytes& bytes = seen.bytes;
        const bool to_group6 = bytes[0] == 0x33 && bytes[1] == 0x33;
        const bool ipv4 = bytes.size() >= 34 && bytes[12] == 8 && bytes[13] == 0;
        return to_group6 || (ipv4 && bytes[23] == IPPROTO_IGMP);
    }

    std::optional<Seen> next() {
        Seen seen;
        seen.bytes.resize(70000);
        sockaddr_ll from{};
        alignas(cmsghdr) char control[256];
        iovec into{seen.bytes.data(), seen.bytes.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t size = recvmsg(fd_, &message, 0);
        if (size < 0) return std::nullopt;
        seen.bytes.resize(static_cast<size_t>(size));
        seen.type = from.sll_pkttype;
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_type == PACKET_AUXDATA)
                std::memcpy(&seen.beside, CMSG_DATA(c), sizeof seen.beside);
        return seen;
    }
    int fd_;
};

/// A UDP socket on port 7000 of every address.
class Receiver {
  public:
    Receiver() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(7000);
        BOOST_REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    }
    ~Receiver() { close(fd_); }
    /// The next datagram that is there.
    std::optional<Bytes> next() {
        Bytes bytes(70000);
        const ssize_t size = recv(fd_, bytes.data(), bytes.size(), 0);
        if (size < 0) return std::nullopt;
        bytes.resize(static_cast<size_t>(size));
        return bytes;
    }

  private:
    int fd_;
};

struct Net {
    std::unique_ptr<GiveBack> way;

    Net() {
        BOOST_REQUIRE(unshare(CLONE_NEWNET) == 0);
        run("ip link set lo up;"
            "ip link add v0 address 02:00:00:00:00:01 type veth peer name v1;"
            "ip link add w0 address 02:00:00:00:00:03 type veth peer name w1 address "
            "02:00:00:00:00:04;"
            // The stack's own frames would be seen among ours.
            "for i in v0 v1 w0 w1; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6;"
            "ip link set $i up; done;"
            "ethtool -K w0 tx off tso off gso off >/dev/null;"
            "ip address add 10.9.0.1/24 dev v0; ip address add 10.8.0.1/24 dev w0;"
            "ip neighbour add 10.8.0.2 lladdr 02:00:00:00:00:04 dev w0 nud permanent;"
            "ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent;"
            "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter;"
            "echo 0 >/proc/sys/net/ipv4/conf/v0/rp_filter;"
            "echo 1 >/proc/sys/net/ipv4/ip_forward;"
            "echo 0 >/proc/sys/net/ipv4/conf/w1/forwarding");
    }
    void open(unsigned queues = 1) {
        auto made = GiveBack::open(static_cast<int>(if_nametoindex("v0")), queues);
        if (!made) BOOST_FAIL(render(made.error().diagnostics));
        way = std::move(*made);
    }
    bool give(Bytes frame, size_t chunk = 1 << 20, unsigned queue = 0) {
        std::vector<iovec> chunks;
        const size_t size = frame.size(), room = GiveBack::kHeadroom;
        frame.insert(frame.begin(), room, 0);
        for (size_t at = 0; at < size; at += chunk)
            chunks.push_back({frame.data() + room + at, std::min(chunk, size - at)});
        way->prepare(chunks);
        return way->give(queue, chunks);
    }
};

inline FrameSpec to_third(uint8_t proto, Sum sum) {
    FrameSpec spec;
    spec.proto = proto;
    spec.destination = {10, 8, 0, 2};
    spec.sum = sum;
    return spec;
}

/// Whether the IPv4 TCP or UDP checksum of a frame without tags is right.
inline bool is_right(const Bytes& bytes) {
    const size_t ip = 14, at = ip + 4u * (bytes[ip] & 15);
    const size_t end = ip + load_be<uint16_t>(bytes.data() + ip + 2);
    Bytes pseudo(bytes.begin() + ip + 12, bytes.begin() + ip + 20);
    append_be(pseudo, end - at, 4);
    append_be(pseudo, bytes[ip + 9], 4);
    return ones_sum(ByteView(bytes).subspan(at, end - at), ones_sum(pseudo)) == 0xffff;
}

/// The frames of IPv4 among them.
inline std::vector<Seen> of_ipv4(std::vector<Seen> all) {
    std::erase_if(all, [](const Seen& seen) { return seen.bytes[12] != 8 || seen.bytes[13] != 0; });
    return all;
}

/// A program that counts its runs in the first value of an array and returns `verdict`.
struct Counting {
    int map = -1, program = -1;
    explicit Counting(bpf_prog_type type, int verdict) {
        map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "runs", 4, 8, 1, nullptr);
        const bpf_insn code[] = {{BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0},
                                 {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0},
                                 {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4},
                                 {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map},
                                 {0, 0, 0, 0, 0},
                                 {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem},
                                 {BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0},
                                 {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1},
                                 {BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD},
                                 {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, verdict},
                                 {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
        program = bpf_prog_load(type, "count", "GPL", code, std::size(code), nullptr);
        BOOST_REQUIRE(program >= 0);
    }
    ~Counting() {
        close(program);
        close(map);
    }
    uint64_t runs() const {
        const uint32_t key = 0;
        uint64_t value = 0;
        BOOST_REQUIRE(bpf_map_lookup_elem(map, &key, &value) == 0);
        return value;
    }
};

}  // namespace vfm::test
