# Adapters from the command line: taught, used, built in, killed in the middle, and what goes wrong.
. "$(dirname "$0")/support.sh"
need_shared

i=0
while [ $i -lt 12 ]; do
    echo 'Once upon a time, there was a robot named Beep. Beep lived on the moon. "Beep, beep," sang the robot on the moon.'
    i=$((i + 1))
done >"$scratch/text"

# In a shell of its own, which becomes the process, so that whoever kills the one kills the other.
teach() {
    # shellcheck disable=SC2086 # an emulator is several words
    exec ${INK_EMULATOR:-} "$INK_BIN" lora "$stories" "$@" --text "$scratch/text" --steps 60 --rate 4e-3 --warmup 5 --context 48 --batch 2 \
        --validation 0 --save-every 2 --threads 1
}
say() {
    model=$1
    shift
    ink run "$model" "Once upon a time" --raw --temperature 0 --max-tokens 24 "$@"
}

(teach "$scratch/a.gguf" --log "$scratch/log.csv") >"$scratch/out" 2>"$scratch/err"
report "an adapter is taught" $? "$(cat "$scratch/err")"
awk -F, 'FNR == 2 { first = $3 } END { exit !(NR == 61 && $3 < first / 2) }' "$scratch/log.csv"
report "and its loss falls" $? "$(sed -n '1,2p;$p' "$scratch/log.csv")"

say "$stories" >"$scratch/plain"
say "$stories" --lora "$scratch/a.gguf" >"$scratch/taught"
grep -q 'robot named Beep' "$scratch/taught"
report "with it the model says what was taught" $? "$(cat "$scratch/taught")"
say "$stories" --lora "$scratch/a.gguf:1.0" >"$scratch/out"
same "a scale of 1 may be written" "$scratch/taught" "$scratch/out"
say "$stories" --lora "$scratch/a.gguf:0" >"$scratch/out"
same "of a scale of 0 nothing is left" "$scratch/plain" "$scratch/out"
say "$stories" --lora "$scratch/a.gguf:0.5" --lora "$scratch/a.gguf:0.5" >"$scratch/out"
same "twice by a half is once" "$scratch/taught" "$scratch/out"
cp "$scratch/a.gguf" "$scratch/b:1x.gguf"
say "$stories" --lora "$scratch/b:1x.gguf" >"$scratch/out"
same "a colon may be part of a name" "$scratch/taught" "$scratch/out"
for command in run logits embed perplexity bench; do
    ink "$command" --help | grep -q -- '--lora FILE\[:SCALE\]'
    report "$command has the flag" $?
done
ink perplexity "$stories" "$scratch/text" --context 64 >"$scratch/out"
ink perplexity "$stories" "$scratch/text" --context 64 --lora "$scratch/a.gguf" >"$scratch/with"
awk 'FNR == 1 { p[++n] = $2 } END { exit !(p[2] < p[1] / 3) }' "$scratch/out" "$scratch/with"
report "perplexity of the text falls" $? "$(cat "$scratch/out" "$scratch/with")"

ink merge "$stories" "$scratch/m.gguf" --lora "$scratch/a.gguf" 2>"$scratch/err"
report "it can be built in" $? "$(cat "$scratch/err")"
say "$scratch/m.gguf" >"$scratch/out"
same "and says the same without the adapter" "$scratch/taught" "$scratch/out"
ink merge "$stories" "$scratch/half.gguf" --lora "$scratch/a.gguf" --type F16
say "$scratch/half.gguf" >"$scratch/out"
same "also in halves" "$scratch/taught" "$scratch/out"

# Killed at some moments, it goes on to the same bytes. Each beginning gets a little further.
tries=0
until [ -s "$scratch/killed.gguf" ] || [ $tries -ge 40 ]; do
    tries=$((tries + 1))
    teach "$scratch/killed.gguf" >"$scratch/out" 2>"$scratch/err" &
    sleep "0.$((tries * 7 % 9 + 1))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
(teach "$scratch/killed.gguf") >"$scratch/out" 2>"$scratch/err"
same "killed $tries times, it learns the same bytes" "$scratch/a.gguf" "$scratch/killed.gguf"

fails "no such adapter" 1 'nowhere.gguf' run "$stories" x --lora nowhere.gguf
fails "a model is no adapter" 1 'general.type' run "$stories" x --lora "$stories"
fails "an adapter is no model" 1 'is an adapter' run "$scratch/a.gguf" x
fails "a scale that is no number" 1 'scale is nan' run "$stories" x --lora "$scratch/a.gguf:nan"
fails "an adapter of another model" 1 'belongs to another model' \
    run "$shared/golden/models/llama32-Q8_0.gguf" x --lora "$scratch/a.gguf"
fails "an unknown target" 1 'it has q, k, v, o, gate, up, down' \
    lora "$stories" "$scratch/x.gguf" --text "$scratch/text" --targets q,z
fails "a format that rows do not fill" 1 'which blocks of 256 \(Q4_K\) do not fill' \
    merge "$stories" "$scratch/x.gguf" --lora "$scratch/a.gguf" --type Q4_K
fails "nothing to merge" 2 '\-\-lora FILE' merge "$stories" "$scratch/x.gguf"
fails "no text" 2 '\-\-text FILE' lora "$stories" "$scratch/x.gguf"
[ ! -e "$scratch/x.gguf" ]
report "what failed leaves no file" $?
finish
