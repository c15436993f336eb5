#!/usr/bin/env python3
"""The process that serves from its beginning to its end: killed while it starts, who detaches at the
same moment, what it keeps of whoever started it, where it writes. `lifecycle.py [CHECK...]`."""
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import lib_sandbox
import lib_serve
from failure import FILTER, arrives, on_world, reachable
from lib_packet import ETH_P_IP, ethernet, udp
from lib_sandbox import LONG, Failed, contains, processes, run, same, wait_for
from lib_serve import (attach, detach, end_of, kill, nothing_left, only, pause, server_pid, state,
                       stats, vfm, vfm_json)
from lib_world import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC

STARTS = 200 if LONG else 12
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


def command(w, verb, *more, filter_text=FILTER, **options):
    """A vfm-xdp that runs beside the test."""
    words = ["vfm-xdp", verb, "v0", *more, "--bpffs", lib_serve.BPFFS]
    if verb != "detach":
        words += ["-e", filter_text, "--mode=userspace"]
    return w.server.start(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          **options)


def is_attached(w):
    return [row["state"] for row in vfm_json(w.server, "list")] == ["attached"]


def messages(w):
    """The file that `show` names, and what is in it."""
    path = only(vfm_json(w.server, "show", "v0"))["messages"]
    with open(path) as file:
        return path, file.read()


def killed_at_start():
    """kill -9 at any moment of an attach, the command or the process that is to serve: there is a
    whole filter or none, and the next command finds nothing that is in its way."""
    def check(w):
        chance = random.Random(8)
        found = {}
        with nothing_left(w):
            began = time.monotonic()
            attach(w)
            lasts = time.monotonic() - began
            detach(w)
            for number in range(STARTS):
                with command(w, "attach") as process:
                    time.sleep(chance.random() * 1.2 * lasts)
                    others = [pid for pid in processes() if pid != process.pid]
                    victims = [[process.pid], others, others + [process.pid]][number % 3]
                    for pid in victims:
                        try:
                            kill(pid)
                        except ProcessLookupError:
                            pass
                    process.wait()
                    process.stdout.read()  # until nobody holds it any more
                    process.stderr.read()
                # (A process whose command is gone takes its filter off again.)
                wait_for("no start is under way", lambda: not processes() or (
                    is_attached(w) and not time.sleep(0.5) and is_attached(w)), 5)
                rows = vfm_json(w.server, "list")
                states = [row["state"] for row in rows]
                if states not in ([], ["attached"], ["unserved"]):
                    raise Failed(f"start {number}: {rows}")
                found[tuple(states)] = found.get(tuple(states), 0) + 1
                if states:
                    pause()  # a second is what it may take to follow --on-error
                same(f"start {number}: reachable", reachable(w), True)
                if states:
                    detach(w)
                attach(w)
                same(f"start {number}: after it", state(w), "attached")
                detach(w)
        return ", ".join(f"{count} {''.join(states) or 'without'}"
                         for states, count in sorted(found.items()))
    return on_world(check)


def detached_twice():
    """Two detach at once: one does it, the other says that it is done; beside a process that ends
    by itself, and beside `run` that takes its filter off."""
    def check(w):
        for number in range(10 if LONG else 3):
            with nothing_left(w):
                attach(w, FILTER)
                both = [command(w, "detach") for _ in range(2)]
                ends = sorted((process.wait(20), process.stderr.read()) for process in both)
                same("one detaches", ends[0], (0, ""))
                same(f"the other ({ends[1]})", ends[1][0], 3)
                same("no process", processes(), [])
                attach(w, FILTER)
                pid = server_pid()
                kill(pid, signal.SIGTERM)
                time.sleep(number * 0.01)
                detach(w)
                end_of(pid)
                process = command(w, "run")
                wait_for("run", lambda: is_attached(w), 10)
                process.send_signal(signal.SIGTERM)
                time.sleep(number * 0.01)
                began = time.monotonic()
                vfm(w.server, "detach", "v0", status=None)
                said, problems = process.communicate(timeout=20)
                same(f"run beside detach ({said}{problems})", process.returncode, 0)
                if time.monotonic() - began > 3:
                    raise Failed("they wait for each other")
                same("filters", vfm_json(w.server, "list"), [])
    return on_world(check)


def streams_closed():
    """Whoever attaches may have closed any of the standard streams."""
    def check(w):
        for closed in "<&-", ">&-", "2>&-", "<&- >&- 2>&-":
            with nothing_left(w) as look:
                process = w.server.start(["sh", "-c", f"exec vfm-xdp attach v0 -e '{FILTER}' --mode="
                                          f"userspace --bpffs {lib_serve.BPFFS} {closed}"])
                same(f"status with {closed}", process.wait(20), 0)
                look()
                same(f"{closed}: served", (state(w), arrives(w)), ("attached", False))
                pid = server_pid()
                ends = {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)}
                same("its streams", len(ends), 2)  # /dev/null and its messages
                detach(w)
    return on_world(check)


def descriptors():
    """What the caller has open is not kept."""
    def check(w):
        ours, theirs = os.pipe()
        os.set_inheritable(theirs, True)
        with w.server:
            run(["vfm-xdp", "attach", "v0", "-e", "1", "--mode=userspace", "--bpffs",
                 lib_serve.BPFFS], close_fds=False)
        os.close(theirs)
        os.set_blocking(ours, False)
        same("the other end of a pipe", os.read(ours, 1), b"")  # else it would block
        os.close(ours)
        detach(w)
    return on_world(check)


def odd_names():
    """A filter's name is part of file names, of messages and of JSON."""
    def check(w):
        for name in "%41%s%n", "\"'\\", "-x", "..", "a" * 64, "*?[$(x)]`y`":
            with nothing_left(w):
                attach(w, FILTER, f"--name={name}")
                same("name", only(vfm_json(w.server, "list"))["name"], name)
                contains(f"messages of {name}", messages(w)[1], "is served from here on")
                detach(w, "v0", f"--name={name}")
    return on_world(check)


def mounts_left():
    """Under `ip netns exec` the process does not keep the mounts that were made for the command;
    with a bpffs that only the caller sees it stays."""
    def check(w):
        first = os.stat("/proc/1/ns/mnt").st_ino

        def attached(*words):
            run([*words, "vfm-xdp", "attach", "v0", "-e", FILTER, "--mode=userspace"])
            pid = server_pid()
            same("served", arrives(w), False)
            return pid, os.stat(f"/proc/{pid}/ns/mnt").st_ino
        run("mount -t bpf bpf /sys/fs/bpf")
        try:
            with nothing_left(w):
                pid, mounts = attached("ip", "netns", "exec", w.server.name)
                same("its mounts are the first process's", mounts, first)
                same("its directory", os.readlink(f"/proc/{pid}/cwd"), "/")
                run(f"nsenter --net={w.server.path} vfm-xdp detach v0")
                pid, mounts = attached("nsenter", f"--net={w.server.path}", "unshare", "--mount", "sh",
                                       "-c", 'mount -t bpf bpf /sys/fs/bpf && exec "$@"', "sh")
                same("a state of its own", mounts != first, True)
                run(f"nsenter --net={w.server.path} --mount=/proc/{pid}/ns/mnt vfm-xdp detach v0")
                pid, mounts = attached("nsenter", f"--net={w.server.path}", "unshare", "--mount", "sh",
                                       "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")
                same("messages of its own", mounts != first, True)
                run(f"nsenter --net={w.server.path} --mount=/proc/{pid}/ns/mnt vfm-xdp detach v0")
        finally:
            run("umount -l /sys/fs/bpf")
    return on_world(check)


BUSCTL = """#!/bin/sh
printf '%s\\n' "$@" >/run/busctl.said
exec 1>&- 2>&-
exit 1
"""


def scope():
    """Where systemd runs the process asks it for a scope of its own, whether that helps or not."""
    def check(w):
        os.makedirs("/run/systemd/system")
        os.mkdir("/run/bin")
        with open("/run/bin/busctl", "w") as file:
            file.write(BUSCTL)
        os.chmod("/run/bin/busctl", 0o755)
        path = os.environ["PATH"]
        os.environ["PATH"] = f"/run/bin:{path}"
        try:
            attach(w, FILTER, "--name=a%b")
            pid = server_pid()
            said = open("/run/busctl.said").read().splitlines()
            same("the call", said[6:8], ["StartTransientUnit", "ssa(sv)a(sa(sv))"])
            same("the scope", said[8:10], [f"vfm-v0-a_b-{pid}.scope", "fail"])
            same("its process", said[11:15], ["PIDs", "au", "1", str(pid)])
            same("served", arrives(w), False)
            detach(w)
        finally:
            os.environ["PATH"] = path
    return on_world(check)


def messages_survive():
    """A full /run and a long story: the process goes on, and writes again when there is room."""
    def check(w):
        with nothing_left(w):
            attach(w, FILTER)
            path, text = messages(w)
            with open(path, "a") as file:
                file.write(" " * (4096 - len(text)))  # its page is full, too
            with open("/run/full", "wb") as file:
                try:
                    while True:
                        file.write(bytes(1 << 20))
                        file.flush()
                except OSError:
                    pass
            for name in "w8", "v0":
                w.server.run(f"ip link set v0 name {name}" if name != "v0" else
                             "ip link set w8 name v0")
                time.sleep(0.4)
            same("served in spite of a full /run", (state(w), arrives(w)), ("attached", False))
            os.unlink("/run/full")
            with open(path, "a") as file:
                file.write("a long story\n" * 30_000)
            w.server.run("ip link set v0 name w7")
            wait_for("a message", lambda: "v0 is w7 now" in open(path).read(), 3)
            if os.path.getsize(path) > 1000:
                raise Failed(f"{path} has {os.path.getsize(path)} bytes")
            w.server.run("ip link set w7 name v0")
            detach(w)
    run("mount -t tmpfs -o remount,size=32m tmpfs /run")
    return on_world(check)


def pins_removed():
    """Who removes the pins takes the filter off, as one in the kernel."""
    def check(w):
        with nothing_left(w) as look:
            attach(w, FILTER)
            look()
            pid = server_pid()
            link = only(vfm_json(w.server, "show", "v0"))["link"]
            os.unlink(link)
            end_of(pid)
            same("nothing decides", arrives(w), True)
    return on_world(check)


def terminated():
    """SIGTERM for the process that serves: it says so, serves what it has, and is gone."""
    def check(w):
        attach(w, FILTER)
        pid = server_pid()
        kill(pid, signal.SIGTERM)
        end_of(pid)
        same("state", state(w), "unserved")
        contains("its last message", messages(w)[1], "signal")
        same("follows --on-error", arrives(w), True)
        detach(w)
    return on_world(check)


def one_thread_hangs():
    """One thread of four looks at its ring no more: the filter is unserved, and only what comes by
    that queue follows --on-error."""
    def check(w):
        attach(w, FILTER)
        pid = server_pid()
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        thread = max(int(task) for task in os.listdir(f"/proc/{pid}/task"))
        if ptrace(PTRACE_SEIZE, thread, None, None) or ptrace(PTRACE_INTERRUPT, thread, None, None):
            raise lib_sandbox.Skip("no ptrace")
        pause()
        same("state", state(w), "unserved")
        contains("show", vfm(w.server, "show", "v0").stdout, "does not answer")
        before = stats(w)
        w.sender(w.client, "v1").send(*[
            ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                     udp(CLIENT, SERVER, 1000 + 7 * n, 9999, b"queue")) for n in range(100)])
        time.sleep(0.3)
        after = stats(w)
        overrun, drop = (after[key] - before[key] for key in ("overrun", "drop"))
        same(f"{overrun} + {drop}", overrun + drop, 100)
        same("some of each", overrun > 0 and drop > 0, True)
        os.waitpid(thread, 0x40000000)  # __WALL
        ptrace(PTRACE_DETACH, thread, None, None)
        wait_for("served again", lambda: state(w) == "attached", 3)
        w.tidy()
        detach(w)
    return on_world(check)


def deaf():
    """Frames are handed over and none arrives, here since another socket has got the place of the
    queue's: packets follow --on-error, also where they come without a pause, and it is said."""
    def check(w):
        attach(w, FILTER)
        numbers = [number for kind, number in lib_serve.objects() if kind == "map"]
        sockets = [number for number in numbers
                   if '"vfm_sockets"' in run(f"bpftool -j map show id {number}").stdout]
        with w.server.socket(44, socket.SOCK_RAW) as nobody:  # AF_XDP, not bound
            for queue in range(4):
                run(f"bpftool map update id {only(sockets)} key {queue} 0 0 0 "
                    f"value {nobody.fileno()} 0 0 0", pass_fds=[nobody.fileno()])
            sender = w.sender(w.client, "v1")
            frame = ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, udp(CLIENT, SERVER, 1000, 9999, b"?"))
            enough = threading.Event()

            def send():  # never a quarter of a second without one
                while not enough.wait(0.005):
                    sender.send(frame)
            thread = threading.Thread(target=send)
            thread.start()
            try:
                wait_for("unserved", lambda: state(w) == "unserved", 10)
            finally:
                enough.set()
                thread.join()
            wait_for("a message", lambda: "none of the frames" in messages(w)[1], 3)
            same("follows --on-error", (reachable(w), arrives(w)), (True, True))
        w.tidy()
        detach(w)
    return on_world(check, hand_overs=("native", "skb"))


def run_fails():
    """`run` killed, stopped, without a reader of what it prints, without its terminal."""
    def check(w):
        with nothing_left(w) as look:
            process = command(w, "run")
            wait_for("run", lambda: is_attached(w), 10)
            look()
            process.kill()
            process.communicate()
            pause()
            same("killed", (state(w), arrives(w)), ("unserved", True))
            detach(w)

            process = command(w, "run")
            wait_for("run", lambda: is_attached(w), 10)
            look()
            process.send_signal(signal.SIGSTOP)
            pause()
            same("stopped", (state(w), arrives(w)), ("unserved", True))
            process.send_signal(signal.SIGCONT)
            wait_for("goes on", lambda: state(w) == "attached" and not arrives(w), 3)
            process.stdout.close()
            process.stderr.close()
            w.server.run("ip link set v0 name w8")  # it says so
            time.sleep(0.4)
            w.server.run("ip link set w8 name v0")
            wait_for("goes on unheard", lambda: state(w) == "attached" and not arrives(w), 3)
            process.send_signal(signal.SIGINT)
            process.wait(10)
            same("filters", vfm_json(w.server, "list"), [])

            process = command(w, "run")
            wait_for("run", lambda: is_attached(w), 10)
            process.send_signal(signal.SIGHUP)
            process.communicate(timeout=10)
            same("filters after a hang-up", vfm_json(w.server, "list"), [])
            process = command(w, "run")
            wait_for("run", lambda: is_attached(w), 10)
            detach(w)
            said, problems = process.communicate(timeout=10)
            same(f"status when detached ({problems})", process.returncode, 0)

            if shutil.which("strace"):  # the word comes long after the end of the link
                process = command(w, "run")
                wait_for("run", lambda: is_attached(w), 10)
                w.server.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bpf",
                              "-e", "inject=bpf:delay_exit=300000",
                              "vfm-xdp", "detach", "v0", "--bpffs", lib_serve.BPFFS])
                said, problems = process.communicate(timeout=10)
                same(f"status when detached slowly ({problems})", process.returncode, 0)
    return on_world(check)


CHECKS = (killed_at_start, detached_twice, streams_closed, descriptors, odd_names, mounts_left, scope,
          messages_survive, pins_removed, terminated, one_thread_hangs, deaf, run_fails)
if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in CHECKS])
