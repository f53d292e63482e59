#!/bin/sh
# clang-format, over C files. With --fix it rewrites them. Tables (.def) are laid out by hand.
set -eu
cd "$(dirname "$0")/../.."
mode='--dry-run --Werror'
[ "${1:-}" = --fix ] && mode=-i
# shellcheck disable=SC2086 # words on purpose
find $(ls -d include src tests bench 2>/dev/null) -name '*.[ch]' | LC_ALL=C sort | xargs clang-format $mode
echo "layout: ok"
