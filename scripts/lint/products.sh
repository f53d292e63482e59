#!/bin/sh
# A product of two sizes inside an allocation must be checked where it is born: pass count and size apart, or use
# ink_size_mul. A line whose comment says "checked" stands for a product that was.
#
#   products.sh [SOURCE_ROOT]
set -eu
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root"

find $(ls -d src models 2>/dev/null) -name '*.[ch]' | LC_ALL=C sort | xargs awk '
    /(ink_new|ink_new_aligned|ink_resize|ink_arena_take|ink_buffer_reserve|malloc|calloc|realloc|mmap)\(/ {
        call = $0
        sub(/.*(ink_new|ink_new_aligned|ink_resize|ink_arena_take|ink_buffer_reserve|malloc|calloc|realloc|mmap)\(/, "", call)
        if (FILENAME ~ /\.h$/ || call ~ /\/\*.*checked/)
            next
        sub(/\/\*.*/, "", call)
        gsub(/sizeof \*/, "sizeof_", call)
        gsub(/sizeof\(\*/, "sizeof(", call)
        gsub(/\(([a-z_0-9]+ )*\*+\)/, "", call) # casts
        if (call ~ /[A-Za-z0-9_\])] \* [A-Za-z0-9_(]/) {
            print FILENAME ":" FNR ": an unchecked product of sizes in an allocation"
            bad++
        }
    }
    END { exit bad != 0 }
'
echo "products: ok"
