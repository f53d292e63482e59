#!/bin/sh
# What must hold on processors of another kind, run under qemu's emulation of some that differ in what they can do: the kernel
# checker, the logits of all golden models (the same bits as on this machine), and the tests that are quick enough.
#
#   cross.sh TARGET [CTEST_ARGUMENT...]
#
# Wants build/release and build/cross-TARGET to be built. Ends with "N passed, N failed[, N skipped]". Not run, being slow when
# emulated: golden tests (the logits stand for them), those that fail every allocation in turn or try every cut and change.
set -u
# shellcheck source=scripts/target.sh
. "$(dirname "$0")/target.sh"
read_target "$1"
cd "$(dirname "$0")/.." || exit 1
target=$1
shift
build=build/cross-$target
models=${INK_SHARED:-../shared}/golden/models
scratch=$build/cross-logits
rm -rf "$scratch"
mkdir -p "$scratch"
passed=0 failed=0 skipped=0

# count PASSED FAILED SKIPPED
count()
{
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Adds the totals that a command ended with; without totals it failed.
count_totals()
{
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    # shellcheck disable=SC2046 # words on purpose
    count $(echo "${line:-0 passed, 1 failed}" | awk '{ print $1 + 0, $3 + 0, $5 + 0 }')
}

emulate()
{
    cpu=$1
    shift
    QEMU_CPU=$cpu "qemu-$qemu-static" -L "/usr/$triplet" "$@"
}

# Prompts of 16, then 3, then tokens alone: products with many columns, with few, and with one.
# results OUT MODEL COMMAND...: the logits of a model, or of an embedding model the vector of a text.
tokens='1 5 17 33 2 9 40 60 100 77 12 8 3 21 55 34 19 20 4'
results()
{
    out=$1 model=$2
    shift 2
    "$@" logits "$model" --tokens "$tokens" --batch 16 --threads 2 --out "$out.many" >/dev/null 2>&1 &&
        "$@" logits "$model" --tokens '1 5 17' --batch 1 --threads 1 --out "$out.one" >/dev/null 2>&1 &&
        cat "$out.many" "$out.one" >"$out" && return
    "$@" embed "$model" 'once upon a time' --json >"$out" 2>/dev/null
}

check_models()
{
    processor=$1 same=0 other=''
    for model in "$models"/*.gguf; do
        name=$(basename "$model" .gguf)
        [ -e "$scratch/$name.failed" ] && continue # refused here too
        if results "$scratch/$name.got" "$model" emulate "$processor" "$build/inkling" &&
            cmp -s "$scratch/$name" "$scratch/$name.got"; then
            same=$((same + 1))
        else
            other="$other $name"
        fi
    done
    # shellcheck disable=SC2086 # words on purpose
    count "$same" "$(echo $other | wc -w)" 0
    echo "$processor: $same models have this machine's bits${other:+, others:$other}"
}

# check_kernels PROCESSOR OPTION...
check_kernels()
{
    processor=$1
    shift
    emulate "$processor" "$build/kernels" --no-speed "$@" >"$scratch/kernels" 2>&1
    echo "$processor: kernels $*: $(tail -n 1 "$scratch/kernels")"
    grep FAIL "$scratch/kernels"
    count_totals "$scratch/kernels"
}

if [ -d "$models" ]; then
    for model in "$models"/*.gguf; do
        name=$(basename "$model" .gguf)
        results "$scratch/$name" "$model" build/release/inkling || : >"$scratch/$name.failed"
    done
else
    echo "No golden models at $models: skipped"
    count 0 0 1
fi
for entry in $processors; do
    cpu=${entry%:*} isa=${entry#*:}
    [ -d "$models" ] && check_models "$cpu"
    if [ "$isa" = c ]; then # what defines the bits, but for the sweeps over all floats: they take minutes each
        for op in decode encode tile product quantize result; do
            check_kernels "$cpu" --isa c --op "$op"
        done
    else
        check_kernels "$cpu" --isa "$isa"
    fi
done
scripts/run_tests.sh "$build" --exclude-regex '^(golden|fault|fuzz|kernels)|_hostile$|test_(generate|state)$|/numbers$' "$@" | tee "$scratch/tests"
count_totals "$scratch/tests"
rm -rf "$scratch"

line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
