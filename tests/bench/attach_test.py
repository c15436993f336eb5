#!/usr/bin/env python3
"""One round of scripts/bench-attach.sh and what its report promises: attach_test.py SOURCE BIN. The
longest that anything may take is what it took ten times over: times are not judged closer."""
import json
import subprocess
import sys

run = subprocess.run([sys.argv[1] + "/scripts/bench-attach.sh", "--json", "--rounds=1",
                      "--built", sys.argv[2]], stdout=subprocess.PIPE)
if run.returncode == 77:
    sys.exit(77)
assert run.returncode == 0, run
found = json.loads(run.stdout)
assert set(found["start_ms"]) == {"vflispc", "vfm-asm", "vfm-dis", "vfm-test", "vfm-compile", "vfm-xdp"}
assert all(0 < ms < 15 for ms in found["start_ms"].values()), found
assert found["addresses"] == 10_000, found
assert all(0 < found[f"addresses_{name}_ms"] < 600 for name in ("set", "file", "live")), found
assert found["check_small_ms"] > 0 and found["kernel_link_ms"] > 0, found
assert found["attach_small_ms"] > found["attach_small_cpu_ms"] > 0, found
