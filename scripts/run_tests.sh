#!/bin/sh
# Runs the tests of one build and ends with the line "N passed, N failed[, N skipped]", counted over test cases.
#
#   run_tests.sh BUILD_DIR [CTEST_ARGUMENT...]
#
# The exit code is that of the line: 0 only when nothing failed and something passed.
set -u
build=$1
shift
results=$build/test-results
rm -rf "$results"
mkdir -p "$results"

ctest --test-dir "$build" --parallel "${JOBS:-2}" --output-on-failure "$@"
ctest_code=$?

cat "$results"/*.count 2>/dev/null | awk -v code="$ctest_code" '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        if (code != 0 && failed == 0)
            failed = 1 # something could not even be started
        line = sprintf("%d passed, %d failed", passed, failed)
        if (skipped)
            line = line sprintf(", %d skipped", skipped)
        print line
        exit failed != 0 || passed == 0
    }'
