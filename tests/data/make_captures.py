#!/usr/bin/env python3
"""Writes the captures that the golden tests run filters on: make_captures.py DIRECTORY.

Every capture is made from a few words here, so that none needs to be kept. Standard library only.
"""
import gzip
import ipaddress
import struct
import sys
from pathlib import Path

A, B, C = "10.0.0.1", "10.0.0.2", "192.168.7.9"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(payload, ethertype=0x0800, tags=()):
    frame = bytes.fromhex("020000000002 020000000001")
    for tpid, tci in tags:
        frame += struct.pack("!HH", tpid, tci)
    return frame + struct.pack("!H", ethertype) + payload


def ipv4(proto, payload, src=A, dst=B, options=b"", fragment=0, total=None):
    """`fragment` is the 16-bit field of flags and offset; `total` a length that need not be true."""
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, 0, total or ihl * 4 + len(payload), 1, fragment,
                       64, proto, 0, ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(proto, payload, src="2001:db8::1", dst="2001:db8::2"):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + \
        ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + payload


def tcp_segment(sport, dport, flags, data=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 8192, 0, 0) + data


def udp_segment(sport, dport, data=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(dport, flags=ACK, sport=40000, src=A, dst=B, data=b""):
    return eth(ipv4(6, tcp_segment(sport, dport, flags, data), src, dst))


def udp(dport, sport=40000, src=A, dst=B, data=b""):
    return eth(ipv4(17, udp_segment(sport, dport, data), src, dst))


ICMP = eth(ipv4(1, bytes.fromhex("0800 f7ff 0000 0000")))
ARP = eth(bytes.fromhex("0001 0800 0604 0001 020000000001 0a000001 000000000000 0a000002"), 0x0806)
SIX = eth(ipv6(6, tcp_segment(40000, 80, SYN)), 0x86DD)

# What policy.vfl has an opinion of.
POLICY = [ARP, tcp(443, SYN, src="127.0.0.1"), ICMP, tcp(22, SYN, src=C), tcp(22, SYN), tcp(22, SYN),
          tcp(22, SYN), udp(123, data=bytes.fromhex("1700032a")), tcp(443), tcp(666),
          udp(53, data=bytes(600)), eth(ipv6(6, tcp_segment(40000, 443, ACK)), 0x86DD, [(0x8100, 7)]),
          tcp(80)[:30]]

CAPTURES = {
    "policy": POLICY,
    "empty": [],
    "tcp": [tcp(80)],
    # one packet of each sort
    "mixed": [tcp(80, SYN), tcp(443, PSH | ACK), tcp(22), tcp(8080), udp(53), udp(9999, data=bytes(1400)),
              ICMP, ARP, SIX, tcp(80)[:20], tcp(80, src=C)],
    # 12 SYNs of one source, then one of another
    "syns": [tcp(80, SYN, 40000 + i) for i in range(12)] + [tcp(80, SYN, src=C)],
    # 102 packets of one flow, then one of another source
    "flood": [tcp(80)] * 102 + [tcp(80, src=C)],
    # the same with ssh
    "ssh": [tcp(22)] * 12 + [udp(53), tcp(22, src=C)],
    # SYNs of one source to 22 ports, each twice
    "scan": [tcp(1 + i, SYN) for i in range(22) for _ in range(2)],
    # an open connection, its answer, its third step and data; then an ACK out of nowhere
    "handshake": [tcp(80, SYN), tcp(40000, SYN | ACK, 80, B, A), tcp(80, ACK), tcp(80, PSH | ACK, data=b"x"),
                  tcp(80, ACK, 50000), tcp(80, RST, 50001), udp(53)],
    "http": [tcp(80, PSH | ACK, data=b"GET / HTTP/1.1\r\n"), tcp(80, PSH | ACK, data=b"POST / HTTP/1.1\r\n"),
             tcp(80, ACK), tcp(443, PSH | ACK, data=b"GET / HTTP/1.1\r\n"), udp(80, data=b"GET / ")],
    "dns": [udp(40000, 53, data=bytes(100)), udp(40000, 53, data=bytes(600)), udp(53, data=bytes(600)), tcp(53)],
    # IPv4 headers: good, IHL 4, version 6, length 10, IHL 15, with options, cut
    "ipv4": [tcp(80), eth(b"\x44" + ipv4(6, bytes(20))[1:]), eth(b"\x65" + ipv4(6, bytes(20))[1:]),
             eth(ipv4(6, bytes(20), total=10)), eth(ipv4(6, bytes(20), options=bytes(40))),
             eth(ipv4(6, bytes(20), options=bytes(4))), tcp(80)[:15]],
    # what the walk over the headers meets: tags, IPv6 with a hop-by-hop header, fragments
    "walk": [eth(ipv4(6, tcp_segment(1, 80, SYN)), tags=[(0x8100, 0x2064)]),
             eth(ipv4(17, udp_segment(1, 53)), tags=[(0x88A8, 7), (0x8100, 8)]),
             eth(ipv6(0, bytes([6, 0]) + bytes(6) + tcp_segment(1, 80, SYN)), 0x86DD),
             eth(ipv4(17, udp_segment(1, 53), fragment=0x2000)),
             eth(ipv4(17, bytes(8), fragment=0x0001)), ARP],
    # one packet cut at every length
    "cut": [tcp(80)[:n] for n in range(0, 55)],
}


def pcap(packets, nano=False, snaplen=65535, linktype=1):
    out = struct.pack("<IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, linktype)
    for number, packet in enumerate(packets):
        seen = packet[:snaplen]
        out += struct.pack("<IIII", 1_000_000_000 + number, 0, len(seen), len(packet)) + seen
    return out


def section(order="<", interfaces=((1, 0),)):
    """A section header of this byte order and (link type, snap length) of its interfaces."""
    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    for link_type, snap in interfaces:
        out += block(1, struct.pack(order + "HHI", link_type, 0, snap), order)
    return out


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def packet_block(packet, number, interface=0, order="<"):
    time = (1_000_000_000 + number) * 1_000_000
    return block(6, struct.pack(order + "IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(packet),
                                len(packet)) + packet, order)


def pcapng(packets):
    return section() + b"".join(packet_block(packet, number) for number, packet in enumerate(packets))


IP4, IP6 = tcp(80)[14:], SIX[14:]


def sll2(protocol, packet, hardware=1):
    return struct.pack("!HHIHBB8x", protocol, 0, 2, hardware, 0, 6) + packet


def sll(protocol, packet, hardware=1):
    return struct.pack("!HHH8xH", 0, hardware, 6, protocol) + packet


# Link types: number, packets. The last packet of each states no EtherType, where that can be.
LINKS = {
    "sll": (113, [sll(0x0800, IP4), sll(0x86DD, IP6), sll(4, IP4)]),
    "sll2": (276, [sll2(0x0800, IP4), sll2(0x0806, ARP[14:]), sll2(0, IP4, 824)]),
    "raw": (101, [IP4, IP6, b"\x15" + IP4[1:]]),
    "null": (0, [struct.pack("<I", 2) + IP4, struct.pack(">I", 30) + IP6, struct.pack("<I", 7) + IP4]),
    "ppp": (9, [b"\xff\x03\x00\x21" + IP4, b"\x00\x57" + IP6, b"\xc0\x21" + IP4]),
    "wlan": (105, [bytes(40)]),
}


def write_all(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, packets in CAPTURES.items():
        (folder / f"{name}.pcap").write_bytes(pcap(packets))
    mixed = CAPTURES["mixed"]
    (folder / "mixed-nano.pcap").write_bytes(pcap(mixed, nano=True))
    (folder / "mixed-snap40.pcap").write_bytes(pcap(mixed, snaplen=40))
    (folder / "mixed.pcapng").write_bytes(pcapng(mixed))
    (folder / "broken-cut.pcap").write_bytes(pcap(mixed)[:-10])
    (folder / "broken-cut.pcapng").write_bytes(pcapng(mixed)[:-10])
    (folder / "broken-length.pcap").write_bytes(pcap(mixed[:2]) + struct.pack("<IIII", 1, 0, 2**31, 2**31))
    (folder / "broken-head.pcap").write_bytes(pcap([])[:10])
    (folder / "broken-text.pcap").write_text("this is no capture, only some text\n")
    for name, (number, packets) in LINKS.items():
        (folder / f"link-{name}.pcap").write_bytes(pcap(packets, linktype=number))
    (folder / "mixed.pcap.gz").write_bytes(gzip.compress(pcap(mixed), mtime=0))
    (folder / "broken-cut.pcap.gz").write_bytes(gzip.compress(pcap(mixed), mtime=0)[:-10])
    # Two interfaces of different link types, then a section of the other byte order.
    (folder / "interfaces.pcapng").write_bytes(
        section("<", [(1, 96), (101, 0)]) + packet_block(tcp(80), 0) + packet_block(IP6, 1, 1) +
        section(">") + packet_block(udp(53), 2, 0, ">"))
    (folder / "nothing.pcap").write_bytes(b"")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_captures.py DIRECTORY")
    write_all(sys.argv[1])
