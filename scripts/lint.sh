#!/bin/sh
# Runs every lint check on the tree and, for names, exports and size, on a build.
#
#   lint.sh BUILD_DIR
set -u
build=$1
lint=$(cd "$(dirname "$0")" && pwd)/lint
passed=0 failed=0

check()
{
    name=$1
    shift
    if sh "$lint/$name.sh" "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "lint: $name FAILED"
    fi
}

check layout
check floors
check banned
check products
check names "$build/libinkling.a"
check exports "$build/libinkling.so"
check size "$build/inkling"
check cppcheck
check tidy "$build"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
