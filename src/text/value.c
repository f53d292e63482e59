/*
 * Making and asking values. Each list and dict knows how deep and how heavy it is, kept up to date
 * as it is filled: a walk over it can then be refused or paid for before it begins.
 */
#include "text/value.h"

#include <string.h>
#include "base/size.h"

/* A string's share of ink_value_weight: scanning this many bytes counts as one value. */
enum { BYTES_PER_WEIGHT = 64 };

const char *ink_value_kind_name(ink_value_kind kind)
{
    static const char *const names[] = {
#define X(name, text) [INK_VALUE_##name] = text,
        INK_VALUE_KINDS(X)
#undef X
    };
    return names[kind];
}

bool ink_value_new_string(ink_arena *arena, const char *text, size_t n_bytes, ink_value *out)
{
    char *copy = ink_arena_string(arena, text, n_bytes);
    if (!copy)
        return false;
    *out = ink_value_borrow(copy, n_bytes);
    return true;
}

bool ink_value_new_list(ink_arena *arena, ink_value_kind kind, size_t capacity, ink_value *out)
{
    ink_value_list *list = ink_arena_take(arena, 1, sizeof *list);
    if (!list)
        return false;
    if (capacity > 0 && !(list->items = ink_arena_take(arena, capacity, sizeof(ink_value))))
        return false;
    list->capacity = capacity;
    list->weight = 1;
    list->depth = 1;
    *out = (ink_value){.kind = kind, .as.list = list};
    return true;
}

uint32_t ink_value_depth(ink_value value)
{
    if (ink_value_is_listlike(value))
        return value.as.list->depth;
    if (value.kind == INK_VALUE_DICT)
        return value.as.dict->depth;
    return value.kind == INK_VALUE_NAMESPACE;
}

size_t ink_value_weight(ink_value value)
{
    if (ink_value_is_listlike(value))
        return value.as.list->weight;
    if (value.kind == INK_VALUE_DICT)
        return value.as.dict->weight;
    return ink_value_is_string(value) ? 1 + value.n_bytes / BYTES_PER_WEIGHT : 1;
}

/* The depth and weight of a container that takes in `item`; false when it would be too deep. */
static bool admit(ink_value item, uint32_t *depth, size_t *weight)
{
    uint32_t deeper = ink_value_depth(item) + 1;
    if (deeper > INK_VALUE_MAX_DEPTH)
        return false;
    if (deeper > *depth)
        *depth = deeper;
    if (!ink_size_add(*weight, ink_value_weight(item), weight))
        *weight = SIZE_MAX;
    return true;
}

bool ink_value_append(ink_arena *arena, ink_value value, ink_value item)
{
    ink_value_list *list = value.as.list;
    if (list->n_items == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        ink_value *items = ink_arena_take(arena, capacity, sizeof(ink_value));
        if (!items)
            return false;
        if (list->n_items)
            memcpy(items, list->items, list->n_items * sizeof(ink_value));
        list->items = items;
        list->capacity = capacity;
    }
    if (!admit(item, &list->depth, &list->weight))
        return false;
    list->items[list->n_items++] = item;
    return true;
}

bool ink_value_is_text(ink_value value, const char *text)
{
    size_t n_bytes = strlen(text);
    return ink_value_is_string(value) && value.n_bytes == n_bytes &&
           memcmp(value.as.text, text, n_bytes) == 0;
}

bool ink_value_truth(ink_value value)
{
    switch (value.kind) {
    case INK_VALUE_UNDEFINED:
    case INK_VALUE_NONE:
        return false;
    case INK_VALUE_BOOL:
        return value.as.boolean;
    case INK_VALUE_INTEGER:
        return value.as.integer != 0;
    case INK_VALUE_FLOAT:
        return value.as.real < 0 || value.as.real > 0 || value.as.real != value.as.real;
    case INK_VALUE_STRING:
        return value.n_bytes > 0;
    case INK_VALUE_LIST:
    case INK_VALUE_TUPLE:
    case INK_VALUE_RANGE:
    case INK_VALUE_VIEW:
        return value.as.list->n_items > 0;
    case INK_VALUE_DICT:
        return value.as.dict->n_entries > 0;
    default:
        return true;
    }
}
