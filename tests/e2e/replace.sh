#!/usr/bin/env bash
# A filter is exchanged under traffic: what fits goes on, nothing is judged by neither, and a refusal
# leaves the old filter alone.
. "$(dirname "$0")/lib.sh"
before=$(state)
replace() { vfm-xdp replace v0 "$@" --bpffs "$bpffs"; }
rules() { xdp stats v0 --name "$1" --json | json '[(r["rules"], r["rule"], r["packets"]) for r in j[0]["rules"]]'; }

refused 3 "no filter of VFM is attached" replace -e 1
xdp attach v0 -e '(rules (when :name "web" (= dst-port 80) pass)
    (when (= dst-port 81) drop) (when (>= (count-by ip.src) 1000) drop) (default pass))' >/dev/null 2>&1
frames 'tcp:dport=80*3' 'tcp:dport=81*2' 'tcp:dport=82*1'
stat_after '' 6 >/dev/null

# Rules in another order, one changed, one new, one with the same name: by identity.
out=$(replace -e '(rules (when (= dst-port 83) drop) (when (= dst-port   81) drop)
    (when :name "web" (= dst-port 8080) pass) (when (>= (count-by ip.src) 1000) drop)
    (when (= (count-by udp.dport) 7) pass) (default pass))' --json 2>/dev/null)
same "kept" "$(echo "$out" | json 'j["kept"]')" \
    "['statistics', 'ip.src', '(default pass)', 'web', '(when (= dst-port 81) drop)', '(when (>= (count-by ip.src) 1000) drop)']"
same "dropped" "$(echo "$out" | json 'j["dropped"]')" "[]"
same "rules" "$(rules filter)" \
    "[('rules', 0, 1), ('rules', 1, 0), ('rules', 2, 2), ('rules', 3, 3), ('rules', 4, 0), ('rules', 5, 0)]"
frames 'tcp:dport=83*4' 'tcp:dport=81*1' 'tcp:dport=8080*2'
same "packets" "$(stat_after '["drop"]' 13)" 7
same "rules then" "$(rules filter)" \
    "[('rules', 0, 1), ('rules', 1, 4), ('rules', 2, 3), ('rules', 3, 5), ('rules', 4, 0), ('rules', 5, 0)]"
same "flows" "$(xdp flows v0 --table ip.src --json | json 'j[0]["value"]')" 1

# Another one of the hook comes; twice again, without rules between: what was counted stays or goes.
xdp attach v0 -e '(!= dst-port 90)' --name second --prio 60 >/dev/null 2>&1
same "rules beside another" "$(rules filter | cut -c1-20)" "[('rules', 0, 1), ('"
refused 2 "say which" replace -e 1
replace -e '(rules (when :name "web" (= dst-port 443) drop) (default drop))' --name filter --prio 70 >/dev/null 2>&1
same "rules of the third" "$(rules filter)" "[('rules', 0, 0), ('rules', 1, 5)]"
same "order" "$(xdp list --json | json '[(f["name"], f["prio"]) for f in j]')" "[('second', 60), ('filter', 70)]"
frames 'tcp:dport=90*1' 'tcp:dport=91*2'
same "packets of both" "$(stat_after '["packets"]' 3)" 3
same "packets of the third" "$(xdp stats v0 --name filter --json | json '(j[0]["packets"], j[0]["drop"])')" "(15, 9)"
same "nothing to watch" "$(xdp flows v0 --name filter --json)" "[]"

# Undone once.
replace --undo --name filter >/dev/null
same "undone" "$(xdp list --json | json '[(f["name"], f["prio"], "8080" in f["source"]) for f in j]')" \
    "[('filter', 50, True), ('second', 60, False)]"
same "rules of the second again" "$(rules filter | cut -c1-20)" "[('rules', 0, 0), ('"
refused 3 "undone already" replace --undo --name filter
refused 2 "--undo brings back" replace --undo --name filter -e 1

# Nothing is kept; a refusal changes nothing.
out=$(replace -e '(rules (default pass))' --keep=none --name filter --json)
same "kept of none" "$(echo "$out" | json '(j["kept"], "ip.src" in j["dropped"])')" "([], True)"
same "packets of none" "$(xdp stats v0 --name filter --json | json 'j[0]["packets"]')" 0
taken=$(state)
listed=$(xdp list --json)
python3 -c 'print("".join(f"(deftable t{i} :key port) " for i in range(63)) +
    "(+ " + " ".join(f"(flow-add! t{i} dst-port 1)" for i in range(63)) + ")")' >"$work/maps.vfl"
refused 3 "eBPF" replace "$work/maps.vfl" --name filter
refused 1 "unknown" replace -e '(nonsense 1)' --name filter
refused 3 "is attached in" replace -e 1 --name filter --mode=userspace
refused 2 "keep" replace -e 1 --name filter --keep=some
refused 3 "no filter of VFM named" replace -e 1 --name nobody
same "state after refusals" "$(state)" "$taken"
same "list after refusals" "$(xdp list --json)" "$listed"
xdp detach v0 --all >/dev/null
same "state" "$(state)" "$before"

# Under a flood: all is dropped and counted by the old filter or the new one.
total=100000
xdp attach v0 -e '(rules (when (= udp.dport 9) drop) (default pass))' >/dev/null 2>&1
xdp attach v0 -e '(rules (when (= udp.dport 9) drop) (default pass))' --name behind >/dev/null 2>&1
frames "udp:dport=9*$total" &
flood=$!
replacements=0
# Until it ends, but at least so many that both ways to go on with counters are met.
while [ $replacements -lt 4 ] || kill -0 $flood 2>/dev/null; do
    replacements=$((replacements + 1))
    # Every other one counts in other maps.
    extra=$([ $((replacements % 2)) = 0 ] || echo "(when (= udp.dport $((1000 + replacements))) pass)")
    replace -e "(rules (when (= udp.dport 9) drop) $extra (default pass))" --name filter >/dev/null
done
wait $flood
same "dropped" "$(stat_after '["drop"]' $total)" $total
same "of the rule" "$(xdp stats v0 --name filter --json | json 'j[0]["rules"][1]["packets"]')" $total
same "none got past" "$(xdp stats v0 --name behind --json | json 'j[0]["packets"]')" 0
echo "$replacements replacements under a flood of $total packets"
xdp detach v0 --all >/dev/null
same "state after the flood" "$(state)" "$before"
