#!/usr/bin/env bash
# The default BPF file system: mounted if none is there, found again from where it cannot be seen. The
# mount namespace is the test's own, so nothing of it is the machine's.
. "$(dirname "$0")/lib.sh"
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip netns add other

# Reading mounts nothing.
same "list without a bpffs" "$(vfm-xdp list --json)" '[]'
refused 3 "no filter" vfm-xdp stats v0
refused 3 "no filter" vfm-xdp detach v0
! has_default_bpffs || fail "reading has mounted a bpffs"

# `ip netns exec` has a /sys of its own that ends with the command: the filter must not.
ip netns exec other vfm-xdp attach lo -e '(= proto 6)' --name inside >/dev/null 2>&1
has_default_bpffs || fail "no bpffs is mounted"
same "from outside" "$(vfm-xdp list --json | json '[(f["name"], f["state"]) for f in j]')" \
    "[('inside', 'elsewhere')]"
same "from inside" "$(ip netns exec other vfm-xdp list --json | json '[f["state"] for f in j]')" \
    "['attached']"
ip netns exec other ping -q -c 2 127.0.0.1 >/dev/null 2>&1 || true
ip netns exec other ip link set lo up
ip netns exec other ping -q -c 1 -W 1 127.0.0.1 >/dev/null 2>&1 && fail "ICMP passes: no filter works"
ip netns exec other vfm-xdp detach lo >/dev/null
ip netns exec other ping -q -c 1 -W 1 127.0.0.1 >/dev/null 2>&1 || fail "no ICMP without the filter"
same "nothing is left" "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" ""

# The plain case.
umount /sys/fs/bpf
vfm-xdp attach v0 -e 1 >/dev/null
has_default_bpffs || fail "attach mounts no bpffs"
vfm-xdp detach v0 >/dev/null
same "nothing is left" "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" ""

# Without the privilege to mount one.
umount /sys/fs/bpf
refused 3 "mounting needs CAP_SYS_ADMIN" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
    vfm-xdp attach v0 -e 1
