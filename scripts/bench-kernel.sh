#!/usr/bin/env bash
# Measures filters in the kernel beside C that a programmer has written by hand, with the same
# statistics, compiled by clang-19: F1 to F9 and ten filters of the cookbook, H1 to H10, in one run in
# which everything takes turns. Shows times with fixed and with changing packets, instructions
# executed, loaded and verified, load times, how they grow with the filter, and other filters beside them.
#
#   scripts/bench-kernel.sh [--json FILE] [--out DIR] [--quick] [--only F1,H3] [--rounds N] [--cpu N]
#                           [--without curves,beside]
#
#   --json     also one object in a file: summary, rows and all that was measured
#   --out      also the tables and pictures (SVG) as files in that directory
#   --quick    two short rounds: shows that everything works, its times judge nothing
#   --only     these filters
#   --rounds   21 without it
#   --cpu      stay on this CPU; without it on the last one that may be used
#   --without  leaves out curves (how programs grow) or beside (what others take)
#
# Needs root, and takes one CPU from everybody else (real-time priority) while it measures. Results go
# to standard output, notes to standard error. Exit status 2 for wrong usage, 3 if something cannot be
# built, started or written, 4 if two programs do not decide alike, 77 if this machine cannot do it.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."

wrong() { echo "bench-kernel: error: $1" >&2; exit "${2-2}"; }

# from_here PATH: as seen from where the script was started.
from_here() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$here/$1" ;;
    esac
}

. scripts/bench_arguments.sh

show=() run=()
while [ $# -gt 0 ]; do
    option=$1 value=
    shift
    case $option in
        --json=* | --out=* | --only=* | --cpu=* | --rounds=* | --without=*)
            value=${option#*=} option=${option%%=*} ;;
        --json | --out | --only | --cpu | --rounds | --without)
            [ $# -gt 0 ] || wrong "$option needs a value"
            value=$1
            shift ;;
    esac
    case $option in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/bench-kernel.sh; exit 0 ;;
        --quick) run+=(--quick) ;;
        --json)
            case $value in "" | -*) wrong "--json=$value: needs a file" ;; esac
            value=$(from_here "$value")
            [ -d "$(dirname "$value")" ] || wrong "cannot write $value: No such file or directory" 3
            show+=(--json "$value") ;;
        --out)
            case $value in "" | -*) wrong "--out=$value: needs a directory" ;; esac
            value=$(from_here "$value")
            [ -d "$value" ] || wrong "--out=$value: is no directory" 3
            show+=(--out "$value") ;;
        --only)
            check_names --only "$value" F1 F2 F3 F4 F5 F6 F7 F8 F9 H1 H2 H3 H4 H5 H6 H7 H8 H9 H10
            run+=("$option=$value") ;;
        --without) check_names --without "$value" curves beside; run+=("$option=$value") ;;
        --cpu) check_cpu "$value"; run+=("$option=$value") ;;
        --rounds)
            [[ $value =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--rounds=$value: needs a number from 1 to 9999"
            run+=("$option=$value") ;;
        *) wrong "what is '$option'? See scripts/bench-kernel.sh --help" ;;
    esac
done

scripts/setup.sh >&2 || echo "bench-kernel: going on with what is there" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cmake -S . -B build -G Ninja -DVFM_TESTS=ON >"$work/configure" 2>&1 || { cat "$work/configure" >&2; exit 3; }
cmake --build build --target bench_kernel -- --quiet >&2 || exit 3

build/bin/bench_kernel "${run[@]}" >"$work/measured.json"
python3 -B tests/bench/kernel/tables.py "$work/measured.json" "${show[@]}"
