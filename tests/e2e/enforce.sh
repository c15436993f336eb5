#!/usr/bin/env bash
# attach --monitor and --canary, and `enforce`: what is counted instead of dropped, which flows are dropped,
# and that the change is one write, on both roads.
. "$(dirname "$0")/lib.sh"
before=$(state)

# The flows of UDP from 10.9.0.2, ports 1000 + i to 9: their numbers by HASH5, as vfm-test computes them.
flows() { # SHARE (of 10,000) FIRST COUNT: how many of them are below it
    python3 - "$@" <<'P'
import sys
share, first, count = map(int, sys.argv[1:])
mask = (1 << 64) - 1
def hash5(words):
    h = 0x9E3779B97F4A7C15
    for w in words:
        h = ((h ^ w) * 0xFF51AFD7ED558CCD) & mask
        h ^= h >> 32
    return h
src, dst = 0x0A090002, 0x0A090001
print(sum(hash5([0, src, 0, dst, port << 16 | 9, 17]) % 10000 < share for port in range(first, first + count)))
P
}
send() { # FIRST COUNT: a packet of each flow
    local specs=() port
    for ((port = $1; port < $1 + $2; port++)); do specs+=("udp:sport=$port:dport=9"); done
    frames "${specs[@]}"
}
# packets, pass, drop, would_drop of a filter, once it has seen so many.
counts() { # NAME PACKETS
    local seen=
    for _ in $(seq 200); do
        seen=$(xdp stats v0 --name "$1" --json | json 'j[0]["packets"]')
        [ "$seen" -lt "$2" ] || break
        sleep 0.02
    done
    xdp stats v0 --name "$1" --json | json '[j[0][k] for k in ("packets", "pass", "drop", "would_drop")]'
}
enforced() { xdp list --json | json '[(f["name"], f["enforce"]) for f in j]'; }

# Wrong usage.
refused 2 "exclude each other" xdp attach v0 -e 1 --monitor --canary 5%
for share in 101% 100.01% 5 5.123% -1% x% % 1.% .5%; do
    refused 2 "a share of 0% to 100%" xdp attach v0 -e 1 --canary="$share"
    [ "$share" = -1% ] || refused 2 "a share of 0% to 100%" xdp enforce v0 "$share"
done
refused 2 "SHARE is missing" xdp enforce v0
refused 3 "no filter of VFM" xdp enforce v0 on
same "state after wrong usage" "$(state)" "$before"

cat >"$work/rules.vfl" <<'V'
(rules
  (when :name "known" (= udp.sport 1000) pass)
  (when (< udp.sport 1100) drop)
  (default drop))
V

road() { # HOOK OPTIONS...: all of it on one road
    local hook=$1
    shift
    # Monitor: nothing is dropped, by rule; what would be goes on to the next filter.
    xdp attach v0 "$work/rules.vfl" --name web --hook="$hook" --monitor --on-error=drop "$@" >/dev/null 2>&1
    same "enforce" "$(enforced)" "[('web', 'off')]"
    program=$(xdp list --json | json 'j[0]["prog_id"]')
    send 1000 5
    send 1200 3
    same "monitored" "$(counts web 8)" "[8, 8, 0, 7]"
    same "by rule" "$(xdp stats v0 --json | json '[(r["rule"], r["packets"], r["would_drop"]) for r in j[0]["rules"]]')" \
        "[(0, 3, 3), (1, 1, 0), (2, 4, 4)]"
    contains "text" "$(xdp stats v0)" "WOULD-DROP"
    contains "show" "$(xdp show v0)" "enforce   off"

    # On, a share, off again: one write each, the same program.
    contains "on" "$(xdp enforce v0 on)" "drops all"
    send 1200 2
    same "on" "$(counts web 10)" "[10, 8, 2, 7]"
    contains "a share" "$(xdp enforce v0 --name web 25.5%)" "25.5% of all flows"
    same "share" "$(enforced)" "[('web', '25.5%')]"
    local dropped
    dropped=$(flows 2550 2000 60)
    [ "$dropped" -gt 5 ] && [ "$dropped" -lt 55 ] || fail "the flows are ill chosen: $dropped"
    send 2000 60
    same "25.5%" "$(counts web 70)" "[70, $((68 - dropped)), $((2 + dropped)), $((67 - dropped))]"
    same "json" "$(xdp enforce v0 off --json | json 'j["enforce"]')" off
    send 2000 60
    same "off" "$(counts web 130)" "[130, $((128 - dropped)), $((2 + dropped)), $((127 - dropped))]"
    # What is not IP is one flow, of six zero words.
    xdp enforce v0 --hook="$hook" 100% >/dev/null
    same "100%" "$(enforced)" "[('web', 'on')]"
    same "no new program" "$(xdp list --json | json 'j[0]["prog_id"]')" "$program"
    xdp detach v0 --name web >/dev/null
    same "state after detach" "$(state)" "$before"
}
road xdp
road tc-ingress

# From the beginning on, and every packet of a flow alike.
xdp attach v0 -e 0 --name half --canary 50% --hook=tc-ingress >/dev/null 2>&1
same "canary" "$(enforced)" "[('half', '50%')]"
dropped=$(flows 5000 3000 40)
send 3000 40
send 3000 40
same "canary's counts" "$(counts half 80)" "[80, $((80 - 2 * dropped)), $((2 * dropped)), $((80 - 2 * dropped))]"
xdp detach v0 >/dev/null

# Several filters of a hook, each with its own; what one withholds meets the next one.
xdp attach v0 -e 0 --name a --prio 1 --monitor >/dev/null 2>&1
xdp attach v0 -e '(!= udp.sport 1001)' --name b --prio 2 >/dev/null 2>&1
xdp attach v0 -e '(!= udp.sport 1002)' --name c --prio 3 --canary 0.01% >/dev/null 2>&1
same "each its own" "$(enforced)" "[('a', 'off'), ('b', 'on'), ('c', '0.01%')]"
send 1000 4
counts c 3 >/dev/null
same "one after the other" \
    "$(xdp stats v0 --json | json '[[f[k] for k in ("name", "packets", "drop", "would_drop")] for f in j]')" \
    "[['a', 4, 0, 4], ['b', 4, 1, 0], ['c', 3, 0, 1]]"
refused 2 "say which with --name and --hook" xdp enforce v0 off
refused 3 "attached without --monitor or --canary" xdp enforce v0 --name b off
refused 3 "with --monitor or --canary P%" xdp enforce v0 --name b 5%
xdp enforce v0 --name b on >/dev/null
# What comes and goes leaves shares and counts.
xdp enforce v0 --name c 12.34% >/dev/null
xdp attach v0 -e 1 --name d --prio 2 >/dev/null 2>&1
xdp detach v0 --name b >/dev/null
same "shares stay" "$(enforced)" "[('a', 'off'), ('d', 'on'), ('c', '12.34%')]"
same "counts stay" "$(xdp stats v0 --json | json '[f["would_drop"] for f in j]')" "[4, 0, 1]"
xdp enforce v0 --name a on >/dev/null
send 1000 4
same "on" "$(counts a 8)" "[8, 4, 4, 4]"
xdp detach v0 --all >/dev/null

# What fails follows --on-error, and is withheld where that is drop. A filter that drops nothing has a share,
# too.
xdp attach v0 -e '(!= dst-port 80)' --name far --on-error=drop --monitor >/dev/null 2>&1
frames 'short*3'
same "errors" "$(counts far 3)" "[3, 3, 0, 3]"
xdp detach v0 >/dev/null
xdp attach v0 -e 1 --name all --monitor >/dev/null 2>&1
xdp enforce v0 5% >/dev/null
same "nothing to drop" "$(enforced)" "[('all', '5%')]"
xdp detach v0 --json | json '1 // (j[0]["enforce"] == "5%")' >/dev/null || fail "detach does not tell what it was"
same "state at the end" "$(state)" "$before"

# A replacement leaves the share and what was counted, by rule; or says another share, which is undone with it.
xdp attach v0 "$work/rules.vfl" --name web --monitor >/dev/null 2>&1
send 1000 5
counts web 5 >/dev/null
cat >"$work/other.vfl" <<'V'
(rules
  (when (= udp.sport 1300) drop)
  (when (< udp.sport 1100) drop)
  (default drop))
V
rules() { xdp stats v0 --name web --json | json '[r["would_drop"] for r in j[0]["rules"]]'; }
xdp replace v0 "$work/other.vfl" >/dev/null 2>&1
same "share after a replacement" "$(enforced)" "[('web', 'off')]"
same "counts after it" "$(counts web 5)" "[5, 5, 0, 4]"
same "rules after it" "$(rules)" "[0, 0, 4]"
send 1000 5
same "counts go on" "$(counts web 10)" "[10, 10, 0, 9]"
same "rules go on" "$(rules)" "[0, 0, 9]"
xdp replace v0 "$work/rules.vfl" --canary 100% >/dev/null 2>&1
same "share of the third" "$(enforced)" "[('web', 'on')]"
same "rules of the third" "$(rules)" "[0, 0, 9]"
send 1200 2
same "counts of the third" "$(counts web 12)" "[12, 10, 2, 9]"
xdp replace v0 --undo >/dev/null
same "share undone" "$(enforced)" "[('web', 'off')]"
send 1000 1
same "counts undone" "$(counts web 13)" "[13, 11, 2, 10]"
same "rules undone" "$(rules)" "[0, 0, 10]"
xdp replace v0 "$work/rules.vfl" --keep=none >/dev/null 2>&1
same "share of nothing kept" "$(enforced)" "[('web', 'off')]"
same "counts of nothing kept" "$(counts web 0)" "[0, 0, 0, 0]"
xdp detach v0 >/dev/null
xdp attach v0 -e 0 --name plain >/dev/null 2>&1
xdp replace v0 -e 0 --monitor >/dev/null 2>&1
same "monitored later" "$(enforced)" "[('plain', 'off')]"
frames 'udp*2'
same "counts of it" "$(counts plain 2)" "[2, 2, 0, 2]"
xdp replace v0 --undo >/dev/null
same "as it was" "$(enforced)" "[('plain', 'on')]"
refused 3 "attached without" xdp enforce v0 off
frames 'udp*2'
same "counts as it was" "$(counts plain 4)" "[4, 2, 2, 0]"
xdp detach v0 >/dev/null
same "state after replacements" "$(state)" "$before"

# In user space the same.
reason=$(vfm-xdp doctor --json --bpffs "$bpffs" | json '[r["state"] for r in j if r["name"] == "af_xdp"]' || true)
[ "$reason" = "['ok']" ] || { echo "user space is not tried: $reason"; exit 0; }
road xdp --mode=userspace --force

# What nobody decides is dropped only where everything is enforced.
xdp attach v0 -e 1 --name deaf --mode=userspace --on-error=drop --canary 99.99% >/dev/null 2>&1
pid=$(xdp show v0 --json | json 'j[0]["pid"]')
kill -STOP "$pid"
for _ in $(seq 100); do
    [ "$(xdp list --json | json 'j[0]["state"]')" = unserved ] && break
    sleep 0.02
done
frames 'udp*3'
same "undecided" "$(counts deaf 3)" "[3, 3, 0, 3]"
xdp enforce v0 on >/dev/null
frames 'udp*2'
same "undecided, enforced" "$(counts deaf 5)" "[5, 3, 2, 3]"
same "overrun" "$(xdp stats v0 --json | json 'j[0]["overrun"]')" 5
kill -CONT "$pid"
xdp detach v0 >/dev/null
same "state after user space" "$(state)" "$before"

# In the foreground what was withheld is told as it ends.
vfm-xdp run v0 "$work/rules.vfl" --monitor --force --json --bpffs "$bpffs" >"$work/run" 2>/dev/null &
run=$!
for _ in $(seq 200); do
    [ "$(xdp list --json | json 'len(j)')" = 1 ] && break
    sleep 0.02
done
send 1000 4
for _ in $(seq 100); do
    [ "$(xdp stats v0 --json | json 'j[0]["packets"]')" = 4 ] && break
    sleep 0.02
done
kill -INT "$run"
wait "$run" || fail "run ends with $?"
same "run" "$(json '[j[0][k] for k in ("packets", "pass", "drop", "would_drop")]' <"$work/run")" "[4, 4, 0, 3]"
same "state after run" "$(state)" "$before"
