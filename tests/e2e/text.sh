# `inkling tokenize`, `detokenize` and `template`, in the forms that scripts rely on.
. "$(dirname "$0")/support.sh"
need_shared
spm=$shared/vocab/ggml-vocab-llama-spm.gguf

equal "tokenize" "1 403 407 261 378" "$(printf 'Once upon a time' | ink tokenize "$stories")"
equal "tokenize --no-bos" "403 407 261 378" "$(printf 'Once upon a time' | ink tokenize "$stories" --no-bos)"
equal "one line" "1" "$(seq 1000 | ink tokenize "$stories" | wc -l)"
equal "no text" "1" "$(ink tokenize "$stories" </dev/null)"
printf '' | ink tokenize "$stories" --no-bos >"$scratch/out"
echo >"$scratch/line"
same "no tokens are an empty line" "$scratch/line" "$scratch/out"
equal "special tokens are text unless asked" "1 529 29879 29958" "$(printf '<s>' | ink tokenize "$spm")"
equal "tokenize --special" "1 1" "$(printf '<s>' | ink tokenize "$spm" --special)"
equal "detokenize leaves special tokens out" "hi" "$(echo '1 7251 2' | ink detokenize "$spm")"
equal "detokenize --special" "<s> hi</s>" "$(echo '1 7251 2' | ink detokenize "$spm" --special)"
equal "ids between commas and line ends" "Once upon a time" \
    "$(printf '1,403\n407,\t261 378\n\n' | ink detokenize "$stories")"

for vocab in "$shared"/vocab/*.gguf; do
    name=$(basename "$vocab" .gguf)
    case $name in *bert*) continue ;; esac # lower case, no accents: not meant to come back
    printf 'Grüße,  日本 🙂\n\n\tint main(void) { return 0; }\n' >"$scratch/text"
    ink tokenize "$vocab" <"$scratch/text" | ink detokenize "$vocab" >"$scratch/back"
    same "round trip in $name" "$scratch/text" "$scratch/back"
done


echo '1 x1' | ink detokenize "$stories" 2>"$scratch/err"
equal "an id that is none" "1 inkling: word 2 of the token ids is 'x1', which is no token id" "$? $(cat "$scratch/err")"
echo '1 99999' | ink detokenize "$stories" 2>"$scratch/err"
equal "an id beyond the vocabulary" "1" "$?"

ink tokenize "$stories" <&- >"$scratch/out" 2>"$scratch/err"
equal "a closed standard input is not the model" "1 inkling: standard input: Bad file descriptor" "$? $(cat "$scratch/err")"

# ---- Templates.
echo '[{"role": "user", "content": "Hi"}]' >"$scratch/messages.json"
templates=$shared/golden/chat/templates
qwen=$templates/Qwen-Qwen2.5-7B-Instruct.jinja
system='<|im_start|>system
You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>
<|im_start|>user
Hi<|im_end|>
'
printf '%s' "$system" >"$scratch/closed"
printf '%s<|im_start|>assistant\n' "$system" >"$scratch/open"
ink template "$qwen" --messages "$scratch/messages.json" >"$scratch/out"
same "template from a file" "$scratch/open" "$scratch/out"
ink template "$qwen" --messages "$scratch/messages.json" --no-generation-prompt >"$scratch/out"
same "template --no-generation-prompt" "$scratch/closed" "$scratch/out"
ink template "$qwen" <"$scratch/messages.json" >"$scratch/out"
same "messages from standard input" "$scratch/open" "$scratch/out"
echo '{"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": false}' >"$scratch/all.json"
ink template "$qwen" --messages "$scratch/all.json" >"$scratch/out"
same "an object of all variables" "$scratch/closed" "$scratch/out"
phi=$shared/vocab/ggml-vocab-phi-3.gguf
ink template "$phi" --messages "$scratch/messages.json" --no-generation-prompt >"$scratch/out"
ink template "$phi" --messages "$scratch/all.json" >"$scratch/closed"
same "the flag is the variable, with a model's own template" "$scratch/closed" "$scratch/out"
printf '{{ strftime_now("%%d %%b %%Y") }}' >"$scratch/date.jinja"
equal "template --now" "15 Jan 2026" \
    "$(ink template "$scratch/date.jinja" --messages "$scratch/messages.json" --now 1768478400)"
fails "a model without a template" 1 'no chat template' template "$stories" --messages "$scratch/messages.json"
echo '[{"role": "system", "content": "Hi"}]' >"$scratch/system.json"
echo "{{ messages }}" >"$scratch/broken.gguf"
fails "a file named like a model is one" 1 'broken.gguf' template "$scratch/broken.gguf" \
    --messages "$scratch/messages.json"
echo '{% if %}' >"$scratch/bad.jinja"
fails "a template's error names its file" 1 'bad.jinja: template line 1' template "$scratch/bad.jinja" \
    --messages "$scratch/messages.json"
echo '[{"role": "user"' >"$scratch/cut.json"
fails "an error of the messages names their file" 1 'cut.json: JSON at byte' template "$qwen" \
    --messages "$scratch/cut.json"
fails "also with a model" 1 'cut.json: JSON at byte' template "$phi" --messages "$scratch/cut.json"
echo '[]' >"$scratch/none.json"
fails "no messages" 1 'none.json: the array of messages is empty' template "$qwen" --messages "$scratch/none.json"
fails "a template that refuses" 1 'System role not supported' template "$templates/google-gemma-2-2b-it.jinja" \
    --messages "$scratch/system.json"
finish
