"""What a filter is tried with: packets in order, beside each the verdict and the rule that its author
means, and the time. Nothing here asks VFM."""
from packets import (ACK, ADMIN, ADMIN6, GATEWAY_MAC, PEER, PEER6, arp, eth, icmp, pcap, tcp, udp)

START = 1_700_000_000 * 1_000_000  # microseconds
DEFAULT = "default"

def bystanders_of(peer, peer6, admin, admin6):
    """What goes on around every host, none of which may be lost by accident. The router is fe80::1, the
    DHCP server 203.0.113.67."""
    return {
        "ARP question": arp(1, peer),
        "ARP answer": arp(2, peer, to="020000000001"),
        "ARP behind a tag": arp(1, peer, vlan=20),
        "neighbour question": icmp("fe80::7", 135, dst="ff02::1:ff00:10", ttl=255),
        "neighbour answer": icmp("fe80::7", 136, ttl=255),
        "duplicate address?": icmp("::", 135, dst="ff02::1:ff00:10", ttl=255),
        "router advertisement": icmp("fe80::1", 134, dst="ff02::1", ttl=255, mac=GATEWAY_MAC),
        "multicast report": icmp("fe80::7", 143, dst="ff02::16", ttl=1, ext=(0,)),
        "spanning tree": eth(bytes.fromhex("424203") + bytes(43), 38, to="0180c2000000"),
        "DHCP offer": udp("203.0.113.67", 68, sport=67, dst="255.255.255.255", data=bytes(240),
                          mac="020000000067"),
        "packet too big": icmp(peer, 3, 4, bytes(28)),
        "packet too big, IPv6": icmp(peer6, 2, 0, bytes(48)),
        "ping": icmp(peer, 8),
        "ping, IPv6": icmp(peer6, 128),
        "SSH of an operator": tcp(admin, 22, ACK, data=b"ls"),
        "SSH of an operator, IPv6": tcp(admin6, 22, ACK, data=b"ls"),
        "HTTPS": tcp(peer, 443, ACK, data=b"hello"),
        "HTTPS, IPv6 with options": tcp(peer6, 443, ACK, data=b"hello", ext=(0, 60)),
        "HTTPS behind a tag": tcp(peer, 443, ACK, vlan=20),
        "HTTPS, IPv4 with options": tcp(peer, 443, ACK, options=bytes([1] * 8)),
        "cut in the IPv4 header": tcp(peer, 443)[:30],
        "unknown EtherType": eth(bytes(46), 0x88B5),
    }


BYSTANDERS = bystanders_of(PEER, PEER6, ADMIN, ADMIN6)
MANAGEMENT = {name: ("pass", "management") for name in ("SSH of an operator", "SSH of an operator, IPv6")}


class Case:
    """A filter's packets and what they are to meet."""

    def __init__(self):
        self.packets = []  # (microseconds, frame, verdict, rule, note)
        self.clock = START

    def wait(self, seconds):
        """The next packet comes so much later; others follow each other by a microsecond."""
        self.clock += round(seconds * 1_000_000)

    def add(self, verdict, rule, note, *frames):
        for frame in frames:
            self.packets.append((self.clock, frame, verdict, rule, note))
            self.clock += 1

    def drop(self, rule, note, *frames):
        self.add("drop", rule, note, *frames)

    def passes(self, rule, note, *frames):
        self.add("pass", rule, note, *frames)

    def bystanders(self, but, verdict="pass", rule=DEFAULT, frames=None):
        """All bystanders meet `verdict` by `rule`, but for those named in `but`."""
        left = dict(but)
        for name, frame in (frames or BYSTANDERS).items():
            self.add(*left.pop(name, (verdict, rule)), name, frame)
        assert not left, f"no such bystander: {left}"

    def management(self, make, verdict, rule, inside="management"):
        """The ends of its networks pass by `inside`; what is beside them meets `verdict` by `rule`."""
        for src in ("192.0.2.0", "192.0.2.255", "2001:db8:ad::", "2001:db8:ad:0:ffff:ffff:ffff:ffff"):
            self.passes(inside, "the management network", make(src))
        for src in ("192.0.1.255", "192.0.3.0", "2001:db8:ac:ffff::1", "2001:db8:ad:1::"):
            self.add(verdict, rule, "beside the management network", make(src))

    def hidden_tcp(self, dport, src=PEER, src6=PEER6, rule="fragments of TCP"):
        """TCP whose ports a filter cannot read, or only in one of two pieces, and is to drop."""
        for part in ("tiny", "first", "later"):
            self.drop(rule, f"TCP, {part} fragment", tcp(src, dport, frag=part))
            self.drop(rule, f"TCP, {part} fragment, IPv6", tcp(src6, dport, frag=part))
        self.unread(tcp, dport, src6)

    def hidden_udp(self, port, src=PEER, src6=PEER6, rule="fragments of UDP"):
        for part in ("tiny", "first", "later"):
            self.drop(rule, f"UDP, {part} fragment", udp(src, port, sport=port, frag=part))
            self.drop(rule, f"UDP, {part} fragment, IPv6", udp(src6, port, sport=port, frag=part))
        self.unread(udp, port, src6)

    def unread(self, make, port, src6, rule="unread headers"):
        """What is behind more extension headers than are read, whatever kind the ninth is, and fragments
        whose protocol stands in another."""
        self.drop(rule, "nine extension headers",
                  *(make(src6, port, ext=(60,) * 8 + (ninth,)) for ninth in (0, 43, 60)),
                  make(src6, port, ext=(60,) * 8, frag="first"))
        self.drop(rule, "headers that go on in the next fragment",
                  make(src6, port, frag="tiny", inner=(60, 60)))
        self.drop(rule, "later fragment of unknown content", make(src6, port, frag="later", inner=(60, 60)))

    def capture(self):
        return pcap((time, frame) for time, frame, *_ in self.packets)

    def expectations(self):
        """In the format of `vfm-test --expect`."""
        return "".join(f"{number} {verdict} {0 if rule == DEFAULT else rule}  # {note}\n"
                       for number, (_, _, verdict, rule, note) in enumerate(self.packets, 1))


CASES = {}


def case(name):
    """Registers the function that fills the case of docs/cookbook/`name`.vfl."""
    def register(fill):
        made = CASES[name] = Case()
        fill(made)
        return fill
    return register
