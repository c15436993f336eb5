#!/usr/bin/env python3
"""Makes what fuzzing starts from: make_seeds.py SOURCE BIN OUT.

OUT/TARGET/ gets the seeds of each target, from the golden files and the cookbook; OUT/vfm.dict the
words of both languages, from the tables that define them. BIN holds the tools.
"""
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path


def words(source):
    """Names in the first string or the second column of each row of the tables."""
    opcodes = re.findall(r"^VFM_OP\(\d+,\s*(\w+)", (source / "core/isa/opcodes.def").read_text(), re.M)
    forms = re.findall(r'^VFM_FORM\(\w+,\s*"([^"]+)"', (source / "core/lisp/forms.def").read_text(), re.M)
    fields = re.findall(r'^VFM_FIELD\("([^"]+)"', (source / "core/packet/fields.def").read_text(), re.M)
    directives = re.findall(r'\{\{"(\.\w+)"', (source / "core/asm/directives.cc").read_text())
    numbers = ["10.0.0.1", "0xffffffffffffffff", "0b1", "18446744073709551615", "-1", ":", ";", "lru", "none"]
    return sorted(set(opcodes + [f"({form} " for form in forms] + fields + directives + numbers))


def dictionary(source):
    def escape(word):
        return "".join(c if c.isalnum() else f"\\x{ord(c):02x}" for c in word)
    return "".join(f'"{escape(word)}"\n' for word in words(source))


def put(out, target, name, data):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main(source, tools, out):
    out.mkdir(parents=True, exist_ok=True)
    (out / "vfm.dict").write_text(dictionary(source))
    sys.path.insert(0, str(source / "tests/data"))
    sys.dont_write_bytecode = True
    import make_captures
    packets = [p for name in ("mixed", "walk", "http") for p in make_captures.CAPTURES[name]]
    make_captures.write_all(out / "pcap")
    for path in sorted((out / "pcap").iterdir()):
        data = path.read_bytes()
        if path.suffix == ".pcapng":
            put(out, "pcapng", path.name, b"\0" + data[28:])
        if path.suffix == ".gz":
            put(out, "packed", path.name, b"\xff" + data)
    if shutil.which("zstd"):
        packed = subprocess.run(["zstd", "-qc", out / "pcap/mixed.pcap"], capture_output=True).stdout
        put(out, "packed", "mixed.pcap.zst", b"\xff" + packed)
        put(out, "pcap", "mixed.pcap.zst", packed)
    for name, (number, frames) in make_captures.LINKS.items():
        for i, frame in enumerate(frames):
            put(out, "link", f"{name}-{i}", struct.pack("<H", number) + frame)

    programs = []
    texts = (path for folder in ("tests/golden", "docs/cookbook") for path in (source / folder).rglob("*"))
    for path in sorted(texts):
        kind = {".vfl": "lisp", ".vfm": "asm"}.get(path.suffix)
        if kind is None:
            continue
        name = f"{path.parent.name}-{path.name}"
        text = "\n".join(line for line in path.read_text(errors="replace").split("\n")
                         if not line.startswith(";")) + "\n"
        put(out, kind, name, text.encode(errors="replace"))
        compiled = out / "compiled.bin"
        tool = "vflispc" if kind == "lisp" else "vfm-asm"
        done = subprocess.run([tools / tool, path, "-o", compiled], capture_output=True)
        if done.returncode == 0 and compiled.exists():
            programs.append((name, compiled.read_bytes()))
            compiled.unlink()
    for i, (name, code) in enumerate(programs):
        put(out, "module", name, code)
        if not code.startswith(b"\x0a\x04VFM\x01"):
            put(out, "bytecode", name, code)
        if len(code) < 2000:
            put(out, "diff", name, struct.pack("<I", len(code)) + code + packets[i % len(packets)])
    put(out, "expect", "lines", b"# wanted\n1 drop\n2 pass web # why\n30 log 2\n4 DIVISION_BY_ZERO\n")
    for target in ("lisp", "asm", "module", "bytecode", "diff"):
        put(out, target, "empty", b"")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
