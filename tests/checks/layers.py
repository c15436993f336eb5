#!/usr/bin/env python3
"""Every #include "..." obeys the floors of ARCHITECTURE.md: a file includes its own room and rooms
on lower floors, and a library with an owner is included by its owners only."""
import re
import sys
from pathlib import Path

from tree import sources

# room                floor  rooms it uses on its own floor   rooms it must not use
ROOMS = """
core/base             0      -                                -
bpf                   0      -                                -
core/ebpf             1      -                                -
core/isa              1      -                                -
core/module           2      -                                -
core/packet           2      -                                -
core/tables           2      core/module                      -
core/run              2      core/module,core/verify,core/tables -
core/verify           2      core/module,core/tables          -
core/asm              3      -                                -
core/lisp             3      -                                -
core/ir/form          3      -                                -
core/ir/lift          3      core/ir/form                     -
core/ir/passes        3      core/ir/form                     -
core/ir/native        3      core/ir/form,core/ir/passes      -
core/front            4      -                                -
core/cli              4      -                                -
bpfgen                4      -                                -
userspace/flow        4      -                                -
userspace/interp      4      userspace/flow                   -
userspace/ebpf        4      userspace/flow                   -
userspace/io          4      -                                -
userspace/jit/runtime 4      userspace/flow                   -
userspace/jit/plan    4      -                                -
userspace/jit/x64     4      userspace/flow,userspace/jit/plan,userspace/jit/runtime -
userspace/jit/burst   4      userspace/jit/plan,userspace/jit/runtime,userspace/jit/x64 -
userspace/jit         4      userspace/flow,userspace/jit/runtime,userspace/jit/x64,userspace/jit/burst -
userspace/live        4      userspace/flow                   -
userspace/lint        5      -                                loader
loader                5      -                                userspace
userspace/capi        5      -                                loader
userspace/engines     6      -                                -
loader/serve          6      -                                -
loader/verbs          6      loader/serve,userspace/engines   -
core/tools            7      -                                -
bpfgen/tools          7      -                                -
userspace/tools       7      -                                -
loader/tools          7      -                                -
tests                 8      -                                -
"""

# header prefix         who may include it (file prefixes)
OWNED = """
asmjit/                 userspace/jit/x64 userspace/jit/burst
capstone                userspace/jit/listing.cc
pcap                    tests
zlib.h                  userspace/io tests
zstd.h                  userspace/io
rte_                    tests/bench
boost/program_options   core/cli core/tools bpfgen/tools userspace/tools loader/verbs loader/tools
core/cli/               core/cli core/tools bpfgen/tools userspace/tools loader/verbs loader/tools tests
core/front/             core/front core/tools bpfgen/tools userspace/tools loader tests
bpf/libbpf              loader tests
bpf/bpf.h               userspace/live loader tests
bpf/btf.h               loader tests
xdp/                    userspace/live tests/bench
google/protobuf/        core/module
boost/test/             tests
fmt/format.h            nobody
linux/if_packet.h       userspace/io loader tests
"""

# Of {fmt} only core.h: with format.h every file that uses format_to() compiles the library anew (append what
# format() gives; clang does not find g++'s name of it in the library).

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def table(text):
    return [line.split() for line in text.strip().splitlines()]


def room_of(path, rooms):
    """The longest room whose folder holds `path`, or None."""
    return max((r for r in rooms if path.startswith(r + "/")), key=len, default=None)


def check(root):
    rooms = {name: (int(floor), set(also.split(",")), tuple(never.split(",")))
             for name, floor, also, never in table(ROOMS)}
    owned = [(row[0], tuple(row[1:])) for row in table(OWNED)]
    for path in sources(root, {".cc", ".h", ".c", ".def"}):
        room = room_of(path, rooms)
        if room is None:
            yield f"{path}:1: stands in no room of the floors table"
            continue
        floor, also, never = rooms[room]
        text = (Path(root) / path).read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, header = match.groups()
            place = f"{path}:{number}: "
            for prefix, owners in owned:
                if header.startswith(prefix) and not path.startswith(owners):
                    yield place + f"{header} belongs to {', '.join(owners)}"
            if quote == "<":
                continue
            other = room_of(header, rooms)
            if other is None:
                yield place + f'"{header}" is not written from the root'
            elif other != room and other not in also and rooms[other][0] >= floor:
                yield place + f"{room} (floor {floor}) includes {other} (floor {rooms[other][0]})"
            elif other.startswith(never):
                yield place + f"{room} must not know {other}"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
