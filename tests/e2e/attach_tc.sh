#!/usr/bin/env bash
# Filters on tc ingress and egress with real traffic, several on one hook.
. "$(dirname "$0")/lib.sh"
needs tcx_ingress

before=$(state)
xdp attach v0 -e '(and (= proto 6) (< (count-by src-ip) 4))' --hook=tc-ingress --name in >/dev/null
same "mode" "$(xdp list --json | json '(j[0]["hook"], j[0]["mode"])')" "('tc-ingress', 'skb')"
frames 'tcp*5' 'udp*3'
same "ingress passes" "$(stat_after '["pass"]' 8)" 3
same "ingress drops" "$(stat_after '["drop"]' 8)" 5
same "ingress bytes" "$(stat_after '["bytes"]' 8)" $((5 * 74 + 3 * 62))
same "ingress flows" "$(xdp flows v0 --json | json '[(f["key"], f["value"]) for f in j]')" \
    "[('10.9.0.2', 5)]"

# A second filter on the same hook: a packet passes if both let it.
xdp attach v0 -e '(!= dst-port 81)' --hook=tc-ingress --name second >/dev/null
frames 'tcp:src=10.9.0.5:dport=81*2' 'tcp:src=10.9.0.5:dport=82'
sleep 0.3
same "second filter" "$(xdp stats v0 --json --name second | json '(j[0]["pass"], j[0]["drop"])')" "(1, 2)"
same "first filter" "$(xdp stats v0 --json --name in | json 'j[0]["pass"]')" 6
refused 2 "say which" xdp detach v0
xdp detach v0 --name in >/dev/null
same "one is left" "$(xdp list --json | json '[f["name"] for f in j]')" "['second']"
xdp detach v0 >/dev/null
same "state after detach" "$(state)" "$before"

# Egress, beside XDP on the same interface, same name.
xdp attach v0 -e '(!= dst-port 81)' --hook=tc-egress --name out >/dev/null
xdp attach v0 -e 1 --hook=xdp --name out >/dev/null
traffic frames v0 'udp:src=10.9.0.1:dst=10.9.0.2:dport=81*4' 'udp:src=10.9.0.1:dst=10.9.0.2:dport=53*2'
same "egress drops" "$(stat_after '["drop"]' 6 tc-egress)" 4
same "egress passes" "$(stat_after '["pass"]' 6 tc-egress)" 2
same "XDP sees none of it" "$(stat_after '["packets"]' 0 xdp)" 0
refused 2 "say which" xdp detach v0 --name out
same "all hooks are shown" "$(xdp stats --json | json '[f["hook"] for f in j]')" "['xdp', 'tc-egress']"
xdp detach v0 --name out --hook=xdp >/dev/null
xdp detach v0 --all >/dev/null
same "state after all" "$(state)" "$before"

# Real connections through both.
serve
for hook in tc-ingress tc-egress; do
    xdp attach v0 -e '(= proto 6)' --hook=$hook >/dev/null
    traffic tcp 10.9.0.2 7000 300000 x || fail "$hook: TCP does not pass"
    same "$hook: UDP is dropped" "$(traffic udp 10.9.0.2 7001 2)" 0
    xdp detach v0 >/dev/null
    same "$hook: UDP passes after detach" "$(traffic udp 10.9.0.2 7001)" 1
done
