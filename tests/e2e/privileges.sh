#!/usr/bin/env bash
# Which capabilities suffice for what, and what is said where they do not.
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip "setpriv is not installed"
chmod 755 "$work"
as() {  # as CAPABILITIES VERB...: as a user who is nobody but for them
    local caps=$1 verb=$2
    shift 2
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps="-all,$caps" --ambient-caps="-all,$caps" \
        --bounding-set="-all,$caps" vfm-xdp "$verb" "$@" --bpffs "$bpffs"
}
filter='(rules (when (< (count-by ip.src) 3) drop) (default pass))'
as +bpf doctor >/dev/null || skip "the programs are out of that user's sight"

# State that belongs to root: reading it takes the right to open its pins.
xdp attach v0 -e "$filter" >/dev/null 2>&1
refused 3 "CAP_DAC_OVERRIDE" as +bpf,+dac_read_search list
refused 3 "needs CAP_BPF" as +dac_override list
for verb in list "show v0" "stats v0" "flows v0"; do as +bpf,+dac_override $verb >/dev/null; done
refused 3 "needs CAP_NET_ADMIN" as +bpf,+dac_override attach v0 -e 1 --name b
refused 3 "needs CAP_NET_ADMIN" as +bpf,+dac_override replace v0 -e 1
refused 3 "needs CAP_NET_ADMIN" as +bpf,+dac_override detach v0
refused 3 "without CAP_PERFMON" as +bpf,+dac_override,+net_admin replace v0 -e "$filter"
xdp detach v0 >/dev/null

# State of one's own: three capabilities do everything, and it stays private.
umount "$bpffs"
mount -t bpf -o mode=777 bpf "$bpffs"
before=$(state)
all=+bpf,+net_admin,+perfmon
as $all attach v0 -e "$filter" --name b >/dev/null 2>&1
as $all attach v0 -e '(= (u8 23) 6)' --name c --hook=tc-ingress >/dev/null 2>&1
for verb in list "show v0" "stats v0" "flows v0"; do as $all $verb >/dev/null; done
as $all replace v0 -e '(rules (default pass))' --name b >/dev/null
as $all replace v0 --undo --name b >/dev/null
same "modes" "$(find "$bpffs"/vfm-2 -type d -printf '%m %u\n' | sort -u)" "700 nobody"
refused 3 "cannot read it" setpriv --reuid 65533 --clear-groups --inh-caps=-all,+bpf --ambient-caps=-all,+bpf \
    --bounding-set=-all,+bpf vfm-xdp list --bpffs "$bpffs"
as $all detach v0 --all >/dev/null
same "state" "$(state)" "$before"
# What is somebody else's is not trusted.
setpriv --reuid 65534 --clear-groups mkdir "$bpffs/vfm-2"
refused 3 "belongs to somebody else" setpriv --reuid 65533 --clear-groups --inh-caps="-all,$all" \
    --ambient-caps="-all,$all" --bounding-set="-all,$all" vfm-xdp attach v0 -e 1 --bpffs "$bpffs"
