#!/bin/sh
# Each public header compiles alone, as C11 with the compiler of the build and as C++ where there is one.
#
#   headers.sh C_COMPILER
set -eu
cd "$(dirname "$0")/../.."
flags='-Wall -Wextra -Wconversion -Wshadow -Werror -fsyntax-only -Iinclude'
checked=0
for header in include/*.h; do
    # shellcheck disable=SC2086 # words on purpose
    "$1" -x c -std=c11 -pedantic -Wmissing-prototypes $flags - <<END
#include "$(basename "$header")"
END
    checked=$((checked + 1))
    for cxx in c++ clang++; do
        command -v "$cxx" >/dev/null 2>&1 || continue
        # shellcheck disable=SC2086
        "$cxx" -x c++ -std=c++11 -pedantic $flags - <<END
#include "$(basename "$header")"
END
        checked=$((checked + 1))
    done
done
echo "headers: ok, $checked compilations"
