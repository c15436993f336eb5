#!/usr/bin/env python3
"""Real traffic through a served filter. `traffic.py [CHECK...]`; VFM_LONG=1: 1 GB, 1,000
connections, 1,000 cycles."""
import os
import socket
import struct
import threading
import time

import lib_bpf
import lib_sandbox
import lib_serve
from lib_exchange import ping, tcp_stream, udp_socket
from lib_sandbox import LONG, Failed, same
from lib_serve import SERVED_BY, attach, detach, served, stats
from lib_world import CLIENT, CLIENT6, SERVER, SERVER6, Case, world

STREAM = 1 << 30 if LONG else 32 << 20
CONNECTIONS = 1000 if LONG else 200
DATAGRAMS = 50_000 if LONG else 5_000
CYCLES = 1000 if LONG else 20
HAND_OVERS = "native", "skb"


def everywhere(check, **options):
    """The check in both hand-overs."""
    notes = []
    for hand_over in HAND_OVERS:
        with lib_sandbox.workplace() as path, world(Case(hand_over, queues=4, **options)) as w:
            lib_serve.BPFFS = f"{path}/bpf"
            w.know_neighbours()
            note = check(w)
            if note:
                notes.append(f"{hand_over}: {note}")
    return "; ".join(notes)


def stream():
    """A long stream each way, whole by its SHA-256."""
    def check(w):
        with served(w):
            for receiver, address, sender in ((w.server, SERVER, w.client),
                                              (w.client, CLIENT, w.server)):
                begun = time.monotonic()
                count, right, source, problem = tcp_stream(receiver, address, sender, STREAM,
                                                           seconds=280)
                same(f"{w.case.hand_over}: bytes to {address} ({problem})", count, STREAM)
                same(f"{w.case.hand_over}: SHA-256", right, True)
                rate = STREAM * 8 / (time.monotonic() - begun) / 1e9
            return f"{rate:.1f} Gbit/s"
    return everywhere(check)


def connections():
    """Many short connections, a few at a time, all answered."""
    def check(w):
        listener = w.server.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((SERVER, 7000))
        listener.listen(64)
        answered, problems = [], []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(20)
                    connection.sendall(connection.recv(100)[::-1])

        def ask(numbers):
            for number in numbers:
                try:
                    with w.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                        sock.settimeout(20)
                        sock.connect((SERVER, 7000))
                        text = f"number {number}".encode()
                        sock.sendall(text)
                        answered.append(sock.recv(100) == text[::-1])
                except OSError as problem:
                    problems.append(f"{number}: {problem}")

        threading.Thread(target=serve, daemon=True).start()
        with served(w):
            askers = [threading.Thread(target=ask, args=(range(i, CONNECTIONS, 8),))
                      for i in range(8)]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        same(f"{w.case.hand_over}: problems", problems, [])
        same(f"{w.case.hand_over}: answered", answered.count(True), CONNECTIONS)
    return everywhere(check)


def datagrams():
    """Each datagram comes once, whole and in order, and so does its answer."""
    def check(w):
        with served(w), udp_socket(w.server, SERVER, 7001) as server, udp_socket(w.client, CLIENT,
                                                                                 7002) as client:
            for sock in server, client:
                sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
            there, back, burst = [], [], 32
            for first in range(0, DATAGRAMS, burst):
                for number in range(first, first + burst):
                    client.sendto(struct.pack("!I", number) * (1 + number % 300), (SERVER, 7001))
                for _ in range(burst):
                    data = server.recv(1 << 16)
                    there.append((struct.unpack_from("!I", data)[0], len(data)))
                    server.sendto(data, (CLIENT, 7002))
                for _ in range(burst):
                    data = client.recv(1 << 16)
                    back.append((struct.unpack_from("!I", data)[0], len(data)))
            expected = [(number, 4 * (1 + number % 300)) for number in range(len(there))]
            same(f"{w.case.hand_over}: there", there == expected, True)
            same(f"{w.case.hand_over}: back", back == expected, True)
    return everywhere(check)


def pings():
    """Both families, from both ends: none lost, none twice."""
    def check(w):
        with served(w):
            for space, target in ((w.client, SERVER), (w.client, SERVER6), (w.server, CLIENT),
                                  (w.server, CLIENT6)):
                lines = ping(space, target, count=100)
                same(f"{w.case.hand_over}: {target}",
                     [line for line in lines if "bytes: seq=" not in line],
                     ["100 packets transmitted, 100 received, 0% packet loss"])
    return everywhere(check, ipv6=True)


class Counted:
    """Numbered datagrams at a steady rate, and which of them arrived, by what happened
    meanwhile."""

    def __init__(self, w, rate=2000):
        self.phase, self.ending = 0, False
        self.sent, self.seen, self.order = {}, {}, []
        self.receiver = udp_socket(w.server, SERVER, 7001)
        self.receiver.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        self.receiver.settimeout(0.2)
        self.sender = udp_socket(w.client, CLIENT, 7002)
        self.pause = 1 / rate
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.receive)]
        for thread in self.threads:
            thread.start()

    def send(self):
        number, due = 0, time.monotonic()
        while not self.ending:
            phase = self.phase
            self.sender.sendto(struct.pack("!II", phase, number), (SERVER, 7001))
            self.sent[phase] = self.sent.get(phase, 0) + 1
            number += 1
            due = max(due + self.pause, time.monotonic() - 0.05)
            time.sleep(max(0, due - time.monotonic()))

    def receive(self):
        while True:
            try:
                phase, number = struct.unpack("!II", self.receiver.recv(100))
            except TimeoutError:
                if self.ending:
                    return
                continue
            self.seen.setdefault(phase, []).append(number)

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        self.sender.close()
        self.receiver.close()

    def lost(self, phase):
        return self.sent.get(phase, 0) - len(set(self.seen.get(phase, ())))

    def twice(self):
        return sum(len(numbers) - len(set(numbers)) for numbers in self.seen.values())


QUIET, BARE, OURS = 0, 1, 2


def cycles():
    """Attaching and detaching under traffic loses at most what a bare program that passes
    everything loses, attached and detached as often in the same run, for as long; nothing arrives
    twice."""
    def check(w):
        path = f"{lib_serve.BPFFS}/bare"
        lib_bpf.pin(lib_bpf.passing_xdp(), path)
        kind = "xdpgeneric" if w.case.hand_over == "skb" else "xdpdrv"
        traffic, rest, unwell = Counted(w), 0.3, []
        try:
            for cycle in range(CYCLES):
                traffic.phase = BARE
                w.server.run(f"ip link set v0 {kind} pinned {path}")
                time.sleep(rest)
                w.server.run(f"ip link set v0 {kind} off")
                time.sleep(0.02)
                traffic.phase, begun = OURS, time.monotonic()
                attach(w)
                time.sleep(0.05)
                counted = stats(w)
                unwell += [f"cycle {cycle}: {counted}"] * any(
                    counted.get(what, 0) for what in ("lost", "overrun", "drop"))
                detach(w)
                rest = time.monotonic() - begun
                time.sleep(0.02)
        finally:
            traffic.phase = QUIET
            time.sleep(0.2)
            traffic.end()
            os.unlink(path)
        same(f"{w.case.hand_over}: twice", traffic.twice(), 0)
        ours, bare = traffic.lost(OURS), traffic.lost(BARE)
        note = f"lost {ours} of {traffic.sent[OURS]}, bare program {bare} of {traffic.sent[BARE]}"
        if ours > bare:
            raise Failed(f"{w.case.hand_over}: {note}; {'; '.join(unwell) or 'no statistics of it'}")
        return note
    if SERVED_BY == "none":
        raise lib_sandbox.Skip("no filter")
    return everywhere(check)


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (stream, connections, datagrams, pings,
                                                            cycles)])
