# `inkling run`: the texts that the author of a trained model published, and what else a single prompt can ask for.
. "$(dirname "$0")/support.sh"
need_shared
greedy() {
    ink run "$stories" "$@" --raw --temperature 0
}

# The reference program printed prompt and continuation, up to 256 tokens behind BOS, and a new line. These models end
# a story with BOS.
for prompt_file in "$shared"/weights/stories260K-greedy/*.prompt.txt; do
    name=$(basename "$prompt_file" .prompt.txt)
    n_tokens=$(ink tokenize "$stories" <"$prompt_file" | wc -w)
    head -c -1 "${prompt_file%.prompt.txt}.out.txt" >"$scratch/reference"
    {
        cat "$prompt_file"
        greedy "$(cat "$prompt_file")" --max-tokens $((257 - n_tokens)) --cache f32
    } 2>"$scratch/err" >"$scratch/text"
    same "greedy text of $name" "$scratch/reference" "$scratch/text"
    equal "nothing on standard error for $name" "" "$(cat "$scratch/err")"
done

ink run "$stories" "Once upon a time" --raw --temperature 0 --stats >"$scratch/text" 2>"$scratch/err"
grep -q 'the model ended' "$scratch/err"
report "a story ends by itself" $? "$(cat "$scratch/err")"

expected=', there was a little girl named Lily. She loved'
equal "continuation alone" "$expected" "$(greedy 'Once upon a time' --max-tokens 14)"
equal "standard input is the prompt" "$expected" "$(echo 'Once upon a time' | greedy --max-tokens 14)"
for threads in 1 2 3; do
    equal "same text with $threads threads" "$expected" \
        "$(greedy 'Once upon a time' --max-tokens 14 --threads $threads --batch 2)"
done
equal "stop string is left out" ', there was a little girl named ' \
    "$(greedy 'Once upon a time' --stop Lily --stop zebra)"
equal "a seed gives one text" "$(ink run "$stories" Once --raw --seed 7 --max-tokens 40)" \
    "$(ink run "$stories" Once --raw --seed 7 --max-tokens 40 --threads 1)"
[ "$(ink run "$stories" Once --raw --seed 7 --max-tokens 40)" != \
    "$(ink run "$stories" Once --raw --seed 8 --max-tokens 40)" ]
report "another seed gives another text" $?

greedy Once --max-tokens 5 --stats >"$scratch/out" 2>"$scratch/err"
grep -q '^prompt .*tokens/s' "$scratch/err" && grep -q '^memory ' "$scratch/err"
report "statistics on standard error" $? "$(cat "$scratch/err")"

fails "a prompt that does not fit names both counts" 1 '7 tokens.* 4 ' \
    run "$stories" 'Once upon a time there was' --raw --context 4
fails "an empty prompt" 1 'the prompt is empty' run "$stories" ''
fails "an empty standard input" 1 'the prompt is empty' run "$stories"
[ -n "$(greedy '' --max-tokens 5)" ]
report "a story out of nothing, when it is asked for" $?
greedy Once --context 8 >"$scratch/out" 2>"$scratch/err"
equal "a full context is said" "0 inkling: the context of 8 positions is full; --context makes it larger" \
    "$? $(cat "$scratch/err")"
greedy Once --context 3000 --max-tokens 2 >"$scratch/out" 2>"$scratch/err"
grep -q 'a context of 3000 positions, but .*stories260K.gguf was trained for 2048' "$scratch/err"
report "a context beyond the model's is said" $? "$(cat "$scratch/err")"

# Texts longer than the context.
greedy 'Once upon a time' --context 64 --max-tokens 100 --overflow slide --ignore-end >"$scratch/out" 2>"$scratch/err"
equal "an endless text slides" 0 "$?"
[ "$(wc -c <"$scratch/out")" -gt 200 ] && grep -q '^inkling: [0-9]* tokens of what came before were dropped' "$scratch/err"
report "and says what it dropped" $? "$(cat "$scratch/out" "$scratch/err")"
for overflow in roll evict; do
    greedy 'Once upon a time' --context 320 --max-tokens 700 --overflow $overflow --ignore-end \
        >"$scratch/out" 2>"$scratch/err"
    equal "an endless text goes on ($overflow)" 0 "$?"
    [ "$(wc -c <"$scratch/out")" -gt 1500 ] && grep -q "^inkling: [0-9]* tokens of .* were dropped .*$overflow" "$scratch/err"
    report "and says what it dropped ($overflow)" $? "$(cat "$scratch/out" "$scratch/err")"
    for isa in c avx2; do
        INK_CPU=$isa greedy 'Once upon a time' --context 320 --max-tokens 700 --overflow $overflow --ignore-end \
            --threads 2 --batch 3 >"$scratch/other" 2>/dev/null || continue
        same "with the same text from two threads and $isa ($overflow)" "$scratch/out" "$scratch/other"
    done
done
fails "a context with no room to drop" 1 'n_keep.*larger context' \
    run "$stories" 'Once upon a time' --raw --context 64 --overflow roll
greedy 'Once upon a time' --context 320 --overflow evict --ignore-end >"$scratch/out" 2>"$scratch/err"
equal "eviction ends where training does" "0 inkling: the text has come to the end of what the model was trained for" \
    "$? $(tail -n 1 "$scratch/err")"
fails "turns of a text" 1 'no turns to drop: use --overflow slide' \
    run "$stories" x --raw --overflow drop-oldest-turns
fails "no such overflow" 2 "must be error\|slide\|roll\|evict\|drop-oldest-turns" run "$stories" x --overflow cut

# Prefixes outlive the process.
long=$(yes 'Once upon a time there was a little dog.' | head -20)
greedy "$long" --max-tokens 20 >"$scratch/plain"
for start in first second; do
    greedy "$long" --max-tokens 20 --stats --prefix-store "$scratch/kept" >"$scratch/out" 2>"$scratch/err"
    same "with a store, the $start start" "$scratch/plain" "$scratch/out"
    n=$(sed -n 's/^prompt .*; \([0-9]*\) were there already$/\1/p' "$scratch/err")
    case $start in
    first) equal "nothing is there" 0 "$n" ;;
    second) [ "${n:-0}" -ge 128 ] && report "most is there" 0 || report "most is there" 1 "$(cat "$scratch/err")" ;;
    esac
done
for file in "$scratch"/kept/*; do
    printf x | dd of="$file" bs=1 seek=600 conv=notrunc 2>/dev/null
done
greedy "$long" --max-tokens 20 --prefix-store "$scratch/kept" >"$scratch/out" 2>"$scratch/err"
same "damaged files change nothing" "$scratch/plain" "$scratch/out"
equal "and are told of" 1 "$(grep -c 'kept prefix is not used.*damaged' "$scratch/err")"
greedy "$long" --max-tokens 2 --prefix-store "$scratch/kept" --prefix-store-size 1k >"$scratch/out" 2>"$scratch/err"
grep -q 'is not kept for the next start: .*more than the 1000 that it may hold' "$scratch/err"
report "a store that is too small says so" $? "$(cat "$scratch/err")"
fails "a size of no store" 2 'no effect without --prefix-store' run "$stories" x --prefix-store-size 1G
fails "a store that is a file" 1 'not a folder' run "$stories" x --raw --prefix-store "$scratch/plain"
fails "a vocabulary does not run" 1 'has a vocabulary only, no weights' \
    run "$shared/vocab/ggml-vocab-llama-spm.gguf" x
fails "an empty file is refused" 1 '/dev/null' run /dev/null x
ink run "$stories" Once --raw --max-tokens 9 >/dev/full 2>"$scratch/err"
equal "a full disk is a failure" "1 inkling: standard output could not be written: No space left on device" \
    "$? $(cat "$scratch/err")"
ink run "$stories" Once --raw --max-tokens 9 >&- 2>"$scratch/err"
equal "a closed output is a failure" "1" "$?"
finish
