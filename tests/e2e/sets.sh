#!/usr/bin/env bash
# Live sets of filters in the kernel: changed while they run, with what `set` prints on the road through
# user space, too. Packets of UDP with chosen sources tell what the filter has in its set.
. "$(dirname "$0")/lib.sh"
before=$(state)
filter='(defset blocked :live 10.9.0.0/30) (if (in ip.src @blocked) 0 1)'
attach() { xdp attach v0 --mode=skb "$@" >/dev/null 2>&1; }

# Which of these sources lose what they send: 1 or 0 each. Each sends twice as much as the one before, so
# that the sum says it.
dropped() {
    local bit=0 all=0 were lost said=() sources=()
    for source in "$@"; do
        sources+=("udp:src=$source*$((1 << bit))")
        all=$((all + (1 << bit++)))
    done
    were=($(xdp stats v0 --json | json '"%d %d" % (j[0]["packets"], j[0]["drop"])'))
    frames "${sources[@]}"
    lost=$(($(stat_after '["drop"]' $((were[0] + all))) - were[1]))
    for ((bit = 0; bit < $#; ++bit)); do said+=($((lost >> bit & 1))); done
    echo "${said[*]}"
}
members() { xdp set list v0 blocked "$@"; }
lines() { printf '%s\n' "$@"; }

attach -e "$filter"
same "as declared" "$(dropped 10.9.0.2 10.9.0.77)" "1 0"
xdp set add v0 blocked 10.9.0.77 2001:db8::/32
same "added" "$(dropped 10.9.0.77 10.9.0.78)" "1 0"
xdp set del v0 blocked 10.9.0.2
same "a part taken out" "$(dropped 10.9.0.2 10.9.0.3)" "0 1"
same "list" "$(members)" "$(lines 10.9.0.0/31 10.9.0.3 10.9.0.77 2001:db8::/32)"
same "list as JSON" "$(members --json | json 'j[2]')" "{'set': 'blocked', 'member': '10.9.0.77', 'ttl': None}"
lines '10.9.0.88 ; one' '' '# two' '(range 10.9.0.90 10.9.0.91)' >"$work/list.txt"
xdp set load v0 blocked "$work/list.txt"
same "loaded" "$(dropped 10.9.0.77 10.9.0.88 10.9.0.90 10.9.0.91 10.9.0.92)" "0 1 1 1 0"
same "list" "$(members)" "$(lines 10.9.0.88 10.9.0.90/31)"
xdp set del v0 blocked 10.9.0.0/24 10.10.0.0
same "empty" "$(members)$(members --json)" "[]"
same "in an empty set" "$(dropped 10.9.0.88 10.9.0.90)" "0 0"

# What is wrong says so and changes nothing.
xdp set add v0 blocked 10.9.0.64/28
lines 10.9.0.88 hello >"$work/bad.txt"
refused 1 "$work/bad.txt:2:1: error: expected a number" xdp set load v0 blocked "$work/bad.txt"
refused 1 "No such file" xdp set load v0 blocked "$work/none"
refused 1 "<values>:1:1: error" xdp set add v0 blocked 10.9.0
refused 3 "no live set is named 'other'" xdp set add v0 other 10.9.0.1
refused 3 "does not fit into the 32 bits" xdp set add v0 blocked 0x100000000
refused 2 "is no time" xdp set add v0 blocked 10.9.0.88 --ttl=10
refused 2 "is not one of" xdp set frob v0 blocked
same "list" "$(members)" "10.9.0.64/28"

# A prefix that is over hides none around it; adding renews, up and down; what goes by itself is gone.
xdp set add v0 blocked 10.9.0.121 10.9.0.122 --ttl 1h
xdp set add v0 blocked 10.9.0.96/30
xdp set add v0 blocked 10.9.0.72/30 10.9.0.78 10.9.0.96/28 10.9.0.120 10.9.0.122 --ttl 20s
sources=(10.9.0.73 10.9.0.78 10.9.0.97 10.9.0.100 10.9.0.120 10.9.0.121 10.9.0.122)
same "before" "$(dropped "${sources[@]}")" "1 1 1 1 1 1 1"
for _ in $(seq 200); do members | grep -q '10.9.0.120 ' || break; sleep 0.1; done
same "after a while" "$(dropped "${sources[@]}")" "1 1 1 0 0 1 0"
same "list" "$(members | sed 's/ ;.*//')" "$(lines 10.9.0.64/28 10.9.0.96/30 10.9.0.121)"
same "times" "$(members --json | json '[r["ttl"] is None or 3500 < r["ttl"] <= 3600 for r in j]')" "[True, True, True]"

# Lines from standard input; bad ones are reported and skipped.
xdp set load v0 blocked - </dev/null
lines 'add 10.9.0.5' '' '# none' 'add 10.9.0.6 1h' 'add (range 10.9.0.8 10.9.0.9) 2h' 'ad 10.9.0.7' 'add 10.9.0' \
    'add 10.9.0.7 5' 'add 10.9.0.7 5m x' 'del 10.9.0.5' 'del 10.9.0.222' \
    '{"action":"add","duration":"3h59m58.5s","scope":"Ip","type":"ban","value":"10.9.0.10"}' \
    '{"action":"add","duration":"4h","scope":"AS","type":"ban","value":"64512"}' \
    '{"action":"del","duration":"-2s","scope":"Range","type":"ban","value":"10.9.0.8/32"}' >"$work/feed"
xdp set feed v0 blocked <"$work/feed" 2>"$work/said"
same "fed" "$(members --json | json '[(r["member"], (r["ttl"] + 2) // 60) for r in j]')" \
    "[('10.9.0.6', 60), ('10.9.0.9', 120), ('10.9.0.10', 240)]"
same "what feed said" "$(sed 's/: error.*//' "$work/said" | tr '\n' ' ')" "<stdin>:6 <stdin>:7 <stdin>:8 <stdin>:9 <stdin>:13 "
same "by packets" "$(dropped 10.9.0.5 10.9.0.6 10.9.0.8 10.9.0.9 10.9.0.10)" "0 1 0 1 1"
# What comes later is a change at once, and the filter's maps go on when another comes to the hook.
mkfifo "$work/pipe"
xdp set feed v0 blocked <"$work/pipe" &
feeding=$!
exec 5>"$work/pipe"
echo 'add 10.9.0.20' >&5
for _ in $(seq 100); do members | grep -q 10.9.0.20 && break; sleep 0.02; done
attach -e 1 --name second
same "kept beside another" "$(members --name filter | wc -l)" 4
same "by packets" "$(dropped 10.9.0.20 10.9.0.6 10.9.0.21)" "1 1 0"
echo 'add 10.9.0.21' >&5
exec 5>&-
wait $feeding
same "behind it" "$(dropped 10.9.0.21)" "1"
refused 3 "no filter" xdp set feed lo blocked </dev/null
xdp detach v0 --all >/dev/null
same "state after detach" "$(state)" "$before"

# Another filter takes the set over as it is if it declares it in the same way, else it begins anew.
attach -e "$filter"
xdp set add v0 blocked 10.9.0.77 10.9.0.128/25
xdp replace v0 -e '(defset blocked :live 10.9.0.0/30) (if (in ip.src @blocked) 0 2)' >/dev/null
same "kept" "$(members | tr '\n' ' ')" "10.9.0.0/30 10.9.0.77 10.9.0.128/25 "
same "by packets" "$(dropped 10.9.0.1 10.9.0.77 10.9.0.200 10.9.0.5)" "1 1 1 0"
xdp set del v0 blocked 10.9.0.77
xdp replace v0 -e '(defset blocked :live 10.9.0.4) (if (in ip.src @blocked) 0 2)' >/dev/null
same "anew" "$(members)" "10.9.0.4"
same "by packets" "$(dropped 10.9.0.1 10.9.0.200 10.9.0.4)" "0 0 1"
xdp replace v0 --keep=none -e '(defset blocked :live 10.9.0.4) (if (in ip.src @blocked) 0 3)' >/dev/null
xdp detach v0 --all >/dev/null

# More single values than the hash table has room for, prefixes among them, and back.
attach -e "$filter"
python3 - "$work" <<'P'
import sys
with open(sys.argv[1] + "/many.txt", "w") as file:
    file.writelines(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(0x90000, 0x90000 + 2 * 70000, 2))
    file.write("10.77.0.0/16\n")
P
xdp set load v0 blocked "$work/many.txt"
same "many" "$(members | sort | md5sum)" "$(sort "$work/many.txt" | md5sum)"
same "by packets" "$(dropped 10.9.0.2 10.9.0.3 10.11.34.222 10.11.34.224 10.77.1.1)" "1 0 1 0 1"
xdp set del v0 blocked 10.11.34.222
xdp set add v0 blocked 10.11.34.224
xdp set load v0 blocked "$work/list.txt"
same "few again" "$(members)" "$(lines 10.9.0.88 10.9.0.90/31)"
same "by packets" "$(dropped 10.11.34.222 10.11.34.224 10.9.0.88)" "0 0 1"
xdp detach v0 --all >/dev/null

# Numbers and names that are not these filters'.
attach -e '(defset ports :live 53) (defset none :live) (if (or (in udp.dport @ports) (in ip.src @none)) 0 1)'
same "ports" "$(xdp set list v0 ports)$(xdp set list v0 none)" 53
refused 3 "there is 'ports', 'none'" xdp set list v0 port
xdp set add v0 ports '(range 1000 1003)' 7
same "ports" "$(xdp set list v0 ports | tr '\n' ' ')" "7 53 0.0.3.232/30 "
xdp detach v0 --all >/dev/null
same "state after all" "$(state)" "$before"
