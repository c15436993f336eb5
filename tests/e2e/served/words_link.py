"""What the link and the addresses on it look like."""
import contextlib
import os
import socket
import struct

from lib_exchange import (all_received, ask_for_details, ping, received, tcp_stream, udp_socket,
                          word)
from lib_packet import (ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ETH_P_QINQ, ETH_P_TEST, address, arp,
                        ethernet, icmp, ip, mac, tcp,
                        udp, with_sum)
from lib_world import (CLIENT, CLIENT6, CLIENT_MAC, SERVER, SERVER6, SERVER_MAC)
import lib_bpf
import lib_sandbox
import lib_serve


@word("addresses", ipv6=True)
def addresses(w):
    """Every address, first and second, unicast and broadcast, of both families; from and to whom,
    by which interface, with which TTL."""
    w.know_neighbours()
    more = [(w.client, "v1", "10.9.0.22/24"), (w.client, "v1", "fd09::22/64"),
            (w.server, "v0", "10.9.0.11/24"), (w.server, "v0", "fd09::11/64")]
    for space, device, added in more:
        space.run(["ip", "address", "add", added, "dev", device] + ["nodad"] * (":" in added))
    for device, space, target, hardware in (("v0", w.server, "10.9.0.22", CLIENT_MAC),
                                            ("v0", w.server, "fd09::22", CLIENT_MAC),
                                            ("v1", w.client, "10.9.0.11", SERVER_MAC),
                                            ("v1", w.client, "fd09::11", SERVER_MAC)):
        space.run(f"ip neighbour replace {target} lladdr {hardware} dev {device} nud permanent")
    arrived, answered = [], []
    try:
        for sources, targets, any_address in (
                ((CLIENT, "10.9.0.22"), (SERVER, "10.9.0.11", "10.9.0.255", "255.255.255.255"),
                 "0.0.0.0"),
                ((CLIENT6, "fd09::22"), (SERVER6, "fd09::11"), "::")):
            with udp_socket(w.server, any_address, 7001) as server:
                ask_for_details(server)
                for source in sources:
                    with udp_socket(w.client, source) as client:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"v1")
                        for target in targets:
                            client.sendto(f"{source} to {target}".encode(), (target, 7001))
                            got = received(server, w.server)
                            if got:
                                server.sendto(b"answer to " + got[0],
                                              (source, client.getsockname()[1]))
                                got = got[0], got[1][0], got[2]
                            arrived.append(got)
                            back = received(client, w.client)
                            answered.append(back and (back[0], back[1][0]))
        connections = [tcp_stream(w.server, target, w.client, 3000)
                       for target in (SERVER, "10.9.0.11", SERVER6)]
        pings = [ping(space, target) for space, target in (
            (w.client, SERVER), (w.client, SERVER6), (w.server, CLIENT), (w.server, CLIENT6))]
    finally:
        for space, device, added in more:
            space.run(f"ip address delete {added} dev {device}", check=False)
    return {"arrived": arrived, "answered": answered, "TCP": connections, "ping": pings}


@word("macs")
def macs(w):
    """To whom a frame is addressed, as the host sees it, also after its address has changed."""
    w.know_neighbours()
    seen = w.watch(w.server, "v0", incoming_only=True)
    back = w.watch(w.client, "v1", incoming_only=True)
    send = w.sender(w.client, "v1")
    other = "02:00:00:00:00:99"

    def one_of_each(mark):
        for target in (SERVER_MAC, other, "ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:03",
                       "33:33:00:00:00:77",
                       "01:80:c2:00:00:0e"):
            for source in (CLIENT_MAC, "02:00:00:00:00:55"):
                send.send(ethernet(target, source, ETH_P_TEST, mark.ljust(60)))
        # Only what is for the host is answered.
        for target in (SERVER_MAC, other):
            send.send(ethernet(target, CLIENT_MAC, ETH_P_IP, icmp(CLIENT, SERVER, payload=mark)))

    def change(address):
        w.server.run(f"ip link set v0 address {address}")
        # What serves the filter is told of it a moment later.
        lib_sandbox.wait_for("the new address", lambda: all(
            link["address"] == address for link in w.helpers()), 0.5)

    one_of_each(b"before")
    first = w.frames("first", seen)
    change(other)
    one_of_each(b"changed")
    second = w.frames("second", seen)
    change(SERVER_MAC)
    one_of_each(b"again")
    return {"first": first, "second": second, "third": w.frames("third", seen),
            "answers": w.frames("answers", back, numbered=True)}


@word("arp")
def arp_word(w):
    """Who asks and who answers, what is learned, and a host that says that it has moved."""
    watches = {name: w.watch(space, device) for name, space, device in (
        ("client", w.client, "v1"), ("server", w.server, "v0"))}
    pings = [ping(w.client, SERVER, count=2), ping(w.server, CLIENT, count=2)]
    w.forget_neighbours()
    pings.append(ping(w.server, CLIENT, count=2))
    send = w.sender(w.client, "v1")
    moved = "02:00:00:00:00:66"
    everyone = "ff:ff:ff:ff:ff:ff"
    send.send(ethernet(SERVER_MAC, moved, ETH_P_ARP, arp(2, moved, CLIENT, SERVER_MAC, SERVER)))
    send.send(ethernet(everyone, CLIENT_MAC, ETH_P_ARP,
                       arp(1, CLIENT_MAC, "10.9.0.77", "00:00:00:00:00:00", SERVER)))
    frames = {name: w.frames(name, watch, lambda frame: frame.parts()[0] == ETH_P_ARP)
              for name, watch in watches.items()}
    neighbours = sorted(line.split()[0] + " " + " ".join(line.split()[1:5])
                        for line in w.server.out("ip neighbour show").splitlines())
    return {"pings": pings, "neighbours": neighbours, **frames}


@word("nd", ipv6=True)
def nd(w):
    """Neighbour discovery, duplicate address detection and an address by router advertisement."""
    watches = {name: w.watch(space, device) for name, space, device in (
        ("client", w.client, "v1"), ("server", w.server, "v0"))}
    pings = [ping(w.client, SERVER6, count=2)]
    w.forget_neighbours()
    pings.append(ping(w.server, CLIENT6, count=2))
    # The client has an address that the server wants: it must be told so.
    taken = "fd09::dd"
    w.server.sysctl("net/ipv6/conf/v0/accept_dad", 1)
    w.server.sysctl("net/ipv6/conf/v0/dad_transmits", 1)
    w.client.run(f"ip address add {taken}/128 dev v1 nodad noprefixroute")
    w.server.run(f"ip address add {taken}/128 dev v0 noprefixroute")
    with contextlib.suppress(lib_sandbox.Failed):
        lib_sandbox.wait_for("the duplicate",
                             lambda: "dadfailed" in w.server.out("ip address show dev v0"), 3)
    duplicate = "dadfailed" in w.server.out("ip address show dev v0")
    for space, device in (w.server, "v0"), (w.client, "v1"):
        space.run(f"ip address delete {taken}/128 dev {device}")
    # A router's word.
    w.server.sysctl("net/ipv6/conf/v0/accept_ra", 2)
    w.server.sysctl("net/ipv6/conf/v0/accept_dad", 0)
    w.server.run("ip link set v0 addrgenmode eui64")
    prefix = address("fd77::")
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0) + \
        struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 1800, 0) + prefix
    router = "fe80::2"
    packet = ip(router, "ff02::1", 58, with_sum(router, "ff02::1", 58, body, 2), ttl=255)
    w.sender(w.client, "v1").send(ethernet("33:33:00:00:00:01", CLIENT_MAC, ETH_P_IPV6, packet))
    with contextlib.suppress(lib_sandbox.Failed):
        lib_sandbox.wait_for("an address", lambda: "fd77::" in w.server.out(
            "ip -6 address show dev v0 -tentative"), 3)
    own = sorted(word for word in w.server.out("ip -6 address show dev v0").split()
                 if word.startswith("fd77"))
    w.server.sysctl("net/ipv6/conf/v0/accept_ra", 0)
    w.server.run("ip link set v0 addrgenmode none")
    for text in own:
        w.server.run(f"ip address delete {text} dev v0")
    w.server.run("ip -6 route flush proto ra", check=False)
    w.server.run("ip -6 route flush proto kernel fd77::/64", check=False)

    def solicitation(frame):
        found = frame.layer4()
        # The nonce of duplicate detection is another each time.
        return found and found[0] == 58 and found[3][0] in (135, 136) and any(found[1])
    return {"pings": pings, "duplicate": duplicate, "by advertisement": own,
            **{name: sorted(w.frames(name, watch, solicitation)) for name,
               watch in watches.items()}}


def dhcp(kind, operation, own="0.0.0.0", server=None):
    """A DHCP message of the client with hardware address CLIENT_MAC or for it."""
    text = struct.pack("!BBBBIHH", operation, 1, 6, 0, 0x5EED, 0,
                       0x8000) + address("0.0.0.0") + address(own) + \
        address("0.0.0.0") * 2 + mac(CLIENT_MAC).ljust(16,
                                                       b"\0") + bytes(192) + b"\x63\x82\x53\x63" + \
        bytes([53, 1, kind])
    if server:
        text += bytes([54, 4]) + address(server) + bytes([51, 4, 0, 0, 14, 16])
    return text + b"\xff"


@word("dhcp")
def dhcp_word(w):
    """A lease for a host without an address: the served host gives one, then gets one."""
    record = {}
    for way, (giver, give_device, taker, take_device, giver_address) in {
            "served host gives": (w.server, "v0", w.client, "v1", SERVER),
            "served host takes": (w.client, "v1", w.server, "v0", CLIENT)}.items():
        # The taker listens below its stack, as clients do; 67 and 68 are the ports.
        view = w.watch(taker, take_device, incoming_only=True)
        send = w.sender(taker, take_device)
        seen = []
        with udp_socket(giver, "0.0.0.0", 67, give_device) as socket_of_giver:
            ask_for_details(socket_of_giver)
            for kind, answer in ((1, 2), (3, 5)):  # DISCOVER, OFFER; REQUEST, ACK
                send.send(ethernet("ff:ff:ff:ff:ff:ff", CLIENT_MAC, ETH_P_IP,
                                   udp("0.0.0.0", "255.255.255.255", 68, 67, dhcp(kind, 1))))
                got = received(socket_of_giver, giver)
                seen.append(got)
                if got:
                    socket_of_giver.sendto(dhcp(answer, 2, "10.9.0.200", giver_address),
                                           ("255.255.255.255", 68))
        record[way] = seen
        def lease(frame):
            found = frame.layer4()
            return found and found[0] == 17 and found[3][:4] == struct.pack("!HH", 67, 68)
        record[way + ", answers"] = w.frames(way, view, lease, numbered=True)
    return record


@word("vlans")
def vlans(w):
    """Tags in the bytes: one, none but a priority, two, 802.1ad outside; MTU beside the tag."""
    w.know_neighbours()
    views = w.watch(w.server, "v0", incoming_only=True), w.watch(w.client, "v1", incoming_only=True)
    send = w.sender(w.client, "v1", by_cpu=True)
    for tags in ((), (100,), (0,), (0x6000 | 5,), (200, 300), ((ETH_P_QINQ, 7), 8), (1, 2, 3)):
        # The kernel sends one tag beyond the MTU, not more.
        for size in (20, 1472 - 4 * (len(tags) if len(tags) > 1 else 0)):
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                               udp(CLIENT, SERVER, 4000, 9, bytes(size)), tags))
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, bytes(46), tags))
    # Priority tags are for the host itself, the others for nobody here.
    with udp_socket(w.server, SERVER, 7001) as server:
        for tag in (0, 0x2000, 100):
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                               udp(CLIENT, SERVER, 4001, 7001, bytes([tag >> 8]) * 30), (tag,)))
        taken = all_received(w, "taken", server, w.server)
    return {"seen": w.frames("seen", views[0]), "taken": taken}


@word("vlan_offload")
def vlan_offload(w):
    """Tags that the peer's kernel has put beside the bytes, as a receiving card does."""
    w.know_neighbours()
    view = w.watch(w.server, "v0", incoming_only=True)
    send = w.sender(w.client, "v1")
    w.client.run("tc qdisc add dev v1 clsact")
    try:
        for number, (protocol, tci) in enumerate(((0x8100, 100), (0x8100, 0x6005), (ETH_P_QINQ, 9),
                                                  (0x8100, 0))):
            path = f"{lib_serve.BPFFS}/push{number}"
            lib_bpf.pin(lib_bpf.push_vlan(protocol, tci), path)
            w.client.run(f"tc filter add dev v1 egress prio 1 bpf da pinned {path}")
            for size in (20, 1472):
                send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                                   udp(CLIENT, SERVER, 4000, 9, bytes(size))))
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, bytes([number]) * 46, (77,)))
            send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, tcp(CLIENT, SERVER, 4000, 9, 2)))
            w.client.run("tc filter delete dev v1 egress prio 1")
            os.unlink(path)
    finally:
        w.client.run("tc qdisc delete dev v1 clsact")
    return {"seen": w.frames("seen", view)}


@word("multicast", ipv6=True)
def multicast(w):
    """Groups that the host is in and others; the reports by which it says so."""
    w.know_neighbours()
    reports = w.watch(w.client, "v1", incoming_only=True)
    view = w.watch(w.server, "v0", incoming_only=True)
    taken = []
    for group, other, any_address in (("239.1.2.3", "239.1.2.4", "0.0.0.0"),
                                      ("ff15::1", "ff15::2", "::")):
        with udp_socket(w.server, any_address, 7001) as server, \
                udp_socket(w.client, CLIENT if any_address == "0.0.0.0" else CLIENT6,
                           7002) as client:
            ask_for_details(server)
            with w.server:
                index = socket.if_nametoindex("v0")
            if any_address == "0.0.0.0":
                server.setsockopt(0, socket.IP_ADD_MEMBERSHIP, address(group) + address(SERVER))
                client.setsockopt(0, socket.IP_MULTICAST_IF, address(CLIENT))
            else:
                server.setsockopt(41, socket.IPV6_JOIN_GROUP,
                                  address(group) + struct.pack("I", index))
                with w.client:
                    client.setsockopt(41, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("v1"))
            for target in (group, other, group):
                client.sendto(f"to {target}".encode(), (target, 7001))
            taken += all_received(w, group, server, w.server)

    def for_groups(frame):
        found = frame.layer4()
        return found and found[0] == 17
    seen = w.frames("seen", view, for_groups, numbered=True)
    # Reports come at random times.
    lib_sandbox.wait_for("a report", lambda: any(
        frame.layer4() and frame.layer4()[0] == 2 for frame in reports.drain()))
    return {"taken": taken, "seen": seen}
