#!/usr/bin/env bash
# Sets up, builds and runs every test: release build, sanitizer build with fuzz smoke runs, threads.
# What a machine cannot do (no root, no BPF) is skipped by the test itself, with the reason. Says what
# each step took, and which took more than its share (scripts/steps.sh).
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    the release build only
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
[ $# -le 1 ] || set -- "$*"
case "${1-}" in
    "") ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/test.sh; exit 0 ;;
    --quick) quick=yes ;;
    *) echo "test: error: what is '$1'? usage: scripts/test.sh [--quick]" >&2; exit 2 ;;
esac
jobs=$(nproc)
. scripts/steps.sh
trap show_steps EXIT

# build DIR TARGETS CMAKE-ARGUMENT...
build() {
    local dir=$1 targets
    read -ra targets <<<"$2"
    shift 2
    cmake -S . -B "$dir" -G Ninja "$@" >"$dir.configure.log" 2>&1 || { cat "$dir.configure.log"; exit 1; }
    rm -f "$dir.configure.log"
    cmake --build "$dir" --target "${targets[@]}" -- -j "$jobs" --quiet
}

# run DIR JOBS CTEST-ARGUMENT...: the tests that are skipped say why.
run() {
    local dir=$1 at_once=$2
    shift 2
    ctest --test-dir "$dir" --output-on-failure -j "$at_once" "$@"
    grep -h '^SKIP: ' "$dir"/Testing/Temporary/LastTest*.log | sort | uniq -c || true
}

step 160 "setup"
scripts/setup.sh

if [ "$quick" = yes ]; then
    skipped "sanitizers, fuzz targets, threads" "--quick"
else
    # One build for both: clang's, with the counters that libFuzzer reads.
    step 480 "sanitizer build: ASan, UBSan, fuzz targets"
    CC=clang-19 CXX=clang++-19 build build-sanitize all -DVFM_SANITIZE=ON -DVFM_FUZZ=ON \
        -DCMAKE_BUILD_TYPE=Debug

    step 600 "sanitizer build: its suites and fuzz smoke runs"
    run build-sanitize "$jobs" -LE "e2e|check|example|bench"

    step 120 "threads that share a program and tables, under ThreadSanitizer"
    build build-tsan "test_capi.threads test_flow.threads" -DVFM_TSAN=ON -DCMAKE_BUILD_TYPE=Debug
    run build-tsan "$jobs" -R "^(capi|flow).threads$"
fi

step 390 "release build"
build build all -DVFM_TESTS=ON
step 470 "release build: every suite but end to end"
run build "$jobs" -LE e2e

# They wait more than they compute: two thirds of their time for peers, clocks and the kernel.
step 300 "release build: end to end"
run build $((2 * jobs)) -L e2e
