#!/usr/bin/env python3
"""The checks find what they are for: each is run on a small tree that breaks its rule once."""
import sys
import tempfile
from pathlib import Path

import layers
import refusals
import sizes
import suites
import words

ROW = "vfm_test(r SOURCES a_test.cc)\n"
SUITE = "BOOST_AUTO_TEST_SUITE(a_test)\nBOOST_AUTO_TEST_CASE(c) {}\nBOOST_AUTO_TEST_SUITE_END()\n"


def tested(source, rows=ROW):
    return {"tests/a_test.cc": source, "tests/CMakeLists.txt": rows}


PAGE = "| `eBPF: no …` | `bpfgen/a.cc` | there | `tests/a_test.cc`: `c` |\n"
REFUSES = 'return fail(fmt::format("eBPF: "\n "no {}", what), Status::refused);\n'


def refused(page=PAGE, source=REFUSES, test=SUITE):
    return {"docs/refusals.md": page, "bpfgen/a.cc": source, "tests/a_test.cc": test}


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
    (layers, {"core/asm/a.h": "#include <pcap/pcap.h>\n"}, "belongs to tests"),
    (layers, {"core/ir/passes/a.cc": '#include "core/ir/native/trees.h"\n'},
     "core/ir/passes (floor 3) includes core/ir/native"),
    (layers, {"userspace/jit/x64/a.cc": '#include "userspace/jit/native_program.h"\n'},
     "userspace/jit/x64 (floor 4) includes userspace/jit"),
    (layers, {"core/ir/form/a.cc": "#include <boost/program_options.hpp>\n"}, "belongs to core/cli"),
    (layers, {"core/verify/a.h": '#include "core/module/module.h"\n#include <pcap>\n'},
     "belongs to tests"),
    (layers, {"core/ir/form/a.cc": "#include <fmt/format.h>\n"}, "belongs to nobody"),
    (sizes, {"core/README.md": "\n", "core/a.cc": "\n" * 601}, "601 lines"),
    (sizes, {"core/README.md": "\n" * 41, "core/a.cc": "\n"}, "41 lines"),
    (sizes, {"core/a.cc": "\n"}, "has no README.md"),
    (sizes, {"tests/unit/README.md": "\n", "tests/unit/base/a.cc": "\n" * 601}, "601 lines"),
    (suites, tested(SUITE, "vfm_test(r SOURCES\n    b.cc)\n"), "is in 0 rows"),
    (suites, tested(SUITE, ROW + "vfm_test(s IN r LIBS x SOURCES b.cc a_test.cc)\n"), "is in 2 rows"),
    (suites, tested(SUITE.replace("a_test", "a")), "suite a is not within the one suite a_test"),
    (suites, tested(SUITE + SUITE), "a_test.cc:4: suite a_test is not within"),
    (suites, tested(SUITE + "BOOST_DATA_TEST_CASE(d, x) {}\n"), "a_test.cc:4: a test before or after"),
    (suites, tested("using namespace vfm;\n" + SUITE), "a_test.cc:1: before suite a_test"),
    (suites, tested("// Nothing.\n"), "has no suite a_test"),
    (suites, tested(SUITE, ROW + "vfm_test(s IN r SOURCES b/a_test.cc)\n") | {"tests/b/a_test.cc": SUITE},
     "suite a_test twice in test_r"),
    (refusals, refused(page="\n"), "makes 1 refusals"),
    (refusals, refused(source=REFUSES.replace("no", "none")), "does not say 'eBPF: no …'"),
    (refusals, refused(test="// Nothing.\n"), "tests/a_test.cc has no c"),
    (refusals, refused(source=REFUSES * 2), "makes 2 refusals"),
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
