# Models to GGUF and back from the command line, held against their definition in Python, killed in the middle, and what goes wrong.
. "$(dirname "$0")/support.sh"
need_shared
tok=$shared/weights/tok512.bin
say() {
    ink run "$1" "Once upon a time" --raw --temperature 0 --max-tokens 40
}
say "$stories" >"$scratch/said"

ink convert "$shared/weights/stories260K.bin" "$scratch/bin.gguf" --tokenizer "$tok" 2>"$scratch/err"
report "a llama2.c file is converted" $? "$(cat "$scratch/err")"
say "$scratch/bin.gguf" >"$scratch/out"
same "and says what its published GGUF says" "$scratch/said" "$scratch/out"
cp "$shared/weights/stories260K.bin" "$scratch/model.bin"
cp "$tok" "$scratch/tokenizer.bin"
ink convert "$scratch/model.bin" "$scratch/beside.gguf"
report "its tokenizer may stand beside it" $?
for text in '' 'Hello  world' 'Zo\303\253 \342\202\254 \360\237\230\200' '  two\n\nlines'; do
    # shellcheck disable=SC2059 # escapes on purpose
    printf "$text" >"$scratch/text"
    ink tokenize "$stories" <"$scratch/text" >"$scratch/a"
    ink tokenize "$scratch/bin.gguf" <"$scratch/text" >"$scratch/b"
    same "tokens of '$text'" "$scratch/a" "$scratch/b"
done

ink export "$stories" "$scratch/hf" --type F32 2>"$scratch/err"
report "a model is exported" $? "$(cat "$scratch/err")"
equal "in these files" "config.json model.safetensors tokenizer.model tokenizer_config.json" \
    "$(ls "$scratch/hf" | tr '\n' ' ' | sed 's/ $//')"
ink convert "$scratch/hf" "$scratch/back.gguf"
say "$scratch/back.gguf" >"$scratch/out"
same "and converted again it says the same" "$scratch/said" "$scratch/out"
ink convert "$scratch/hf" "$scratch/half.gguf" --type F16
say "$scratch/half.gguf" >"$scratch/out"
same "also in halves" "$scratch/said" "$scratch/out"
ink convert "$scratch/hf" "$scratch/q8.gguf" --type Q8_0 2>"$scratch/err"
grep -q 'ffn_down.weight for one: 172 values; it gets F16 for Q8_0' "$scratch/err"
report "rows that fill no blocks are said" $? "$(cat "$scratch/err")"
ink quantize "$scratch/back.gguf" "$scratch/quantized.gguf" --type IQ4_NL >/dev/null 2>"$scratch/err"
ink convert "$scratch/hf" "$scratch/iq4.gguf" --type IQ4_NL 2>"$scratch/err"
same "any type of quantize, to the same bytes" "$scratch/quantized.gguf" "$scratch/iq4.gguf"

# By the definitions of the models, in double precision: what is published, converted, and its logits.
if "$python" -c 'import numpy' 2>/dev/null; then
    ids="1 403 407 261 378 5 99 300 17 200 44 73 12 250 8 333 91 7 120 64 256 30 2 150"
    folders=$scratch/stories
    mkdir "$folders" && cp "$scratch"/hf/* "$folders"
    for name in llama-gqa-Q8_0 llama-bias-mha-Q4_0 llama-linear-Q4_0 llama-moe-Q4_K_M llama-types-BF16 llama32-Q8_0 bitnet-TQ2_0 \
        cohere2-Q4_0 command-r-Q4_0 exaone4-Q8_0 falcon-Q8_0 gemma-Q4_K_M gemma2-Q4_K_M gemma3-Q4_0 glm4-Q4_0 gpt2-Q8_0 \
        gptneox-Q8_0 granite-Q4_K_M granitehybrid-Q8_0 lfm2-Q8_0 lfm2moe-Q8_0 mamba2-Q4_K_M minicpm-Q8_0 nemotron-Q8_0 olmo2-Q4_K_M phi2-Q4_K_M \
        phi3-Q4_K_M qwen2-Q4_K_M qwen3-Q4_K_M qwen3moe-Q4_K_M smollm3-Q8_0 stablelm-Q8_0 starcoder2-Q8_0; do
        ink export "$shared/golden/models/$name.gguf" "$scratch/$name" --type F32 2>/dev/null
        folders="$folders $scratch/$name"
    done
    for folder in $folders; do
        ink convert "$folder" "$scratch/m.gguf" 2>"$scratch/err" || cat "$scratch/err"
        ink logits "$scratch/m.gguf" --tokens "$ids" --out "$folder/logits" --cache f32 2>/dev/null
    done
    # shellcheck disable=SC2086 # words on purpose
    "$python" "$(dirname "$0")/published_reference.py" "$ids" $folders >"$scratch/out" 2>&1
    equal "all of them are compared" "$(echo "$folders" | wc -w)" "$(grep -c 'ok ' "$scratch/out")"
    while read -r verdict name rest; do
        [ "$verdict" = ok ]
        report "$name: logits of the definition ($rest)" $? "$verdict $name $rest"
    done <"$scratch/out"
else
    skip "logits of the definitions" "numpy is not installed"
fi

# In parts with an index.
if "$python" -c '' 2>/dev/null; then
    mkdir "$scratch/parts"
    cp "$scratch"/hf/*.json "$scratch/hf/tokenizer.model" "$scratch/parts"
    "$python" - "$scratch/hf/model.safetensors" "$scratch/parts" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n]); header.pop("__metadata__")
index = {}
for part in (0, 1):
    name = f"model-0000{part + 1}-of-00002.safetensors"
    out, body = {}, b""
    for i, (key, entry) in enumerate(header.items()):
        if i % 2 == part:
            a, b = entry["data_offsets"]
            out[key] = dict(entry, data_offsets=[len(body), len(body) + b - a])
            body += data[8 + n + a:8 + n + b]
            index[key] = name
    text = json.dumps(out).encode()
    open(f"{sys.argv[2]}/{name}", "wb").write(struct.pack("<Q", len(text)) + text + body)
json.dump({"metadata": {}, "weight_map": index}, open(f"{sys.argv[2]}/model.safetensors.index.json", "w"))
END
    ink convert "$scratch/parts" "$scratch/parts.gguf" 2>"$scratch/err"
    report "parts with an index are converted" $? "$(cat "$scratch/err")"
    say "$scratch/parts.gguf" >"$scratch/out"
    same "to the same model" "$scratch/said" "$scratch/out"
fi

# Killed at some moments: what stood at the output is there, or the new file is, whole.
echo "as it was" >"$scratch/killed.gguf"
tries=0
while [ $tries -lt 10 ]; do
    tries=$((tries + 1))
    ink convert "$scratch/hf" "$scratch/killed.gguf" 2>/dev/null &
    sleep "0.00$tries"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    grep -q '^as it was' "$scratch/killed.gguf" || say "$scratch/killed.gguf" | cmp -s - "$scratch/said" || tries=100
done
[ $tries -eq 10 ]
report "killed, it leaves what was there, or a whole model" $?

fails "no such folder" 1 'nowhere' convert nowhere "$scratch/x.gguf"
fails "an empty folder" 1 'has no config.json' convert "$scratch/$(mkdir "$scratch/empty"; echo empty)" "$scratch/x.gguf"
fails "a GGUF is no llama2.c file" 1 'is no llama2.c file' convert "$stories" "$scratch/x.gguf"
fails "a format that is none" 1 'there is no type "Q9_K"; there are F32' convert "$scratch/hf" "$scratch/x.gguf" --type Q9_K
mkdir "$scratch/odd"
cp "$scratch"/hf/* "$scratch/odd"
sed 's/"model_type"/"logit_bend": 2, "model_type"/' "$scratch/hf/config.json" >"$scratch/odd/config.json"
fails "a key that is not known" 1 'logit_bend is not known of llama and may change what the model computes; if it does not, take it out' \
    convert "$scratch/odd" "$scratch/x.gguf"
fails "a tokenizer for a folder" 1 'has its tokenizer in it' convert "$scratch/hf" "$scratch/x.gguf" --tokenizer "$tok"
fails "a tokenizer that is not there" 1 'there is no such tokenizer' convert "$shared/weights/stories260K.bin" "$scratch/x.gguf"
sed 's/"llama"/"rwkv"/' "$scratch/hf/config.json" >"$scratch/c.json"
mv "$scratch/c.json" "$scratch/hf/config.json"
fails "an architecture that is not known" 1 'model_type "rwkv" cannot be converted; these can: llama, ' \
    convert "$scratch/hf" "$scratch/x.gguf"
fails "a folder that is there" 1 'is there already, and not empty' export "$stories" "$scratch/hf"
fails "an architecture that is not exported" 1 'such qwen35 models cannot be exported' \
    export "$shared/golden/models/qwen35-Q4_K_M.gguf" "$scratch/x"
fails "a format of no safetensors" 1 'safetensors have F32, F16 or BF16' export "$stories" "$scratch/x" --type Q8_0
fails "nothing to convert" 2 'OUT.gguf' convert "$scratch/hf"
[ ! -e "$scratch/x.gguf" ] && [ ! -e "$scratch/x" ] && [ ! -e "$scratch/x.gguf.unchecked" ] && [ ! -e "$scratch/x.unfinished" ]
report "what failed leaves nothing" $?
finish
