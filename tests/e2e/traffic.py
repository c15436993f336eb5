#!/usr/bin/env python3
"""Real packets for the end-to-end tests; standard library only.

  traffic.py frames DEVICE [--ring] [--vlan TCI [--inner TCI]] KIND[:KEY=VALUE...][*COUNT] ...
      writes frames to the device as they are; KIND is tcp, udp, icmp, arp or short
      keys: src, dst, sport, dport, size (of the payload), fill (its bytes)
      --ring sends through a packet ring: the kernel then leaves all but the first bytes of the
      frame outside the linear part of its buffer
  traffic.py tcp-server ADDRESS PORT        answers with the number of bytes once it has all
  traffic.py tcp ADDRESS PORT [BYTES FILL]  exits 0 if it connects and all bytes arrive
  traffic.py capture DEVICE in|out FILE     writes what comes in or goes out there, whole, to FILE as
                                            pcap, until it is ended
  traffic.py udp-server ADDRESS PORT        echoes
  traffic.py udp ADDRESS PORT [COUNT]       prints how many of COUNT came back
"""
import errno
import mmap
import os
import socket
import struct
import sys

PATIENCE = 1.0  # seconds until a packet counts as lost
PACKET_TX_RING, PACKET_VERSION, TPACKET_V2 = 13, 10, 1
SOL_PACKET = 263
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(spec, vlans):
    kind, *pairs = spec.split(":")
    o = {"src": "10.9.0.2", "dst": "10.9.0.1", "sport": "40000", "dport": "80", "size": "20",
         "fill": "x", **dict(p.split("=", 1) for p in pairs)}
    macs = bytes.fromhex("020000000001020000000002")
    tag = b"".join(struct.pack("!HH", 0x8100, tci) for tci in vlans)
    if kind == "short":
        return macs + tag + b"\x08\x00" + b"E"
    if kind == "arp":
        return macs + tag + b"\x08\x06" + bytes(28)
    payload = o["fill"].encode() * int(o["size"])
    ports = struct.pack("!HH", int(o["sport"]), int(o["dport"]))
    if kind == "tcp":
        proto, l4 = 6, ports + struct.pack("!IIBBHHH", 1, 0, 0x50, 0x10, 8192, 0, 0) + payload
    elif kind == "udp":
        proto, l4 = 17, ports + struct.pack("!HH", 8 + len(payload), 0) + payload
    elif kind == "icmp":
        proto, l4 = 1, b"\x08\x00\xf7\xff" + bytes(4) + payload
    else:
        sys.exit(f"traffic.py: unknown kind {kind}")
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0, 64, proto, 0) + \
        socket.inet_aton(o["src"]) + socket.inet_aton(o["dst"])
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return macs + tag + b"\x08\x00" + head + l4


def expand(specs, vlans):
    for spec in specs:
        text, _, count = spec.partition("*")
        yield from [frame(text, vlans)] * int(count or 1)


def sent(link, data):
    """False if a filter on egress has dropped it."""
    try:
        link.send(data)
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
        return False
    return True


def send_frames(device, specs, ring, vlans):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if not ring:
        link.bind((device, 0))
        for data in expand(specs, vlans):
            sent(link, data)
        return
    slot, slots = 4096, 64
    link.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    link.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("IIII", slot, slots, slot, slots))
    link.bind((device, 0))
    area = mmap.mmap(link.fileno(), slot * slots)
    index = 0
    for data in expand(specs, vlans):
        at = index * slot
        area[at + 32:at + 32 + len(data)] = data
        area[at + 4:at + 8] = struct.pack("I", len(data))
        area[at:at + 4] = struct.pack("I", 1)  # TP_STATUS_SEND_REQUEST
        # A frame that a filter on egress drops leaves the kernel at the same slot.
        index = (index + sent(link, b"")) % slots
    area.close()


def tcp_server(address, port):
    server = socket.create_server((address, port))
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            total = 0
            while data := connection.recv(1 << 16):
                total += len(data)
            connection.send(struct.pack("!Q", total))
            os._exit(0)
        connection.close()


def tcp(address, port, size, fill):
    """sendfile: the bytes stay in the page cache, so the kernel's buffers are not linear."""
    file = os.memfd_create("bytes")
    os.write(file, fill.encode() * size)
    patience = struct.pack("ll", int(PATIENCE), 0)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        # No lingering: what is unacknowledged must not be sent again after the test.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            connection.connect((address, port))
            sent = 0
            while sent < size:
                sent += os.sendfile(connection.fileno(), file, sent, size - sent)
            connection.shutdown(socket.SHUT_WR)
            return 0 if connection.recv(8) == struct.pack("!Q", size) else 1
        except OSError:
            return 1


def capture(device, direction, path):
    """What the hooks of tc see: bytes that are not linear too, segments as they are."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap, \
            open(path, "wb", buffering=0) as file:
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        tap.bind((device, ETH_P_ALL))
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        print("ready", flush=True)
        while True:
            data, sender = tap.recvfrom(1 << 18)
            if (sender[2] == socket.PACKET_OUTGOING) == (direction == "out"):
                file.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


def udp_server(address, port):
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        print("ready", flush=True)
        while True:
            data, sender = server.recvfrom(1 << 16)
            server.sendto(data, sender)


def udp(address, port, count):
    back = 0
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        for _ in range(count):
            client.sendto(b"ping", (address, port))
            try:
                client.recv(1 << 16)
                back += 1
            except OSError:
                pass
    print(back)
    return 0


def main(arguments):
    verb, *rest = arguments
    if verb == "frames":
        device, *rest = rest
        ring = "--ring" in rest
        vlans = [int(rest[rest.index(o) + 1]) for o in ("--vlan", "--inner") if o in rest]
        send_frames(device, [r for r in rest if r[0].isalpha()], ring, vlans)
        return 0
    if verb == "capture":
        capture(*rest)
    address, port = rest[0], int(rest[1])
    if verb == "tcp-server":
        tcp_server(address, port)
    if verb == "udp-server":
        udp_server(address, port)
    if verb == "tcp":
        return tcp(address, port, int(rest[2]) if len(rest) > 2 else 1,
                   rest[3] if len(rest) > 3 else "x")
    if verb == "udp":
        return udp(address, port, int(rest[2]) if len(rest) > 2 else 1)
    sys.exit(f"traffic.py: unknown verb {verb}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
