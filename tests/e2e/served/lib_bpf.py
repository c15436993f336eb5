"""BPF programs of others, as few instructions: the tc programs that the tests put beside the
filter."""
import ctypes
import os
import platform
import struct

from lib_sandbox import LIBC, Skip

SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, OBJ_PIN = 0, 1, 5, 6
ARRAY, SCHED_CLS, XDP = 2, 3, 6
TC_ACT_UNSPEC, TC_ACT_SHOT, XDP_PASS = -1, 2, 2
MAP_LOOKUP_HELPER, VLAN_PUSH = 1, 18


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = LIBC.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        error = ctypes.get_errno()
        raise Skip(f"bpf command {command}: {os.strerror(error)}")
    return result


def instruction(code, target=0, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", code, source << 4 | target, offset, immediate)


def load(kind, instructions):
    """A program; its descriptor."""
    code = ctypes.create_string_buffer(b"".join(instructions))
    name = ctypes.create_string_buffer(b"GPL")
    count = (len(code) - 1) // 8
    return bpf(PROG_LOAD, struct.pack("<IIQQIIQIi", kind, count, ctypes.addressof(code),
                                      ctypes.addressof(name), 0, 0, 0, 0, 0))


def pin(fd, path):
    text = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(text), fd))


def push_vlan(protocol, tci):
    """At egress: puts a tag beside the bytes of every frame."""
    return load(SCHED_CLS, [
        instruction(0xB7, 2, immediate=int.from_bytes(struct.pack("!H", protocol), "little")),
        instruction(0xB7, 3, immediate=tci),
        instruction(0x85, immediate=VLAN_PUSH),
        instruction(0xB7, 0, immediate=TC_ACT_UNSPEC),
        instruction(0x95),
    ])


def counter_map():
    """One row of frames and bytes."""
    return bpf(MAP_CREATE, struct.pack("<IIIII", ARRAY, 4, 16, 1, 0))


def counting(table, verdict=TC_ACT_UNSPEC, only_length=None):
    """Counts frames and their bytes in `table`; gives `verdict` to those of `only_length` bytes, or
    to all, and leaves the others to whom comes next."""
    code = [
        instruction(0xBF, 6, 1),                                  # r6 = skb
        instruction(0x62, 10, offset=-4, immediate=0),            # key 0
        instruction(0x18, 1, 1, immediate=table), instruction(0),  # r1 = map
        instruction(0xBF, 2, 10), instruction(0x07, 2, immediate=-4),
        instruction(0x85, immediate=MAP_LOOKUP_HELPER),
        instruction(0x15, 0, offset=4, immediate=0),
        instruction(0xB7, 1, immediate=1),
        instruction(0xDB, 0, 1),                                  # lock *(u64*)r0 += 1
        instruction(0x61, 2, 6),                                  # r2 = skb->len
        instruction(0xDB, 0, 2, offset=8),
    ]
    if only_length is not None:
        code += [instruction(0x61, 2, 6),
                 instruction(0x15, 2, offset=2, immediate=only_length),
                 instruction(0xB7, 0, immediate=TC_ACT_UNSPEC), instruction(0x95)]
    return load(SCHED_CLS, [*code, instruction(0xB7, 0, immediate=verdict), instruction(0x95)])


def counted(table):
    """(frames, bytes)"""
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(16)
    bpf(MAP_LOOKUP, struct.pack("<IIQQ", table, 0, ctypes.addressof(key), ctypes.addressof(value)))
    return struct.unpack("<QQ", value.raw)


def passing_xdp():
    """The bare program that everything is measured against."""
    return load(XDP, [instruction(0xB7, 0, immediate=XDP_PASS), instruction(0x95)])
