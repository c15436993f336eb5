#!/usr/bin/env bash
# Where the system gives no executable memory (refused by PR_SET_MDWE, by a seccomp filter, or an
# address space that ends) the tools say so and end with their status, and what needs none works on.
# Needs no root, so it makes no sandbox.
set -euo pipefail
export PATH="${VFM_BIN:?the directory of vfm-test and the others}:$PATH"
no_exec=${VFM_E2E_BUILD:?the directory of no_exec}/no_exec
fail() { echo "FAIL: $*" >&2; exit 1; }

work=$(mktemp -d /tmp/vfm-e2e.XXXXXX)
trap 'rm -rf "$work"' EXIT
capture=$work/two.pcap
# Nanosecond pcap, two frames of 60 bytes: TCP and UDP over IPv4.
python3 - "$capture" <<'PYTHON'
import struct, sys
frames = [bytes(12) + b"\x08\x00\x45" + bytes(8) + bytes([proto]) + bytes(36) for proto in (6, 17)]
with open(sys.argv[1], "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
    for frame in frames:
        out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
PYTHON
filter='(= proto 6)'

status=0
run() {  # run COMMAND...: its status, and what it says in $work/out
    status=0
    "$@" >"$work/out" 2>&1 || status=$?
}
says() {  # says STATUS TEXT: of the last run
    [ "$status" = "$1" ] || fail "status $status instead of $1: $(cat "$work/out")"
    grep -q -- "$2" "$work/out" || fail "'$2' is not in: $(cat "$work/out")"
}

reason='the system gives no executable memory'
ways=0
for way in mdwe seccomp; do
    run "$no_exec" $way true
    [ "$status" = 77 ] && continue
    ways=$((ways + 1))
    run "$no_exec" $way vfm-test --engine=jit -e "$filter" "$capture"
    says 3 "$reason"
    run "$no_exec" $way vfm-test --engine=jit -s -e "$filter" "$capture"
    says 3 "$reason"
    run "$no_exec" $way vfm-test --engine=all -s -e "$filter" "$capture"
    says 0 "note: .*$reason"
    run "$no_exec" $way vfm-test -e "$filter" "$capture"
    says 0 'accept   1'
    echo "$filter" >"$work/f.vfl"
    run "$no_exec" $way vfm-dis --native "$work/f.vfl"
    says 3 "$reason"
done
[ $ways != 0 ] || { echo "SKIP: this kernel refuses no executable memory"; exit 77; }

# An address space that ends anywhere: the status is that of success or of a machine that lacks
# something, never that of a signal. (Sanitizers need terabytes.)
within() { (ulimit -v "$1" && shift && exec "$@"); }
run within $((2 << 20)) vfm-test -e "$filter" "$capture"
if [ "$status" = 0 ]; then
    refused=0 begun=no
    for kilobytes in $(seq 8192 512 65536); do
        run within "$kilobytes" vfm-test --engine=jit -s -e "$filter" "$capture"
        case $status in
            0) begun=yes ;;
            3) begun=yes refused=$((refused + 1)) ;;
            127) ;;  # the dynamic loader has no room
            134)  # the C++ library neither, for its first exception, before any code of ours runs
                [ $begun = no ] && grep -qx 'terminate called without an active exception' "$work/out" ||
                    fail "with $kilobytes KB: status $status: $(cat "$work/out")" ;;
            *) fail "with $kilobytes KB: status $status: $(cat "$work/out")" ;;
        esac
    done
    [ "$status" = 0 ] || fail "never enough memory: $(cat "$work/out")"
    [ $refused -gt 0 ] || fail "no address space was too small"
fi
