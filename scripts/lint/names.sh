#!/bin/sh
# Every external symbol of the static library begins ink_, because it is linked beside other engines; and none of them is a
# variable that can be written: the library has no global state.
#
#   names.sh LIBRARY.a
set -eu
library=$1
[ -e "$library" ] || { echo "names: $library is not built" >&2; exit 1; }

symbols=$(nm -g --defined-only "$library" 2>/dev/null | awk 'NF == 3 { print $2, $3 }')
[ -n "$symbols" ] || { echo "names: $library defines nothing" >&2; exit 1; }
foreign=$(printf '%s\n' "$symbols" | awk '$2 !~ /^ink_/ { print "  " $2 }')
# .data.rel.ro holds constant tables of pointers, read-only once loaded.
writable=$(nm -f sysv --defined-only "$library" 2>/dev/null | awk -F'|' '
    /^[^|]*\.o:$/ || /\[.*\.o\]:$/ { file = $0 }
    $7 ~ /^\.(data|bss|tdata|tbss)/ && $7 !~ /^\.data\.rel\.ro/ { gsub(/ /, "", $1); print "  " file " " $1 }
    $7 ~ /COM/ { gsub(/ /, "", $1); print "  " file " " $1 }' | sed 's/Symbols from .*\[\(.*\)\]:/\1:/')
if [ -n "$foreign" ]; then
    echo "names: external symbols that do not begin ink_ (make them static, or name them ink_<module>_<verb>):"
    echo "$foreign"
fi
if [ -n "$writable" ]; then
    echo "names: writable data in the library (make it const, or a member of a handle):"
    echo "$writable"
fi
[ -z "$foreign$writable" ] || exit 1
echo "names: ok, $(printf '%s\n' "$symbols" | wc -l) external symbols"
