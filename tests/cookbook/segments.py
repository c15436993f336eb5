"""Cases of the filters for a segment of hosts and a trunk, 17 to 20."""
from case import DEFAULT, case
from packets import ACK, GATEWAY_MAC, HOST6, PEER, PEER6, PEER_MAC, arp, eth, icmp, tcp, udp

GATEWAY = "192.0.2.1"
OTHER_MAC = "020000000003"


@case("17-arp-guard")
def arp_guard(c):
    c.drop("a false gateway", "another card says that it is the gateway", arp(2, GATEWAY), arp(1, GATEWAY),
           arp(2, GATEWAY, sender=GATEWAY_MAC), arp(2, GATEWAY, vlan=20), arp(2, GATEWAY, vlan=(20, 30)))
    c.passes("the gateway", "itself", arp(2, GATEWAY, mac=GATEWAY_MAC),
             arp(1, GATEWAY, mac=GATEWAY_MAC, vlan=20), *(arp(1, GATEWAY,
                                                              mac=GATEWAY_MAC) for _ in range(50)),
                                                              udp(PEER, 53, frag="later", mac=GATEWAY_MAC))
    c.passes("ARP", "40 at once", *(arp(1, "192.0.2.9", f"192.0.2.{i}") for i in range(40)))
    c.drop("ARP", "beyond", arp(1, "192.0.2.9"), arp(2, "192.0.2.2"), arp(1, "192.0.2.9", vlan=20))
    c.passes("ARP", "another card", arp(1, "192.0.2.9", mac=OTHER_MAC), arp(1, "192.0.2.0", mac=OTHER_MAC))
    c.wait(1)
    c.passes("ARP", "20 more", *(arp(op, "192.0.2.9") for op in (1, 2) * 10))
    c.drop("ARP", "no more", arp(1, "192.0.2.9"))
    c.drop("broken ARP", "of other hardware, cut", arp(2, GATEWAY, hardware=6), arp(2, GATEWAY)[:41],
           eth(b"", 0x806), arp(2, GATEWAY, hardware=0, vlan=20))
    c.drop("LLMNR and NetBIOS names", "answers of hosts", udp("192.0.2.9", 40000, sport=5355),
           udp("fe80::9", 40000, sport=5355), udp("192.0.2.9", 137, sport=137),
           udp("192.0.2.9", 40000, sport=5355, vlan=20), udp("fe80::9", 40000, sport=5355, ext=(0,)),
           udp("192.0.2.9", 40000, sport=137, options=bytes(8)))
    c.passes(DEFAULT, "ports beside them", udp("192.0.2.9", 40000, sport=136),
             udp("192.0.2.9", 40000, sport=5354), udp("192.0.2.9", 5355),
             tcp("192.0.2.9", 40000, ACK, sport=5355))
    c.passes(DEFAULT, "fragments of TCP", tcp(PEER, 443, frag="first"), tcp(PEER6, 443, frag="later"))
    c.hidden_udp(5355, "192.0.2.9", "fe80::9")
    c.wait(10)
    c.bystanders({name: ("pass", "ARP") for name in ("ARP question", "ARP answer", "ARP behind a tag")} |
                 {"router advertisement": ("pass", "the gateway")})


@case("18-ra-guard")
def ra_guard(c):
    router = {"src": "fe80::1", "dst": "ff02::1", "ttl": 255, "mac": GATEWAY_MAC}

    def advert(kind=134, **but):
        settings = router | but
        return icmp(settings.pop("src"), kind, data=bytes(8), **settings)

    c.passes("the router", "advertises and redirects", advert(), advert(137), advert(vlan=20),
             advert(ext=(0, 60)))
    c.drop("a false router", "another card", advert(mac=PEER_MAC), advert(137, mac=PEER_MAC),
           advert(mac="0200000000ff"))
    c.drop("a false router", "another address", advert(src="fe80::2"), advert(src=PEER6),
           advert(src="fe80:0:0:1::1"))
    c.drop("a false router", "from beyond the link", advert(ttl=254), advert(ttl=64), advert(137, ttl=0))
    c.drop("a false router", "in other clothes", advert(mac=PEER_MAC, vlan=20),
           advert(mac=PEER_MAC, vlan=(20, 30)), advert(mac=PEER_MAC, ext=(0,)),
           advert(mac=PEER_MAC, ext=(60,) * 8), advert(mac=PEER_MAC, ext=(0, 43, 60)))
    for part in ("tiny", "first", "later"):
        c.drop("fragments of ICMPv6", f"{part} fragment", icmp("fe80::9", 134, frag=part, ttl=255),
               icmp("fe80::9", 134, frag=part, ext=(60,), ttl=255), icmp(PEER6, 128, frag=part))
    c.unread(icmp, 134, "fe80::9")
    c.passes(DEFAULT, "other messages", *(icmp("fe80::9", kind, ttl=255) for kind in (133, 135, 136, 138)))
    c.passes(DEFAULT, "other messages of the router", advert(136), advert(135))
    c.passes(DEFAULT, "IPv4", icmp(PEER, 134), icmp(PEER, 137), icmp(PEER, 8, frag="first"))
    c.passes(DEFAULT, "fragments of others", udp(PEER6, 53, frag="first"), tcp(PEER6, 443, frag="later"))
    c.bystanders({"router advertisement": ("pass", "the router")})


@case("19-dhcp-guard")
def dhcp_guard(c):
    def offer(src="203.0.113.67", sport=67, mac="020000000067", **rest):
        return udp(src, 68 if sport == 67 else 546, sport=sport, mac=mac, data=bytes(240), **rest)

    false = {"mac": PEER_MAC}
    c.passes("the server", "offers", offer(), offer(vlan=20), offer("fe80::67", 547),
             offer(dst="255.255.255.255"), udp("203.0.113.67", 67, sport=67, mac="020000000067",
                                               frag="later"))
    c.drop("a false server", "another card", offer(**false), offer("fe80::67", 547, **false),
           offer("198.51.100.9", **false), offer("fe80::9", 547, **false), offer("0.0.0.0", **false))
    c.drop("a false server", "another address", offer("203.0.113.66"), offer("203.0.113.68"),
           offer("fe80::68", 547))
    c.drop("a false server", "in other clothes", offer(**false, vlan=20), offer(**false, vlan=(20, 30)),
           offer(**false, options=bytes(40)), offer("fe80::9", 547, **false, ext=(0, 60)),
           udp("198.51.100.9", 1068, sport=67))
    c.passes(DEFAULT, "clients ask", udp("0.0.0.0", 67, sport=68, dst="255.255.255.255", data=bytes(240)),
             udp("fe80::9", 547, sport=546, dst="ff02::1:2", data=bytes(60)))
    c.passes(DEFAULT, "ports beside them", offer("198.51.100.9", 66, **false),
             udp("198.51.100.9", 68, sport=69), udp("fe80::9", 546, sport=548),
             tcp(PEER, 40000, ACK, sport=67))
    c.passes(DEFAULT, "fragments of TCP", tcp(PEER, 443, frag="first"), tcp(PEER6, 443, frag="later"))
    c.hidden_udp(67)
    c.bystanders({"DHCP offer": ("pass", "the server")})


@case("20-vlan-trunk")
def vlan_trunk(c):
    shut = (22, 135, 139, 445, 3389)
    c.drop("not for guests", "of guests", *(tcp("192.168.30.9", port, vlan=30) for port in shut))
    c.drop("not for guests", "over IPv6, with options", tcp("fd00:30::9", 22, vlan=30),
           tcp("fd00:30::9", 22, vlan=30, ext=(0, 60)), tcp("192.168.30.9", 445, vlan=30, options=bytes(8)),
           tcp("192.168.30.9", 22, ACK, vlan=0x8000 | 30))
    c.passes(DEFAULT, "the web for guests", tcp("192.168.30.9", 443, vlan=30),
             udp("192.168.30.9", 443, vlan=30), tcp("fd00:30::9", 80, vlan=30),
             udp("192.168.30.9", 22, vlan=30), tcp("192.168.30.9", 23, vlan=30))
    c.passes(DEFAULT, "their ARP, neighbours, fragments of UDP", arp(1, "192.168.30.9", vlan=30),
             icmp("fe80::9", 135, vlan=30, ttl=255), udp("192.168.30.9", 53, vlan=30, frag="later"))
    c.passes("servers", "everything", tcp("10.20.0.1", 22, vlan=20),
             tcp("10.20.0.1", 445, vlan=20, frag="later"), arp(1, "10.20.0.1", vlan=20),
             tcp(HOST6, 22, vlan=0xE000 | 20))
    c.passes("management", "everything", tcp("10.10.0.1", 22, vlan=10), arp(1, "10.10.0.1", vlan=10),
             tcp("fd00:10::1", 22, vlan=10, ext=(60,) * 9))
    c.drop("two tags", "hop over VLANs", tcp("192.168.30.9", 443, vlan=(30, 10)),
           tcp("192.168.30.9", 22, vlan=(10, 20)), arp(1, "192.168.30.9", vlan=(30, 20)),
           tcp("192.168.30.9", 22, vlan=(30, 20, 10)), tcp("192.168.30.9", 443, vlan=(30, 0)),
           tcp("192.168.30.9", 443, vlan=(30, 4095)))
    c.drop("no VLAN of ours", "other VLANs", *(tcp(PEER, 443, vlan=vlan) for vlan in (0, 1, 9, 11, 19, 21, 29,
                                                                                      31, 4095)))
    c.passes("switches", "LLDP", eth(bytes(46), 0x88CC, to="0180c200000e"), eth(bytes(60), 1535))
    c.drop("no VLAN of ours", "no tag", eth(bytes(46), 1536), tcp(PEER, 22), udp(PEER, 53, frag="first"))
    for part in ("tiny", "first", "later"):
        c.drop("fragments of TCP", f"of guests, {part} fragment", tcp("192.168.30.9", 22, vlan=30, frag=part),
               tcp("fd00:30::9", 22, vlan=30, frag=part))
    c.unread(lambda src, port, **rest: tcp(src, port, vlan=30, **rest), 22, "fd00:30::9")
    c.bystanders({"ARP behind a tag": ("pass", "servers"), "HTTPS behind a tag": ("pass", "servers"),
                  "spanning tree": ("pass", "switches")}, "drop", "no VLAN of ours")
