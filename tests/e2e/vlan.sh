#!/usr/bin/env bash
# Tagged frames at tc: the kernel has moved the outer tag out of the bytes, and the facts of the headers
# must be the same as where it has not.
. "$(dirname "$0")/lib.sh"
needs tcx_ingress

# 1 if the outer tag is 100, the EtherType after the tags IPv4 and the IP version 4.
cat >"$work/tagged.vfm" <<'VFM'
        HDR 7
        PUSH 100
        EQ
        HDR 6
        PUSH 0x0800
        EQ
        AND
        HDR 3
        PUSH 4
        EQ
        AND
        RET
VFM
# Where the IP header is in the bytes of this hook, and the port there: 18 with the tag, 14 without.
offset() { printf 'HDR 0\nPUSH %s\nEQ\nHDR 1\nLDX16 2\nPUSH 80\nEQ\nAND\nRET\n' "$1"; }
offset 14 >"$work/at14.vfm"
offset 18 >"$work/at18.vfm"

xdp attach v0 "$work/tagged.vfm" --hook=tc-ingress --name tagged >/dev/null
frames --vlan 100 'tcp*3'
frames --vlan 101 'tcp*2'
frames 'tcp*2' 'arp'
same "ingress passes" "$(stat_after '["pass"]' 8)" 3
same "ingress drops" "$(stat_after '["drop"]' 8)" 5
xdp detach v0 >/dev/null

xdp attach v0 "$work/at14.vfm" --hook=tc-ingress >/dev/null
frames --vlan 100 'tcp*3'
frames 'tcp*2'
same "at ingress the bytes have no tag" "$(stat_after '["pass"]' 5)" 5
xdp detach v0 >/dev/null

# Two tags: one is moved, one stays in the bytes.
printf 'HDR 7\nPUSH 100\nEQ\nHDR 6\nPUSH 0x0800\nEQ\nAND\nHDR 0\nPUSH 18\nEQ\nAND\nRET\n' >"$work/two.vfm"
xdp attach v0 "$work/two.vfm" --hook=tc-ingress >/dev/null
frames --vlan 100 --inner 7 'udp*2'
frames --vlan 100 'udp*3'
same "two tags" "$(stat_after '["pass"]' 5)" 2
xdp detach v0 >/dev/null

# At XDP the tag is in the bytes.
for mode in native skb; do
    xdp attach v0 "$work/tagged.vfm" --mode=$mode >/dev/null
    frames --vlan 100 'tcp*3'
    frames 'tcp*2'
    same "XDP $mode" "$(stat_after '["pass"]' 5)" 3
    xdp detach v0 >/dev/null
done
xdp attach v0 "$work/at18.vfm" --mode=native >/dev/null
frames --vlan 100 'tcp*3'
frames 'tcp*2'
same "XDP offset" "$(stat_after '["pass"]' 5)" 3
xdp detach v0 >/dev/null

# A tag that is sent beside the bytes is not seen at XDP: a filter that looks at tags gets a warning with
# the switch to turn, whichever namespace the other end is in; others do not.
peer ethtool -K v1 txvlan on >/dev/null
warning() { xdp attach v0 "$@" 2>&1 >/dev/null && xdp detach v0 >/dev/null; }
for mode in native skb; do
    for filter in '(= ethertype 0x8100)' '(= ethertype 34984)'; do
        contains "a warning for $filter" "$(warning -e "$filter" --mode=$mode)" "warning: the filter looks at VLAN"
    done
    contains "a warning for HDR 7" "$(warning "$work/tagged.vfm" --mode=$mode)" "ethtool -K PEER txvlan off"
    same "no warning where no tag is asked for" "$(warning -e '(= ip.proto 6)' --mode=$mode)" ""
done
same "no warning at tc" "$(warning "$work/tagged.vfm" --hook=tc-ingress)" ""
found() { vfm-xdp doctor --json | json "[(f['state'], f['remedy'][-10:]) for f in j if f['name'] == 'xdp_vlan_tags:$1']"; }
same "doctor" "$(found v0)" "[('missing', 'txvlan off')]"
peer ethtool -K v1 txvlan off >/dev/null
same "no warning once it is off" "$(warning "$work/tagged.vfm")" ""
same "doctor, once it is off" "$(found v0)" "[('ok', '')]"
peer ethtool -K v1 txvlan on >/dev/null
ip link add w0 type veth peer name w1
contains "both ends here" "$(xdp attach w0 "$work/tagged.vfm" 2>&1 >/dev/null)" "ethtool -K w1 txvlan off"
same "doctor, both ends here" "$(found w1)" "[('missing', 'txvlan off')]"
ip link delete w0
xdp detach w0 >/dev/null
# The other end is in a namespace that cannot be entered: nobody knows.
contains "perhaps" "$(setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
    vfm-xdp attach v0 "$work/tagged.vfm" --bpffs "$bpffs" 2>&1 >/dev/null)" "but perhaps the other end"
xdp detach v0 >/dev/null

# An interface with a dot in its name takes filters too.
ip link set v0 name v0.100
xdp attach v0.100 -e '(= proto 6)' --hook=tc-egress >/dev/null
same "v0.100" "$(xdp list --json | json 'j[0]["iface"]')" v0.100
xdp detach v0.100 >/dev/null
ip link set v0.100 name v0

# Egress of a VLAN device: the tag is put beside the bytes.
if ! ip link add link v0 name v0.100 type vlan id 100 2>/dev/null; then
    echo "note: this kernel has no VLAN devices, egress of one is not tested"
    exit 0
fi
ip address add 10.8.0.1/24 dev v0.100
ip link set v0.100 up
ip neighbour add 10.8.0.2 lladdr 02:00:00:00:00:02 dev v0.100 nud permanent
xdp attach v0 "$work/tagged.vfm" --hook=tc-egress >/dev/null
traffic udp 10.8.0.2 9 2 >/dev/null
traffic udp 10.9.0.2 9 1 >/dev/null
same "egress passes" "$(stat_after '["pass"]' 3)" 2
xdp detach v0 >/dev/null
