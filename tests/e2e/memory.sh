# `inkling plan` and --memory-limit: with 1.1 times what is planned everything works, with 0.9 times it is refused,
# in a cgroup where one can be made.
. "$(dirname "$0")/support.sh"
need_shared

planned() {
    ink plan "$@" --json | "$python" -c 'import json, sys; p = json.load(sys.stdin); print(p["total_bytes"], p["process_bytes"])'
}
text=$(ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 20)

ink plan "$stories" --context 512 --threads 2 >"$scratch/out"
"$python" - "$scratch/out" <<'END' >"$scratch/found" 2>&1
import sys
rows = {line[27:].strip(): int(line[:14]) for line in open(sys.argv[1]) if line[:14].strip().isdigit()}
total = rows.pop("all, at most at any time")
process = rows.pop("this program itself, beside all that")
loading = rows.pop("stripes and tables, gone when the weights are loaded")
weights = rows["weights, packed, and adapters"] + rows["vocabulary, template, tables"]
assert total == max(sum(rows.values()), weights + loading), (rows, total)
END
report "the rows add up to the plan" $? "$(cat "$scratch/found" "$scratch/out")"

n_planned=0
for model in "$stories" "$shared"/golden/models/llama-gqa-Q4_0.gguf "$shared"/golden/models/qwen3-*.gguf; do
    [ -e "$model" ] || continue
    name=$(basename "$model")
    for cache in f16 q8_0; do
        set -- --context 256 --threads 2 --cache $cache
        plan=$(planned "$model" "$@") 2>/dev/null || continue # heads too short for the format
        n_planned=$((n_planned + 1))
        total=${plan% *}
        ink logits "$model" --tokens "1 2 3 4 5 6" "$@" --out "$scratch/free" 2>"$scratch/err"
        all=$(planned "$model" "$@" --all-logits)
        ink logits "$model" --tokens "1 2 3 4 5 6" "$@" --out "$scratch/limited" 2>"$scratch/err" \
            --memory-limit $((${all% *} * 11 / 10))
        same "$name, $cache: the same logits within the plan" "$scratch/free" "$scratch/limited"
        fails "$name, $cache: less than the plan is refused" 1 'the memory limit is' run "$model" x --raw "$@" \
            --memory-limit $((total * 9 / 10))
    done
done
[ $n_planned -ge 3 ]
report "models and formats were tried" $? "$n_planned plans"

set -- --context 512 --threads 2
plan=$(planned "$stories" "$@")
total=${plan% *}
equal "the plan is enough, to the byte" "$text" "$(ink run "$stories" "Once upon a time" --raw --temperature 0 \
    --max-tokens 20 "$@" --memory-limit "$total" 2>&1)"
for overflow in roll evict; do
    plan=$(planned "$stories" "$@" --overflow $overflow)
    ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 900 --ignore-end "$@" --overflow $overflow \
        --memory-limit "${plan% *}" >"$scratch/out" 2>"$scratch/err"
    report "and what is dropped stays within it ($overflow)" $? "$(cat "$scratch/err")"
done
ink run "$stories" x --raw "$@" --memory-limit $((total - 100000)) >"$scratch/out" 2>"$scratch/err"
fits=$(sed -n 's/.*what would fit: a context of \([0-9]*\) positions.*/\1/p' "$scratch/err")
equal "what is said to fit does" "$text" "$(ink run "$stories" "Once upon a time" --raw --temperature 0 \
    --max-tokens 20 --context "${fits:-0}" --threads 2 --memory-limit $((total - 100000)) 2>&1)"
ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 20 --threads 2 \
    --memory-limit "$total" >"$scratch/out" 2>"$scratch/err"
equal "a context that is not given fits the limit" "$text" "$(cat "$scratch/out")"
grep -Eq '^inkling: .*: a context of [0-9]+ positions, not the 2048 that the model was trained for' "$scratch/err"
report "and says that it is shorter" $? "$(cat "$scratch/err")"
fails "a limit below the weights" 1 'loading it needs' run "$stories" x --raw --memory-limit 100k
fails "a limit that is none" 2 'a number of bytes' run "$stories" x --raw --memory-limit much
ink plan "$stories" --context 2048 --memory-limit 2M >"$scratch/out" 2>"$scratch/err"
equal "a plan that does not fit says so" 1 "$?"
grep -q 'what would fit: ' "$scratch/err"
report "and what would" $? "$(cat "$scratch/err")"

# Weights that are larger than memory, from their file.
ink synthesize --shape smollm2-135m --type Q4_0 "$scratch/large.gguf" >/dev/null
large() {
    ink run "$scratch/large.gguf" "a b c" --raw --temperature 0 --max-tokens 4 --context 64 --batch 32 --threads 1 "$@"
}
text_of_large=$(large)
for start in first second; do
    large --memory-limit 60M --pack-cache "$scratch/kept" >"$scratch/out" 2>"$scratch/err"
    equal "larger than memory, the $start time" "$text_of_large" "$(cat "$scratch/out")"
    grep -Eq 'of weights in .* of memory: .* measured, that is about .* tokens/s' "$scratch/err"
    report "and the speed to expect is told" $? "$(cat "$scratch/err")"
done
ink plan "$scratch/large.gguf" --context 64 --batch 32 --memory-limit 60M --pack-cache "$scratch/kept" --json >"$scratch/out"
"$python" -c 'import json, sys
p = json.load(open(sys.argv[1]))
assert p["fits"] and p["weights_bytes"] == 0 and p["mapped_bytes"] > 60e6 and p["expected_tokens_per_second"] > 0, p' \
    "$scratch/out" >"$scratch/found" 2>&1
report "and planned" $? "$(cat "$scratch/found")"
fails "without a folder there is no place for them" 1 'pack_cache' run "$scratch/large.gguf" x --raw --memory-limit 60M

# Weights are kept in the background beside a session, with no more than what is planned.
set -- --context 512 --threads 2 --pack-cache "$scratch/tight"
plan=$(planned "$stories" "$@")
for start in first second; do
    equal "within the plan packed weights are kept, the $start time" "$text" "$(ink run "$stories" "Once upon a time" --raw \
        --temperature 0 --max-tokens 20 "$@" --memory-limit "${plan% *}" 2>&1)"
    [ -n "$(find "$scratch/tight" -name '*.inkpack')" ]
    report "and are there afterwards" $?
done
set -- --context 512 --threads 2
plan=$(planned "$stories" "$@")

# The size of the address space can be limited everywhere. What the program itself takes of it, in KiB, is found by trying.
space() {
    (
        ulimit -v "$1" || exit 99
        shift
        exec "$INK_BIN" "$@"
    )
}
if [ -z "${INK_EMULATOR:-}" ] && space 1000000 version >/dev/null 2>&1; then
    low=0 itself=1000000
    while [ $((itself - low)) -gt 64 ]; do
        middle=$(((low + itself) / 2))
        if space $middle version >/dev/null 2>&1; then itself=$middle; else low=$middle; fi
    done
    for model in "$stories" "$shared"/golden/models/llama-gqa-Q4_0.gguf "$shared"/golden/models/gemma3-*.gguf \
        "$shared"/golden/models/qwen3-*.gguf; do
        [ -e "$model" ] || continue
        name=$(basename "$model")
        set -- --tokens "1 2 3 4 5 6" --context 256 --threads 1
        all=$(planned "$model" --context 256 --threads 1 --all-logits)
        ink logits "$model" "$@" --out "$scratch/free" 2>"$scratch/err"
        rm -f "$scratch/limited"
        space $(((itself + ${all% *} / 1024) * 11 / 10)) logits "$model" "$@" --out "$scratch/limited" 2>"$scratch/err"
        same "$name: in an address space of 1.1 times the plan" "$scratch/free" "$scratch/limited"
    done
    plan=$(planned "$scratch/large.gguf" --context 64 --batch 32 --threads 1)
    large_in() {
        space "$1" run "$scratch/large.gguf" "a b c" --raw --temperature 0 --max-tokens 4 --context 64 --batch 32 --threads 1
    }
    equal "a large model there" "$text_of_large" "$(large_in $((itself + ${plan% *} / 1024 * 11 / 10)) 2>&1)"
    large_in $((itself + ${plan% *} / 1024 * 9 / 10)) >"$scratch/out" 2>"$scratch/err"
    equal "in one of 0.9 times a refusal" 1 "$?"
    [ ! -s "$scratch/out" ] && [ "$(wc -l <"$scratch/err")" -eq 1 ] && grep -q '^inkling: .*out of memory for' "$scratch/err"
    report "in words" $? "$(cat "$scratch/out" "$scratch/err")"
    set -- --context 512 --threads 2
    plan=$(planned "$stories" "$@")
else
    skip "in a small address space" "it cannot be limited here"
fi

# All that the process takes, as the kernel counts it.
group=/sys/fs/cgroup/memory/inkling-test-$$
if [ -z "${INK_EMULATOR:-}" ] && mkdir "$group" 2>/dev/null; then
    within() {
        echo "$1" >"$group/memory.limit_in_bytes" || return 1
        shift
        # shellcheck disable=SC2016 # expanded by the inner shell
        sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" "$INK_BIN" "$@"
    }
    limit=$(((total + ${plan#* }) * 11 / 10))
    equal "in a cgroup of 1.1 times the plan" "$text" "$(within $limit run "$stories" "Once upon a time" --raw \
        --temperature 0 --max-tokens 20 "$@" --memory-limit "$total" 2>&1)"
    within $((limit * 9 / 11)) run "$stories" x --raw "$@" --memory-limit $((total * 9 / 10)) >"$scratch/out" \
        2>"$scratch/err"
    equal "in one of 0.9 times a refusal" 1 "$?"
    grep -q 'what would fit: ' "$scratch/err"
    report "in words" $? "$(cat "$scratch/err")"
    rmdir "$group"
else
    skip "in a cgroup" "none can be made here"
fi
finish
