# `inkling quantize`: types, calibration, budgets, kills that change no bit, a full disk, and what goes wrong.
. "$(dirname "$0")/support.sh"
need_shared

i=0
while [ $i -lt 12 ]; do
    echo "Once upon a time there was a little girl named Lily. She saw a big dog in the park $i. The dog took her red ball, and Lily was sad."
    i=$((i + 1))
done >"$scratch/text"
models=$shared/golden/models

# In a shell of its own, which becomes the process, so that whoever kills the one kills the other.
quantize() {
    # shellcheck disable=SC2086 # an emulator is several words
    exec ${INK_EMULATOR:-} "$INK_BIN" quantize "$@"
}
# kl MODEL [TEXT]
kl() {
    ink eval "$1" "${2:-$scratch/text}" --reference "$stories" --context 64 --json | sed -n 's/.*"kl_mean": \([0-9.e-]*\).*/\1/p'
}

# ---- Types.
(quantize "$stories" "$scratch/q8.gguf" --type Q8_0) >"$scratch/out" 2>"$scratch/err"
report "quantizes" $? "$(cat "$scratch/err")"
grep -Eq '^.*q8.gguf: weights of .* in .*, [0-9.]+ bits a parameter: .*Q8_0' "$scratch/out"
report "says what became of it" $? "$(cat "$scratch/out")"
grep -q 'ffn_down.weight for one: 172 values; it gets F16 for Q8_0' "$scratch/err"
report "says what does not fit" $? "$(cat "$scratch/err")"
ink run "$scratch/q8.gguf" "Once upon a time" --raw --temperature 0 --max-tokens 24 >"$scratch/a"
ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 24 >"$scratch/b"
same "eight bits say the same" "$scratch/b" "$scratch/a"
(quantize "$stories" "$scratch/list.gguf" --type Q4_0 --list --dry-run) >"$scratch/out" 2>"$scratch/err"
[ "$(grep -c ' -> Q4_0' "$scratch/out")" -gt 20 ] && [ ! -e "$scratch/list.gguf" ]
report "a list, and nothing is written" $? "$(cat "$scratch/out" "$scratch/err")"
(quantize "$models/llama-moe-Q4_K_M.gguf" "$scratch/moe.gguf" --type IQ4_XS --calibrate "$scratch/text") >"$scratch/out" 2>"$scratch/err" &&
    ink show "$scratch/moe.gguf" | grep -q IQ4_XS
report "experts" $? "$(cat "$scratch/err")"

# ---- Calibration.
(quantize "$stories" "$scratch/plain.gguf" --type Q4_0) >"$scratch/out" 2>"$scratch/err"
(quantize "$stories" "$scratch/seen.gguf" --type Q4_0 --calibrate "$scratch/text" --context 64 --keep-statistics "$scratch/statistics") \
    >"$scratch/out" 2>"$scratch/err"
report "calibrates" $? "$(cat "$scratch/err")"
(quantize "$stories" "$scratch/kept.gguf" --type Q4_0 --calibrate "$scratch/statistics") >"$scratch/out" 2>"$scratch/err"
report "with what was kept" $? "$(cat "$scratch/err")"
plain=$(kl "$scratch/plain.gguf") seen=$(kl "$scratch/seen.gguf") kept=$(kl "$scratch/kept.gguf")
awk "BEGIN { exit !($seen < $plain && $kept < $plain) }"
report "a text makes it better" $? "plain $plain, calibrated $seen, kept $kept"

# ---- Learning, with a text and measured with another.
head -c 20000 "$shared/text/frankenstein.txt" >"$scratch/learned"
head -c 10000 "$shared/text/tinyshakespeare.txt" >"$scratch/measured"
for type in Q4_0 Q4_1; do
    for steps in '' 20; do
        # shellcheck disable=SC2086 # an option and its value, or none
        (quantize "$stories" "$scratch/fed$steps.gguf" --type "$type" --feedback --calibrate "$scratch/learned" --context 64 \
            ${steps:+--learn $steps}) >"$scratch/out" 2>"$scratch/err" || report "learns $type" 1 "$(cat "$scratch/err")"
    done
    fed=$(kl "$scratch/fed.gguf" "$scratch/measured") learned=$(kl "$scratch/fed20.gguf" "$scratch/measured")
    awk -v a="$learned" -v b="$fed" 'BEGIN { exit !(a > 0 && a < 0.85 * b) }'
    report "what is learned is better than feedback alone: $type" $? "KL $fed with feedback, $learned learned"
    rm -f "$scratch/fed.gguf" "$scratch/fed20.gguf"
done

# ---- Budgets.
(quantize "$stories" "$scratch/small.gguf" --size 500K --calibrate "$scratch/text" --context 64) >"$scratch/out" 2>"$scratch/err"
report "a size" $? "$(cat "$scratch/err")"
[ "$(wc -c <"$scratch/small.gguf")" -le 500000 ] && grep -Eq -- '-> [A-Z0-9_]+ .* nats' "$scratch/out"
report "is kept, and the choice is printed" $? "$(wc -c <"$scratch/small.gguf") $(cat "$scratch/out")"
fails "too few bits" 1 'too few: with the shortest formats it has [0-9]+, [0-9.]+ bits a parameter' \
    quantize "$stories" "$scratch/x.gguf" --bits 1 --calibrate "$scratch/text" --context 64

# ---- Formats of our own: the same bits on every processor, said where nobody asked for them.
(quantize "$models/llama-types-F16.gguf" "$scratch/own.gguf" --type T3 --calibrate "$scratch/text" --context 64) >"$scratch/out" 2>"$scratch/err" &&
    ink show "$scratch/own.gguf" | grep -q T3
report "a format of our own" $? "$(cat "$scratch/err")"
ink logits "$scratch/own.gguf" --tokens "1 2 3 4 5" --out "$scratch/best"
(INK_CPU=c && export INK_CPU && ink logits "$scratch/own.gguf" --tokens "1 2 3 4 5" --out "$scratch/c")
same "has the same bits in C" "$scratch/c" "$scratch/best"
fails "own formats with a type" 1 'a type names its formats' quantize "$stories" "$scratch/x.gguf" --type Q4_0 --own

# ---- Killed, again and again: the end is the same.
if [ -z "${INK_EMULATOR:-}" ]; then
    ink synthesize --shape smollm2-135m --type F16 --layers 2 --vocabulary 2048 "$scratch/large.gguf" >/dev/null 2>"$scratch/err"
    (quantize "$scratch/large.gguf" "$scratch/straight.gguf" --type Q5_0) >"$scratch/out" 2>"$scratch/err"
    report "without a break" $? "$(cat "$scratch/err")"
    n_killed=0 tries=0
    while [ $tries -lt 60 ] && [ ! -e "$scratch/killed.gguf" ]; do
        tries=$((tries + 1))
        "$INK_BIN" quantize "$scratch/large.gguf" "$scratch/killed.gguf" --type Q5_0 >"$scratch/out" 2>"$scratch/err" &
        pid=$!
        sleep "0.$((tries * 7 % 5 + 1))$((tries * 3 % 10))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ $? -eq 137 ] && n_killed=$((n_killed + 1))
    done
    (quantize "$scratch/large.gguf" "$scratch/killed.gguf" --type Q5_0) >"$scratch/out" 2>"$scratch/err"
    same "$n_killed kills change no bit" "$scratch/straight.gguf" "$scratch/killed.gguf"
    [ $n_killed -gt 0 ]
    report "it was killed" $?
    equal "and leave nothing beside it" "" "$(find "$scratch" -name 'killed.gguf?*')"
else
    skip "kills" "an emulator is slow"
fi

# ---- A full disk: a limit on the size of files, in blocks of 512 bytes.
(
    trap '' XFSZ
    ulimit -f 300
    quantize "$stories" "$scratch/full.gguf" --type Q8_0
) >"$scratch/out" 2>"$scratch/err"
[ $? -eq 1 ] && grep -q '^inkling: .*full.gguf: .*more than a file may have here' "$scratch/err" && [ -z "$(find "$scratch" -name 'full.gguf*')" ]
report "a full disk is said" $? "$(cat "$scratch/err")"
(quantize "$stories" "$scratch/full.gguf" --type Q8_0) >"$scratch/out" 2>"$scratch/err"
same "once there is room it goes on" "$scratch/q8.gguf" "$scratch/full.gguf"

# ---- What is wrong.
fails "no such type" 1 'there is no type "Q7_X"; there are F32, F16' quantize "$stories" "$scratch/x.gguf" --type Q7_X
fails "no type" 1 'one of a type, a size and bits' quantize "$stories" "$scratch/x.gguf"
fails "a budget without a text" 1 'calibrate with one' quantize "$stories" "$scratch/x.gguf" --bits 4
fails "feedback without a text" 2 'calibrate' quantize "$stories" "$scratch/x.gguf" --type Q4_0 --feedback
fails "a text that is not there" 1 'none.txt' quantize "$stories" "$scratch/x.gguf" --type Q4_0 --calibrate none.txt
fails "no model" 1 'none.gguf' quantize none.gguf "$scratch/x.gguf" --type Q4_0
fails "a folder that is not there" 1 'none/x.gguf' quantize "$stories" none/x.gguf --type F16
fails "a device is not replaced" 1 '/dev/full: cannot be replaced' quantize "$stories" /dev/full --type F16
[ ! -e "$scratch/x.gguf" ] && [ ! -e "$scratch/x.gguf.part" ]
report "nothing is left of what failed" $?
finish
