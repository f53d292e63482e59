#!/bin/sh
# Puts what fuzzing has found into the tree: of build/fuzz-corpus/NAME, the shortest inputs that reach everything it reaches
# replace tests/fuzz/found/NAME.tar.xz, which each build replays.
#
#   fuzz_keep.sh BUILD_DIR NAME...
set -eu
build=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
most_bytes=200 # of one input: longer ones repeat themselves

for name in "$@"; do
    kept=$root/build/fuzz-corpus/$name
    rm -rf "$kept/shortest"
    mkdir -p "$kept/shortest"
    "$build/fuzz_$name" -merge=1 -max_len=$most_bytes "$kept/shortest" "$root/tests/fuzz/corpus/$name" "$kept/corpus" \
        >"$kept/log" 2>&1
    tar --sort=name --mtime=2026-01-01 --owner=0 --group=0 --numeric-owner -cJf "$root/tests/fuzz/found/$name.tar.xz" \
        -C "$kept/shortest" .
    echo "fuzz_$name: $(ls "$kept/shortest" | wc -l) inputs in tests/fuzz/found/$name.tar.xz"
done
