"""Cases of the filters against scans and broken packets, 09 to 12."""
from case import DEFAULT, MANAGEMENT, case
from packets import ACK, ADMIN, ADMIN6, FIN, HOST, HOST6, PEER, PEER6, PSH, RST, SYN, URG, icmp, tcp, udp

OTHER, OTHER6 = "198.51.100.8", "2001:db8:77::8"


@case("09-port-scan")
def port_scan(c):
    c.passes("new port", "20 ports", *(tcp(PEER, port) for port in range(1, 21)))
    c.drop("scan", "the next ports", *(tcp(PEER, port) for port in range(21, 31)))
    c.drop("scan", "again, in other clothes", tcp(PEER, 21), tcp(PEER, 21, vlan=(20, 30)),
           tcp(PEER, 22, options=bytes(8)), tcp(PEER, 22, SYN | FIN))
    c.passes("known port", "what it was let to before", tcp(PEER, 20), tcp(PEER, 1, vlan=20))
    c.passes(DEFAULT, "what is no first packet", tcp(PEER, 99, ACK), tcp(PEER, 99, SYN | ACK),
             tcp(PEER, 99, RST), udp(PEER, 99))
    c.passes("new port", "another source", tcp(OTHER, 443), tcp(PEER6, 443))
    c.passes("known port", "its further connections", *(tcp(OTHER, 443, sport=i) for i in range(50)),
             tcp(PEER6, 443, ext=(0,)))
    c.wait(3)
    c.passes("new port", "one more after 3 seconds", tcp(PEER, 21))
    c.drop("scan", "no second", tcp(PEER, 22))
    c.passes("new port", "20 ports over IPv6", *(tcp(PEER6, port) for port in range(20)))
    c.drop("scan", "the next", tcp(PEER6, 20), tcp(PEER6, 21, ext=(60, 60)))
    c.passes("management", "a scan of ours", *(tcp(ADMIN, port) for port in range(30)), tcp(ADMIN6, 1),
             tcp(ADMIN, 1, frag="first"))
    c.management(lambda src: tcp(src, 22), "pass", "new port")
    c.hidden_tcp(443)
    c.bystanders(MANAGEMENT)


@case("10-tcp-flags")
def tcp_flags(c):
    c.drop("neither SYN, ACK nor RST", "null, FIN and Xmas scans", tcp(PEER, 443, 0), tcp(PEER6, 443, 0),
           tcp(PEER, 443, 0xC0), tcp(PEER, 443, FIN), tcp(PEER6, 443, FIN, ext=(0, 60)), tcp(PEER, 443, PSH),
           tcp(PEER, 443, URG), tcp(PEER, 443, FIN | PSH | URG), tcp(PEER, 443, FIN | PSH | URG, vlan=20))
    c.drop("SYN with FIN or RST", "they exclude each other", tcp(PEER, 443, SYN | FIN),
           tcp(PEER6, 443, SYN | RST, ext=(0, 60)), tcp(PEER, 443, SYN | RST | ACK), tcp(PEER, 443, 63),
           tcp(PEER, 443, SYN | FIN, vlan=20), tcp(PEER, 443, SYN | FIN, vlan=(20, 30)),
           tcp(PEER, 443, SYN | FIN, options=bytes(40)))
    c.drop("land", "from us to us", tcp(HOST, 443), tcp(HOST6, 443), tcp(HOST, 443, 0))
    c.passes(DEFAULT, "what stacks send", *(tcp(PEER, 443, flags) for flags in (
        SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, FIN | PSH | ACK, RST, RST | ACK, ACK | URG, SYN | 0xC0,
        RST | FIN)))
    c.passes(DEFAULT, "and over IPv6", *(tcp(PEER6, 443, flags) for flags in (SYN, ACK, FIN | ACK, RST)))
    c.passes(DEFAULT, "no TCP", udp(HOST, 53), icmp(HOST, 8), udp(PEER, 53, frag="first"),
             udp(PEER6, 53, frag="later"))
    c.hidden_tcp(443)
    c.bystanders({})


@case("11-fragments")
def fragments(c):
    c.drop("clear text", "from whomever", tcp(PEER, 23), tcp(PEER6, 21, ext=(60,)),
           tcp(PEER, 23, vlan=20), tcp("192.0.2.53", 23))
    for part in ("tiny", "first", "later"):
        c.drop("TCP and ICMP", f"{part} fragment", tcp(PEER, 443, frag=part), tcp(PEER6, 443, frag=part),
               icmp(PEER, 8, frag=part), icmp(PEER6, 128, frag=part), icmp("fe80::7", 135, frag=part),
               tcp(PEER, 443, frag=part, vlan=20), tcp("192.0.2.53", 53, frag=part))
        c.passes("our resolvers", f"large answers, {part} fragment",
                 udp("192.0.2.53", 40000, sport=53, frag=part),
                 udp("2001:db8:ad::53", 40000, sport=53, frag=part),
                 udp("192.0.2.54", 40000, sport=53, frag=part, options=bytes(8)))
    c.unread(tcp, 443, PEER6)
    c.unread(udp, 53, "2001:db8:ad::53")
    c.passes(DEFAULT, "100 of UDP at once", *(udp(PEER, 4500,
                                                  frag=("first", "later")[i % 2]) for i in range(100)))
    c.drop(DEFAULT, "beyond", udp(PEER, 4500, frag="first"), udp(PEER, 4500, frag="later", vlan=20))
    c.passes(DEFAULT, "of others", udp(PEER6, 4500, frag="first"), udp(PEER6, 4500, frag="later", ext=(0,)))
    c.passes(DEFAULT, "of a neighbour of the first", udp(OTHER, 4500, frag="first"))
    c.wait(1)
    c.passes(DEFAULT, "50 more", *(udp(PEER, 4500, frag="first") for _ in range(50)))
    c.drop(DEFAULT, "no more", udp(PEER, 4500, frag="later"))
    c.passes("whole", "what is whole", tcp(PEER, 443), tcp(PEER6, 443, ext=(60,) * 8), udp(PEER, 53))
    c.bystanders({}, rule="whole")


@case("12-ssh-bruteforce")
def ssh_bruteforce(c):
    c.passes("SSH", "six connections", *(tcp(PEER, 22, sport=i) for i in range(6)))
    c.drop("SSH", "the next", tcp(PEER, 22), tcp(PEER, 22, vlan=20), tcp(PEER, 22, vlan=(20, 30)),
           tcp(PEER, 22, options=bytes(8)), tcp(PEER, 22, SYN | 0xC0))
    c.passes(DEFAULT, "those that are open", *(tcp(PEER, 22, PSH | ACK, data=b"x") for _ in range(10)),
             tcp(PEER, 22, SYN | ACK), tcp(PEER, 22, FIN | ACK))
    c.passes(DEFAULT, "other ports", *(tcp(PEER, 443) for _ in range(10)), tcp(PEER, 23), tcp(PEER, 2222),
             udp(PEER, 22), tcp(PEER, 40000, SYN, sport=22))
    c.passes("SSH", "another source", tcp(OTHER, 22), tcp(OTHER6, 22, ext=(0, 60)))
    c.passes("SSH", "six over IPv6", *(tcp(PEER6, 22) for _ in range(6)))
    c.drop("SSH", "the next", tcp(PEER6, 22), tcp(PEER6, 22, ext=(43,)))
    c.wait(9.9)
    c.drop("SSH", "not yet", tcp(PEER, 22))
    c.wait(0.2)
    c.passes("SSH", "one in ten seconds", tcp(PEER, 22))
    c.drop("SSH", "no second", tcp(PEER, 22))
    c.passes("management", "always", *(tcp(ADMIN, 22) for _ in range(20)), tcp(ADMIN6, 22),
             tcp(ADMIN, 22, frag="later"))
    c.management(lambda src: tcp(src, 22), "pass", "SSH")
    c.hidden_tcp(22)
    c.bystanders(MANAGEMENT)
