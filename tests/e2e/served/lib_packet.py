"""Frames: how to write them, how to read them, how to watch an interface."""
import contextlib
import errno
import os
import socket
import struct
import time
import zlib

ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 3, 0x800, 0x806, 0x86DD
ETH_P_VLAN, ETH_P_QINQ = 0x8100, 0x88A8
ETH_P_TEST = 0x88B5  # for experiments: no stack answers it
SOL_PACKET, PACKET_AUXDATA, PACKET_QDISC_BYPASS = 263, 8, 20
CSUM_NOT_READY, CSUM_VALID, VLAN_VALID, GSO_TCP = 1 << 3, 1 << 7, 1 << 4, 1 << 8
TPID_VALID = 1 << 6
KINDS = {0: "host", 1: "broadcast", 2: "multicast", 3: "other", 4: "outgoing"}


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(data):
    return data.hex(":")


def total(data, start=0):
    """The folded sum of 16-bit words, not complemented."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    value = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def pseudo(source, target, proto, size):
    return total(source + target + struct.pack("!II", size, proto))


def ethernet(target, source, kind, body, tags=()):
    """`tags` are TCIs, or pairs of TPID and TCI, the outer one first."""
    pairs = [tag if isinstance(tag, tuple) else (ETH_P_VLAN, tag) for tag in tags]
    return mac(target) + mac(source) + b"".join(struct.pack("!HH", *p) for p in pairs) + \
        struct.pack("!H", kind) + body


def ip(source, target, proto, body, ttl=64, damaged=False, ident=1, fragment=0):
    """An IPv4 or IPv6 packet."""
    a, b = address(source), address(target)
    if len(a) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), proto, ttl) + a + b + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ident, fragment, ttl, proto, 0) + a + b
    value = ~total(head) & 0xFFFF
    return head[:10] + struct.pack("!H", value ^ 0x5555 if damaged else value) + head[12:] + body


def with_sum(source, target, proto, body, at, damaged=False):
    """`body` with its checksum at offset `at`."""
    body = body[:at] + b"\0\0" + body[at + 2:]
    value = ~total(body, pseudo(address(source), address(target), proto, len(body))) & 0xFFFF
    value = (value or 0xFFFF) ^ (0x5555 if damaged else 0)
    return body[:at] + struct.pack("!H", value) + body[at + 2:]


def udp(source, target, sport, dport, payload, damaged=False, no_sum=False, **options):
    body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    if not no_sum:
        body = with_sum(source, target, 17, body, 6, damaged)
    return ip(source, target, 17, body, **options)


def tcp(source, target, sport, dport, flags, payload=b"", seq=1, ack=0, damaged=False, **options):
    body = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0) + payload
    return ip(source, target, 6, with_sum(source, target, 6, body, 16, damaged), **options)


def icmp(source, target, kind=8, ident=7, payload=b"ping", damaged=False, **options):
    body = struct.pack("!BBHHH", kind, 0, 0, ident, 1) + payload
    if ":" in source:
        return ip(source, target, 58, with_sum(source, target, 58, body, 2, damaged), **options)
    value = ~total(body) & 0xFFFF
    body = body[:2] + struct.pack("!H", value ^ 0x5555 if damaged else value) + body[4:]
    return ip(source, target, 1, body, **options)


def arp(operation, sender_mac, sender, target_mac, target):
    return struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation) + mac(sender_mac) + \
        address(sender) + mac(target_mac) + address(target)


class Frame:
    """A frame as a watcher saw it."""

    def __init__(self, data, kind, status, tag, tpid, wire):
        self.data, self.kind, self.wire = data, KINDS.get(kind, kind), wire
        self.tag = (tpid, tag) if status & VLAN_VALID else None
        self.partial = bool(status & CSUM_NOT_READY)
        self.verified = bool(status & CSUM_VALID)

    @property
    def outgoing(self):
        return self.kind == "outgoing"

    def parts(self):
        """EtherType behind all tags in the bytes, and what follows it."""
        at = 12
        while at + 2 <= len(self.data):
            kind = struct.unpack_from("!H", self.data, at)[0]
            if kind not in (ETH_P_VLAN, ETH_P_QINQ):
                return kind, self.data[at + 2:]
            at += 4
        return 0, b""  # cut within a tag

    def layer4(self):
        """(proto, source, target, body) of an IP packet, else None."""
        kind, body = self.parts()
        if kind == ETH_P_IP and len(body) >= 20:
            size = struct.unpack_from("!H", body, 2)[0]
            return body[9], body[12:16], body[16:20], body[(body[0] & 15) * 4:size]
        if kind == ETH_P_IPV6 and len(body) >= 40:
            size = struct.unpack_from("!H", body, 4)[0]
            return body[6], body[8:24], body[24:40], body[40:40 + size]
        return None

    def sum_state(self):
        """Whether the TCP or UDP field is `right`, `partial` (the sum of the pseudo-header only) or
        `wrong`; `none` where there is no such field."""
        found = self.layer4()
        if not found or found[0] not in (6, 17):
            return "none"
        proto, source, target, body = found
        at = 16 if proto == 6 else 6
        if len(body) < at + 2:
            return "none"
        field = struct.unpack_from("!H", body, at)[0]
        if proto == 17 and field == 0:
            return "none"
        start = pseudo(source, target, proto, len(body))
        if total(body, start) == 0xFFFF:
            return "right"
        # The field of a super-frame has no length in it.
        return "partial" if field in (start, pseudo(source, target, proto, 0)) else "wrong"

    def flow(self):
        """What must keep its order: frames of equal value."""
        found = self.layer4()
        if not found:
            return self.data[:14] + repr(self.tag).encode()
        proto, source, target, body = found
        ports = body[:4] if proto in (6, 17) else b""
        return self.data[:12] + repr(self.tag).encode() + bytes([proto]) + source + target + ports

    def seen(self, numbered=False):
        """What must be the same with and without a filter. `numbered`: the kernel has numbered
        these IPv4 packets; the number and the header's sum are then left out. A right sum may be
        said to be unfinished: to finish it changes nothing."""
        data = bytearray(self.data)
        kind, body = self.parts() if len(data) >= 14 else (0, b"")
        if numbered and kind == ETH_P_IP and len(body) >= 20:
            at = len(data) - len(body)
            data[at + 4:at + 6] = data[at + 10:at + 12] = b"\0\0"
        state = self.sum_state()
        return (self.kind, self.tag, state, self.partial and state != "right", data.hex())


class Watch:
    """Everything that passes an interface, from now on; standard AF_PACKET, whole frames."""

    def __init__(self, namespace, interface, incoming_only=False):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if interface:
            with namespace:
                self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        self.incoming_only = incoming_only
        self.interface = interface
        self.frames = []
        self.drain()
        self.frames = []

    def drain(self):
        """Reads what is there; the frames so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, whence = self.socket.recvmsg(1 << 17, 256)
                if self.interface and whence[0] != self.interface:
                    continue
                if self.incoming_only and whence[2] == 4:
                    continue
                status = tag = tpid = wire = 0
                for level, kind, value in extra:
                    if level == SOL_PACKET and kind == PACKET_AUXDATA:
                        status, wire, _, _, _, tag, tpid = struct.unpack_from("IIIHHHH", value)
                frame = Frame(data, whence[2], status, tag,
                              tpid if status & TPID_VALID else ETH_P_VLAN,
                              wire)
                frame.interface = whence[0]
                self.frames.append(frame)
        return self.frames

    def close(self):
        self.socket.close()


class Sender:
    """Writes frames to an interface as they are, those of one flow by one CPU, as order holds for
    one CPU and one queue only. The kernel takes the queue from a hash of the flow, in which for
    tagged frames longer than the MTU something else is; `by_cpu`: from the CPU, past tc."""

    CPUS = sorted(os.sched_getaffinity(0))

    def __init__(self, namespace, interface, by_cpu=False):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if by_cpu:
            self.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        with namespace:
            self.socket.bind((interface, 0))

    def send(self, *frames):
        for frame in frames:
            flow = Frame(frame, 0, 0, 0, 0, 0).flow()
            os.sched_setaffinity(0, {self.CPUS[zlib.crc32(flow) % len(self.CPUS)]})
            self.send_one(frame)
        os.sched_setaffinity(0, self.CPUS)

    def send_one(self, frame):
        """What the machine has no room for at this moment is sent again."""
        for attempt in range(200):
            try:
                self.socket.send(frame)
                return
            except OSError as problem:
                if problem.errno != errno.ENOBUFS or attempt == 199:
                    raise
                time.sleep(0.002)

    def close(self):
        self.socket.close()
