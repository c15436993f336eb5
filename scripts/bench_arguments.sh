#!/usr/bin/env bash
# Sourced by the benches, which end by their own wrong() where an argument is.

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

# check_names OPTION LIST NAME...: every name of the list is one of those.
check_names() {
    local option=$1 list=$2 name rest=$2,
    shift 2
    while [ -n "$rest" ]; do
        name=${rest%%,*} rest=${rest#*,}
        printf '%s\n' "$@" | grep -qxF -e "$name" ||
            wrong "$option=$list: there is no '$name'; there are $*"
    done
}
