# `inkling fit`: a frontier, a choice that holds what was asked for, its card and its picture, and what cannot be.
. "$(dirname "$0")/support.sh"
need_shared

i=0
while [ $i -lt 12 ]; do
    echo "Once upon a time there was a little girl named Lily. She saw a big dog in the park $i. The dog took her red ball, and Lily was sad."
    i=$((i + 1))
done >"$scratch/text"
echo "One day a boy named Tim went to the zoo with his mom. He saw a big lion and a small bird. They had a lot of fun and went home." >"$scratch/other"
TMPDIR=$scratch
export TMPDIR
model=$shared/golden/models/llama-types-F16.gguf

# In bytes: what the model takes as it is.
total=$(ink plan "$model" --context 256 --json | sed -n 's/.*"total_bytes": \([0-9]*\).*/\1/p')
memory=$((total - 1400000)) # the weights have to give way, too

# value NAME: a number of the choice.
value() {
    sed -n '/"choice"/,/}/p' "$scratch/json" | sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p"
}

# ---- A choice, written.
ink fit "$model" "$scratch/out.gguf" --memory $memory --context 256 --calibrate "$scratch/text" \
    --measure "$scratch/other" --svg "$scratch/out.svg" --json >"$scratch/json" 2>"$scratch/err"
report "fits" $? "$(cat "$scratch/err")"
planned=$(ink plan "$scratch/out.gguf" --context 256 --cache "$(value cache)" --memory-limit $memory --json |
    sed -n 's/.*"total_bytes": \([0-9]*\).*/\1/p')
[ -n "$planned" ] && [ "$planned" -le $memory ] && [ "$(value total_bytes)" -le $memory ]
report "what plan counts is within the memory" $? "$planned of $memory: $(cat "$scratch/json")"
[ "$(wc -c <"$scratch/out.gguf")" -le $(($(value file_bytes) + 16384)) ]
report "the file is as long as was said" $? "$(wc -c <"$scratch/out.gguf")"
ink run "$scratch/out.gguf" "Once" --raw --max-tokens 4 --seed 1 --context 256 --cache "$(value cache)" --memory-limit $memory \
    >"$scratch/said" 2>"$scratch/err"
report "it runs within it" $? "$(cat "$scratch/err")"
again=$(ink eval "$scratch/out.gguf" "$scratch/other" --reference "$model" --cache "$(value cache)" --json 2>"$scratch/err" |
    sed -n 's/.*"kl_mean": \([0-9.e-]*\).*/\1/p')
awk "BEGIN { a = $again; b = $(value kl_mean); exit !(a > 0 && b > 0 && a < b * 3 && b < a * 3) }"
report "KL is what eval finds, but for the cache of the reference" $? "$again, $(value kl_mean)"
ink show "$scratch/out.gguf" --json >"$scratch/card" 2>"$scratch/err"
grep -q '"command": "inkling fit llama-types-F16.gguf out.gguf ' "$scratch/card" && grep -q '"sha256"' "$scratch/card" &&
    grep -q "\"cache\": \"$(value cache)\"" "$scratch/card" && grep -q '"calibrated_with"' "$scratch/card" &&
    grep -q '"kl_mean"' "$scratch/card"
report "the card says what was measured, on what, by which command" $? "$(cat "$scratch/card")"
equal "nothing is left beside it" "" "$(find "$scratch" -name '*trial*' -o -name 'inkling-fit*' -o -name '*.part' -o -name '*.journal')"
if [ -x "$python" ]; then
    "$python" - "$scratch/out.svg" "$scratch/json" <<'END'
import json, sys, xml.dom.minidom
text = open(sys.argv[1]).read()
d = json.load(open(sys.argv[2]))
root = xml.dom.minidom.parseString(text).documentElement
lines = [len(n.getAttribute("points").split()) for n in root.getElementsByTagName("polyline")]
fits = d["fits"]
ok = lines[:1] == [sum(f["expected_loss"] > 0 for f in fits)] and len(lines) == 3 and "script" not in text
ok = ok and all(f["kl_mean"] is not None and f["tokens_per_second"] > 0 for f in fits)
ok = ok and [f["total_bytes"] for f in fits] == sorted(f["total_bytes"] for f in fits) and len(fits) > 4
ok = ok and d["roofline"]["all_threads"]["read_bytes_per_second"] > 0
sys.exit(not ok)
END
    report "JSON and the picture" $? "$(cat "$scratch/json")"
fi

# ---- Only shown.
ink fit "$model" --memory $total --speed 1 --context 256 --cache q8_0 --calibrate "$scratch/text" >"$scratch/out" 2>"$scratch/err"
report "shows" $? "$(cat "$scratch/err")"
[ "$(grep -c '^\* .* q8_0 ' "$scratch/out")" -eq 1 ] && grep -q '^\* takes .* of .* with a context of 256' "$scratch/out" &&
    ! grep -q 'inkling run' "$scratch/out"
report "one choice, and what it takes" $? "$(cat "$scratch/out")"

# ---- Without a text to measure on: nothing is claimed.
ink fit "$stories" "$scratch/plain.gguf" --memory 4M --context 128 --calibrate "$scratch/text" >"$scratch/out" 2>"$scratch/err"
report "fits a trained model" $? "$(cat "$scratch/err")"
ink show "$scratch/plain.gguf" --json >"$scratch/card"
grep -q '"expected_loss_of_weights"' "$scratch/card" && ! grep -q '"kl_mean"' "$scratch/card"
report "the card has no figure that was not measured" $? "$(cat "$scratch/card")"

# ---- What cannot be.
fails "memory for nothing" 1 'bytes of memory are [0-9]+ too few for a context of 256: with the shortest formats .* it takes [0-9]+; what would fit: ' \
    fit "$model" "$scratch/x.gguf" --memory 100K --context 256 --calibrate "$scratch/text"
fails "memory for a shorter context" 1 'too few for a context of 100000: .* what would fit: a context of [0-9]+ positions' \
    fit "$stories" "$scratch/x.gguf" --memory 8M --context 100000 --cache f16 --calibrate "$scratch/text"
fails "speed beyond this machine" 1 '1e\+06 tokens/s are wanted, .* times too few: each reads .* bytes, of .* in a second at most; ' \
    fit "$model" "$scratch/x.gguf" --memory 100M --speed 1000000 --context 256 --calibrate "$scratch/text"
fails "more positions than were learned" 1 'has learned' \
    fit "$shared/golden/models/gpt2-Q8_0.gguf" --memory 1G --context 100000 --calibrate "$scratch/text"
fails "a context that nothing has" 1 'at most [0-9]+ are possible' fit "$model" --memory 1G --context 2000000000 --calibrate "$scratch/text"
fails "no memory" 2 '--memory SIZE' fit "$model" --calibrate "$scratch/text"
fails "no text" 2 '--calibrate FILE is missing' fit "$model" --memory 1G
fails "no number of bytes" 2 'a number of bytes' fit "$model" --memory -1 --calibrate "$scratch/text"
fails "speed that is none" 2 'speed' fit "$model" --memory 1G --speed nan --calibrate "$scratch/text"
fails "no such cache" 2 'cache' fit "$model" --memory 1G --cache q9 --calibrate "$scratch/text"
cp "$model" "$scratch/same.gguf" && ln -s same.gguf "$scratch/link.gguf"
fails "onto itself" 2 'OUT.gguf is MODEL' fit "$scratch/same.gguf" "$scratch/link.gguf" --memory 1G --calibrate "$scratch/text"
fails "the same text" 2 'another text' fit "$model" --memory 1G --calibrate "$scratch/text" --measure "$scratch/text"
fails "no model" 1 'none.gguf' fit none.gguf --memory 1G --calibrate "$scratch/text"
fails "a text that is not there" 1 'none.txt' fit "$model" --memory 1G --calibrate none.txt
fails "embeddings" 1 'for embeddings' fit "$shared/golden/models/bert-Q8_0.gguf" --memory 1G --calibrate "$scratch/text"
fails "a folder that is not there" 1 'none' fit "$model" none/x.gguf --memory 1G --context 256 --calibrate "$scratch/text" --measure "$scratch/other"
[ ! -e "$scratch/x.gguf" ]
report "nothing is left of what failed" $?
ink fit "$stories" --memory 1G --context 5000 --calibrate "$scratch/text" >"$scratch/out" 2>"$scratch/err"
grep -q 'a context of 5000 positions, but .* was trained for' "$scratch/err"
report "a context beyond training is said" $? "$(cat "$scratch/err")"
finish
