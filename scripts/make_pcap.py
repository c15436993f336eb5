#!/usr/bin/env python3
"""Writes small captures, the same bytes every time: make_pcap.py NAME OUT ('-' for standard output),
make_pcap.py --list. Standard library only."""
import ipaddress
import struct
import sys

FIRST, SECOND, THIRD, SERVER = "10.0.0.1", "10.0.0.2", "192.168.7.9", "10.0.0.254"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(payload, ethertype=0x0800, tags=()):
    """`tags` are pairs of TPID and TCI, the outer one first."""
    frame = bytes.fromhex("020000000002020000000001")
    for tpid, tci in tags:
        frame += struct.pack("!HH", tpid, tci)
    return frame + struct.pack("!H", ethertype) + payload


def ipv4(proto, payload, src=FIRST, dst=SERVER, options=b"", fragment=0):
    """`fragment` is the 16-bit field of flags and offset."""
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), 1, fragment, 64,
                       proto, 0, ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(proto, payload, src="2001:db8::1", dst="2001:db8::2"):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + \
        ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + payload


def tcp(dport, flags=ACK, sport=40000, data=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 8192, 0, 0) + data


def udp(dport, sport=40000, data=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def demo():
    """120 TCP packets of one source and 10 of another, a UDP packet after every 26th"""
    for i in range(130):
        source = SECOND if i % 13 == 12 else FIRST
        yield eth(ipv4(6, tcp(80, SYN if i < 2 else ACK), source))
        if i % 26 == 25:
            yield eth(ipv4(17, udp(53, data=b"query"), FIRST))


def protocols():
    """one packet of every kind: TCP, UDP, ICMP, ARP, IPv6, VLAN tags, fragments, IPv4 options"""
    yield eth(ipv4(6, tcp(443, SYN)))
    yield eth(ipv4(17, udp(53, data=b"query")))
    yield eth(ipv4(1, bytes.fromhex("0800f7ff00000000")))
    yield eth(bytes(28), 0x0806)
    yield eth(ipv6(6, tcp(443, SYN)), 0x86DD)
    yield eth(ipv6(44, bytes.fromhex("1100000100000001") + udp(53)), 0x86DD)
    yield eth(ipv4(6, tcp(80)), tags=[(0x8100, 100)])
    yield eth(ipv4(6, tcp(80)), tags=[(0x88A8, 7), (0x8100, 100)])
    yield eth(ipv4(17, udp(53, data=bytes(64)), fragment=0x2000))
    yield eth(ipv4(17, bytes(64), fragment=8))
    yield eth(ipv4(6, tcp(22, PSH | ACK, data=b"hello"), options=bytes(8)))
    yield eth(ipv4(6, tcp(22, RST), src=THIRD))
    yield eth(ipv4(6, tcp(22, FIN | ACK), src=THIRD))


def truncated():
    """a TCP packet cut to every length from 0 to its own"""
    whole = eth(ipv4(6, tcp(80, data=b"data")))
    yield from (whole[:length] for length in range(len(whole) + 1))


def large():
    """lengths around the limits: of test runs, of Ethernet, of what a filter sees"""
    for length in (13, 14, 59, 60, 1514, 3700, 4096, 9000, 65000, 65535, 65536, 70000):
        yield (eth(ipv4(17, udp(9))) + bytes(length))[:length]


def empty():
    """no packets"""
    return iter(())


CAPTURES = {maker.__name__: maker for maker in (demo, protocols, truncated, large, empty)}


def pcap(frames):
    """Microseconds, little-endian; packet n at n milliseconds past an even second."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    for number, frame in enumerate(frames):
        out += struct.pack("<IIII", 1700000000 + number // 1000, number % 1000 * 1000,
                           len(frame), len(frame)) + frame
    return out


def main(arguments):
    if arguments == ["--list"]:
        for name, maker in CAPTURES.items():
            print(f"{name:10}  {maker.__doc__}")
        return 0
    if len(arguments) != 2 or arguments[0] not in CAPTURES:
        print(__doc__, file=sys.stderr)
        return 2
    data = pcap(CAPTURES[arguments[0]]())
    if arguments[1] == "-":
        sys.stdout.buffer.write(data)
    else:
        with open(arguments[1], "wb") as file:
            file.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
