#!/usr/bin/env bash
# Every call of attach and detach that changes something fails once, and once kills the process before
# and after it. Then either the whole filter is there and works, or nothing is attached; after a failure
# nothing is left at all; and the next command always succeeds.
. "$(dirname "$0")/lib.sh"
shim=${VFM_E2E_BUILD:?the directory of the preloaded library}/libvfm_fail_calls.so
[ -e "$shim" ] || skip "the preloaded library is not built"
if LD_PRELOAD=$shim VFM_FAIL_AT=0 VFM_FAIL_HOW=error VFM_FAIL_MARK=/ vfm-xdp --version >/dev/null 2>"$work/err" &&
    [ -s "$work/err" ]; then
    skip "this build takes no preloaded library"
fi

mark=$work/mark
filter='(< (count-by src-ip) 9)'

broken() {  # broken HOW N VERB...: true if the N-th call was reached
    local how=$1 n=$2
    shift 2
    rm -f "$mark"
    status=0
    # The outer redirection is for the shell's word on a killed process.
    {
        LD_PRELOAD=$shim VFM_FAIL_AT=$n VFM_FAIL_HOW=$how VFM_FAIL_MARK=$mark \
            vfm-xdp "$@" --bpffs "$bpffs" >"$work/out" 2>"$work/err" || status=$?
    } 2>/dev/null
    [ -e "$mark" ]
}
attached() { case $(ip -d link show v0) in *prog/xdp*) echo 1 ;; *) echo 0 ;; esac; }
clean=$(state)

for how in error kill-before kill-after; do
    n=0
    while n=$((n + 1)); broken $how $n attach v0 -e "$filter"; do
        listed=$(xdp list --json | json '[f["state"] for f in j]')
        case "$how $status" in
            "error 0"*) same "$how $n: listed" "$listed" "['attached']" ;;
            "error 3"*) same "$how $n: left ($(cat "$work/err"))" "$(state)" "$clean" ;;
            kill-*" 137") same "$how $n: attached and listed" "$(attached)" "$(echo "$listed" | grep -c attached || true)" ;;
            *) fail "$how $n: status $status: $(cat "$work/err")" ;;
        esac
        # Whatever was left is in nobody's way.
        [ "$listed" = "['attached']" ] || xdp attach v0 -e "$filter" >/dev/null ||
            fail "$how $n: cannot attach afterwards"
        xdp detach v0 >/dev/null || fail "$how $n: cannot detach afterwards"
        same "$how $n: afterwards" "$(state)" "$clean"
        [ $n -lt 200 ] || fail "attach makes too many calls"
    done
    same "the run that nothing broke" "$status" 0
    [ $n -gt 8 ] || fail "$how: only $n calls were tried"
    echo "attach, $how: $((n - 1)) calls"
    xdp detach v0 >/dev/null
done

for how in kill-before kill-after; do
    n=0
    xdp attach v0 -e "$filter" >/dev/null
    while n=$((n + 1)); broken $how $n detach v0; do
        same "detach $how $n" "$status" 137
        listed=$(xdp list --json | json 'len(j)')
        [ "$(attached)" -le "$listed" ] || fail "detach $how $n: attached but not listed"
        [ "$listed" = 0 ] || xdp detach v0 >/dev/null || fail "detach $how $n: cannot be repeated"
        xdp attach v0 -e "$filter" >/dev/null || fail "detach $how $n: cannot attach"
        [ $n -lt 200 ] || fail "detach makes too many calls"
    done
    echo "detach, $how: $((n - 1)) calls"
    same "the detach that nothing broke" "$status" 0
    same "detach $how: afterwards" "$(state)" "$clean"
done

# A change of a hook that has filters: the old ones or the new ones are there, whole, and count.
change() {  # change WHAT OLD NEW VERB...: OLD and NEW are what list says
    local what=$1 old=$2 new=$3 how n listed
    shift 3
    for how in error kill-before; do
        n=0
        while
            n=$((n + 1))
            xdp attach v0 -e '(rules (when (= dst-port 80) drop) (default pass))' --name web >/dev/null
            xdp attach v0 -e "$filter" --name count --prio 60 >/dev/null 2>&1
            broken $how $n "$@"
        do
            listed=$(xdp list --json | json '[(f["name"], f["prio"]) for f in j]')
            case "$how $status" in
                "error 0"*) same "$what, $how $n: listed" "$listed" "$new" ;;
                "error 3"*) same "$what, $how $n: listed ($(cat "$work/err"))" "$listed" "$old" ;;
                kill-*" 137") [ "$listed" = "$old" ] || same "$what, $how $n: listed" "$listed" "$new" ;;
                *) fail "$what, $how $n: status $status: $(cat "$work/err")" ;;
            esac
            same "$what, $how $n: one program" "$(xdp list --json | json 'len({f["prog_id"] for f in j})')" 1
            same "$what, $how $n: what hangs there" "$(xdp list --json | json 'j[0]["prog_id"]')" \
                "$(ip -j -d link show v0 | json 'j[0]["xdp"]["prog"]["id"]')"
            xdp stats v0 >/dev/null || fail "$what, $how $n: no statistics"
            xdp detach v0 --all >/dev/null || fail "$what, $how $n: cannot detach"
            same "$what, $how $n: afterwards" "$(state)" "$clean"
            [ $n -lt 300 ] || fail "$what makes too many calls"
        done
        [ $n -gt 8 ] || fail "$what, $how: only $n calls were tried"
        same "$what: the one that nothing broke" "$(xdp list --json | json '[(f["name"], f["prio"]) for f in j]')" "$new"
        xdp detach v0 --all >/dev/null
        echo "$what, $how: $((n - 1)) calls"
    done
}
both="[('web', 50), ('count', 60)]"
change replace "$both" "[('web', 50), ('count', 70)]" \
    replace v0 -e '(rules (when (< (count-by src-ip) 9) drop) (default pass))' --name count --prio 70
change "another filter" "$both" "[('web', 50), ('more', 55), ('count', 60)]" \
    attach v0 -e '(count-by dst-port)' --name more --prio 55
change "one filter less" "$both" "[('count', 60)]" detach v0 --name web
