# `inkling show`, `logits`, `embed`, `perplexity`, `bench`: forms, files and figures.
. "$(dirname "$0")/support.sh"
need_shared
models=$shared/golden/models
llama=$models/llama-gqa-Q8_0.gguf
story=$shared/weights/stories260K-greedy/heldout_story.txt

# parses NAME EXPRESSION ARGUMENT...: what the command prints is JSON, and the expression over `d` holds.
parses() {
    parses_name=$1 expression=$2
    shift 2
    [ -x "$python" ] || { skip "$parses_name" "no $python"; return; }
    ink "$@" >"$scratch/json" 2>"$scratch/err" </dev/null
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), d' "$scratch/json" "$expression" 2>>"$scratch/err"
    report "$parses_name" $? "$(cat "$scratch/err")"
}

# ---- show
parses "show --json" 'd["architecture"] == "llama" and d["parameters"] == 1000704
    and sum(f["bytes"] for f in d["formats"]) > 0 and {f["format"] for f in d["formats"]} == {"F32", "Q8_0"}
    and d["hyperparameters"]["block_count"] == 2 and d["vocabulary"]["tokens"] == 544' show "$llama" --json
parses "planned memory" 'd["memory"]["context"] == 100 and d["memory"]["cache"] == "q8_0"
    and d["memory"]["total_bytes"] == d["memory"]["weight_bytes"] + d["memory"]["cache_bytes"]
    + d["memory"]["work_bytes"]' show "$llama" --json --context 100 --cache q8_0
ink show "$llama" | grep -q '^architecture  *llama$'
report "show" $?
ink show "$stories" >"$scratch/shown"
for line in 'heads  *8' 'KV heads  *4' 'key width  *8' 'feed-forward  *172' \
    'attention.layer_norm_rms_epsilon  *1e-05' 'rope.freq_base  *10000'; do
    grep -Eq "^$line\$" "$scratch/shown"
    report "show: $line" $? "$(cat "$scratch/shown")"
done
equal "nothing of experts, windows and YaRN, which it does not have" 0 \
    "$(grep -Ec '^(expert_|rope.freq_base_swa|rope.scaling)' "$scratch/shown")"
ink show "$shared/golden/models/gemma3-Q4_0.gguf" | grep -q '^rope.freq_base_swa'
report "but of the windows of one that has them" $?
sed 's/llama/zebra/g' "$stories" >"$scratch/zebra.gguf"
fails "an unsupported architecture is named" 1 'architecture "zebra" is not supported' show "$scratch/zebra.gguf"
fails "and not run" 1 'architecture "zebra" is not supported' run "$scratch/zebra.gguf" x
head -c 100000 "$stories" >"$scratch/cut.gguf"
vocabulary=$shared/vocab/ggml-vocab-gemma-4.gguf
if [ -e "$vocabulary" ]; then
    ink show "$vocabulary" >"$scratch/out" 2>"$scratch/err"
    equal "a file with only a vocabulary is shown" 0 $?
    equal "by its architecture and its vocabulary" "architecture   gemma4
kind           a vocabulary, without weights
vocabulary     262144 tokens, gemma4, gemma4" "$(grep -E '^(architecture|kind|vocabulary)' "$scratch/out")"
    parses "and as JSON" 'd["architecture"] == "gemma4" and d["parameters"] == 0 and d["formats"] == []
        and d["vocabulary"] == {"tokens": 262144, "kind": "gemma4", "pretokenizer": "gemma4"}
        and "memory" not in d' show "$vocabulary" --json
    fails "and not run" 1 'has a vocabulary only, no weights' run "$vocabulary" x
fi
fails "a file cut short is refused" 1 'cut.gguf' show "$scratch/cut.gguf"
parses "version --json" 'd["version"] and d["processors"] >= 1' version --json
printf 'Once upon a time' | ink tokenize "$stories" --json | tr -d ' \n' >"$scratch/json"
equal "tokenize --json" '{"n_tokens":5,"tokens":[1,403,407,261,378]}' "$(cat "$scratch/json")"

# ---- logits
ids="1 425 478 319 466 542 422 285 374 441 464 488"
ink logits "$llama" --tokens "$ids" --out "$scratch/logits"
equal "12 rows of 544 floats" $((12 * 544 * 4)) "$(wc -c <"$scratch/logits")"
for flags in '--batch 1' '--batch 5' '--threads 1' '--threads 3' '--split 7' '--split 1 --batch 4'; do
    # shellcheck disable=SC2086 # several words
    ink logits "$llama" --tokens "$ids" --out "$scratch/again" $flags
    cmp -s "$scratch/logits" "$scratch/again"
    report "same bits with $flags" $?
done
echo "$ids" | ink logits "$llama" --out - >"$scratch/again"
cmp -s "$scratch/logits" "$scratch/again"
report "ids from standard input, logits to standard output" $?
ink logits "$llama" --tokens "$ids" --cache q4_0 --out "$scratch/again"
[ "$(wc -c <"$scratch/again")" -eq $((12 * 544 * 4)) ] && ! cmp -s "$scratch/logits" "$scratch/again"
report "another cache gives other bits" $?
fails "no tokens" 1 'no token ids' logits "$llama" --tokens ' ' --out "$scratch/none"
fails "a token beyond the vocabulary" 1 '544' logits "$llama" --tokens '1 544' --out "$scratch/none"
fails "which of the tokens" 1 'token 2 is 544' logits "$llama" --tokens '1 544' --out "$scratch/none"
fails "more tokens than the context" 1 '3 tokens .* 2 positions' \
    logits "$llama" --tokens '1 2 3' --context 2 --out "$scratch/none"
fails "a device is not replaced" 1 '/dev/full: cannot be replaced' logits "$llama" --tokens '1 2' --out /dev/full
ink logits "$llama" --tokens '1 2' --out - >/dev/full 2>"$scratch/err"
equal "a full disk is a failure" 1 "$?"
echo kept >"$scratch/kept"
fails "a failure" 1 '544' logits "$llama" --tokens '1 544' --out "$scratch/kept"
equal "leaves an existing file as it was" kept "$(cat "$scratch/kept")"
fails "a folder that is not there" 1 'no such file' logits "$llama" --tokens '1 2' --out "$scratch/no/file"
fails "split behind the end" 2 "--split is '2', but must be less than the 2 tokens" logits "$llama" --tokens '1 2' --split 2 --out "$scratch/none"

# The reference: mean nll 1.316119 over the 145 tokens behind BOS, in float32.
parses "perplexity of the reference" 'abs(d["mean_nll"] - 1.316119) < 1e-5 and d["tokens_scored"] == 145
    and abs(d["perplexity"] - 3.728921) < 1e-4' \
    perplexity "$stories" "$story" --context 146 --all --cache f32 --json
parses "second halves of windows" 'd["windows"] == 4 and d["tokens_scored"] == 4 * 15' \
    perplexity "$stories" "$story" --context 32 --json
printf '' >"$scratch/empty"
fails "perplexity of no text" 1 'empty: the text has 1 tokens; at least 4 are needed' \
    perplexity "$stories" "$scratch/empty"
ink perplexity "$stories" "$story" --context 64 2>"$scratch/err" | grep -Eq '^perplexity +[0-9.]+ \+/- [0-9.]+$'
report "perplexity" $?
equal "nothing on standard error" "" "$(cat "$scratch/err")"
ink perplexity "$stories" "$story" --cache f32 | grep -q '^mean nll *1.316119$'
report "a text that fills no window is scored whole, as its model's author scored it" $?
fails "no text file" 1 'nosuch.txt' perplexity "$stories" nosuch.txt

# A token reads each weight once but the embedding (512 x 64 floats), in which it looks one row up, and of the cache
# (5 layers, 4 heads, 8 + 8 values of 2 bytes) the positions up to its own.
parses "bench --json" 'd["prefill"]["tokens_per_second"] > 0 and len(d["decode"]["samples"]) == 2
    and d["threads"] == 1 and d["peak_bytes"] > 0 and "roofline" not in d
    and d["decode"]["weight_bytes"] == 3 * d["prefill"]["weight_bytes"]
    and d["prefill"]["weight_bytes"] == d["weight_bytes"] - 512 * 64 * 4
    and d["prefill"]["cache_bytes"] == 20 * 5 * 4 * 16 * 2
    and d["decode"]["cache_bytes"] == (1 + 2 + 3) * 5 * 4 * 16 * 2' \
    bench "$stories" --prompt 20 --generate 3 --depth 0 --repeat 2 --threads 1 --json
parses "bench at a depth" 'd["depth"] == 30 and d["decode"]["cache_bytes"] == (31 + 32) * 5 * 4 * 16 * 2' \
    bench "$stories" --prompt 4 --generate 2 --depth 30 --repeat 1 --json
parses "bench behind a window" 'd["decode"]["tokens_per_second"] > 0' \
    bench "$models/gemma2-Q4_K_M.gguf" --prompt 200 --generate 3 --depth 100 --repeat 2 --json
parses "the limits of this machine" 'd["roofline"]["one_thread"]["read_bytes_per_second"] > 0
    and d["roofline"]["all_threads"]["threads"] == 2 and d["roofline"]["all_threads"]["int8_ops_per_second"] > 0' \
    bench --roofline --threads 2 --json
ink bench "$stories" --prompt 20 --generate 5 --repeat 1 --roofline >"$scratch/out"
grep -Eq '^generation .*tokens/s, .* GB/s \([0-9]+ % of the limit\), .* Gop/s' "$scratch/out" &&
    grep -q '^limits' "$scratch/out"
report "bench --roofline" $? "$(cat "$scratch/out")"
fails "bench of nothing" 2 'MODEL is missing; --roofline alone' bench

# ---- embed
bert=$models/bert-Q8_0.gguf
equal "one vector" 128 "$(ink embed "$bert" "hello world" | wc -w)"
equal "text on standard input" "$(ink embed "$bert" "hello world")" "$(echo "hello world" | ink embed "$bert")"
equal "a vector a token" 3 "$(ink embed "$bert" --tokens "1 2 3" --each | wc -l)"
parses "embed --json" 'len(d["embeddings"]) == 1 and len(d["embeddings"][0]) == 128' embed "$bert" hello --json
fails "embeddings of a model that generates" 1 'not for embeddings' embed "$stories" hello
fails "texts of a model for embeddings" 1 'does not generate' run "$models/nomic-bert-Q8_0.gguf" hello
finish
