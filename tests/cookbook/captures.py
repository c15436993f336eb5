#!/usr/bin/env python3
"""captures.py DIRECTORY writes the packets of each filter of docs/cookbook, NN-name.pcap, and what they are
to meet, NN-name.expect, in the format of `vfm-test --expect`: the same bytes every time. Standard library
only."""
import sys
from pathlib import Path

import addresses  # noqa: F401  each registers its cases
import floods  # noqa: F401
import policies  # noqa: F401
import scans  # noqa: F401
import segments  # noqa: F401
from case import CASES


def write(folder, name):
    """Both files of one filter; the capture's path."""
    capture = Path(folder) / f"{name}.pcap"
    capture.write_bytes(CASES[name].capture())
    capture.with_suffix(".expect").write_text(CASES[name].expectations())
    return capture


def write_all(folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    return {name: write(folder, name) for name in sorted(CASES)}


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: captures.py DIRECTORY")
    write_all(sys.argv[1])
