#!/usr/bin/env bash
# clang-format gets C and C++ only, all of it: lint_files.sh SOURCE-DIR. It makes nonsense of Markdown.
set -euo pipefail
cd "$1"
git -c safe.directory='*' rev-parse 2>/dev/null || { echo "SKIP: no git here, so lint.sh finds no files"; exit 77; }
listed=$(scripts/lint.sh --files)
wrong=$(grep -vE '\.(cc|h|c)$' <<<"$listed" || true)
[ -z "$wrong" ] || { echo "FAILED: lint.sh would format $wrong"; exit 1; }
[ "$(grep -c . <<<"$listed")" -gt 100 ] || { echo "FAILED: lint.sh formats only $listed"; exit 1; }
# What such a formatter leaves of a heading: no blank behind the number sign.
mangled=$(git -c safe.directory='*' ls-files '*.md' | xargs awk '
    FNR == 1 { code = 0 }
    /^```/ { code = !code }
    !code && /^#+[^# ]/ { print FILENAME ":" FNR ": " $0 }')
[ -z "$mangled" ] || { echo "FAILED: Markdown formatted as something else:"; echo "$mangled"; exit 1; }
