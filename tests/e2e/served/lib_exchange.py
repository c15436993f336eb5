"""Exchanges between hosts that several tests use, and the matrix in which the words are tried."""
import contextlib
import hashlib
import re
import socket
import struct
import threading

from lib_sandbox import LONG, Failed, Skip
from lib_serve import SERVED_BY, attach, detach, stats
from lib_world import Case, changes, difference, world

PATIENCE = 5.0
IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT = 8, 12, 13, 49, 51
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


def interface_name(namespace, index):
    with namespace, contextlib.suppress(OSError):
        return socket.if_indextoname(index)
    return index


def ping(namespace, target, *options, count=3):
    """What ping says, without times."""
    done = namespace.run(["ping", "-n", "-c", count, "-i", "0.01", "-W", "3", *options, target],
                         check=False)
    lines = [re.sub(r"\s*time[ =<].*", "", line) for line in done.stdout.splitlines()]
    return [line for line in lines if line and not line.startswith(("rtt", "---"))]


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


def compare(function, case):
    """One exchange plain and the same with the filter `1` served; once more if the machine has
    lost frames meanwhile that the road does not account for."""
    for attempt in range(ATTEMPTS):
        lost = machine_lost()
        try:
            return compare_once(function, case)
        except Failed as problem:
            if machine_lost() == lost:
                raise
            if attempt == ATTEMPTS - 1:
                raise Failed(f"{problem}\n    (the machine lost {machine_lost() - lost} frames)") from None
    return None


def compare_once(function, case):
    with world(case) as w:
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
            if row["packets"] == 0 or row["drop"] or row["errors"] or row.get("overrun"):
                raise Failed(f"{case}: the filter's statistics: {row}")
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
    for case in cases(options):
        tried += 1
        try:
            compare(function, case)
        except Skip as reason:
            skipped.append(f"{case}: {reason}")
        except Failed as problem:
            problems.append(str(problem) if str(case) in str(problem) else f"{case}: {problem}")
    if problems:
        raise Failed(f"{len(problems)} of {tried}:\n  " + "\n  ".join(problems))
    if len(skipped) == tried:
        raise Skip(skipped[0])
    return f"{len(skipped)} of {tried} skipped: {skipped[0]}" if skipped else ""
