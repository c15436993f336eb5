# Sourced by test.sh and lint.sh: what each step took beside its share of the time.
#
# A share is in seconds of a slow machine (two cores of Zen 3); .ci/run has 2700 there and may need
# 5400. A step that needs more is named; nothing fails for it. VFM_STEPS names a file to which lines
# are appended, so that one table shows the steps of several scripts.

steps_own=
if [ -z "${VFM_STEPS-}" ]; then
    VFM_STEPS=$(mktemp)
    export VFM_STEPS
    steps_own=yes
fi
step_name=

# step SHARE NAME: ends the step before and begins this one.
step() {
    end_step
    step_share=$1 step_name=$2 step_begin=$SECONDS
    printf '\n== %s (share %s s)\n' "$step_name" "$step_share"
}

end_step() {
    [ -n "$step_name" ] || return 0
    local took=$((SECONDS - step_begin)) over=
    [ "$took" -le "$step_share" ] || over="  over its share"
    printf '== %s: %s s (share %s s)%s\n' "$step_name" "$took" "$step_share" "$over"
    printf '%6s %6s  %s%s\n' "$took" "$step_share" "$step_name" "$over" >>"$VFM_STEPS"
    step_name=
}

# skipped NAME WHY
skipped() {
    end_step
    printf '\n== %s: skipped: %s\n' "$1" "$2"
    printf '%6s %6s  %s: %s\n' - - "$1" "$2" >>"$VFM_STEPS"
}

# The table, if no script above this one shows it.
show_steps() {
    end_step
    [ -n "$steps_own" ] || return 0
    printf '\n%6s %6s  step (seconds, its share of them)\n' took share
    cat "$VFM_STEPS"
    awk '{ took += $1; share += $2; over += / over its share$/ }
         END { printf "%6d %6d  all; %d over their share\n", took, share, over }' "$VFM_STEPS"
    rm -f "$VFM_STEPS"
}
