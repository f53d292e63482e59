#!/bin/sh
# Runs the libFuzzer executables of a build, each for FUZZ_SECONDS.
#
#   fuzz.sh BUILD_DIR [NAME...]        (no name: all)
#
# What was learned is kept in build/fuzz-corpus/NAME, so the next run resumes (fuzz_keep.sh puts it into the tree); an input
# that breaks something is kept beside it. tests/fuzz/NAME.dict, where there is one, gives the fuzzer words to begin with.
set -u
build=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${FUZZ_SECONDS:-60}
[ $# -gt 0 ] || set -- $(ls "$build" | sed -n 's/^fuzz_\([a-z0-9_]*\)$/\1/p')
passed=0 failed=0

for name in "$@"; do
    kept=$root/build/fuzz-corpus/$name
    seeds=$root/tests/fuzz/corpus/$name
    dictionary=$root/tests/fuzz/$name.dict
    mkdir -p "$kept/corpus"
    echo "fuzz_$name: $seconds s, $(ls "$kept/corpus" | wc -l) inputs known"
    set -- "$kept/corpus"
    for folder in "$seeds" "$build/tests/fuzz/found/$name"; do
        [ -d "$folder" ] && set -- "$@" "$folder"
    done
    [ -f "$dictionary" ] && set -- "$@" "-dict=$dictionary"
    if "$build/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$kept/" "$@" >"$kept/log" 2>&1; then
        sed -n 's/^stat::/  /p' "$kept/log"
        passed=$((passed + 1))
    else
        tail -n 40 "$kept/log"
        echo "fuzz_$name: FAILED; the input is in $kept, the whole log in $kept/log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
