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

# ---- Sentences as a task: answered as `run home` answers them, however many threads do it.
cat >"$scratch/task.jsonl" <<'JSONL'
{"home": {"areas": [{"name": "Kitchen"}], "devices": [{"name": "Lamp", "domain": "light"}]}, "sentence": "turn the lamp on", "answer": {"intent": "HassTurnOn", "slots": {"name": "Lamp"}}}
{"sentence": "lights out", "area": "kitchen", "answer": {"intent": "HassTurnOff", "slots": {"area": "Kitchen", "domain": "light"}}}
{"sentence": "sing", "answer": {"intent": "none", "slots": {}}}
JSONL
for threads in 1 2 3; do
    ink eval "$scratch/model.gguf" --task "$scratch/task.jsonl" --threads $threads --json --failures "$scratch/missed.$threads" |
        grep -v per_second >"$scratch/eval.$threads"
done
grep -q '"examples": 3' "$scratch/eval.1"
report "sentences are a task" $? "$(cat "$scratch/eval.1")"
same "with two threads" "$scratch/eval.1" "$scratch/eval.2"
same "with three" "$scratch/eval.1" "$scratch/eval.3"
same "and the same is missed" "$scratch/missed.1" "$scratch/missed.3"
# What `run home` says is what is compared: its own answers match.
cat >"$scratch/sample.json" <<'JSON'
{"areas": [{"name": "Kitchen"}], "devices": [{"name": "Lamp", "domain": "light"}]}
JSON
said=$(ink run home "lights out" --model "$scratch/model.gguf" --home "$scratch/sample.json" --area kitchen)
echo "{\"sentence\": \"lights out\", \"area\": \"Kitchen\", \"answer\": $said}" >"$scratch/own.jsonl"
equal "its own answers match" "exact match 1 of 1 (100.00 %)" \
    "$(ink eval "$scratch/model.gguf" --task "$scratch/own.jsonl" --home "$scratch/sample.json" | grep exact)"

# refused NAME PATTERN LINE [FLAG...]: a task of this line
refused() {
    refused_name=$1 refused_pattern=$2
    printf '%s\n' "$3" >"$scratch/bad.jsonl"
    shift 3
    fails "$refused_name" 1 "$refused_pattern" eval "$scratch/model.gguf" --task "$scratch/bad.jsonl" "$@"
}
none='"answer": {"intent": "none", "slots": {}}'
refused "a sentence without a home" 'bad.jsonl: line 1: its sentence needs a "home"' "{\"sentence\": \"sing\", $none}"
refused "a home that is none" 'line 1: its home: areas' "{\"home\": {\"areas\": [1]}, \"sentence\": \"sing\", $none}"
refused "an area that the home lacks" 'line 1: its "area" is none' "{\"home\": {}, \"sentence\": \"sing\", \"area\": \"x\", $none}"
refused "an answer that is no intent" 'line 1: its answer is to be' '{"home": {}, "sentence": "sing", "answer": "none"}'
refused "an unknown intent" 'unknown intent "HassSing"' '{"home": {}, "sentence": "sing", "answer": {"intent": "HassSing", "slots": {}}}'
refused "sentences and prompts" 'line 2: either all lines' "{\"home\": {}, \"sentence\": \"sing\", $none}
{\"prompt\": \"x\", \"answer\": \"y\"}"
refused "a flag that does nothing here" 'have no effect' "{\"home\": {}, \"sentence\": \"sing\", $none}" --json-answers
refused "a home that nothing needs" 'home has no effect' "{\"home\": {}, \"sentence\": \"sing\", $none}" --home "$scratch/sample.json"

# ---- What makes the sentences: the same for a seed, and every one of them is a valid task.
sentences=$(dirname "$INK_BIN")/home_sentences
recipe=$(cd "$(dirname "$0")/../../models/home" && pwd)
if [ -x "$sentences" ]; then
    "$sentences" "$recipe" homes 300 7 >"$scratch/homes.jsonl" 2>"$scratch/err"
    report "sentences of held-out templates" $? "$(cat "$scratch/err")"
    "$sentences" "$recipe" homes 300 7 2>/dev/null | cmp -s - "$scratch/homes.jsonl"
    report "the same again" $?
    ink eval "$scratch/model.gguf" --task "$scratch/homes.jsonl" 2>"$scratch/err" | grep -q '^exact match .* of 300'
    report "all of them are answered" $? "$(cat "$scratch/err")"
    "$sentences" "$recipe" train 2000 1 0 2>/dev/null | cut -d'"' -f4 | sort -u >"$scratch/learned"
    "$sentences" "$recipe" test 2000 2 0 2>/dev/null | cut -d'"' -f4 | sort -u >"$scratch/measured"
    equal "what is measured was not learned" 0 "$(comm -12 "$scratch/learned" "$scratch/measured" | wc -l)"
    printf 'HassTurnOn\tturn on the {name}\nHassTurnOn\tturn onto {name}\n' >"$scratch/phrases"
    "$sentences" "$recipe" covers <"$scratch/phrases" | grep -q '^all .* 1 of *2, 50.0 %'
    report "what the grammar has" $?
    equal "and what it has not" "HassTurnOn	turn onto {name}" "$("$sentences" "$recipe" misses <"$scratch/phrases")"
    if [ -x "$python" ] && [ -d "$shared/home/sentences/en" ] && "$python" -c 'import yaml' 2>/dev/null; then
        "$python" "$recipe/../../bench/home_coverage.py" "$shared/home/sentences/en" --samples 5 |
            "$sentences" "$recipe" covers >"$scratch/covers"
        awk '/^all / { exit !($5 >= 95) }' "$scratch/covers"
        report "the phrasing of Home Assistant's sentences" $? "$(cat "$scratch/covers")"
    else
        skip "the phrasing of Home Assistant's sentences" "no sentences, or no yaml"
    fi
else
    skip "what makes the sentences" "home_sentences is not built"
fi
finish
