# `inkling run` as a conversation, at a terminal that script(1) provides.
. "$(dirname "$0")/support.sh"
need_shared
if ! command -v script >/dev/null || [ ! -x "$python" ]; then
    echo "script(1) or $python is missing"
    exit 77
fi
if ! script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    echo "there are no pseudo-terminals here"
    exit 77
fi

# with_template TEMPLATE MODEL: the stories model with one key more. The alignment of what follows is kept.
with_template() {
    "$python" - "$stories" "$1" "$2" <<'EOT'
import struct, sys
data = open(sys.argv[1], "rb").read()
text = sys.argv[2].encode()
def pair(text):
    key = b"tokenizer.chat_template"
    return struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
text += b"{#" + b"." * (-len(pair(text + b"{##}")) % 32) + b"#}"
n_tensors, n_pairs = struct.unpack("<QQ", data[8:24])
open(sys.argv[3], "wb").write(data[:8] + struct.pack("<QQ", n_tensors, n_pairs + 1) + pair(text) + data[24:])
EOT
}
with_template '{{ bos_token }}{% for m in messages %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}' \
    "$scratch/chat.gguf"
with_template '{{ bos_token }}{% for m in messages %}{{ m.content }}{{ "\n" }}{% endfor %}' "$scratch/lines.gguf"

# talk ARGUMENT...: types standard input, line by line, and prints what a person would see, without colors.
talk() {
    printf '%s' "stty -echo; NO_COLOR=1 TERM=dumb ${INK_EMULATOR:-} '$INK_BIN' run" >"$scratch/command"
    for word in "$@"; do
        printf " '%s'" "$word" >>"$scratch/command"
    done
    script -qec ". '$scratch/command'" /dev/null 2>&1 | tr -d '\r'
}

first=', there was a little girl named Lily. She loved'
equal "an answer, with the template" "$first" \
    "$(ink run "$scratch/chat.gguf" 'Once upon a time' --temperature 0 --max-tokens 14)"
ink run "$scratch/chat.gguf" 'upon a time' --system Once --temperature 0 --max-tokens 14 >"$scratch/out"
equal "--system comes first" "$first" "$(cat "$scratch/out")"
fails "a prompt that is no UTF-8" 1 'the prompt is not valid UTF-8 at byte 2' \
    run "$scratch/chat.gguf" "$(printf 'ab\377')"
fails "a system message that is no UTF-8" 1 '.-system is not valid UTF-8 at byte 0' \
    run "$scratch/chat.gguf" x --system "$(printf '\377')"
fails "--system without a template" 1 'no chat template' run "$stories" x --system y

printf '%s\n' 'Once upon a time' '/stats' "/save $scratch/saved.json" '/clear' '/save' '/sav' '/exit' |
    talk "$scratch/chat.gguf" --temperature 0 --max-tokens 14 >"$scratch/out"
grep -qF "$first" "$scratch/out"
report "an answer in a conversation" $? "$(cat "$scratch/out")"
grep -q '^generated  14 tokens' "$scratch/out"
report "/stats" $? "$(cat "$scratch/out")"
grep -q '/save needs a FILE' "$scratch/out" && grep -q 'did you mean /save' "$scratch/out"
report "wrong commands" $? "$(cat "$scratch/out")"
"$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert [m["role"] for m in d] == ["user", "assistant"], d
assert d[1]["content"] == sys.argv[2], d' "$scratch/saved.json" "$first"
report "/save" $?

printf '%s\n' "/load $scratch/saved.json" 'One\' 'day' "/save $scratch/more.json" '/exit' |
    talk "$scratch/chat.gguf" --temperature 0 --max-tokens 10 >"$scratch/out"
"$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert len(d) == 4 and d[2]["content"] == "One\nday", d' "$scratch/more.json"
report "/load, and a message of two lines" $? "$(cat "$scratch/out")"

printf '%s\n' '/undo' '/back' 'Once upon a time' '/fork' 'One day' "/save $scratch/fork.json" '/undo' \
    "/save $scratch/undone.json" '/undo' '/undo' '/back' 'She saw' "/save $scratch/main.json" '/fork' '/exit' |
    talk "$scratch/chat.gguf" --temperature 0 --max-tokens 8 >"$scratch/out"
"$python" -c 'import json, sys
fork, undone, main = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("fork", "undone", "main"))
said = lambda turns: [m["content"] for m in turns[::2]]
assert said(fork) == ["Once upon a time", "One day"], fork
assert undone == fork[:2], undone
assert said(main) == ["Once upon a time", "She saw"] and main[:2] == undone, main' "$scratch"
report "/fork, /back and /undo" $? "$(cat "$scratch/out")"
equal "nothing to undo is said" 2 "$(grep -c 'there is no question to forget' "$scratch/out")"
grep -q 'this is no copy' "$scratch/out"
report "and nowhere to go back to" $? "$(cat "$scratch/out")"

# Longer than the context: the system message and the newest stay, and what went is said.
for overflow in slide drop-oldest-turns; do
    printf '%s\n' 'Once upon a time there was' 'One day she saw a big red ball' 'The dog was very happy' \
        'They went to the park and played' "/save $scratch/long.json" '/exit' |
        talk "$scratch/chat.gguf" --system 'Tim is here.' --temperature 0 --max-tokens 24 --context 96 \
            --overflow $overflow >"$scratch/out"
    grep -q "to make room (--overflow $overflow)" "$scratch/out"
    report "$overflow says what went" $? "$(cat "$scratch/out")"
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert len(d) == 9 and all(m["content"] for m in d), d' "$scratch/long.json"
    report "$overflow answers each time" $? "$(cat "$scratch/out")"
done
# What drops tokens goes on where the answer before ended: a question is 20 tokens, with the line's end before it.
# What it cannot go back to is read anew.
for overflow in roll evict; do
    for i in 1 2 3 4 5 6 7; do echo 'Once upon a time there was a big red ball and a dog'; done |
        { cat; printf '%s\n' '/undo' 'One day' '/exit'; } |
        talk "$scratch/lines.gguf" --temperature 0 --max-tokens 60 --context 256 --ignore-end --stats \
            --overflow $overflow >"$scratch/out"
    grep -q "to make room (--overflow $overflow)" "$scratch/out"
    report "$overflow says what went" $? "$(cat "$scratch/out")"
    equal "$overflow answers each time" 8 "$(grep -c 'generated *60 tokens' "$scratch/out")"
    equal "$overflow reads the questions alone" 6 "$(grep -c 'prompt *20 tokens' "$scratch/out")"
    equal "but for another text, which is said" "1 1" \
        "$(grep -c 'prompt *4[0-9][0-9] tokens' "$scratch/out") $(grep -c 'tokens were read anew' "$scratch/out")"
done
printf '%s\n' 'Once upon a time there was' 'One day she saw a big red ball' 'The dog was very happy' '/exit' |
    talk "$scratch/chat.gguf" --temperature 0 --max-tokens 40 --context 64 >"$scratch/out"
grep -q 'tokens do not fit: .*/clear makes room' "$scratch/out"
report "without --overflow nothing is dropped" $? "$(cat "$scratch/out")"

echo '{}' >"$scratch/wrong.json"
printf '%s\n' "/load $scratch/wrong.json" '/exit' | talk "$scratch/chat.gguf" >"$scratch/out"
grep -q 'wrong.json: a saved conversation is an array' "$scratch/out"
report "what cannot be loaded is named" $? "$(cat "$scratch/out")"

printf '%s\n' 'Once upon a time' '/save x' '/clear' '/exit' |
    talk "$stories" --temperature 0 --max-tokens 14 >"$scratch/out"
grep -qF "$first" "$scratch/out"
report "without a template a text is continued" $? "$(cat "$scratch/out")"
equal "and there is no conversation to save or clear" 2 "$(grep -c 'no conversation' "$scratch/out")"

# A color terminal. What is typed is data here; escape sequences stay in the transcript.
# color TYPED ARGUMENT...
color() {
    typed=$1
    shift
    printf '%s' "stty -echo; NO_COLOR= TERM=xterm INK_CPU=${cpu:-} ${INK_EMULATOR:-} '$INK_BIN' run" >"$scratch/command"
    for word in "$@"; do
        printf " '%s'" "$word" >>"$scratch/command"
    done
    # The keys are typed when the prompt is there: before that the terminal is not the editor's.
    { sleep 1; printf '%b' "$typed"; sleep 1; } | script -qec ". '$scratch/command'" /dev/null 2>&1 | tr -d '\r'
}
cpu=
escape=$(printf '\033')
color '/help\n/exit\n' "$scratch/chat.gguf" >"$scratch/out"
grep -Eq "$escape\[1;36m> ?$escape\[0m" "$scratch/out" # the space is colored where there is no line editor
report "the color of the prompt ends with it" $? "$(cat -v "$scratch/out")"

if ink version | grep -Eq '^libedit +[0-9]'; then
    up='\033[A'
    color "One\\\\\nday\n$up\n/save $scratch/again.json\n/exit\n" "$scratch/chat.gguf" --temperature 0 \
        --max-tokens 3 >"$scratch/out"
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert [m["content"] for m in d[::2]] == ["One\nday"] * 2, d' "$scratch/again.json"
    report "a message of two lines comes back whole" $? "$(cat -v "$scratch/out")"
fi

# Reading takes long enough for a progress bar (under an emulator far too long); it is gone before the answer comes.
if [ -z "${INK_EMULATOR:-}" ]; then
    ink synthesize "$scratch/slow.gguf" --shape llama-3.2-1b --type Q4_K_M --layers 1 --vocabulary 2000 >/dev/null
    prompt=$(yes hi | head -400)
    ink run "$scratch/slow.gguf" "$prompt" --max-tokens 4 --raw --temperature 0 >"$scratch/text"
    cpu=c color '' "$scratch/slow.gguf" "$prompt" --threads 1 --batch 25 --max-tokens 4 --raw --temperature 0 >"$scratch/out"
    "$python" - "$scratch/out" "$scratch/text" <<'EOT'
import sys
seen, text = open(sys.argv[1]).read(), open(sys.argv[2]).read()
assert "Reading" in seen, seen[:300]
assert text and seen.endswith(text + "\n"), seen[-300:]
EOT
    report "the progress bar does not take the answer along" $? "$(tail -c 300 "$scratch/out" | cat -v)"
fi

# The whole conversation is what is read: in pieces as it grows, or at once when it is loaded.
printf '%s\n' 'Once upon a time' 'She saw' "/save $scratch/grown.json" '/exit' |
    talk "$scratch/chat.gguf" --temperature 0 --max-tokens 14 >/dev/null
"$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(" ".join(m["content"] for m in d[:3]), end="")
open(sys.argv[2], "w").write(d[3]["content"])' "$scratch/grown.json" "$scratch/answer" >"$scratch/prompt"
ink run "$scratch/chat.gguf" "$(cat "$scratch/prompt")" --raw --temperature 0 --max-tokens 14 >"$scratch/out"
same "a turn goes on where the session stands" "$scratch/out" "$scratch/answer"
finish
