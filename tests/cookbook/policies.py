"""Cases of the policies that drop what they do not name, and of the guard of BGP, 21 to 25."""
from case import DEFAULT, MANAGEMENT, case
from packets import (ACK, ADMIN, ADMIN6, FIN, GATEWAY_MAC, HOST, HOST6, HOST_MAC, PEER, PEER6, PEER_MAC, PSH,
                     RST, SYN, arp, icmp, tcp, udp)

# The bystanders that a host cannot do without.
NEEDED = ("ARP question", "ARP answer", "ARP behind a tag", "neighbour question", "neighbour answer",
          "duplicate address?", "router advertisement", "multicast report", "DHCP offer", "packet too big",
          "packet too big, IPv6")
LINK = {name: ("pass", "link and errors") for name in NEEDED}
DHCP6 = udp("fe80::67", 546, sport=547, data=bytes(60))


def drop_fragments(c, src, src6, port):
    """Each piece of what would pass in one."""
    for part in ("tiny", "first", "later"):
        c.drop("fragments", f"{part} fragment", tcp(src, port, frag=part), tcp(src6, port, frag=part),
               udp(src, port, frag=part), icmp(src, 3, 4, frag=part),
               icmp("fe80::7", 135, frag=part, ttl=255), tcp(src6, port, frag=part, inner=(60, 60)))


def pass_errors(c):
    c.passes("link and errors", "errors, DHCPv6", icmp(PEER, 11, data=bytes(28)), DHCP6,
             *(icmp(PEER6, kind, data=bytes(48)) for kind in (1, 3, 4)), icmp("fe80::7", 130))
    c.drop(DEFAULT, "other messages", icmp(PEER, 5), icmp(PEER, 10), icmp(PEER, 13),
           *(icmp(PEER6, kind) for kind in (0, 5, 127, 129, 137, 142, 144)))
    c.drop(DEFAULT, "ports beside those of DHCP", udp(PEER, 1068, sport=67), udp(PEER, 69, sport=67),
           udp("fe80::67", 545, sport=547))


@case("21-allow-list")
def allow_list(c):
    customer, customer6 = "198.51.100.9", "2001:db8:cf:ffff::1"
    c.passes("customers", "the service", tcp(customer, 443), tcp(customer, 8443, ACK), tcp(customer6, 443),
             tcp("198.51.100.127", 443), tcp("203.0.113.64", 443), tcp("203.0.113.127", 443),
             tcp(customer, 443, vlan=(20, 30)), tcp(customer6, 443, ext=(0, 60)),
             tcp(customer, 443, options=bytes(8)))
    c.drop(DEFAULT, "everything else of theirs", tcp(customer, 22), tcp(customer, 80), udp(customer, 443),
           icmp(customer, 8), tcp(customer6, 22, vlan=20), tcp(customer6, 443, ext=(60,) * 9))
    c.drop(DEFAULT, "addresses beside them", tcp("198.51.100.128", 443), tcp("203.0.113.63", 443),
           tcp("203.0.113.128", 443), tcp("2001:db8:bf::1", 443), tcp("2001:db8:d0::1", 443),
           tcp("192.0.1.255", 443), tcp("192.0.3.0", 443))
    c.passes("management", "SSH, pings, DNS, time", tcp(ADMIN, 22), tcp(ADMIN6, 22, ACK), icmp(ADMIN, 8),
             udp(ADMIN, 40000, sport=53), udp(ADMIN6, 123, sport=123),
             tcp(ADMIN, 22, vlan=20, options=bytes(4)))
    c.drop("clear text", "even of the management network", tcp(ADMIN, 23), tcp(ADMIN6, 21),
           tcp(customer, 514), tcp(ADMIN, 513, vlan=20), tcp(ADMIN, 512), tcp(ADMIN6, 23, ext=(0,)))
    c.passes("management", "ports beside them", tcp(ADMIN, 24), tcp(ADMIN, 515), udp(ADMIN, 23))
    c.management(lambda src: tcp(src, 22), "drop", DEFAULT)
    pass_errors(c)
    drop_fragments(c, customer, ADMIN6, 443)
    c.bystanders(LINK | MANAGEMENT, "drop")


@case("22-web-server")
def web_server(c):
    c.drop("clear text", "from whomever", tcp(PEER, 23), tcp(ADMIN, 23), tcp(ADMIN6, 21, vlan=20))
    c.passes("web", "HTTP and QUIC", tcp(PEER, 80), tcp(PEER6, 443), udp(PEER, 443),
             udp(PEER6, 443, ext=(0,)), tcp(PEER, 443, vlan=(20, 30)), tcp(PEER, 443, options=bytes(8)),
             tcp(PEER6, 443, ext=(0, 60)))
    c.drop(DEFAULT, "other services", tcp(PEER, 22), tcp(PEER6, 22, vlan=20), tcp(PEER, 8080), tcp(PEER, 79),
           tcp(PEER, 444), udp(PEER, 80), udp(PEER, 53), tcp(PEER, 22, SYN | FIN),
           tcp(PEER6, 22, ext=(60,) * 9))
    c.passes("management", "SSH, answers of resolvers", tcp(ADMIN, 22), tcp(ADMIN6, 22),
             udp(ADMIN, 40000, sport=53))
    c.management(lambda src: tcp(src, 22), "drop", DEFAULT)
    c.passes("answers", "to connections of the server", tcp(PEER, 40000, SYN | ACK, sport=443),
             tcp(PEER6, 40000, ACK), tcp(PEER, 40000, RST), tcp(PEER, 40000, FIN | ACK, vlan=20))
    c.drop(DEFAULT, "of UDP no answer is told", udp(PEER, 40000, sport=53))
    pass_errors(c)
    drop_fragments(c, PEER, ADMIN6, 443)
    web = ("HTTPS", "HTTPS, IPv6 with options", "HTTPS behind a tag", "HTTPS, IPv4 with options")
    c.bystanders(LINK | MANAGEMENT | {name: ("pass", "web") for name in web} |
                 {name: ("pass", "pings") for name in ("ping", "ping, IPv6")}, "drop")


@case("23-quic-only")
def quic_only(c):
    def quic(first, version=1, size=1200, src=PEER, dport=443, **rest):
        head = bytes([first]) + version.to_bytes(4, "big")
        return udp(src, dport, data=(head + bytes(1200))[:size], **rest)

    c.passes("long header", "first packets", quic(0xC0), quic(0xC3), quic(0xC0, src=PEER6),
             quic(0xD0, 0x6B3343CF), quic(0xC0, vlan=(20, 30)), quic(0xC0, options=bytes(8)),
             quic(0xC0, src=PEER6, ext=(0, 60)))
    c.drop("short first packet", "below 1,200 bytes", quic(0xC0, size=1199), quic(0xCF, size=5),
           quic(0xC0, src=PEER6, size=1100), quic(0xD0, 0x6B3343CF, 1199),
           quic(0xDF, 0x6B3343CF, 100, vlan=20))
    c.passes("long header", "handshakes, 0-RTT", quic(0xE0, size=80), quic(0xD0, size=80),
             quic(0xF0, size=60), quic(0xE0, 0x6B3343CF, 80), quic(0xC0, 0x6B3343CF, 80))
    c.passes("short header", "data", quic(0x40, size=30), quic(0x7F, 0, 1), quic(0x5A, src=PEER6, size=1000),
             quic(0x41, size=40, vlan=20))
    c.drop(DEFAULT, "other versions", quic(0xC0, 0), quic(0xC0, 2), quic(0xC0, 0xFF00001D),
           quic(0xC0, 0x6B3343CE))
    c.drop(DEFAULT, "no QUIC", quic(0x80), quic(0x00), quic(0x3F, size=30), quic(0xBF), udp(PEER, 443),
           quic(0xC0, size=4))
    c.drop(DEFAULT, "other services", quic(0x40, dport=80), quic(0xC0, dport=444), tcp(PEER, 80),
           tcp(PEER, 22), udp(PEER, 40000, sport=443, data=b"\x40"), quic(0x40, src=PEER6, ext=(60,) * 9))
    c.drop(DEFAULT, "a short first packet to another port", quic(0xC0, dport=444, size=100))
    c.passes("management", "SSH, answers of resolvers", tcp(ADMIN, 22), tcp(ADMIN6, 22),
             udp(ADMIN, 40000, sport=53))
    c.management(lambda src: tcp(src, 22), "drop", DEFAULT)
    pass_errors(c)
    drop_fragments(c, PEER, ADMIN6, 443)
    c.bystanders(LINK | MANAGEMENT, "drop")


@case("24-bgp-peers")
def bgp_peers(c):
    peers = ("203.0.113.1", "203.0.113.9", "2001:db8:bb::1")
    near = {"ttl": 255}
    c.passes("peers", "from one hop away", *(tcp(peer, 179, **near) for peer in peers),
             *(tcp(peer, 40000, ACK, sport=179, **near) for peer in peers),
             tcp(peers[0], 179, vlan=20, **near), tcp(peers[0], 179, options=bytes(40), **near),
             tcp(peers[2], 179, ext=(0, 60), **near))
    c.drop("BGP of others", "forwarded", *(tcp(peer, 179, ttl=254) for peer in peers),
           *(tcp(peer, 40000, ACK, sport=179, ttl=1) for peer in peers), tcp(peers[0], 179, vlan=(20, 30)))
    c.drop("BGP of others", "of others", *(tcp(src, 179, **near) for src in (
        "203.0.113.0", "203.0.113.2", "203.0.113.8", "203.0.113.10", "2001:db8:bb::", "2001:db8:bb::2", PEER,
        PEER6)))
    c.drop("BGP of others", "of others, in other clothes", tcp(PEER, 179, vlan=20),
           tcp(PEER, 179, options=bytes(8)), tcp(PEER6, 179, ext=(60, 43)), tcp(PEER, 40000, ACK, sport=179),
           tcp(PEER, 179, RST))
    c.passes(DEFAULT, "ports beside it", tcp(PEER, 178), tcp(PEER, 180), udp(PEER, 179),
             tcp(peers[0], 22, **near))
    c.passes("management", "always", tcp(ADMIN, 179), tcp(ADMIN6, 22), tcp(ADMIN, 179, frag="later"))
    c.management(lambda src: tcp(src, 179), "drop", "BGP of others")
    c.passes(DEFAULT, "fragments of UDP", udp(PEER, 179, frag="first"), udp(PEER6, 179, frag="later"))
    c.hidden_tcp(179)
    c.bystanders(MANAGEMENT)


@case("25-host-policy")
def host_policy(c):
    ours, reply = "from here", "replies"
    away = {"mac": HOST_MAC, "to": PEER_MAC}
    out, out6 = away | {"dst": PEER}, away | {"dst": PEER6}
    c.drop(DEFAULT, "nobody has asked", tcp(PEER, 40000, SYN | ACK, sport=443), udp(PEER, 40000, sport=53),
           icmp(PEER, 0), icmp(PEER6, 129))
    pass_errors(c)
    c.passes(ours, "a connection and a question of ours", tcp(HOST, 443, sport=40000, **out),
             udp(HOST6, 53, sport=40000, **out6), icmp("fe80::10", 133, dst="ff02::2", ttl=255, mac=HOST_MAC))
    c.passes(reply, "its answers", tcp(PEER, 40000, SYN | ACK, sport=443),
             tcp(PEER, 40000, ACK, sport=443, vlan=20), tcp(PEER, 40000, PSH | ACK, sport=443,
                                                            options=bytes(8)), udp(PEER6, 40000, sport=53),
             udp(PEER6, 40000, sport=53, ext=(0, 60)))
    c.drop(DEFAULT, "near misses: port, address, protocol", tcp(PEER, 40000, SYN | ACK, sport=444),
           tcp(PEER, 40001, SYN | ACK, sport=443), tcp("198.51.100.8", 40000, SYN | ACK, sport=443),
           udp(PEER, 40000, sport=443), udp(PEER6, 40000, sport=54), udp("2001:db8:77::8", 40000, sport=53),
           tcp(PEER, 40000, SYN | ACK, sport=443, dst="203.0.113.11"))
    c.drop(DEFAULT, "our address, another card", tcp(HOST, 443, sport=50000, dst=PEER),
           tcp(HOST, 443, sport=50000, dst=PEER, mac=GATEWAY_MAC), udp(HOST6, 53, sport=50000, dst=PEER6))
    c.drop(DEFAULT, "our card, another address", tcp("203.0.113.11", 443, sport=50000, **out))
    c.drop(DEFAULT, "which have opened nothing", tcp(PEER, 50000, SYN | ACK, sport=443),
           udp(PEER6, 50000, sport=53), tcp(PEER, 50000, SYN | ACK, sport=443, dst="203.0.113.11"))
    c.passes(ours, "a ping, of either family", icmp(HOST, 8, **out), icmp(HOST6, 128, **out6))
    c.passes(reply, "and its answer", icmp(PEER, 0), icmp(PEER6, 129))
    c.drop(DEFAULT, "of others", icmp("198.51.100.8", 0), icmp("2001:db8:77::8", 129))
    c.passes("SSH", "of the management network", tcp(ADMIN, 22), tcp(ADMIN6, 22, ACK),
             tcp(ADMIN, 22, vlan=20))
    c.management(lambda src: tcp(src, 22), "drop", DEFAULT, inside="SSH")
    c.drop(DEFAULT, "everything else", tcp(ADMIN, 23), tcp(PEER, 22), tcp(PEER6, 22, ext=(60,) * 9),
           udp(ADMIN, 22), arp(1, PEER)[:40])
    c.passes("link and errors", "DHCP asks",
             udp("0.0.0.0", 67, sport=68, dst="255.255.255.255"),
             udp("fe80::99", 547, sport=546, dst="ff02::1:2"))
    c.passes(ours, "fragments of ours", udp(HOST, 4500, frag="first", **out),
             udp(HOST, 4500, frag="later", **out))
    c.wait(299.9)
    c.passes(reply, "five minutes are not over", tcp(PEER, 40000, ACK, sport=443))
    c.passes(ours, "ours goes on", tcp(HOST, 443, ACK, sport=40000, **out))
    c.wait(0.2)
    c.passes(reply, "and so do its answers", tcp(PEER, 40000, ACK, sport=443))
    c.drop(DEFAULT, "the question is forgotten", udp(PEER6, 40000, sport=53))
    c.passes(ours, "ours goes on", tcp(HOST, 443, ACK, sport=40000, **out))
    c.wait(300 - 0.000001)
    c.drop(DEFAULT, "five minutes later to the microsecond", tcp(PEER, 40000, ACK, sport=443))
    drop_fragments(c, PEER, ADMIN6, 22)
    ssh = {name: ("pass", "SSH") for name in MANAGEMENT}
    c.bystanders(LINK | ssh, "drop")
