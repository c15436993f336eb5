#!/usr/bin/env bash
# Measures the time to attach: what each tool needs to start, a small filter from text to loaded and to
# attached, beside what the kernel itself waits for where a link is made, and 10,000 addresses from text
# to loaded. Medians of rounds in which each is measured once, beside /bin/true.
#
#   scripts/bench-attach.sh [--json] [--cpu N] [--rounds N] [--built DIR]
#
#   --json     one object on standard output instead of a table
#   --cpu      the CPU that everything runs on; without it the last one that may be used
#   --rounds   51 without it
#   --built    measures the programs in DIR and builds none
#
# Needs root, whose real-time priority it takes while it measures; its interfaces are in a namespace of its
# own. Exit status 2 for wrong usage, 3 if something cannot be built or run, 77 if this machine cannot do it.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong() { echo "bench-attach: error: $1" >&2; exit "${2-2}"; }
. scripts/bench_arguments.sh

bin= run=() cpu=
while [ $# -gt 0 ]; do
    option=$1 value=
    shift
    case $option in
        --cpu=* | --rounds=* | --built=*) value=${option#*=} option=${option%%=*} ;;
        --cpu | --rounds | --built)
            [ $# -gt 0 ] || wrong "$option needs a value"
            value=$1
            shift ;;
    esac
    case $option in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/bench-attach.sh; exit 0 ;;
        --json) run+=(--json) ;;
        --cpu) check_cpu "$value"; cpu=$value ;;
        --rounds)
            [[ $value =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--rounds=$value: needs a number from 1 to 9999"
            run+=("--rounds=$value") ;;
        --built) bin=$(cd "$value" 2>/dev/null && pwd) || wrong "--built=$value: there is no such directory" ;;
        *) wrong "what is '$option'? See scripts/bench-attach.sh --help" ;;
    esac
done

missing() { echo "bench-attach: not here: $1" >&2; exit 77; }
[ "$(id -u)" = 0 ] || missing "needs root"
sandbox=(unshare --mount --net --propagation private)
"${sandbox[@]}" true 2>/dev/null || missing "this machine gives no namespaces"
if [ -z "$bin" ]; then
    bin=$PWD/build/bin
    scripts/setup.sh --run >&2 || echo "bench-attach: going on with what is there" >&2
    [ -e build/CMakeCache.txt ] || cmake -S . -B build -G Ninja -DVFM_TESTS=OFF >/dev/null || exit 3
    cmake --build build --target vflispc vfm-asm vfm-dis vfm-test vfm-compile vfm-xdp -- --quiet >&2 ||
        exit 3
fi
if [ -z "$cpu" ]; then
    cpu=$(sed -n 's/^Cpus_allowed_list:.*[^0-9]\([0-9]*\)$/\1/p' /proc/self/status)
fi
exec "${sandbox[@]}" chrt -f 1 taskset -c "$cpu" python3 -B tests/bench/attach.py "$bin" "${run[@]}"
