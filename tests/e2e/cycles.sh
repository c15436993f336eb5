#!/usr/bin/env bash
# Attaching, replacing and detaching again and again, under traffic, leaves nothing: no pin, no link, no
# program and no map of any that there was. VFM_LONG=1: a thousand cycles.
. "$(dirname "$0")/lib.sh"
command -v bpftool >/dev/null || skip "bpftool is not installed"
cycles=8
[ "${VFM_LONG:-0}" = 0 ] || cycles=1000
before=$(state)
frames "udp:dport=9*$((cycles * 4000))" &
flood=$!
programs=() maps=()
remember() {  # the program of v0 and the maps that it uses
    local program
    program=$(ip -j -d link show v0 | json 'j[0]["xdp"]["prog"]["id"]')
    programs+=("$program")
    maps+=($(bpftool -j prog show id "$program" | json '*j.get("map_ids", [])'))
}
for i in $(seq $cycles); do
    xdp attach v0 -e '(rules (when (= udp.dport 9) drop) (when (> (count-by ip.src) 1000000) drop) (default pass))' \
        --name a >/dev/null 2>&1
    remember
    xdp attach v0 -e '(< (count-by udp.dport) 1000000)' --name b --prio 10 >/dev/null 2>&1
    remember
    xdp replace v0 -e "(rules (when (= udp.dport 9) drop) (when (= udp.dport $i) drop) (default pass))" --name a \
        >/dev/null 2>&1
    remember
    xdp detach v0 --name b >/dev/null
    remember
    xdp detach v0 >/dev/null
    same "state after cycle $i" "$(state)" "$before"
done
kill $flood 2>/dev/null || true
wait $flood || true
# The kernel frees what nobody holds any more a moment later.
left() {
    local id
    for id in "${programs[@]}"; do ! bpftool prog show id "$id" >/dev/null 2>&1 || echo "program $id"; done
    for id in "${maps[@]}"; do ! bpftool map show id "$id" >/dev/null 2>&1 || echo "map $id"; done
}
for _ in $(seq 100); do
    [ -n "$(left)" ] || break
    sleep 0.1
done
same "what is left" "$(left)" ""
echo "$cycles cycles, ${#programs[@]} programs, $(printf '%s\n' "${maps[@]}" | sort -u | wc -l) maps"
