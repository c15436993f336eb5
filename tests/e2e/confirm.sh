#!/usr/bin/env bash
# attach --confirm: the filter goes at that time, whoever was killed, and not before; unless it is
# confirmed. On the kernel's road. (A machine may have much else to do: what is to be looked at in time
# has long to go, and nothing is said to be late before half a minute is over.)
. "$(dirname "$0")/lib.sh"
before=$(state)

left() { xdp list --json | json '[(f["name"], f["confirm_left"]) for f in j]'; }
names() { xdp list --json | json '[f["name"] for f in j]'; }
now() { date +%s%3N; }
# until_so WHAT COMMAND...
until_so() {
    local what=$1 end=$(($(now) + 30000))
    shift
    until "$@"; do
        [ "$(now)" -lt $end ] || fail "$what: $(state)"
        sleep 0.05
    done
}
is_as_before() { [ "$(state)" = "$before" ]; }
# gone WHAT: nothing is left, of the guard neither, and no command has come that could have swept it away.
gone() { until_so "$1" is_as_before; }
no_guard() { until_so "$1: a guard is there" eval '! pgrep -x vfm-xdp >/dev/null'; }
hangs() { case $(ip -d link show v0) in *prog/xdp*) true ;; *) false ;; esac; }
quiet() { "$@" >/dev/null 2>&1; }

# What is shown.
xdp attach v0 -e '(= proto 6)' --confirm 600 >/dev/null 2>"$work/err"
contains "note" "$(cat "$work/err")" "'filter' is taken off again in 600 s"
contains "hint" "$(cat "$work/err")" 'vfm-xdp confirm v0 --name filter'
first=$(xdp list --json | json 'j[0]["confirm_left"]')
contains "list" "$(xdp list)" " s to confirm"
contains "show" "$(xdp show v0)" " s to confirm"
sleep 1.2
second=$(xdp list --json | json 'j[0]["confirm_left"]')
[ "$first" -le 600 ] && [ "$second" -lt "$first" ] && [ "$second" -gt 400 ] || fail "left: $first, then $second"
same "confirmed" "$(xdp confirm v0)" "confirmed 'filter' on v0 at xdp"
same "no time" "$(left)" "[('filter', None)]"
no_guard "confirmed"
refused 3 "no filter waits to be confirmed: there is 'filter' at xdp" xdp confirm v0
refused 3 "no filter of VFM named 'x'" xdp confirm v0 --name x
xdp detach v0 >/dev/null
refused 3 "no filter of VFM is attached" xdp confirm v0

# Not before, and then at once.
start=$(now)
quiet xdp attach v0 -e '(= proto 6)' --confirm 2
until_so "not confirmed" eval '! hangs'
took=$(($(now) - start))
[ $took -ge 2000 ] || fail "gone after $took ms"
echo "gone after $took ms"
gone "not confirmed"

# Confirmed it stays.
quiet xdp attach v0 -e '(= proto 6)' --confirm 5
quiet xdp confirm v0 || fail "not confirmed within 5 s"
sleep 5.5
same "it stays" "$(names)" "['filter']"
quiet xdp detach v0

# What is wrong is refused, and leaves neither filter nor guard.
for seconds in 0 -1 1.5 5s x 31536001 99999999999999999999; do
    refused 2 "option '--confirm' takes a number in 1..31536000" xdp attach v0 -e 1 --confirm="$seconds"
done
refused 2 "argument IFACE is missing" xdp confirm
refused 2 "--guard is for all filters" xdp confirm v0 --guard
xdp attach v0 -e '(+ 1 (count-by ip.src) (count-by ip.dst))' --name one >/dev/null
refused 3 "is taken" xdp attach v0 -e 1 --name one --confirm 600
refused 1 "error" xdp attach v0 -e '(' --confirm 600
refused 3 "more than --max-memory" xdp attach v0 -e '(count-by ip.src)' --name two --confirm 600 --max-memory 1K
no_guard "refused"
same "left alone" "$(left)" "[('one', None)]"

# Beside another one, whose counts go on; what comes and goes meanwhile keeps the deadline.
frames 'tcp*3'
stat_after '' 3 >/dev/null
start=$(now)
quiet xdp attach v0 -e '(= proto 17)' --name two --confirm 10
quiet xdp attach v0 -e 1 --name three
quiet xdp detach v0 --name three
quiet xdp attach v0 -e 1 --name three --hook=tc-ingress
refused 3 "no filter waits" xdp confirm v0 --name one
is_two_gone() { [ "$(names)" = "['one', 'three']" ]; }
until_so "two" is_two_gone
[ $(($(now) - start)) -ge 10000 ] || fail "gone too early"
frames 'tcp*4'
same "counts go on" "$(stat_after '["pass"]' 7 xdp)" 7
quiet xdp detach v0 --all
gone "several"

# Two that wait: which one must be said. The guard of one does the work of the other, too.
quiet xdp attach v0 -e 1 --name two --confirm 600
quiet xdp attach v0 -e 1 --name one --confirm 600
refused 2 "'two' at xdp, 'one' at xdp wait" xdp confirm v0
quiet xdp detach v0 --name one
quiet xdp attach v0 -e 1 --name one --confirm 1
pkill -9 -x -n vfm-xdp
is_one_gone() { [ "$(names)" = "['two']" ]; }
until_so "of one" is_one_gone
xdp confirm v0 --name two --json | json '1 // (j["confirm_left"] is None)' >/dev/null || fail "confirm --json"
quiet xdp detach v0
gone "two"

# A newer filter of the same name is another one.
quiet xdp attach v0 -e '(= proto 6)' --confirm 2
quiet xdp detach v0 || true
quiet xdp attach v0 -e '(= proto 17)'
sleep 3
same "the newer one" "$(names)" "['filter']"
quiet xdp detach v0
gone "the newer one"

# The command is killed as soon as it is done, with all of its session; its terminal hangs up.
setsid bash -c 'vfm-xdp attach v0 -e 1 --confirm 2 --bpffs "$0" >"$1" 2>&1; kill -HUP -$$; kill -9 -$$' \
    "$bpffs" "$work/session" || true
contains "the session" "$(cat "$work/session")" "attached 'filter'"
gone "its session was killed"
# The descriptors of the command are not the guard's to keep.
exec 8>"$work/lock"
flock 8
quiet xdp attach v0 -e 1 --confirm 600
exec 8>&-
flock -n "$work/lock" true || fail "the guard holds a descriptor of its command"
quiet xdp detach v0
gone "with descriptors"

# The guard is killed: who takes the lock next does its work, here with something quite different.
quiet xdp attach v0 -e 1 --confirm 2
pkill -9 -x vfm-xdp
sleep 2.5
same "its time is over" "$(left)" "[('filter', 0)]"
quiet xdp attach v0 -e 1 --name other --hook=tc-egress
same "swept" "$(names)" "['other']"
quiet xdp attach v0 -e 1 --confirm 2
pkill -9 -x vfm-xdp
sleep 2.5
refused 3 "its time was over" xdp confirm v0
quiet xdp detach v0
same "nothing is left" "$(state)" "$before"

# The interface goes meanwhile; a filter of every hook.
for hook in xdp tc-ingress tc-egress; do quiet xdp attach v0 -e 1 --hook=$hook --confirm 3; done
ip link delete v0
until_so "of an interface that is gone" eval '[ ! -e "$bpffs/vfm-2" ]'
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
        until_so "killed at call $n" eval '! hangs'
        [ $n -lt 200 ] || fail "attach makes too many calls"
    done
    echo "killed at $((n / 3)) of $n calls"
    quiet xdp detach v0 || true  # who takes the lock sweeps
    gone "killed"
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
PATH=$work/bin:$PATH quiet xdp attach v0 -e 1 --confirm 5
contains "unit" "$(cat "$work/units")" "--on-active=5s"
contains "unit" "$(cat "$work/units")" "confirm --guard --bpffs $bpffs"
! pgrep -x vfm-xdp >/dev/null || fail "a guard waits beside the timer"
hangs || fail "gone before its time"
gone "by a timer"
touch "$work/no-units"
PATH=$work/bin:$PATH quiet xdp attach v0 -e 1 --confirm 1
same "units" "$(wc -l <"$work/units")" 2
gone "without the timer"
