/*
 * Making expressions, in the one form that equal languages of the same build share: sequences lean
 * to the right, alternatives are sorted, what is empty or impossible disappears.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* ---- Bytes */

ink_expr ink_expr_set(ink_grammar *grammar, const ink_byte_set *set)
{
    if (grammar->status != INK_OK || !(set->bits[0] | set->bits[1] | set->bits[2] | set->bits[3]))
        return INK_EXPR_FAIL;
    for (size_t i = 0; i < grammar->n_sets; i++)
        if (memcmp(&grammar->sets[i], set, sizeof *set) == 0)
            return ink_grammar_intern(grammar, INK_EXPR_IS_SET, (uint32_t)i, 0, 0);
    if (!ink_grammar_grow(grammar, &grammar->sets, grammar->n_sets, &grammar->set_capacity,
                          sizeof *grammar->sets))
        return INK_EXPR_FAIL;
    grammar->sets[grammar->n_sets] = *set;
    return ink_grammar_intern(grammar, INK_EXPR_IS_SET, (uint32_t)grammar->n_sets++, 0, 0);
}

ink_expr ink_expr_range(ink_grammar *grammar, unsigned low, unsigned high)
{
    ink_byte_set set = {{0}};
    for (unsigned byte = low; byte <= high; byte++)
        ink_byte_set_add(&set, byte);
    return ink_expr_set(grammar, &set);
}

/* A text that was made before, or where the next one of this hash is noted. */
static bool find_text(ink_grammar *grammar, const char *text, size_t n_bytes, size_t *slot)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    *slot = (hash ^ hash >> 16) % INK_GRAMMAR_SHARED;
    return grammar->shared[*slot].n_bytes == n_bytes &&
           memcmp(grammar->texts + grammar->shared[*slot].begin, text, n_bytes) == 0;
}

ink_expr ink_expr_text(ink_grammar *grammar, const char *text, size_t n_bytes)
{
    size_t slot, begin = grammar->n_texts;
    if (n_bytes == 0 || grammar->status != INK_OK)
        return grammar->status == INK_OK ? INK_EXPR_EMPTY : INK_EXPR_FAIL;
    if (find_text(grammar, text, n_bytes, &slot))
        return ink_grammar_intern(grammar, INK_EXPR_IS_TEXT, grammar->shared[slot].begin,
                                  (uint32_t)n_bytes, 0);
    for (size_t i = 0; i < n_bytes; i++) {
        if (!ink_grammar_grow(grammar, &grammar->texts, grammar->n_texts, &grammar->text_capacity,
                              sizeof *grammar->texts))
            return INK_EXPR_FAIL;
        grammar->texts[grammar->n_texts++] = text[i];
    }
    grammar->shared[slot].begin = (uint32_t)begin;
    grammar->shared[slot].n_bytes = (uint32_t)n_bytes;
    return ink_grammar_intern(grammar, INK_EXPR_IS_TEXT, (uint32_t)begin, (uint32_t)n_bytes, 0);
}

ink_expr ink_expr_literal(ink_grammar *grammar, const char *text)
{
    return ink_expr_text(grammar, text, strlen(text));
}

/* ---- One after the other */

ink_expr ink_expr_seq(ink_grammar *grammar, ink_expr a, ink_expr b)
{
    if (a == INK_EXPR_FAIL || b == INK_EXPR_FAIL)
        return INK_EXPR_FAIL;
    if (a == INK_EXPR_EMPTY)
        return b;
    if (b == INK_EXPR_EMPTY)
        return a;
    size_t base = grammar->stack.n;
    for (; grammar->nodes[a].kind == INK_EXPR_IS_SEQ; a = grammar->nodes[a].b)
        if (!ink_grammar_push(grammar, &grammar->stack, grammar->nodes[a].a))
            return INK_EXPR_FAIL;
    b = ink_grammar_intern(grammar, INK_EXPR_IS_SEQ, a, b, 0);
    while (grammar->stack.n > base)
        b = ink_grammar_intern(grammar, INK_EXPR_IS_SEQ, grammar->stack.items[--grammar->stack.n],
                               b, 0);
    return b;
}

ink_expr ink_expr_repeat(ink_grammar *grammar, ink_expr a, uint32_t min, uint32_t max)
{
    if (min > max)
        return INK_EXPR_FAIL;
    if (a == INK_EXPR_EMPTY || max == 0 || (a == INK_EXPR_FAIL && min == 0))
        return grammar->status == INK_OK ? INK_EXPR_EMPTY : INK_EXPR_FAIL;
    if (a == INK_EXPR_FAIL)
        return INK_EXPR_FAIL;
    if (min == 1 && max == 1)
        return a;
    return ink_grammar_intern(grammar, INK_EXPR_IS_REPEAT, a, min, max);
}

ink_expr ink_expr_optional(ink_grammar *grammar, ink_expr a)
{
    return ink_expr_alt(grammar, a, INK_EXPR_EMPTY);
}

/* ---- One of several, all of several */

static int ascending(const void *a, const void *b)
{
    ink_expr x = *(const ink_expr *)a, y = *(const ink_expr *)b;
    return (x > y) - (x < y);
}

/* Sorted, each once. */
static size_t sort_unique(ink_expr *items, size_t n)
{
    size_t n_kept = 0;
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++)
        sorted = items[i - 1] < items[i];
    if (sorted)
        return n;
    qsort(items, n, sizeof *items, ascending);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || items[i] != items[n_kept - 1])
            items[n_kept++] = items[i];
    return n_kept;
}

/* Pushes the parts of `expr` where it is of the kind, else itself. */
static void push_parts(ink_grammar *grammar, ink_expr_kind kind, ink_expr expr)
{
    const ink_expr_node node = grammar->nodes[expr];
    if (node.kind != kind) {
        (void)ink_grammar_push(grammar, &grammar->stack, expr);
        return;
    }
    for (uint32_t i = 0; i < node.b; i++)
        (void)ink_grammar_push(grammar, &grammar->stack, grammar->lists.items[node.a + i]);
}

/* Sets among the items become one, their union or what they have in common. */
static size_t merge_sets(ink_grammar *grammar, ink_expr_kind kind, ink_expr *items, size_t n)
{
    size_t n_kept = 0, n_sets = 0;
    ink_byte_set merged = {{0}};
    for (size_t i = 0; i < n; i++) {
        if (grammar->nodes[items[i]].kind != INK_EXPR_IS_SET) {
            items[n_kept++] = items[i];
            continue;
        }
        const ink_byte_set *set = &grammar->sets[grammar->nodes[items[i]].a];
        for (size_t word = 0; word < 4; word++) {
            uint64_t both = kind == INK_EXPR_IS_ALT ? merged.bits[word] | set->bits[word]
                                                    : merged.bits[word] & set->bits[word];
            merged.bits[word] = n_sets ? both : set->bits[word];
        }
        n_sets++;
    }
    if (n_sets > 0)
        items[n_kept++] = ink_expr_set(grammar, &merged);
    return n_kept;
}

/* Drops from `items` what changes nothing. True when one of them decides alone: `*decided`. */
static bool simplify(ink_expr_kind kind, ink_expr *items, size_t *n, ink_expr universe,
                     ink_expr *decided)
{
    ink_expr neutral = kind == INK_EXPR_IS_ALT ? INK_EXPR_FAIL : universe;
    ink_expr strong = kind == INK_EXPR_IS_ALT ? universe : INK_EXPR_FAIL;
    size_t n_kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (items[i] == strong) {
            *decided = strong;
            return true;
        }
        if (items[i] != neutral)
            items[n_kept++] = items[i];
    }
    *decided = neutral;
    *n = n_kept;
    return n_kept == 0;
}

/* Of what was pushed to the stack from `base` on, which is taken off. */
static ink_expr join(ink_grammar *grammar, ink_expr_kind kind, size_t base)
{
    ink_expr universe = ink_grammar_intern(grammar, INK_EXPR_IS_NOT, INK_EXPR_FAIL, 0, 0);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    if (grammar->stack.n == base)
        return kind == INK_EXPR_IS_ALT ? INK_EXPR_FAIL : universe;
    ink_expr *items = grammar->stack.items + base, result;
    size_t n = grammar->stack.n - base;
    grammar->work += n;
    n = sort_unique(items, n);
    n = merge_sets(grammar, kind, items, n);
    if (!simplify(kind, items, &n, universe, &result)) {
        n = sort_unique(items, n);
        result = n == 1 ? items[0] : ink_grammar_intern_list(grammar, kind, items, n);
    }
    grammar->stack.n = base;
    return result;
}

static ink_expr join_items(ink_grammar *grammar, ink_expr_kind kind, const ink_expr *items,
                           size_t n)
{
    size_t base = grammar->stack.n;
    for (size_t i = 0; i < n; i++)
        push_parts(grammar, kind, items[i]);
    return join(grammar, kind, base);
}

ink_expr ink_expr_alts(ink_grammar *grammar, const ink_expr *items, size_t n)
{
    return join_items(grammar, INK_EXPR_IS_ALT, items, n);
}

/* Their parts are pushed behind them: the stack may move. */
static ink_expr join_from(ink_grammar *grammar, ink_expr_kind kind, size_t base)
{
    size_t n = grammar->stack.n;
    for (size_t i = base; i < n; i++)
        push_parts(grammar, kind, grammar->stack.items[i]);
    ink_expr result = join(grammar, kind, n);
    grammar->stack.n = base;
    return result;
}

ink_expr ink_expr_alts_from(ink_grammar *grammar, size_t base)
{
    return join_from(grammar, INK_EXPR_IS_ALT, base);
}

ink_expr ink_expr_ands_from(ink_grammar *grammar, size_t base)
{
    return join_from(grammar, INK_EXPR_IS_AND, base);
}

ink_expr ink_expr_alt(ink_grammar *grammar, ink_expr a, ink_expr b)
{
    if (a == b || b == INK_EXPR_FAIL)
        return a;
    if (a == INK_EXPR_FAIL)
        return b;
    return join_items(grammar, INK_EXPR_IS_ALT, (const ink_expr[]){a, b}, 2);
}

ink_expr ink_expr_and(ink_grammar *grammar, ink_expr a, ink_expr b)
{
    if (a == b)
        return a;
    return join_items(grammar, INK_EXPR_IS_AND, (const ink_expr[]){a, b}, 2);
}

ink_expr ink_expr_not(ink_grammar *grammar, ink_expr a)
{
    if (grammar->nodes[a].kind == INK_EXPR_IS_NOT)
        return grammar->nodes[a].a;
    return ink_grammar_intern(grammar, INK_EXPR_IS_NOT, a, 0, 0);
}
