"""Cases of the filters on addresses, 13 to 16."""
from case import DEFAULT, MANAGEMENT, bystanders_of, case
from packets import ACK, ADMIN, ADMIN6, HOST, HOST6, arp, icmp, tcp, udp

# An address of the Internet, as far as these filters know: neither reserved nor for documentation.
FAR, FAR6 = "9.9.9.9", "2620:fe::9"
ADMIN_PORTS = (22, 25, 465, 587, 993, 3389, 5900)


@case("13-bogons")
def bogons(c):
    reserved = ("0.0.0.1", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
                "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.255.255", "172.16.0.1",
                "172.31.255.255", "192.0.0.1", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.168.0.1",
                "192.168.255.255", "198.18.0.1", "198.19.255.255", "203.0.113.0", "203.0.113.255",
                "224.0.0.1", "240.0.0.1", "255.255.255.255")
    beside = ("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
              "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
              "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
              "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255")
    c.drop("bogons", "a source that is not", *(udp(src, 53) for src in reserved))
    c.drop("bogons", "the same in other clothes", tcp("10.0.0.1", 443, vlan=20),
           icmp("10.0.0.1", 8, vlan=(20, 30)), tcp("10.0.0.1", 443, options=bytes(8)),
           udp("10.0.0.1", 53, frag="later"), tcp("10.0.0.1", 443)[:34])
    c.drop("bogons", "documentation, IPv6", udp("2001:db8::1", 53), udp("2001:db8:4:ffff::1", 53),
           udp("2001:db8:ffff:ffff::1", 53), udp("3fff:fff:ffff::1", 53, ext=(0, 60)))
    c.drop("IPv6 bogons", "what is not global", *(udp(src, 53) for src in (
        "::1", "::ffff:9.9.9.9", "100::1", "1fff::1", "4000::1", "fc00::1", "fd00::1", "fe7f::1", "fec0::1",
        "ff02::1")))
    c.drop("our own addresses", "from outside", udp("198.51.100.1", 53), tcp("198.51.100.255", 443),
           udp(HOST6, 53), tcp("2001:db8:5:ffff::1", 443, ext=(60,)))
    c.passes(DEFAULT, "addresses beside them", *(udp(src, 53) for src in beside), udp(FAR6, 53),
             udp("2001:db7::1", 53), udp("2000::1", 53), udp("3ffe::1", 53), udp("3fff:1000::1", 53),
             udp("febf::1", 53), tcp("2001:db9::1", 443))
    c.drop("shares", "of Windows", tcp(FAR, 135), tcp(FAR, 139), tcp(FAR6, 445), tcp(FAR, 445, vlan=20),
           tcp(FAR6, 445, ext=(0,)))
    c.passes(DEFAULT, "ports beside them", tcp(FAR, 134), tcp(FAR, 446), udp(FAR, 445))
    c.passes("DHCP", "of a provider with private addresses", udp("10.0.0.1", 68, sport=67))
    c.drop("bogons", "ports beside those of DHCP", udp("10.0.0.1", 68, sport=66),
           udp("10.0.0.1", 67, sport=67))
    c.passes(DEFAULT, "fragments of UDP", udp(FAR, 53, frag="first"), udp(FAR6, 53, frag="later"))
    c.hidden_tcp(445, FAR, FAR6)
    c.bystanders({"DHCP offer": ("pass", "DHCP")}, frames=bystanders_of(FAR, FAR6, FAR, FAR6))


@case("14-geo-block")
def geo_block(c):
    inside = ("198.18.0.0", "198.18.127.255", "198.18.128.1", "198.18.191.255", "198.18.200.0",
              "198.18.207.255", "198.19.16.1", "198.19.64.1", "198.19.100.1", "198.51.100.0",
              "198.51.100.127", "198.51.100.160", "198.51.100.199", "203.0.113.128", "203.0.113.191",
              "203.0.113.224")
    outside = ("198.17.255.255", "198.18.192.0", "198.18.208.0", "198.19.15.255", "198.51.100.128",
               "198.51.100.159", "198.51.100.200", "203.0.113.127", "203.0.113.192", "203.0.113.240")
    inside6 = ("2001:db8:1000::1", "2001:db8:1fff:ffff::1", "2001:db8:20ff::1", "2001:db8:24ff::1",
               "2001:db8:c0de::1", "2001:db8:cafe:1::1", "2001:db8:f00d::1")
    outside6 = ("2001:db8:fff::1", "2001:db8:2100::1", "2001:db8:2500::1", "2001:db8:c0df::1", "2001:db8::1")
    rule, others = "SSH, mail, remote desktop", "others"
    c.drop(rule, "addresses of the country", *(tcp(src, 22) for src in inside + inside6))
    c.drop(rule, "each port", *(tcp("198.18.0.9", port) for port in ADMIN_PORTS))
    c.drop(rule, "in other clothes", tcp("198.18.0.9", 22, vlan=20), tcp("198.18.0.9", 22, vlan=(20, 30)),
           tcp("198.18.0.9", 22, options=bytes(8)), tcp("2001:db8:c0de::1", 25, ext=(0, 60)),
           tcp("198.18.0.9", 22, ACK))
    c.passes(DEFAULT, "the web is for all", tcp("198.18.0.9", 443), tcp("2001:db8:c0de::1", 80),
             udp("198.18.0.9", 443), tcp("198.18.0.9", 23), udp("198.18.0.9", 22))
    c.passes(others, "addresses beside the country's", *(tcp(src, 22) for src in outside + outside6))
    c.passes(others, "their fragments", tcp("203.0.113.1", 22, frag="later"))
    c.passes("management", "even from there", tcp(ADMIN, 22), tcp(ADMIN6, 22))
    c.management(lambda src: tcp(src, 22), "pass", others)
    c.passes(DEFAULT, "fragments of UDP", udp("198.18.0.9", 53, frag="first"),
             udp("198.18.0.9", 53, frag="later"))
    c.hidden_tcp(22, "198.18.0.9", "2001:db8:c0de::1")
    c.bystanders(MANAGEMENT, rule=others)


@case("15-live-blocklist")
def live_blocklist(c):
    bad, bad6 = "198.51.100.66", "2001:db8:bad::66"
    rule, others = "SSH and mail", "others"
    c.drop(rule, "of the blocked", *(tcp(src, port) for src in (bad, bad6) for port in ADMIN_PORTS[:5]))
    c.drop(rule, "in other clothes", tcp(bad, 22, vlan=20), tcp(bad, 22, vlan=(20, 30)), tcp(bad, 22, ACK),
           tcp(bad, 25, options=bytes(4)), tcp(bad6, 22, ext=(60, 0)), tcp("2001:db8:bad:ffff::", 22))
    c.passes(DEFAULT, "other services", tcp(bad, 443), tcp(bad6, 80), udp(bad, 22), icmp(bad, 8),
             tcp(bad, 24))
    c.passes(others, "addresses beside them", tcp("198.51.100.65", 22), tcp("198.51.100.67", 22),
             tcp("2001:db8:bac::1", 22), tcp("2001:db8:bae::1", 25))
    c.passes("management", "always", tcp(ADMIN, 22), tcp(ADMIN6, 22), tcp(ADMIN, 22, frag="later"))
    c.management(lambda src: tcp(src, 22), "pass", others)
    c.hidden_tcp(22, bad, bad6)
    c.bystanders(MANAGEMENT, rule=others)


@case("16-egress-guard")
def egress_guard(c):
    relay, relay6 = "203.0.113.25", "2001:db8:5::25"
    far = {"dst": FAR}
    far6 = {"dst": FAR6}
    c.drop("spoofed", "a source that is not ours", udp("203.0.112.255", 53, **far),
           udp("203.0.114.0", 53, **far), udp("10.0.0.1", 53, vlan=20, **far),
           tcp("198.51.100.7", 443, options=bytes(8), **far), udp("2001:db8:4:ffff::1", 53, **far6),
           udp("2001:db8:6::1", 53, ext=(60,), **far6), udp("fec0::1", 53, **far6),
           udp("10.0.0.1", 53, frag="later", **far), tcp("0.0.0.1", 25, **far))
    c.drop("mail past the relays", "of a host", tcp(HOST, 25, **far), tcp(HOST6, 25, **far6),
           tcp(HOST, 25, vlan=20, **far), tcp(HOST, 25, options=bytes(40), **far),
           tcp(HOST6, 25, ext=(0, 43), **far6))
    c.passes("relays", "mail of the relays", tcp(relay, 25, **far), tcp(relay6, 25, **far6),
             tcp(relay, 25, frag="first", **far))
    c.passes(DEFAULT, "everything else of ours", tcp(HOST, 443, **far), tcp(HOST6, 443, **far6),
             udp(HOST, 25, **far), tcp(HOST, 587, **far), tcp("203.0.113.0", 22, **far),
             tcp("203.0.113.255", 22, **far), tcp(HOST, 40000, ACK, sport=25, **far),
             udp("2001:db8:5:ffff::1", 53, **far6))
    c.passes(DEFAULT, "DHCP, neighbours", udp("0.0.0.0", 67, sport=68, dst="255.255.255.255"),
             arp(1, "10.0.0.1"), icmp("fe80::10", 133, dst="ff02::2", ttl=255),
             udp("fe80::10", 547, sport=546, dst="ff02::1:2"),
             udp("febf::10", 547, sport=546, dst="ff02::1:2"))
    c.passes(DEFAULT, "fragments of UDP", udp(HOST, 4500, frag="first", **far),
             udp(HOST6, 4500, frag="later", **far6))
    c.hidden_tcp(25, HOST, HOST6)
    c.bystanders({}, frames=bystanders_of(HOST, HOST6, HOST, HOST6))
