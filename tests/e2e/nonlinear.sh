#!/usr/bin/env bash
# Packets whose bytes are not in one piece get the verdict of the same packets that are.
. "$(dirname "$0")/lib.sh"
needs tcx_ingress

# Decides on a byte deep in the payload; errors drop, so that an unread byte shows.
printf 'LD8 300\nPUSH 65\nEQ\nRET\n' >"$work/deep.vfm"
# Length and the first fields of the headers.
printf 'LEN\nPUSH 1042\nEQ\nLD8 23\nPUSH 17\nEQ\nAND\nLD16 36\nPUSH 53\nEQ\nAND\nRET\n' >"$work/head.vfm"
filters=("deep.vfm" "head.vfm")
batch=('udp:dport=53:size=1000:fill=A*3' 'udp:dport=53:size=1000:fill=B*2' 'tcp:dport=53:size=1000:fill=A'
       'udp:size=20' 'short')

verdicts() {  # verdicts HOOK FILTER [--ring]
    local hook=$1 filter=$2
    shift 2
    xdp attach v0 "$work/$filter" --hook="$hook" --on-error=drop >/dev/null
    if [ "$hook" = tc-egress ]; then
        traffic frames v0 "$@" "${batch[@]}"
    else
        frames "$@" "${batch[@]}"
    fi
    stat_after '["packets"]' 8 >/dev/null
    xdp stats v0 --json | json 'json.dumps([j[0][k] for k in ("packets", "bytes", "pass", "drop", "errors")])'
    xdp detach v0 >/dev/null
}

for hook in tc-ingress tc-egress xdp; do
    for filter in "${filters[@]}"; do
        linear=$(verdicts "$hook" "$filter")
        contains "$hook $filter sees 8 packets" "$linear" '[8, '
        same "$hook $filter" "$(verdicts "$hook" "$filter" --ring)" "$linear"
    done
done
same "what deep.vfm decides" "$(verdicts tc-ingress deep.vfm --ring | json 'j[2:4]')" '[4, 4]'
same "what head.vfm decides" "$(verdicts tc-ingress head.vfm --ring | json 'j[2:4]')" '[5, 3]'

# A count by a field that lies outside the linear part.
xdp attach v0 -e '(< (count-by src-ip) 100)' --hook=tc-ingress >/dev/null
frames --ring 'udp:src=10.9.0.7:size=1000*4' 'udp:src=10.9.0.8:size=1000*2'
stat_after '["packets"]' 6 >/dev/null
same "flows" "$(xdp flows v0 --json | json '[(f["key"], f["value"]) for f in j]')" \
    "[('10.9.0.7', 4), ('10.9.0.8', 2)]"
xdp detach v0 >/dev/null

# XDP on packets of several buffers: the byte lies far behind the first.
ip link set v0 mtu 9000
peer ip link set v1 mtu 9000
printf 'LD8 8000\nPUSH 65\nEQ\nLEN\nPUSH 8542\nEQ\nAND\nRET\n' >"$work/jumbo.vfm"
for mode in native skb; do
    xdp attach v0 "$work/jumbo.vfm" --mode=$mode --on-error=drop >/dev/null
    frames 'udp:size=8500:fill=A*3' 'udp:size=8500:fill=B*2' 'udp:size=100:fill=A'
    same "$mode, 9000 bytes: passes" "$(stat_after '["pass"]' 6)" 3
    same "$mode, 9000 bytes: bytes" "$(stat_after '["bytes"]' 6)" $((5 * 8542 + 142))
    xdp detach v0 >/dev/null
done
ip link set v0 mtu 1500
peer ip link set v1 mtu 1500
# Where frames are linear no helper gives their length, and the driver refuses a larger MTU.
xdp attach v0 -e '(= proto 17)' --mode=native >/dev/null
! peer ip link set v1 mtu 9000 2>/dev/null || fail "a larger MTU than the program takes"
xdp detach v0 >/dev/null

# Streams of sendfile in segments of up to 64 KB: payload 'A' passes, 'B' does not, whatever the
# kernel has made of the packets. Handshake packets are too short for the load and pass.
serve
for hook in tc-ingress tc-egress; do
    xdp attach v0 "$work/deep.vfm" --hook=$hook --on-error=pass >/dev/null
    if [ "$hook" = tc-egress ]; then
        traffic tcp 10.9.0.2 7000 400000 A || fail "$hook: the stream of A does not pass"
        ! traffic tcp 10.9.0.2 7000 400000 B || fail "$hook: the stream of B passes"
        largest=$(xdp stats v0 --json | json 'max(f["bytes"] // f["packets"] for f in j)')
        [ "$largest" -gt 1514 ] || echo "note: no large segments ($largest bytes on average)"
    else
        python3 -B "$here/traffic.py" tcp-server 10.9.0.1 7002 >"$work/here" 2>&1 &
        for _ in $(seq 200); do grep -qs ready "$work/here" && break; sleep 0.05; done
        peer python3 -B "$here/traffic.py" tcp 10.9.0.1 7002 400000 A || fail "$hook: A does not pass"
        ! peer python3 -B "$here/traffic.py" tcp 10.9.0.1 7002 400000 B || fail "$hook: B passes"
    fi
    xdp detach v0 >/dev/null
done

# What the kernel made of streams and of single packets, judged again by the interpreter: a table by
# bytes of each packet, at fixed and computed offsets, most of them where nothing is linear.
cat >"$work/bytes.vfm" <<'END'
        .table seen key=u64 capacity=4096 evict=none
        LD32 90
        PUSH8 32
        SHL
        LD16 1200
        XOR
        LD8 46          ; where the TCP payload begins, and 500 bytes more
        PUSH8 4
        SHR
        PUSH8 2
        SHL
        PUSH16 534
        ADD
        LDX32 0
        ADD
        PUSH8 1
        FLOW_ADD 0
        LD8 1250        ; behind an effect
        ADD
        RET
END
traffic_of() {  # traffic_of HOOK
    if [ "$1" = tc-egress ]; then
        traffic tcp 10.9.0.2 7000 400000 abcdefghijklm || fail "$1: a stream does not pass"
        traffic frames v0 --ring 'tcp:size=1300:fill=A*3' 'tcp:size=1400:fill=C' 'udp:size=900' 'short'
    else
        peer python3 -B "$here/traffic.py" tcp 10.9.0.1 7002 400000 abcdefghijklm || fail "$1: a stream"
        frames --ring 'tcp:size=1300:fill=A*3' 'tcp:size=1400:fill=C' 'udp:size=900' 'short'
    fi
}
for hook in tc-ingress tc-egress; do
    way=$([ $hook = tc-egress ] && echo out || echo in)
    xdp attach v0 "$work/bytes.vfm" --hook=$hook >/dev/null
    python3 -B "$here/traffic.py" capture v0 $way "$work/$hook.pcap" >"$work/tap" 2>&1 &
    tap=$!
    for _ in $(seq 200); do grep -qs ready "$work/tap" && break; sleep 0.05; done
    traffic_of $hook
    sleep 0.5
    kill $tap
    wanted=$(xdp stats v0 --json | json '(j[0]["packets"], sum(j[0]["errors"].values()))')
    flows=$(xdp flows v0 --json | json 'sorted((int(f["key"]), f["value"]) for f in j)')
    xdp detach v0 >/dev/null
    vfm-test --json --dump-flows "$work/bytes.vfm" "$work/$hook.pcap" >"$work/judged" || true
    same "$hook: packets and errors" "$wanted" "$(json '(j["packets"], sum(j["errors"].values()))' \
        < <(tail -1 "$work/judged"))"
    same "$hook: bytes of packets" "$flows" "$(python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(sorted((r["key"], r["value"]) for r in rows if "key" in r))' <"$work/judged")"
    contains "$hook: several packets" "$flows" "), ("
done
