"""What the tests of this folder share: the tool, a directory of their own, captures from few words."""
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))
import make_captures as mc  # noqa: E402

TOOL = Path(os.environ.get("VFM_BIN", "build/bin")).resolve() / "vfm-test"
SKIPPED = 77


def run(*arguments, **options):
    """The finished process, with bytes of stdout and stderr."""
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, timeout=240, **options)


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIPPED)


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def place():
    """A directory that goes when the object does."""
    return tempfile.TemporaryDirectory(prefix="vfm-captures-")


def record(packet, number=0):
    """A packet of a pcap file as make_captures.pcap() writes it."""
    return struct.pack("<IIII", 1_000_000_000 + number, 0, len(packet), len(packet)) + packet
