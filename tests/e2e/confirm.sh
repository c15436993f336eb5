#!/usr/bin/env bash
# attach --confirm: the filter goes at that time, whoever was killed, and not before; unless it is
# confirmed. On the kernel's road.
. "$(dirname "$0")/lib.sh"
before=$(state)

left() { xdp list --json | json '[(f["name"], f["confirm_left"]) for f in j]'; }
names() { xdp list --json | json '[f["name"] for f in j]'; }
# gone WHAT MILLISECONDS: within that time there is nothing left, of the guard neither, and no command
# has looked before that could have swept it away.
gone() {
    local end=$(($(date +%s%3N) + $2))
    until [ "$(state)" = "$before" ]; do
        [ "$(date +%s%3N)" -lt $end ] || fail "$1: still there: $(state)"
        sleep 0.05
    done
}
now() { date +%s%3N; }
# no_guard: within a second none is there.
no_guard() {
    for _ in $(seq 40); do
        pgrep -x vfm-xdp >/dev/null || return 0
        sleep 0.05
    done
    fail "$1: a guard is still there"
}

# Not before, and then at once.
start=$(now)
xdp attach v0 -e '(= proto 6)' --confirm 4 >/dev/null 2>"$work/err"
contains "note" "$(cat "$work/err")" "'filter' is taken off again in 4 s"
contains "hint" "$(cat "$work/err")" 'vfm-xdp confirm v0 --name filter'
first=$(xdp list --json | json 'j[0]["confirm_left"]')
contains "list" "$(xdp list)" " s to confirm"
contains "show" "$(xdp show v0)" " s to confirm"
sleep 1.2
second=$(xdp list --json | json 'j[0]["confirm_left"]')
[ "$first" -le 4 ] && [ "$second" -lt "$first" ] && [ "$second" -gt 0 ] || fail "left: $first, then $second"
gone "not confirmed" 4500
took=$(($(now) - start))
[ $took -ge 4000 ] || fail "gone after $took ms"
echo "gone after $took ms"

# Confirmed: it stays, and the guard goes.
xdp attach v0 -e '(= proto 6)' --confirm 2 >/dev/null 2>&1
same "confirmed" "$(xdp confirm v0)" "confirmed 'filter' on v0 at xdp"
same "no time" "$(left)" "[('filter', None)]"
no_guard "confirmed"
sleep 2.3
same "it stays" "$(names)" "['filter']"
refused 3 "no filter waits to be confirmed: there is 'filter' at xdp" xdp confirm v0
refused 3 "no filter of VFM named 'x'" xdp confirm v0 --name x
xdp detach v0 >/dev/null
refused 3 "no filter of VFM is attached" xdp confirm v0

# What is wrong is refused, and leaves neither filter nor guard.
for seconds in 0 -1 1.5 5s x 31536001 99999999999999999999; do
    refused 2 "option '--confirm' takes a number in 1..31536000" xdp attach v0 -e 1 --confirm="$seconds"
done
refused 2 "argument IFACE is missing" xdp confirm
refused 2 "--guard is for all filters" xdp confirm v0 --guard
xdp attach v0 -e '(+ 1 (count-by ip.src) (count-by ip.dst))' --name one >/dev/null
refused 3 "is taken" xdp attach v0 -e 1 --name one --confirm 9
refused 1 "error" xdp attach v0 -e '(' --confirm 9
python3 -c 'print("".join(f"(deftable t{i} :key port) " for i in range(62)) +
    "(+ " + " ".join(f"(flow-add! t{i} dst-port 1)" for i in range(62)) + ")")' >"$work/maps.vfl"
refused 3 "in the kernel" xdp attach v0 "$work/maps.vfl" --name two --confirm 9
no_guard "refused"
same "left alone" "$(left)" "[('one', None)]"

# Beside another one, whose counts go on; what comes and goes meanwhile keeps the deadline.
frames 'tcp*3'
stat_after '' 3 >/dev/null
start=$(now)
xdp attach v0 -e '(= proto 17)' --name two --confirm 4 >/dev/null 2>&1
frames 'tcp*2'
xdp attach v0 -e 1 --name three >/dev/null
xdp detach v0 --name three >/dev/null
xdp attach v0 -e 1 --name three --hook=tc-ingress >/dev/null
same "after other generations" "$(xdp list --json | json '[(f["name"], f["confirm_left"] is None) for f in j]')" \
    "[('one', True), ('two', False), ('three', True)]"
refused 3 "no filter waits" xdp confirm v0 --name one
until [ "$(names)" = "['one', 'three']" ]; do
    [ $(($(now) - start)) -lt 7000 ] || fail "'two' is still there"
    sleep 0.1
done
[ $(($(now) - start)) -ge 4000 ] || fail "gone too early"
frames 'tcp*4'
same "counts go on" "$(stat_after '["pass"]' 9 xdp)" 9
xdp detach v0 --all >/dev/null
no_guard "several"

# Two that wait: which one must be said. The guard of one does the work of the other, too.
xdp attach v0 -e 1 --name one --confirm 3 >/dev/null 2>&1
xdp attach v0 -e 1 --name two --confirm 60 >/dev/null 2>&1
refused 2 "'one' at xdp, 'two' at xdp wait" xdp confirm v0
pkill -9 -x -o vfm-xdp
sleep 3.6
same "of one" "$(names)" "['two']"
xdp confirm v0 --name two --json | json '1 // (j["confirm_left"] is None)' >/dev/null || fail "confirm --json"
xdp detach v0 >/dev/null
no_guard "two"

# A newer filter of the same name is another one.
xdp attach v0 -e '(= proto 6)' --confirm 1 >/dev/null 2>&1
xdp detach v0 >/dev/null
xdp attach v0 -e '(= proto 17)' >/dev/null
sleep 1.8
same "the newer one" "$(names)" "['filter']"
xdp detach v0 >/dev/null
gone "the newer one" 1000

# The command is killed as soon as it is done, with all of its session; its terminal hangs up.
setsid bash -c 'vfm-xdp attach v0 -e 1 --confirm 2 --bpffs "$0" >/dev/null 2>&1; kill -HUP -$$; kill -9 -$$' "$bpffs" || true
same "it waits" "$(names)" "['filter']"
gone "its session was killed" 3500
# The descriptors of the command are not the guard's to keep.
exec 8>"$work/lock"
flock 8
xdp attach v0 -e 1 --confirm 2 >/dev/null 2>&1
exec 8>&-
flock -n "$work/lock" true || fail "the guard holds a descriptor of its command"
gone "with descriptors" 3500

# The guard is killed: who takes the lock next does its work, here with something quite different.
xdp attach v0 -e 1 --confirm 1 >/dev/null 2>&1
pkill -9 -x vfm-xdp
sleep 1.3
same "its time is over" "$(left)" "[('filter', 0)]"
xdp attach v0 -e 1 --name other --hook=tc-egress >/dev/null
same "swept" "$(names)" "['other']"
xdp attach v0 -e 1 --confirm 1 >/dev/null 2>&1
pkill -9 -x vfm-xdp
sleep 1.3
refused 3 "its time was over" xdp confirm v0
xdp detach v0 >/dev/null
same "nothing is left" "$(state)" "$before"

# The interface goes meanwhile; a filter of every hook.
for hook in xdp tc-ingress tc-egress; do xdp attach v0 -e 1 --hook=$hook --confirm 2 >/dev/null 2>&1; done
ip link delete v0
for _ in $(seq 60); do
    [ -e "$bpffs/vfm-2" ] || break
    sleep 0.05
done
[ ! -e "$bpffs/vfm-2" ] || fail "of an interface that is gone: $(find "$bpffs")"
make_pair

# Killed at any moment of attaching: the filter goes all the same, though no other command comes.
shim=${VFM_E2E_BUILD:-/none}/libvfm_fail_calls.so
if [ -e "$shim" ]; then
    n=-2
    while n=$((n + 3)); do
        rm -f "$work/mark"
        { LD_PRELOAD=$shim VFM_FAIL_AT=$n VFM_FAIL_HOW=kill-after VFM_FAIL_MARK=$work/mark \
            vfm-xdp attach v0 -e 1 --confirm 1 --bpffs "$bpffs" >/dev/null 2>&1 || true; } 2>/dev/null
        [ -e "$work/mark" ] || break
        case $(ip -d link show v0) in *prog/xdp*) there=1 ;; *) there=0 ;; esac
        [ $there = 0 ] || sleep 1.6
        case $(ip -d link show v0) in *prog/xdp*) fail "killed at call $n: still there" ;; esac
        [ $n -lt 200 ] || fail "attach makes too many calls"
    done
    echo "killed at $((n / 3)) of $n calls"
    xdp detach v0 >/dev/null 2>&1 || true  # who takes the lock sweeps
    gone "killed" 2500
fi

# Where systemd runs, a timer of its own does it: no process waits. One that refuses is no reason to stop.
mount -t tmpfs none /run
mkdir -p /run/systemd/system "$work/bin"
cat >"$work/bin/systemd-run" <<EOF
#!/usr/bin/env bash
echo "\$*" >>"$work/units"
[ ! -e "$work/no-units" ] || exit 1
while [ "\$1" != -- ]; do
    case \$1 in --on-active=*) time=\${1#*=} ;; esac
    shift
done
shift
(sleep "\${time%s}" && exec "\$@") >/dev/null 2>&1 &
EOF
chmod +x "$work/bin/systemd-run"
PATH=$work/bin:$PATH xdp attach v0 -e 1 --confirm 2 >/dev/null 2>&1
contains "unit" "$(cat "$work/units")" "--on-active=2s"
contains "unit" "$(cat "$work/units")" "confirm --guard --bpffs $bpffs"
! pgrep -x vfm-xdp >/dev/null || fail "a guard waits beside the timer"
same "it waits" "$(names)" "['filter']"
gone "by a timer" 3500
touch "$work/no-units"
PATH=$work/bin:$PATH xdp attach v0 -e 1 --confirm 1 >/dev/null 2>&1
same "units" "$(wc -l <"$work/units")" 2
gone "without the timer" 2500
