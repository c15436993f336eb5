#!/usr/bin/env bash
# man.sh BUILD: every program in BUILD/bin that is no test has a man page, and each page renders cleanly.
set -euo pipefail
build=$1
count=0
for program in "$build"/bin/v*; do
    name=$(basename "$program")
    page=$build/man/$name.1
    [ -s "$page" ] || { echo "$name has no man page"; exit 1; }
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || { echo "$page: $warnings"; exit 1; }
    for section in NAME SYNOPSIS OPTIONS "EXIT STATUS" EXAMPLES; do
        # A tool of verbs has its options and examples with its verbs.
        grep -qE "^\.SH $section|^\.SS|^\.SH VERBS" "$page" || { echo "$page lacks $section"; exit 1; }
    done
    count=$((count + 1))
done
for page in "$build"/man/*.7; do
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || { echo "$page: $warnings"; exit 1; }
    sections=$((${sections:-0} + 1))
done
echo "$count man pages of programs, $sections of tables"
[ "$count" -ge 6 ] && [ "$sections" -ge 2 ]
