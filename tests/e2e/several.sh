#!/usr/bin/env bash
# Several filters on one hook: one program in order of priority, each with its own counts, tables that
# are shared over all hooks, and what goes on when one comes or goes.
. "$(dirname "$0")/lib.sh"
before=$(state)

# Priority, then the order in which they were attached; a drop ends.
xdp attach v0 -e '(!= dst-port 81)' --name b >/dev/null 2>&1
xdp attach v0 -e '(!= dst-port 82)' --name c >/dev/null 2>&1
xdp attach v0 -e '(< (count-by src-ip) 100)' --name a --prio 10 >/dev/null 2>&1
xdp attach v0 -e 1 --name last --prio 65535 >/dev/null 2>&1
same "order" "$(xdp list --json | json '[(f["name"], f["prio"]) for f in j]')" \
    "[('a', 10), ('b', 50), ('c', 50), ('last', 65535)]"
same "one program" "$(xdp list --json | json 'len({f["prog_id"] for f in j})')" 1
frames 'tcp:dport=81*2' 'tcp:dport=82*3' 'tcp:dport=83*4'
stat_after '' 9 >/dev/null
counts() { xdp stats v0 --json | json '[(f["name"], f["packets"], f["pass"], f["drop"]) for f in j]'; }
same "counts" "$(counts)" "[('a', 9, 9, 0), ('b', 9, 7, 2), ('c', 7, 4, 3), ('last', 4, 4, 0)]"

# What comes and goes leaves the others their counts and tables.
xdp attach v0 -e '(= proto 6)' --name d --prio 20 >/dev/null 2>&1
same "counts when one comes" "$(counts)" \
    "[('a', 9, 9, 0), ('d', 0, 0, 0), ('b', 9, 7, 2), ('c', 7, 4, 3), ('last', 4, 4, 0)]"
same "flows when one comes" "$(xdp flows v0 --json | json '[(f["name"], f["value"]) for f in j]')" "[('a', 9)]"
xdp detach v0 --name b >/dev/null
frames 'tcp:dport=81*2' 'udp*3'
stat_after '' 14 >/dev/null
same "counts when one goes" "$(counts)" \
    "[('a', 14, 14, 0), ('d', 5, 2, 3), ('c', 9, 6, 3), ('last', 6, 6, 0)]"

# One that the kernel does not take leaves all as it is.
taken=$(state)
refused 3 "taken" xdp attach v0 -e 1 --name c
python3 -c 'print("".join(f"(deftable t{i} :key port) " for i in range(64)) +
    "(+ " + " ".join(f"(flow-add! t{i} dst-port 1)" for i in range(64)) + ")")' >"$work/maps.vfl"
refused 3 "eBPF" xdp attach v0 "$work/maps.vfl" --name many --no-fallback
refused 3 "in the kernel" xdp attach v0 "$work/maps.vfl" --name many
same "state after a refusal" "$(state)" "$taken"
xdp detach v0 --all >/dev/null
same "state after detach" "$(state)" "$before"

# 32 on each hook.
for hook in xdp tc-ingress tc-egress; do
    for i in $(seq 32); do
        xdp attach v0 -e "(!= dst-port $((8000 + i)))" --name "f$i" --hook=$hook >/dev/null 2>&1
    done
done
same "filters" "$(xdp list --json | json '(len(j), len({f["prog_id"] for f in j}))')" "(96, 3)"
frames 'tcp:dport=8032*2' 'tcp:dport=8001*3'
stat_after '' 5 xdp >/dev/null
same "of the first and the last" \
    "$(xdp stats v0 --hook=xdp --json | json '[(f["packets"], f["drop"]) for f in (j[0], j[31])]')" "[(5, 3), (2, 2)]"
xdp detach v0 --all >/dev/null
same "state after 96" "$(state)" "$before"

# A shared table is one over all hooks: replies to own connections come in, nothing else.
table='(deftable seen :key conn :shared)'
xdp attach v0 -e "$table (if (> (flow-set! seen conn 1) 0) 1 1)" --hook=tc-egress --name out >/dev/null 2>&1
refused 3 "cannot share a table yet" \
    xdp attach v0 -e "$table (flow-get seen conn)" --name served --mode=userspace --hook=tc-ingress --force
xdp attach v0 -e "$table (> (flow-get seen conn) 0)" --name in >/dev/null 2>&1
serve
traffic tcp 10.9.0.2 7000 100000 x || fail "replies do not come in"
frames 'tcp:dport=99*2'
sleep 0.2
xdp stats v0 --name in --json | json '1 // (j[0]["drop"] >= 2)' >/dev/null || fail "strangers come in"
keys() { xdp flows v0 --name "$1" --json | json 'sorted(f["key"] for f in j)'; }
same "one table" "$(keys in)" "$(keys out)"
[ "$(keys in)" != "[]" ] || fail "nothing is in the table"
# A third one at the same hook, and what is left when the first goes.
xdp attach v0 -e "$table (+ 1 (flow-get seen conn))" --name also --prio 60 >/dev/null 2>&1
same "a third" "$(keys also)" "$(keys out)"
xdp attach v0 -e "$table (+ 1 (flow-get seen conn))" --name before --prio 1 >/dev/null 2>&1
same "one before all" "$(keys before)" "$(keys out)"
xdp detach v0 --name out >/dev/null
same "without the first" "$(keys also)" "$(keys in)"
refused 3 "declared in another way" \
    xdp attach v0 -e '(deftable seen :key conn :capacity 10 :shared) (flow-get seen conn)' --name odd
xdp detach v0 --all >/dev/null
same "state after shared tables" "$(state)" "$before"
