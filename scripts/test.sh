#!/usr/bin/env bash
# Sets up, builds and runs every test: release build, sanitizer builds, fuzz smoke run.
# What a machine cannot do (no root, no BPF) is skipped by the test itself, with the reason.
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

step() { printf '\n== %s (%s s so far)\n' "$1" "$SECONDS"; }

# build_and_test DIR TARGETS WHICH-TESTS CMAKE-ARGUMENT...: the third are arguments of ctest.
build_and_test() {
    local dir=$1 targets which
    read -ra targets <<<"$2"
    read -ra which <<<"$3"
    shift 3
    cmake -S . -B "$dir" -G Ninja "$@" >"$dir.configure.log" 2>&1 || { cat "$dir.configure.log"; exit 1; }
    rm -f "$dir.configure.log"
    cmake --build "$dir" --target "${targets[@]}" -- -j "$jobs" --quiet
    ctest --test-dir "$dir" --output-on-failure -j "$jobs" "${which[@]}"
}

step "setup"
scripts/setup.sh

if [ "$quick" = no ]; then
    step "fuzz targets: build and smoke run"
    CC=clang-19 CXX=clang++-19 build_and_test build-fuzz fuzz_targets "-L fuzz" \
        -DVFM_FUZZ=ON -DVFM_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo

    step "sanitizer build: the same suites under ASan and UBSan"
    build_and_test build-asan all "-LE e2e|check|example|bench" -DVFM_SANITIZE=ON -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1"

    step "threads: VMs that share a program, a filter that shares its tables, under ThreadSanitizer"
    build_and_test build-tsan "test_capi.threads test_flow.threads" "-R ^(capi|flow).threads$" -DVFM_TSAN=ON \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1"
fi

step "release build: every suite"
build_and_test build all ""
step "done"
