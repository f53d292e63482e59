# Packed weights kept between starts: the same text, the flag and the environment, and what goes wrong.
. "$(dirname "$0")/support.sh"
need_shared
unset INK_PACK_CACHE

kept=$scratch/kept
story() {
    ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 20 "$@"
}
count() {
    find "$1" -name '*.inkpack' 2>/dev/null | wc -l | tr -d ' '
}

story >"$scratch/plain"
story --pack-cache "$kept" >"$scratch/first" 2>"$scratch/err"
same "the first start gives the same text" "$scratch/plain" "$scratch/first"
equal "and says nothing" "" "$(cat "$scratch/err")"
equal "a file is kept" 1 "$(count "$kept")"
equal "that only its owner can read" "-rw-------" "$(ls -l "$kept"/*.inkpack | cut -c1-10)"
story --pack-cache "$kept" >"$scratch/second" 2>"$scratch/err"
same "the second start gives the same text" "$scratch/plain" "$scratch/second"
story --pack-cache "$kept" --verify >"$scratch/verified" 2>"$scratch/err"
same "with all bytes checked, too" "$scratch/plain" "$scratch/verified"
equal "and says nothing" "" "$(cat "$scratch/err")"

INK_PACK_CACHE=$scratch/environment story >"$scratch/out"
equal "the environment names a folder" 1 "$(count "$scratch/environment")"
INK_PACK_CACHE=$scratch/unused story --pack-cache off >"$scratch/out"
equal "which the flag overrides" 0 "$(count "$scratch/unused")"
for command in logits embed perplexity bench; do
    ink "$command" --help | grep -q -- '--pack-cache DIR|off'
    report "$command has the flag" $?
done

# One flipped bit in the middle.
file=$(ls "$kept"/*.inkpack)
byte=$(dd if="$file" bs=1 skip=600000 count=1 2>/dev/null | od -An -tu1)
# shellcheck disable=SC2059 # an escape on purpose
printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$file" bs=1 seek=600000 conv=notrunc 2>/dev/null
story --pack-cache "$kept" --verify >"$scratch/out" 2>"$scratch/err"
same "a damaged file does not change the text" "$scratch/plain" "$scratch/out"
grep -q '^inkling: packed weights are not used: .* is damaged' "$scratch/err"
report "and is said so" $? "$(cat "$scratch/err")"
story --pack-cache "$kept" --verify >"$scratch/out" 2>"$scratch/err"
equal "and replaced" "" "$(cat "$scratch/err")"

story --pack-cache /nowhere/at/all >"$scratch/out" 2>"$scratch/err"
equal "a folder that cannot be made is no failure" 0 "$?"
same "of the text" "$scratch/plain" "$scratch/out"
grep -q '^inkling: packed weights are not kept: /nowhere/at/all' "$scratch/err"
report "but is said so" $? "$(cat "$scratch/err")"
fails "--verify without a folder" 2 '--verify has no effect without --pack-cache' run "$stories" x --verify

# A reader stops in the middle of a story while the file is cut to nothing.
if [ -z "${INK_EMULATOR:-}" ]; then
    mkfifo "$scratch/pipe"
    "$INK_BIN" run "$stories" --raw --pack-cache "$kept" --max-tokens 5 <"$scratch/pipe" >"$scratch/out" 2>"$scratch/err" &
    reader=$!
    exec 7>"$scratch/pipe"
    tries=0
    until grep -q inkpack "/proc/$reader/maps" || [ $tries -ge 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    : >"$file"
    echo "Once upon a time" >&7
    exec 7>&-
    wait $reader
    equal "a file cut while in use ends with exit code 1" 1 "$?"
    grep -q '^inkling: a file of packed weights became shorter' "$scratch/err"
    report "and a message" $? "$(cat "$scratch/err")"
fi
finish
