# `inkling cache`, and what --cache may be.
. "$(dirname "$0")/support.sh"
need_shared
llama=$shared/golden/models/llama-gqa-Q8_0.gguf
story=$shared/weights/stories260K-greedy/heldout_story.txt

# holds NAME EXPRESSION: over `d`, the JSON in $scratch/json.
holds() {
    [ -x "$python" ] || { skip "$1" "no $python"; return; }
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), d' "$scratch/json" "$2" 2>"$scratch/err"
    report "$1" $? "$(cat "$scratch/err")"
}

ink cache "$llama" "$story" --windows 1 --context 256 --threads 1 --json >"$scratch/json" 2>"$scratch/err"
report "all formats are measured" $? "$(cat "$scratch/err")"
holds "in their order" '[c["cache"] for c in d["caches"]] == ["f32", "f16", "q8_0", "q4r", "q4_0", "q3r", "q2r"]'
holds "a cache in f32 is its own reference" 'd["caches"][0]["increase"] == 0 and d["caches"][0]["kl_mean"] == 0'
holds "narrow ones are measured" 'all(c["kl_mean"] > 0 for c in d["caches"][2:])'
holds "bits and bytes" '[c["bits"] for c in d["caches"]] == [32, 16, 8.5, 4.5, 4.5, 3.5, 3]
    and all(c["bytes_per_token"] == c["bits"] / 8 * d["caches"][0]["bytes_per_token"] / 4 for c in d["caches"])'

ink cache "$llama" "$story" --windows 1 --context 128 --threads 1 --bits 4 --cache q8_0 --json >"$scratch/json" 2>"$scratch/err"
report "formats are chosen" $? "$(cat "$scratch/err")"
holds "within the bits, and measured" 'd["caches"][-1]["bits"] <= 4 and d["caches"][-1]["cache"] == d["chosen"]
    and [c["cache"] for c in d["caches"][:-1]] == ["q8_0"]'
chosen=$(sed -n 's/.*"chosen": "\(.*\)".*/\1/p' "$scratch/json")
ink perplexity "$llama" "$story" --context 128 --cache "$chosen" >"$scratch/out" 2>"$scratch/err"
report "and may be used: $chosen" $? "$(cat "$scratch/err")"
ink cache "$llama" "$story" --windows 1 --context 64 --bits 3.5 --cache q4r 2>"$scratch/err" | tail -1 | grep -Eq '^--cache [0-9q]'
report "as the last line says" $? "$(cat "$scratch/err")"

for cache in q4r q3r q2r q8_0,q2r q3r/0=f16,q2r; do
    ink plan "$llama" --context 4096 --cache "$cache" --json >"$scratch/json" 2>"$scratch/err"
    report "plan with $cache" $? "$(cat "$scratch/err")"
    ink run "$llama" "once" --raw --temperature 0 --max-tokens 300 --ignore-end --cache "$cache" --threads 1 \
        >"$scratch/one" 2>"$scratch/err"
    report "run with $cache" $? "$(cat "$scratch/err")"
    ink run "$llama" "once" --raw --temperature 0 --max-tokens 300 --ignore-end --cache "$cache" --threads 2 --batch 3 \
        >"$scratch/two" 2>"$scratch/err"
    same "the same text from two threads" "$scratch/one" "$scratch/two"
    for isa in c avx2; do
        INK_CPU=$isa ink run "$llama" "once" --raw --temperature 0 --max-tokens 300 --ignore-end --cache "$cache" \
            >"$scratch/two" 2>"$scratch/err" || continue
        same "the same text with $isa" "$scratch/one" "$scratch/two"
    done
done

fails "too few bits" 1 'narrowest formats come to 3' cache "$llama" "$story" --bits 2
fails "a format that is not there" 1 'cache format "q9": use f32' cache "$llama" "$story" --cache q9
fails "a layer that is not there" 1 'the model has no such layer at byte 4' run "$llama" x --cache f16/7=f32
fails "heads that are too narrow" 1 'a cache in q3r needs heads whose width is a multiple of 32' run "$stories" x --cache q3r
fails "no text" 2 'TEXT' cache "$llama"
finish
