/* Reading metadata: every value is measured and checked here; only its position is kept. */
#include <string.h>
#include "format/gguf_internal.h"

#define MIN_VALUE_BYTES 14u /* key length, one byte of key, type, one byte of value */
#define MIN_STRING_BYTES 8u

typedef struct reader {
    ink_gguf_cursor *cursor;
    ink_arena *arena;
    uint32_t n_nested, depth;
} reader;

static const struct {
    const char *name;
    uint8_t bytes;
} types[INK_GGUF_N_TYPES] = {
#define X(name, value, text, bytes) [value] = {text, bytes},
    INK_GGUF_TYPE_TABLE(X)
#undef X
};

const char *ink_gguf_type_name(ink_gguf_type type)
{
    return (uint32_t)type < INK_GGUF_N_TYPES ? types[type].name : "unknown";
}

size_t ink_gguf_type_bytes(ink_gguf_type type)
{
    return (uint32_t)type < INK_GGUF_N_TYPES ? types[type].bytes : 0;
}

static ink_status read_type(ink_gguf_cursor *cursor, ink_gguf_type *type)
{
    uint64_t at = cursor->position;
    uint32_t number;
    INK_TRY(ink_gguf_cursor_u32(cursor, &number));
    if (number >= INK_GGUF_N_TYPES)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "value type %" PRIu32 ", the types are 0 to %d,", number,
                                    INK_GGUF_N_TYPES - 1);
    *type = (ink_gguf_type)number;
    return INK_OK;
}

/* n numbers or bools, which are only looked at where not every byte is a value. */
static ink_status skip_numbers(ink_gguf_cursor *cursor, ink_gguf_type type, uint64_t n)
{
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_expect(cursor, n, types[type].bytes, "items"));
    INK_TRY(ink_gguf_cursor_load(cursor, n * types[type].bytes));
    const uint8_t *bytes = cursor->bytes + at;
    for (uint64_t i = 0; type == INK_GGUF_BOOL && i < n; i++)
        if (bytes[i] > 1)
            return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at + i, "a bool of value %u",
                                        bytes[i]);
    cursor->position += n * types[type].bytes;
    return INK_OK;
}

/* Kept with a terminator, which the file does not have. */
static ink_status read_string(reader *in, ink_gguf_value *value)
{
    uint64_t start, n_bytes;
    INK_TRY(ink_gguf_cursor_string(in->cursor, &start, &n_bytes));
    const char *text = (const char *)in->cursor->bytes + start;
    value->bytes = (const uint8_t *)ink_arena_string(in->arena, text, (size_t)n_bytes);
    return value->bytes ? INK_OK : ink_fail_memory(in->cursor->error, "a string of a GGUF file");
}

/* A vocabulary is such an array: one allocation of positions, no copy of the text. */
static ink_status read_strings(reader *in, ink_gguf_value *value)
{
    ink_gguf_cursor *cursor = in->cursor;
    uint64_t first = cursor->position, start, n_bytes;
    INK_TRY(ink_gguf_cursor_expect(cursor, value->n_items, MIN_STRING_BYTES, "strings"));
    uint32_t *starts = ink_arena_take(in->arena, value->n_items, sizeof *starts);
    if (!starts)
        return ink_fail_memory(cursor->error, "an array of strings of a GGUF file");
    for (size_t i = 0; i < value->n_items; i++) {
        starts[i] = (uint32_t)(cursor->position - first); /* a header has less than 2^32 bytes */
        INK_TRY(ink_gguf_cursor_string(cursor, &start, &n_bytes));
    }
    value->starts = starts;
    return INK_OK;
}

static ink_status read_array(reader *in, ink_gguf_value *value);

static ink_status read_arrays(reader *in, ink_gguf_value *value)
{
    ink_gguf_cursor *cursor = in->cursor;
    INK_TRY(ink_gguf_cursor_expect(cursor, value->n_items, INK_GGUF_ARRAY_HEAD_BYTES, "arrays"));
    if (in->depth == INK_GGUF_MAX_DEPTH)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, cursor->position,
                                    "arrays nest deeper than %u, the most supported,",
                                    INK_GGUF_MAX_DEPTH);
    if (value->n_items > INK_GGUF_MAX_NESTED - in->n_nested)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, cursor->position,
                                    "more than %u arrays within arrays, the most supported,",
                                    INK_GGUF_MAX_NESTED);
    ink_gguf_value *items = ink_arena_take(in->arena, value->n_items, sizeof *items);
    if (!items)
        return ink_fail_memory(cursor->error, "an array of arrays of a GGUF file");
    in->n_nested += (uint32_t)value->n_items;
    in->depth++;
    for (size_t i = 0; i < value->n_items; i++) {
        items[i].type = INK_GGUF_ARRAY;
        items[i].offset = cursor->position;
        INK_TRY(read_array(in, &items[i]));
    }
    in->depth--;
    value->items = items;
    return INK_OK;
}

static ink_status read_array(reader *in, ink_gguf_value *value)
{
    ink_gguf_cursor *cursor = in->cursor;
    uint64_t n_items;
    INK_TRY(read_type(cursor, &value->item_type));
    INK_TRY(ink_gguf_cursor_u64(cursor, &n_items));
    INK_TRY(ink_gguf_cursor_expect(cursor, n_items, 1, "items"));
    value->n_items = (size_t)n_items;
    if (value->item_type == INK_GGUF_STRING)
        INK_TRY(read_strings(in, value));
    else if (value->item_type == INK_GGUF_ARRAY)
        INK_TRY(read_arrays(in, value));
    else
        INK_TRY(skip_numbers(cursor, value->item_type, n_items));
    value->n_bytes = cursor->position - value->offset;
    return INK_OK;
}

static ink_status read_value(reader *in, ink_gguf_value *value)
{
    ink_gguf_cursor *cursor = in->cursor;
    cursor->name = NULL;
    INK_TRY(ink_gguf_cursor_name(cursor, INK_GGUF_MAX_KEY_BYTES, in->arena, &value->key));
    cursor->name = value->key;
    INK_TRY(read_type(cursor, &value->type));
    value->offset = cursor->position;
    if (value->type == INK_GGUF_ARRAY)
        return read_array(in, value);
    value->item_type = value->type;
    value->n_items = 1;
    if (value->type == INK_GGUF_STRING)
        INK_TRY(read_string(in, value));
    else
        INK_TRY(skip_numbers(cursor, value->type, 1));
    value->n_bytes = cursor->position - value->offset;
    return INK_OK;
}

static const char *key_of(const void *items, size_t index)
{
    return ((const ink_gguf_value *)items)[index].key;
}

static ink_status index_keys(ink_gguf *gguf, ink_gguf_cursor *cursor)
{
    if (!ink_gguf_index_build(&gguf->keys, gguf->values, gguf->n_values, key_of, gguf->allocator))
        return ink_fail_memory(cursor->error, "the keys of a GGUF file");
    size_t duplicate = ink_gguf_index_duplicate(&gguf->keys);
    if (duplicate == gguf->n_values)
        return INK_OK;
    cursor->name = gguf->values[duplicate].key;
    return ink_gguf_cursor_fail(cursor, INK_CORRUPT, gguf->values[duplicate].offset,
                                "this key was there before");
}

ink_status ink_gguf_read_values(ink_gguf *gguf, ink_gguf_cursor *cursor, uint64_t n_values)
{
    reader in = {.cursor = cursor, .arena = &gguf->arena};
    if (n_values > INK_GGUF_MAX_KEYS)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, cursor->position,
                                    "%" PRIu64 " keys, at most %u are supported,", n_values,
                                    INK_GGUF_MAX_KEYS);
    INK_TRY(ink_gguf_cursor_expect(cursor, n_values, MIN_VALUE_BYTES, "keys"));
    gguf->values = ink_new(gguf->allocator, (size_t)n_values, sizeof *gguf->values);
    if (!gguf->values)
        return ink_fail_memory(cursor->error, "the metadata of a GGUF file");
    gguf->n_values = (size_t)n_values;
    cursor->kind = "key";
    for (size_t i = 0; i < gguf->n_values; i++)
        INK_TRY(read_value(&in, &gguf->values[i]));
    return index_keys(gguf, cursor);
}

/* The values of an array were allocated here and are only const to others. */
static void bind(ink_gguf_value *value, const uint8_t *header)
{
    if (value->type == INK_GGUF_STRING)
        return;
    size_t head = value->type == INK_GGUF_ARRAY ? INK_GGUF_ARRAY_HEAD_BYTES : 0;
    value->bytes = header + value->offset + head;
    ink_gguf_value *items = (ink_gguf_value *)value->items;
    for (size_t i = 0; items && i < value->n_items; i++)
        bind(&items[i], header);
}

void ink_gguf_bind_values(ink_gguf *gguf, const uint8_t *header)
{
    for (size_t i = 0; i < gguf->n_values; i++)
        bind(&gguf->values[i], header);
}
