#!/bin/sh
# The shared library exports what include/*.h declare INK_API, no more and no less.
#
#   exports.sh LIBRARY.so
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
library=$1
[ -e "$library" ] || { echo "exports: $library is not built" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort -u >"$work/exported"
# The declarations, one to a line: comments and directives out, then from INK_API to the first parenthesis.
sed -e '/^[ \t]*#/d' -e 's|/\*[^*]*\*/||g' "$root"/include/*.h | tr '\n' ' ' | tr ';' '\n' |
    sed -n 's/.*INK_API\([^(]*\)(.*/\1/p' | grep -o 'ink_[a-z0-9_]*[ ]*$' | tr -d ' ' | LC_ALL=C sort -u >"$work/declared"

more=$(LC_ALL=C comm -23 "$work/exported" "$work/declared")
less=$(LC_ALL=C comm -13 "$work/exported" "$work/declared")
[ -z "$more" ] || printf 'exports: exported, but not declared INK_API in inkling.h: %s\n' $more
[ -z "$less" ] || printf 'exports: declared INK_API in inkling.h, but not exported: %s\n' $less
[ -z "$more$less" ] || exit 1
echo "exports: ok, $(wc -l <"$work/exported") functions"
