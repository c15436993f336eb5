#!/usr/bin/env bash
# Formatting and static analysis, with the versions that setup.sh installs.
#
#   scripts/lint.sh          clang-format-19 on every file, clang-tidy-19 on what changed
#   scripts/lint.sh --all    clang-tidy-19 on everything; what was clean is written to scripts/linted.txt
#   scripts/lint.sh --fix    formats in place
#   scripts/lint.sh --files  lists what is formatted
#
# What changed: a unit that has not been found clean with just this text of its own, of the headers of
# ours that it includes and of .clang-tidy. Found by --all (linted.txt, which git has: run it now and
# then, and commit what it writes), or by a run before in this tree (build-lint/clean.txt).
set -euo pipefail
cd "$(dirname "$0")/.."

all=no
[ $# -le 1 ] || set -- "$*"
# C and C++ only: a formatter makes nonsense of anything else.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cc' '*.h' '*.c')
case "${1-}" in
    "") ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/lint.sh; exit 0 ;;
    --all) all=yes ;;
    --fix) exec clang-format-19 -i "${sources[@]}" ;;
    --files) printf '%s\n' "${sources[@]}"; exit 0 ;;
    *) echo "lint: error: what is '$1'? usage: scripts/lint.sh [--all|--fix]" >&2; exit 2 ;;
esac
. scripts/steps.sh
trap show_steps EXIT

step 30 "clang-format"
clang-format-19 --dry-run -Werror "${sources[@]}"

step 150 "clang-tidy"
# A build folder of its own: clang-tidy cannot read what g++ precompiled, and checks every declaration of
# headers that a file only gets precompiled, so that nothing is gained by clang's either.
CC=clang-19 CXX=clang++-19 cmake -S . -B build-lint -G Ninja -DVFM_TESTS=OFF -DVFM_UNITY=OFF \
    >build-lint.configure.log 2>&1 || { cat build-lint.configure.log; exit 1; }
rm -f build-lint.configure.log
cmake --build build-lint --target vfm_generated -- --quiet

plan() { python3 -B scripts/lint_plan.py "$@"; }
records=()
[ $all = yes ] || records=(scripts/linted.txt build-lint/clean.txt)
mapfile -t units < <(plan changed "${records[@]}")
echo "clang-tidy: ${#units[@]} of $(plan changed | wc -l) units; $(plan last scripts/linted.txt)"
if [ ${#units[@]} -gt 0 ]; then
    printf '%s\0' "${units[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-19 -p build-lint --quiet \
        --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option \
        2> >(grep -v 'warnings\? generated\|Suppressed\|Use -header-filter' >&2)
fi
plan record >build-lint/clean.txt
if [ $all = yes ]; then
    cp build-lint/clean.txt scripts/linted.txt
    echo "clang-tidy: scripts/linted.txt is new; commit it"
fi
end_step
echo "lint: clean"
