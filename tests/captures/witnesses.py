#!/usr/bin/env python3
"""Programs of others read what --accepted writes: tcpdump shows the packets of the input again, byte by
byte and to the nanosecond; capinfos counts them, where it is installed."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import tool
from tool import check, mc


def shown(capture):
    done = subprocess.run(["tcpdump", "-nr", capture, "-xx", "-t", "--time-stamp-precision=nano", "-tt"],
                          capture_output=True, timeout=60, env={"TZ": "UTC", "PATH": "/usr/sbin:/usr/bin"})
    return done.returncode, done.stdout


def counted(capture):
    done = subprocess.run(["capinfos", "-Mc", capture], capture_output=True, text=True, timeout=60)
    found = re.search(r"Number of packets[ :=]+(\d+)", done.stdout)
    return done.returncode, int(found.group(1)) if found else None


def main():
    if not shutil.which("tcpdump"):
        tool.skip("tcpdump is not installed")
    if not shutil.which("capinfos"):
        print("SKIP: capinfos is not installed: nothing is counted by it")
    with tool.place() as name:
        folder = Path(name)
        mc.write_all(folder / "in")
        # A captured length above the original one, which tcpdump refuses.
        odd = bytearray(mc.pcap([mc.tcp(80)]))
        odd[24 + 12] = 20
        (folder / "in/orig-less.pcap").write_bytes(odd)
        captures = sorted(p for p in (folder / "in").iterdir()
                          if not p.name.startswith(("broken", "nothing", "link-wlan")))
        for capture in captures:
            out = folder / "out"
            done = tool.run(f"--accepted={out}", "--json", "-e", "1", capture)
            check(done.returncode == 0, f"{capture.name}: {done.stderr}")
            # The reader of tcpdump takes one link type and no compression.
            if capture.name != "interfaces.pcapng":
                status, text = shown(out)
                check(status == 0, f"tcpdump refuses what was written of {capture.name}")
                if capture.suffix in (".pcap", ".pcapng") and not capture.name.startswith("orig-less"):
                    skipped = capture.name.startswith("link-")
                    check(skipped or (status, text) == shown(capture), f"{capture.name} reads differently")
            if shutil.which("capinfos"):
                packets = int(re.search(rb'"packets":(\d+)', done.stdout).group(1))
                check(counted(out) == (0, packets), f"capinfos counts otherwise in {capture.name}")


if __name__ == "__main__":
    sys.exit(main())
