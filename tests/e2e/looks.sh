#!/usr/bin/env bash
# Every look at the state of attach and detach fails once. A look that fails tells nothing: whichever it
# is, the other filters stay attached and listed.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip "strace is not installed"
strace -qq -o /dev/null -e inject=getcwd:error=ENOMEM true 2>/dev/null || skip "strace cannot work here"

filter='(< (count-by src-ip) 9)'
attached() { case $(ip -d link show v0) in *prog/xdp*) echo 1 ;; *) echo 0 ;; esac; }
clean=$(state)
ip link add w0 type veth peer name w1
xdp attach w0 -e "$filter" --name other >/dev/null 2>&1
for verb in attach detach; do
    options=()
    [ $verb = detach ] || options=(-e "$filter")
    for kind in newfstatat getdents64; do
        n=0
        while n=$((n + 1)); do
            [ $verb = attach ] || xdp attach v0 -e "$filter" >/dev/null
            strace -f -qq -o "$work/calls" -e trace=$kind -e inject=$kind:error=ENOMEM:when=$n \
                vfm-xdp $verb v0 "${options[@]}" --bpffs "$bpffs" >/dev/null 2>&1 || true
            contains "$verb, $kind $n: the other filter" "$(ip -d link show w0)" prog/xdp
            same "$verb, $kind $n: listed" \
                "$(xdp list --json | json '[f["state"] for f in j if f["name"] == "other"]')" "['attached']"
            if [ "$(attached)" = 1 ]; then xdp detach v0 >/dev/null; fi
            grep -q INJECTED "$work/calls" || break
        done
        echo "$verb: $((n - 1)) calls of $kind failed"
    done
done
xdp detach w0 >/dev/null
ip link delete w0
same "after looks that failed" "$(state)" "$clean"
