"""What the kernel says of links, addresses, routes and qdiscs, asked without a process each
time."""
import socket
import struct

GETLINK, GETADDR, GETROUTE, GETQDISC = 18, 22, 26, 38
DUMP, DONE, ERROR = 0x301, 3, 2
HEAD_SIZE = {GETLINK: 16, GETADDR: 8, GETROUTE: 12, GETQDISC: 20}
# Attributes that count or age, what the kernel says of XDP, and the largest MTU that could be set: any
# program on native XDP limits that, at the peer of a veth pair, too.
IFLA_IFNAME, IFLA_ALIAS, IFLA_MASTER = 3, 20, 10
LEFT_OUT = {
    GETLINK: {7, 23, 26, 43, 16, 33, 35, 47, 48, 51},
    # statistics, AF_SPEC, XDP, operstate and carrier counts
    GETADDR: {6},
    GETROUTE: {12},
    GETQDISC: {3, 4, 7},
}


def dump(kind):
    """The messages of a dump in the calling thread's namespace, as (head, {attribute: bytes})."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        link.send(struct.pack("=IHHII", 16 + HEAD_SIZE[kind], kind, DUMP, 1,
                              0) + bytes(HEAD_SIZE[kind]))
        found = []
        while True:
            data = link.recv(1 << 18)
            while len(data) >= 16:
                size, what = struct.unpack_from("=IH", data)
                if what == DONE:
                    return found
                if what == ERROR:
                    raise OSError("netlink refuses a dump")
                found.append(parse(data[16:size], HEAD_SIZE[kind]))
                data = data[(size + 3) & ~3:]


def parse(message, head_size):
    head, rest, attributes = message[:head_size], message[head_size:], {}
    while len(rest) >= 4:
        size, kind = struct.unpack_from("=HH", rest)
        attributes[kind & 0x3FFF] = rest[4:size]
        rest = rest[(size + 3) & ~3:]
    return head, attributes


def text(value):
    return value.rstrip(b"\0").decode(errors="replace")


def links():
    """(index, flags, attributes) of every interface."""
    return [(struct.unpack_from("=i", head, 4)[0], struct.unpack_from("=I", head, 8)[0], attributes)
            for head, attributes in dump(GETLINK)]


def serves(attributes):
    """Whether it is an interface of ours that serves a filter."""
    return text(attributes.get(IFLA_ALIAS, b"")).startswith("vfm ")


def snapshot():
    """Everything that a host shows of its interfaces, without counters and without ours that
    serve."""
    ours = {index for index, _, attributes in links() if serves(attributes)}
    seen = {}
    for kind, name in ((GETLINK, "link"), (GETADDR, "address"), (GETROUTE, "route"),
                       (GETQDISC, "qdisc")):
        rows = []
        for head, attributes in dump(kind):
            index = 0 if kind == GETROUTE else struct.unpack_from("=i", head, 4)[0]
            out_by = struct.unpack("=i",
                                   attributes[4])[0] if kind == GETROUTE and 4 in attributes else 0
            if index in ours or out_by in ours:
                continue
            name_of = text(attributes.get(IFLA_IFNAME, b"")) if kind == GETLINK else head[:4].hex()
            rows.append((name_of, "head", head.hex()))
            rows += [(name_of, key, value.hex()) for key,
                     value in attributes.items() if key not in LEFT_OUT[kind]]
        seen[name] = sorted(rows, key=str)
    return seen
