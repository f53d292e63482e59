# `inkling synthesize`: every shape, and every type of weights, makes a file that loads and generates
# text. Logits that are not numbers would end generation.
. "$(dirname "$0")/support.sh"
model=$scratch/model.gguf
small='--layers 1 --vocabulary 1024'

# works NAME SHAPE TYPE FORMAT: FORMAT is one that `show` must list.
works() {
    # shellcheck disable=SC2086 # several words
    ink synthesize --shape "$2" --type "$3" $small "$model" >"$scratch/out" 2>&1 &&
        ink show "$model" >>"$scratch/out" 2>&1 &&
        grep -Eq "^$4 " "$scratch/out" &&
        ink run "$model" "it is" --raw --seed 1 --max-tokens 4 >"$scratch/text" 2>>"$scratch/out" &&
        grep -q '[a-z]' "$scratch/text" && ! grep -q '[^ -~]' "$scratch/text"
    report "$1" $? "$(cat "$scratch/out")"
}

for shape in llama-3.2-1b llama-3.2-3b gemma-2b phi-3-mini; do
    works "$shape" $shape Q4_0 Q4_0
done
for type in F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL MXFP4; do
    works "$type" smollm2-135m $type $type
done
for type in Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_XS TQ1_0 TQ2_0; do # blocks of 256 fit no row of the smallest shape
    works "$type" tinyllama-1.1b $type $type
done
works "Q4_K_M has Q6_K within" tinyllama-1.1b Q4_K_M 'Q6_K  *[2-9]'
works "Q5_K_M has Q6_K within" tinyllama-1.1b Q5_K_M 'Q6_K  *[2-9]'
works "names in any case" tinyllama-1.1b q4_k_s Q4_K

# The files of one seed are the same, of two seeds not.
for seed in 1 1 2; do
    # shellcheck disable=SC2086 # several words
    ink synthesize --shape smollm2-135m --type Q4_0 $small --seed $seed "$scratch/$seed-$n_checks.gguf" >/dev/null
    report "seed $seed" $?
done
set -- "$scratch"/1-*.gguf
cmp -s "$1" "$2"
report "the same bytes for a seed" $?
cmp -s "$1" "$scratch"/2-*.gguf
[ $? -eq 1 ]
report "other bytes for another" $?

# What a word is split into comes back whole, through merges and through scores.
for shape in llama-3.2-1b tinyllama-1.1b; do
    ink synthesize --shape $shape --type Q4_0 --layers 1 --vocabulary 20000 "$model" >/dev/null
    printf 'the cat, Été' | ink tokenize "$model" >"$scratch/ids"
    equal "$shape: bytes come back" 'the cat, Été' "$(ink detokenize "$model" <"$scratch/ids" | sed 's/^ //')"
    printf ' cat' | ink tokenize "$model" >"$scratch/ids"
    [ "$(wc -w <"$scratch/ids")" -le 4 ]
    report "$shape: letters merge" $? "$(cat "$scratch/ids")"
done

fails "rows that blocks do not fill" 1 'blk.0.attn_q.weight has rows of 576 values.*256.*use --type Q5_0' \
    synthesize --shape smollm2-135m --type Q4_K "$scratch/none"
fails "no such type" 2 "--type is 'Q9', but must be one of F32, F16" synthesize --shape gemma-2b --type Q9 x
fails "no such shape" 2 "--shape is 'x', but must be tinyllama-1.1b" synthesize --shape x --type F16 x
fails "no type" 2 '--type T is missing' synthesize --shape gemma-2b x
fails "a folder that is not there" 1 'none/x' synthesize --shape smollm2-135m --type Q8_0 --layers 1 "$scratch/none/x"
[ ! -e "$scratch/none" ]
report "a refused file is not there" $?
finish
