#!/bin/sh
# The C program of README.md compiles without a warning, links as the README says, and tells a story.
#
#   readme.sh COMPILER LIBRARY
#
# INK_SHARED: where the reference models are; without them the program is built and not run.
set -eu
compiler=$1 library=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk '/^```c$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/README.md" >"$folder/example.c"
grep -q 'int main' "$folder/example.c"
libraries=$(sed -n 's/^cc -std=c11 .*libinkling\.a \(.*\) -o example$/\1/p' "$root/README.md")
[ -n "$libraries" ] || { echo "README.md does not say how to link"; exit 1; }
# shellcheck disable=SC2086 # words on purpose
"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" "$folder/example.c" "$library" $libraries -o "$folder/example"
model=${INK_SHARED:-$root/../shared}/weights/stories260K.gguf
[ -e "$model" ] || exit 0
cp "$model" "$folder/model.gguf"
cd "$folder"
./example >story
# Each run draws another one: many words, and no bytes that are none.
[ "$(wc -w <story)" -ge 20 ] && grep -Eq '(^| )(the|a|and) ' story && ! grep -q '[^[:print:][:space:]]' story
