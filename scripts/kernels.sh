#!/usr/bin/env bash
# The acceptance corpus in this kernel and in Debian's 6.1 and 6.12: random bytecode and VFLisp,
# loops, programs with many values, programs of up to 64 KB in every shape, the filters of the
# cookbook and of the golden tests. Each has to load at XDP, for frames of one buffer and of several,
# and at tc, as users get it and as a test build, which has to give what the interpreter gives.
# Some loops are refused by name: those with too much fuel. Needs root and a build with tests
# (scripts/test.sh makes one).
#
#   scripts/kernels.sh              a tenth of it
#   scripts/kernels.sh --all        5,000 programs
#   scripts/kernels.sh --all 6.1    in that kernel only: here, 6.1 or 6.12; may be several
#   scripts/kernels.sh --all --part=2/5 here
#                                   the second fifth of the programs
#   scripts/kernels.sh --all --seed=100
#                                   as many others
#   scripts/kernels.sh --all --kinds=code,large 6.1
#                                   programs of these kinds only: code, lisp, loops, deep, deep-loops,
#                                   large, large-loops, filters
#
# Figures come out as each part ends: programs, refused ones with the kernel's reason, packets, the
# most instructions loaded and gone through by the verifier.
set -euo pipefail
cd "$(dirname "$0")/.."

all=
part=1 parts=1
seed=0
known=(code lisp loops deep deep-loops large large-loops filters)
kinds=("${known[@]}")
kernels=()
usage='usage: scripts/kernels.sh [--all] [--part=I/N] [--seed=S] [--kinds=K,...] [here|6.1|6.12]...'
for argument in "$@"; do
    case $argument in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/kernels.sh; exit 0 ;;
        --all) all=yes ;;
        --part=[0-9]*/[0-9]*) part=${argument#--part=} parts=${part#*/} part=${part%/*} ;;
        --seed=[0-9]*) seed=${argument#--seed=} ;;
        --kinds=?*) IFS=, read -ra kinds <<<"${argument#--kinds=}" ;;
        here | 6.1 | 6.12) kernels+=("$argument") ;;
        *) echo "kernels: error: what is '$argument'? $usage" >&2; exit 2 ;;
    esac
done
if [ "$part" -lt 1 ] || [ "$part" -gt "$parts" ]; then
    echo "kernels: error: there is no part $part of $parts" >&2
    exit 2
fi
for kind in "${kinds[@]}"; do
    if [[ " ${known[*]} " != *" $kind "* ]]; then
        echo "kernels: error: there is no kind '$kind'. $usage" >&2
        exit 2
    fi
done
is_wanted() { [[ " ${kinds[*]} " == *" $1 "* ]]; }
[ ${#kernels[@]} -gt 0 ] || kernels=(here 6.1 6.12)

program=${VFM_DIFFTEST-build/bin/test_difftest}
[ -x "$program" ] || { echo "kernels: error: $program is not built: scripts/test.sh builds it" >&2; exit 3; }

# The kind, how many programs of all, their seed, the share that has to load, further options.
corpus=(
    "code 2000 21 100"
    "lisp 2200 22 100 --language=lisp"
    "loops 400 26 97 --loops"
    "deep 80 23 100 --language=deep"
    "deep-loops 60 27 97 --language=deep --loops"
    "large 200 28 100 --language=large"
    "large-loops 60 29 90 --language=large --loops"
)
lines=()
common="--packets=20 --shortest=64 --engines=kernel,kernel-tc,kernel-linear"
for one in "${corpus[@]}"; do
    read -r kind programs number share options <<<"$one"
    is_wanted "$kind" || continue
    [ -n "$all" ] || programs=$((programs / 10))
    first=$(((part - 1) * programs / parts)) behind=$((part * programs / parts))
    [ $behind -gt $first ] || continue
    lines+=("$common --share=$share --seed=$((number + seed)) --from=$first --programs=$((behind - first)) $options")
done
if [ "$part" = 1 ] && is_wanted filters; then
    lines+=("$common --share=100 --seed=$((24 + seed)) --filters=$PWD/docs/cookbook")
    lines+=("$common --share=98 --seed=$((25 + seed)) --filters=$PWD/tests/golden")
fi

failed=
for kernel in "${kernels[@]}"; do
    begin=$SECONDS
    echo "== $kernel"
    if [ "$kernel" = here ]; then
        for line in "${lines[@]}"; do
            echo "-- $line"
            # shellcheck disable=SC2086
            $program $line || failed=yes
        done
    else
        status=0
        GUEST_FILES="$PWD/docs/cookbook $PWD/tests/golden" tests/kernels/guest.sh build/kernels \
            "$kernel" 14400 "$program" "${lines[@]}" || status=$?
        [ $status = 0 ] || [ $status = 77 ] || failed=yes
    fi
    echo "== $kernel: $((SECONDS - begin)) s"
done
[ -z "$failed" ]
