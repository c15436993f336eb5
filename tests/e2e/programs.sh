#!/usr/bin/env bash
# More filters on one hook than one program has maps for: programs that follow each other, which go on
# without the process that attached them, and change while packets come.
. "$(dirname "$0")/lib.sh"
before=$(state)

# In this order, with these tables: 100 filters ask for 200 maps.
attach() { xdp attach v0 -e "(and (> (count-by src-ip) 0) (!= dst-port $((8000 + $1))))" --name "f$1" --hook="$2" >/dev/null 2>"$work/why"; }
for hook in xdp tc-ingress; do
    for i in $(seq 100); do attach "$i" $hook || fail "filter $i at $hook: $(cat "$work/why")"; done
    same "filters at $hook" "$(xdp list --json | json '(len(j), len({f["prog_id"] for f in j}))')" "(100, 1)"
    array=$(find "$bpffs" -path "*/$hook/gen-*/programs")
    [ -e "$array" ] || fail "no array of programs is pinned at $hook"
    frames 'tcp:dport=8100*2' 'tcp:dport=8001*3' 'tcp:dport=8060*4' 'tcp:dport=9000*5'
    stat_after '' 14 $hook >/dev/null
    same "counts at $hook" "$(xdp stats v0 --hook=$hook --json |
        json '[(f["packets"], f["drop"]) for f in (j[0], j[1], j[59], j[60], j[99])]')" \
        "[(14, 3), (11, 0), (11, 4), (7, 0), (7, 2)]"

    # While packets come: not one is passed by the last filter's port, whatever goes and comes before it.
    frames 'tcp:dport=8100*20000' &
    sender=$!
    for i in $(seq 5); do
        xdp detach v0 --name f50 --hook=$hook >/dev/null
        attach 50 $hook
    done
    wait $sender
    stat_after '' 20014 $hook >/dev/null
    same "judged while filters change at $hook" "$(xdp stats v0 --hook=$hook --json |
        json '[(f["name"], f["packets"], f["pass"], f["drop"]) for f in j if f["name"] in ("f1", "f99", "f100")]')" \
        "[('f1', 20014, 20011, 3), ('f99', 20007, 20007, 0), ('f100', 20007, 5, 20002)]"

    # What one program holds again is one program.
    for i in $(seq 75); do xdp detach v0 --name "f$i" --hook=$hook >/dev/null; done
    [ ! -e "$(dirname "$(find "$bpffs" -path "*/$hook/gen-*/program")")/programs" ] || fail "several programs for 25 filters at $hook"
    xdp detach v0 --all >/dev/null
    same "state after $hook" "$(state)" "$before"
done
