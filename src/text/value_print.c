/* Values as text, the way Python's str() and repr() write them. */
#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>
#include "base/utf8.h"
#include "text/value.h"

static bool repr(ink_buffer *out, ink_value value, unsigned depth);

/*
 * What Python shows as itself inside quotes: no controls, no unassigned, no space but the ASCII
 * one.
 */
static bool printable(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 0x20 && code_point < 0x7f;
    switch (utf8proc_category((utf8proc_int32_t)code_point)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

static bool escape(ink_buffer *out, uint32_t code_point)
{
    if (code_point == '\n')
        return ink_buffer_text(out, "\\n");
    if (code_point == '\r')
        return ink_buffer_text(out, "\\r");
    if (code_point == '\t')
        return ink_buffer_text(out, "\\t");
    if (code_point < 0x100)
        return ink_buffer_format(out, "\\x%02" PRIx32, code_point);
    return ink_buffer_format(out, code_point < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32,
                             code_point);
}

static bool repr_string(ink_buffer *out, ink_value value)
{
    const char *text = value.as.text;
    bool has_single = value.n_bytes && memchr(text, '\'', value.n_bytes);
    bool has_double = value.n_bytes && memchr(text, '"', value.n_bytes);
    char quote = has_single && !has_double ? '"' : '\'';
    bool fits = ink_buffer_append(out, &quote, 1);
    for (size_t at = 0; at < value.n_bytes && fits;) {
        uint32_t code_point;
        size_t length = ink_utf8_decode(text + at, value.n_bytes - at, &code_point);
        if (length && !printable(code_point))
            fits = escape(out, code_point);
        else if (text[at] == quote || text[at] == '\\')
            fits = ink_buffer_text(out, "\\") && ink_buffer_append(out, text + at, 1);
        else
            fits = ink_buffer_append(out, text + at, length ? length : 1);
        at += length ? length : 1;
    }
    return fits && ink_buffer_append(out, &quote, 1);
}

static bool repr_items(ink_buffer *out, const ink_value_list *list, unsigned depth)
{
    for (size_t i = 0; i < list->n_items; i++)
        if ((i > 0 && !ink_buffer_text(out, ", ")) || !repr(out, list->items[i], depth))
            return false;
    return true;
}

static bool repr_dict(ink_buffer *out, const ink_value_dict *dict, unsigned depth)
{
    if (!ink_buffer_text(out, "{"))
        return false;
    for (uint32_t i = 0; i < dict->n_entries; i++) {
        const ink_value_entry *entry = &dict->entries[i];
        if ((i > 0 && !ink_buffer_text(out, ", ")) || !repr(out, entry->key, depth) ||
            !ink_buffer_text(out, ": ") || !repr(out, entry->item, depth))
            return false;
    }
    return ink_buffer_text(out, "}");
}

static bool repr_listlike(ink_buffer *out, ink_value value, unsigned depth)
{
    const ink_value_list *list = value.as.list;
    switch (value.kind) {
    case INK_VALUE_TUPLE:
        return ink_buffer_text(out, "(") && repr_items(out, list, depth) &&
               ink_buffer_text(out, list->n_items == 1 ? ",)" : ")");
    case INK_VALUE_RANGE:
        return ink_buffer_text(out, list->label ? list->label : "range");
    case INK_VALUE_VIEW:
        return ink_buffer_text(out, list->label ? list->label : "view") &&
               ink_buffer_text(out, "([") && repr_items(out, list, depth) &&
               ink_buffer_text(out, "])");
    case INK_VALUE_STREAM:
        return ink_buffer_text(out, "<generator>");
    default:
        return ink_buffer_text(out, "[") && repr_items(out, list, depth) &&
               ink_buffer_text(out, "]");
    }
}

static bool print_float(ink_buffer *out, double real)
{
    char text[INK_VALUE_FLOAT_BYTES];
    return ink_buffer_append(out, text, ink_value_format_float(real, text));
}

static bool repr(ink_buffer *out, ink_value value, unsigned depth)
{
    if (depth > INK_VALUE_MAX_DEPTH)
        return false;
    switch (value.kind) {
    case INK_VALUE_STRING:
        return repr_string(out, value);
    case INK_VALUE_UNDEFINED:
        return ink_buffer_text(out, "Undefined");
    case INK_VALUE_NONE:
        return ink_buffer_text(out, "None");
    case INK_VALUE_BOOL:
        return ink_buffer_text(out, value.as.boolean ? "True" : "False");
    case INK_VALUE_INTEGER:
        return ink_buffer_format(out, "%" PRId64, value.as.integer);
    case INK_VALUE_BIG_INTEGER:
        return ink_buffer_append(out, value.as.text, value.n_bytes);
    case INK_VALUE_FLOAT:
        return print_float(out, value.as.real);
    case INK_VALUE_DICT:
        return repr_dict(out, value.as.dict, depth + 1);
    case INK_VALUE_NAMESPACE:
        return ink_buffer_text(out, "<Namespace ") && repr_dict(out, value.as.dict, depth + 1) &&
               ink_buffer_text(out, ">");
    case INK_VALUE_OBJECT:
        return ink_buffer_text(out, "<object>");
    default:
        return repr_listlike(out, value, depth + 1);
    }
}

bool ink_value_repr(ink_buffer *out, ink_value value)
{
    return repr(out, value, 0);
}

bool ink_value_print(ink_buffer *out, ink_value value)
{
    if (value.kind == INK_VALUE_UNDEFINED)
        return true;
    if (ink_value_is_string(value))
        return ink_buffer_append(out, value.as.text, value.n_bytes);
    return ink_value_repr(out, value);
}
