#!/usr/bin/env python3
"""Runs golden tests: source files that carry the command to run and the output to expect.

A test is a file in one of our languages (or .hex for bytes, .txt for a command without a file):
    ;;; TOOL: vflispc -d {in}    the command, run by sh in a scratch directory that holds the file;
                                 {in} is its name, {tmp} the directory, {data} tests/data,
                                 {cap} the generated captures
    ;;; EXIT: 1                  expected status of the command above it, 0 if not said
    ;;; ALSO: <command>          a further command; its output comes after the first's
    ;;; REQUIRES: root|bpf|NAME  skipped where that is missing; NAME is a program
    ;;; EXTRA: no                leaves out the checks that every source gets by itself
    ;> a line of stdout
    ;! a line of stderr
A .hex file holds bytes as hexadecimal digits with `;` comments; {in} is then the .bin made of it.
"""
import argparse
import ctypes
import difflib
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
KINDS = {".vfl", ".vfm", ".hex", ".txt"}
KEYS = {"TOOL", "EXIT", "ALSO", "REQUIRES", "EXTRA"}
TIMEOUT = 120


class BadTest(Exception):
    """The test file itself is wrong."""


class Test:
    """One golden file, parsed."""

    def __init__(self, path):
        self.path = path
        self.commands = []  # [command, expected status]
        self.requires = []
        self.extra = True
        self.body = []      # every line but the expectations
        self.expected = {">": [], "!": []}
        for line in path.read_bytes().decode(errors="surrogateescape").split("\n"):
            if line[:2] in (";>", ";!"):
                self.expected[line[1]].append(line[3:])
                continue
            self.body.append(line)
            if line.startswith(";;;"):
                self.header(line[3:].strip())
        if not self.commands:
            raise BadTest("has no ;;; TOOL: line")
        while self.body and not self.body[-1]:
            self.body.pop()

    def header(self, text):
        key, colon, value = text.partition(":")
        value = value.strip()
        if not colon or key not in KEYS:
            raise BadTest(f"unknown header ';;; {text}'")
        if key in ("TOOL", "ALSO"):
            if (key == "TOOL") != (not self.commands):
                raise BadTest("wants one TOOL line before any ALSO line")
            self.commands.append([value, 0])
        elif key == "EXIT":
            if not self.commands:
                raise BadTest("has EXIT before TOOL")
            self.commands[-1][1] = int(value)
        elif key == "REQUIRES":
            self.requires += value.split()
        else:
            self.extra = value != "no"

    def rebased(self, out, err):
        """The file's text with what was printed as expectation."""
        lines = list(self.body)
        for mark, text in ((">", out), ("!", err)):
            lines += [f";{mark} {line}".rstrip() for line in text]
        return "\n".join(lines) + "\n"


def hex_bytes(text):
    code = "".join(line.partition(";")[0] for line in text.split("\n"))
    return bytes.fromhex(re.sub(r"\s+", "", code))


def split_lines(raw):
    """Lines as they are compared: without trailing blanks, which editors strip."""
    text = raw.decode("utf-8", "backslashreplace")
    return [line.rstrip() for line in text.removesuffix("\n").split("\n")] if text else []


def can_bpf():
    """True if this process may make a BPF map."""
    class Attr(ctypes.Structure):
        _fields_ = [(n, ctypes.c_uint32) for n in ("type", "key", "value", "entries")]
        _fields_ += [("rest", ctypes.c_uint8 * 112)]
    number = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine)
    if number is None:
        return False
    attr = Attr(2, 4, 8, 1)
    fd = ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def missing(requirement):
    if requirement == "root":
        return os.geteuid() != 0
    if requirement == "bpf":
        return not can_bpf()
    return shutil.which(requirement) is None


class Runner:
    def __init__(self, options, captures):
        self.rebase = options.rebase
        self.env = dict(os.environ, LC_ALL="C", TZ="UTC")
        self.env["PATH"] = f"{options.bin}:{self.env['PATH']}"
        self.env.pop("NO_COLOR", None)
        self.captures = captures

    def shell(self, command, cwd):
        return subprocess.run(["sh", "-c", command], cwd=cwd, env=self.env, timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def run(self, path):
        """(verdict, report); the verdict is ok, skip, rebased or fail."""
        try:
            test = Test(path)
        except (BadTest, ValueError) as why:
            return "fail", str(why)
        lacking = [r for r in test.requires if missing(r)]
        if lacking:
            return "skip", "needs " + ", ".join(lacking)
        with tempfile.TemporaryDirectory(prefix="golden.") as tmp:
            try:
                return self.run_in(test, Path(tmp))
            except subprocess.TimeoutExpired as slow:
                return "fail", f"'{slow.cmd[-1]}' took more than {TIMEOUT} s"
            except ValueError as why:
                return "fail", f"bad .hex: {why}"

    def run_in(self, test, tmp):
        name = test.path.name
        if test.path.suffix == ".hex":
            name = test.path.stem + ".bin"
            (tmp / name).write_bytes(hex_bytes(test.path.read_text()))
        else:
            # Without the expectations: their number must not move what a message says.
            source = "\n".join(test.body) + "\n"
            (tmp / name).write_text(source, errors="surrogateescape", newline="")
        out, err, faults = [], [], []
        for command, status in test.commands:
            for key, value in (("in", name), ("tmp", tmp), ("data", DATA), ("cap", self.captures)):
                command = command.replace("{%s}" % key, str(value))
            done = self.shell(command, tmp)
            out += [self.normal(line, tmp) for line in split_lines(done.stdout)]
            err += [self.normal(line, tmp) for line in split_lines(done.stderr)]
            if done.returncode != status:
                faults.append(f"'{command}' gave status {done.returncode}, not {status}")
        differs = out != test.expected[">"] or err != test.expected["!"]
        if differs and self.rebase and not faults:
            test.path.write_text(test.rebased(out, err), errors="surrogateescape")
        elif differs:
            faults += difference(test.expected[">"], out, "stdout")
            faults += difference(test.expected["!"], err, "stderr")
        if test.extra:
            faults += self.extras(test, name, tmp)
        if faults:
            return "fail", "\n".join(faults + err[:20] * (not differs))
        return ("rebased" if differs else "ok"), ""

    def normal(self, line, tmp):
        """Paths of this run as the names that tests use."""
        line = line.replace(f"{tmp}/", "").replace(str(tmp), "{tmp}")
        line = line.replace(f"{self.captures}/", "").replace(f"{DATA}/", "")
        return line

    def extras(self, test, name, tmp):
        """What every source of ours must stand, beside what the test says of it."""
        if test.path.suffix == ".vfm":
            return self.round_trip(test, name, tmp)
        if test.path.suffix == ".vfl":
            return self.compiles(test, name, tmp)
        return []

    def may_fail(self, test):
        return any(status == 1 for _, status in test.commands)

    def round_trip(self, test, name, tmp):
        """Bytes to text to bytes is the identity."""
        made = self.shell(f"vfm-asm '{name}' -o x1.bin && vfm-dis x1.bin x2.vfm", tmp)
        if made.returncode != 0 or not (tmp / "x1.bin").exists():
            return [] if self.may_fail(test) else ["does not assemble: " + made.stderr.decode()]
        again = self.shell("vfm-asm x2.vfm -o x3.bin && vfm-dis x3.bin x4.vfm", tmp)
        if again.returncode != 0:
            return ["its disassembly does not assemble: " + again.stderr.decode()]
        first, second = (tmp / "x1.bin").read_bytes(), (tmp / "x3.bin").read_bytes()
        if first.startswith(b"\x0a\x04VFM\x01"):  # a module remembers the text it came from
            first, second = (tmp / "x2.vfm").read_bytes(), (tmp / "x4.vfm").read_bytes()
        return [] if first == second else ["assembling its disassembly gives something else"]

    def compiles(self, test, name, tmp):
        """What compiles passes verification."""
        made = self.shell(f"vflispc '{name}' -o x1.bin", tmp)
        if made.returncode != 0:
            return [] if self.may_fail(test) else ["does not compile: " + made.stderr.decode()]
        tried = self.shell(f"vfm-test x1.bin '{self.captures}/empty.pcap'", tmp)
        return [] if tried.returncode == 0 else ["compiles badly: " + tried.stderr.decode()]


def difference(expected, got, what):
    return list(difflib.unified_diff(expected, got, f"expected {what}", what, lineterm=""))


def find(places, pattern):
    for place in places:
        place = place if place.exists() else HERE / place
        files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
        for path in files:
            if path.name == "CMakeLists.txt":
                continue
            if path.suffix in KINDS and fnmatch.fnmatch(path.name, pattern):
                yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("places", nargs="*", type=Path, default=[HERE], help="files or folders")
    parser.add_argument("--bin", default=HERE.parents[1] / "build/bin", type=Path,
                        help="folder of the tools")
    parser.add_argument("--filter", default="*", help="glob for file names")
    parser.add_argument("--rebase", action="store_true", help="write what is printed as expected")
    parser.add_argument("-j", type=int, default=os.cpu_count(), help="tests at the same time")
    parser.add_argument("-v", action="store_true", help="name every test")
    options = parser.parse_args()
    options.bin = options.bin.resolve()

    sys.path.insert(0, str(DATA))
    sys.dont_write_bytecode = True
    import make_captures
    tests = list(find(options.places, options.filter))
    counts = {"ok": 0, "skip": 0, "rebased": 0, "fail": 0}
    with tempfile.TemporaryDirectory(prefix="captures.") as captures:
        make_captures.write_all(captures)
        runner = Runner(options, captures)
        with ThreadPoolExecutor(options.j) as pool:
            for path, (verdict, report) in zip(tests, pool.map(runner.run, tests)):
                counts[verdict] += 1
                if verdict != "ok" or options.v:
                    print(f"{verdict}: {os.path.relpath(path, HERE)}" + (report and f"\n{report}"))
    print(", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n) or "no tests")
    return 1 if counts["fail"] or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
