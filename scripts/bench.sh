#!/usr/bin/env bash
# Runs the same filters on the same packets in VFM's engines and in everybody else's, in one process,
# after comparing all verdicts, and shows ns/packet, compile times and ratios. Rivals are installed if
# this is run as root; one that is not there is left out and named.
#
#   scripts/bench.sh [--json] [--svg FILE] [--quick] [--filter F2,F8] [--engine jit,gcc,clang]
#                    [--trace imix-hot,imix-cold] [--cpu N] [--passes N]
#
# Results go to standard output, with --json one object and nothing else; notes to standard error.
# Exit status 4 if two engines differ in a verdict.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."

show=() run=() flow=() chosen=no json=no
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/bench.sh; exit 0 ;;
        --json) show+=(--json) json=yes ;;
        --svg=*) set -- --svg "${1#--svg=}" "${@:2}"; continue ;;
        --svg)
            [ $# -gt 1 ] || { echo "bench: error: --svg needs a file" >&2; exit 2; }
            case $2 in /*) show+=(--svg "$2") ;; *) show+=(--svg "$here/$2") ;; esac
            shift ;;
        --quick) run+=(--quick) flow+=(--quick) ;;
        --filter=* | --engine=* | --trace=*) run+=("$1") chosen=yes ;;
        --filter | --engine | --trace)
            run+=("$1" "${2-}") chosen=yes
            [ $# -gt 1 ] && shift ;;
        --cpu=* | --passes=*) run+=("$1") ;;
        --cpu | --passes)
            run+=("$1" "${2-}")
            [ $# -gt 1 ] && shift ;;
        *) echo "bench: error: what is '$1'? See scripts/bench.sh --help" >&2; exit 2 ;;
    esac
    shift
done

scripts/setup.sh --bench >&2 || echo "bench: going on with what is there" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cmake -S . -B build -G Ninja >"$work/configure" 2>&1 || { cat "$work/configure" >&2; exit 3; }
targets=(bench_engines)
# The flow tables are measured where nothing else was asked for.
[ $chosen = yes ] || targets+=(bench_flow)
cmake --build build --target "${targets[@]}" -- --quiet >&2

build/bin/bench_engines "${run[@]}" >"$work/engines.json"
if [ $chosen = no ]; then
    echo "bench: measuring flow tables" >&2
    if [ $json = yes ]; then
        build/bin/bench_flow --json "${flow[@]}" >"$work/flow.json"
        show+=(--flow "$work/flow.json")
    fi
fi
python3 -B tests/bench/report.py "$work/engines.json" "${show[@]}"
if [ $chosen$json = nono ]; then
    printf '\nflow tables\n\n'
    build/bin/bench_flow "${flow[@]}"
fi
