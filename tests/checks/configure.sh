#!/usr/bin/env bash
# What CMake says before anything is compiled: configure.sh SOURCE-DIR. A compiler without std::expected
# is refused at once with the names of some that have it, and without tests nothing that only tests need
# is looked for.
set -euo pipefail
source=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$work/out" >&2; exit 1; }

# refused COMPILER: by name, and before anything else is looked for.
refused() {
    rm -rf "$work/build"
    ! CXX=$1 cmake -S "$source" -B "$work/build" -G Ninja >"$work/out" 2>&1 || fail "$1 is taken"
    for word in "$1" std::expected "g++ 12" clang++-19; do
        grep -qF "$word" "$work/out" || fail "$1 is refused without '$word'"
    done
    ! grep -q 'Found PkgConfig' "$work/out" || fail "$1 is refused late"
}
# Says that it speaks C++23 and does not, as Debian's clang 14 with libstdc++ 12.
printf '#!/bin/sh\nexec c++ "$@" -std=gnu++20\n' >"$work/old-c++"
chmod +x "$work/old-c++"
refused "$work/old-c++"
if command -v clang++-14 >/dev/null; then refused "$(command -v clang++-14)"; fi

# As on a machine where only `setup.sh --run` was run: what tests need is not there.
rm -rf "$work/build"
cmake -S "$source" -B "$work/build" -G Ninja -DVFM_TESTS=OFF \
    -Dboost_unit_test_framework_DIR=/nonexistent >"$work/out" 2>&1 || fail "without tests"
! ninja -C "$work/build" -t targets all | grep -E '^(tests/|bin/test_)' >"$work/out" ||
    fail "targets of tests without tests"
