#!/usr/bin/env python3
"""The checks find what they are for: each is run on a small tree that breaks its rule once."""
import sys
import tempfile
from pathlib import Path

import layers
import sizes
import words

CASES = [
    # check, files, part of the one message
    (layers, {"core/isa/a.h": '#include "core/verify/verify.h"\n'}, "core/isa (floor 1)"),
    (layers, {"core/lisp/a.h": '#include "core/asm/assembler.h"\n'}, "core/lisp (floor 3)"),
    (layers, {"bpfgen/a.h": '#include "userspace/flow/flow.h"\n'}, "bpfgen (floor 4)"),
    (layers, {"loader/a.h": '#include "userspace/flow/flow.h"\n'}, "must not know"),
    (layers, {"loader/a.h": '#include "loader/verbs/commands.h"\n'}, "loader (floor 5)"),
    (layers, {"loader/a.h": '#include "core/cli/cli.h"\n'}, "belongs to core/cli"),
    (layers, {"loader/verbs/a.h": '#include "userspace/engines/engines.h"\n#include <asmjit/a.h>\n'},
     "belongs to userspace/jit"),
    (layers, {"core/verify/a.h": '#include "module.h"\n'}, "not written from the root"),
    (layers, {"attic/a.h": "\n"}, "no room"),
    (layers, {"core/asm/a.h": "#include <pcap/pcap.h>\n"}, "belongs to userspace/io"),
    (layers, {"core/ir/passes/a.cc": '#include "core/ir/native/trees.h"\n'},
     "core/ir/passes (floor 3) includes core/ir/native"),
    (layers, {"userspace/jit/x64/a.cc": '#include "userspace/jit/native_program.h"\n'},
     "userspace/jit/x64 (floor 4) includes userspace/jit"),
    (layers, {"core/ir/form/a.cc": "#include <boost/program_options.hpp>\n"}, "belongs to core/cli"),
    (layers, {"core/verify/a.h": '#include "core/module/module.h"\n#include <pcap>\n'},
     "belongs to userspace/io"),
    (layers, {"core/ir/form/a.cc": "#include <fmt/format.h>\n"}, "belongs to nobody"),
    (sizes, {"core/README.md": "\n", "core/a.cc": "\n" * 601}, "601 lines"),
    (sizes, {"core/README.md": "\n" * 41, "core/a.cc": "\n"}, "41 lines"),
    (sizes, {"core/a.cc": "\n"}, "has no README.md"),
    (sizes, {"tests/unit/README.md": "\n", "tests/unit/base/a.cc": "\n" * 601}, "601 lines"),
    (words, {"a.txt": "fine\nto" + "do: this\n"}, "a.txt:2:"),
]


def run():
    for check, files, expected in CASES:
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            found = list(check.check(root))
        if len(found) != 1 or expected not in found[0]:
            yield f"{check.__name__} on {files}: expected one '{expected}', found {found}"


if __name__ == "__main__":
    broken = list(run())
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
