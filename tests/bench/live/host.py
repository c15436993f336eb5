"""A host and its neighbour in network namespaces of their own, joined by a veth pair, and what the
kernel counts there. All that receives stays on one CPU: a thread does the interface's NAPI there."""
import os
import re
import subprocess
import time
from pathlib import Path

NEIGHBOUR, TAP = "peer", "tap"
MAC, ADDRESS, NEIGHBOUR_ADDRESS = "02:00:00:00:00:01", "10.9.0.1", "10.9.0.2"
SINK = "10.77.0.1"  # kLiveAddress: frames to it are traffic, and end in a rule of iptables
QUEUE = "7"
# Real-time priorities. Who consumes goes before who brings, as where there is enough of everything: what
# is too much is lost at the sender's, before the measured CPU has worked on it.
GENERATOR, NAPI, CONSUMER, PING = 5, 10, 20, 30
FIRST_UP = """
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf && ip link set lo up
echo ready; exec sleep infinity"""


class Impossible(Exception):
    """This machine cannot do it; says why."""


def run(*command, **options):
    """The standard output of a command that must succeed; else RuntimeError with its message."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Namespace:
    """Network and mount namespaces, kept by a process of their own that dies with us."""

    def __init__(self):
        self.keeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--propagation", "private",
             "sh", "-c", FIRST_UP], stdout=subprocess.PIPE, text=True)
        if self.keeper.stdout.readline() != "ready\n":
            raise Impossible("cannot make a network namespace with a bpffs")

    def inside(self, *command):
        return ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net",
                f"--mount=/proc/{self.keeper.pid}/ns/mnt", "--wd=" + os.getcwd(), *command]

    def run(self, *command):
        return run(*self.inside(*command))

    def proc(self, name):
        return Path(f"/proc/{self.keeper.pid}/net/{name}").read_text()

    def close(self):
        self.keeper.kill()
        self.keeper.wait()


class Host:
    """The measured interface, its neighbour, and the CPU that receives."""

    def __init__(self, cpu, letter):
        self.cpu = cpu
        # NAPI threads are found by this name, so no other host may have it.
        self.interface = f"vb{os.getpid()}{letter}"
        self.here, self.there = Namespace(), Namespace()
        self.sink_table = "raw"
        self.here.run("ip", "link", "add", self.interface, "address", MAC, "type", "veth", "peer", "name", NEIGHBOUR,
                      "netns", str(self.there.keeper.pid))
        self.here.run("ip", "addr", "add", f"{ADDRESS}/24", "dev", self.interface)
        self.there.run("ip", "addr", "add", f"{NEIGHBOUR_ADDRESS}/24", "dev", NEIGHBOUR)
        # Without GRO or XDP a veth has no NAPI, and loses what the generator sends.
        self.here.run("ethtool", "-K", self.interface, "gro", "on")
        # The bare loop knows nothing of sums that somebody else is to complete, nor of tags beside the frame,
        # and would lose both: without these offloads the road need not care either.
        self.there.run("ethtool", "-K", NEIGHBOUR, "tx", "off", "txvlan", "off", "tx-vlan-stag-hw-insert", "off")
        self.there.run("ip", "link", "set", NEIGHBOUR, "up")
        self.here.run("ip", "link", "set", self.interface, "up")
        self.here.run("sh", "-c", f"echo 1 >/sys/class/net/{self.interface}/threaded")
        self.napi = self.find_napi()
        self.there.run("ping", "-c1", "-W2", "-q", ADDRESS)

    def find_napi(self):
        """The thread of the interface's NAPI, set to its CPU."""
        for _ in range(100):
            for path in Path("/proc").glob("[0-9]*/comm"):
                if read_or_empty(path).startswith(f"napi/{self.interface}-"):
                    thread = int(path.parent.name)
                    os.sched_setaffinity(thread, {self.cpu})
                    os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(NAPI))
                    return thread
            time.sleep(0.02)
        raise Impossible("no NAPI thread of a veth is to be seen")

    def sink(self, queue):
        """Lets the generator's packets end in iptables: at once, or where they go after an NFQUEUE."""
        self.sink_table = "mangle" if queue else "raw"
        if queue:
            self.here.run("iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-i", self.interface,
                          "-j", "NFQUEUE", "--queue-num", QUEUE)
        self.here.run("iptables-legacy", "-t", self.sink_table, "-A", "PREROUTING", "-i", self.interface, "-d", SINK,
                      "-j", "DROP")

    def add_tap(self):
        """A TAP whose frames go on as if they had come by the interface."""
        self.here.run("ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr")
        self.here.run("ip", "link", "set", TAP, "address", MAC, "arp", "off", "up")
        self.here.run("tc", "qdisc", "add", "dev", TAP, "ingress")
        self.here.run("tc", "filter", "add", "dev", TAP, "ingress", "protocol", "all", "u32", "match", "u32",
                      "0", "0", "action", "mirred", "ingress", "redirect", "dev", self.interface)

    def has_xdp(self):
        return "xdp" in self.here.run("ip", "link", "show", self.interface)

    def received(self):
        """Frames that came by the interface."""
        return int(re.search(rf"^ *{self.interface}: *\d+ +(\d+)", self.here.proc("dev"), re.M).group(1))

    def sunk(self):
        """Packets that reached the host's stack and ended there."""
        lines = self.here.run("iptables-legacy", "-t", self.sink_table, "-vnxL", "PREROUTING").splitlines()
        return sum(int(line.split()[0]) for line in lines if SINK in line)

    def close(self):
        self.here.close()
        self.there.close()


def read_or_empty(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def cpu_time(threads):
    """Nanoseconds of CPU that these threads have used."""
    return sum(int((read_or_empty(Path(f"/proc/{t}/schedstat")) or "0").split()[0]) for t in threads)


def threads_of(pid):
    return [int(p.name) for p in Path(f"/proc/{pid}/task").iterdir()]


def idle_ticks(cpu):
    """Hundredths of a second in which the CPU had nothing to do."""
    line = next(l for l in Path("/proc/stat").read_text().splitlines() if l.startswith(f"cpu{cpu} "))
    fields = [int(f) for f in line.split()[1:]]
    return fields[3] + fields[4]
