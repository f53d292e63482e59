#!/bin/sh
# How much formats of fewer bits cost, here and with llama.cpp's tools, at the same type and size: KL(original || quantized) a token and
# top-1 agreement, measured by `inkling eval` on a text that calibration did not see. One line a type, tab-separated.
#
#   quantize.sh MODEL.gguf CALIBRATION.txt TEXT.txt PEERS [TYPE...]
#
# PEERS is a folder with llama-quantize and llama-imatrix. INK_BIN is the binary (build/release/inkling), CONTEXT the tokens of a window
# (128), OPTIONS more options of llama-imatrix.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${INK_BIN:-$root/build/release/inkling}
context=${CONTEXT:-128}
model=$1 calibration=$2 text=$3 peers=$4
shift 4
[ $# -gt 0 ] || set -- Q8_0 Q6_K Q5_K_M Q5_0 Q4_K_M Q4_K_S Q4_0 IQ4_NL IQ4_XS Q3_K_M Q3_K_S Q2_K
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# kl FILE: its figures in one line
kl()
{
    "$bin" eval "$1" "$text" --reference "$model" --context "$context" --json 2>/dev/null |
        awk -F'[:,]' '/"kl_mean"/ { kl = $2 } /"top1_agreement"/ { same = $2 } END { printf "%.6f\t%.4f", kl, same }'
}

# shellcheck disable=SC2086 # options are several words
"$peers/llama-imatrix" -m "$model" -f "$calibration" -o "$scratch/imatrix.gguf" -c "$context" --process-output ${OPTIONS:-} >"$scratch/log" 2>&1 ||
    { tail -5 "$scratch/log" >&2; exit 1; }
"$bin" quantize "$model" "$scratch/x.gguf" --type Q8_0 --calibrate "$calibration" --context "$context" \
    --keep-statistics "$scratch/statistics" >/dev/null 2>&1
printf 'type\tpeer bytes\tpeer KL\tpeer top-1\tpeer imatrix KL\ttop-1\tbytes\tplain KL\ttop-1\tcalibrated KL\ttop-1\tsame imatrix KL\ttop-1\tfeedback KL\ttop-1\n'
for type; do
    "$peers/llama-quantize" "$model" "$scratch/peer.gguf" "$type" 1 >"$scratch/log" 2>&1 || { tail -3 "$scratch/log" >&2; continue; }
    "$peers/llama-quantize" --imatrix "$scratch/imatrix.gguf" "$model" "$scratch/peer-i.gguf" "$type" 1 >"$scratch/log" 2>&1 ||
        { tail -3 "$scratch/log" >&2; continue; }
    "$bin" quantize "$model" "$scratch/plain.gguf" --type "$type" >/dev/null 2>&1
    "$bin" quantize "$model" "$scratch/seen.gguf" --type "$type" --calibrate "$scratch/statistics" >/dev/null 2>&1
    "$bin" quantize "$model" "$scratch/same.gguf" --type "$type" --calibrate "$scratch/imatrix.gguf" >/dev/null 2>&1
    "$bin" quantize "$model" "$scratch/fed.gguf" --type "$type" --calibrate "$calibration" --context "$context" --feedback >/dev/null 2>&1
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$type" "$(wc -c <"$scratch/peer-i.gguf")" "$(kl "$scratch/peer.gguf")" \
        "$(kl "$scratch/peer-i.gguf")" "$(wc -c <"$scratch/seen.gguf")" "$(kl "$scratch/plain.gguf")" "$(kl "$scratch/seen.gguf")" \
        "$(kl "$scratch/same.gguf")" "$(kl "$scratch/fed.gguf")"
done
