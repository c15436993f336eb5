#!/usr/bin/env bash
# Objects of vfm-compile in the hands of others: bpftool, ip, tc and xdp-loader, with real packets.
. "$(dirname "$0")/lib.sh"
filter='(and (= proto 6) (< (count-by src-ip) 4))'
cat >"$work/web.vfl" <<VFL
; the limit of the demonstration
$filter
VFL
vfm-compile "$work/web.vfl" --target=ebpf --hook=xdp -o "$work/xdp.o"
vfm-compile "$work/web.vfl" --target=ebpf --hook=tc -o "$work/tc.o"

# works WHO PROGRAM-ID: of 5 TCP of one source and 2 UDP, 5 have been counted.
works() {
    local map value
    frames 'tcp*5' 'udp*2'
    sleep 0.2
    for map in $(bpftool -j prog show id "$2" | json '*j["map_ids"]'); do
        value=$(bpftool map show id "$map")
        case $value in *src_ip*) break ;; esac
    done
    value=$(bpftool map dump id "$map")
    contains "$1: the address" "$value" "\"ipv4\": $((0x0a090002))"
    contains "$1: the count" "$value" '"value": 5'
}
xdp_id() { ip -d -j link show v0 | json 'j[0]["xdp"]["prog"]["id"]'; }

if command -v bpftool >/dev/null; then
    for hook in xdp tc; do
        type=$hook
        [ $hook = xdp ] || type=classifier
        bpftool prog load "$work/$hook.o" "$bpffs/loaded" type $type || fail "bpftool: prog load of $hook"
        text=$(bpftool prog dump xlated pinned "$bpffs/loaded" linum)
        contains "bpftool: xlated of $hook" "$text" '(= proto 6)'
        rm "$bpffs/loaded"
    done
fi

for kind in xdpgeneric xdpdrv; do
    ip link set v0 $kind object "$work/xdp.o" section xdp || fail "ip: $kind"
    contains "ip link show" "$(ip link show v0)" "prog/xdp"
    works "ip $kind" "$(xdp_id)"
    ip link set v0 $kind off
done

# Frames of several buffers want the object that says so.
vfm-compile "$work/web.vfl" --target=ebpf --frags -o "$work/jumbo.o" || fail "vfm-compile --frags"
peer ip link set v1 mtu 9000
ip link set v0 xdpdrv object "$work/xdp.o" section xdp 2>/dev/null && fail "ip: a large MTU and section xdp"
ip link set v0 xdpdrv object "$work/jumbo.o" section xdp.frags || fail "ip: section xdp.frags"
works "ip xdp.frags" "$(xdp_id)"
ip link set v0 xdpdrv off
peer ip link set v1 mtu 1500

if tc qdisc add dev v0 clsact 2>/dev/null; then
    tc filter add dev v0 ingress bpf direct-action object-file "$work/tc.o" section tc || fail "tc filter add"
    contains "tc filter show" "$(tc filter show dev v0 ingress)" "tc.o"
    works tc "$(tc -j filter show dev v0 ingress | json 'j[1]["options"]["prog"]["id"]')"
    tc qdisc del dev v0 clsact
else
    echo "note: this kernel has no clsact, tc is not tested"
fi

if command -v xdp-loader >/dev/null; then
    mount -t bpf bpf /sys/fs/bpf  # where xdp-loader looks; this mount namespace is the test's own
    for mode in native skb; do
        xdp-loader load -m $mode v0 "$work/xdp.o" >"$work/out" 2>&1 || fail "xdp-loader: $(cat "$work/out")"
        # Behind a dispatcher, where the kernel allows one, or alone.
        works "xdp-loader $mode" "$(xdp-loader status v0 | grep -o 'vfm_filter *[a-z]* *[0-9]*' |
            grep -o '[0-9]*$')"
        xdp-loader unload v0 --all >/dev/null 2>&1 || fail "xdp-loader: unload"
    done
    umount /sys/fs/bpf
else
    echo "note: xdp-loader is not installed"
fi

# The linker wants a type of every symbol, also of constant data and of what is called.
if command -v bpftool >/dev/null && bpftool gen 2>&1 | grep -q object; then
    { echo "(and (in src-ip"; for i in $(seq 40); do echo " 10.1.0.$i"; done; echo ")"
        for i in $(seq 40); do echo " (< (count-by (dst-ip $i)) $i)"; done; echo ")"; } >"$work/calls.vfl"
    vfm-compile "$work/calls.vfl" --target=ebpf -o "$work/calls.o" || fail "vfm-compile calls.vfl"
    for object in xdp tc jumbo calls; do
        bpftool gen object "$work/linked.o" "$work/$object.o" >"$work/out" 2>&1 ||
            fail "bpftool gen object $object: $(cat "$work/out")"
    done
    ip link set v0 xdpdrv object "$work/linked.o" section xdp || fail "ip: a linked object"
    ip link set v0 xdpdrv off
else
    echo "note: this bpftool does not link objects"
fi

if objdump=$(command -v llvm-objdump-19 || command -v llvm-objdump); then
    for hook in xdp tc; do
        contains "llvm-objdump of $hook" "$("$objdump" -dr "$work/$hook.o")" "exit"
    done
fi
