#!/usr/bin/env bash
# Nobody locks himself out by a filter of docs/cookbook: with each of them on the interface, an operator of
# the management network whose neighbours have been forgotten still reaches port 22, over IPv4 and IPv6.
. "$(dirname "$0")/lib.sh"
needs tcx_egress

# Where operators are, and for the border's filter somewhere in the Internet.
operators="192.0.2.9 2001:db8:ad::9" far="9.9.9.9 2620:fe::9"
for where in "" peer; do
    for device in v0 v1; do
        $where sh -c "[ ! -e /proc/sys/net/ipv6/conf/$device ] || {
            echo 0 >/proc/sys/net/ipv6/conf/$device/accept_dad
            echo 0 >/proc/sys/net/ipv6/conf/$device/disable_ipv6; }"
    done
done
ip address add 203.0.113.10/32 dev v0
ip address add 2001:db8:5::10/128 dev v0
for address in $operators $far; do
    ip route add "$address" dev v0
    peer ip address add "$address" dev v1
done
peer ip route add 203.0.113.10 dev v1
peer ip route add 2001:db8:5::10 dev v1

python3 -B -c '
import socket
with socket.create_server(("::", 22), family=socket.AF_INET6, dualstack_ipv6=True) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].sendall(b"welcome")' >"$work/server" &
for _ in $(seq 200); do
    grep -qs ready "$work/server" && break
    sleep 0.02
done

# reaches ADDRESS4 ADDRESS6: whether both are welcome.
reaches() {
    ip neighbour flush dev v0
    peer ip neighbour flush dev v1
    peer python3 -B -c '
import socket, sys
for host, source in zip(("203.0.113.10", "2001:db8:5::10"), sys.argv[1:]):
    with socket.create_connection((host, 22), timeout=3, source_address=(source, 0)) as link:
        assert link.recv(7) == b"welcome"' "$@" 2>"$work/why"
}

reaches $operators || fail "without a filter: $(cat "$work/why")"
xdp attach v0 -e '(rules (when (has ip) pass) (default drop))' >/dev/null
! reaches $operators || fail "without ARP the operator is welcome"
xdp detach v0 >/dev/null

for filter in "$here"/../../docs/cookbook/*.vfl; do
    name=$(basename "$filter" .vfl) hook=xdp from=$operators
    case $name in
        13-*) from=$far ;;
        16-*) hook=tc-egress ;;
        20-*) continue ;; # its management is on a VLAN
    esac
    xdp attach v0 "$filter" --hook=$hook --no-fallback >"$work/why" 2>&1 || fail "$name: $(cat "$work/why")"
    reaches $from || fail "$name shuts the operator out: $(tail -1 "$work/why")"
    xdp detach v0 >/dev/null
done
