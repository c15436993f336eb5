#!/usr/bin/env bash
# Filters outlive the command and a kill; the state follows interfaces that are renamed, moved, deleted.
. "$(dirname "$0")/lib.sh"
before=$(state)

# Nothing of the command is left, the filter works on.
xdp attach v0 -e '(= proto 6)' --name lives >/dev/null
! pgrep -x vfm-xdp >/dev/null || fail "a vfm-xdp is still running"
frames 'tcp*2' 'udp*3'
same "passes" "$(stat_after '["pass"]' 5)" 2

# A watcher that is killed takes nothing with it.
vfm-xdp stats v0 --watch --bpffs "$bpffs" >/dev/null & watcher=$!
sleep 0.3
kill -9 $watcher
wait $watcher 2>/dev/null || true
frames 'tcp'
same "passes after kill -9" "$(stat_after '["pass"]' 6)" 3

# --watch goes on until interrupted, and ends well then.
timeout -s INT 2.5 vfm-xdp stats v0 --watch --json --bpffs "$bpffs" >"$work/watch" || [ $? = 124 ] ||
    fail "--watch does not end well"
[ "$(wc -l <"$work/watch")" -ge 2 ] || fail "--watch showed $(wc -l <"$work/watch") lines"
same "a line of --watch" "$(tail -n 1 "$work/watch" | json 'j[0]["packets"]')" 6

# A new name of the interface is the filter's too.
ip link set v0 name w0
same "renamed" "$(xdp list --json | json '(j[0]["iface"], j[0]["state"])')" "('w0', 'attached')"
refused 3 "no such interface" xdp stats v0
same "by the new name" "$(xdp stats w0 --json | json 'j[0]["name"]')" lives
ip link set w0 name v0

# An interface that is deleted leaves a stale filter, whose counters can be read and which can go.
xdp attach v0 -e 1 --hook=tc-ingress --name other >/dev/null 2>&1 || true
ip link delete v0
same "stale" "$(xdp list --json | json '{(f["iface"], f["state"]) for f in j}')" "{('v0', 'stale')}"
same "stale stats" "$(xdp stats v0 --json --name lives | json 'j[0]["packets"]')" 6
# The interface comes again: what is stale is in nobody's way, and detach takes both.
make_pair
xdp attach v0 -e '(= proto 6)' --name lives >/dev/null
same "the live one is read" "$(xdp stats v0 --json | json '[(f["state"], f["packets"]) for f in j]')" \
    "[('attached', 0)]"
xdp detach v0 --all >/dev/null
same "nothing is left" "$(state)" "$before"

# Somebody else detaches the link: stale, and detached like any other.
xdp attach v0 -e 1 --name lost >/dev/null
bpftool link detach pinned "$(xdp show v0 --json | json 'j[0]["link"]')"
same "detached by another" "$(xdp list --json | json 'j[0]["state"]')" stale
refused 3 "stale filter" xdp attach v0 -e 1 --name lost
xdp attach v0 -e 1 --name found >/dev/null
xdp detach v0 --name lost >/dev/null
xdp detach v0 >/dev/null
same "nothing is left" "$(state)" "$before"

# A filter whose record is gone can still be seen and taken off.
xdp attach v0 -e 1 --name v1.2 >/dev/null
rm "$(xdp show v0 --json | json 'j[0]["link"]' | sed 's,/link,/gen-1/record,')"
same "without its record" "$(xdp list --json | json '[(f["name"], f["iface"], f["state"]) for f in j]')" \
    "[('v1.2', 'v0', 'attached')]"
refused 3 "cannot read" xdp stats v0
xdp detach v0 --name v1.2 >/dev/null
same "nothing is left" "$(state)" "$before"

# Another network namespace: the same index means another interface, and nobody detaches by mistake.
xdp attach v0 -e 1 --name mine >/dev/null
ip link add v0 netns "$peer_pid" type dummy 2>/dev/null || peer ip link add v0 type veth peer name v2
same "seen from elsewhere" \
    "$(peer vfm-xdp list --json --bpffs "$bpffs" | json '(j[0]["iface"], j[0]["state"])')" \
    "('v0', 'elsewhere')"
refused 3 "another network namespace" peer vfm-xdp detach v0 --bpffs "$bpffs"
peer vfm-xdp attach v0 -e 1 --name mine --bpffs "$bpffs" >/dev/null 2>&1
same "both" "$(xdp list --json | json 'sorted(f["state"] for f in j)')" "['attached', 'elsewhere']"
peer vfm-xdp detach v0 --bpffs "$bpffs" >/dev/null
xdp detach v0 >/dev/null
same "nothing is left" "$(state)" "$before"
