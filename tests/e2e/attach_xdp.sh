#!/usr/bin/env bash
# A filter on XDP, native and skb: verdicts on real packets, statistics, flows, list, show, detach.
. "$(dirname "$0")/lib.sh"

filter='(and (= proto 6) (< (count-by src-ip) 4))'

for mode in native skb; do
    before=$(state)
    text=$(xdp attach v0 -e "$filter" --name web --mode=$mode)
    contains "attach" "$text" "attached 'web' to v0 at xdp ($mode)"

    # 5 TCP of one source, 2 of another, 3 UDP: 3 + 2 pass, 2 + 3 are dropped.
    frames 'tcp*5' 'tcp:src=10.9.0.77*2' 'udp*3'
    same "$mode: passed" "$(stat_after '["pass"]' 10)" 5
    same "$mode: dropped" "$(stat_after '["drop"]' 10)" 5
    same "$mode: bytes" "$(stat_after '["bytes"]' 10)" $((7 * 74 + 3 * 62))
    same "$mode: errors" "$(stat_after '["errors"]' 10)" '{}'
    same "$mode: flows" \
        "$(xdp flows v0 --json | json '[(f["table"], f["key"], f["value"]) for f in j]')" \
        "[('src-ip', '10.9.0.2', 5), ('src-ip', '10.9.0.77', 2)]"
    same "$mode: top" "$(xdp flows v0 --json --table src-ip --top 1 | json 'j[0]["key"]')" 10.9.0.2
    contains "$mode: flows as text" "$(xdp flows v0)" '10.9.0.77'
    contains "$mode: stats as text" "$(xdp stats v0)" 'web'

    # A packet too short for the field: an error, which passes.
    frames short
    same "$mode: bounds" "$(stat_after '["errors"]["BOUNDS"]' 11)" 1
    same "$mode: passes on error" "$(stat_after '["pass"]' 11)" 6

    row=$(xdp list --json)
    same "$mode: list" "$(echo "$row" | json '[j[0][k] for k in
        ("iface", "hook", "mode", "engine", "name", "on_error", "source", "state")]')" \
        "['v0', 'xdp', '$mode', 'kernel', 'web', 'pass', '$filter', 'attached']"
    id=$(echo "$row" | json 'j[0]["prog_id"]')
    contains "$mode: bpftool prog show" "$(bpftool prog show id "$id")" 'name vfm_web'
    contains "$mode: show" "$(xdp show v0)" "$filter"
    same "$mode: show --json" "$(xdp show v0 --json | json 'j[0]["tables"][0]["key"]')" ipv4
    # The maps say what they hold.
    pin=$(xdp show v0 --json | json 'j[0]["tables"][0]["pin"]')
    contains "$mode: bpftool map dump" "$(bpftool map dump pinned "$pin")" '"value": 5'

    same "$mode: detach" "$(xdp detach v0)" "detached 'web' from v0 at xdp"
    same "$mode: state after detach" "$(state)" "$before"
    same "$mode: nothing is listed" "$(xdp list --json)" '[]'
done

# --on-error=drop, and names with any punctuation.
xdp attach v0 -e "$filter" --name 'v1.2:x' --on-error=drop >/dev/null
frames short
same "dropped on error" "$(stat_after '["drop"]' 1)" 1
same "on_error" "$(xdp list --json | json '(j[0]["name"], j[0]["on_error"])')" "('v1.2:x', 'drop')"
xdp detach v0 --name 'v1.2:x' >/dev/null

# auto takes the driver; where that has no XDP it says so and takes skb.
same "auto on veth" "$(xdp attach v0 -e 1 --json | json 'j["mode"]')" native
note=$(xdp attach lo -e 1 2>&1 >/dev/null)
contains "auto on lo" "$note" "skb mode"
xdp detach lo >/dev/null
refused 3 "no native XDP" xdp attach lo -e 1 --mode=native
xdp detach v0 >/dev/null

# More values at once than registers and stack hold: scratch memory belongs to the program alone.
deep=$(python3 -c 'print("".join("(%s (* (u8 %d) %d) " % ("^+-"[i % 3], i % 50, i + 3)
    for i in range(200)) + "7" + ")" * 200)')
xdp attach v0 -e "$deep" --name deep >/dev/null
id=$(xdp list --json | json 'j[0]["prog_id"]')
maps=$(for map in $(bpftool -j prog show id "$id" | json '*j["map_ids"]'); do
    bpftool map show id "$map"
done)
contains "scratch memory" "$maps" 'name vfm_scratch'
same "what is pinned" "$(ls "$bpffs"/vfm-2/*/xdp/gen-1/filters/deep/maps)" vfm_stats
frames 'tcp*3'
same "it runs" "$(stat_after '["packets"]' 3)" 3
xdp detach v0 >/dev/null

# Real connections: TCP passes, UDP does not.
serve
traffic tcp 10.9.0.2 7000 || fail "no TCP before any filter"
same "UDP before any filter" "$(traffic udp 10.9.0.2 7001)" 1
for mode in native skb; do
    xdp attach v0 -e '(= proto 6)' --mode=$mode >/dev/null
    traffic tcp 10.9.0.2 7000 100000 x || fail "$mode: TCP does not pass"
    same "$mode: UDP is dropped" "$(traffic udp 10.9.0.2 7001 2)" 0
    xdp detach v0 >/dev/null
    same "$mode: UDP passes after detach" "$(traffic udp 10.9.0.2 7001)" 1
done

# -v: what took how long, the kernel's part apart.
said=$(xdp attach v0 -e 1 -v 2>&1 >/dev/null)
for step in "to read and compile" "to verify and translate" "for the kernel to make its maps and verify it" \
    "for the kernel to attach it" "to pin and record it"; do
    contains "steps of attach -v" "$said" "ms $step"
done
xdp detach v0 >/dev/null
