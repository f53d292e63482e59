#!/bin/sh
# Runs one test executable or script and records how many of its cases passed.
#
#   run_test.sh RESULTS NAME COMMAND [ARGUMENT...]
#
# A command that prints TAP (cmocka does, when asked) counts case by case; any other counts as one case: exit 0 passes, 77
# skips, all else fails. A crash fails whatever was printed before it. RESULTS/NAME.count holds "passed failed skipped".
set -u
results=$1 name=$2
shift 2
slot=$results/$(printf '%s' "$name" | tr / -)
mkdir -p "$results"
echo '0 1 0' >"$slot.count" # stands if this script is ended by a time limit

# An impossible allocation returns NULL, as without a sanitizer.
ASAN_OPTIONS=allocator_may_return_null=1:${ASAN_OPTIONS:-}
TSAN_OPTIONS=allocator_may_return_null=1:${TSAN_OPTIONS:-}
UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS
CMOCKA_MESSAGE_OUTPUT=TAP
export CMOCKA_MESSAGE_OUTPUT
"$@" >"$slot.log" 2>&1 </dev/null
code=$?
cat "$slot.log"

counts=$(awk -v code="$code" '
    /^1\.\.[0-9]+/            { planned += substr($0, 4) + 0; tap = 1 }
    /^(not )?ok [0-9]+.*# SKIP/ { skipped++; next }
    /^ok [0-9]+/              { passed++; next }
    /^not ok [0-9]+/          { failed++ }
    END {
        if (!tap) {
            passed = code == 0; skipped = code == 77; failed = !passed && !skipped
        } else {
            missing = planned - passed - failed - skipped
            if (missing > 0) failed += missing
            if (code != 0 && failed == 0) failed++
        }
        print passed + 0, failed + 0, skipped + 0
    }' "$slot.log")
echo "$counts" >"$slot.count"
case $counts in
*' 0 '*) [ "$counts" = "0 0 1" ] && exit 77 || exit 0 ;;
esac
echo "$name: exit code $code" >&2
exit 1
