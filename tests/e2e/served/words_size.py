"""Sums and sizes of frames."""
import struct

from lib_exchange import all_received, contents, ping, received, tcp_stream, udp_socket, word
from lib_packet import (ETH_P_IP, ETH_P_IPV6, ETH_P_TEST, address, ethernet, icmp, pseudo, tcp,
                        total, udp)
from lib_world import (CLIENT, CLIENT6, CLIENT_MAC, SERVER, SERVER6, SERVER_MAC)

UDP_SEGMENT, UDP_GRO = 103, 104


@word("checksums", ipv6=True)
def checksums(w):
    """Right, damaged and missing sums of all protocols: the stack takes and counts the same."""
    w.know_neighbours()
    view = w.watch(w.server, "v0", incoming_only=True)
    back = w.watch(w.client, "v1", incoming_only=True)
    send = w.sender(w.client, "v1")
    taken = []
    with udp_socket(w.server, "0.0.0.0", 7001) as four, udp_socket(w.server, "::", 7003) as six:
        for size in (0, 1, 2, 33, 700, 1452):
            for options in ({}, {"damaged": True}, {"no_sum": True}):
                send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                                   udp(CLIENT, SERVER, 4000, 7001, contents(size), **options)),
                          ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IPV6,
                                   udp(CLIENT6, SERVER6, 4000, 7003, contents(size), **options)))
        for damaged in (False, True):
            for kind, a, b in ((ETH_P_IP, CLIENT, SERVER), (ETH_P_IPV6, CLIENT6, SERVER6)):
                send.send(ethernet(SERVER_MAC, CLIENT_MAC, kind,
                                   tcp(a, b, 4000, 7009, 2, damaged=damaged)),
                          ethernet(SERVER_MAC, CLIENT_MAC, kind,
                                   icmp(a, b, 8 if kind == ETH_P_IP else 128, damaged=damaged)))
        # A damaged header of IPv4 below a right UDP sum, and a frame with bytes behind the packet.
        whole = udp(CLIENT, SERVER, 4000, 7001, b"header")
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, whole[:10] + b"\xde\xad" + whole[12:]),
                  ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, whole + b"trailer of the frame"))
        # A right sum that equals that of the pseudo-header: what looks unfinished becomes itself.
        body = struct.pack("!HHHH", 4000, 7001, 10, 0)
        start = pseudo(address(CLIENT), address(SERVER), 17, 10)
        rest = (2 * 0xFFFF - 2 * start - total(body)) % 0xFFFF
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, SERVER, 4000, 7001, struct.pack("!H", rest))))
        # The kernel's own, finished by nobody where offloads are on.
        with udp_socket(w.client, CLIENT, 7002) as client, udp_socket(w.client, CLIENT6,
                                                                      7004) as client6:
            for size in (0, 1, 700, 1452):
                client.sendto(contents(size), (SERVER, 7001))
                client6.sendto(contents(size), (SERVER6, 7003))
        for name, sock in ("four", four), ("six", six):
            taken += [(row[0].hex(), row[1]) for row in all_received(w, name, sock, w.server)]
    streams = [tcp_stream(w.server, SERVER, w.client, 100_000),
               tcp_stream(w.client, CLIENT6, w.server, 100_000)]

    def raw(frame):
        found = frame.layer4()
        return found and found[3][:2] == struct.pack("!H", 4000)
    return {"taken": sorted(taken), "streams": streams, "seen": w.frames("seen", view, raw),
            "answers": len(w.frames("answers", back,
                                    lambda frame: bool(frame.layer4())
                                    and frame.layer4()[0] in (1, 58)))}


@word("gso_gro", ipv6=True)
def gso_gro(w):
    """Streams that leave in super-frames and arrive joined; UDP in segments."""
    w.know_neighbours()
    size = 1_000_000
    record = {}
    view = w.watch(w.server, "v0", incoming_only=True)
    for name, address_of, receiver, sender in (("in", SERVER, w.server, w.client),
                                               ("out", CLIENT, w.client, w.server),
                                               ("in6", SERVER6, w.server, w.client),
                                               ("out6", CLIENT6, w.client, w.server)):
        record[name] = tcp_stream(receiver, address_of, sender, size)
    if w.case.hand_over == "skb":  # native mode has the peer cut them
        record["super-frames"] = any(len(frame.data) > 2 * w.case.mtu for frame in view.drain())
    # GRO at the served host may be switched on and off.
    for switch in ("on", "off"):
        w.server.run(f"ethtool -K v0 gro {switch}", check=False)
        record["gro " + switch] = tcp_stream(w.server, SERVER, w.client, size)
    if not w.case.offloads:
        w.server.run("ethtool -K v0 gro off", check=False)
    # Segments of one send: datagrams of 1,000 bytes, the last shorter.
    with udp_socket(w.server, SERVER, 7001) as server, udp_socket(w.client, CLIENT, 7002) as client:
        client.setsockopt(17, UDP_SEGMENT, 1000)
        try:
            for first in range(5):
                client.sendto(contents(8500)[first:], (SERVER, 7001))
        except OSError as problem:
            record["segments"] = str(problem)  # without checksum offload the kernel may refuse
        record["datagrams"] = [row[0].hex() for row in all_received(w, "datagrams", server,
                                                                    w.server)]
        # Joined again for a socket that wants it: the same bytes, whatever the pieces.
        server.setsockopt(17, UDP_GRO, 1)
        for first in range(5):
            try:
                client.sendto(contents(8500)[first:], (SERVER, 7001))
            except OSError:
                break

        def joined(rows):
            return b"".join(row[0] for row in rows)
        rows = all_received(w, "joined", server, w.server, lambda rows: len(joined(rows)))
        record["joined"] = joined(rows).hex()
    return record


@word("mtu", ipv6=True)
def mtu(w):
    """Frames of the size of the MTU and of the smallest; fragments; what is too large."""
    w.know_neighbours()
    view = w.watch(w.server, "v0", incoming_only=True)
    send = w.sender(w.client, "v1")
    top = w.case.mtu
    for size in (0, 1, 2, 10, 46, 500, top - 1, top):
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, contents(size)))
    send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, contents(top), (100,)))
    pings = [ping(w.client, target, top - less - extra, whole=True)
             for target, less in ((SERVER, 28), (SERVER6, 48)) for extra in (0, 1)]
    pings += [ping(w.client, target, 5000) for target in (SERVER, SERVER6)]
    pings += [ping(w.server, target, 5000) for target in (CLIENT, CLIENT6)]
    taken = []
    with udp_socket(w.server, SERVER, 7001) as server, udp_socket(w.client, CLIENT, 7002) as client:
        for size in (top - 28, top - 27, 2 * top, 60_000):
            client.sendto(contents(size), (SERVER, 7001))
            got = received(server, w.server)
            taken.append(got and (got[0] == contents(size), len(got[0])))
    return {"pings": pings, "taken": taken,
            "seen": w.frames("seen", view, lambda frame: len(frame.data) >= 14
                             and frame.parts()[0] == ETH_P_TEST)}


@word("jumbo", mtu=9000, ipv6=True)
def jumbo(w):
    """The same with frames that no single chunk holds."""
    record = mtu(w)
    record["streams"] = [tcp_stream(receiver, address_of, sender, 1_000_000) for address_of,
                         receiver, sender in (
        (SERVER, w.server, w.client), (CLIENT, w.client, w.server), (SERVER6, w.server, w.client))]
    view = w.watch(w.server, "v0", incoming_only=True)
    send = w.sender(w.client, "v1")
    for size in (3400, 3500, 3700, 4096, 4097, 7000, 8192, 8999, 9000):
        send.send(ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, contents(size)),
                  ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, SERVER, 4000, 9, contents(size - 28))))
    record["chunks"] = w.frames("chunks", view, lambda frame: frame.parts()[0] == ETH_P_TEST or (
        bool(frame.layer4()) and frame.layer4()[3][:2] == struct.pack("!H", 4000)))
    return record
