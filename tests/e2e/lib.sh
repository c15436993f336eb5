# Sourced by every test. Runs the test again in mount, network and process namespaces of its own, with
# a bpffs of its own, so that nothing it makes can meet anything else or stay behind: not even when it
# is killed.
#
#   v0 (10.9.0.1, MAC 02:00:00:00:00:01)  in the test's network namespace: filters hang here
#   v1 (10.9.0.2, MAC 02:00:00:00:00:02)  in the peer's, reached with `peer COMMAND`
#
# VFM_BIN is the directory of the programs, VFM_E2E_BUILD that of what these tests need beside them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${VFM_BIN:?the directory of vfm-xdp and the others}"
export PATH="$VFM_BIN:$PATH:/usr/sbin:/sbin"

skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || skip "needs root"
if [ -z "${VFM_SANDBOX:-}" ]; then
    unshare --mount --net --pid --fork true 2>/dev/null || skip "needs namespaces of its own"
    VFM_SANDBOX=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc \
        --propagation private bash "$0" "$@"
fi

work=$(mktemp -d /tmp/vfm-e2e.XXXXXX)
bpffs=$work/bpf
peer_pid=

cleanup() {
    local status=$?
    trap - EXIT
    umount -l "$bpffs" 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# The machine's own bpffs is out of sight here, so that ip and xdp-loader leave nothing in it either.
has_default_bpffs() { [ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ]; }
while has_default_bpffs; do umount /sys/fs/bpf; done
mkdir "$bpffs"
mount -t bpf bpf "$bpffs" 2>/dev/null || skip "this machine has no bpffs"
# vfm-xdp on this test's bpffs; the options go last.
xdp() { local verb=$1; shift; vfm-xdp "$verb" "$@" --bpffs "$bpffs"; }
peer() { nsenter --net="/proc/$peer_pid/ns/net" "$@"; }
traffic() { python3 -B "$here/traffic.py" "$@"; }
# Frames from the peer.
frames() { peer python3 -B "$here/traffic.py" frames v1 "$@"; }
# Servers of the peer: TCP on port 7000, UDP on 7001.
serve() {
    local rule
    for rule in tcp-server:7000 udp-server:7001; do
        peer python3 -B "$here/traffic.py" "${rule%:*}" 10.9.0.2 "${rule#*:}" >"$work/$rule" 2>&1 &
    done
    for rule in tcp-server:7000 udp-server:7001; do
        for _ in $(seq 200); do
            grep -qs ready "$work/$rule" && break
            sleep 0.05
        done
    done
}

# What is pinned, what hangs on v0 and what runs: equal before and after what must leave nothing. (A link
# that is neither pinned nor held by a process does not exist.)
state() {
    find "$bpffs" | sort
    ip -d link show v0 | grep -o 'prog/xdp.*' || true
    pgrep -x vfm-xdp || true
}

# json EXPRESSION: evaluates Python on the JSON of standard input, called j.
json() { python3 -c "
import json, sys
j = json.load(sys.stdin)
print($1)"; }

# same WHAT ACTUAL EXPECTED
same() { [ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"; }
# contains WHAT TEXT PART
contains() { case "$2" in *"$3"*) ;; *) fail "$1: '$2' has no '$3'" ;; esac; }

# refused STATUS PART COMMAND...: it must fail so and say PART on stderr.
refused() {
    local status=$1 part=$2 got=0 text
    shift 2
    text=$("$@" 2>&1 >"$work/stdout") || got=$?
    same "status of: $* ($text)" "$got" "$status"
    contains "message of: $*" "$text" "$part"
}

# The counters of the filter at HOOK (default: the only one), once PACKETS have been seen.
# stat FIELD PACKETS [HOOK]
stat_after() {
    local field=$1 packets=$2 hook=${3:-} seen=
    for _ in $(seq 100); do
        seen=$(xdp stats v0 --json ${hook:+--hook=$hook} | json 'j[0]["packets"]')
        [ "$seen" -lt "$packets" ] || break
        sleep 0.02
    done
    same "packets seen" "$seen" "$packets"
    xdp stats v0 --json ${hook:+--hook=$hook} | json "j[0]$field"
}

# needs CHECK...: skips the test unless `vfm-xdp doctor` finds them all.
needs() {
    local reason
    reason=$(vfm-xdp doctor --json --bpffs "$bpffs" | python3 -c '
import json, sys
rows = {r["name"]: r for r in json.load(sys.stdin)}
print(*[rows[n]["detail"] for n in sys.argv[1:] if rows[n]["state"] != "ok"][:1])' "$@")
    [ -z "$reason" ] || skip "$reason"
}
needs cap_bpf cap_net_admin program_xdp xdp_skb

echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
ip link set lo up
unshare --net sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; exec sleep 600' &
peer_pid=$!
for _ in $(seq 100); do
    [ "$(cat "/proc/$peer_pid/comm" 2>/dev/null)" = sleep ] && break
    sleep 0.02
done

make_pair() {
    ip link add v0 address 02:00:00:00:00:01 type veth \
        peer name v1 address 02:00:00:00:00:02 netns "$peer_pid"
    ip address add 10.9.0.1/24 dev v0
    ip link set v0 up
    # Known neighbours: no ARP disturbs the counting.
    ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent
    peer ip address add 10.9.0.2/24 dev v1
    peer ip link set v1 up
    peer ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:01 dev v1 nud permanent
    for _ in $(seq 100); do
        case $(ip -o link show v0) in *LOWER_UP*) break ;; esac
        sleep 0.02
    done
}
make_pair
