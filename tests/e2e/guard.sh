#!/usr/bin/env bash
# What would cut off the SSH session that it is typed in, or drop a packet of --guard, is not attached.
. "$(dirname "$0")/lib.sh"
before=$(state)

over() { SSH_CONNECTION="$1" "${@:2}"; }
ssh='10.9.0.2 50000 10.9.0.1 22'
# cut_off PART ARGUMENTS...: refused so within the session, attached without it and with --force.
cut_off() {
    local part=$1
    shift
    refused 3 "would cut off this SSH session, 10.9.0.2:50000 to 10.9.0.1:22: it drops $part" \
        over "$ssh" xdp attach v0 "$@"
    same "state after: $*" "$(state)" "$before"
    xdp attach v0 "$@" >/dev/null 2>&1 || fail "without SSH: $*"
    xdp detach v0 >/dev/null
    over "$ssh" xdp attach v0 "$@" --force >"$work/out" 2>"$work/err" || fail "--force: $*"
    contains "warning of: $*" "$(cat "$work/err")" "warning: the filter would cut off this SSH session"
    xdp detach v0 >/dev/null
}
# let_in ARGUMENTS...: attached within the session.
let_in() {
    over "$ssh" xdp attach v0 "$@" >/dev/null 2>"$work/err" || fail "refused: $*: $(cat "$work/err")"
    xdp detach v0 >/dev/null
}

cut_off "a TCP segment without data" -e '(not (= tcp.dport 22))'
cut_off "a TCP segment with a keystroke" -e '(or (has arp) (< pkt.len 90))'
cut_off "a full TCP segment" -e '(or (has arp) (< pkt.len 1000))'
cut_off "an ARP request for 10.9.0.1" -e '(not (has arp))'
cut_off "an ARP reply of 10.9.0.2" -e '(not (and (has arp) (= (u16 20) 2)))'
cut_off "a TCP segment without data" -e '(!= ip.src 10.9.0.2)' --mode=userspace
cut_off "a TCP segment without data" -e '(!= ip.src 10.9.0.2)' --hook=tc-ingress
# What leaves is the other direction.
cut_off "a TCP segment without data" -e '(not (= tcp.sport 22))' --hook=tc-egress
cut_off "an ARP request for 10.9.0.2" -e '(not (has arp))' --hook=tc-egress
let_in -e '(not (= tcp.dport 22))' --hook=tc-egress
# One that fails drops if it is told to.
refused 3 "it ends with BOUNDS, and --on-error=drop" \
    over "$ssh" xdp attach v0 -e '(or (has arp) (= (u8 3000) 1))' --on-error=drop
let_in -e '(or (has arp) (= (u8 3000) 1))'

# Where that is decided.
refused 3 '<expr>:1:15: note: the last test before it' \
    over "$ssh" xdp attach v0 -e '(if (has tcp) (!= tcp.dport 22) 1)'
printf '(rules\n  (when (has arp) pass)\n  (when :name "web only" (!= tcp.dport 80) drop)\n  (default pass))\n' >"$work/web.vfl"
refused 3 "web.vfl:3: note: rule 2 \"web only\" decides" over "$ssh" xdp attach v0 "$work/web.vfl"
refused 3 "it drops a TCP segment" over "$ssh" xdp run v0 "$work/web.vfl"

let_in -e '(or (has arp) (= tcp.dport 22))'
let_in -e '(or (has arp) (and (= eth.src 02:00:00:00:00:02) (= ip.src 10.9.0.2)))'
let_in -e '(or (has arp) (rate ip.src 1))'  # each packet for itself
# Not this session's: no SSH, none over this interface, nothing that can be read.
for other in '' 'x' '10.9.0.2 50000 10.9.0.1' '10.9.0.2 0 10.9.0.1 22' '127.0.0.1 50000 127.0.0.1 22' \
    '203.0.113.9 50000 203.0.113.1 22' 'fd77::1 5 fd77::2 22'; do
    over "$other" xdp attach v0 -e 0 >/dev/null 2>"$work/err" || fail "'$other': $(cat "$work/err")"
    xdp detach v0 >/dev/null
done
refused 3 "127.0.0.1:50000 to 127.0.0.1:22" over '127.0.0.1 50000 127.0.0.1 22' xdp attach lo -e '(not (= tcp.dport 22))' --mode=skb
over '127.0.0.1 50000 127.0.0.1 22' xdp attach lo -e '(not (has arp))' --mode=skb >/dev/null 2>&1 || fail "ARP on lo"
xdp detach lo >/dev/null

# Over a gateway: its address is the one that is asked for.
ip route add 192.0.2.0/24 via 10.9.0.2
refused 3 "an ARP reply of 10.9.0.2" over '192.0.2.7 50000 10.9.0.1 22' \
    xdp attach v0 -e '(not (and (has arp) (= (u16 20) 2)))'
refused 3 "192.0.2.7:50000 to" over '192.0.2.7 50000 10.9.0.1 22' xdp attach v0 -e '(!= ip.src 192.0.2.7)'

# IPv6.
for device in v0 lo; do echo 0 >/proc/sys/net/ipv6/conf/$device/disable_ipv6; done
ip address add fd09::1/64 dev v0 nodad
ssh6='fd09::2 50000 fd09::1 22'
refused 3 "[fd09::2]:50000 to [fd09::1]:22: it drops a TCP segment" over "$ssh6" xdp attach v0 -e '(not (= tcp.dport 22))'
refused 3 "a neighbour solicitation for fd09::1" over "$ssh6" xdp attach v0 -e '(not (has icmp6))'
refused 3 "a neighbour advertisement of fd09::2" over "$ssh6" xdp attach v0 -e '(not (= icmp6.type 136))'
refused 3 "a neighbour advertisement of fd09::1" over "$ssh6" xdp attach v0 -e '(not (= icmp6.type 136))' --hook=tc-egress
refused 3 "it drops a TCP segment" over 'fe80::9%v0 50000 fe80::1%v0 22' xdp attach v0 -e '(!= ip.src fe80::9)'
over "$ssh6" xdp attach v0 -e '(or (has icmp6) (= tcp.dport 22))' >/dev/null 2>&1 || fail "IPv6"
xdp detach v0 >/dev/null
before=$(state)

# Below a VLAN with its tag, as a part of a bridge without.
if ip link add link v0 name v0.10 type vlan id 10 2>/dev/null; then
    ip address add 10.77.0.1/24 dev v0.10
    ip link set v0.10 up
    refused 3 "it drops a TCP segment" over '10.77.0.2 50000 10.77.0.1 22' xdp attach v0 -e '(!= vlan.id 10)'
    over '10.77.0.2 50000 10.77.0.1 22' xdp attach v0 -e '(= vlan.id 10)' >/dev/null 2>&1 || fail "VLAN"
    xdp detach v0 >/dev/null
    ip link delete v0.10
fi
if ip link add br0 type bridge 2>/dev/null; then
    ip link add w0 type veth peer name w1
    ip link set w0 master br0
    ip address add 10.78.0.1/24 dev br0
    for device in br0 w0 w1; do ip link set $device up; done
    refused 3 "it drops a TCP segment" over '10.78.0.2 50000 10.78.0.1 22' xdp attach w0 -e '(not (= tcp.dport 22))'
    over '10.78.0.2 50000 10.78.0.1 22' xdp attach v0 -e 0 >/dev/null 2>&1 || fail "not of the bridge"
    xdp detach v0 >/dev/null
    ip link delete br0
    ip link delete w0
fi
same "state" "$(state)" "$before"

# A table that is shared has what it has: the connection is in it or not.
table='(deftable seen :key conn :shared)'
xdp attach v0 -e "$table (+ 1 (flow-add! seen conn 1))" --name in --hook=tc-ingress >/dev/null
refused 3 "it drops a TCP segment" over "$ssh" xdp attach v0 -e "$table (or (has arp) (> (flow-get seen conn) 0))"
frames 'tcp:sport=50000:dport=22'
stat_after '' 1 >/dev/null
over "$ssh" xdp attach v0 -e "$table (or (has arp) (> (flow-get seen conn) 0))" >/dev/null 2>&1 || fail "a known connection"
xdp detach v0 --all >/dev/null

# A capture, also without SSH.
python3 - "$work/guard.pcap" <<'EOF'
import struct, sys
def udp(port):
    body = struct.pack("!HHHH", 5353, port, 28, 0) + bytes(20)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, bytes([10, 9, 0, 2]), bytes([10, 9, 0, 1]))
    return bytes.fromhex("0200000000010200000000020800") + head + body
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for number, port in enumerate((53, 123, 53, 123, 67)):
        file.write(struct.pack("<IIII", 1000 + number, 0, len(udp(port)), len(udp(port))) + udp(port))
EOF
refused 3 "would drop 2 of the 5 packets of $work/guard.pcap, packet 2 first" \
    xdp attach v0 -e '(!= udp.dport 123)' --guard "$work/guard.pcap"
refused 1 "No such file" xdp attach v0 -e 1 --guard "$work/none.pcap"
refused 1 "$work/web.vfl" xdp attach v0 -e 1 --guard "$work/web.vfl"
same "state after refusals" "$(state)" "$before"
xdp attach v0 -e '(!= udp.dport 9)' --guard "$work/guard.pcap" >/dev/null 2>&1 || fail "--guard"
xdp detach v0 >/dev/null
xdp attach v0 -e '(!= udp.dport 123)' --guard "$work/guard.pcap" --force >/dev/null 2>"$work/err"
contains "--force" "$(cat "$work/err")" "warning: the filter would drop 2 of the 5 packets"
xdp detach v0 >/dev/null
same "state at the end" "$(state)" "$before"
