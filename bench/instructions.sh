#!/bin/sh
# Instructions per token on a processor of another kind: counted by a plugin of qemu's user-mode emulation, so the same figure
# comes out every time. Always two runs and their difference, so that loading, packing and what is done once are in neither:
# a generated token is one of eight that come after two; a token of a prompt is one of 64 that come after 64.
#
#   instructions.sh TARGET MODEL [INK_CPU...]      for instance: instructions.sh aarch64 model.gguf neon dotprod i8mm
#   instructions.sh TARGET --command FEW MANY N    any other program: the difference of two commands, over N tokens
#
# The second counts a peer the same way, for instance one that reads a prompt of so many tokens and generates so many:
#   instructions.sh aarch64 --command 'peer model.gguf 2 0' 'peer model.gguf 2 8' 8
#
# Wants build/cross-TARGET (make cross TARGETS=...), or in the second form a program that is linked statically or finds its
# libraries in the cross compiler's folder. qemu's static builds have no plugins: this needs Debian's qemu-user.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/target.sh
. "$root/scripts/target.sh"
read_target "$1"
build=$root/build/cross-$1
shift
command -v "qemu-$qemu" >/dev/null 2>&1 || {
    echo "qemu-$qemu is missing (Debian: qemu-user)" >&2
    exit 1
}
mkdir -p "$build"
plugin=$build/count_instructions.so
cc -std=c11 -O2 -shared -fPIC -o "$plugin" "$root/bench/count_instructions.c"

# count COMMAND...: what the whole program executed. A program that fails is an error, not a small number.
count()
{
    output=$("qemu-$qemu" -L "/usr/$triplet" -plugin "$plugin" "$@" 2>&1 >/dev/null) || {
        echo "$output" >&2
        return 1
    }
    echo "$output" | sed -n 's/^instructions //p'
}

# per_token FEW MANY N
per_token()
{
    echo "$1 $2 $3" | awk '{ printf "%.2f", ($2 - $1) / $3 / 1e6 }'
}

# ids N
ids()
{
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%d ", 1 + i * 7 % 200 }'
}

# run ISA BATCH TOKENS
run()
{
    INK_CPU=$1 count "$build/inkling" logits "$model" --tokens "$(ids "$3")" --threads 1 --batch "$2" --out -
}

if [ "$1" = --command ]; then
    # shellcheck disable=SC2086 # words on purpose
    few=$(count $2) many=$(count $3)
    echo "$(per_token "$few" "$many" "$4") million instructions a token"
    exit
fi
model=$1
shift
for isa in "${@:-c}"; do
    few=$(run "$isa" 1 2)
    many=$(run "$isa" 1 10)
    generated=$(per_token "$few" "$many" 8)
    few=$(run "$isa" 64 64)
    many=$(run "$isa" 64 128)
    echo "$isa $generated $(per_token "$few" "$many" 64)" |
        awk '{ printf "%-8s %8.2f million instructions a generated token, %8.2f a token of a prompt\n", $1, $2, $3 }'
done
