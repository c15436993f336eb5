// The give-back on real interfaces, each case in a network namespace of its own. Skipped where a
// helper cannot be made.
#include "userspace/live/give_back.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <signal.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/live/frames.h"
#include "tests/unit/live/net.h"

BOOST_AUTO_TEST_SUITE(give_back_test)

using namespace vfm;
using namespace vfm::test;

namespace {

/// Packets that an interface sent.
long sent_on(const std::string& interface) {
    std::ifstream table("/proc/self/net/dev");
    for (std::string line; std::getline(table, line);) {
        if (line.find(interface + ":") == std::string::npos) continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        long value = -1;
        for (int i = 0; i < 10; ++i) words >> value;
        return value;
    }
    return -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(give_back, *boost::unit_test::precondition(works))

BOOST_AUTO_TEST_CASE(the_stack_checks_what_is_whole) {
    Net net;
    net.open();
    Listener target("v0"), every("");
    Receiver receiver;
    const long errors = counter("Udp", "InCsumErrors");
    FrameSpec spec;
    for (const Sum sum : {Sum::complete, Sum::partial, Sum::damaged}) {
        spec.sum = sum;
        BOOST_TEST(net.give(build(spec).bytes));
        const auto got = receiver.next();
        BOOST_TEST(got.has_value() == (sum != Sum::damaged));
        if (got) BOOST_TEST(*got == spec.payload);
    }
    BOOST_TEST(!receiver.next().has_value());
    BOOST_TEST(counter("Udp", "InCsumErrors") == errors + 1);
    // A checksum of zero is none.
    spec.sum = Sum::none;
    BOOST_TEST(net.give(build(spec).bytes));
    BOOST_TEST(receiver.next().has_value());

    const auto seen = of_ipv4(target.incoming(4));
    BOOST_TEST_REQUIRE(seen.size() == 4);
    for (const Seen& frame : seen) BOOST_TEST(frame.type == PACKET_HOST);
    // On the helper and on the target: `tcpdump -i any` shows both.
    BOOST_TEST(of_ipv4(every.incoming(8)).size() == 8);
    BOOST_TEST(((seen[0].beside.tp_status & TP_STATUS_CSUMNOTREADY) == 0));
    BOOST_TEST(((seen[1].beside.tp_status & TP_STATUS_CSUMNOTREADY) != 0));
    BOOST_TEST(((seen[2].beside.tp_status & TP_STATUS_CSUM_VALID) == 0));
    BOOST_TEST(net.way->counts(0).given == 4);
    BOOST_TEST(net.way->counts(0).lost() == 0);
}

BOOST_AUTO_TEST_CASE(forwarded_frames_leave_with_a_right_sum) {
    Net net;
    net.open();
    Listener third("w1");
    for (const uint8_t proto : {uint8_t{6}, uint8_t{17}})
        for (const Sum sum : {Sum::complete, Sum::partial, Sum::damaged}) {
            BOOST_TEST(net.give(build(to_third(proto, sum)).bytes));
            const auto seen = of_ipv4(third.incoming(1));
            BOOST_TEST_REQUIRE(seen.size() == 1);
            BOOST_TEST(is_right(seen[0].bytes) == (sum != Sum::damaged));
        }
}

BOOST_AUTO_TEST_CASE(a_port_of_a_bridge) {
    Net net;
    run("ip address flush dev v0; ip address flush dev w0; ip link add br0 type bridge;"
        "ip link set v0 master br0; ip link set w0 master br0; ip link set br0 up;"
        // A bridge learns of a port's carrier a second later, or several where others make links.
        "for i in $(seq 3000); do"
        "  [ $(bridge link | grep -c 'state forwarding') = 2 ] && exit 0; sleep 0.01; done; exit "
        "1");
    net.open();
    Listener third("w1"), target("v0");
    for (const Sum sum : {Sum::complete, Sum::partial}) {
        FrameSpec spec;
        spec.to = {2, 0, 0, 0, 0, 4};
        spec.sum = sum;
        BOOST_TEST(net.give(build(spec).bytes));
        const auto seen = of_ipv4(third.incoming(1));
        BOOST_TEST_REQUIRE(seen.size() == 1);
        BOOST_TEST(is_right(seen[0].bytes));
    }
    const auto seen = of_ipv4(target.incoming(2));
    BOOST_TEST(seen.size() == 2);
    BOOST_TEST(seen[0].type == PACKET_OTHERHOST);
}

BOOST_AUTO_TEST_CASE(a_tag_in_the_bytes_becomes_one_beside_them) {
    Net net;
    net.open();
    Listener target("v0");
    Receiver receiver;
    FrameSpec spec;
    spec.tags = {100};
    spec.sum = Sum::partial;
    BOOST_TEST(net.give(build(spec).bytes));
    const auto seen = target.incoming(1);
    BOOST_TEST_REQUIRE(seen.size() == 1);
    BOOST_TEST((seen[0].beside.tp_status & TP_STATUS_VLAN_VALID) != 0u);
    BOOST_TEST(seen[0].beside.tp_vlan_tci == 100);
    spec.tags = {};
    BOOST_TEST(seen[0].bytes == build(spec).bytes);
    // No interface has that VLAN here.
    BOOST_TEST(!receiver.next().has_value());
    // Priority only: the interface's own.
    spec.tags = {0xa000};
    BOOST_TEST(net.give(build(spec).bytes));
    BOOST_TEST(receiver.next().has_value());
}

BOOST_AUTO_TEST_CASE(super_frames) {
    for (const bool tagged : {false, true})
        for (const Sum sum : {Sum::partial, Sum::complete}) {
            Net net;
            net.open();
            Listener third("w1");
            FrameSpec spec = to_third(6, sum);
            if (tagged) spec.tags = {0xa000};
            for (size_t i = 0; i < 65000; ++i)
                spec.payload.push_back(static_cast<uint8_t>(i * 7 + i / 256));
            BOOST_TEST(net.give(build(spec).bytes, 4000));
            const auto seen = of_ipv4(third.incoming(45));
            Bytes payload;
            for (const Seen& segment : seen) {
                BOOST_TEST(segment.bytes.size() <= 1514u);
                BOOST_TEST(is_right(segment.bytes));
                payload.insert(payload.end(), segment.bytes.begin() + 54, segment.bytes.end());
            }
            BOOST_TEST((payload == spec.payload));

            // For the host itself: it answers that nobody listens, so it took the checksum.
            const long errors = counter("Tcp", "InCsumErrors"), resets = counter("Tcp", "OutRsts");
            spec.destination = {10, 9, 0, 1};
            BOOST_TEST(net.give(build(spec).bytes, 4000));
            BOOST_TEST(counter("Tcp", "InCsumErrors") == errors);
            BOOST_TEST(counter("Tcp", "OutRsts") == resets + 1);
            spec.sum = Sum::damaged;
            BOOST_TEST(net.give(build(spec).bytes, 4000));
            BOOST_TEST(counter("Tcp", "InCsumErrors") == errors + 1);
            BOOST_TEST(net.way->counts(0).lost() == 0);
        }
}

BOOST_AUTO_TEST_CASE(jumbo_frames_in_pieces) {
    Net net;
    run("ip link set v0 mtu 9000; ip link set v1 mtu 9000");
    net.open();
    Receiver receiver;
    FrameSpec spec;
    spec.payload = Bytes(8900);
    for (size_t i = 0; i < spec.payload.size(); ++i) spec.payload[i] = static_cast<uint8_t>(i / 3);
    BOOST_TEST(net.give(build(spec).bytes, 3500));
    BOOST_TEST((receiver.next() == spec.payload));
}

BOOST_AUTO_TEST_CASE(xdp_of_the_target_does_not_run_again_and_tc_runs_once) {
    for (const unsigned flags : {XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE}) {
        Net net;
        net.open();
        Receiver receiver;
        const int index = static_cast<int>(if_nametoindex("v0"));
        const Counting xdp(BPF_PROG_TYPE_XDP, XDP_PASS), tc(BPF_PROG_TYPE_SCHED_CLS, -1);
        BOOST_REQUIRE(bpf_xdp_attach(index, xdp.program, flags, nullptr) == 0);
        bpf_tc_hook hook{};
        hook.sz = sizeof hook;
        hook.ifindex = index;
        hook.attach_point = BPF_TC_INGRESS;
        BOOST_REQUIRE(bpf_tc_hook_create(&hook) == 0);
        bpf_tc_opts options{};
        options.sz = sizeof options;
        options.prog_fd = tc.program;
        BOOST_REQUIRE(bpf_tc_attach(&hook, &options) == 0);
        const uint64_t xdp_before = xdp.runs(), tc_before = tc.runs();
        for (int i = 0; i < 5; ++i) {
            BOOST_TEST(net.give(build({}).bytes));
            BOOST_TEST(receiver.next().has_value());
        }
        BOOST_TEST(xdp.runs() == xdp_before);
        BOOST_TEST(tc.runs() == tc_before + 5);
        // The counter does count: a frame from the peer.
        Listener peer("v1");
        run("ip neighbour replace 10.9.0.9 lladdr 02:00:00:00:00:01 dev v1;"
            "ip address add 10.9.0.9/32 dev v1; ping -c1 -W1 -I v1 10.9.0.1 >/dev/null || true");
        BOOST_TEST(xdp.runs() > xdp_before);
    }
}

BOOST_AUTO_TEST_CASE(addresses_are_those_of_the_target) {
    Net net;
    net.open();
    Listener target("v0");
    Receiver receiver;
    const std::pair<Bytes, int> cases[] = {{{2, 0, 0, 0, 0, 1}, PACKET_HOST},
                                           {{2, 0, 0, 0, 0, 9}, PACKET_OTHERHOST},
                                           {{1, 0, 0x5e, 0, 0, 1}, PACKET_MULTICAST},
                                           {Bytes(6, 0xff), PACKET_BROADCAST}};
    for (const auto& [to, type] : cases) {
        FrameSpec spec;
        spec.to = to;
        BOOST_TEST(net.give(build(spec).bytes));
        BOOST_TEST(receiver.next().has_value() == (type != PACKET_OTHERHOST));
        const auto seen = of_ipv4(target.incoming(1));
        BOOST_TEST_REQUIRE(seen.size() == 1);
        BOOST_TEST(seen[0].type == type);
    }
    // Not even an EtherType that anybody knows, nor a byte behind the header.
    Bytes shortest{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
    BOOST_TEST(net.give(shortest));
    const auto seen = target.incoming(1);
    BOOST_TEST_REQUIRE(seen.size() == 1);
    BOOST_TEST(seen[0].bytes == shortest);
}

BOOST_AUTO_TEST_CASE(a_target_that_changes) {
    Net net;
    net.open();
    Listener third("w1");
    Receiver receiver;
    run("ip link set v0 down; ip link set v0 name v9 address 02:00:00:00:00:11 mtu 1000;"
        "ip link set v9 up; ip address add 10.9.0.1/24 dev v9 2>/dev/null || true");
    BOOST_REQUIRE(net.way->update().has_value());
    const std::string shown = output("ip -d link show " + net.way->name());
    BOOST_TEST(shown.find("alias vfm v9") != std::string::npos);
    BOOST_TEST(shown.find("02:00:00:00:00:11") != std::string::npos);
    FrameSpec spec;
    spec.to = {2, 0, 0, 0, 0, 0x11};
    BOOST_TEST(net.give(build(spec).bytes));
    BOOST_TEST(receiver.next().has_value());
    spec = to_third(6, Sum::partial);
    spec.to = {2, 0, 0, 0, 0, 0x11};
    spec.payload = Bytes(3000, 1);
    BOOST_TEST(net.give(build(spec).bytes));
    const auto seen = of_ipv4(third.incoming(4));
    BOOST_TEST(seen.size() == 4u);
    for (const Seen& segment : seen) BOOST_TEST(segment.bytes.size() <= 1014u);

    run("ip link del v9");
    const auto gone = net.way->update();
    BOOST_REQUIRE(!gone.has_value());
    BOOST_TEST((gone.error().status == Status::refused));
    // Dropped: it does not go up the helper instead.
    spec = {};
    spec.to = {2, 0, 0, 0, 0, 0x11};
    run("ip address add 10.9.0.1/24 dev " + net.way->name());
    BOOST_TEST(net.give(build(spec).bytes));
    BOOST_TEST(!receiver.next().has_value());
}

BOOST_AUTO_TEST_CASE(ipv6) {
    Net net;
    run("for i in v0 w0; do echo 0 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done;"
        "ip address add fd09::1/64 dev v0 nodad; ip address add fd08::1/64 dev w0 nodad;"
        "ip neighbour add fd08::2 lladdr 02:00:00:00:00:04 dev w0 nud permanent;"
        "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    net.open();
    Listener third("w1");
    Bytes source(16), destination(16);
    source[0] = destination[0] = 0xfd;
    source[1] = 9;
    destination[1] = 8;
    source[15] = destination[15] = 2;
    for (const uint8_t proto : {uint8_t{6}, uint8_t{17}})
        for (const Sum sum : {Sum::complete, Sum::partial}) {
            FrameSpec spec;
            spec.version = 6;
            spec.source = source;
            spec.destination = destination;
            spec.proto = proto;
            spec.extensions = {{60, {0, 0, 1, 4, 0, 0, 0, 0}}};
            spec.sum = sum;
            if (proto == 6) spec.payload = Bytes(5000, 0x41);
            BOOST_TEST(net.give(build(spec).bytes));
            const size_t wanted = proto == 6 ? 4 : 1;
            auto seen = third.incoming(wanted);
            std::erase_if(seen, [&](const Seen& frame) {
                return frame.bytes.size() < 62 || frame.bytes[20] != 60 || frame.bytes[54] != proto;
            });
            BOOST_TEST(seen.size() == wanted);
            for (const Seen& frame : seen) {
                Bytes pseudo(frame.bytes.begin() + 22, frame.bytes.begin() + 54);
                append_be(pseudo, frame.bytes.size() - 62, 4);
                append_be(pseudo, proto, 4);
                BOOST_TEST(frame.bytes.size() <= 1514u);
                BOOST_TEST(ones_sum(ByteView(frame.bytes).subspan(62), ones_sum(pseudo)) == 0xffff);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_target_in_another_namespace) {
    Net net;
    net.open();
    // It is deleted with that namespace, whose only process ends.
    run("unshare --net sleep 2 & sleep 0.3; ip link set v0 netns $!");
    BOOST_TEST(!net.way->update().has_value());
    BOOST_TEST(net.give(build({}).bytes));
    Receiver receiver;
    run("ip address add 10.9.0.1/24 dev " + net.way->name());
    BOOST_TEST(net.give(build({}).bytes));
    BOOST_TEST(!receiver.next().has_value());
}

BOOST_AUTO_TEST_CASE(sctp_leaves_with_a_right_sum) {
    Net net;
    net.open();
    Listener third("w1");
    FrameSpec spec = to_third(132, Sum::none);
    BuiltFrame frame = build(spec);
    for (size_t i = 4; i < 12; ++i) frame.bytes[frame.transport + i] = 0;
    BOOST_TEST(net.give(frame.bytes, 60));
    const auto seen = of_ipv4(third.incoming(1));
    BOOST_TEST_REQUIRE(seen.size() == 1);
    uint32_t crc = ~0u;
    for (size_t i = frame.transport; i < frame.bytes.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            const bool odd = ((crc ^ static_cast<uint32_t>(frame.bytes[i] >> bit)) & 1) != 0;
            crc = crc >> 1 ^ (odd ? 0x82f63b78u : 0u);
        }
    BOOST_TEST(load_le<uint32_t>(seen[0].bytes.data() + frame.transport + 8) == ~crc);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_given_is_counted) {
    Net net;
    net.open(2);
    BOOST_TEST(!net.give(Bytes(13, 2)));
    BOOST_TEST(!net.give(Bytes(GiveBack::kMaxChunks + 1, 2), 1));
    BOOST_TEST(net.way->counts(0).refused == 2);
    run("ip link set " + net.way->name() + " down");
    BOOST_TEST(!net.give(build({}).bytes));
    BOOST_TEST(net.way->counts(0).down == 1);
    BOOST_TEST(net.way->counts(0).lost() == 3);
    BOOST_TEST(net.way->counts(1).lost() == 0);
}

BOOST_AUTO_TEST_CASE(queues_are_equal) {
    Net net;
    net.open(3);
    Receiver receiver;
    for (unsigned queue = 0; queue < 3; ++queue) {
        BOOST_TEST(net.give(build({}).bytes, 1 << 20, queue));
        BOOST_TEST(receiver.next().has_value());
        BOOST_TEST(net.way->counts(queue).given == 1);
    }
}

BOOST_AUTO_TEST_CASE(inner_checksums_of_a_tunnel) {
    Net net;
    run("ip link add x0 address 02:00:00:00:00:07 type vxlan id 5 local 10.9.0.1 dstport 4789 dev "
        "v0;"
        "ip link set x0 up; ip address add 10.7.0.1/24 dev x0;"
        "echo 0 >/proc/sys/net/ipv4/conf/x0/rp_filter");
    net.open();
    Receiver receiver;
    for (const Sum sum : {Sum::partial, Sum::complete, Sum::damaged}) {
        FrameSpec inside;
        inside.to = {2, 0, 0, 0, 0, 7};
        inside.source = {10, 7, 0, 2};
        inside.destination = {10, 7, 0, 1};
        inside.sum = sum;
        const Bytes inner = build(inside).bytes;
        FrameSpec outside;
        outside.destination_port = 4789;
        outside.payload = {8, 0, 0, 0, 0, 0, 5, 0};
        outside.payload.insert(outside.payload.end(), inner.begin(), inner.end());
        BOOST_TEST(net.give(build(outside).bytes));
        const auto got = receiver.next();
        BOOST_TEST(got.has_value() == (sum != Sum::damaged));
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_on_the_helper) {
    Net net;
    net.open();
    const std::string name = net.way->name();
    BOOST_TEST(name.starts_with("vfm"));
    poll(nullptr, 0, 300);
    BOOST_TEST(output("ip -o address show dev " + name) == "");
    BOOST_TEST(output("ip route show table all dev " + name) == "");
    BOOST_TEST(sent_on(name) == 0);
    // What somebody sends there all the same is discarded at once.
    run("ip address add 10.3.0.1/24 dev " + name +
        "; ping -c 2 -i 0.1 -W 0.1 10.3.0.2 >/dev/null || true");
    BOOST_TEST(sent_on(name) == 0);
}

BOOST_AUTO_TEST_CASE(a_killed_process_leaves_nothing) {
    Net net;
    // Names only: the state of a link changes a little after it was set up.
    const std::string everything =
        "ip -o link | cut -d: -f2; tc qdisc; tc filter show dev v0 ingress";
    const std::string before = output(everything);
    for (int round = 0; round < 40; ++round) {
        const pid_t child = fork();
        if (child == 0) {
            for (;;) (void)GiveBack::open(static_cast<int>(if_nametoindex("v0")), 2);
        }
        poll(nullptr, 0, 3 * (round % 10));
        kill(child, SIGKILL);
        BOOST_REQUIRE(waitpid(child, nullptr, 0) == child);
        BOOST_REQUIRE_EQUAL(output(everything), before);
    }
}

BOOST_AUTO_TEST_CASE(refusals_say_why) {
    Net net;
    const auto loopback = GiveBack::open(1, 1);
    BOOST_REQUIRE(!loopback.has_value());
    BOOST_TEST((loopback.error().status == Status::refused));
    BOOST_TEST(loopback.error().diagnostics[0].message.find("MAC") != std::string::npos);
    BOOST_TEST(!GiveBack::open(4711, 1).has_value());
    BOOST_TEST(GiveBack::missing() == "");
    // Without the privilege.
    const pid_t child = fork();
    if (child == 0) {
        const bool unprivileged = setresgid(1, 1, 1) == 0 && setresuid(1, 1, 1) == 0;
        const std::string missing = GiveBack::missing();
        _exit(unprivileged && (missing.find("CAP_NET_ADMIN") != std::string::npos ||
                               missing.find("/dev/net/tun: Permission denied") != std::string::npos)
                  ? 0
                  : 1);
    }
    int status = -1;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
