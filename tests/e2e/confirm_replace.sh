#!/usr/bin/env bash
# replace --confirm: the old filter is back in time unless the new one is confirmed, whoever was killed.
. "$(dirname "$0")/lib.sh"
before=$(state)
replace() { vfm-xdp replace v0 "$@" --bpffs "$bpffs"; }
sources() { xdp list --json | json '[(f["name"], f["source"].strip(), f["confirm_left"] is None) for f in j]'; }
old='(< (count-by ip.src) 100)'
new='(< (count-by ip.src) 50)'
# back WHAT: in time the old one is there.
back() {
    for _ in $(seq 300); do
        [ "$(sources)" != "[('filter', '$old', True)]" ] || return 0
        sleep 0.1
    done
    fail "$1: $(sources)"
}
quiet() { "$@" >/dev/null 2>&1; }

quiet xdp attach v0 -e "$old"
frames 'udp*3'
stat_after '' 3 >/dev/null
replace -e "$new" --confirm 600 >/dev/null 2>"$work/err"
contains "note" "$(cat "$work/err")" "'filter' is again what it was in 600 s"
same "the new one" "$(sources)" "[('filter', '$new', False)]"
refused 3 "waits to be confirmed itself" replace -e 1 --confirm 5
quiet replace --undo
start=$(date +%s%3N)
quiet replace -e "$new" --confirm 3
frames 'udp*2'
stat_after '' 5 >/dev/null
back "not confirmed"
[ $(($(date +%s%3N) - start)) -ge 3000 ] || fail "back too early"
same "its table" "$(xdp flows v0 --json | json 'j[0]["value"]')" 5
same "its statistics" "$(xdp stats v0 --json | json 'j[0]["packets"]')" 5

# Confirmed, and undone by hand: nothing comes after it.
quiet replace -e "$new" --confirm 5
quiet xdp confirm v0 || fail "not confirmed within 5 s"
quiet replace -e 1 --confirm 4
quiet replace --undo || true
sleep 5.5
same "confirmed" "$(sources)" "[('filter', '$new', True)]"
# Replaced once more without: the time of the one before is not its own.
quiet replace -e "$old" --confirm 4
quiet replace -e '(= proto 17)'
sleep 4.5
same "the newest one" "$(sources)" "[('filter', '(= proto 17)', True)]"
refused 2 "--undo brings back" replace --undo --confirm 5
refused 2 "takes a number" replace -e 1 --confirm 0
xdp detach v0 >/dev/null

# The old one waits itself: what nobody has confirmed goes.
xdp attach v0 -e "$old" --confirm 60 >/dev/null 2>&1
replace -e "$new" --confirm 1 >/dev/null 2>&1
for _ in $(seq 300); do
    [ "$(state)" != "$before" ] || break
    sleep 0.1
done
same "both go" "$(state)" "$before"

# The guard is killed: who takes the lock next brings the old one back.
xdp attach v0 -e "$old" >/dev/null 2>&1
replace -e "$new" --confirm 2 --json 2>/dev/null | json '1 // (j["confirm_left"] in (1, 2))' >/dev/null || fail "replace --json"
pkill -9 -x vfm-xdp
sleep 2.5
same "its time is over" "$(sources)" "[('filter', '$new', False)]"
xdp attach v0 -e 1 --name other --hook=tc-egress >/dev/null
xdp detach v0 --name other >/dev/null
back "swept"

# What would cut off the session of the command is not put there; what is in tables counts.
SSH_CONNECTION='10.9.0.2 50000 10.9.0.1 22' refused 3 "cut off this SSH session" replace -e '(not (= tcp.dport 22))'
back "refused"
frames 'tcp:dport=22*60'
stat_after '' 60 >/dev/null
SSH_CONNECTION='10.9.0.2 50000 10.9.0.1 22' refused 3 "cut off this SSH session" replace -e "(or (has arp) $new)"
SSH_CONNECTION='10.9.0.2 50000 10.9.0.1 22' replace -e "(or (has arp) $new)" --keep=none >/dev/null 2>&1 || fail "--keep=none"
xdp detach v0 >/dev/null
for _ in $(seq 300); do
    [ "$(state)" != "$before" ] || break
    sleep 0.1
done
same "state" "$(state)" "$before"
