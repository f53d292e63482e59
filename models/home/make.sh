#!/bin/sh
# Makes the model for homes, from the sentences to the file that the binary carries. Each step is
# skipped when its output is there, and training goes on where it was broken off, so the same command
# goes on after any end.
#
#   make.sh BUILD_DIR [OUT_DIR]
#
# What may be set: SENTENCES (the teacher's; the student has four fifths of them), FRESH_SENTENCES, TEACHER_STEPS,
# STUDENT_STEPS, FRESH_STEPS, THREADS, PRECISION (f32, bf16), BITS.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 out=${2:-$1/home}
inkling=$build/inkling
sentences=${SENTENCES:-250000}
fresh_sentences=${FRESH_SENTENCES:-400000}
teacher_steps=${TEACHER_STEPS:-1100}
student_steps=${STUDENT_STEPS:-5000}
fresh_steps=${FRESH_STEPS:-3000}
threads=${THREADS:-2}
precision=${PRECISION:-f32}
bits=${BITS:-5}
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
made taught.jsonl head -n $((sentences * 4 / 5)) "$out/train.jsonl"
made fresh.jsonl "$build/home_sentences" "$here" train "$fresh_sentences" 3
made homes.jsonl "$build/home_sentences" "$here" homes 5000 2

# Sentences are short; what is longer than the context is cut, and that is said.
learn="--context 128 --cut 1 --batch 32 --validation 0.002 --threads $threads --precision $precision"
taught="--config $here/student.json --text $out/taught.jsonl $learn --steps $student_steps --rate 3e-3 --end-rate 0.02
    --warmup 150 --evaluate-every 500"

# shellcheck disable=SC2086 # options are several words
[ -e "$out/teacher.gguf" ] || "$inkling" train "$out/teacher.gguf" --config "$here/teacher.json" --vocabulary 1024 \
    --text "$out/train.jsonl" $learn --steps "$teacher_steps" --rate 1e-3 --end-rate 0.05 --warmup 80 --log "$out/teacher.csv"
# In 8 bits it says the same, and is asked in a fourth of the time.
[ -e "$out/teacher-q8.gguf" ] || "$inkling" quantize "$out/teacher.gguf" "$out/teacher-q8.gguf" --type Q8_0
# shellcheck disable=SC2086
[ -e "$out/student.gguf" ] || "$inkling" distill "$out/student.gguf" --teacher "$out/teacher-q8.gguf" --share 0.7 \
    --keep 8 --kept "$out/kept.teacher" $taught --log "$out/student.csv"
# shellcheck disable=SC2086
[ -e "$out/alone.gguf" ] || "$inkling" train "$out/alone.gguf" --vocabulary "$out/teacher.gguf" $taught --log "$out/alone.csv"
# The student goes on without its teacher, over sentences that are new to it.
# shellcheck disable=SC2086
[ -e "$out/finished.gguf" ] || "$inkling" train "$out/finished.gguf" --from "$out/student.gguf" --text "$out/fresh.jsonl" \
    $learn --steps "$fresh_steps" --rate 2e-3 --end-rate 0.02 --warmup 50 --evaluate-every 500 --log "$out/finished.csv"

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
measure finished

# What columns matter, by sentences as the model reads them.
made calibration.txt sed -n '1,3000s/^{"prompt":"\(.*\)","completion":"\(.*\)"}$/\1\2/p' "$out/taught.jsonl"
[ -e "$out/home.gguf" ] || "$inkling" quantize "$out/finished.gguf" "$out/home.gguf" --bits "$bits" --feedback \
    --calibrate "$out/calibration.txt" --context 128 --threads "$threads"
measure home
cp "$out/home.gguf" "$here/home.gguf"
echo "home: models/home/home.gguf is made; build again to have it in the binary" >&2
