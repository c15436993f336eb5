#!/usr/bin/env bash
# More filters on one hook than one program has maps for: programs that follow each other, which go on
# without the process that attached them, and change while packets come.
. "$(dirname "$0")/lib.sh"
before=$(state)

attach() {
    xdp attach v0 -e "(and (> (count-by src-ip) 0) (!= dst-port $((8000 + $1))))" --name "f$1" --hook="$2" \
        >/dev/null 2>"$work/why" || fail "filter $1 at $2: $(cat "$work/why")"
}
# counts HOOK NAME...: packets, passed and dropped ones of these.
counts() {
    local hook=$1
    shift
    xdp stats v0 --hook="$hook" --json |
        json "[(f['packets'], f['pass'], f['drop']) for f in j if f['name'] in '$*'.split()]"
}

# Two maps each: more than a program may have, and more than two may.
for place in xdp:100 tc-ingress:70; do
    hook=${place%:*} last=${place#*:}
    for i in $(seq "$last"); do attach "$i" "$hook"; done
    same "filters at $hook" "$(xdp list --json | json '(len(j), len({f["prog_id"] for f in j}))')" "($last, 1)"
    [ -e "$(find "$bpffs" -path "*/$hook/gen-*/programs")" ] || fail "no array of programs is pinned at $hook"
    frames "tcp:dport=$((8000 + last))*2" 'tcp:dport=8001*3' 'tcp:dport=8060*4' 'tcp:dport=9000*5'
    stat_after '' 14 "$hook" >/dev/null
    same "counts at $hook" "$(counts "$hook" f1 f2 f60 f61 "f$last")" \
        "[(14, 11, 3), (11, 11, 0), (11, 7, 4), (7, 7, 0), (7, 5, 2)]"

    # While packets come that the last one drops: no filter misses one, whatever comes and goes before it.
    frames "tcp:dport=$((8000 + last))*20000" &
    sender=$!
    for _ in 1 2 3 4 5; do
        xdp detach v0 --name f50 --hook="$hook" >/dev/null
        attach 50 "$hook"
    done
    wait $sender
    stat_after '' 20014 "$hook" >/dev/null
    same "judged while filters change at $hook" "$(counts "$hook" f1 f61 "f$last")" \
        "[(20014, 20011, 3), (20007, 20007, 0), (20007, 5, 20002)]"

    # What one program holds again is one program.
    for i in $(seq $((last - 25))); do xdp detach v0 --name "f$i" --hook="$hook" >/dev/null; done
    [ -z "$(find "$bpffs" -path "*/$hook/gen-*/programs")" ] || fail "several programs for 25 filters at $hook"
    xdp detach v0 --all >/dev/null
    same "state after $hook" "$(state)" "$before"
done
