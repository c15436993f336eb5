#!/usr/bin/env bash
# Formatting and static analysis, with the versions that setup.sh installs.
#
#   scripts/lint.sh          checks; fails if clang-format-19 or clang-tidy-19 has something to say
#   scripts/lint.sh --fix    formats in place
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files '*.cc' '*.h' '*.c')
if [ "${1-}" = --fix ]; then
    clang-format-19 -i "${sources[@]}"
    exit 0
fi

echo "== clang-format"
clang-format-19 --dry-run -Werror "${sources[@]}"

echo "== clang-tidy"
[ -f build/compile_commands.json ] || cmake -B build -G Ninja >/dev/null
# Generated headers (protobuf) must exist before a file can be read.
cmake --build build -- --quiet
mapfile -t units < <(git ls-files '*.cc' | grep -v '^tests/')
printf '%s\0' "${units[@]}" |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy-19 -p build --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option 2> >(grep -v 'warnings generated\|warning generated\|Suppressed\|Use -header-filter' >&2)
echo "lint: clean"
