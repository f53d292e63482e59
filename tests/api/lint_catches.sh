#!/bin/sh
# The lint scripts see what they are for: each planted fault must be reported, and each innocent line must pass.
set -eu
lint=$(cd "$(dirname "$0")/../../scripts/lint" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# plant EXPECTED CHECK FILE LINE: EXPECTED is "caught" or "passes".
plant()
{
    rm -rf "$tree/src" "$tree/include" "$tree/models"
    mkdir -p "$tree/include" "$tree/$(dirname "$3")"
    printf '%s\n' "$4" >"$tree/$3"
    got=caught
    sh "$lint/$2.sh" "$tree" >/dev/null 2>&1 && got=passes
    [ "$got" = "$1" ] && return 0
    echo "$2 $got, expected $1: $3: $4"
    failed=1
}

plant passes floors src/model/a.c '#include "base/status.h"'
plant passes floors src/base/a.c '#include "inkling.h"'
plant passes floors src/kernel/x86/a.c '#include "kernel/x86/lanes.h"'
plant passes floors src/text/a.c '#include "tensor/format.h"'
plant passes floors src/cli/a.c '#include "base/file.h"'
plant passes floors src/cli/a.c '#include "text/json.h"'
plant caught floors src/cli/a.c '#include "runtime/session.h"'
plant caught floors src/cli/a.c '#include "text/vocab.h"'
plant caught floors src/base/a.c '#include "tensor/format.h"'
plant caught floors src/kernel/a.h '#  include "model/arch.h"'
plant caught floors src/format/a.c '#include "text/vocab.h"'
plant caught floors src/text/a.c '#include "kernel/kernel.h"'
plant caught floors src/base/a.c '#include "status.h"'
plant caught floors src/model/a.c '#include "../base/status.h"'
plant caught floors src/helpers/a.c '#include "base/status.h"'

plant passes banned src/base/a.c 'int n = snprintf(text, 3, "strcpy(a, b)"); /* not sprintf() */'
plant passes banned src/base/a.c 'self->exit(1); exit_code(2); my_free(p);'
plant passes banned src/cli/a.c 'printf("x"); exit(1);'
plant passes banned models/home/a.c 'printf("x"); exit(1);'
plant caught banned models/home/a.c 'strcat(a, b);'
plant caught banned src/cli/a.c 'strcpy(a, b);'
plant caught banned src/base/a.c 'if (x) exit (1);'
plant caught banned src/base/a.c '/* fine */ sprintf(a, "b");'
plant caught banned src/base/a.c 'fprintf(stderr, "x");'
plant caught banned src/model/a.c 'char *p = malloc(3);'
plant caught banned src/model/a.c 'x = atoi(text);'

plant passes products src/base/a.c 'p = ink_new(a, n, sizeof *p);'
plant passes products src/base/a.c 'p = ink_new(a, n * m, 1); /* checked by plan() */'
plant caught products src/base/a.c 'p = ink_new(a, n * m, sizeof *p);'
plant caught products models/home/a.c 'p = realloc(p, n * sizeof t);'
plant caught products src/base/a.c 'p = ink_arena_take(&arena, rows * sizeof(float), 1);'

[ "$failed" -eq 0 ] && echo "lint_catches: ok"
exit "$failed"
