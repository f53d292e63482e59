#!/bin/sh
# Instructions per generated token on a processor of another kind: counted by a plugin of qemu's user-mode emulation, so the
# same figure comes out every time. Two runs, token after token, one of which goes eight further: loading is in both.
#
#   instructions.sh TARGET MODEL [INK_CPU...]      for instance: instructions.sh aarch64 model.gguf neon dotprod i8mm
#
# Wants build/cross-TARGET (make cross TARGETS=...). qemu's static builds have no plugins: this needs Debian's qemu-user.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/target.sh
. "$root/scripts/target.sh"
read_target "$1"
build=$root/build/cross-$1 model=$2
shift 2
command -v "qemu-$qemu" >/dev/null 2>&1 || {
    echo "qemu-$qemu is missing (Debian: qemu-user)" >&2
    exit 1
}
plugin=$build/count_instructions.so
cc -std=c11 -O2 -shared -fPIC -o "$plugin" "$root/bench/count_instructions.c"

# run ISA TOKENS: what the whole program executed
run()
{
    INK_CPU=$1 "qemu-$qemu" -L "/usr/$triplet" -plugin "$plugin" "$build/inkling" logits "$model" --tokens "$2" \
        --threads 1 --batch 1 --out /dev/null 2>&1 >/dev/null | sed -n 's/^instructions //p'
}

for isa in "${@:-c}"; do
    few=$(run "$isa" '1 2') many=$(run "$isa" '1 2 3 4 5 6 7 8 9 10')
    echo "$isa $few $many" | awk '{ printf "%-8s %10.2f million instructions a token\n", $1, ($3 - $2) / 8e6 }'
done
