#include "learn/card.h"

#include <string.h>
#include "base/status.h"
#include "text/json.h"

#define MAX_ARENA_BYTES ((size_t)256 << 20) /* of the largest card, read: 2 bytes may be a list */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static ink_status check_kinds(ink_value value, ink_error *error)
{
    if (value.kind != INK_VALUE_LIST)
        return ink_fail(error, INK_CORRUPT, 0, "%s is no JSON array", INK_CARD_KEY);
    for (size_t i = 0; i < value.as.list->n_items; i++)
        if (value.as.list->items[i].kind != INK_VALUE_DICT)
            return ink_fail(error, INK_CORRUPT, 0, "entry %zu of %s is no JSON object", i + 1,
                            INK_CARD_KEY);
    return INK_OK;
}

ink_status ink_card_check(const char *card, size_t n_bytes, const ink_allocator *allocator,
                          ink_error *error)
{
    ink_arena arena;
    ink_value value;
    ink_error cause = {0};
    if (n_bytes > INK_CARD_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "%s has %zu bytes, at most %d are supported",
                        INK_CARD_KEY, n_bytes, INK_CARD_MAX_BYTES);
    ink_arena_init(&arena, allocator, MAX_ARENA_BYTES);
    ink_status status = ink_value_from_json(&arena, card, n_bytes, &value, &cause);
    if (status == INK_OK)
        status = check_kinds(value, error);
    else
        (void)ink_fail(error, status, cause.offset, "%s: %s", INK_CARD_KEY, cause.message);
    ink_arena_deinit(&arena);
    return status;
}

static ink_status check_entry(const char *entry, size_t n_bytes, const ink_allocator *allocator,
                              ink_error *error)
{
    ink_arena arena;
    ink_value value;
    ink_error cause = {0};
    ink_arena_init(&arena, allocator, MAX_ARENA_BYTES);
    ink_status status = ink_value_from_json(&arena, entry, n_bytes, &value, &cause);
    if (status == INK_OK && value.kind != INK_VALUE_DICT)
        status = ink_fail(error, INK_BAD_ARGUMENT, 0, "an entry of a card is a JSON object");
    else if (status != INK_OK)
        status = ink_fail(error, status == INK_CORRUPT ? INK_BAD_ARGUMENT : status, cause.offset,
                          "an entry of a card: %s", cause.message);
    ink_arena_deinit(&arena);
    return status;
}

/* [*begin, *end) without the white space around it. */
static void trim(const char **begin, const char **end)
{
    while (*begin < *end && is_space(**begin))
        ++*begin;
    while (*begin < *end && is_space((*end)[-1]))
        --*end;
}

ink_status ink_card_join(ink_buffer *out, const char *card, size_t n_bytes, const char *entry,
                         size_t n_entry_bytes, ink_error *error)
{
    const char *end = card + n_bytes, *entry_end = entry + n_entry_bytes;
    if (n_bytes > INK_CARD_MAX_BYTES || n_entry_bytes > INK_CARD_MAX_BYTES - n_bytes)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s would have %zu bytes and %zu more, at most %d are supported; begin it "
                        "anew",
                        INK_CARD_KEY, n_bytes, n_entry_bytes, INK_CARD_MAX_BYTES);
    INK_TRY(check_entry(entry, n_entry_bytes, out->allocator, error));
    trim(&card, &end);
    trim(&entry, &entry_end);
    end--; /* the bracket */
    const char *inner = card + 1;
    trim(&inner, &end);
    ink_buffer_text(out, "[");
    ink_buffer_append(out, inner, (size_t)(end - inner));
    ink_buffer_text(out, inner < end ? ", " : "");
    ink_buffer_append(out, entry, (size_t)(entry_end - entry));
    ink_buffer_text(out, "]");
    if (!out->failed && out->n_bytes <= INK_CARD_MAX_BYTES)
        return INK_OK;
    return out->failed
               ? ink_fail_memory(error, "a card")
               : ink_fail(error, INK_LIMIT, 0,
                          "%s would have %zu bytes, at most %d are supported; begin it anew",
                          INK_CARD_KEY, out->n_bytes, INK_CARD_MAX_BYTES);
}
