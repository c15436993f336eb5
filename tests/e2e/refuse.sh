#!/usr/bin/env bash
# What is refused is refused with its reason and status, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
before=$(state)
unchanged() { same "state after: $*" "$(state)" "$before"; }

# Wrong usage.
refused 2 "IFACE is missing" xdp attach
refused 2 "filter is missing" xdp attach v0
refused 2 "filter is missing" xdp run v0
refused 2 "--max-memory" xdp attach v0 -e 1 --max-memory=much
refused 2 "exclude" xdp attach v0 -e 1 --mode=userspace --no-fallback
refused 2 "both -e and a FILE" xdp attach v0 -e 1 some.vfl
refused 2 "--hook" xdp attach v0 -e 1 --hook=tc
refused 2 "--mode" xdp attach v0 -e 1 --mode=fast
refused 2 "native" xdp attach v0 -e 1 --hook=tc-ingress --mode=native
refused 2 "--on-error" xdp attach v0 -e 1 --on-error=log
refused 2 "--prio" xdp attach v0 -e 1 --prio 65536
refused 2 "--prio" xdp attach v0 -e 1 --prio -1
refused 2 "--confirm" xdp attach v0 -e 1 --confirm 3
refused 2 "--top" xdp flows v0 --top 0
refused 2 "exclude" xdp detach v0 --all --name a
refused 2 "--name" xdp attach v0 -e 1 --name=
for name in 'a/b' '../x' 'a b' "$(printf 'x%.0s' $(seq 65))"; do
    refused 2 "no name for a filter" xdp attach v0 -e 1 --name="$name"
done
for verb in log confirm attatch; do
    refused 2 "unknown verb '$verb'" vfm-xdp $verb
done
refused 2 "verb" vfm-xdp
unchanged "wrong usage"

# Bad filters.
refused 1 "unknown" xdp attach v0 -e '(= proot 6)'
refused 1 "no-such-file" xdp attach v0 no-such-file.vfl
: >"$work/empty.bin"
refused 1 "INVALID_PROGRAM" xdp attach v0 "$work/empty.bin"
head -c 300 /dev/urandom >"$work/random.bin"
refused 1 "error" xdp attach v0 "$work/random.bin"
printf '.fuel 2000000\nagain:\n LEN\n PUSH 1\n JEQ again\n RET 1\n' >"$work/loop.vfm"
refused 3 "eBPF:" xdp attach v0 "$work/loop.vfm" --no-fallback
unchanged "bad filters"

# Interfaces.
refused 3 "did you mean 'v0'" xdp attach v00 -e 1
refused 3 "no such interface" xdp attach "$(printf 'x%.0s' $(seq 300))" -e 1
refused 3 "no such interface" xdp attach $'v\033[31m0' -e 1
refused 3 "no such interface" xdp stats nowhere
refused 3 "no filter" xdp stats v0
refused 3 "no filter" xdp flows v0
refused 3 "no filter" xdp detach v0
refused 3 "no filter" xdp detach v0 --name x --hook=tc-egress
if ip tuntap add t0 mode tun 2>/dev/null; then
    refused 3 "Ethernet" xdp attach t0 -e 1
    ip link delete t0
fi
unchanged "interfaces"

# No bpffs.
mkdir "$work/plain"
refused 3 "BPF file system" vfm-xdp attach v0 -e 1 --bpffs "$work/plain"
refused 3 "no bpffs" vfm-xdp attach v0 -e 1 --bpffs "$work/nowhere"
refused 3 "BPF file system" vfm-xdp list --bpffs "$work/plain"
unchanged "no bpffs"

# What is there is left alone.
xdp attach v0 -e '(= proto 6)' --name first >/dev/null
taken=$(state)
refused 3 "taken" xdp attach v0 -e 1 --name first
refused 3 "filter 'first'" xdp attach v0 -e 1 --name second --mode=skb
refused 3 "in the kernel" xdp attach v0 -e 1 --name second --mode=userspace
refused 3 "already holds XDP" xdp attach v0 -e 1 --name second --mode=userspace --hook=tc-ingress
refused 1 "unknown" xdp attach v0 -e '(= proot 6)' --name second
same "state beside a filter" "$(state)" "$taken"
refused 3 "did you mean 'src-ip'" bash -c "vfm-xdp detach v0 --bpffs $bpffs >&2 && vfm-xdp attach v0 \
    -e '(count-by src-ip)' --bpffs $bpffs >&2 && vfm-xdp flows v0 --table srcip --bpffs $bpffs"
refused 3 "there is 'filter' at xdp" xdp stats v0 --name none
xdp detach v0 >/dev/null
unchanged "after what was there"

# A program of somebody else holds XDP.
vfm-compile -e '(= proto 6)' --target=ebpf --hook=xdp -o "$work/foreign.o"
for kind in xdpgeneric xdpdrv; do
    ip link set v0 $kind object "$work/foreign.o" section xdp
    foreign=$(ip -d link show v0 | tr ' ' '\n' | grep -A1 -x id | tail -n 1)
    taken=$(state)
    for mode in auto native skb; do
        refused 3 "program $foreign" xdp attach v0 -e 1 --mode=$mode
    done
    same "state beside a foreign program" "$(state)" "$taken"
    contains "the foreign program" "$(ip -d link show v0)" "id $foreign "
    ip link set v0 $kind off
done
rm -rf "$bpffs"/{ip,tc,xdp}  # ip makes them for itself
unchanged "a foreign program"

# Too large for the kernel: the reason and the place, the whole log only with -v.
python3 - >"$work/huge.vfm" <<'PY'
print("PUSH 1")
for i in range(3000):
    print(f"LEN\nLEN\nMUL\nLD8 {i % 60}\nADD\nXOR")
print("RET")
PY
status=0
vfm-xdp check "$work/huge.vfm" >"$work/out" 2>"$work/err" || status=$?
case $status in
    0) ;;
    3) contains "refusal" "$(cat "$work/err")" "error" ;;
    *) fail "check of a large program: status $status" ;;
esac
unchanged "check"

# Privileges: each verb says what it lacks.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"; }
cp -r "$VFM_BIN/vfm-xdp" "$work/vfm-xdp" && chmod 755 "$work" "$work/vfm-xdp"
refused 3 "attach needs CAP_BPF and CAP_NET_ADMIN" as_nobody "$work/vfm-xdp" attach v0 -e 1
refused 3 "detach needs CAP_BPF and CAP_NET_ADMIN" as_nobody "$work/vfm-xdp" detach v0
refused 3 "check needs CAP_BPF and CAP_NET_ADMIN" as_nobody "$work/vfm-xdp" check -e 1
for verb in list 'show v0' 'stats v0' 'flows v0'; do
    refused 3 "${verb%% *} needs CAP_BPF" as_nobody "$work/vfm-xdp" $verb
done
as_nobody "$work/vfm-xdp" doctor --json | json 'len(j)' >/dev/null || fail "doctor needs privileges"
refused 3 "CAP_NET_ADMIN" setpriv --bounding-set=-net_admin,-sys_admin --inh-caps=-net_admin,-sys_admin \
    "$work/vfm-xdp" attach v0 -e 1
# Without CAP_PERFMON the verifier is stricter: that is no fault of the filter, and is named.
no_perfmon() { setpriv --bounding-set=-perfmon,-sys_admin --inh-caps=-perfmon,-sys_admin "$@"; }
for verb in 'check' "attach v0 --bpffs $bpffs" "attach v0 --hook=tc-ingress --bpffs $bpffs"; do
    refused 3 "without CAP_PERFMON" no_perfmon vfm-xdp $verb -e '(= proto 6)'
done
contains "check --json" "$(no_perfmon vfm-xdp check --json -e '(= proto 6)' 2>/dev/null)" "CAP_PERFMON"
same "doctor names it" "$(no_perfmon vfm-xdp doctor --json |
    json '[("packets" in f["detail"], f["state"]) for f in j if f["name"] == "cap_perfmon"]')" \
    "[(True, 'missing')]"
printf '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0' >"$work/empty.pcap"
refused 3 "needs CAP_PERFMON" no_perfmon vfm-test --engine=kernel -e '(= proto 6)' "$work/empty.pcap"
unchanged "privileges"
