#!/usr/bin/env bash
# Runs the same filters on the same packets in VFM's engines and in everybody else's, in one process,
# after comparing all verdicts, and shows ns/packet, compile times and ratios. Rivals are installed if
# this is run as root; one that is not there is left out and named.
#
#   scripts/bench.sh [--json] [--svg FILE] [--quick] [--filter F2,F8] [--engine jit,gcc,clang]
#                    [--trace imix-hot,imix-cold] [--cpu N] [--passes N]
#
#   --json     one object on standard output instead of tables
#   --svg      also a picture
#   --quick    small traces, two passes: shows that everything works, its times judge nothing
#   --filter, --engine, --trace
#              these only, names with commas between them; then flow tables are not measured
#   --cpu      stay on this CPU; without it on the last one that may be used
#   --passes   of each engine over each trace, 11 without it
#
# Results go to standard output, notes to standard error. Exit status 2 for wrong usage, 3 if something
# cannot be built, started or written, 4 if two engines differ in a verdict.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."

wrong() { echo "bench: error: $1" >&2; exit "${2-2}"; }

# names KIND: the rows of that kind, as NAME<tab>WHAT.
names() { sed -n "s/^BENCH_$1(\"\([^\"]*\)\", \"\(.*\)\")\$/\1\t\2/p" tests/bench/names.def; }

# check_rows OPTION KIND LIST: every name of the list is a row of that kind.
check_rows() {
    local known name rest=$3,
    known=$(names "$2" | cut -f1)
    while [ -n "$rest" ]; do
        name=${rest%%,*} rest=${rest#*,}
        grep -qxF -e "$name" <<<"$known" ||
            wrong "$1=$3: there is no ${1#--} '$name'; there are ${known//$'\n'/, }"
    done
}

. scripts/bench_arguments.sh

# A picture that cannot be written is better known now. Nothing is left if there was nothing.
check_picture() {
    local existed=yes why
    [ -e "$1" ] || existed=no
    why=$( (: >>"$1") 2>&1) || wrong "cannot write $1: ${why##*: }" 3
    [ $existed = yes ] || rm -f "$1"
}

help() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/bench.sh
    local kind
    for kind in FILTER ENGINE TRACE; do
        printf '\n%ss:\n' "${kind,,}"
        names $kind | while IFS=$'\t' read -r name what; do printf '  %-16s%s\n' "$name" "$what"; done
    done
}

show=() run=() flow=() chosen=no json=no picture=
while [ $# -gt 0 ]; do
    option=$1 value=
    shift
    case $option in
        --svg=* | --filter=* | --engine=* | --trace=* | --cpu=* | --passes=*)
            value=${option#*=} option=${option%%=*} ;;
        --svg | --filter | --engine | --trace | --cpu | --passes)
            [ $# -gt 0 ] || wrong "$option needs a value"
            value=$1
            shift ;;
    esac
    case $option in
        -h | --help) help; exit 0 ;;
        --json) show+=(--json) json=yes ;;
        --quick) run+=(--quick) flow+=(--quick) ;;
        --svg)
            case $value in
                "" | -*) wrong "--svg=$value: needs a file" ;;
                /*) picture=$value ;;
                *) picture=$here/$value ;;
            esac ;;
        --filter | --engine | --trace)
            kind=${option#--}
            check_rows "$option" "${kind^^}" "$value"
            run+=("$option=$value") chosen=yes ;;
        --cpu) check_cpu "$value"; run+=("$option=$value") ;;
        --passes)
            [[ $value =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--passes=$value: needs a number from 1 to 9999"
            run+=("$option=$value") ;;
        *) wrong "what is '$option'? See scripts/bench.sh --help" ;;
    esac
done
if [ -n "$picture" ]; then
    check_picture "$picture"
    show+=(--svg "$picture")
fi

scripts/setup.sh --bench >&2 || echo "bench: going on with what is there" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cmake -S . -B build -G Ninja -DVFM_TESTS=ON >"$work/configure" 2>&1 || { cat "$work/configure" >&2; exit 3; }
targets=(bench_engines)
# Flow tables, sets, rule tables and header-aware fields are measured where nothing else was asked for.
[ $chosen = yes ] || targets+=(bench_flow bench_tables bench_headers)
cmake --build build --target "${targets[@]}" -- --quiet >&2 || exit 3

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
    printf '\nsets and rule tables\n\n'
    build/bin/bench_tables "${flow[@]}"
    printf '\nheader-aware fields, over a filter that does nothing in the kernel\n\n'
    build/bin/bench_headers
fi
