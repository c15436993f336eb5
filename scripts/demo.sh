#!/usr/bin/env bash
# Shows the whole road on real packets: builds, attaches a filter to one end of a veth pair, talks TCP
# and UDP through it, shows counters and flows, detaches; then the same with the filter in user space, as
# where the kernel refuses it. Everything happens in namespaces of the demo's own, which end with it, however it ends. Without root or BPF the same filter runs on a capture in user
# space. What is claimed is checked: the exit status is 0 only if all of it was so.
#
#   scripts/demo.sh                installs what running needs and is missing (as root), builds, shows
#   scripts/demo.sh --built DIR    shows, with the programs in DIR
set -euo pipefail
cd "$(dirname "$0")/.."

# Nobody is locked out by it: what it does not name passes, ARP and SSH among it. Fragments but the first
# have no ports.
filter='(rules (when ip.frag drop)
       (when (= udp.dport 53) drop)
       (when :name "limit" (and (= tcp.dport 80) (>= (count-by ip.src) 100)) drop)
       (default pass))'

say() { printf '\n-- %s\n' "$*"; }
claim() {  # claim WHAT ACTUAL EXPECTED
    if [ "$2" != "$3" ]; then
        echo "demo: not as claimed: $1: got $2, expected $3" >&2
        exit 1
    fi
    echo "   $1: $2"
}
run() {  # a command as it would be typed, then what it prints
    local word line='$'
    for word in "$@"; do
        case $word in *[\ \(\)\&\<]*) line+=" '$word'" ;; *) line+=" $word" ;; esac
    done
    echo "$line"
    "$@"
}
json() { python3 -c "import json, sys; j = json.load(sys.stdin); print($1)"; }

alive() { if kill -0 "$1" 2>/dev/null; then echo yes; else echo no; fi; }

in_user_space() {
    say "$1: the same filter in user space, on a capture"
    local capture
    build vfm-test
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    capture=$work/demo.pcap
    python3 scripts/make_pcap.py demo "$capture"
    echo "   the capture has 120 packets of 10.0.0.1 to TCP port 80, 10 of 10.0.0.2 and 5 to UDP port 53"
    run vfm-test -e "$filter" "$capture"
    vfm-test --json --dump-flows -e "$filter" "$capture" >"$work/out"
    claim "accepted: 99 of 10.0.0.1 and all 10 of 10.0.0.2" \
        "$(tail -n 1 "$work/out" | json 'j["accept"]')" 109
    claim "dropped: what is over the limit, and DNS" "$(tail -n 1 "$work/out" | json 'j["drop"]')" 26
    claim "counted of 10.0.0.1" \
        "$(python3 -c 'import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(*[r["value"] for r in rows if r.get("key") == [0, 0xffff0a000001]])' <"$work/out")" 120
    say "done: 'sudo scripts/demo.sh' shows it on a network interface"
}

# UDP, then TCP of two sources through the filter, and what it has counted then.
watch_it_decide() {
    say "DNS queries are dropped"
    claim "UDP messages answered of 3" "$(ask udp 10.77.0.2 3)" 0

    say "TCP to port 80 passes until the 100th packet of a source"
    local answered first second
    answered=$(ask tcp 10.77.0.2 500)
    echo "   10.77.0.2: $answered of 500 messages answered, then silence"
    [ "$answered" -gt 20 ] && [ "$answered" -lt 100 ] || claim "messages answered" "$answered" "21 to 99"
    claim "10.77.0.3 is another source: messages answered of 10" "$(ask tcp 10.77.0.3 10)" 10

    say "what $1 counted"
    sleep 0.3
    # What is sent again meanwhile is counted too: numbers that belong together are read together.
    run vfm-xdp stats demo0
    run vfm-xdp flows demo0
    client ip link set demo1 down
    sleep 0.2
    first=$(vfm-xdp flows demo0 --json | json '{f["key"]: f["value"] for f in j}["10.77.0.2"]')
    second=$(vfm-xdp flows demo0 --json | json '{f["key"]: f["value"] for f in j}["10.77.0.3"]')
    [ "$first" -ge 100 ] || claim "packets of 10.77.0.2" "$first" "100 or more"
    claim "passed: 99 of 10.77.0.2 and all $second of 10.77.0.3" \
        "$(vfm-xdp stats demo0 --json | json 'j[0]["pass"]')" $((99 + second))
    claim "dropped: the other $((first - 99)) of 10.77.0.2 and 3 of UDP" \
        "$(vfm-xdp stats demo0 --json | json 'j[0]["drop"]')" $((first - 99 + 3))
    client ip link set demo1 up
    tell_client
}

# What the kernel refuses changes with kernels and with what we translate, so it is not asked.
served_in_user_space() {
    say "where the kernel refuses a filter, a process decides in its place, here by --mode=userspace"
    run vfm-xdp attach demo0 -e "$filter" --name demo --mode=userspace
    run vfm-xdp list
    claim "where it runs" "$(vfm-xdp list --json | json 'j[0]["mode"], j[0]["state"]')" \
        "userspace attached"
    local server
    server=$(vfm-xdp show demo0 --json | json 'j[0]["pid"]')
    claim "process $server, which serves it" "$(alive "$server")" yes
    watch_it_decide "the process"
    claim "packets that it was too slow for" "$(vfm-xdp stats demo0 --json | json 'j[0]["overrun"]')" 0

    say "without the filter everything passes again"
    run vfm-xdp detach demo0
    claim "UDP messages answered of 3" "$(ask udp 10.77.0.2 3)" 3
    claim "filters left" "$(vfm-xdp list --json | json 'len(j)')" 0
    claim "process $server is there" "$(alive "$server")" no
    claim "interfaces of its own" "$(ip -o link show type tun | wc -l)" 0
}

on_an_interface() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"; echo "   cleaned up"' EXIT
    trap 'exit 130' INT TERM
    # Of this mount namespace only: what is mounted and named here nobody else sees.
    mount -t bpf bpf /sys/fs/bpf
    mount -t tmpfs tmpfs /run
    mkdir /run/netns

    say "a veth pair: demo0 (10.77.0.1) here, demo1 (10.77.0.2 and .3) in the namespace 'client'"
    ip netns add client
    client() { ip netns exec client "$@"; }
    for quiet in "" client; do
        $quiet sh -c 'for d in all default; do
            echo 1 >/proc/sys/net/ipv6/conf/$d/disable_ipv6 2>/dev/null || true; done'
    done
    ip link add demo0 address 02:77:00:00:00:01 type veth \
        peer name demo1 address 02:77:00:00:00:02 netns client
    ip address add 10.77.0.1/24 dev demo0
    client ip address add 10.77.0.2/24 dev demo1
    client ip address add 10.77.0.3/24 dev demo1
    ip link set demo0 up
    client ip link set demo1 up
    # Neighbours are told beforehand: what ARP asks would be counted as passed.
    for last in 2 3; do
        ip neighbour add 10.77.0.$last lladdr 02:77:00:00:00:02 dev demo0 nud permanent
    done
    tell_client() {
        client ip neighbour replace 10.77.0.1 lladdr 02:77:00:00:00:01 dev demo1 nud permanent
    }
    tell_client
    python3 -B scripts/demo_traffic.py serve 10.77.0.1 >"$work/server" 2>&1 &
    for _ in $(seq 200); do grep -qs ready "$work/server" && break; sleep 0.05; done
    ask() { client python3 -B scripts/demo_traffic.py "$1" 10.77.0.1 "$2" "$3"; }
    claim "UDP messages answered of 3 without a filter" "$(ask udp 10.77.0.2 3)" 3

    say "the filter: no DNS, to port 80 less than 100 packets of each source, everything else passes"
    run vfm-xdp attach demo0 -e "$filter" --name demo
    run vfm-xdp list
    watch_it_decide "the kernel"
    say "without the filter everything passes again"
    run vfm-xdp detach demo0
    claim "UDP messages answered of 3" "$(ask udp 10.77.0.2 3)" 3
    claim "filters left" "$(vfm-xdp list --json | json 'len(j)')" 0

    local missing
    missing=$(vfm-xdp doctor --json | json '"; ".join(f["detail"] for f in j if f["state"] != "ok"
        and f["name"] in ("cap_net_raw", "af_xdp", "give_back"))')
    if [ -n "$missing" ]; then
        say "not shown: filters in user space, for this machine lacks: $missing"
    else
        served_in_user_space
    fi
    say "done"
}

if [ "${1-}" = --sandboxed ]; then
    on_an_interface
    exit 0
fi

build() { :; }
case "${1-}" in
    "")
        build() { cmake --build build --target "$@"; }
        bin=$PWD/build/bin
        say "setting up and building"
        scripts/setup.sh --run
        # What is shown; tests only where somebody has already asked for them.
        [ -e build/CMakeCache.txt ] || cmake -S . -B build -G Ninja -DVFM_TESTS=OFF >/dev/null
        build vfm-xdp
        ;;
    --built) bin=$(cd "${2:?--built needs a directory}" && pwd) ;;
    *) echo "usage: scripts/demo.sh [--built DIR]" >&2; exit 2 ;;
esac
export PATH="$bin:$PATH:/usr/sbin:/sbin"

sandbox=(unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private)
if [ "$(id -u)" != 0 ]; then
    in_user_space "no root, no network interface"
elif ! "${sandbox[@]}" true 2>/dev/null; then
    in_user_space "this machine gives no namespaces"
elif ! "${sandbox[@]}" mount -t bpf bpf /sys/fs/bpf 2>/dev/null; then
    in_user_space "this machine has no BPF file system"
elif ! vfm-xdp check -e "$filter" >/dev/null 2>&1; then
    in_user_space "this kernel loads no filters (vfm-xdp doctor says why)"
else
    exec "${sandbox[@]}" bash "$PWD/scripts/demo.sh" --sandboxed
fi
