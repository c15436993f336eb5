"""Frames from a few words each: addresses decide the family, `frag`, `ext`, `options` and `vlan` how the
same packet is dressed. Also the pcap file and what tcpdump's expressions can look into."""
import ipaddress
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from make_pcap import checksum  # noqa: E402  behind the path to it

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58

HOST, HOST6 = "203.0.113.10", "2001:db8:5::10"
PEER, PEER6 = "198.51.100.207", "2001:db8:77::7"
ADMIN, ADMIN6 = "192.0.2.9", "2001:db8:ad::9"
HOST_MAC, PEER_MAC, GATEWAY_MAC = "020000000001", "020000000002", "0200000000fe"

# Which part of a datagram a frame holds: first byte, end, more fragments follow.
PARTS = {"first": (0, 24, True), "tiny": (0, 8, True), "later": (24, None, False)}


def eth(payload, kind, mac=PEER_MAC, to=HOST_MAC, vlan=()):
    """`vlan`: one VLAN or several, the outer one first; the outer of two is a service tag."""
    ids = (vlan,) if isinstance(vlan, int) else tuple(vlan)
    tags = b"".join(struct.pack("!HH", 0x88A8 if place < len(ids) - 1 else 0x8100, tag)
                    for place, tag in enumerate(ids))
    return bytes.fromhex(to) + bytes.fromhex(mac) + tags + struct.pack("!H", kind) + payload


def ipv4(proto, data, src, dst, ttl, frag, options):
    begin, end, more = PARTS.get(frag, (0, None, False))
    data = data[begin:end]
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + len(data), 7, begin // 8 | more << 13, ttl,
                       proto, 0) + src.packed + dst.packed + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def chain(numbers, last):
    """Extension headers of 8 bytes each, and the number of the first header."""
    out, following = b"", last
    for number in reversed(numbers):
        out = struct.pack("!BB6s", following, 0, bytes([1, 4, 0, 0, 0, 0])) + out
        following = number
    return out, following


def ipv6(proto, data, src, dst, ttl, frag, ext, inner):
    """`ext`: extension headers before the fragment header, `inner` those behind it."""
    head, proto = chain(inner, proto)
    data = head + data
    if frag:
        begin, end, more = PARTS[frag]
        data, proto = struct.pack("!BBHI", proto, 0, begin | more, 7) + data[begin:end], 44
    head, proto = chain(ext, proto)
    data = head + data
    return struct.pack("!IHBB", 6 << 28, len(data), proto, ttl) + src.packed + dst.packed + data


def ip(proto, data, src, dst=None, ttl=64, frag=None, options=b"", ext=(), inner=(), **link):
    """A packet of the family of `src`, to our host if `dst` is not given."""
    src = ipaddress.ip_address(src)
    dst = ipaddress.ip_address(dst or (HOST if src.version == 4 else HOST6))
    if src.version == 4:
        return eth(ipv4(proto, data, src, dst, ttl, frag, options), 0x800, **link)
    return eth(ipv6(proto, data, src, dst, ttl, frag, ext, inner), 0x86DD, **link)


def tcp(src, dport, flags=SYN, sport=40000, data=b"", **rest):
    if "frag" in rest:
        data = data or bytes(40)
    head = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 8192, 0, 0)
    return ip(TCP, head + data, src, **rest)


def udp(src, dport, sport=40000, data=b"", **rest):
    if "frag" in rest:
        data = data or bytes(56)
    return ip(UDP, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, src, **rest)


def icmp(src, kind, code=0, data=b"", **rest):
    """ICMP or, from an IPv6 address, ICMPv6."""
    if "frag" in rest:
        data = data or bytes(56)
    proto = ICMP6 if ":" in src else ICMP
    return ip(proto, struct.pack("!BBHI", kind, code, 0, 0) + data, src, **rest)


def arp(op, src, dst=HOST, mac=PEER_MAC, sender=None, to="ffffffffffff", hardware=1, **link):
    """`sender`: the MAC inside, the frame's own if it is not given."""
    body = struct.pack("!HHBBH", hardware, 0x800, 6, 4, op) + bytes.fromhex(sender or mac) + \
        ipaddress.ip_address(src).packed + bytes(6) + ipaddress.ip_address(dst).packed
    return eth(body, 0x806, mac, to, **link)


def pcap(timed):
    """A capture of pairs of microseconds and frame."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for micros, frame in timed:
        out += struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame
    return out


def times(capture):
    """The times of a capture's packets, in microseconds."""
    at, out = 24, []
    while at < len(capture):
        seconds, micros, size, _ = struct.unpack_from("<IIII", capture, at)
        out.append(seconds * 1_000_000 + micros)
        at += 16 + size
    return out


def tcpdump_reads(frame):
    """Whether an expression that says nothing about tags and extension headers looks at what our fields
    look at: no VLAN tag, and of IPv6's extension headers at most a fragment header with no other behind."""
    kind = frame[12:14]
    if kind in (b"\x81\x00", b"\x88\xa8"):
        return False
    if kind != b"\x86\xdd":
        return True
    extensions = (0, 43, 44, 60)
    return frame[20] not in extensions or (frame[20] == 44 and frame[54] not in extensions)
