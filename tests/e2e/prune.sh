# `inkling prune`: what goes, what each stage costs, kills, a full disk, and what goes wrong.
. "$(dirname "$0")/support.sh"
need_shared

i=0
while [ $i -lt 12 ]; do
    echo "Once upon a time there was a little girl named Lily. She saw a big dog in the park $i. The dog took her red ball, and Lily was sad."
    i=$((i + 1))
done >"$scratch/text"
sed 's/little girl named Lily/boy called Tim/; s/park/garden/; s/Lily/Tim/; s/dog/cat/g' "$scratch/text" >"$scratch/other"
models=$shared/golden/models
small="--calibrate $scratch/text --context 64"

# In a shell of its own, which becomes the process, so that whoever kills the one kills the other.
prune() {
    # shellcheck disable=SC2086 # an emulator is several words
    exec ${INK_EMULATOR:-} "$INK_BIN" prune "$@"
}

# ---- Less of it.
# shellcheck disable=SC2086 # words on purpose
(prune "$stories" "$scratch/a.gguf" --percent 25 $small) >"$scratch/out" 2>"$scratch/err"
report "prunes" $? "$(cat "$scratch/err")"
grep -Eq '^.*a.gguf: weights of .* in .*; [0-9] of 5 layers, [0-9] of 4 groups a layer, [0-9]+ of 172 channels a layer$' "$scratch/out" &&
    grep -q 'what that costs was not measured' "$scratch/out"
report "says what became of it, and that nothing was measured" $? "$(cat "$scratch/out")"
before=$(wc -c <"$stories") after=$(wc -c <"$scratch/a.gguf")
[ $((after * 100)) -le $((before * 80)) ]
report "the file is smaller" $? "$before to $after"
ink run "$scratch/a.gguf" "Once upon a time" --raw --temperature 0 --max-tokens 8 >"$scratch/out" 2>"$scratch/err"
report "and runs" $? "$(cat "$scratch/err")"
# shellcheck disable=SC2086
(prune "$stories" "$scratch/b.gguf" --size 900K --what channels $small) >"$scratch/out" 2>"$scratch/err"
[ $? -eq 0 ] && [ "$(wc -c <"$scratch/b.gguf")" -le 900000 ] && grep -q '5 of 5 layers, 4 of 4 groups' "$scratch/out"
report "a size, of channels alone" $? "$(cat "$scratch/out" "$scratch/err")"
# shellcheck disable=SC2086
(prune "$models/qwen3-Q4_K_M.gguf" "$scratch/q.gguf" --percent 10 --what channels --calibrate "$scratch/text" --context 32) >"$scratch/out" 2>"$scratch/err"
report "formats in blocks" $? "$(cat "$scratch/err")"

# ---- What each stage costs.
# shellcheck disable=SC2086
(prune "$stories" "$scratch/c.gguf" --percent 25 $small --heal 3 --measure "$scratch/other" --json) >"$scratch/out" 2>"$scratch/err"
report "measures" $? "$(cat "$scratch/err")"
equal "each stage" "before pruned repaired healed" "$(sed -n 's/.*"stage": "\([a-z]*\)".*/\1/p' "$scratch/out" | tr '\n' ' ' | sed 's/ $//')"
[ "$(grep -c '"kl_mean": [0-9]' "$scratch/out")" -eq 3 ] && [ "$(grep -c '"tokens_per_second": [0-9]' "$scratch/out")" -eq 4 ]
report "with distance and speed" $? "$(cat "$scratch/out")"
# shellcheck disable=SC2046 # numbers
set -- $(sed -n 's/.*"kl_mean": \([0-9.e-]*\).*/\1/p' "$scratch/out")
awk "BEGIN { exit !($2 < $1) }"
report "repair makes it better" $? "$*"
figure=$(sed -n 's/.*"perplexity": \([0-9.]*\).*/\1/p' "$scratch/out" | tail -n 1)
own=$(ink eval "$scratch/c.gguf" "$scratch/other" --context 512 --json 2>/dev/null | sed -n 's/.*"perplexity": \([0-9.]*\).*/\1/p')
equal "figures are those of eval" "$own" "$figure"
# shellcheck disable=SC2086
(prune "$models/llama-types-F16.gguf" "$scratch/f16.gguf" --percent 20 --calibrate "$scratch/text" --context 32 --heal 2) >"$scratch/out" 2>"$scratch/err" &&
    ink show "$scratch/f16.gguf" | grep -q F16 && [ ! -e "$scratch/f16.gguf.healed" ]
report "what is healed gets its format back" $? "$(cat "$scratch/err")"
# shellcheck disable=SC2086
(prune "$stories" "$scratch/d.gguf" --percent 25 $small --no-repair --measure "$scratch/other") >"$scratch/out" 2>"$scratch/err"
[ "$(grep -Ec '^(before|pruned) .* [0-9.]+$' "$scratch/out")" -eq 2 ] && ! grep -q '^repaired' "$scratch/out"
report "a table, without repair" $? "$(cat "$scratch/out" "$scratch/err")"

# ---- A time: what is measured here may well say that it was not reached, but the file is there. Clocks of busy machines
# differ from one measurement to the next.
tries=0 code=2
while [ $tries -lt 6 ] && [ ! -e "$scratch/t.gguf" ]; do
    tries=$((tries + 1))
    speed=$(ink bench "$stories" --prompt 8 --generate 64 --json 2>/dev/null | sed -n 's/.*"tokens_per_second": \([0-9.]*\).*/\1/p' | tail -n 1)
    # shellcheck disable=SC2086
    (prune "$stories" "$scratch/t.gguf" --milliseconds "$(awk "BEGIN { print 500 / $speed }")" $small) >"$scratch/out" 2>"$scratch/err"
    code=$?
done
[ $code -eq 0 ] || grep -q 't.gguf: is written, and takes' "$scratch/err"
report "a time" $? "exit code $code: $(cat "$scratch/err")"
grep -q 'stories260K.gguf: takes [0-9.e-]* ms a token here, as measured' "$scratch/err" &&
    [ "$(wc -c <"$scratch/t.gguf")" -lt "$before" ]
report "is measured, and the file is smaller" $? "$(cat "$scratch/err")"

# ---- Zeros.
(prune "$stories" "$scratch/z.gguf" --sparsity 2:4 --calibrate "$scratch/text" --context 64) >"$scratch/out" 2>"$scratch/err"
report "zeros" $? "$(cat "$scratch/err")"
grep -q 'zeros in place of weights (2:4); the file is as large as before' "$scratch/out" &&
    [ "$(wc -c <"$scratch/z.gguf")" -eq "$before" ]
report "in a file of the same size" $? "$(cat "$scratch/out")"

# ---- Killed at any moment: what stood there stands, or the new file does, and nothing else once the next is done.
if [ -z "${INK_EMULATOR:-}" ]; then
    tries=0 broken=0
    cp "$scratch/b.gguf" "$scratch/k.gguf"
    while [ $tries -lt 12 ]; do
        tries=$((tries + 1))
        # shellcheck disable=SC2086
        "$INK_BIN" prune "$stories" "$scratch/k.gguf" --percent 25 $small >"$scratch/out" 2>"$scratch/err" &
        pid=$!
        sleep "0.$((tries * 7 % 4))$((tries * 3 % 10))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        cmp -s "$scratch/k.gguf" "$scratch/b.gguf" || cmp -s "$scratch/k.gguf" "$scratch/a.gguf" || broken=1
    done
    equal "kills leave the old file or the new one" 0 $broken
    # shellcheck disable=SC2086
    (prune "$stories" "$scratch/k.gguf" --percent 25 $small) >"$scratch/out" 2>"$scratch/err"
    same "the same bits afterwards" "$scratch/a.gguf" "$scratch/k.gguf"
    equal "and nothing beside it" "" "$(find "$scratch" -name 'k.gguf?*')"
else
    skip "kills" "an emulator is slow"
fi

# ---- A full disk: a limit on the size of files, in blocks of 512 bytes.
(
    trap '' XFSZ
    ulimit -f 300
    # shellcheck disable=SC2086
    prune "$stories" "$scratch/full.gguf" --percent 25 $small
) >"$scratch/out" 2>"$scratch/err"
[ $? -eq 1 ] && grep -q '^inkling: .*full.gguf' "$scratch/err" && [ -z "$(find "$scratch" -name 'full.gguf*')" ]
report "a full disk is said" $? "$(cat "$scratch/err")"

# ---- What is wrong.
# shellcheck disable=SC2086
fails "nothing asked for" 2 'one of --percent, --size, --milliseconds and --sparsity' prune "$stories" "$scratch/x.gguf"
fails "two things asked for" 2 'one of --percent' prune "$stories" "$scratch/x.gguf" --percent 20 --size 1M
fails "no text" 1 'calibrate with one' prune "$stories" "$scratch/x.gguf" --percent 20
fails "the same text" 2 'another text' prune "$stories" "$scratch/x.gguf" --percent 20 --calibrate "$scratch/text" --measure "$scratch/text"
ln -s text "$scratch/other-name"
fails "the same text by another name" 2 'another text' prune "$stories" "$scratch/x.gguf" --percent 20 --calibrate "$scratch/text" --measure "$scratch/other-name"
cp "$stories" "$scratch/same.gguf" && ln -s same.gguf "$scratch/link.gguf"
fails "onto itself" 2 'OUT.gguf is MODEL' prune "$scratch/same.gguf" "$scratch/link.gguf" --percent 20 --calibrate "$scratch/text"
same "which is as it was" "$stories" "$scratch/same.gguf"
fails "more than there is" 1 'too few: with one of each' prune "$stories" "$scratch/x.gguf" --percent 99 --calibrate "$scratch/text" --context 64
fails "a kind that is none" 1 'some of layers,groups,channels' prune "$stories" "$scratch/x.gguf" --percent 20 --what heads --calibrate "$scratch/text"
fails "zeros and healing" 2 'heal has no effect with --sparsity' prune "$stories" "$scratch/x.gguf" --sparsity 50% --calibrate "$scratch/text" --heal 5
fails "no such sparsity" 1 'no sparsity' prune "$stories" "$scratch/x.gguf" --sparsity 4:2
fails "experts" 1 'architecture llama in this form only zeros' prune "$models/llama-moe-Q4_K_M.gguf" "$scratch/x.gguf" --percent 20 --calibrate "$scratch/text" --context 32
fails "slower than it is" 1 'nothing is to go' prune "$stories" "$scratch/x.gguf" --milliseconds 100000 --calibrate "$scratch/text"
fails "no model" 1 'none.gguf' prune none.gguf "$scratch/x.gguf" --percent 20 --calibrate "$scratch/text"
[ -z "$(find "$scratch" -name 'x.gguf*')" ]
report "nothing is left of what failed" $?
finish
