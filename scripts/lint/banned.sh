#!/bin/sh
# Calls that the library must not make, with what to use instead. The command line may exit and print, and so may the
# programs in models/.
#
#   banned.sh [SOURCE_ROOT]
set -eu
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root"

find $(ls -d src include models 2>/dev/null) -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | xargs awk '
    BEGIN {
        everywhere("strcpy strcat strncpy strncat stpcpy", "ink_buffer or snprintf")
        everywhere("sprintf vsprintf", "snprintf")
        everywhere("gets", "getline")
        everywhere("atoi atol atoll atof", "strtoll, strtod with a check of the end")
        everywhere("strtok", "a scan with lengths")
        everywhere("rand srand random drand48", "the seeded generator of the sampler")
        everywhere("abort", "ink_status; assert when the fault is ours")
        everywhere("alloca", "an arena")
        everywhere("system popen", "nothing: no shell is ever started")
        everywhere("tmpnam mktemp", "mkstemp")
        library("exit _exit quick_exit", "ink_status")
        library("printf vprintf puts putchar perror fputs fputc putc", "ink_log or the ink_error; files through fwrite")
        library("malloc calloc realloc free strdup strndup asprintf aligned_alloc posix_memalign", "base/memory.h")
        library("signal sigaction", "nothing: signals belong to the application")
        library("setlocale", "nothing: the locale belongs to the application")
        # The allocator itself ends in the C library; the guard around mapped files needs SIGBUS.
        split("src/base/memory.c:calloc,src/base/memory.c:realloc,src/base/memory.c:free", list, ",")
        for (i in list)
            allowed[list[i]] = 1
    }
    function everywhere(names, instead,    list, i) {
        split(names, list, " ")
        for (i in list)
            advice[list[i]] = instead
    }
    function library(names, instead,    list, i) {
        everywhere(names, instead)
        split(names, list, " ")
        for (i in list)
            in_library[list[i]] = 1
    }
    # Strings, characters and comments say nothing about calls.
    function code_of(line,    out, at, end) {
        gsub(/\\./, "", line)
        gsub(/"[^"]*"/, "\"\"", line)
        sub(/\/\/.*/, "", line)
        out = ""
        while (line != "") {
            if (in_comment) {
                end = index(line, "*/")
                if (!end)
                    return out
                line = substr(line, end + 2)
                in_comment = 0
            }
            at = index(line, "/*")
            if (!at)
                return out line
            out = out substr(line, 1, at - 1)
            line = substr(line, at + 2)
            in_comment = 1
        }
        return out
    }
    FNR == 1 {
        in_comment = 0
        is_cli = FILENAME ~ /^(src\/cli|models)\//
    }
    {
        code = code_of($0)
        while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
            before = RSTART > 1 ? substr(code, RSTART - 1, 1) : ""
            before_two = RSTART > 2 ? substr(code, RSTART - 2, 2) : ""
            name = substr(code, RSTART, RLENGTH)
            sub(/[ \t]*\($/, "", name)
            code = substr(code, RSTART + RLENGTH)
            if (!(name in advice) || before == "." || before_two == "->" || (is_cli && name in in_library))
                continue
            if (FILENAME ":" name in allowed)
                continue
            print FILENAME ":" FNR ": " name "() is banned; use " advice[name]
            bad++
        }
        if (!is_cli && code_of($0) ~ /[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]/) {
            print FILENAME ":" FNR ": the library never prints; use ink_log or the ink_error"
            bad++
        }
    }
    END { exit bad != 0 }
'
echo "banned: ok"
