#!/usr/bin/env bash
# Sourced by bench.sh, bench-live.sh and bench-attach.sh, which end by their own wrong() where an argument is.

# check_cpu NUMBER: a CPU that this process may use.
check_cpu() {
    local allowed range
    allowed=$(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status)
    if [[ $1 =~ ^[0-9]{1,6}$ ]]; then
        for range in ${allowed//,/ }; do
            if [ "$1" -ge "${range%-*}" ] && [ "$1" -le "${range#*-}" ]; then return; fi
        done
    fi
    wrong "--cpu=$1: needs the number of a CPU; this process may use $allowed"
}
