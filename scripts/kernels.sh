#!/usr/bin/env bash
# The acceptance corpus in this kernel and in Debian's 6.1 and 6.12: random bytecode and VFLisp,
# deep programs, the filters of the cookbook and of the golden tests. Each has to load and to give
# what the interpreter gives. Two golden filters have long loops, which kernels refuse by name: one
# everywhere, one before Linux 6.9. Needs root and a build with tests (scripts/test.sh makes one).
#
#   scripts/kernels.sh              a tenth of it
#   scripts/kernels.sh --all        5,000 programs at XDP and as many at tc
#   scripts/kernels.sh --all 6.1    in that kernel only: here, 6.1 or 6.12; may be several
#
# Figures come out as each part ends: programs, refused ones with the kernel's reason, packets.
set -euo pipefail
cd "$(dirname "$0")/.."

share=10
kernels=()
for argument in "$@"; do
    case $argument in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/kernels.sh; exit 0 ;;
        --all) share=1 ;;
        here | 6.1 | 6.12) kernels+=("$argument") ;;
        *) echo "kernels: error: what is '$argument'? usage: scripts/kernels.sh [--all] [here|6.1|6.12]..." >&2
           exit 2 ;;
    esac
done
[ ${#kernels[@]} -gt 0 ] || kernels=(here 6.1 6.12)

program=build/bin/test_difftest
[ -x $program ] || { echo "kernels: error: $program is not built: scripts/test.sh builds it" >&2; exit 3; }

corpus=(
    "--seed=21 --programs=$((2500 / share)) --shortest=64"
    "--seed=22 --programs=$((2400 / share)) --shortest=64 --language=lisp"
    "--seed=23 --programs=$((100 / share)) --shortest=64 --language=deep"
    "--seed=24 --filters=$PWD/docs/cookbook --shortest=64"
    "--seed=25 --filters=$PWD/tests/golden --shortest=64 --share=98"
)
lines=()
for part in "${corpus[@]}"; do
    for engine in kernel kernel-tc; do
        lines+=("--packets=20 --share=100 --engines=$engine $part")
    done
done

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
            "$kernel" 3600 $program "${lines[@]}" || status=$?
        [ $status = 0 ] || [ $status = 77 ] || failed=yes
    fi
    echo "== $kernel: $((SECONDS - begin)) s"
done
[ -z "$failed" ]
