/*
 * Dicts: the entries in order of insertion, and over them a balanced search tree by key.
 *
 * A tree and not a hash table, because keys come from strangers and no choice of keys makes a tree
 * slow. It is an AA tree (Arne Andersson, "Balanced search trees made simple", 1993), whose links
 * are indices into the entries.
 */
#include <string.h>
#include "text/value.h"

bool ink_value_new_dict(ink_arena *arena, ink_value_kind kind, ink_value *out)
{
    ink_value_dict *dict = ink_arena_take(arena, 1, sizeof *dict);
    if (!dict)
        return false;
    dict->weight = 1;
    dict->depth = 1;
    *out = (ink_value){.kind = kind, .as.dict = dict};
    return true;
}

/*
 * Where a kind of key sorts among the others; numbers share a place because 1, 1.0 and true are one
 * key.
 */
static int key_place(ink_value key)
{
    switch (key.kind) {
    case INK_VALUE_NONE:
        return 1;
    case INK_VALUE_BOOL:
    case INK_VALUE_INTEGER:
    case INK_VALUE_FLOAT:
        return 2;
    case INK_VALUE_BIG_INTEGER:
        return 3;
    case INK_VALUE_STRING:
        return 4;
    default:
        return 0;
    }
}

bool ink_value_is_key(ink_value value)
{
    bool nan = value.kind == INK_VALUE_FLOAT && value.as.real != value.as.real;
    return key_place(value) != 0 && !nan;
}

static int compare_texts(ink_value a, ink_value b)
{
    size_t shorter = a.n_bytes < b.n_bytes ? a.n_bytes : b.n_bytes;
    int order = shorter ? memcmp(a.as.text, b.as.text, shorter) : 0;
    return order ? order : (a.n_bytes > b.n_bytes) - (a.n_bytes < b.n_bytes);
}

static int compare_keys(ink_value a, ink_value b)
{
    int place = key_place(a), order = place - key_place(b);
    if (order != 0 || place == 1)
        return order;
    if (place >= 3)
        return compare_texts(a, b);
    return ink_value_order(a, b, &order) ? order : 0;
}

ink_value *ink_value_find(ink_value value, ink_value key)
{
    ink_value_dict *dict = value.as.dict;
    uint32_t at = dict->root;
    while (at) {
        ink_value_entry *entry = &dict->entries[at - 1];
        int order = compare_keys(key, entry->key);
        if (order == 0)
            return &entry->item;
        at = order < 0 ? entry->left : entry->right;
    }
    return NULL;
}

ink_value *ink_value_find_name(ink_value dict, const char *key)
{
    return ink_value_find(dict, ink_value_borrow(key, strlen(key)));
}

static uint32_t level(const ink_value_dict *dict, uint32_t node)
{
    return node ? dict->entries[node - 1].level : 0;
}

/* A left child of the same level becomes the parent. */
static uint32_t skew(ink_value_dict *dict, uint32_t node)
{
    ink_value_entry *entry = &dict->entries[node - 1];
    uint32_t left = entry->left;
    if (left == 0 || level(dict, left) != entry->level)
        return node;
    entry->left = dict->entries[left - 1].right;
    dict->entries[left - 1].right = node;
    return left;
}

/* Two right links in a row on one level: the middle node rises. */
static uint32_t split(ink_value_dict *dict, uint32_t node)
{
    ink_value_entry *entry = &dict->entries[node - 1];
    uint32_t right = entry->right;
    if (right == 0 || level(dict, dict->entries[right - 1].right) != entry->level)
        return node;
    entry->right = dict->entries[right - 1].left;
    dict->entries[right - 1].left = node;
    dict->entries[right - 1].level++;
    return right;
}

/* The new root of the subtree at `node` after `added`, whose key is not in it, was hung in. */
static uint32_t hang(ink_value_dict *dict, uint32_t node, uint32_t added)
{
    if (node == 0)
        return added;
    ink_value_entry *entry = &dict->entries[node - 1];
    if (compare_keys(dict->entries[added - 1].key, entry->key) < 0)
        entry->left = hang(dict, entry->left, added);
    else
        entry->right = hang(dict, entry->right, added);
    return split(dict, skew(dict, node));
}

static bool grow(ink_arena *arena, ink_value_dict *dict)
{
    uint32_t capacity = dict->capacity ? dict->capacity * 2 : 4;
    if (capacity > UINT32_MAX / 4)
        return false;
    ink_value_entry *entries = ink_arena_take(arena, capacity, sizeof *entries);
    if (!entries)
        return false;
    if (dict->n_entries)
        memcpy(entries, dict->entries, dict->n_entries * sizeof *entries);
    dict->entries = entries;
    dict->capacity = capacity;
    return true;
}

bool ink_value_set(ink_arena *arena, ink_value value, ink_value key, ink_value item)
{
    ink_value_dict *dict = value.as.dict;
    uint32_t depth = ink_value_depth(item) + 1;
    size_t weight = ink_value_weight(key) + 1;
    if (depth > INK_VALUE_MAX_DEPTH)
        return false;
    ink_value *found = ink_value_find(value, key);
    if (found) {
        *found = item;
    } else {
        if (dict->n_entries == dict->capacity && !grow(arena, dict))
            return false;
        dict->entries[dict->n_entries++] = (ink_value_entry){.key = key, .item = item, .level = 1};
        dict->root = hang(dict, dict->root, dict->n_entries);
    }
    if (depth > dict->depth)
        dict->depth = depth;
    if (__builtin_add_overflow(weight, ink_value_weight(item), &weight) ||
        __builtin_add_overflow(dict->weight, weight, &dict->weight))
        dict->weight = SIZE_MAX;
    return true;
}

bool ink_value_set_name(ink_arena *arena, ink_value dict, const char *key, ink_value item)
{
    return ink_value_set(arena, dict, ink_value_borrow(key, strlen(key)), item);
}
