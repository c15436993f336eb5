#!/usr/bin/env bash
# What is not as the loader left it: pins of a wrong kind, interfaces that have other names or have moved,
# a full disk behind the output.
. "$(dirname "$0")/lib.sh"
command -v bpftool >/dev/null || skip "bpftool is not installed"
before=$(state)
forged() { bpftool map create "$1" type "$2" key 4 value "$3" entries 3 name forged; }

# Pins that are something else: a message, and nothing else.
xdp attach v0 -e '(rules (when (< (count-by ip.src) 3) drop) (default pass))' --name x >/dev/null 2>&1
hook=$(dirname "$(xdp show v0 --json | json 'j[0]["link"]')")
maps=$(xdp show v0 --json | json 'j[0]["pins"]')/maps
taken=$(state)
for kind in hash array percpu_array; do
    mv "$hook/gen-1/record" "$hook/gen-1/saved"
    forged "$hook/gen-1/record" $kind 4096
    same "listed with a $kind as record" "$(xdp list --json | json '[(f["name"], f["state"]) for f in j]')" \
        "[('x', 'attached')]"
    xdp show v0 >/dev/null
    refused 3 "cannot read" xdp stats v0
    refused 3 "cannot be read" xdp attach v0 -e 1 --name y
    refused 3 "cannot be read" xdp replace v0 -e 1
    rm "$hook/gen-1/record"
    mv "$hook/gen-1/saved" "$hook/gen-1/record"
    mv "$maps/vfm_stats" "$maps/saved"
    forged "$maps/vfm_stats" $kind 8
    refused 3 "cannot read" xdp stats v0
    refused 3 "cannot read" xdp replace v0 -e 1
    rm "$maps/vfm_stats"
    mv "$maps/saved" "$maps/vfm_stats"
    mv "$maps/table-ip%2Esrc" "$maps/saved"
    forged "$maps/table-ip%2Esrc" $kind 8
    refused 3 "not ours" xdp flows v0
    rm "$maps/table-ip%2Esrc"
    mv "$maps/saved" "$maps/table-ip%2Esrc"
done
same "state" "$(state)" "$taken"
mv "$hook/link" "$hook/saved"
forged "$hook/link" percpu_array 8
for verb in list "stats v0" "detach v0"; do refused 3 "is no BPF link" xdp $verb; done
refused 3 "is no BPF link" xdp attach v0 -e 1 --name y
rm "$hook/link"
mv "$hook/saved" "$hook/link"
xdp detach v0 >/dev/null
same "state after forgeries" "$(state)" "$before"

# What was done is said where the result cannot be written.
said=$(xdp attach v0 -e 1 2>&1 >/dev/full) && fail "attach to a full disk"
contains "attach to a full disk" "$said" "'filter' is attached to v0 all the same"
said=$(xdp replace v0 -e 0 2>&1 >/dev/full) && fail "replace to a full disk"
contains "replace to a full disk" "$said" "'filter' is replaced on v0 all the same"
said=$(xdp detach v0 2>&1 >/dev/full) && fail "detach to a full disk"
contains "detach to a full disk" "$said" "'filter' is detached from v0 all the same"
same "state after a full disk" "$(state)" "$before"

# Alternative names, also long ones.
for name in alternative an-alternative-name-that-no-ioctl-takes; do
    ip link property add dev v0 altname "$name"
    xdp attach "$name" -e 1 >/dev/null
    same "interface of $name" "$(xdp list --json | json 'j[0]["iface"]')" v0
    for verb in stats show flows; do xdp $verb "$name" >/dev/null || fail "$verb $name"; done
    xdp replace "$name" -e 0 >/dev/null
    xdp detach "$name" >/dev/null
    same "state after $name" "$(state)" "$before"
done

# An interface moves, and takes its filter along: it is where the link hangs.
unshare --net sleep 60 &
other=$!
while [ "$(cat /proc/$other/comm)" != sleep ]; do sleep 0.02; done
there() { nsenter --net=/proc/$other/ns/net "$@"; }
xdp attach v0 -e '(count-by ip.src)' >/dev/null 2>&1
ip link set v0 netns $other
same "from here" "$(xdp list --json | json '[f["state"] for f in j]')" "['elsewhere']"
same "from there" "$(there vfm-xdp list --json --bpffs "$bpffs" | json '[(f["iface"], f["state"]) for f in j]')" \
    "[('v0', 'attached')]"
there vfm-xdp replace v0 -e 1 --bpffs "$bpffs" >/dev/null
there vfm-xdp attach v0 -e 1 --name second --bpffs "$bpffs" >/dev/null
refused 3 "is taken" there vfm-xdp attach v0 -e 1 --name second --bpffs "$bpffs"
there vfm-xdp detach v0 --all --bpffs "$bpffs" >/dev/null
same "pins" "$(find "$bpffs" | sort)" "$(find "$bpffs" -maxdepth 1 | sort)"
# And back, to where nobody attached it, from a namespace that is gone.
there vfm-xdp attach v0 -e 0 --bpffs "$bpffs" >/dev/null
there ip link set v0 netns $$
kill $other
same "come home" "$(xdp list --json | json '[(f["iface"], f["state"]) for f in j]')" "[('v0', 'attached')]"
xdp detach v0 >/dev/null
same "state after moving" "$(state)" "$before"
