# What the scripts of this folder share; each begins with `. "$(dirname "$0")/support.sh"` and ends with `finish`.
#
# INK_BIN is the binary, INK_SHARED the reference data, INK_EMULATOR what runs the binary when it is for another
# processor. Results are printed as TAP, so that each check counts as one case.
set -u
: "${INK_BIN:?the inkling binary}"
shared=${INK_SHARED:-../shared}
stories=$shared/weights/stories260K.gguf
python=/usr/bin/python3
n_checks=0
n_failed=0

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Colors and the locale of whoever runs the tests must not matter.
unset NO_COLOR INK_CPU
LC_ALL=C
export LC_ALL

ink() {
    # shellcheck disable=SC2086 # an emulator is several words
    ${INK_EMULATOR:-} "$INK_BIN" "$@"
}

# Without reference data: failure on a CI machine, else the whole script counts as skipped.
need_shared() {
    [ -e "$stories" ] && return
    [ -n "${CI:-}" ] && { echo "reference data is missing at $shared"; exit 1; }
    exit 77
}

# report NAME OUTCOME [DETAILS]: one case; OUTCOME 0 is success.
report() {
    n_checks=$((n_checks + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $n_checks - $1"
        return
    fi
    n_failed=$((n_failed + 1))
    echo "not ok $n_checks - $1"
    [ -n "${3:-}" ] && printf '%s\n' "$3" | sed 's/^/# /'
}

skip() {
    n_checks=$((n_checks + 1))
    echo "ok $n_checks - $1 # SKIP $2"
}

# same NAME EXPECTED_FILE ACTUAL_FILE: every byte.
same() {
    cmp -s "$2" "$3"
    report "$1" $? "expected: $(head -c 300 "$2")
found:    $(head -c 300 "$3")"
}

# equal NAME EXPECTED ACTUAL
equal() {
    [ "$2" = "$3" ]
    report "$1" $? "expected: $2
found:    $3"
}

# fails NAME CODE PATTERN ARGUMENT...: the exit code, one line on standard error that begins "inkling: " and matches,
# and nothing on standard output.
fails() {
    fails_name=$1 fails_code=$2 fails_pattern=$3
    shift 3
    ink "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    found=$?
    problem=0
    [ "$found" -eq "$fails_code" ] || problem=1
    [ -s "$scratch/out" ] && problem=1
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || problem=1
    grep -Eq "^inkling: .*($fails_pattern)" "$scratch/err" || problem=1
    report "$fails_name" $problem "exit code $found, wanted $fails_code and $fails_pattern: $(cat "$scratch/err")"
}

finish() {
    echo "1..$n_checks"
    [ "$n_failed" -eq 0 ]
    exit $?
}
