"""vfm-xdp, and what it leaves.

  VFM_SERVED_BY   userspace (default), kernel: a filter in the kernel in its place, none: no filter;
                  the last two try the tests themselves
"""
import contextlib
import glob
import json
import os
import re
import signal
import time

from lib_sandbox import Failed, contains, processes, run, same, wait_for

SERVED_BY = os.environ.get("VFM_SERVED_BY", "userspace")
BPFFS = None  # of this test; set by its workplace


def options_for(hand_over):
    if SERVED_BY == "kernel":
        return ["--mode=skb" if hand_over == "skb" else "--mode=native"]
    return ["--mode=userspace", f"--hand-over={hand_over}"]


def vfm(space, verb, *arguments, status=0, **options):
    """vfm-xdp in a namespace; its CompletedProcess. `status` None takes any."""
    with space:
        state = [] if verb == "check" else ["--bpffs", BPFFS]
        done = run(["vfm-xdp", verb, *arguments, *state], check=False, timeout=60, **options)
    if status is not None and done.returncode != status:
        raise Failed(f"vfm-xdp {verb} {' '.join(map(str, arguments))}: status {done.returncode}, "
                     f"expected {status}: {done.stderr}{done.stdout}")
    return done


def vfm_json(space, verb, *arguments):
    return json.loads(vfm(space, verb, *arguments, "--json").stdout)


def only(rows):
    """The one row of a list."""
    same("filters", len(rows), 1)
    return rows[0]


def refused(space, part, verb, *arguments, status=3, **options):
    """It must fail so and say `part` on stderr; what it said."""
    done = vfm(space, verb, *arguments, status=None, **options)
    if done.returncode != status:
        raise Failed(f"vfm-xdp {verb} {' '.join(map(str, arguments))}: status {done.returncode}, "
                     f"expected {status}: {done.stderr}{done.stdout}")
    contains(f"message of {verb}", done.stderr, part)
    return done.stderr


def attach(world, filter_text="1", *more, hand_over=None, interface="v0"):
    """`filter_text` is an expression, or the path of a file."""
    what = [filter_text] if os.path.exists(filter_text) else ["-e", filter_text]
    return vfm(world.server, "attach", interface, *what,
               *options_for(hand_over or world.case.hand_over),
               *more)


def detach(world, interface="v0", *more):
    return vfm(world.server, "detach", interface, *more)


@contextlib.contextmanager
def served(world, filter_text="1", *more, hand_over=None):
    """The filter works while this lasts."""
    if SERVED_BY == "none":
        yield
        return
    attach(world, filter_text, *more, hand_over=hand_over)
    try:
        yield
    finally:
        detach(world)


def stats(world, interface="v0"):
    return only(vfm_json(world.server, "stats", interface))


def stats_after(world, packets, interface="v0", seconds=5.0):
    """The counters once so many packets have been seen."""
    row = {}

    def enough():
        row.update(stats(world, interface))
        return row["packets"] >= packets

    with contextlib.suppress(Failed):
        wait_for("packets", enough, seconds, 0.02)
    same("packets seen", row["packets"], packets)
    return row


def state(world):
    return only(vfm_json(world.server, "list"))["state"]


def server_pid():
    """The process that serves the only filter."""
    return wait_for("a process that serves", processes)[0]


def end_of(pid, seconds=5.0):
    wait_for(f"end of process {pid}", lambda: pid not in processes(), seconds)


def objects():
    """BPF programs, maps and links that a vfm-xdp of this test holds or has pinned: their numbers
    are the kernel's, but the processes and the bpffs are this test's, so nobody else's are among
    them."""
    found = set()
    for pid in processes():
        for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
            with contextlib.suppress(OSError), open(path) as file:
                for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", file.read(), re.M):
                    found.add((kind, int(number)))
    for folder, _, names in os.walk(BPFFS):
        for name in names:
            for kind in "prog", "map", "link":
                path = os.path.join(folder, name)
                shown = run(["bpftool", "-j", kind, "show", "pinned", path], check=False)
                if shown.returncode == 0 and shown.stdout.startswith("{"):
                    row = json.loads(shown.stdout)
                    if "id" in row and "error" not in row:
                        found.add((kind, row["id"]))
                        if kind == "link" and "prog_id" in row:
                            found.add(("prog", row["prog_id"]))
                        break
    return found


def alive(things):
    """Those that the kernel still has."""
    return {(kind, number) for kind, number in things
            if run(f"bpftool -j {kind} show id {number}", check=False).returncode == 0}


def picture(world):
    """What must be as it was: processes, files, interfaces, tc, namespaces."""
    tree = sorted(os.path.join(folder, name) for top in (BPFFS, "/run") for folder, dirs,
                  names in os.walk(top)
                  for name in dirs + names)
    seen = {"processes": processes(), "files": tree, "mounts": open("/proc/self/mounts").read(),
            "namespaces": run("lsns -n -o NS -t net").stdout.split()}
    for space in world.spaces():
        links = json.loads(space.out("ip -j -d link show"))
        # (What a program on XDP has taken from the peer's features comes back with it.)
        seen[space.name] = [(link["ifname"], link.get("ifalias"), link["flags"], link["mtu"],
                             link.get("address"), (link.get("xdp") or {}).get("prog", {}).get("id"))
                            for link in links]
        for link in links:
            name = link["ifname"]
            seen[space.name, name] = space.out(f"tc qdisc show dev {name}"), \
                space.out(f"tc filter show dev {name} ingress"), space.out(f"ethtool -k {name}")
    return seen


def changed(before, after):
    return {key: (before.get(key), after.get(key)) for key in {*before, *after}
            if before.get(key) != after.get(key)}


@contextlib.contextmanager
def nothing_left(world, seconds=5.0):
    """The world after what happens in here is the world before. Yields a function that looks at
    what vfm-xdp holds at that moment: of all that nothing may be left in the kernel."""
    before, seen = picture(world), set()
    yield lambda: seen.update(objects())
    left = {}

    def as_before():
        left.clear()
        left.update(changed(before, picture(world)))
        remaining = alive(seen)
        if remaining:
            left["in the kernel"] = remaining
        return not left

    with contextlib.suppress(Failed):
        wait_for("nothing left", as_before, seconds, 0.1)
    if left:
        raise Failed(f"left behind: {left}")


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)


def pause():
    """Longer than traffic may take to follow --on-error."""
    time.sleep(1.1)
