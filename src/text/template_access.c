/*
 * Reaching into values: attributes, indices, slices, iteration.
 *
 * As in Jinja, a.b asks for a method before an item and a["b"] for the item first. A name that
 * begins with two underscores is refused whatever it stands on: nothing a chat needs is called so.
 */
#include <string.h>
#include "text/template_render.h"
#include "text/template_text.h"

static ink_value undefined_as(ink_value name)
{
    if (!ink_value_is_string(name))
        return ink_render_undefined("the item of that index");
    name.kind = INK_VALUE_UNDEFINED;
    return name;
}

static ink_status refuse_private(ink_rendering *r, ink_value name)
{
    if (name.n_bytes < 2 || memcmp(name.as.text, "__", 2) != 0)
        return INK_OK;
    return ink_render_fail(r, INK_BAD_ARGUMENT, "the attribute '%.*s' is out of a template's reach",
                           (int)(name.n_bytes < 80 ? name.n_bytes : 80), name.as.text);
}

/* The row of a method of the value, or NULL. */
static const ink_builtin *find_method(ink_value object, ink_value name)
{
    if (object.kind == INK_VALUE_STRING)
        return ink_builtin_find(INK_BUILTIN_STRING_METHOD, name);
    if (object.kind == INK_VALUE_DICT)
        return ink_builtin_find(INK_BUILTIN_DICT_METHOD, name);
    if (object.kind == INK_VALUE_LIST || object.kind == INK_VALUE_TUPLE)
        return ink_builtin_find(INK_BUILTIN_LIST_METHOD, name);
    return NULL;
}

/* A field of a tuple whose label names them ("grouper list"). */
static bool find_field(ink_value tuple, ink_value name, ink_value *out)
{
    const char *label = tuple.as.list->label;
    for (size_t i = 0; label && i < tuple.as.list->n_items; i++) {
        size_t n = strcspn(label, " ");
        if (n == name.n_bytes && memcmp(label, name.as.text, n) == 0) {
            *out = tuple.as.list->items[i];
            return true;
        }
        label += n + (label[n] == ' ');
    }
    return false;
}

ink_status ink_render_attribute(ink_rendering *r, ink_value object, ink_value name, ink_value *out)
{
    INK_TRY(refuse_private(r, name));
    if (object.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(r, object);
    const ink_builtin *method = find_method(object, name);
    if (method)
        return ink_builtin_bind(r, method, object, out);
    const ink_value *item = ink_value_is_dictlike(object) ? ink_value_find(object, name) : NULL;
    *out = item ? *item : undefined_as(name);
    if (object.kind == INK_VALUE_TUPLE)
        (void)find_field(object, name, out);
    if (object.kind == INK_VALUE_OBJECT && object.as.object->type->attribute)
        (void)object.as.object->type->attribute(r, object.as.object, name, out);
    return INK_OK;
}

/* Of n items, the place that a Python index means, or SIZE_MAX. */
static size_t place(int64_t index, size_t n)
{
    if (index < 0)
        return (uint64_t)0 - (uint64_t)index <= n ? n - (size_t)((uint64_t)0 - (uint64_t)index)
                                                  : SIZE_MAX;
    return (uint64_t)index < n ? (size_t)index : SIZE_MAX;
}

/* Without an index over the text: a template that walks it by index pays for each look. */
static ink_status character(ink_rendering *r, ink_value text, int64_t index, ink_value *out)
{
    uint32_t code_point;
    size_t count = index < 0 ? ink_text_count(text.as.text, text.n_bytes) : text.n_bytes;
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    size_t wanted = place(index, count);
    size_t at =
        wanted == SIZE_MAX ? text.n_bytes : ink_text_offset(text.as.text, text.n_bytes, wanted);
    if (at < text.n_bytes)
        *out = ink_value_part(text, at,
                              ink_text_next(text.as.text + at, text.n_bytes - at, &code_point));
    return INK_OK;
}

ink_status ink_render_subscript(ink_rendering *r, ink_value object, ink_value index, ink_value *out)
{
    if (object.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(r, object);
    *out = undefined_as(index);
    if (object.kind == INK_VALUE_DICT) {
        const ink_value *item = ink_value_is_key(index) ? ink_value_find(object, index) : NULL;
        if (item) {
            *out = *item;
            return INK_OK;
        }
    }
    if (ink_value_is_string(index))
        return ink_render_attribute(r, object, index, out);
    if (index.kind != INK_VALUE_INTEGER && index.kind != INK_VALUE_BOOL)
        return INK_OK;
    int64_t number = index.kind == INK_VALUE_BOOL ? index.as.boolean : index.as.integer;
    if (ink_value_is_string(object))
        return character(r, object, number, out);
    if (object.kind == INK_VALUE_LIST || object.kind == INK_VALUE_TUPLE ||
        object.kind == INK_VALUE_RANGE) {
        size_t at = place(number, object.as.list->n_items);
        if (at != SIZE_MAX)
            *out = object.as.list->items[at];
    }
    return INK_OK;
}

/* ---- Slices */

/* A bound moved into [low, high]; negative ones count from the end n. */
static int64_t clamp(int64_t bound, int64_t n, int64_t low, int64_t high)
{
    if (bound < 0)
        bound = bound < -n ? low : bound + n;
    return bound < low ? low : bound > high ? high : bound;
}

static ink_status read_bounds(ink_rendering *r, const ink_value bounds[3], int64_t n,
                              int64_t out[3])
{
    out[2] = bounds[2].kind == INK_VALUE_NONE ? 1 : bounds[2].as.integer;
    if (out[2] == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "the step of a slice is zero");
    /* backwards, the places before the first and on the last are the ends */
    int64_t low = out[2] < 0 ? -1 : 0, high = out[2] < 0 ? n - 1 : n;
    out[0] = out[2] < 0 ? high : low;
    out[1] = out[2] < 0 ? low : high;
    for (int i = 0; i < 2; i++)
        if (bounds[i].kind == INK_VALUE_INTEGER)
            out[i] = clamp(bounds[i].as.integer, n, low, high);
    return INK_OK;
}

/* How many places there are from start in steps before stop. */
static int64_t slice_length(const int64_t bounds[3])
{
    int64_t distance = bounds[2] > 0 ? bounds[1] - bounds[0] : bounds[0] - bounds[1];
    uint64_t step = bounds[2] > 0 ? (uint64_t)bounds[2] : (uint64_t)0 - (uint64_t)bounds[2];
    return distance <= 0 ? 0 : (int64_t)(((uint64_t)distance - 1) / step + 1);
}

static ink_status slice_items(ink_rendering *r, ink_value_kind kind, const ink_value_list *list,
                              const int64_t bounds[3], ink_value *out)
{
    int64_t n = slice_length(bounds);
    INK_TRY(ink_render_new_list(r, kind, (size_t)n, out));
    for (int64_t i = 0; i < n; i++)
        INK_TRY(ink_render_append(r, *out, list->items[bounds[0] + i * bounds[2]]));
    return INK_OK;
}

static ink_status characters_of(ink_rendering *r, ink_value text, ink_value *out)
{
    size_t n = ink_text_count(text.as.text, text.n_bytes);
    uint32_t code_point;
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, n, out));
    for (size_t at = 0; at < text.n_bytes;) {
        size_t length = ink_text_next(text.as.text + at, text.n_bytes - at, &code_point);
        INK_TRY(ink_render_append(r, *out, ink_value_part(text, at, length)));
        at += length;
    }
    return INK_OK;
}

static ink_status slice_text(ink_rendering *r, ink_value text, const int64_t bounds[3],
                             ink_value *out)
{
    int64_t n = slice_length(bounds);
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    if (bounds[2] == 1) {
        size_t from = ink_text_offset(text.as.text, text.n_bytes, (size_t)bounds[0]);
        size_t bytes = ink_text_offset(text.as.text + from, text.n_bytes - from, (size_t)n);
        *out = ink_value_part(text, from, bytes);
        return INK_OK;
    }
    ink_value characters;
    size_t mark = ink_render_mark(r);
    INK_TRY(characters_of(r, text, &characters));
    for (int64_t i = 0; i < n; i++)
        INK_TRY(ink_render_put_text(r, characters.as.list->items[bounds[0] + i * bounds[2]]));
    return ink_render_take_text(r, mark, out);
}

ink_status ink_render_slice(ink_rendering *r, ink_value object, const ink_value bounds[3],
                            ink_value *out)
{
    int64_t places[3];
    if (object.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(r, object);
    *out = ink_render_undefined(
        "the slice of this value"); /* as Jinja has it where slicing makes no sense */
    for (int i = 0; i < 3; i++)
        if (bounds[i].kind != INK_VALUE_INTEGER && bounds[i].kind != INK_VALUE_NONE)
            return INK_OK;
    if (ink_value_is_string(object)) {
        size_t n = ink_text_count(object.as.text, object.n_bytes);
        INK_TRY(read_bounds(r, bounds, (int64_t)n, places));
        return slice_text(r, object, places, out);
    }
    if (object.kind != INK_VALUE_LIST && object.kind != INK_VALUE_TUPLE &&
        object.kind != INK_VALUE_RANGE)
        return INK_OK;
    INK_TRY(read_bounds(r, bounds, (int64_t)object.as.list->n_items, places));
    ink_value_kind kind = object.kind == INK_VALUE_TUPLE ? INK_VALUE_TUPLE : INK_VALUE_LIST;
    return slice_items(r, kind, object.as.list, places, out);
}

/* ---- Iteration */

static ink_status keys_of(ink_rendering *r, const ink_value_dict *dict, ink_value *out)
{
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, dict->n_entries, out));
    for (uint32_t i = 0; i < dict->n_entries; i++)
        INK_TRY(ink_render_append(r, *out, dict->entries[i].key));
    return INK_OK;
}

ink_status ink_render_items(ink_rendering *r, ink_value value, const ink_value **items,
                            size_t *n_items)
{
    size_t from = 0;
    *n_items = 0;
    *items = NULL;
    if (value.kind == INK_VALUE_UNDEFINED)
        return INK_OK;
    if (ink_value_is_string(value))
        INK_TRY(characters_of(r, value, &value));
    else if (value.kind == INK_VALUE_DICT)
        INK_TRY(keys_of(r, value.as.dict, &value));
    else if (!ink_value_is_listlike(value))
        return ink_render_fail(r, INK_BAD_ARGUMENT, "a %s cannot be iterated over",
                               ink_value_kind_name(value.kind));
    if (value.kind == INK_VALUE_STREAM) {
        from = value.as.list->next;
        value.as.list->next = value.as.list->n_items;
    }
    *n_items = value.as.list->n_items - from;
    if (*n_items)
        *items = value.as.list->items + from;
    return INK_OK;
}

/* ---- Paths */

static bool is_index(const char *text, size_t n_bytes, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 9)
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return n_bytes > 0;
}

ink_status ink_render_path(ink_rendering *r, ink_value object, ink_value path, ink_value *out)
{
    int64_t index;
    if (!ink_value_is_string(path))
        return ink_render_subscript(r, object, path, out);
    for (size_t at = 0; at <= path.n_bytes;) {
        const char *text = path.as.text + at;
        const char *dot = path.n_bytes > at ? memchr(text, '.', path.n_bytes - at) : NULL;
        size_t n = dot ? (size_t)(dot - text) : path.n_bytes - at;
        ink_value part =
            is_index(text, n, &index) ? ink_value_integer(index) : ink_value_borrow(text, n);
        INK_TRY(refuse_private(r, part));
        INK_TRY(ink_render_spend(r, 1));
        INK_TRY(ink_render_subscript(r, object, part, &object));
        at += n + 1;
    }
    *out = object;
    return INK_OK;
}
