#!/usr/bin/env bash
# Many processes at once: of those that want the same place exactly one gets it, and nobody's state is
# harmed.
. "$(dirname "$0")/lib.sh"
before=$(state)

for round in 1 2 3; do
    rm -f "$work"/won.* "$work"/lost.*
    for i in $(seq 8); do
        (
            if xdp attach v0 -e "(= proto $i)" --name same >/dev/null 2>"$work/err.$i"; then
                touch "$work/won.$i"
            else
                [ $? = 3 ] && touch "$work/lost.$i"
            fi
        ) &
        attachers[i]=$!
    done
    wait "${attachers[@]}"
    same "winners" "$(find "$work" -name 'won.*' | wc -l)" 1
    same "losers" "$(find "$work" -name 'lost.*' | wc -l)" 7
    winner=$(basename "$work"/won.*)
    same "the winner's filter" "$(xdp list --json | json '[f["source"] for f in j]')" \
        "['(= proto ${winner#won.})']"
    xdp detach v0 >/dev/null
    same "state" "$(state)" "$before"
done

# Attaching, reading and detaching different filters at the same time.
needs tcx_ingress
for i in $(seq 6); do
    (
        for _ in 1 2 3; do
            xdp attach v0 -e "(count-by src-ip)" --hook=tc-ingress --name "n$i" >/dev/null
            xdp list --json >/dev/null
            xdp stats v0 --name "n$i" >/dev/null
            xdp detach v0 --name "n$i" >/dev/null
        done
        touch "$work/done.$i"
    ) &
    workers[i]=$!
done
wait "${workers[@]}"
same "workers that came through" "$(find "$work" -name 'done.*' | wc -l)" 6
same "state" "$(state)" "$before"
