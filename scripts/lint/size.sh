#!/bin/sh
# The stripped binary, without a model inside it, has at most 2 MB where kernels of x86-64 are in it.
#
#   size.sh BINARY
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
binary=$1 most=2000000
[ -e "$binary" ] || { echo "size: $binary is not built" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strip -o "$work/stripped" "$binary"
bytes=$(wc -c <"$work/stripped")
[ ! -e "$root/models/home/home.gguf" ] || bytes=$((bytes - $(wc -c <"$root/models/home/home.gguf")))
[ "$bytes" -le "$most" ] || { echo "size: $bytes bytes stripped, at most $most are allowed"; exit 1; }
echo "size: ok, $bytes bytes of $most"
