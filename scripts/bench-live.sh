#!/usr/bin/env bash
# Measures the road through user space on live packets: a veth pair in namespaces of its own, vfm-xdp
# serving each filter, beside a bare loop on libxdp that gives all back or drops all, and beside iptables'
# NFQUEUE with a trivial program. Shows packets a second and core, ratios, and latency at half load.
#
#   scripts/bench-live.sh [--json] [--quick] [--filter F1,F3] [--cpu N] [--rounds N] [--without road,...]
#
#   --json     one object on standard output instead of tables
#   --quick    one short round: shows that everything works, its times judge nothing
#   --filter   these of F1 to F6 only
#   --cpu      the CPU that receives; without it the last one that may be used. Another one sends.
#   --rounds   5 without it
#   --without  leaves out plain, loop, nfqueue or road
#
# Needs root and two CPUs, which it takes from everybody else (real-time priority) while it measures.
# Results go to standard output, notes to standard error. Exit status 2 for wrong usage, 3 if something
# cannot be built, started or written, 77 if this machine cannot do it.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong() { echo "bench-live: error: $1" >&2; exit "${2-2}"; }

. scripts/bench_arguments.sh

show=() run=()
while [ $# -gt 0 ]; do
    option=$1 value=
    shift
    case $option in
        --filter=* | --cpu=* | --rounds=* | --without=*) value=${option#*=} option=${option%%=*} ;;
        --filter | --cpu | --rounds | --without)
            [ $# -gt 0 ] || wrong "$option needs a value"
            value=$1
            shift ;;
    esac
    case $option in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/bench-live.sh; exit 0 ;;
        --json) show+=(--json) ;;
        --quick) run+=(--quick) ;;
        --filter) check_names --filter "$value" F1 F2 F3 F4 F5 F6; run+=("$option=$value") ;;
        --without) check_names --without "$value" plain loop nfqueue road; run+=("$option=$value") ;;
        --cpu) check_cpu "$value"; run+=("$option=$value") ;;
        --rounds)
            [[ $value =~ ^[1-9][0-9]{0,2}$ ]] || wrong "--rounds=$value: needs a number from 1 to 999"
            run+=("$option=$value") ;;
        *) wrong "what is '$option'? See scripts/bench-live.sh --help" ;;
    esac
done

scripts/setup.sh >&2 || echo "bench-live: going on with what is there" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cmake -S . -B build -G Ninja >"$work/configure" 2>&1 || { cat "$work/configure" >&2; exit 3; }
cmake --build build --target bench_live vfm-xdp -- --quiet >&2 || exit 3

python3 -B tests/bench/live/measure.py build "${run[@]}" >"$work/measured.json"
python3 -B tests/bench/live/tables.py "$work/measured.json" "${show[@]}"
