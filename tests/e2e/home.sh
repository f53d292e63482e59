# `inkling run home`: homes and sentences in, intents out. Any model gives valid answers under the constraint; what the
# real one is worth is measured elsewhere.
. "$(dirname "$0")/support.sh"

cat >"$scratch/config.json" <<'JSON'
{"architecture": "llama", "context_length": 512, "embedding_length": 32, "block_count": 1,
 "feed_forward_length": 32, "attention.head_count": 1}
JSON
echo '{"prompt": "A turn B on =", "completion": " none"}' >"$scratch/text.jsonl"
for i in 1 2 3 4 5; do cat "$scratch/text.jsonl" "$scratch/text.jsonl" >"$scratch/t"; cp "$scratch/t" "$scratch/text.jsonl"; done
ink train "$scratch/model.gguf" --config "$scratch/config.json" --vocabulary 270 --text "$scratch/text.jsonl" --steps 1 \
    --batch 1 >/dev/null 2>"$scratch/err"
report "a model to try with" $? "$(cat "$scratch/err")"

home() {
    ink run home "$@" --model "$scratch/model.gguf"
}

home "turn off the kitchen lights" | grep -Eq '^\{"intent":"[A-Za-z]+","slots":\{.*\}\}$'
report "an answer is an intent" $?
equal "three sentences, three answers" 3 "$(printf 'one lamp\ntwo lamps\n\nthree' | home 2>/dev/null | wc -l)"
[ -n "$(home 'pause' --area lounge --say)" ]
report "a response in words, spoken in an area" $?

cat >"$scratch/home.json" <<'JSON'
{"areas": [{"name": "Kitchen"}], "devices": [{"name": "Lamp", "domain": "lamp"}]}
JSON
fails "an unknown area" 1 'has no area "attic"' run home pause --area attic --model "$scratch/model.gguf"
fails "an unknown domain" 1 'home.json: devices\[0\]: unknown domain "lamp"' run home pause --home "$scratch/home.json"
fails "a missing home" 1 'no.json' run home pause --home "$scratch/no.json"
fails "a missing model" 1 'no.gguf' run home pause --model "$scratch/no.gguf"
fails "a sentence without words" 1 'the sentence has no words' run home '?' --model "$scratch/model.gguf"
fails "too many words" 2 'one argument too many' run home a b
finish
