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

# Where the bpffs of the first process cannot be reached a filter would end with the command: refused,
# with the way out; nothing is attached and nothing mounted.
umount /sys/fs/bpf
lonely() { setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$@"; }  # /proc/1 is closed to it
for command in "ip netns exec other vfm-xdp attach lo -e 1" \
    "ip netns exec other sh -c 'vfm-xdp attach lo -e 1; exit \$?'" \
    "mount -t tmpfs tmpfs /proc && ip netns exec other vfm-xdp attach lo -e 1"; do
    refused 3 "would end with this command" lonely unshare --mount bash -c "$command; exit \$?"
    refused 3 "nsenter --net=" lonely unshare --mount bash -c "$command; exit \$?"
    ! ip netns exec other ip -d link show lo | grep -q prog/xdp || fail "$command: attached"
    ! has_default_bpffs || fail "$command: mounted"
done
# The ways that the message names work.
lonely ip netns exec other vfm-xdp attach lo -e 1 --bpffs "$bpffs" >/dev/null 2>&1 || fail "--bpffs"
contains "attached by --bpffs" "$(ip netns exec other ip -d link show lo)" prog/xdp
ip netns exec other vfm-xdp detach lo --bpffs "$bpffs" >/dev/null
nsenter --net=/run/netns/other vfm-xdp attach lo -e 1 >/dev/null 2>&1 || fail "nsenter"
contains "attached by nsenter" "$(ip netns exec other ip -d link show lo)" prog/xdp
nsenter --net=/run/netns/other vfm-xdp detach lo >/dev/null

# A bpffs that cannot be looked at is not covered by another one.
if command -v strace >/dev/null; then
    vfm-xdp attach v0 -e 1 --name below >/dev/null
    mounts=$(grep -c ' /sys/fs/bpf ' /proc/self/mounts)  # iproute2 mounts sysfs there a second time
    refused 3 "cannot look at it" strace -f -qq -o /dev/null -e inject=statfs:error=ENOMEM \
        vfm-xdp attach v0 -e 1 --name above --hook=tc-ingress
    same "mounts" "$(grep -c ' /sys/fs/bpf ' /proc/self/mounts)" "$mounts"
    vfm-xdp detach v0 >/dev/null
fi

# Without the privilege to mount one.
umount /sys/fs/bpf
refused 3 "mounting needs CAP_SYS_ADMIN" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
    vfm-xdp attach v0 -e 1
