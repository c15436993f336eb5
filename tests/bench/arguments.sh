#!/usr/bin/env bash
# Arguments of scripts/bench.sh, bench-live.sh, bench-kernel.sh, setup.sh, test.sh and lint.sh: arguments.sh
# SOURCE-DIR. What is wrong is said in one line before anything is installed, built or measured. The programs
# that would do that are replaced by one that says so, which also shows that good arguments get that far.
set -euo pipefail
cd "$1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for program in cmake apt-get dpkg-query ctest; do
    printf '#!/bin/sh\necho "began %s" >&2\nexit 9\n' "$program" >"$work/bin/$program"
    chmod +x "$work/bin/$program"
done
failed=0
fail() { echo "FAILED: $1"; sed 's/^/    /' "$work/out" "$work/err"; failed=1; }

# ran SCRIPT ARGUMENT...: into $status, out and err.
ran() {
    status=0
    PATH=$work/bin:$PATH timeout 20 "scripts/$1" "${@:2}" >"$work/out" 2>"$work/err" || status=$?
}

# refuses STATUS TEXT SCRIPT ARGUMENT...
refuses() {
    local expected=$1 text=$2
    shift 2
    ran "$@"
    if [ "$status" != "$expected" ] || [ -s "$work/out" ] || [ "$(wc -l <"$work/err")" != 1 ] ||
        ! grep -qF -e "$text" "$work/err"; then
        fail "$*: status $status instead of $expected, or not one line with '$text'"
    fi
}

# shows TEXT SCRIPT ARGUMENT...
shows() {
    local text=$1
    shift
    ran "$@"
    [ "$status" = 0 ] && [ ! -s "$work/err" ] && grep -qF -e "$text" "$work/out" || fail "$*: no '$text'"
}

# begins SCRIPT ARGUMENT...
begins() {
    ran "$@"
    grep -q '^began ' "$work/err" || fail "$*: did not begin"
}

refuses 2 "there is no filter 'F10'; there are F1, F2, F3" bench.sh --filter=F10
refuses 2 "there is no filter ''; there are F1" bench.sh --filter=,
refuses 2 "there is no filter ''; there are F1" bench.sh --filter F1,
refuses 2 "there is no filter 'F.'" bench.sh --filter=F1,F.
refuses 2 "--filter needs a value" bench.sh --filter
refuses 2 "there is no engine 'rte_bpf'; there are interp, jit, batch, gcc" bench.sh --engine=jit,rte_bpf
refuses 2 "there is no trace 'tcp'; there are cut, imix-hot" bench.sh --trace=tcp
refuses 2 "needs the number of a CPU; this process may use " bench.sh --cpu=99999
refuses 2 "needs the number of a CPU" bench.sh --cpu -1
refuses 2 "--passes=0: needs a number from 1" bench.sh --passes=0
refuses 2 "--passes=x: needs a number from 1" bench.sh --passes x
refuses 2 "--svg=: needs a file" bench.sh --svg=
refuses 2 "--svg=--json: needs a file" bench.sh --svg --json
refuses 2 "--svg needs a value" bench.sh --quick --svg
refuses 3 "cannot write /nonexistent/x.svg: No such file or directory" bench.sh --svg=/nonexistent/x.svg
refuses 3 "cannot write $work: Is a directory" bench.sh --svg "$work"
refuses 2 "what is '--nope'" bench.sh --nope
refuses 2 "what is '--quick=1'" bench.sh --quick=1
refuses 2 "--filter=F7: there is no 'F7'; there are F1 F2" bench-live.sh --filter=F7
refuses 2 "--filter=: there is no ''" bench-live.sh --filter=
refuses 2 "there is no ''" bench-live.sh --filter F1,
refuses 2 "there is no 'F1 F2'" bench-live.sh --filter="F1 F2"
refuses 2 "there is no 'kernel'; there are plain loop nfqueue road" bench-live.sh --without=loop,kernel
refuses 2 "--without needs a value" bench-live.sh --quick --without
refuses 2 "needs the number of a CPU; this process may use " bench-live.sh --cpu=99999
refuses 2 "--rounds=0: needs a number from 1" bench-live.sh --rounds 0
refuses 2 "what is '--svg'" bench-live.sh --svg
refuses 2 "--only=F10: there is no 'F10'; there are F1 F2" bench-kernel.sh --only=F10
refuses 2 "--without=all: there is no 'all'; there are curves beside" bench-kernel.sh --without all
refuses 2 "--rounds=0: needs a number from 1" bench-kernel.sh --rounds=0
refuses 2 "needs the number of a CPU; this process may use " bench-kernel.sh --cpu=99999
refuses 2 "--json=--quick: needs a file" bench-kernel.sh --json --quick
refuses 2 "--out needs a value" bench-kernel.sh --out
refuses 3 "cannot write /nonexistent/x.json: No such file or directory" bench-kernel.sh --json=/nonexistent/x.json
refuses 3 "--out=/nonexistent: is no directory" bench-kernel.sh --out /nonexistent
refuses 2 "what is '--nope'" bench-kernel.sh --nope
refuses 2 "--rounds=0: needs a number from 1" bench-attach.sh --rounds 0
refuses 2 "--built=/nowhere: there is no such directory" bench-attach.sh --built /nowhere
refuses 2 "needs the number of a CPU; this process may use " bench-attach.sh --cpu=99999
refuses 2 "what is '--svg'" bench-attach.sh --svg
refuses 2 "--bench --foo" setup.sh --bench --foo
refuses 2 "--foo" setup.sh --foo
refuses 2 "--run --bench" setup.sh --run --bench
refuses 2 "--quick --foo" test.sh --quick --foo
refuses 2 "--all --foo" lint.sh --all --foo

while IFS= read -r name; do shows "  $name " bench.sh --help; done \
    < <(sed -n 's/^BENCH_[A-Z]*("\([^"]*\)".*/\1/p' tests/bench/names.def)
shows "--without" bench-live.sh --help
shows "--without" bench-kernel.sh --help
shows "--bench" setup.sh --help
shows "--run" setup.sh --help
shows "--all" lint.sh --help
shows "--quick" test.sh -h

begins bench.sh --quick --svg "$work/new.svg" --filter F1,F9 --trace=cut --engine jit --passes 3
[ ! -e "$work/new.svg" ] || fail "an empty picture is left"
begins bench-live.sh --quick --json --filter F1,F6 --without=nfqueue,plain --rounds=2
begins bench-kernel.sh --quick --only F1,H10 --json "$work/new.json" --out "$work" --without=curves,beside
begins setup.sh --bench
begins setup.sh --run
begins test.sh --quick
exit $failed
