# `inkling eval`: figures against an independent computation, tasks, cards.
. "$(dirname "$0")/support.sh"
need_shared
models=$shared/golden/models
full=$models/llama-types-F16.gguf
small=$models/llama-types-Q4_0.gguf
story=$shared/weights/stories260K-greedy/heldout_story.txt

# parses NAME EXPRESSION ARGUMENT...: what the command prints is JSON, and the expression over `d` holds.
parses() {
    parses_name=$1 expression=$2
    shift 2
    [ -x "$python" ] || { skip "$parses_name" "no $python"; return; }
    ink "$@" >"$scratch/json" 2>"$scratch/err" </dev/null
    holds "$parses_name" "$expression" "$scratch/json"
}

# holds NAME EXPRESSION FILE: the same of JSON in a file.
holds() {
    [ -x "$python" ] || { skip "$1" "no $python"; return; }
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), d' "$3" "$2" 2>>"$scratch/err"
    report "$1" $? "$(cat "$scratch/err")"
}

# ---- Texts
for flags in '' '--context 32' '--context 32 --all' '--cache f32 --threads 1'; do
    # shellcheck disable=SC2086 # several words
    ink perplexity "$stories" "$story" $flags | grep -v '^speed' >"$scratch/perplexity"
    # shellcheck disable=SC2086
    ink eval "$stories" "$story" $flags | grep -v '^speed' >"$scratch/eval"
    same "the perplexity of inkling perplexity ${flags:-by default}" "$scratch/perplexity" "$scratch/eval"
done
equal "a model beside itself" "KL          0 +/- 0; median 0, 99 % below 0, highest 0
agreement   100.00 %" "$(ink eval "$small" "$story" --reference "$small" --context 32 | grep -E '^(KL|agreement)')"
parses "is exactly the same" 'd["kl_mean"] == d["kl_median"] == d["kl_p99"] == d["kl_max"] == 0
    and d["top1_agreement"] == 1 and d["tokens_scored"] == 145 and d["perplexity"] > 3' \
    eval "$stories" "$story" --reference "$stories" --cache f32 --json
cat "$story" "$story" >"$scratch/twice.txt"
parses "several texts" 'd["tokens_scored"] == 2 * 145 and abs(d["mean_nll"] - 1.316119) < 1e-5
    and [f["name"] for f in d["data"]] == ["heldout_story.txt"] * 2' eval "$stories" "$story" "$story" --cache f32 --json
fails "other vocabularies" 1 'different vocabularies: 512 and 544 tokens' eval "$stories" "$story" --reference "$full"
fails "no such reference" 1 'nosuch.gguf.*no such file' eval "$stories" "$story" --reference nosuch.gguf
fails "nothing to evaluate" 2 'a TEXT or --task FILE is missing' eval "$stories"
fails "a reference without a text" 2 '--reference has no effect' eval "$stories" --task t --reference r

# The figures again, from logits, in another language: sums over the vocabulary in double. The definitions are the same
# and the logits too, bit for bit, so that only rounding of some 500 terms of at most 10 is between them: 1e-11 is far more.
numbers() {
    "$python" - "$@" <<'PYTHON'
import json, subprocess, sys
import numpy
binary, small, full, text, window, folder, found = sys.argv[1:8]
window, run = int(window), binary.split()
def ink(*words, **more):
    return subprocess.run(run + list(words), check=True, stdout=subprocess.PIPE, **more).stdout
ids = json.loads(ink("tokenize", small, "--json", input=open(text, "rb").read()))["tokens"]
bos = ids[0]
whole = len(ids) < window
size = len(ids) if whole else window
def log_p(model, tokens):
    ink("logits", model, "--tokens", " ".join(map(str, tokens)), "--out", folder + "/logits")
    x = numpy.fromfile(folder + "/logits", "<f4").reshape(len(tokens), -1).astype("f8")
    x -= x.max(axis=1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(axis=1, keepdims=True))
nll, kl, agree = [], [], []
for begin in range(0, len(ids) - size + 1, size):
    tokens = [bos] + ids[begin + 1:begin + size]
    p, q = log_p(small, tokens), log_p(full, tokens)
    for i in range(0 if whole else size // 2, size - 1):
        nll.append(-p[i, tokens[i + 1]])
        kl.append((numpy.exp(q[i]) * (q[i] - p[i])).sum())
        agree.append(p[i].argmax() == q[i].argmax())
nll, kl = numpy.array(nll), numpy.sort(kl)
n = len(kl)
rank = lambda part: kl[max(int(numpy.ceil(part * n)), 1) - 1]
expected = {"mean_nll": nll.mean(), "perplexity": numpy.exp(nll.mean()), "tokens_scored": n, "kl_mean": kl.mean(),
            "kl_standard_error": kl.std() / (n - 1) ** 0.5, "kl_median": rank(0.5), "kl_p99": rank(0.99),
            "kl_max": kl[-1], "top1_agreement": numpy.mean(agree)}
found = json.load(open(found))
assert found["kl_mean"] > 1e-3 and found["top1_agreement"] < 1, found
for name, value in expected.items():
    assert abs(found[name] - value) <= 1e-11 * max(1, abs(value)), (name, found[name], value)
PYTHON
}
if [ -x "$python" ] && "$python" -c 'import numpy' 2>/dev/null; then
    for context in 512 64 33; do
        ink eval "$small" "$story" --reference "$full" --context $context --json >"$scratch/json" 2>"$scratch/err"
        numbers "${INK_EMULATOR:-} $INK_BIN" "$small" "$full" "$story" $context "$scratch" "$scratch/json" 2>>"$scratch/err"
        report "figures from logits, windows of $context" $? "$(cat "$scratch/err")"
    done
else
    skip "figures from logits" "no numpy"
fi

# ---- Tasks
said=$(ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 12)
cat >"$scratch/task.jsonl" <<JSONL
{"prompt": "Once upon a time", "answer": "  $said\n", "id": 7}

{"prompt": "Once upon a time", "answer": "something else"}
JSONL
equal "exact match" "exact match 1 of 2 (50.00 %)" \
    "$(ink eval "$stories" --task "$scratch/task.jsonl" --max-tokens 12 --failures "$scratch/missed" | grep exact)"
parses "exact match as JSON" 'd["examples"] == 2 and d["matches"] == 1 and d["exact_match"] == 0.5
    and d["data"][0]["name"] == "task.jsonl" and "perplexity" not in d' \
    eval "$stories" --task "$scratch/task.jsonl" --max-tokens 12 --json
equal "a failure a line" 1 "$(wc -l <"$scratch/missed")"
holds "a failure" 'd["line"] == 3 and d["answer"] == "something else" and d["prompt"] == "Once upon a time"
    and len(d["output"]) > 10' "$scratch/missed"
cp "$scratch/missed" "$scratch/again.jsonl"
equal "and failures are a task again" "exact match 0 of 1 (0.00 %)" \
    "$(ink eval "$stories" --task "$scratch/again.jsonl" --max-tokens 12 | grep exact)"
equal "fewer tokens, no match" "exact match 0 of 2 (0.00 %)" \
    "$(ink eval "$stories" --task "$scratch/task.jsonl" --max-tokens 11 | grep exact)"

# JSON answers need a model that writes some; a chat one that has a template: the stories model with one key more, which
# is the template that makes of a conversation what opens a story.
if [ -x "$python" ]; then
    "$python" - "$stories" "$scratch/chat.gguf" <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()
text = b"{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}{{ rest }}"
def pair(text):
    key = b"tokenizer.chat_template"
    return struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
text += b"{#" + b"." * (-len(pair(text + b"{##}")) % 32) + b"#}"
n_tensors, n_pairs = struct.unpack("<QQ", data[8:24])
open(sys.argv[2], "wb").write(data[:8] + struct.pack("<QQ", n_tensors, n_pairs + 1) + pair(text) + data[24:])
PYTHON
    cat >"$scratch/chat.jsonl" <<JSONL
{"messages": [{"role": "user", "content": "Once upon a time"}], "answer": "$said"}
{"messages": [{"role": "user", "content": "Once upon"}], "rest": " a time", "answer": "$said"}
{"prompt": "Once upon a time", "answer": "$said"}
{"messages": [{"role": "user", "content": "Once upon"}], "answer": "$said"}
JSONL
    equal "messages, and other variables of a template" "exact match 3 of 4 (75.00 %)" \
        "$(ink eval "$scratch/chat.gguf" --task "$scratch/chat.jsonl" --max-tokens 12 | grep exact)"
fi

# refused NAME PATTERN LINE: a task of this line
refused() {
    printf '%s\n' "$3" >"$scratch/bad.jsonl"
    fails "$1" 1 "bad.jsonl: $2" eval "$stories" --task "$scratch/bad.jsonl"
}
refused "no JSON" 'line 1: JSON at byte' 'nonsense'
refused "a line of something else" 'line 1: is no JSON object' '[1]'
refused "no prompt" 'line 1: must have either' '{"answer": "x"}'
refused "two prompts" 'line 1: must have either' '{"prompt": "x", "messages": [], "answer": "x"}'
refused "a prompt that is none" 'line 1: its prompt is no text' '{"prompt": 3, "answer": "x"}'
refused "no answer" 'line 1: has no "answer"' '{"prompt": "x"}'
refused "an answer that is no text" 'line 1: its answer is no text' '{"prompt": "x", "answer": {"a": 1}}'
refused "lines that never match" 'line 1: its answer has several lines' '{"prompt": "x", "answer": "a\nb"}'
refused "a key twice" 'line 1: ' '{"prompt": "x", "prompt": "y", "answer": "b"}'
refused "nesting without end" 'line 1: ' "$(head -c 100000 /dev/zero | tr '\0' '[')"
refused "nothing at all" 'holds no examples' ''
refused "the second line" 'line 2: ' '{"prompt": "x", "answer": "b"}
{"prompt": "x", "answer": '
refused "a chat without a template" 'line 1: .* has no chat template' '{"messages": [{"role": "user", "content": "x"}], "answer": "x"}'
fails "answers that are to be JSON" 1 'line 1: its answer is to be JSON' \
    eval "$stories" --task "$scratch/task.jsonl" --json-answers
fails "a task that is not there" 1 'nosuch.jsonl' eval "$stories" --task nosuch.jsonl
fails "failures of nothing" 2 '--failures has no effect without --task' eval "$stories" "$story" --failures f
fails "failures nowhere" 1 'no such file' eval "$stories" --task "$scratch/task.jsonl" --failures "$scratch/no/f"

# ---- Cards
cp "$stories" "$scratch/model.gguf"
parses "no card yet" 'd["card"] == []' show "$scratch/model.gguf" --json
ink show "$scratch/model.gguf" | grep -q '^Card'
equal "nor a table of it" 1 $?
ink eval "$scratch/model.gguf" "$story" --context 32 --card >"$scratch/first" 2>"$scratch/err"
report "a card" $? "$(cat "$scratch/err")"
ink eval "$scratch/model.gguf" "$story" --reference "$stories" --card --json >"$scratch/json" 2>"$scratch/err"
report "another entry" $? "$(cat "$scratch/err")"
sum=$(sha256sum <"$story" | cut -d' ' -f1)
parses "show --json has both" "len(d['card']) == 2 and d['card'][0]['data'] == [{'name': 'heldout_story.txt',
    'bytes': 346, 'sha256': '$sum'}] and d['card'][0]['command'] ==
    'inkling eval model.gguf heldout_story.txt --context 32 --card' and d['card'][0]['tokens_scored'] == 60
    and d['card'][1]['kl_max'] == 0 and d['card'][1]['reference'] == 'stories260K.gguf'" \
    show "$scratch/model.gguf" --json
ink show "$scratch/model.gguf" >"$scratch/shown"
sed -n '/^Card/,$p' "$scratch/first" >"$scratch/expected"
sed -n '/^Card/,/SHA-256/p' "$scratch/shown" >"$scratch/found"
[ -s "$scratch/expected" ] && same "eval and show print the same table" "$scratch/expected" "$scratch/found"
grep -Eq '^1 +4\.1454 +- +- +- +- +- +-$' "$scratch/shown" && grep -Eq '^2 .* 0 +0 +0 +0 +100\.00 % +-$' "$scratch/shown" &&
    grep -q "SHA-256 *$sum" "$scratch/shown"
report "with the figures and the digest" $? "$(cat "$scratch/shown")"
ink logits "$stories" --tokens '1 2 3' --out "$scratch/a" && ink logits "$scratch/model.gguf" --tokens '1 2 3' --out "$scratch/b"
same "the model is the same" "$scratch/a" "$scratch/b"
before=$(sha256sum <"$scratch/model.gguf")
ink eval "$scratch/model.gguf" "$story" --card --anew --out "$scratch/copy.gguf" >/dev/null 2>"$scratch/err"
equal "a copy leaves the file alone" "$before" "$(sha256sum <"$scratch/model.gguf")"
parses "and begins anew" 'len(d["card"]) == 1' show "$scratch/copy.gguf" --json
ink eval "$scratch/model.gguf" "$story" --card --anew --out "$scratch/copy2.gguf" >/dev/null 2>"$scratch/err"
equal "the same evaluation, the same card" "$(ink show "$scratch/copy.gguf" --json | sed -n '/"card"/,$p' | grep -v command)" \
    "$(ink show "$scratch/copy2.gguf" --json | sed -n '/"card"/,$p' | grep -v command)"
ln -s model.gguf "$scratch/link.gguf"
fails "not through a link" 1 'symbolic link' eval "$scratch/link.gguf" "$story" --card
fails "a card of what stands nowhere" 2 'no effect with standard input' eval "$scratch/model.gguf" - --card
fails "a card of a model with adapters" 2 'no effect with --lora' eval "$scratch/model.gguf" "$story" --card --lora a
fails "where to" 2 '--out has no effect without --card' eval "$scratch/model.gguf" "$story" --out x
equal "none of them touched it" "$before" "$(sha256sum <"$scratch/model.gguf")"
(ulimit -f 100; ink eval "$scratch/model.gguf" "$story" --card >/dev/null 2>&1)
equal "nor a full disk" "$before" "$(sha256sum <"$scratch/model.gguf")"

# What a stranger may write in place of figures: same length, so that only the text of the card changes.
LC_ALL=C sed 's/inkling eval model.gguf/\\u001b[2J\\u000aB \\u009b/' "$scratch/model.gguf" >"$scratch/odd.gguf"
if [ "$(wc -c <"$scratch/odd.gguf")" -eq "$(wc -c <"$scratch/model.gguf")" ]; then
    ink show "$scratch/odd.gguf" >"$scratch/shown" 2>"$scratch/err"
    equal "control characters are not printed" "    command    ?[2J?B ? heldout_story.txt --context 32 --card" \
        "$(grep -m 1 command "$scratch/shown")"
else
    report "control characters are not printed" 1 "the lengths differ: the test is wrong"
fi
LC_ALL=C sed 's/\[{"inkling": "/[1"inkling": "/' "$scratch/model.gguf" >"$scratch/odd.gguf"
ink show "$scratch/odd.gguf" >"$scratch/shown" 2>"$scratch/err"
equal "a card that is none" 0 $?
grep -q '^card .*inkling.card: JSON at byte' "$scratch/shown" && grep -q '^architecture *llama' "$scratch/shown"
report "is said so, beside all else" $? "$(cat "$scratch/shown")"
parses "and as JSON" 'd["card"] is None and "inkling.card" in d["card_error"]' show "$scratch/odd.gguf" --json
fails "and not added to" 1 'inkling.card: JSON at byte' eval "$scratch/odd.gguf" "$story" --card
finish
