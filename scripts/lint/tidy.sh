#!/bin/sh
# clang-tidy with .clang-tidy, over what the build compiles of src/ and models/.
#
#   tidy.sh BUILD_DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
# Only files that this processor compiles have an entry. Flags of gcc that clang does not know do not matter here.
sed -n 's/^ *"file": "\(.*\)".*/\1/p' "$build/compile_commands.json" | grep -E '/(src|models)/' | LC_ALL=C sort -u |
    xargs -P "${JOBS:-2}" -n 4 clang-tidy --quiet -p "$build" 2>"$build/tidy.err" || {
    grep -v 'warnings generated' "$build/tidy.err" >&2 || true
    exit 1
}
echo "tidy: ok"
