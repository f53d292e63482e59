#!/bin/sh
# clang-format, over C files. With --fix it rewrites them. Tables (.def) are laid out by hand, and so are comments, which
# have the same 100 columns.
set -eu
cd "$(dirname "$0")/../.."
mode='--dry-run --Werror'
[ "${1:-}" = --fix ] && mode=-i
files=$(find $(ls -d include src models tests bench 2>/dev/null) -name '*.[ch]' | LC_ALL=C sort)
# shellcheck disable=SC2086 # words on purpose
clang-format $mode $files
# shellcheck disable=SC2086
LC_ALL=C awk '{ columns = length($0) - gsub(/[\200-\277]/, "&") } # bytes that continue a character
    columns > 100 { print FILENAME ":" FNR ": longer than 100 columns"; bad++ }
    END { exit bad != 0 }' $files
echo "layout: ok"
