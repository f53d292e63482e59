/* The JSON writer: what Python's json.dumps writes, byte for byte. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/json.h"

typedef struct writer {
    ink_buffer *out;
    const ink_json_style *style;
    const char *item_separator, *key_separator;
    unsigned depth;
    ink_error *error;
} writer;

static ink_status write_value(writer *w, ink_value value);

/* The buffer remembers that it is full; the end of ink_json_write asks once. */
static void put(writer *w, const char *text)
{
    (void)ink_buffer_text(w->out, text);
}

static void write_code_unit(writer *w, uint32_t unit)
{
    (void)ink_buffer_format(w->out, "\\u%04" PRIx32, unit);
}

static void write_escaped(writer *w, uint32_t code_point)
{
    static const char letters[] = "\"\\nrtbf", meanings[] = "\"\\\n\r\t\b\f";
    const char *meaning =
        code_point && code_point < 0x80 ? strchr(meanings, (int)code_point) : NULL;
    if (meaning) {
        (void)ink_buffer_format(w->out, "\\%c", letters[meaning - meanings]);
    } else if (code_point < 0x10000) {
        write_code_unit(w, code_point);
    } else {
        write_code_unit(w, 0xd800 + ((code_point - 0x10000) >> 10));
        write_code_unit(w, 0xdc00 + (code_point & 0x3ff));
    }
}

static void write_string(writer *w, ink_value value)
{
    put(w, "\"");
    for (size_t at = 0, plain = 0; at < value.n_bytes; plain = at) {
        uint32_t code_point = 0;
        size_t length = 0;
        for (; at < value.n_bytes; at += length ? length : 1) {
            length = ink_utf8_decode(value.as.text + at, value.n_bytes - at, &code_point);
            if (length && (code_point < 0x20 || code_point == '"' || code_point == '\\' ||
                           (code_point > 0x7e && w->style->ascii)))
                break;
        }
        (void)ink_buffer_append(w->out, value.as.text + plain, at - plain);
        if (at < value.n_bytes) {
            write_escaped(w, code_point);
            at += length;
        }
    }
    put(w, "\"");
}

static void new_line(writer *w)
{
    if (!w->style->indent)
        return;
    put(w, "\n");
    for (unsigned i = 0; i < w->depth; i++)
        put(w, w->style->indent);
}

static void begin_item(writer *w, bool first)
{
    if (!first)
        put(w, w->item_separator);
    new_line(w);
}

static void end_items(writer *w, bool any, const char *bracket)
{
    w->depth--;
    if (any)
        new_line(w);
    put(w, bracket);
}

static ink_status write_list(writer *w, const ink_value_list *list)
{
    put(w, "[");
    w->depth++;
    for (size_t i = 0; i < list->n_items; i++) {
        begin_item(w, i == 0);
        INK_TRY(write_value(w, list->items[i]));
    }
    end_items(w, list->n_items > 0, "]");
    return INK_OK;
}

/* Only strings may be keys; what JSON writes without quotes gets them. */
static ink_status write_key(writer *w, ink_value key)
{
    if (ink_value_is_string(key)) {
        write_string(w, key);
        return INK_OK;
    }
    put(w, "\"");
    INK_TRY(write_value(w, key));
    put(w, "\"");
    return INK_OK;
}

static int by_key(const void *a, const void *b)
{
    int order = 0;
    return ink_value_order(((const ink_value_entry *)a)->key, ((const ink_value_entry *)b)->key,
                           &order)
               ? order
               : 0;
}

static ink_status write_entries(writer *w, const ink_value_entry *entries, uint32_t n)
{
    put(w, "{");
    w->depth++;
    for (uint32_t i = 0; i < n; i++) {
        begin_item(w, i == 0);
        INK_TRY(write_key(w, entries[i].key));
        put(w, w->key_separator);
        INK_TRY(write_value(w, entries[i].item));
    }
    end_items(w, n > 0, "}");
    return INK_OK;
}

static ink_status write_dict(writer *w, const ink_value_dict *dict)
{
    if (!w->style->sort_keys || dict->n_entries < 2)
        return write_entries(w, dict->entries, dict->n_entries);
    for (uint32_t i = 1; i < dict->n_entries; i++) {
        int order;
        if (!ink_value_order(dict->entries[0].key, dict->entries[i].key, &order))
            return ink_fail(w->error, INK_BAD_ARGUMENT, 0,
                            "cannot sort keys of different types for JSON");
    }
    ink_value_entry *sorted = ink_resize(w->out->allocator, NULL, dict->n_entries, sizeof *sorted);
    if (!sorted)
        return ink_fail_memory(w->error, "sorting the keys of JSON");
    memcpy(sorted, dict->entries, dict->n_entries * sizeof *sorted);
    qsort(sorted, dict->n_entries, sizeof *sorted, by_key);
    ink_status status = write_entries(w, sorted, dict->n_entries);
    ink_delete(w->out->allocator, sorted);
    return status;
}

static void write_float(writer *w, double real)
{
    char text[INK_VALUE_FLOAT_BYTES];
    (void)ink_value_format_float(real, text);
    put(w, isnan(real) ? "NaN" : isinf(real) ? (real < 0 ? "-Infinity" : "Infinity") : text);
}

static ink_status write_value(writer *w, ink_value value)
{
    if (w->out->failed) /* full: the rest, which may be very much, is not walked through */
        return INK_LIMIT;
    switch (value.kind) {
    case INK_VALUE_NONE:
        put(w, "null");
        return INK_OK;
    case INK_VALUE_BOOL:
        put(w, value.as.boolean ? "true" : "false");
        return INK_OK;
    case INK_VALUE_INTEGER:
    case INK_VALUE_BIG_INTEGER:
        return ink_value_repr(w->out, value) ? INK_OK : INK_LIMIT;
    case INK_VALUE_FLOAT:
        write_float(w, value.as.real);
        return INK_OK;
    case INK_VALUE_STRING:
        write_string(w, value);
        return INK_OK;
    case INK_VALUE_LIST:
    case INK_VALUE_TUPLE:
        return write_list(w, value.as.list);
    case INK_VALUE_DICT:
        return write_dict(w, value.as.dict);
    default:
        return ink_fail(w->error, INK_BAD_ARGUMENT, 0, "JSON has no form for a value of type %s",
                        ink_value_kind_name(value.kind));
    }
}

ink_status ink_json_write(ink_buffer *out, ink_value value, const ink_json_style *style,
                          ink_error *error)
{
    static const ink_json_style plain;
    writer w = {.out = out, .style = style ? style : &plain, .error = error};
    w.item_separator = w.style->item_separator ? w.style->item_separator
                       : w.style->indent       ? ","
                                               : ", ";
    w.key_separator = w.style->key_separator ? w.style->key_separator : ": ";
    ink_status status = write_value(&w, value);
    if (out->no_memory)
        return ink_fail_memory(error, "JSON");
    if (out->failed)
        return ink_fail(error, INK_LIMIT, 0, "JSON does not fit in %zu bytes", out->max_bytes);
    return status;
}
