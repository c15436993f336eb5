#!/bin/sh
# Makes one object of many, in which only the functions of the API are global: a program that is
# linked with it may have any other name. Usage: join.sh LD NM OBJCOPY OUT OBJECT...
set -eu
ld=$1 nm=$2 objcopy=$3 out=$4
shift 4
unique=$out.unique
trap 'rm -f "$unique"' EXIT

# Groups are dissolved, or a program's linker would take its own copy of an inline function for them
# and leave out ours, which our code refers to as a local one.
"$ld" -r --force-group-allocation -o "$out" "$@"

# objcopy makes local what is global or weak, not what g++ made unique in a process (`u`). (An empty
# list is an error to it.)
"$nm" --defined-only "$out" | awk '$2 == "u" { print $3 }' >"$unique"
[ ! -s "$unique" ] || "$objcopy" --weaken-symbols="$unique" "$out"
"$objcopy" --wildcard --keep-global-symbol='vfm_*' --keep-global-symbol='vfl_*' "$out"
