#!/bin/sh
# Makes the model for homes, from the sentences to the file that the binary carries. Each step is
# skipped when its output is there, and training goes on where it was broken off, so the same command
# goes on after any end. The last step needs a command `quantize`, which inkling does not have yet.
#
#   make.sh BUILD_DIR [OUT_DIR]
#
# What may be set: SENTENCES, TEACHER_STEPS, STUDENT_STEPS, THREADS, PRECISION (f32, bf16), QUANTIZE
# ("" leaves it out).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 out=${2:-$1/home}
inkling=$build/inkling
sentences=${SENTENCES:-600000}
teacher_steps=${TEACHER_STEPS:-14000}
student_steps=${STUDENT_STEPS:-24000}
threads=${THREADS:-2}
precision=${PRECISION:-f32}
mkdir -p "$out"

# made NAME COMMAND...: what the command prints becomes the file, or nothing does.
made() {
    [ -e "$out/$1" ] && return
    echo "home: $1" >&2
    name=$1
    shift
    "$@" >"$out/$name.part"
    mv "$out/$name.part" "$out/$name"
}

made train.jsonl "$build/home_sentences" "$here" train "$sentences" 1
made homes.jsonl "$build/home_sentences" "$here" homes 5000 2

# Sentences are short; what is longer than the context is cut, and that is said.
learn="--text $out/train.jsonl --validation 0.005 --evaluate-every 500 --context 128 --cut 1 --threads $threads
    --precision $precision"
# shellcheck disable=SC2086 # options are several words
[ -e "$out/teacher.gguf" ] || "$inkling" train "$out/teacher.gguf" --config "$here/teacher.json" --vocabulary 1024 \
    $learn --steps "$teacher_steps" --batch 32 --rate 6e-4 --warmup 400 --log "$out/teacher.csv"
# shellcheck disable=SC2086
[ -e "$out/student.gguf" ] || "$inkling" distill "$out/student.gguf" --teacher "$out/teacher.gguf" \
    --config "$here/student.json" $learn --steps "$student_steps" --batch 32 --rate 3e-3 --warmup 400 --share 0.7 \
    --log "$out/student.csv" --alone "$out/alone.gguf"

# What each of them gets right, in its card.
measure() {
    [ -e "$out/$1.measured" ] && return
    for task in "$out/homes.jsonl" "$here/spoken.jsonl"; do
        "$inkling" eval "$out/$1.gguf" --task "$task" --card --threads "$threads" \
            --failures "$out/$1.missed.$(basename "$task")"
    done >"$out/$1.part"
    mv "$out/$1.part" "$out/$1.measured"
    cat "$out/$1.measured"
}
measure teacher
measure alone
measure student

[ -n "${QUANTIZE-Q4_0}" ] || exit 0
if ! [ -e "$out/home.gguf" ] && ! "$inkling" quantize --help >"$out/quantize.log" 2>&1; then
    echo "home: stopped before the last step: this inkling has no command 'quantize' yet, so nothing is built in." >&2
    echo "home: the trained model works as it is: $inkling run home --model $out/student.gguf" >&2
    exit 1
fi
[ -e "$out/home.gguf" ] || "$inkling" quantize "$out/student.gguf" "$out/home.gguf" --type "${QUANTIZE-Q4_0}"
measure home
cp "$out/home.gguf" "$here/home.gguf"
echo "home: models/home/home.gguf is made; build again to have it in the binary" >&2
