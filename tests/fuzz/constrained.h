/*
 * What the fuzz targets of constraints share. The input is the source of a constraint and, after
 * its first NUL, a text that is checked against it. Any source is refused with words or can be
 * asked; the text is taken as far as it is allowed, twice the same, and whole or in pieces; a walk
 * along bytes that are allowed never gets stuck but where the limits of work say so.
 */
#ifndef INK_TESTS_FUZZ_CONSTRAINED_H
#define INK_TESTS_FUZZ_CONSTRAINED_H

#include <stdlib.h>
#include <string.h>

#include "inkling.h"

enum { WALK_BYTES = 64 };

static size_t accept_all(ink_constraint *constraint, const char *text, size_t n_bytes)
{
    size_t n = 0;
    ink_error error = {0};
    ink_constraint_reset(constraint);
    ink_status status = ink_constraint_accept(constraint, text, n_bytes, &n, &error);
    if (status != INK_OK && (status != INK_LIMIT || error.message[0] == '\0'))
        abort();
    return status == INK_OK ? n : SIZE_MAX;
}

static void check_text(ink_constraint *constraint, const char *text, size_t n_bytes)
{
    size_t n = accept_all(constraint, text, n_bytes), at = 0;
    if (n == SIZE_MAX)
        return;
    bool may_end = ink_constraint_may_end(constraint);
    ink_constraint_reset(constraint);
    for (size_t one = 1; at < n_bytes && one == 1; at += one)
        if (ink_constraint_accept(constraint, text + at, 1, &one, NULL) != INK_OK)
            return;
    if (at != n || ink_constraint_may_end(constraint) != may_end)
        abort();
}

static void check_walk(ink_constraint *constraint, size_t seed)
{
    ink_constraint_reset(constraint);
    for (size_t i = 0; i < WALK_BYTES; i++) {
        size_t n = 0;
        for (unsigned k = 0; k < 256 && n == 0; k++) {
            char byte = (char)((seed + i * 31 + k * 167) & 255);
            if (ink_constraint_accept(constraint, &byte, 1, &n, NULL) != INK_OK)
                return;
        }
        if (n == 0 && !ink_constraint_may_end(constraint))
            abort(); /* a dead end */
        if (n == 0)
            return;
    }
}

static int check_constraint(ink_constraint_kind kind, const uint8_t *data, size_t size,
                            bool never_stuck)
{
    const char *source = (const char *)data, *end = size ? memchr(source, '\0', size) : NULL;
    size_t n_bytes = end ? (size_t)(end - source) : size;
    for (int form = INK_JSON_PLAIN; form <= INK_JSON_ANY; form++) {
        const ink_constraint_source from = {kind, source, n_bytes, (ink_json_form)form,
                                            INK_THINKING_NONE};
        ink_constraint *constraint = NULL;
        ink_error error = {0};
        ink_status status = ink_constraint_new(&constraint, NULL, &from, &error);
        if (status != INK_OK && (error.status != status || error.message[0] == '\0' || constraint))
            abort();
        if (status == INK_OK && end)
            check_text(constraint, end + 1, size - n_bytes - 1);
        if (status == INK_OK && never_stuck)
            check_walk(constraint, size);
        ink_constraint_free(constraint);
        if (kind != INK_CONSTRAINT_SCHEMA)
            break;
    }
    return 0;
}

#endif
