#!/usr/bin/env python3
"""The commands on a filter that user space serves, and how it comes to that. `commands.py
[CHECK...]`"""
import errno
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import lib_sandbox
import lib_serve
from failure import FILTER, arrives, on_world, reachable
from lib_sandbox import Failed, Skip, contains, processes, run, same, wait_for
from lib_serve import attach, detach, nothing_left, only, refused, stats, vfm, vfm_json
from lib_world import CLIENT, SERVER

REFUSING = os.path.join(os.environ.get("VFM_E2E_BUILD", "."), "libvfm_refuse_program.so")


def refusing(name="filter", **more):
    """An environment in which the kernel refuses that filter's program."""
    if not os.path.exists(REFUSING):
        raise Skip("the preloaded library is not built")
    mark = f"{os.path.dirname(lib_serve.BPFFS)}/refused"
    if os.path.exists(mark):
        os.unlink(mark)
    return {**os.environ, "LD_PRELOAD": REFUSING, "VFM_REFUSE": name, "VFM_REFUSE_MARK": mark,
            **more}


def was_refused():
    """Else the check would say nothing."""
    same("the kernel was asked", os.path.exists(f"{os.path.dirname(lib_serve.BPFFS)}/refused"),
         True)


def fallback():
    """What the kernel refuses runs in user space: a warning with the reason at the VFLisp line, a
    note with engine and cost, exit 0."""
    def check(w):
        path = f"{os.path.dirname(lib_serve.BPFFS)}/rules.vfl"
        with open(path, "w") as file:
            file.write(f"; two lines before it matters\n\n{FILTER}\n")
        with nothing_left(w) as look:
            done = vfm(w.server, "attach", "v0", path, "--name", "large", env=refusing("large"))
            was_refused()
            for part in ("warning:", "rules.vfl:3", "too large", "note:", "user space",
                         "ns a packet"):
                contains("what attach says", done.stderr, part)
            if not any(word in done.stderr for word in ("jit", "native", "interp")):
                raise Failed(f"no engine is named: {done.stderr}")
            if "error:" in done.stderr:
                raise Failed(f"an error that is none: {done.stderr}")
            row = only(vfm_json(w.server, "list"))
            same("list", [row[k] for k in ("iface", "hook", "mode", "name", "on_error", "state")],
                 ["v0", "xdp", "userspace", "large", "pass", "attached"])
            contains("engine", ("jit", "interp"), row["engine"])
            same("decides", (arrives(w), arrives(w, 9998)), (False, True))
            look()
            detach(w)
        # As JSON.
        done = vfm(w.server, "attach", "v0", path, "--name", "large", "--json",
                   env=refusing("large"))
        answer = json.loads(done.stdout)
        same("--json", (answer["mode"], answer["name"], answer["ns_per_packet"] > 0),
             ("userspace", "large", True))
        detach(w)
    return on_world(check)


def no_fallback():
    """--no-fallback, --mode=native and --mode=skb make it an error; nothing is attached."""
    def check(w):
        with nothing_left(w):
            for options in (["--no-fallback"], ["--mode=native"], ["--mode=skb"],
                            ["--no-fallback", "--json"]):
                refused(w.server, "too large", "attach", "v0", "-e", FILTER, *options,
                        env=refusing())
                was_refused()
            same("filters", vfm_json(w.server, "list"), [])
    return on_world(check)


def other_builds():
    """A program for frames of several buffers that the verifier refuses is no reason against the
    one for linear frames: an interface whose driver has no XDP takes that."""
    def check(w):
        w.server.run("ip link add b0 type bridge")
        w.server.run("ip link set b0 up")
        for mtu in 1500, 9000:
            w.server.run(f"ip link set b0 mtu {mtu}")
            vfm(w.server, "attach", "b0", "-e", FILTER, env=refusing(VFM_REFUSE_FLAGS="0x20"))
            was_refused()
            same(f"mode with an MTU of {mtu}", only(vfm_json(w.server, "list"))["mode"], "skb")
            vfm(w.server, "detach", "b0")
        w.server.run("ip link delete b0")
    return on_world(check)


def not_the_filter():
    """What is no matter of the filter is an error, never a fallback: privilege, also where the
    verifier says it."""
    def check(w):
        with nothing_left(w):
            said_by_verifier = "R1 bitwise operator &= on pointer prohibited for !root\n"
            for log, number in ((said_by_verifier, errno.EACCES), ("", errno.EPERM)):
                said = refused(w.server, "CAP_", "attach", "v0", "-e", FILTER,
                               env=refusing(VFM_REFUSE_LOG=log, VFM_REFUSE_ERRNO=str(number)))
                was_refused()
                if "user space" in said:
                    raise Failed(f"falls back for want of privilege: {said}")
            # Nor is it for want of what only user space needs, which is then named.
            with w.server:
                done = run(["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "vfm-xdp",
                            "attach", "v0", "-e", FILTER, "--bpffs", lib_serve.BPFFS], check=False,
                           env=refusing())
            was_refused()
            same(f"status without CAP_NET_RAW: {done.stderr}", done.returncode, 3)
            for part in "warning:", "error:", "CAP_NET_RAW":
                contains("what attach says", done.stderr, part)
            refused(w.server, "no such interface", "attach", "nowhere", "-e", FILTER,
                    env=refusing())
            refused(w.server, "unknown", "attach", "v0", "-e", "(= proot 6)", env=refusing(),
                    status=1)
        attach(w, "1", "--name", "taken")
        refused(w.server, "taken", "attach", "v0", "-e", FILTER, "--name", "taken",
                env=refusing("taken"))
        detach(w)
    return on_world(check)


def verbs():
    """list, show, stats, flows, detach, check and doctor, as text and JSON."""
    def check(w):
        filter_text = "(and (= proto 17) (< (count-by src-ip) 4))"
        attach(w, filter_text, "--name", "web")
        from lib_packet import ETH_P_IP, ethernet, tcp, udp
        from lib_world import CLIENT_MAC, SERVER_MAC
        frames = [ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                           udp(CLIENT, SERVER, 4000, 9, b"x" * 20))] * 6
        frames += [ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, tcp(CLIENT, SERVER, 4000, 9, 16))] * 2
        frames += [ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, b"E")]
        w.sender(w.client, "v1").send(*frames)
        row = lib_serve.stats_after(w, len(frames))
        same("stats", (row["name"], row["hook"], row["packets"], row["bytes"], row["pass"],
                       row["drop"], row["log"],
                       row["overrun"], row["errors"]),
             ("web", "xdp", 9, sum(map(len, frames)), 4, 5, 0, 0, {"BOUNDS": 1}))
        contains("engine", ("jit", "interp"), row["engine"])
        same("rules", isinstance(row["rules"], list), True)
        for part in "web", "9":
            contains("stats as text", vfm(w.server, "stats", "v0").stdout, part)
        same("flows", [(f["name"], f["hook"], f["table"], f["key"], f["value"])
                       for f in vfm_json(w.server, "flows", "v0")],
             [("web", "xdp", "src-ip", CLIENT, 6)])
        contains("flows as text", vfm(w.server, "flows", "v0").stdout, CLIENT)
        same("top", only(vfm_json(w.server, "flows", "v0", "--table", "src-ip", "--top",
                                  "1"))["key"], CLIENT)
        same("a table as it is typed", only(vfm_json(w.server, "flows", "v0", "--table",
                                                     " src-ip ; blanks"))["key"], CLIENT)
        row = only(vfm_json(w.server, "list"))
        for key in ("iface", "hook", "mode", "engine", "name", "prio", "prog_id", "on_error",
                    "source", "attached_at", "state"):
            contains("list", row, key)
        same("source", row["source"], filter_text)
        contains("list as text", vfm(w.server, "list").stdout, "userspace")
        shown = vfm(w.server, "show", "v0").stdout
        for part in filter_text, "userspace", str(lib_serve.server_pid()):
            contains("show", shown, part)
        same("show --json", only(vfm_json(w.server, "show", "v0"))["mode"], "userspace")
        contains("bpftool", run(f"bpftool prog show id {row['prog_id']}").stdout, "xdp")
        same("detach", vfm(w.server, "detach", "v0").stdout.strip(),
             "detached 'web' from v0 at xdp")
        # Would the kernel take it? Both answers, with what user space would take.
        answer = json.loads(vfm(w.server, "check", "v0", "-e", filter_text, "--json").stdout)
        same("check", (answer["ok"], answer["instructions"] > 20), (True, True))
        # A table of 65,536 entries, each with a key and a value of 8 bytes.
        same(f"check: {answer}", answer["map_bytes"] > 65536 * 16, True)
        contains("check as text", vfm(w.server, "check", "-e", filter_text).stdout, "maps: 2 of 64")
        checked = refusing("check")
        done = vfm(w.server, "check", "v0", "-e", filter_text, "--json", env=checked, status=3)
        was_refused()
        answer = json.loads(done.stdout)
        same("check of what is refused", (answer["ok"], answer["userspace"]["ok"],
                                          answer["userspace"]["queues"]), (False, True, 4))
        frames = answer["userspace"]["queues"] * answer["userspace"]["frames"] * 4096
        parts = {part["what"]: part["bytes"] for part in answer["userspace"]["memory"]}
        same("memory", (answer["userspace"]["memory_bytes"], frames in parts.values(),
                        "flow table src-ip" in parts), (sum(parts.values()), True, True))
        done = vfm(w.server, "check", "-e", filter_text, env=checked, status=3)
        for part in "too large", "user space takes it", "ns a packet", "bytes of memory":
            contains("check as text", done.stderr, part)
        done = vfm(w.server, "check", "-e", filter_text, "--json", "--max-memory=64K", env=checked,
                   status=3)
        contains("bounded", json.loads(done.stdout)["userspace"]["reason"], "--max-memory=65536")
        rows = {row["name"]: row for row in vfm_json(w.server, "doctor")}
        for name in "cap_net_raw", "af_xdp", "af_xdp_long_frames", "give_back", "native_code":
            contains("doctor", rows, name)
            same(f"doctor: {name}: remedy", bool(rows[name]["remedy"]), rows[name]["state"] != "ok")
        for name in "cap_net_raw", "af_xdp", "give_back":  # else nothing above had worked
            same(f"doctor: {name}", rows[name]["state"], "ok")
        contains("doctor as text", vfm(w.server, "doctor").stdout, "af_xdp")
    return on_world(check)


def kernel_counts():
    """A filter in the kernel has the same keys: nothing is overrun there."""
    def check(w):
        vfm(w.server, "attach", "v0", "-e", "1", "--mode=native")
        row = only(vfm_json(w.server, "stats", "v0"))
        same("stats", (row["engine"], row["overrun"]), ("kernel", 0))
        row = only(vfm_json(w.server, "list"))
        same("list", (row["engine"], row["mode"], row["state"]), ("kernel", "native", "attached"))
        detach(w)
    return on_world(check)


def foreground():
    """run serves until a signal or until another command takes the filter off, and prints what was
    counted; nothing is left."""
    def check(w):
        for end in signal.SIGINT, signal.SIGTERM, None:
            with nothing_left(w):
                process = w.server.start(
                    ["vfm-xdp", "run", "v0", "-e", FILTER, "--json", "--bpffs", lib_serve.BPFFS],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                wait_for("the filter", lambda: [f["state"] for f in vfm_json(w.server, "list")]
                         == ["attached"])
                same("decides", (arrives(w), arrives(w, 9998)), (False, True))
                shown = only(vfm_json(w.server, "show", "v0"))
                same("show", (shown["mode"], shown["pid"], os.path.exists(shown["messages"])),
                     ("userspace", process.pid, True))
                if end:
                    process.send_signal(end)
                else:
                    vfm(w.server, "detach", "v0")
                printed, said = process.communicate(timeout=20)
                same(f"status after {end}: {said}", process.returncode, 0)
                contains("the note", said, "ns a packet")
                if end:
                    row = only(json.loads(printed))
                    same("statistics", (row["drop"], row["pass"] >= 1, row["name"]),
                         (1, True, "filter"))
        # With its interface it goes, too.
        process = w.server.start(["vfm-xdp", "run", "v0", "-e", "1", "--bpffs", lib_serve.BPFFS],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("the filter", lambda: vfm_json(w.server, "list"))
        w.server.run("ip link delete v0")
        printed, said = process.communicate(timeout=20)
        same(f"status without an interface: {said}", process.returncode, 3)
        contains("the reason", said, "v0")
        contains("statistics", printed, "PACKETS")
        same("filters left", vfm_json(w.server, "list"), [])
    return on_world(check)


def interpreted():
    """Where the system gives no executable memory the interpreter serves, and that is said."""
    def check(w):
        program = os.path.join(os.environ.get("VFM_E2E_BUILD", "."), "no_exec")
        if not os.path.exists(program):
            raise Skip("no_exec is not built")
        with nothing_left(w), w.server:
            done = run([program, "seccomp", "vfm-xdp", "attach", "v0", "-e", FILTER,
                        "--mode=userspace", "--bpffs", lib_serve.BPFFS])
            for part in "by interp", "no native code", "ns a packet":
                contains("the note", done.stderr, part)
            same("engine", (only(vfm_json(w.server, "list"))["engine"],
                            only(vfm_json(w.server, "stats", "v0"))["engine"]), ("interp", "interp"))
            same("decides", (arrives(w), arrives(w, 9998)), (False, True))
            detach(w)
            rows = json.loads(run([program, "seccomp", "vfm-xdp", "doctor", "--json"]).stdout)
            row = only([row for row in rows if row["name"] == "native_code"])
            same("doctor", (row["state"], bool(row["remedy"])), ("missing", True))
    return on_world(check)


def one_a_hook():
    """A second filter at the hook is refused where either is in user space."""
    def check(w):
        attach(w, "1", "--name", "first")
        for mode in "auto", "native", "skb", "userspace":
            refused(w.server, "first", "attach", "v0", "-e", "1", "--name", "second",
                    f"--mode={mode}")
        same("filters", [f["name"] for f in vfm_json(w.server, "list")], ["first"])
        same("still works", reachable(w), True)
        detach(w)
        vfm(w.server, "attach", "v0", "-e", "1", "--name", "first", "--mode=native")
        refused(w.server, "first", "attach", "v0", "-e", "1", "--name", "second",
                "--mode=userspace")
        detach(w)
        same("processes", processes(), [])
    return on_world(check)


def hooks():
    """tc-ingress is served at XDP, which a note says; tc-egress is refused; an XDP program is in
    its way."""
    def check(w):
        with nothing_left(w):
            done = attach(w, FILTER, "--hook=tc-ingress")
            contains("the note", done.stderr, "XDP")
            row = only(vfm_json(w.server, "list"))
            same("list", (row["hook"], row["mode"], row["state"]),
                 ("tc-ingress", "userspace", "attached"))
            same("decides", arrives(w), False)
            refused(w.server, "tc-ingress", "attach", "v0", "-e", "1", "--hook=tc-ingress",
                    "--mode=userspace")
            vfm(w.server, "detach", "v0", "--hook=tc-ingress")
            refused(w.server, "tc-egress", "attach", "v0", "-e", "1", "--hook=tc-egress",
                    "--mode=userspace")
            said = refused(w.server, "too large", "attach", "v0", "-e", FILTER, "--hook=tc-egress",
                           env=refusing())
            for part in "error:", "no way through user space at tc-egress":
                contains("what attach says at tc-egress", said, part)
            same("filters", vfm_json(w.server, "list"), [])
            done = vfm(w.server, "attach", "v0", "-e", FILTER, "--hook=tc-ingress", env=refusing())
            was_refused()
            for part in "too large", "tc-ingress is served at XDP", "ns a packet":
                contains("what attach says at tc-ingress", done.stderr, part)
            same("decides", (arrives(w), arrives(w, 9998)), (False, True))
            vfm(w.server, "detach", "v0")
        vfm(w.server, "attach", "v0", "-e", "1", "--name", "kernel", "--mode=native")
        refused(w.server, "kernel", "attach", "v0", "-e", "1", "--hook=tc-ingress",
                "--mode=userspace")
        detach(w)
    return on_world(check)


def outlives_command():
    """From inside `ip netns exec`, which has a /sys of its own: the filter is served on and seen
    from outside."""
    def check(w):
        with nothing_left(w) as look:
            run(["ip", "netns", "exec", w.server.name, "vfm-xdp", "attach", "v0", "-e", FILTER,
                 "--mode=userspace",
                 "--bpffs", lib_serve.BPFFS])
            same("state", [f["state"] for f in vfm_json(w.server, "list")], ["attached"])
            same("decides", arrives(w), False)
            mounts = os.readlink(f"/proc/{lib_serve.server_pid()}/ns/mnt")
            same("its mounts", mounts, os.readlink("/proc/self/ns/mnt"))
            look()
            detach(w)
    return on_world(check)


def helper():
    """What the host sees of the road: one interface that says what it is for, without addresses,
    and gone with the process."""
    def check(w):
        attach(w)
        time.sleep(0.5)  # long enough for whoever gives addresses
        row = only(w.helpers())
        same("alias", row["ifalias"], "vfm v0")
        same("addresses", row["addr_info"], [])
        contains("ARP", row["flags"], "NOARP")
        same("multicast groups but the kernel's own", [line for line in w.server.out(
            f"ip -6 maddress show dev {row['ifname']}").splitlines() if "inet6" in line
            and "ff02::1" not in line
            and "ff01::1" not in line], [])
        sent = w.watch(w.client, "v1", incoming_only=True)
        time.sleep(0.5)
        # The host says a second time, within ten seconds, which groups v0 is in (MLDv2, RFC 3810).
        mld_reports = bytes.fromhex("333300000016")
        same("frames of its own", [frame.data.hex() for frame in sent.drain()
                                   if not frame.data.startswith(mld_reports)], [])
        w.tidy()
        detach(w)
        same("after detach", w.helpers(), [])
    return on_world(check, hand_overs=("native", "skb"), ipv6=True)


def documented():
    """What docs/user-space.md shows of commands is what they print, but for numbers and times."""
    page = (Path(__file__).resolve().parents[3] / "docs/user-space.md").read_text()
    block = next(b for b in re.findall(r"(?:^    .*\n|^\n)+", page, re.M) if "# vfm-xdp" in b)
    lines = [line[4:] for line in block.strip("\n").split("\n")]

    def plain(text):
        """Numbers, times and the width of columns differ from run to run."""
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", text)
        return [" ".join(re.sub(r"\d+(\.\d+)?", "N", line).split())
                for line in text.strip("\n").split("\n")]

    def check(w):
        # The kernel refuses the program of `policy`, whatever else it may come to take.
        env = refusing("policy", VFM_REFUSE_LOG="1: (bf) r6 = r1\n"
                       "BPF program is too large. Processed 1000001 insn\n")
        folder = os.path.dirname(lib_serve.BPFFS)
        w.server.batch("link set v0 down", "link set v0 name eth0", "link set eth0 up")
        number = 0
        while number < len(lines):
            command = lines[number].removeprefix("# ")
            number += 1
            shown = []
            while number < len(lines) and not lines[number].startswith("# "):
                shown.append(lines[number])
                number += 1
            if command == "cat policy.vfl":
                Path(folder, "policy.vfl").write_text("\n".join(shown).strip("\n") + "\n")
                continue
            words = command.split()
            same("the documented program", words[0], "vfm-xdp")
            with w.server:
                done = subprocess.run([*words, "--bpffs", lib_serve.BPFFS], cwd=folder, env=env,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            same(f"status of {command}: {done.stdout}", done.returncode, 0)
            same(f"output of {command}", plain(done.stdout.replace(lib_serve.BPFFS, "/sys/fs/bpf")),
                 plain("\n".join(shown)))
        same("filters left", vfm_json(w.server, "list"), [])
    return on_world(check)


CHECKS = (fallback, no_fallback, other_builds, not_the_filter, verbs, kernel_counts, foreground, interpreted,
          one_a_hook, hooks, outlives_command, helper, documented)
if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in CHECKS])
