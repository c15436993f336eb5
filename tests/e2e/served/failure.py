#!/usr/bin/env python3
"""What happens when something fails: the process, the interface, whoever started it. `failure.py
[CHECK...]`; VFM_LONG=1: a hundred kills."""
import os
import pty
import signal
import subprocess
import time

import lib_sandbox
import lib_serve
from lib_exchange import ping, udp_socket
from lib_packet import ETH_P_IP, ethernet, udp
from lib_sandbox import LONG, Failed, Skip, contains, processes, same, wait_for
from lib_serve import (SERVED_BY, attach, detach, end_of, kill, nothing_left, only, pause, refused,
                       server_pid,
                       state, stats, vfm, vfm_json)
from lib_world import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Case, world
from traffic import Counted

KILLS = 100 if LONG else 5
# Datagrams to 9999 tell who decides: dropped while served, and else --on-error.
FILTER = "(if (= proto 17) (!= dst-port 9999) 1)"


def on_world(check, **options):
    """The check on a world of its own, in each hand-over that `hand_overs` names."""
    if SERVED_BY != "userspace":
        raise Skip(f"served by {SERVED_BY}: there is no process")
    hand_overs = options.pop("hand_overs", ("native",))
    notes = []
    for hand_over in hand_overs:
        with lib_sandbox.workplace() as path, world(Case(hand_over, queues=4, **options)) as w:
            lib_serve.BPFFS = f"{path}/bpf"
            w.know_neighbours()
            notes.append(check(w) or "")
    return "; ".join(filter(None, notes))


def arrives(w, port=9999, address=SERVER, space=None):
    """Whether a datagram to the port reaches the host."""
    with udp_socket(space or w.server, "0.0.0.0", port) as server, udp_socket(w.client,
                                                                              CLIENT) as client:
        server.settimeout(0.3)
        client.sendto(b"whoever decides", (address, port))
        try:
            return server.recv(100) == b"whoever decides"
        except TimeoutError:
            return False


def reachable(w):
    return any(" 0% packet loss" in line for line in ping(w.client, SERVER, count=2))


def killed():
    """kill -9 under traffic: a second later traffic follows --on-error, `list` says unserved,
    `detach` and a new `attach` work, and nothing is left anywhere."""
    def check(w):
        with nothing_left(w) as look:
            for number in range(KILLS):
                attach(w, FILTER)
                same("served", (state(w), arrives(w)), ("attached", False))
                traffic = Counted(w, 3000)
                try:
                    look()
                    pid = server_pid()
                    kill(pid)
                    end_of(pid)
                    pause()
                    traffic.phase = 1
                    time.sleep(0.2)
                finally:
                    traffic.phase = 2
                    time.sleep(0.1)
                    traffic.end()
                same(f"kill {number}: lost a second later", traffic.lost(1), 0)
                same(f"kill {number}: state", state(w), "unserved")
                same(f"kill {number}: follows --on-error", arrives(w), True)
                same(f"kill {number}: reachable", reachable(w), True)
                same(f"kill {number}: interfaces that served", w.helpers(), [])
                row = stats(w)  # can be read without the process
                if not row["packets"] or not row["overrun"]:
                    raise Failed(f"kill {number}: statistics: {row}")
                detach(w)
    return on_world(check, hand_overs=("native", "skb"))


def killed_drops():
    """With --on-error=drop nothing passes when the process is gone."""
    def check(w):
        with nothing_left(w) as look:
            attach(w, FILTER, "--on-error=drop")
            look()
            kill(server_pid())
            pause()
            same("reachable", reachable(w), False)
            same("state", state(w), "unserved")
            detach(w)
            same("reachable after detach", reachable(w), True)
    return on_world(check, hand_overs=("native", "skb"))


def stopped():
    """SIGSTOP: within a second traffic follows --on-error and counts as overrun; after SIGCONT it
    is served again, and what has waited longer than a second does not arrive late."""
    def check(w):
        for verdict in "pass", "drop":
            attach(w, FILTER, f"--on-error={verdict}")
            pid = server_pid()
            same(f"{verdict}: reachable before", reachable(w), True)
            traffic = Counted(w, 1000)
            try:
                traffic.phase = 1
                kill(pid, signal.SIGSTOP)
                pause()
                traffic.phase = 2
                time.sleep(1.0)
                traffic.phase = 3
                same(f"{verdict}: passes while stopped", arrives(w), verdict == "pass")
                same(f"{verdict}: state while stopped", state(w), "unserved")
                before = len(traffic.seen.get(1, ()))
                if not stats(w)["overrun"]:
                    raise Failed(f"{verdict}: no overrun is counted: {stats(w)}")
                kill(pid, signal.SIGCONT)
                wait_for(f"{verdict}: served again",
                         lambda: state(w) == "attached" and not arrives(w), 5)
                late = len(traffic.seen.get(1, ())) - before
                traffic.phase = 4
                time.sleep(0.3)
            finally:
                traffic.phase = 5
                time.sleep(0.1)
                traffic.end()
            lost = traffic.lost(2)
            same(f"{verdict}: of {traffic.sent[2]} while stopped lost", lost,
                 0 if verdict == "pass" else traffic.sent[2])
            same(f"{verdict}: minutes late", late, 0)
            same(f"{verdict}: lost when served again", traffic.lost(4), 0)
            same(f"{verdict}: twice", traffic.twice(), 0)
            detach(w)
    return on_world(check, hand_overs=("native", "skb"))


def stopped_and_detached():
    """`detach` works on a process that does not answer."""
    def check(w):
        with nothing_left(w) as look:
            attach(w, FILTER)
            look()
            pid = server_pid()
            kill(pid, signal.SIGSTOP)
            detach(w)
            end_of(pid)
            same("no filter decides", arrives(w), True)
    return on_world(check)


def down_and_up():
    def check(w):
        attach(w, FILTER)
        for _ in range(3):
            w.server.run("ip link set v0 down")
            time.sleep(0.1)
            w.server.run("ip link set v0 up")
            w.know_neighbours()
        wait_for("served after down and up", lambda: reachable(w) and state(w) == "attached"
                 and not arrives(w), 5)
        detach(w)
    return on_world(check, hand_overs=("native", "skb"))


def deleted():
    """The interface goes: so does the process, and says why where `show` says that it says it."""
    def check(w):
        attach(w, FILTER)
        pid = server_pid()
        shown = vfm(w.server, "show", "v0").stdout
        w.server.run("ip link delete v0")
        end_of(pid)
        same("state", state(w), "stale")
        said = "".join(open(word).read() for word in shown.split() if os.path.isfile(word))
        contains("its last message", said, "v0")
        row = only(vfm_json(w.server, "stats"))
        same("statistics are still there", row["packets"] > 0 or row["packets"] == 0, True)
        vfm(w.server, "detach", "v0", "--all")
        same("files", os.listdir(lib_serve.BPFFS + "/vfm")
             if os.path.isdir(lib_serve.BPFFS + "/vfm") else [], [])
    return on_world(check)


def renamed():
    def check(w):
        with nothing_left(w) as look:
            attach(w, FILTER)
            look()
            w.server.run("ip link set v0 name w9")
            same("list", [(f["iface"], f["state"]) for f in vfm_json(w.server, "list")],
                 [("w9", "attached")])
            wait_for("served under the new name", lambda: reachable(w) and not arrives(w), 3)
            wait_for("alias of what serves", lambda: [h["ifalias"]
                                                      for h in w.helpers()] == ["vfm w9"], 3)
            vfm(w.server, "detach", "w9")
            w.server.run("ip link set w9 name v0")
    return on_world(check)


def moved():
    """To another namespace: followed, or ended with a message; never a black hole, and detach
    works."""
    def check(w):
        attach(w, FILTER)
        w.server.run(f"ip link set v0 netns {w.third.name}")
        w.third.run(f"ip address add {SERVER}/24 dev v0")
        w.third.run("ip link set v0 up")
        w.third.run(f"ip neighbour replace {CLIENT} lladdr {CLIENT_MAC} dev v0 nud permanent")
        pause()
        wait_for("reachable in its new place", lambda: reachable(w), 5)
        states = [f["state"] for f in vfm_json(w.third, "list")]
        if states == ["attached"]:
            same("decided by the filter", arrives(w, space=w.third), False)
        elif states[0] in ("unserved", "elsewhere", "stale"):
            same("follows --on-error", arrives(w, space=w.third), True)
        else:
            raise Failed(f"list says {states}")
        for space in w.third, w.server:
            if vfm(space, "detach", "v0", status=None).returncode == 0:
                break
        same("filters left", vfm_json(w.server, "list") + vfm_json(w.third, "list"), [])
        wait_for("no process", lambda: not processes(), 5)
    return on_world(check, third=True)


def channels():
    """ethtool -L, more queues and fewer: all of them are served soon, and nothing is lost for
    good."""
    def check(w):
        for space, name in (w.server, "v0"), (w.client, "v1"):
            if space.run(f"ethtool -L {name} rx 2 tx 2", check=False).returncode:
                raise Skip("this kernel does not change the queues of veth")
        attach(w, FILTER)
        sink = w.sender(w.client, "v1")

        def all_dropped():
            before = stats(w)
            sink.send(*[ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                                 udp(CLIENT, SERVER, 1000 + 7 * n, 9999, b"queue"))
                        for n in range(100)])
            time.sleep(0.1)
            after = stats(w)
            return after["drop"] - before["drop"] == 100 and after["overrun"] == before["overrun"]

        wait_for("2 queues", all_dropped, 3)
        for count in 4, 1, 3:
            # A driver takes no fewer queues than its peer sends on: the peer goes first down, last up.
            ends = [(w.client, "v1"), (w.server, "v0")]
            w.server.run("ethtool -L v0 rx 4", check=False)
            for space, name in ends if count < 4 else ends[::-1]:
                space.run(f"ethtool -L {name} rx {count} tx {count}", check=False)
            wait_for(f"{count} queues", all_dropped, 5, 0.2)
            same(f"{count} queues: reachable", reachable(w), True)
            same(f"{count} queues: state", state(w), "attached")
        w.tidy()
        detach(w)
    return on_world(check, hand_overs=("native", "skb"))


def terminal_closed():
    """The terminal on which it was attached goes, and whoever started it is killed."""
    def check(w):
        pid, terminal = pty.fork()
        if pid == 0:
            w.server.move_to(w.server.fd)
            os.execvp("sh", ["sh", "-c",
                             f"vfm-xdp attach v0 -e '{FILTER}' --mode=userspace --bpffs {lib_serve.BPFFS};"
                             "echo attached; exec sleep 100"])
        said = b""
        while b"attached\r\n" not in said.replace(b"attached '", b""):
            said += os.read(terminal, 1000)
        os.close(terminal)  # hangs up
        wait_for("end of the shell", lambda: os.waitpid(pid, os.WNOHANG)[0], 5)
        time.sleep(0.3)
        same("after the terminal", (state(w), arrives(w)), ("attached", False))
        server = server_pid()
        for number in range(3):
            path = f"/proc/{server}/fd/{number}"
            end = os.readlink(path) if os.path.lexists(path) else ""
            if "pts" in end:
                raise Failed(f"the server keeps the terminal: {end}")
        same("its directory", os.readlink(f"/proc/{server}/cwd"), "/")
        same("its session", os.getsid(server), server)
        detach(w)
        # The parent, and the process group, with the signal that nobody handles.
        group = w.server.start(["setsid", "sh", "-c",
                                f"vfm-xdp attach v0 -e '{FILTER}' --mode=userspace --bpffs "
                                f"{lib_serve.BPFFS} && exec sleep 100"], stdout=subprocess.DEVNULL)
        wait_for("attached", lambda: [f["state"] for f in vfm_json(w.server,
                                                                   "list")] == ["attached"], 10)
        os.killpg(os.getpgid(group.pid), signal.SIGKILL)
        group.wait()
        same("after the parent", (state(w), arrives(w)), ("attached", False))
        detach(w)
    return on_world(check)


def run_ends():
    """`run` serves in the foreground until SIGINT or SIGTERM, prints the statistics and leaves
    nothing."""
    def check(w):
        for number in signal.SIGINT, signal.SIGTERM:
            with nothing_left(w) as look:
                process = w.server.start(["vfm-xdp", "run", "v0", "-e", FILTER, "--mode=userspace",
                                          "--bpffs",
                                          lib_serve.BPFFS], stdout=-1, stderr=-1, text=True)
                wait_for("run", lambda: [f["state"]
                                         for f in vfm_json(w.server, "list")] == ["attached"], 10)
                same("served", arrives(w), False)
                look()
                process.send_signal(number)
                said, problems = process.communicate(timeout=10)
                same(f"status after {number.name} ({problems})", process.returncode, 0)
                contains(f"statistics after {number.name}", said, "DROP")
                same("no filter decides", arrives(w), True)
    return on_world(check)


CHECKS = (killed, killed_drops, stopped, stopped_and_detached, down_and_up, deleted, renamed,
          moved, channels,
          terminal_closed, run_ends)
if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in CHECKS])
