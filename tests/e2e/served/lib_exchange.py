"""Exchanges between hosts that several tests use, and the matrix in which the words are tried."""
import contextlib
import hashlib
import socket
import struct
import threading
import time

from lib_packet import total
from lib_sandbox import LONG, Failed, Skip
from lib_serve import SERVED_BY, attach, detach, stats
from lib_world import Case, World, changes, difference, world

PATIENCE = 5.0
IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT = 8, 12, 13, 49, 51
PING_IDENT = 0x5EED
WORDS = {}


def word(name, **options):
    """Names an exchange that must be the same with a filter that passes everything. `options` are
    those of Case; `hand_overs`, `offloads` and `queues` say where it can be tried at all."""
    def register(function):
        WORDS[name] = function, options
        return function
    return register


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_socket(namespace, address, port=0, device=None):
    sock = namespace.socket(family(address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.bind((address, port))
    sock.settimeout(PATIENCE)
    return sock


def ask_for_details(sock):
    """The kernel then says to which address, by which interface and with which TTL a datagram
    came."""
    for level, option in ((0, IP_PKTINFO), (0, IP_RECVTTL),
                          (0, IP_RECVTOS)) if sock.family == socket.AF_INET \
            else ((41, IPV6_RECVPKTINFO), (41, IPV6_RECVHOPLIMIT)):
        sock.setsockopt(level, option, 1)


def received(sock, namespace):
    """A datagram and what the kernel says of it; None if none comes."""
    try:
        data, extra, _, source = sock.recvmsg(1 << 16, 512)
    except TimeoutError:
        return None
    details = []
    for level, kind, value in sorted(extra):
        if (level, kind) == (0, IP_PKTINFO):
            index, _, target = struct.unpack("I4s4s", value)
            details.append((interface_name(namespace, index), socket.inet_ntoa(target)))
        elif (level, kind) == (41, 50):  # IPV6_PKTINFO
            target, index = struct.unpack("16sI", value)
            details.append((interface_name(namespace, index),
                            socket.inet_ntop(socket.AF_INET6, target)))
        else:
            details.append((level, kind, value.hex()))
    return data, source[:2], details


def all_received(w, name, sock, namespace, size=len):
    """Every datagram that comes, as received() has it."""
    rows = []
    sock.setblocking(False)

    def look():
        with contextlib.suppress(BlockingIOError):
            while True:
                rows.append(received(sock, namespace))
        return rows
    return w.collect(name, look, size)


def interface_name(namespace, index):
    with namespace, contextlib.suppress(OSError):
        return socket.if_indextoname(index)
    return index


def echo_socket(namespace, six, whole):
    """A raw socket that takes nothing but echo replies; `whole`: nothing is fragmented."""
    sock = namespace.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW,
                            58 if six else 1)
    if six:
        wanted = bytearray(b"\xff" * 32)  # a bit for each type that is not
        wanted[129 // 32 * 4:129 // 32 * 4 + 4] = struct.pack("I", 0xFFFFFFFF ^ 1 << 129 % 32)
        sock.setsockopt(58, 1, bytes(wanted))
        sock.setsockopt(41, IPV6_RECVHOPLIMIT, 1)
    else:
        sock.setsockopt(255, 1, struct.pack("I", 0xFFFFFFFE))
    if whole:
        sock.setsockopt(*((41, 23) if six else (0, 10)), 2)  # IP_MTU_DISCOVER: IP_PMTUDISC_DO
    return sock


def echo_reply(sock, six, end):
    """(TTL, ICMP message) of the next reply; None if none comes until then."""
    with contextlib.suppress(TimeoutError):
        sock.settimeout(max(end - time.monotonic(), 0.001))
        data, extra, _, _ = sock.recvmsg(1 << 16, 256)
        if six:
            return struct.unpack("i", extra[0][2])[0], data
        return data[8], data[(data[0] & 15) * 4:]
    return None


def ping(namespace, target, size=56, count=3, whole=False, seconds=3.0):
    """A line for each answer, and one for all, as ping has it. ping itself waits for the last
    answer only 10 ms, which a busy machine may need."""
    six, lines, answered = ":" in target, [], 0
    with echo_socket(namespace, six, whole) as sock:
        for number in range(1, count + 1):
            message = struct.pack("!BBHHH", 128 if six else 8, 0, 0, PING_IDENT, number) + \
                contents(size)
            if not six:
                message = message[:2] + struct.pack("!H", ~total(message) & 0xFFFF) + message[4:]
            try:
                sock.sendto(message, (target, 0))
            except OSError as problem:
                lines.append(str(problem))
                continue
            end = time.monotonic() + seconds
            while reply := echo_reply(sock, six, end):
                ident, seen = struct.unpack_from("!HH", reply[1], 4)
                if (ident, seen) == (PING_IDENT, number):
                    break
                lines.append(f"another: ident={ident} seq={seen}")
            if reply:
                answered += 1
                same = "" if reply[1][8:] == message[8:] else ", other bytes"
                lines.append(f"{len(reply[1])} bytes: seq={number} ttl={reply[0]}{same}")
    loss = 100 * (count - answered) // count
    return [*lines, f"{count} packets transmitted, {answered} received, {loss}% packet loss"]


def contents(size):
    """Bytes that are the same each time and nowhere repeat soon."""
    block = b"".join(hashlib.sha256(struct.pack("I", i)).digest() for i in range(2048))
    return (block * (size // len(block) + 1))[:size]


def tcp_stream(receiver, address, sender, size, seconds=60, port=7000):
    """`size` bytes from `sender` to `receiver`, who answers with their SHA-256: (bytes, whether
    the sum is right, who connected)."""
    listener = receiver.socket(family(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(8)
    listener.settimeout(seconds)
    seen = {}

    def serve():
        with contextlib.suppress(OSError):
            connection, seen["from"] = listener.accept()
            connection.settimeout(seconds)
            digest, count = hashlib.sha256(), 0
            while data := connection.recv(1 << 20):
                digest.update(data)
                count += len(data)
            seen["bytes"] = count
            connection.sendall(digest.digest())
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    block = contents(min(size, 16 << 20))
    digest, answer = hashlib.sha256(), b""
    with sender.socket(family(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect((address, port))
            left = size
            while left:
                part = block[:left]
                sock.sendall(part)
                digest.update(part)
                left -= len(part)
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(64):
                answer += data
        except OSError as problem:
            seen["problem"] = str(problem)
    thread.join(seconds)
    listener.close()
    return seen.get("bytes"), answer == digest.digest(), str(seen.get("from", ("nobody",))[0]), \
        seen.get("problem")


def cases(options, chosen=None):
    """The points of the matrix for one word: all in the long form, else four in which each two
    values meet."""
    fixed = {key: value for key, value in options.items() if key in Case.__dataclass_fields__}
    for hand_over in options.get("hand_overs", ("native", "skb")):
        for offloads in (True, False):
            for queues in (1, 4):
                if LONG or (hand_over == "native") ^ offloads ^ (queues == 1):
                    yield Case(hand_over, offloads, queues, **fixed)


def machine_lost():
    """Frames that the kernel had no room for, whosoever they were: its queues are those of all
    namespaces."""
    with open("/proc/net/softnet_stat") as file:
        return sum(int(line.split()[1], 16) for line in file)


ATTEMPTS = 3


class Overrun(Failed):
    """Nobody was there to decide on a packet."""


def compare(function, case, made):
    """One exchange plain and the same with the filter `1` served; once more if the machine has
    lost frames meanwhile that the road does not account for, or has let nobody decide for three
    quarters of a second: a road that overruns without that does so at each attempt."""
    for attempt in range(ATTEMPTS):
        lost = machine_lost()
        try:
            return compare_once(function, case, made if attempt == 0 else None)
        except Failed as problem:
            if machine_lost() == lost and not isinstance(problem, Overrun):
                raise
            if attempt == ATTEMPTS - 1:
                lost = machine_lost() - lost
                raise Failed(f"{problem}\n    (the machine lost {lost} frames)") from None
    return None


def compare_once(function, case, made):
    with world(case, made) as w:
        plain = w.exchange(function)
        # An exchange in which nothing happens would compare equal.
        if not any(value for key, value in plain.items()
                   if key not in ("errors counted", "interfaces")):
            raise Failed(f"{case}: nothing was exchanged: {plain}")
        if SERVED_BY == "none":
            served = w.exchange(function)
        else:
            before = w.interfaces()
            attach(w)
            changed = changes(before, w.interfaces())
            served = w.exchange(function)
            row = stats(w)
            detach(w)
            if changed:
                raise Failed(f"{case}: interfaces change when the filter is attached: {changed}")
            if row["packets"] == 0 or row["drop"] or row["errors"] or row.get("lost"):
                raise Failed(f"{case}: the filter's statistics: {row}")
            if row.get("overrun"):
                raise Overrun(f"{case}: the filter's statistics: {row}")
        found = difference(plain, served)
        if found:
            raise Failed(f"{case}: {found}")
        # What comes after the filter is as before it, too.
        if LONG or case.queues == 1 and case.offloads:
            found = difference(plain, w.exchange(function))
            if found:
                raise Failed(f"{case}, after detach: {found}")


def check_word(name):
    """The word in the whole matrix; every point is tried, the first that fails is told in full."""
    function, options = WORDS[name]
    problems, skipped, tried = [], [], 0
    worlds = [(case, World(case)) for case in cases(options)]  # their carriers come meanwhile
    for case, made in worlds:
        tried += 1
        try:
            compare(function, case, made)
        except Skip as reason:
            skipped.append(f"{case}: {reason}")
        except Failed as problem:
            problems.append(str(problem) if str(case) in str(problem) else f"{case}: {problem}")
    if problems:
        raise Failed(f"{len(problems)} of {tried}:\n  " + "\n  ".join(problems))
    if len(skipped) == tried:
        raise Skip(skipped[0])
    return f"{len(skipped)} of {tried} skipped: {skipped[0]}" if skipped else ""
