#!/usr/bin/env bash
# Entries of flow tables are deleted, by key and all of them, under traffic too, on the kernel's road.
. "$(dirname "$0")/lib.sh"
before=$(state)

keys() { xdp flows v0 --json "$@" | json 'sorted((f["table"], str(f["key"]), f["value"]) for f in j)'; }
xdp attach v0 -e '(deftable pair :key (ip port)) (+ (count-by ip.src) (flow-add! pair (ip.src udp.dport) 1))' \
    --name web >/dev/null
frames 'udp:dport=53*2' 'udp:dport=54*3'
stat_after '' 5 >/dev/null
same "before" "$(keys)" \
    "[('ip.src', '10.9.0.2', 5), ('pair', \"['10.9.0.2', 53]\", 2), ('pair', \"['10.9.0.2', 54]\", 3)]"

# What is not there is said and is no error; the rest goes.
text=$(xdp flows del v0 --table pair 10.9.0.2,53 10.9.0.2,99 2>"$work/notes")
same "text" "$text" "deleted 1 entry of 'pair' of 'web' on v0 at xdp"
same "note" "$(cat "$work/notes")" "v0: note: 'pair' has no entry 10.9.0.2,99"
same "json" "$(xdp flows del v0 --table pair 10.9.0.2,53 --json 2>/dev/null)" \
    '{"name":"web","hook":"xdp","table":"pair","deleted":0,"missing":["10.9.0.2,53"]}'
same "after del" "$(keys)" "[('ip.src', '10.9.0.2', 5), ('pair', \"['10.9.0.2', 54]\", 3)]"
# The entry begins anew.
xdp flows del v0 --table ip.src 10.9.0.2 >/dev/null
frames 'udp:dport=54'
stat_after '' 6 >/dev/null
same "begun anew" "$(keys --table ip.src)" "[('ip.src', '10.9.0.2', 1)]"
same "clear of one" "$(xdp flows clear v0 --table pair)" "deleted 1 entry of 'pair' of 'web' on v0 at xdp"
same "after clear" "$(keys)" "[('ip.src', '10.9.0.2', 1)]"
same "clear of all" "$(xdp flows clear v0 --json)" \
    '[{"name":"web","hook":"xdp","table":"ip.src","deleted":1},{"name":"web","hook":"xdp","table":"pair","deleted":0}]'
same "all cleared" "$(keys)" "[]"

# What is wrong says where and changes nothing.
frames 'udp:dport=54'
stat_after '' 7 >/dev/null
there=$(keys)
refused 2 "<key>:1:10: error: expected a port, got 'dns'" xdp flows del v0 --table pair 10.9.0.2,54 10.9.0.2,dns
refused 2 "the key has 1 element" xdp flows del v0 --table pair 10.9.0.2
refused 2 "del takes --table" xdp flows del v0 10.9.0.2
refused 2 "del takes keys" xdp flows del v0 --table pair
refused 2 "IFACE is missing" xdp flows clear
refused 2 "IFACE is missing" xdp flows del --table pair
refused 2 "takes neither" xdp flows clear v0 --top 3
refused 2 "clear takes no keys" xdp flows clear v0 10.9.0.2
refused 2 "too many arguments" xdp flows v0 10.9.0.2
refused 3 "no flow table is named 'pear'" xdp flows del v0 --table pear 10.9.0.2,54
refused 3 "no flow table is named 'pear'" xdp flows clear v0 --table pear
refused 3 "no filter of VFM named 'x'" xdp flows clear v0 --name x
same "nothing changed" "$(keys)" "$there"

# Several filters: del wants one, clear takes what --name and --hook leave.
xdp attach v0 -e '(count-by ip.src)' --name other >/dev/null
frames 'udp:dport=54*2'
stat_after '' 9 >/dev/null
refused 2 "'web' at xdp, 'other' at xdp" xdp flows del v0 --table ip.src 10.9.0.2
xdp flows del v0 --table ip.src 10.9.0.2 --name other >/dev/null
same "of the other" "$(xdp flows v0 --name other)" "no flows"
frames 'udp:dport=54'
stat_after '' 10 >/dev/null
xdp flows clear v0 --name web >/dev/null
same "of web" "$(xdp flows v0 --name web)" "no flows"
same "of the other" "$(xdp flows v0 --name other --json | json 'len(j)')" 1
xdp flows clear v0 >/dev/null
same "of both" "$(xdp flows v0)" "no flows"
xdp detach v0 --all >/dev/null

# A shared table is one: deleted through any of its filters, counted once. A connection in both directions.
table='(deftable seen :key conn :shared)'
xdp attach v0 -e "$table (+ 1 (flow-add! seen conn 1))" --name in >/dev/null
xdp attach v0 -e "$table (+ 1 (flow-get seen conn))" --name out --hook=tc-egress >/dev/null
frames 'udp:sport=4000:dport=53' 'udp:sport=4001:dport=53'
stat_after '' 2 xdp >/dev/null
key=$(xdp flows v0 --name in --json | json 'next(",".join(map(str, f["key"])) for f in j if 4000 in f["key"])')
turned=$(echo "$key" | awk -F, '{print $3 "," $4 "," $1 "," $2 "," $5}')
xdp flows del v0 --table seen "$turned" | grep -q 'deleted 1 entry' || fail "a connection in the other direction"
same "one is left" "$(xdp flows v0 --name out --json | json 'len(j)')" 1
same "cleared once" "$(xdp flows clear v0 --json | json '[f["deleted"] for f in j]')" "[1]"
xdp detach v0 --all >/dev/null

# Interfaces of these names, with the verb in front.
for name in del clear; do
    ip link add "$name" type veth peer name "${name}1"
    ip link set "$name" up
    xdp attach "$name" -e '(count-by ip.src)' --mode=skb >/dev/null
    same "clear $name" "$(xdp flows clear "$name")" "deleted 0 entries of 'ip.src' of 'filter' on $name at xdp"
    xdp flows del "$name" --table ip.src 10.9.0.2 >/dev/null 2>&1 || fail "del $name"
    xdp detach "$name" >/dev/null
    ip link delete "$name"
done

# Under traffic: each entry was deleted once, or is there at the end.
xdp attach v0 -e '(deftable t :key u64 :capacity 100000) (flow-add! t (now) 1)' --name many >/dev/null
for _ in $(seq 10); do frames 'udp*2000'; done & sender=$!
sum=0
while kill -0 $sender 2>/dev/null; do
    sum=$((sum + $(xdp flows clear v0 | awk '{print $2}')))
done
wait $sender
stat_after '' 20000 >/dev/null
[ "$sum" -gt 0 ] || fail "nothing was cleared meanwhile"
same "deleted or left" "$((sum + $(xdp flows v0 --json | json 'len(j)')))" 20000
xdp detach v0 >/dev/null
same "state" "$(state)" "$before"
