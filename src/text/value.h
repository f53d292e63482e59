/*
 * Values of the template language: what a chat hands to its template, and what an expression
 * yields.
 *
 * A value is small and passed by copy; what it points to lives in an arena and dies with it, so
 * nothing is counted or freed singly. Strings, lists and dicts never change once a template can see
 * them (templates are refused `append`, `pop` and the like), which makes one set of variables safe
 * to share between renderings and threads. Printing, comparing and truth follow Python, because
 * that is what templates are written against.
 */
#ifndef INK_TEXT_VALUE_H
#define INK_TEXT_VALUE_H

#include "base/memory.h"
#include "inkling.h"

/* kind, name in messages. A zeroed value is undefined. */
#define INK_VALUE_KINDS(X)                                                                    \
    X(UNDEFINED, "undefined") /* text: the name that was not found */                         \
    X(NONE, "none")                                                                           \
    X(BOOL, "boolean")                                                                        \
    X(INTEGER, "integer")                                                                     \
    X(BIG_INTEGER, "big integer") /* beyond 64 bits; text: its digits. Only printed. */       \
    X(FLOAT, "float")                                                                         \
    X(STRING, "string") /* UTF-8; invalid bytes pass through, each counts as one character */ \
    X(LIST, "list")                                                                           \
    X(TUPLE, "tuple")                                                                         \
    X(RANGE, "range")                                                                         \
    X(VIEW, "dict view")   /* of keys(), values(), items() */                                 \
    X(STREAM, "generator") /* of map, select and their kin: read once, always true */         \
    X(DICT, "dict")                                                                           \
    X(NAMESPACE, "namespace") /* the one thing a template may change */                       \
    X(OBJECT, "object")       /* of the interpreter: function, macro, loop */

typedef enum ink_value_kind {
#define X(name, text) INK_VALUE_##name,
    INK_VALUE_KINDS(X)
#undef X
} ink_value_kind;

typedef struct ink_value_list ink_value_list;
typedef struct ink_value_dict ink_value_dict;
typedef struct ink_value_object ink_value_object; /* defined by the interpreter */

/*
 * Who wrote the text of a string: whoever filled the variables, or the template itself. Anything
 * higher is the distance from each byte of a mixed text to the byte that says it of that one, so
 * that a part of a text needs no more than its pointer moved. Nothing in the language depends on
 * it; what nobody claimed is data.
 */
enum { INK_ORIGIN_DATA, INK_ORIGIN_TEMPLATE };

typedef struct ink_value {
    ink_value_kind kind;
    uint32_t origin; /* of text */
    size_t n_bytes;  /* of text */
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *text; /* [n_bytes], not terminated */
        ink_value_list *list;
        ink_value_dict *dict;
        ink_value_object *object;
    } as;
} ink_value;

struct ink_value_list {
    ink_value *items; /* [n_items] */
    size_t n_items, capacity;
    size_t weight;     /* as ink_value_weight */
    size_t next;       /* STREAM: the first item not yet read */
    const char *label; /* RANGE: its text; VIEW: the text before its items; TUPLE: field names */
    uint32_t depth;    /* as ink_value_depth */
};

/* A pair, and a node of the search tree over the keys: indices of entries, from 1; 0 is none. */
typedef struct ink_value_entry {
    ink_value key, item;
    uint32_t left, right, level;
} ink_value_entry;

struct ink_value_dict {
    ink_value_entry *entries; /* [n_entries], in the order of insertion */
    size_t weight;            /* as ink_value_weight */
    uint32_t n_entries, capacity, root, depth;
};

/* How deep lists and dicts may stand in each other; reading and printing recurse no deeper. */
enum { INK_VALUE_MAX_DEPTH = 128 };

const char *ink_value_kind_name(ink_value_kind kind);

/*
 * ---- Making values. The new_ functions and all that insert return false when the arena has no
 * more memory, or when the value would nest deeper than INK_VALUE_MAX_DEPTH. Fill a list or dict
 * before putting it into another.
 */

static inline ink_value ink_value_none(void)
{
    return (ink_value){.kind = INK_VALUE_NONE};
}

static inline ink_value ink_value_bool(bool boolean)
{
    return (ink_value){.kind = INK_VALUE_BOOL, .as.boolean = boolean};
}

static inline ink_value ink_value_integer(int64_t integer)
{
    return (ink_value){.kind = INK_VALUE_INTEGER, .as.integer = integer};
}

static inline ink_value ink_value_float(double real)
{
    return (ink_value){.kind = INK_VALUE_FLOAT, .as.real = real};
}

/* Does not copy: the text must live as long as the value is used. It counts as data. */
static inline ink_value ink_value_borrow(const char *text, size_t n_bytes)
{
    return (ink_value){.kind = INK_VALUE_STRING, .n_bytes = n_bytes, .as.text = text};
}

/* The same of what the template wrote. */
static inline ink_value ink_value_literal(const char *text, size_t n_bytes)
{
    return (ink_value){.kind = INK_VALUE_STRING,
                       .origin = INK_ORIGIN_TEMPLATE,
                       .n_bytes = n_bytes,
                       .as.text = text};
}

/* A stretch of a string, which it borrows. */
static inline ink_value ink_value_part(ink_value text, size_t at, size_t n_bytes)
{
    text.as.text += at;
    text.n_bytes = n_bytes;
    return text;
}

INK_MUST_USE bool ink_value_new_string(ink_arena *arena, const char *text, size_t n_bytes,
                                       ink_value *out);

/*
 * `kind` is LIST or one of its kin down to STREAM; room for `capacity` items is taken, more comes
 * when needed.
 */
INK_MUST_USE bool ink_value_new_list(ink_arena *arena, ink_value_kind kind, size_t capacity,
                                     ink_value *out);
INK_MUST_USE bool ink_value_append(ink_arena *arena, ink_value list, ink_value item);

/* `kind` is DICT or NAMESPACE. */
INK_MUST_USE bool ink_value_new_dict(ink_arena *arena, ink_value_kind kind, ink_value *out);

/* Inserts or replaces; the key is not copied. A key must satisfy ink_value_is_key. */
INK_MUST_USE bool ink_value_set(ink_arena *arena, ink_value dict, ink_value key, ink_value item);

/* The same with a terminated key that must live as long as the dict (a literal, usually). */
INK_MUST_USE bool ink_value_set_name(ink_arena *arena, ink_value dict, const char *key,
                                     ink_value item);

/* ---- Asking. */

/* None, booleans, numbers and strings can be keys; 1, 1.0 and true are the same one. */
bool ink_value_is_key(ink_value value);

/* The item, or NULL when the dict lacks the key. The address is valid until the next insertion. */
ink_value *ink_value_find(ink_value dict, ink_value key);
ink_value *ink_value_find_name(ink_value dict, const char *key);

static inline bool ink_value_is_string(ink_value value)
{
    return value.kind == INK_VALUE_STRING;
}

/* LIST and its kin: as.list is set. */
static inline bool ink_value_is_listlike(ink_value value)
{
    return value.kind >= INK_VALUE_LIST && value.kind <= INK_VALUE_STREAM;
}

/* DICT and NAMESPACE: as.dict is set. */
static inline bool ink_value_is_dictlike(ink_value value)
{
    return value.kind == INK_VALUE_DICT || value.kind == INK_VALUE_NAMESPACE;
}

/* Boolean, integer or float: what arithmetic takes. */
static inline bool ink_value_is_number(ink_value value)
{
    return value.kind == INK_VALUE_BOOL || value.kind == INK_VALUE_INTEGER ||
           value.kind == INK_VALUE_FLOAT;
}

/* The whole of a NUL-terminated text equals the string value. */
bool ink_value_is_text(ink_value value, const char *text);

bool ink_value_truth(ink_value value);

/*
 * Levels of lists and dicts: 0 for a scalar; a namespace counts as one, being compared by identity.
 */
uint32_t ink_value_depth(ink_value value);

/*
 * How much there is to walk through in all, shared parts counted each time (at most SIZE_MAX): [x,
 * x] in [y, y] in ... is small to build and takes for ever to compare, so the interpreter pays this
 * before it does.
 */
size_t ink_value_weight(ink_value value);

/* ---- Comparing. */

bool ink_value_equal(ink_value a, ink_value b);

/*
 * false when the two have no order (a string and a number); else *out is negative, zero or
 * positive. With NaN every comparison but "not equal" is false: then *out is INK_VALUE_UNORDERED.
 */
enum { INK_VALUE_UNORDERED = 2 };
INK_MUST_USE bool ink_value_order(ink_value a, ink_value b, int *out);

/* ---- Printing: false when the buffer is full, or a namespace stands in itself. */

/* As Python's str(): strings bare, undefined is nothing. */
INK_MUST_USE bool ink_value_print(ink_buffer *out, ink_value value);

/* As Python's repr(): strings quoted and escaped. */
INK_MUST_USE bool ink_value_repr(ink_buffer *out, ink_value value);

/* ---- Numbers as text, independent of the locale. */

/*
 * The shortest digits that read back as the same double, in Python's form ("1.0", "1e+16", "nan");
 * terminated.
 */
enum { INK_VALUE_FLOAT_BYTES = 40 };
size_t ink_value_format_float(double real, char out[INK_VALUE_FLOAT_BYTES]);

/*
 * A decimal number [n_bytes] that the caller has checked: digits, at most one '.', at most one
 * exponent.
 */
double ink_value_parse_float(const char *text, size_t n_bytes);

#endif
