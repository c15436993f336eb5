"""Cases of the filters against floods and amplification, 01 to 08."""
from case import DEFAULT, MANAGEMENT, case
from packets import ACK, ADMIN, ADMIN6, HOST6, PEER, PEER6, RST, SYN, icmp, tcp, udp

OTHER, OTHER6 = "198.51.100.8", "2001:db8:77::8"


@case("01-syn-limit")
def syn_limit(c):
    c.passes("connections", "its first 100", *(tcp(PEER, 443, sport=i) for i in range(1, 101)))
    c.drop("connections", "beyond 100 at once", *(tcp(PEER, 80, sport=i) for i in range(10)))
    c.drop("connections", "the same behind tags and options",
           tcp(PEER, 443, vlan=20), tcp(PEER, 443, vlan=(20, 30)), tcp(PEER, 443, options=bytes([1] * 4)),
           tcp(PEER, 443, SYN | 0xC0))
    c.passes("connections", "another source", tcp(OTHER, 443))
    c.passes(DEFAULT, "no new connections", tcp(PEER, 443, SYN | ACK), tcp(PEER, 443, ACK),
             tcp(PEER, 443, RST), udp(PEER, 443))
    c.passes("management", "new connections of the management network",
             *(tcp(ADMIN, 22, sport=i) for i in range(120)), tcp(ADMIN6, 22))
    c.passes("management", "its fragments", tcp(ADMIN, 22, frag="first"), tcp(ADMIN, 22, frag="later"))
    c.management(lambda src: tcp(src, 22), "pass", "connections")
    c.wait(1)
    c.passes("connections", "50 more after a second", *(tcp(PEER, 443) for _ in range(50)))
    c.drop("connections", "no more", tcp(PEER, 443))
    c.passes("connections", "100 over IPv6", *(tcp(PEER6, 443, ext=(0,)) for _ in range(100)))
    c.drop("connections", "the next", tcp(PEER6, 443), tcp(PEER6, 443, ext=(60, 43)))
    c.wait(10)
    c.passes("connections", "100 again, not more", *(tcp(PEER, 443) for _ in range(100)))
    c.drop("connections", "the next", tcp(PEER, 443))
    c.hidden_tcp(443)
    c.passes(DEFAULT, "fragments of UDP", udp(PEER, 53, frag="first"), udp(PEER6, 53, frag="later"))
    c.bystanders(MANAGEMENT)


@case("02-syn-prefix")
def syn_prefix(c):
    v4, v6 = "from an IPv4 network", "to one of us over IPv6"
    c.passes(v4, "200 addresses", *(tcp(f"198.51.100.{i}", 443) for i in range(200)))
    c.drop(v4, "its other addresses", *(tcp(f"198.51.100.{i}", 443) for i in range(200, 210)),
           tcp("198.51.100.255", 443, vlan=20))
    c.passes(v4, "the networks beside it", tcp("198.51.99.255", 443), tcp("198.51.101.0", 443))
    c.passes(v6, "400 networks", *(tcp(f"2001:db8:{i:x}::7", 443) for i in range(0x1000, 0x1000 + 400)))
    c.drop(v6, "the next", tcp("2001:db8:2000::7", 443), tcp("fe80::7", 443, ext=(0, 60)))
    c.passes(v6, "to another of us", tcp(PEER6, 443, dst="2001:db8:5::11"))
    c.passes(DEFAULT, "no new connections", tcp(PEER, 443, SYN | ACK), tcp(PEER6, 443, ACK), udp(PEER, 443))
    c.wait(1)
    c.passes(v4, "100 more", *(tcp(f"198.51.100.{i}", 443) for i in range(100)))
    c.drop(v4, "no more", tcp("198.51.100.6", 443))
    c.passes(v6, "200 more", *(tcp(PEER6, 443) for _ in range(200)))
    c.drop(v6, "no more", tcp(OTHER6, 443))
    c.passes("management", "always", tcp(ADMIN, 22), tcp(ADMIN6, 22), tcp(ADMIN, 22, frag="tiny"))
    c.management(lambda src: tcp(src, 22, ACK), "pass", DEFAULT)
    c.hidden_tcp(443)
    c.bystanders(MANAGEMENT)


@case("03-dns-amplification")
def dns_amplification(c):
    big = bytes(1400)
    c.drop("answers of others", "an answer that nobody asked for", udp(PEER, 40000, sport=53, data=big),
           udp(PEER6, 40000, sport=53, data=big), udp(PEER, 53, sport=53),
           udp(PEER, 40000, sport=53, vlan=20), udp(PEER, 40000, sport=53, vlan=(20, 30)),
           udp(PEER, 40000, sport=53, options=bytes(40)), udp(PEER6, 40000, sport=53, ext=(60, 0)),
           udp("192.0.2.55", 40000, sport=53))
    c.passes("our resolvers", "an answer that we asked for", udp("192.0.2.53", 40000, sport=53, data=big),
             udp("2001:db8:ad::53", 40000, sport=53, data=big), udp("192.0.2.54", 40000, sport=53, vlan=20))
    c.passes("our resolvers", "a large one in fragments", udp("192.0.2.53", 40000, sport=53, frag="first"),
             udp("192.0.2.53", 40000, sport=53, frag="later"),
             udp("2001:db8:ad::53", 40000, sport=53, frag="later"))
    c.passes(DEFAULT, "questions to us", udp(PEER, 53), udp(PEER6, 53))
    c.passes(DEFAULT, "port 53 of TCP", tcp(PEER, 40000, ACK, sport=53))
    c.passes(DEFAULT, "ports beside 53", udp(PEER, 40000, sport=52), udp(PEER, 40000, sport=54))
    c.passes(DEFAULT, "fragments of TCP", tcp(PEER, 443, frag="first"), tcp(PEER6, 443, frag="later"))
    c.hidden_udp(53)
    c.bystanders({})


@case("04-ntp-monlist")
def ntp_monlist(c):
    monlist, control = bytes.fromhex("1700032a") + bytes(4), bytes.fromhex("16010001") + bytes(8)
    query, answer = bytes([0x23]) + bytes(47), bytes([0x24]) + bytes(47)
    rule = "control and monlist"
    c.drop(rule, "monlist", udp(PEER, 123, data=monlist), udp(PEER6, 123, data=monlist),
           udp(PEER, 123, data=monlist, vlan=20), udp(PEER, 123, data=monlist, options=bytes(8)),
           udp(PEER6, 123, data=monlist, ext=(0, 43, 60)), udp(PEER, 123, data=b"\xff"))
    c.drop(rule, "a control message", udp(PEER, 123, data=control), udp(PEER6, 123, data=control))
    c.drop(rule, "the amplified answer", udp(PEER, 40000, sport=123, data=b"\xd7" + bytes(439)),
           udp(PEER6, 40000, sport=123, data=b"\x96" + bytes(400)))
    c.passes(DEFAULT, "time", udp(PEER, 123, data=query), udp(PEER6, 123, data=query),
             udp(PEER, 123, sport=123, data=query), udp(PEER, 40000, sport=123, data=answer),
             *(udp(PEER, 123, data=bytes([0x20 | mode]) + bytes(47)) for mode in range(6)))
    c.passes(DEFAULT, "the same bytes elsewhere", udp(PEER, 122, data=monlist), udp(PEER, 124, data=monlist),
             tcp(PEER, 123, ACK, data=monlist))
    c.passes(DEFAULT, "no byte to tell", udp(PEER, 123))
    c.passes("management", "monlist of the management network", udp(ADMIN, 123, data=monlist),
             udp(ADMIN6, 123, data=monlist), udp(ADMIN, 123, frag="first"))
    c.management(lambda src: udp(src, 123, data=monlist), "drop", rule)
    c.hidden_udp(123)
    c.bystanders(MANAGEMENT)


@case("05-udp-reflection")
def udp_reflection(c):
    ports = (17, 19, 69, 111, 137, 161, 389, 520, 1900, 3283, 3702, 5683, 10001, 11211)
    c.drop("reflected", "an answer of an old service", *(udp(PEER, 40000, sport=port) for port in ports))
    c.drop("reflected", "the same in other clothes", udp(PEER6, 40000, sport=11211),
           udp(PEER, 40000, sport=1900, vlan=(20, 30)), udp(PEER6, 40000, sport=389, ext=(60,)),
           udp(PEER, 40000, sport=19, options=bytes(4)))
    c.passes(DEFAULT, "ports beside them", *(udp(PEER, 40000, sport=port) for port in (18, 388, 1899, 11212)))
    c.passes(DEFAULT, "questions to such ports", udp(PEER, 161), udp(PEER6, 1900))
    c.passes(DEFAULT, "TCP", tcp(PEER, 40000, ACK, sport=389), tcp(PEER, 443, frag="later"))
    c.passes("local", "neighbours", udp("192.168.1.9", 40000, sport=161), udp("10.9.0.1", 40000, sport=389),
             udp("fe80::9", 40000, sport=1900), udp("fd00::1", 40000, sport=389),
             udp("10.9.0.1", 40000, frag="later"))
    ends = ("10.0.0.0", "10.255.255.255", "192.168.0.0", "192.168.255.255", "fd00::", "fdff:ffff::1",
            "fe80::", "febf:ffff::1")
    beside = ("9.255.255.255", "11.0.0.0", "192.167.255.255", "192.169.0.0", "fcff:ffff::1", "fe00::",
              "fe7f:ffff::1", "fec0::")
    c.passes("local", "the ends of local networks", *(udp(src, 40000, sport=161) for src in ends))
    c.drop("reflected", "what is beside them", *(udp(src, 40000, sport=161) for src in beside))
    c.hidden_udp(19)
    local = {name: ("pass", "local") for name in ("neighbour question", "neighbour answer",
                                                  "router advertisement", "multicast report")}
    c.bystanders(local)


@case("06-dns-server")
def dns_server(c):
    question = bytes.fromhex("123401000001000000000000") + b"\1a\0\0\x01\0\x01"
    answer = question[:2] + b"\x81" + question[3:]
    c.passes("questions", "40 at once", *(udp(PEER, 53, data=question) for _ in range(40)))
    c.drop("questions", "beyond", udp(PEER, 53, data=question), udp(PEER, 53, data=question, vlan=20),
           udp(PEER, 53, data=question, options=bytes(8)))
    c.passes("questions", "of others", udp(OTHER, 53, data=question), udp(PEER6, 53, data=question, ext=(0,)))
    c.wait(1)
    c.passes("questions", "20 more", *(udp(PEER, 53, data=question) for _ in range(20)))
    c.drop("questions", "no more", udp(PEER, 53, data=question))
    c.drop("answers", "an answer to a server", udp(OTHER, 53, data=answer), udp(OTHER6, 53, data=answer),
           udp(OTHER, 53, sport=53, data=b"\0\0\x80"))
    c.drop("no question", "shorter than any question", udp(OTHER, 53), udp(OTHER6, 53, data=question[:16]),
           udp(OTHER, 53, data=b"\0\0\x7f"))
    c.passes("questions", "17 bytes", udp(OTHER, 53, data=question[:17]))
    c.passes(DEFAULT, "answers to the server's own questions", udp(PEER, 40000, sport=53, data=answer))
    c.passes(DEFAULT, "DNS over TCP", tcp(PEER, 53), tcp(PEER6, 53, ACK, data=question))
    c.passes("management", "always", *(udp(ADMIN, 53, data=question) for _ in range(50)),
             udp(ADMIN6, 53, frag="later"))
    c.management(lambda src: udp(src, 53, data=answer), "drop", "answers")
    c.hidden_udp(53)
    c.bystanders(MANAGEMENT)


@case("07-byte-budget")
def byte_budget(c):
    # 14 + 20 + 8 + 1,200 bytes: a hundred are 124,200; over IPv6 20 more, 100 are 126,200.
    packet, packet6 = udp(PEER, 443, data=bytes(1200)), udp(PEER6, 443, data=bytes(1200))
    assert len(packet) == 1242 and len(packet6) == 1262
    c.passes("QUIC", "124,200 bytes", *[packet] * 100)
    c.passes("QUIC", "758 more are 124,958", udp(PEER, 443, data=bytes(716)))
    c.passes("QUIC", "and 42 the last that fit", udp(PEER, 443))
    c.drop("QUIC", "beyond the budget", udp(PEER, 443), packet, udp(PEER, 443, vlan=20),
           udp(PEER, 443, options=bytes(4)))
    c.passes("QUIC", "others", udp(OTHER, 443, data=bytes(1200)), packet6)
    c.passes("QUIC", "99 packets of IPv6 are 124,938", *[packet6] * 98)
    c.drop("QUIC", "63 more are 125,001", udp(PEER6, 443, data=b"x"))
    c.drop("QUIC", "beyond the budget", packet6, udp(PEER6, 443, ext=(60,)))
    c.passes(DEFAULT, "no QUIC", udp(PEER, 442), udp(PEER, 40000, sport=443), tcp(PEER, 443, ACK))
    c.passes("management", "always", *(udp(ADMIN, 443, data=bytes(60000)) for _ in range(3)),
             udp(ADMIN6, 443, frag="first"))
    c.management(lambda src: udp(src, 443), "pass", "QUIC")
    c.wait(1)
    c.passes("QUIC", "a new second", packet, packet6, udp(PEER, 443, vlan=20))
    c.hidden_udp(443)
    c.bystanders(MANAGEMENT)


@case("08-icmp-limit")
def icmp_limit(c):
    c.passes("pings", "20 at once", *(icmp(PEER, 8, data=bytes(56)) for _ in range(20)))
    c.drop("pings", "beyond", icmp(PEER, 8), icmp(PEER, 8, vlan=20), icmp(PEER, 8, options=bytes(4)))
    c.passes("pings", "20 over IPv6", *(icmp(PEER6, 128, ext=(0, 60)) for _ in range(20)))
    c.drop("pings", "beyond", icmp(PEER6, 128), icmp(PEER6, 128, dst="ff02::1"))
    c.wait(1)
    c.passes("pings", "10 more", *(icmp(PEER, 8) for _ in range(10)))
    c.drop("pings", "no more", icmp(PEER, 8))
    c.passes("pings", "1,024 bytes", icmp(OTHER, 8, data=bytes(1024)))
    c.drop("large pings", "more", icmp(OTHER, 8, data=bytes(1025)), icmp(OTHER6, 128, data=bytes(8000)))
    c.drop("redirects", "whoever sends them", icmp("203.0.113.1", 5, 1, bytes(28)),
           icmp("fe80::1", 137, data=bytes(32), ttl=255))
    c.passes("errors and neighbours", "errors", icmp(PEER, 11, data=bytes(28)),
             icmp(PEER, 12, data=bytes(28)), *(icmp(PEER6, kind, data=bytes(48)) for kind in (1, 2, 3, 4)),
             icmp("fe80::7", 130))
    c.passes(DEFAULT, "answers to our pings, other types", icmp(PEER, 0), icmp(PEER6, 129),
             *(icmp(PEER6, kind) for kind in (0, 5, 138, 142, 144)))
    c.passes(DEFAULT, "large packets of others", udp(PEER, 53, data=bytes(1400)),
             tcp(PEER, 443, ACK, data=bytes(1400)))
    c.passes("management", "a hundred pings of an operator", *(icmp(ADMIN, 8) for _ in range(100)),
             icmp(ADMIN6, 128, data=bytes(8000)), icmp(ADMIN, 8, frag="first"))
    c.management(lambda src: icmp(src, 128 if ":" in src else 8, data=bytes(1025)), "drop", "large pings")
    for part in ("tiny", "first", "later"):
        c.drop("fragments of ICMP", f"{part} fragment", icmp(PEER, 8, frag=part), icmp(PEER6, 128, frag=part),
               icmp(PEER, 3, 4, frag=part), icmp("fe80::7", 135, frag=part))
    c.unread(icmp, 128, PEER6)
    c.passes(DEFAULT, "fragments of UDP", udp(PEER, 40000, frag="first"), udp(PEER6, 40000, frag="later"))
    wanted = ("neighbour question", "neighbour answer", "duplicate address?", "router advertisement",
              "multicast report", "packet too big", "packet too big, IPv6")
    c.wait(10)
    c.bystanders(MANAGEMENT | {name: ("pass", "errors and neighbours") for name in wanted} |
                 {name: ("pass", "pings") for name in ("ping", "ping, IPv6")})
