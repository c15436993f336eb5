#!/usr/bin/env bash
# scripts/demo.sh shows what it claims, on an interface and in user space, and leaves nothing, also when
# it is interrupted.
set -euo pipefail
: "${VFM_BIN:?the directory of vfm-xdp and the others}"
demo=$(cd "$(dirname "$0")/../../scripts" && pwd)
fail() { echo "FAIL: $*" >&2; exit 1; }
# Namespaces of its own, in which nobody else makes or takes away anything meanwhile.
if [ "$(id -u)" = 0 ] && [ -z "${VFM_SANDBOX:-}" ]; then
    unshare --mount --net true 2>/dev/null || { echo "SKIP: needs namespaces of its own"; exit 77; }
    VFM_SANDBOX=1 exec unshare --mount --net --propagation private bash "$0" "$@"
fi

work=$(mktemp -d /tmp/vfm-e2e.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# Where another user may read them.
mkdir "$work/bin"
cp -r "$demo" "$work/scripts"
cp "$VFM_BIN/vfm-test" "$work/bin"

user=()
[ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
"${user[@]}" "$work/scripts/demo.sh" --built "$work/bin" >"$work/out" 2>&1 ||
    fail "in user space: $(cat "$work/out")"
grep -q 'no root' "$work/out" || fail "it does not say that it has no root"
grep -q '109' "$work/out" || fail "in user space: $(cat "$work/out")"

if [ "$(id -u)" != 0 ]; then
    echo "note: without root only the part in user space is tested"
    exit 0
fi
present() { cat /proc/self/mountinfo; ip link show; ip netns list; }
before=$(present)
"$demo/demo.sh" --built "$VFM_BIN" >"$work/out" 2>&1 || fail "$(cat "$work/out")"
grep -q 'done' "$work/out" || fail "it did not come to its end: $(cat "$work/out")"
[ "$(present)" = "$before" ] || fail "it left something"

# Interrupted in the middle, as by Ctrl-C: to the whole group.
if grep -q 'on a capture' "$work/out"; then exit 0; fi
# (A shell starts what runs in the background deaf to it, hence env.)
setsid env --default-signal=INT "$demo/demo.sh" --built "$VFM_BIN" >"$work/interrupted" 2>&1 & pid=$!
for _ in $(seq 200); do grep -qs 'TCP to port 80' "$work/interrupted" && break; sleep 0.05; done
kill -INT -- -$pid
status=0
wait $pid || status=$?
[ $status != 0 ] || fail "an interrupted demo reports success"
! pgrep -s "$pid" >/dev/null || sleep 1
! pgrep -s "$pid" >/dev/null || fail "processes are left: $(pgrep -a -s "$pid")"
[ "$(present)" = "$before" ] || fail "it left something"
