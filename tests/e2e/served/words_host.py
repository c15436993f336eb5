"""What else lives on the host."""
import os
import signal
import struct
import time

import lib_bpf
import lib_serve
from lib_exchange import all_received, contents, ping, received, tcp_stream, udp_socket, word
from lib_packet import (ETH_P_IP, ETH_P_TEST, ethernet, icmp, tcp, udp)
from lib_sandbox import Failed, Skip, wait_for
from lib_world import (IFF_PROMISC, CLIENT, CLIENT6, CLIENT_MAC, ROUTER, ROUTER6, SERVER, SERVER6,
                       SERVER_MAC, THIRD, THIRD6, THIRD_MAC, features)


@word("promiscuous")
def promiscuous(w):
    """Frames for others are seen by who asks for them and answered by nobody."""
    w.know_neighbours()
    back = w.watch(w.client, "v1", incoming_only=True)
    send = w.sender(w.client, "v1")
    record = {}
    for state in "on", "off":
        w.server.run(f"ip link set v0 promisc {state}")
        view = w.watch(w.server, "v0", incoming_only=True)
        for target in (SERVER_MAC, "02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff"):
            send.send(ethernet(target, CLIENT_MAC, ETH_P_TEST, state.encode().ljust(50)),
                      ethernet(target, CLIENT_MAC, ETH_P_IP, icmp(CLIENT, SERVER)))
        record[state] = w.frames(state, view)
        record["flags " + state] = bool(w.flags(w.server, "v0") & IFF_PROMISC)
    record["answers"] = w.frames("answers", back, numbered=True)
    return record


def captured(path):
    """Frames of a capture file."""
    with open(path, "rb") as file:
        data = file.read()[24:]
    frames = []
    while len(data) >= 16:
        size, wire = struct.unpack_from("<II", data, 8)
        frames.append((wire, data[16:16 + size].hex()))
        data = data[16 + size:]
    return frames


@word("tcpdump")
def tcpdump(w):
    """`tcpdump -i v0` shows each frame once, in both directions and order; `-i any` shows it once
    on v0."""
    w.know_neighbours()
    send = w.sender(w.client, "v1")
    everywhere = w.watch(w.server, None)
    path = f"{os.path.dirname(lib_serve.BPFFS)}/dump.pcap"
    if os.path.exists(path):
        os.unlink(path)
    dump = w.server.start(["tcpdump", "-i", "v0", "-U", "-n", "-w", path, "-s", "2000", "-B",
                           "8192", "--immediate-mode", "-Z", "root"],
                          stdout=-3, stderr=-3)
    try:
        wait_for("tcpdump", lambda: os.path.exists(path) and os.path.getsize(path) >= 24)
        time.sleep(0.1)  # the file is there before its socket is
        for number in range(30):
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, bytes([number]) * 50))
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                               icmp(CLIENT, SERVER, ident=number)))
        # 60 in, 30 answers out.
        time.sleep(0.05)
        try:
            wait_for("90 frames", lambda: len(captured(path)) >= 90, 3)
        except Failed:
            pass
        time.sleep(0.1)
    finally:
        dump.send_signal(signal.SIGINT)
        dump.wait()
    frames = captured(path)
    # The kernel numbers its answers.
    masked = sorted((wire, text[:36] + text[40:48] + text[52:] if text[24:28] == "0800" else text)
                    for wire, text in frames)
    any_view = [frame for frame in everywhere.drain() if frame.interface == "v0"]
    return {"frames": masked, "in order": [text[28:30] for wire,
                                           text in frames if text[24:28] == "88b5"],
            "any": len(any_view)}


@word("tc")
def tc(w):
    """tc programs of others see each frame once, with its interface and length, and decide on
    it."""
    if lib_serve.SERVED_BY == "kernel" and w.case.hand_over == "skb":
        raise Skip("generic XDP leaves the Ethernet header out of the length that tc sees")
    w.know_neighbours()
    send = w.sender(w.client, "v1")
    view = w.watch(w.server, "v0", incoming_only=True)
    tables = {way: lib_bpf.counter_map() for way in ("ingress", "egress")}
    w.server.run("tc qdisc add dev v0 clsact")
    record = {}
    try:
        for way, table in tables.items():
            path = f"{lib_serve.BPFFS}/count_{way}"
            lib_bpf.pin(lib_bpf.counting(table, lib_bpf.TC_ACT_SHOT,
                                         only_length=14 + 20 + 8 + 333), path)
            w.server.run(f"tc filter add dev v0 {way} prio 7 bpf da pinned {path}")
            os.unlink(path)
        filters = [w.server.out(f"tc filter show dev v0 {way}").split(" id ")[0] for way in tables]
        with udp_socket(w.server, SERVER, 7001) as server:
            for size in (10, 333, 500, 1472):
                for _ in range(10):
                    send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                                       udp(CLIENT, SERVER, 4000, 7001, contents(size))))
            record["taken"] = [len(row[0]) for row in all_received(w, "taken", server, w.server)]
            for size in (333, 334):  # what goes out
                server.sendto(contents(size), (CLIENT, 9))
        record["seen"] = w.frames("seen", view, lambda frame: frame.data[12:14] == b"\x08\x00" and
                                  frame.layer4()[0] == 17, numbered=True)
        record["counted"] = {way: lib_bpf.counted(table) for way, table in tables.items()}
        record["filters"] = filters
    finally:
        w.server.run("tc qdisc delete dev v0 clsact")
        for table in tables.values():
            os.close(table)
    return record


def through_traffic(w, third_view):
    """From the client to the third host and back, by the kernel and by frames."""
    record = {"pings": [ping(w.client, THIRD), ping(w.third, CLIENT),
                        ping(w.client, THIRD, 4000),
                        ping(w.client, THIRD, 1472, whole=True)]}
    record["streams"] = [tcp_stream(w.third, THIRD, w.client, 1_000_000),
                         tcp_stream(w.client, CLIENT, w.third, 1_000_000)]
    taken = []
    with udp_socket(w.third, THIRD, 7001) as server, udp_socket(w.client, CLIENT, 7002) as client:
        for size in (0, 1, 700, 1472, 9000):
            client.sendto(contents(size), (THIRD, 7001))
            got = received(server, w.third)
            taken.append(got and (got[0].hex()[:20], len(got[0]), got[1]))
    record["taken"] = taken

    def whole_udp(frame):
        found = frame.layer4()
        return found and found[0] == 17 and len(frame.data) < 800 and \
            found[3][2:4] == struct.pack("!H", 7001)
    # (kind, tag, what the sum is, unfinished, ...): with offloads off it must be right on the wire.
    record["sums"] = [row[:4] for row in w.frames("sums", third_view, whole_udp)]
    return record


@word("forwarding", ipv6=True, third=True)
def forwarding(w):
    """ip_forward to a third host whose interface has no offloads: sums, TTL, ICMP errors, both
    families."""
    w.know_neighbours()
    features(w.server, "w0", tx=False, tso=False, gso=False)
    for space, via, via6, net, net6, device in ((w.client, SERVER, SERVER6, "10.9.1.0/24",
                                                 "fd0a::/64", "v1"),
                                                (w.third, ROUTER, ROUTER6, "10.9.0.0/24",
                                                 "fd09::/64", "w1")):
        space.run(f"ip route replace {net} via {via} dev {device}")
        space.run(f"ip -6 route replace {net6} via {via6} dev {device}")
    w.server.sysctl("net/ipv4/ip_forward", 1)
    w.server.sysctl("net/ipv6/conf/all/forwarding", 1)
    third = w.watch(w.third, "w1", incoming_only=True)
    back = w.watch(w.client, "v1", incoming_only=True)
    try:
        record = through_traffic(w, third)
        record["pings6"] = [ping(w.client, THIRD6), ping(w.third, CLIENT6)]
        record["stream6"] = tcp_stream(w.third, THIRD6, w.client, 1_000_000)
        send = w.sender(w.client, "v1")
        # Its life ends here; nobody listens there; the sum is damaged and stays so.
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, THIRD, 4000, 7001, b"short life", ttl=1)),
                  ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, THIRD, 4000, 7777, b"nobody")),
                  ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, THIRD, 4000, 7777, b"damaged", damaged=True)),
                  ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, tcp(CLIENT, THIRD, 4000, 7777, 2)))
        record["forwarded"] = w.frames("forwarded", third, lambda frame: bool(frame.layer4()) and
                                       frame.layer4()[3][:2] == struct.pack("!H", 4000))
        record["errors"] = [row[4][46:] and row[0]
                            for row in w.frames("errors", back, lambda frame: bool(
            frame.layer4()) and frame.layer4()[0] == 1 and frame.layer4()[3][0] in (3, 11))]
    finally:
        w.server.sysctl("net/ipv4/ip_forward", 0)
        w.server.sysctl("net/ipv6/conf/all/forwarding", 0)
        for space, net, net6 in (w.client, "10.9.1.0/24", "fd0a::/64"), (w.third, "10.9.0.0/24",
                                                                         "fd09::/64"):
            space.run(f"ip route delete {net}")
            space.run(f"ip -6 route delete {net6}")
    return record


@word("bridges", third=True)
def bridges(w):
    """The served interface is a port of a bridge: the third host is on the client's wire."""
    features(w.server, "w0", tx=False, tso=False, gso=False)
    if w.server.run("ip link add br0 type bridge", check=False).returncode:
        raise Skip("this kernel has no bridges")
    addresses = [(w.server, "v0", f"{SERVER}/24"), (w.server, "w0", f"{ROUTER}/24")]
    for space, device, text in addresses:
        space.run(f"ip address delete {text} dev {device}")
        space.run(f"ip link set {device} master br0")
    w.server.sysctl("net/ipv6/conf/br0/disable_ipv6", 1)
    w.server.run(f"ip address add {SERVER}/16 dev br0")
    w.server.run("ip link set br0 up")
    w.client.run("ip route add 10.9.1.0/24 dev v1")
    w.third.run("ip route add 10.9.0.0/24 dev w1")
    third = w.watch(w.third, "w1", incoming_only=True)
    view = w.watch(w.server, "v0", incoming_only=True)
    try:
        record = through_traffic(w, third)
        record["the bridge itself"] = [ping(w.client, SERVER),
                                       tcp_stream(w.server, SERVER, w.client, 100_000)]
        send = w.sender(w.client, "v1")
        for target in (THIRD_MAC, "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99", "01:80:c2:00:00:00",
                       SERVER_MAC):
            send.send(ethernet(target, CLIENT_MAC, ETH_P_TEST, b"bridged".ljust(50)),
                      ethernet(target, "02:00:00:00:00:55", ETH_P_TEST, b"tagged".ljust(50),
                               (100,)))
        for name, watch in ("bridged", third), ("seen", view):
            record[name] = w.frames(name, watch, lambda frame: frame.parts()[0] == ETH_P_TEST)
        record["learned"] = sorted({line.split(" ")[0] + " " + line.split()[2] for line in
                                    w.server.out("bridge fdb show br br0").splitlines()
                                    if line.startswith("02:") and "permanent" not in line})
    finally:
        w.client.run("ip route delete 10.9.1.0/24 dev v1")
        w.third.run("ip route delete 10.9.0.0/24 dev w1")
        w.server.run("ip link delete br0")
        for space, device, text in addresses:
            space.run(f"ip address add {text} dev {device}")
    return record
