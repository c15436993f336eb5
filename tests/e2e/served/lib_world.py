"""A client and a server on a wire; filters are served on the server's end.

  client v1  10.9.0.2  fd09::a2 02:00:00:00:00:02
  server v0  10.9.0.1  fd09::a1 02:00:00:00:00:01   <- the filter
  server w0  10.9.1.1  fd0a::a1 02:00:00:00:01:01      (if there is a third host)
  third  w1  10.9.1.2  fd0a::a2 02:00:00:00:01:02
"""
import contextlib
import itertools
import json
import re
import time
from dataclasses import dataclass

import lib_netlink
from lib_packet import Sender, Watch
from lib_sandbox import Namespace, wait_for

CLIENT, SERVER, THIRD, ROUTER = "10.9.0.2", "10.9.0.1", "10.9.1.2", "10.9.1.1"
# (Their last bytes are not those of the MACs: an address made of a MAC then has other groups.)
CLIENT6, SERVER6, THIRD6, ROUTER6 = "fd09::a2", "fd09::a1", "fd0a::a2", "fd0a::a1"
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
THIRD_MAC, ROUTER_MAC = "02:00:00:00:01:02", "02:00:00:00:01:01"
ERRORS = re.compile(r"Err|Csum|Discard|Bad|Fail|Unknown|Trunc|NoPort|NoRoute|Corrupt|Drop")
NUMBERS = itertools.count()
IFF_PROMISC, RUNNING = 0x100, 0x40  # the last follows the carrier, later


@dataclass(frozen=True)
class Case:
    """One point of the matrix."""
    hand_over: str = "native"
    offloads: bool = True
    queues: int = 1
    mtu: int = 1500
    ipv6: bool = False
    third: bool = False

    def __str__(self):
        return f"{self.hand_over}, offloads {'on' if self.offloads else 'off'}, " \
            f"{self.queues} queue{'s' if self.queues > 1 else ''}"


def features(namespace, interface, **switches):
    """ethtool -K; names with _ for -, true or false. What the driver cannot is left."""
    words = [word for name, value in switches.items()
             for word in (name.replace("_", "-"), "on" if value else "off")]
    namespace.run(["ethtool", "-K", interface, *words], check=False)


def feature(namespace, interface, name):
    """Whether ethtool -k says `on`."""
    found = re.search(rf"^\s*{name}: (on|off)", namespace.out(f"ethtool -k {interface}"), re.M)
    return bool(found) and found[1] == "on"


class World:
    def __init__(self, case=Case()):
        self.case = case
        number = next(NUMBERS)
        self.client, self.server = Namespace(f"client{number}"), Namespace(f"server{number}")
        self.third = Namespace(f"third{number}") if case.third else None
        self.expected = {}  # frames that the watchers saw in the plain run, by watcher
        self.open = []
        self.ends = []
        self.wire(self.server, "v0", SERVER_MAC, SERVER, SERVER6, self.client, "v1", CLIENT_MAC,
                  CLIENT, CLIENT6)
        if self.third:
            self.wire(self.server, "w0", ROUTER_MAC, ROUTER, ROUTER6, self.third, "w1", THIRD_MAC,
                      THIRD, THIRD6)
        if case.hand_over == "skb":
            # What the peer must not send whole or beside the bytes to a generic hand-over.
            features(self.client, "v1", tx_udp_segmentation=False, txvlan=False,
                     tx_vlan_stag_hw_insert=False)

    def wire(self, near, a, a_mac, a4, a6, far, b, b_mac, b4, b6):
        case = self.case
        queues = f"numtxqueues {case.queues} numrxqueues {case.queues}"
        near.run(f"ip link add {a} address {a_mac} mtu {case.mtu} {queues} type veth "
                 f"peer name {b} address {b_mac} mtu {case.mtu} {queues} netns {far.name}")
        for space, name, v4, v6 in (near, a, a4, a6), (far, b, b4, b6):
            for key, value in (("disable_ipv6", int(not case.ipv6)), ("accept_ra", 0),
                               ("accept_dad", 0), ("router_solicitations", 0)):
                space.sysctl(f"net/ipv6/conf/{name}/{key}", value)
            if not case.offloads:
                features(space, name, tx=False, rx=False, tso=False, gso=False, gro=False)
            # Only the tests send: no link-local addresses.
            space.batch(f"link set {name} addrgenmode none multicast on",
                        f"address add {v4}/24 dev {name}",
                        f"address add {v6}/64 dev {name} nodad" if case.ipv6 else "",
                        "link set lo up", f"link set {name} up")
        self.ends += (near, a), (far, b)

    def wait_for_carriers(self):
        """The kernel may take a second to say so."""
        for space, name in self.ends:
            wait_for(f"carrier of {name}", lambda: self.flags(space, name) & RUNNING)

    @staticmethod
    def flags(space, name):
        """Of an interface, 0 if there is none."""
        with space:
            return next((flags for _, flags, attributes in lib_netlink.links()
                         if lib_netlink.text(attributes[lib_netlink.IFLA_IFNAME]) == name), 0)

    def know_neighbours(self):
        """No ARP or ND then disturbs what is counted."""
        pairs = [(self.server, "v0", CLIENT, CLIENT6, CLIENT_MAC),
                 (self.client, "v1", SERVER, SERVER6, SERVER_MAC)]
        if self.third:
            pairs += [(self.server, "w0", THIRD, THIRD6, THIRD_MAC),
                      (self.third, "w1", ROUTER, ROUTER6, ROUTER_MAC)]
        for space, device, v4, v6, hardware in pairs:
            space.batch(*(f"neighbour replace {target} lladdr {hardware} dev {device} nud permanent"
                          for target in ((v4, v6) if self.case.ipv6 else (v4,))))

    def forget_neighbours(self):
        for space in self.spaces():
            space.run("ip neighbour flush all nud all", check=False)

    def spaces(self):
        return [space for space in (self.client, self.server, self.third) if space]

    def watch(self, namespace, interface, **options):
        watch = Watch(namespace, interface, **options)
        self.open.append(watch)
        return watch

    def sender(self, namespace, interface, **options):
        sender = Sender(namespace, interface, **options)
        self.open.append(sender)
        return sender

    def tidy(self):
        """Closes what an exchange has opened."""
        while self.open:
            self.open.pop().close()

    def collect(self, name, look, size=len, seconds=3.0):
        """What `look` sees in the end. The served run waits until there is as much as in the plain
        one; both wait until nothing comes any more."""
        end = time.monotonic() + seconds
        target = self.expected.get(name)
        amount, quiet = -1, time.monotonic()
        while time.monotonic() < end:
            found = look()
            if size(found) != amount:
                amount, quiet = size(found), time.monotonic()
            rest = 0.05 if target is None or amount >= target else 1.5
            if time.monotonic() - quiet > rest:
                break
            time.sleep(0.005)
        self.expected.setdefault(name, amount)
        return found

    def frames(self, name, watch, wanted=lambda frame: True, seconds=3.0, numbered=False):
        """What `watch` saw, by flow and in order within each."""
        found = self.collect(name, lambda: [frame for frame in watch.drain() if wanted(frame)], len,
                             seconds)
        return [frame.seen(numbered) for frame in sorted(found, key=lambda frame: frame.flow())]

    def counters(self):
        """The error counters of the stacks, as nstat names them, and of the interfaces."""
        values = {}
        for space in self.spaces():
            host = space.name.rstrip("0123456789")
            for path in "snmp", "netstat":
                lines = space.read(path).splitlines()
                for names, numbers in zip(lines[::2], lines[1::2]):
                    group, *names = names.split()
                    for name, number in zip(names, numbers.split()[1:]):
                        values[f"{host} {group[:-1]}{name}"] = int(number)
            for line in space.read("snmp6").splitlines():
                name, number = line.split()
                values[f"{host} {name}"] = int(number)
            for line in space.read("dev").splitlines()[2:]:
                name, numbers = line.split(":")
                fields = numbers.split()
                for column, what in ((2, "rx errors"), (3, "rx drop"), (10, "tx errors"),
                                     (11, "tx drop")):
                    values[f"{host} {name.strip()} Err {what}"] = int(fields[column])
        return {name: value for name, value in values.items() if ERRORS.search(name)}

    def interfaces(self):
        """What each host says of its interfaces; without what serves the filter."""
        seen = {}
        for space in self.spaces():
            with space:
                seen[space.name] = lib_netlink.snapshot()
        return seen

    def helpers(self):
        """The interfaces of the server that serve the filter, as `ip -d address` shows them."""
        links = json.loads(self.server.out("ip -j -d address show"))
        return [link for link in links if str(link.get("ifalias", "")).startswith("vfm ")]

    def exchange(self, function):
        """What `function` returns, with what both ends say of errors and interfaces."""
        self.forget_neighbours()
        errors, links = self.counters(), self.interfaces()
        try:
            record = function(self)
        finally:
            self.tidy()
        after = self.counters()
        record["errors counted"] = {
            name: after[name] - errors.get(name, 0) for name in after
            if after[name] != errors.get(name, 0) and " vfm" not in name}
        record["interfaces"] = changes(links, self.interfaces())
        return record

    def close(self):
        self.tidy()
        for space in self.spaces():
            space.delete()


def changes(before, after):
    """What two pictures of interfaces do not have in common, short enough to be read."""
    return [(host, kind, sorted({*before[host][kind]} ^ {*after[host][kind]}, key=str))
            for host in before for kind in before[host] if before[host][kind] != after[host][kind]]


def difference(plain, served):
    """The first point in which two records differ, short enough to be read; None if there is
    none."""
    for key in [*plain, *(key for key in served if key not in plain)]:
        a, b = plain.get(key), served.get(key)
        if a == b:
            continue
        if isinstance(a, list) and isinstance(b, list):
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            a = f"{len(a)}, number {at}: {a[at] if at < len(a) else 'none'}"
            b = f"{len(b)}, number {at}: {b[at] if at < len(b) else 'none'}"
            return f"{key}: plain {str(a)[:400]}\n    served {str(b)[:400]}"
    return None


@contextlib.contextmanager
def world(case=Case(), made=None):
    """`made` is one that stands already, or a new one."""
    made = made or World(case)
    try:
        made.wait_for_carriers()
        yield made
    finally:
        made.close()
