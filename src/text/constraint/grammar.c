/* Memory of a grammar, and expressions found by what they are. */
#include "text/constraint/grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

enum { FIRST_BUCKETS = 1024, ROW_BLOCKS_AT_ONCE = 64 };

ink_expr ink_grammar_fail(ink_grammar *grammar, ink_status status, const char *format, ...)
{
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    grammar->status = status;
    grammar->error.status = status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(grammar->error.message, sizeof grammar->error.message, format, arguments);
    va_end(arguments);
    return INK_EXPR_FAIL;
}

ink_status ink_grammar_status(const ink_grammar *grammar, ink_error *error)
{
    if (grammar->status != INK_OK && error)
        *error = grammar->error;
    return grammar->status;
}

bool ink_grammar_charge(ink_grammar *grammar, size_t n_bytes)
{
    if (n_bytes <= INK_GRAMMAR_MAX_BYTES - grammar->used_bytes) {
        grammar->used_bytes += n_bytes;
        return true;
    }
    ink_grammar_fail(grammar, INK_LIMIT, "the constraint needs more than %zu MiB: make it simpler",
                     INK_GRAMMAR_MAX_BYTES >> 20);
    return false;
}

bool ink_grammar_grow(ink_grammar *grammar, void *array, size_t n, size_t *capacity, size_t size)
{
    if (grammar->status != INK_OK)
        return false;
    if (n < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64, n_bytes;
    void **pointer = array;
    if (!ink_size_mul(wanted - *capacity, size, &n_bytes) || !ink_grammar_charge(grammar, n_bytes))
        return false;
    void *moved = ink_resize(grammar->allocator, *pointer, wanted, size);
    if (!moved) {
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
        return false;
    }
    *pointer = moved;
    *capacity = wanted;
    return true;
}

bool ink_grammar_push(ink_grammar *grammar, ink_grammar_list *list, uint32_t item)
{
    if (!ink_grammar_grow(grammar, &list->items, list->n, &list->capacity, sizeof *list->items))
        return false;
    list->items[list->n++] = item;
    return true;
}

/* ---- Interning */

static uint32_t mix(uint32_t hash, uint32_t word)
{
    hash = (hash ^ word) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

static uint32_t hash_fields(ink_expr_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    return mix(mix(mix((uint32_t)kind, a), b), c);
}

static uint32_t hash_list(ink_expr_kind kind, const ink_expr *items, size_t n)
{
    uint32_t hash = mix((uint32_t)kind, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        hash = mix(hash, items[i]);
    return hash;
}

static bool has_list(uint8_t kind)
{
    return kind == INK_EXPR_IS_ALT || kind == INK_EXPR_IS_AND || kind == INK_EXPR_IS_SEEN;
}

static uint32_t hash_node(const ink_grammar *grammar, const ink_expr_node *node)
{
    if (has_list(node->kind))
        return hash_list((ink_expr_kind)node->kind, grammar->lists.items + node->a, node->b);
    return hash_fields((ink_expr_kind)node->kind, node->a, node->b, node->c);
}

/* Twice as many buckets, before they hold more than one node on average. */
static bool spread(ink_grammar *grammar)
{
    size_t n = grammar->n_buckets ? 2 * grammar->n_buckets : FIRST_BUCKETS;
    if (!ink_grammar_charge(grammar, (n - grammar->n_buckets) * sizeof *grammar->buckets))
        return false;
    uint32_t *buckets = ink_new(grammar->allocator, n, sizeof *buckets);
    if (!buckets) {
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
        return false;
    }
    for (size_t i = 1; i < grammar->n_nodes; i++) {
        uint32_t *bucket = &buckets[hash_node(grammar, &grammar->nodes[i]) & (n - 1)];
        grammar->nodes[i].next = *bucket;
        *bucket = (uint32_t)i;
    }
    ink_delete(grammar->allocator, grammar->buckets);
    grammar->buckets = buckets;
    grammar->n_buckets = n;
    return true;
}

static bool all_nullable(const ink_grammar *grammar, const ink_expr_node *node, bool all)
{
    for (uint32_t i = 0; i < node->b; i++)
        if (grammar->nodes[grammar->lists.items[node->a + i]].nullable != all)
            return !all;
    return all;
}

/* From its parts, which are older. */
static bool is_nullable(const ink_grammar *grammar, const ink_expr_node *node)
{
    const ink_expr_node *nodes = grammar->nodes;
    switch ((ink_expr_kind)node->kind) {
    case INK_EXPR_IS_EMPTY:
        return true;
    case INK_EXPR_IS_SEQ:
        return nodes[node->a].nullable && nodes[node->b].nullable;
    case INK_EXPR_IS_ALT:
        return all_nullable(grammar, node, false);
    case INK_EXPR_IS_AND:
        return all_nullable(grammar, node, true);
    case INK_EXPR_IS_NOT:
        return !nodes[node->a].nullable;
    case INK_EXPR_IS_REPEAT:
        return node->b == 0 || nodes[node->a].nullable;
    case INK_EXPR_IS_RULE:
        return grammar->rules[node->a].nullable || nodes[grammar->rules[node->a].body].nullable;
    default:
        return false;
    }
}

bool ink_expr_is_nullable(const ink_grammar *grammar, ink_expr expr)
{
    return is_nullable(grammar, &grammar->nodes[expr]);
}

static uint8_t has_within(const ink_grammar *grammar, const ink_expr_node *node)
{
    const ink_expr_node *nodes = grammar->nodes;
    uint8_t has = node->kind == INK_EXPR_IS_AND ? INK_EXPR_HAS_AND : 0;
    switch ((ink_expr_kind)node->kind) {
    case INK_EXPR_IS_SEQ:
        return nodes[node->a].has | nodes[node->b].has;
    case INK_EXPR_IS_ALT:
    case INK_EXPR_IS_AND:
        for (uint32_t i = 0; i < node->b; i++)
            has |= nodes[grammar->lists.items[node->a + i]].has;
        return has;
    case INK_EXPR_IS_NOT:
    case INK_EXPR_IS_REPEAT:
        return nodes[node->a].has;
    case INK_EXPR_IS_RULE:
    case INK_EXPR_IS_OBJECT:
        return INK_EXPR_HAS_RULE;
    default:
        return 0;
    }
}

/* The new node; its place in the buckets is that of `hash`. */
static ink_expr add_node(ink_grammar *grammar, ink_expr_node node, uint32_t hash)
{
    if (!ink_grammar_works(grammar) ||
        !ink_grammar_grow(grammar, &grammar->nodes, grammar->n_nodes, &grammar->node_capacity,
                          sizeof *grammar->nodes) ||
        (grammar->n_nodes >= grammar->n_buckets && !spread(grammar)))
        return INK_EXPR_FAIL;
    uint32_t *bucket = &grammar->buckets[hash & (grammar->n_buckets - 1)];
    node.nullable = is_nullable(grammar, &node);
    node.has = has_within(grammar, &node);
    node.next = *bucket;
    *bucket = (uint32_t)grammar->n_nodes;
    grammar->nodes[grammar->n_nodes] = node;
    return (ink_expr)grammar->n_nodes++;
}

ink_expr ink_grammar_intern(ink_grammar *grammar, ink_expr_kind kind, uint32_t a, uint32_t b,
                            uint32_t c)
{
    uint32_t hash = hash_fields(kind, a, b, c);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    for (uint32_t at = grammar->buckets[hash & (grammar->n_buckets - 1)]; at;
         at = grammar->nodes[at].next) {
        const ink_expr_node *node = &grammar->nodes[at];
        if (node->kind == kind && node->a == a && node->b == b && node->c == c)
            return at;
    }
    return add_node(grammar, (ink_expr_node){.kind = (uint8_t)kind, .a = a, .b = b, .c = c}, hash);
}

ink_expr ink_grammar_intern_list(ink_grammar *grammar, ink_expr_kind kind, const ink_expr *items,
                                 size_t n)
{
    uint32_t hash = hash_list(kind, items, n);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    if (n > INK_GRAMMAR_MAX_ALTERNATIVES)
        return ink_grammar_fail(grammar, INK_LIMIT,
                                "the constraint has %zu alternatives at one place; at most %u are "
                                "supported",
                                n, INK_GRAMMAR_MAX_ALTERNATIVES);
    for (uint32_t at = grammar->buckets[hash & (grammar->n_buckets - 1)]; at;
         at = grammar->nodes[at].next) {
        const ink_expr_node *node = &grammar->nodes[at];
        if (node->kind == kind && node->b == n &&
            memcmp(grammar->lists.items + node->a, items, n * sizeof *items) == 0)
            return at;
    }
    size_t begin = grammar->lists.n;
    for (size_t i = 0; i < n; i++)
        if (!ink_grammar_push(grammar, &grammar->lists, items[i]))
            return INK_EXPR_FAIL;
    return add_node(grammar,
                    (ink_expr_node){.kind = (uint8_t)kind, .a = (uint32_t)begin, .b = (uint32_t)n},
                    hash);
}

/* ---- Rules */

uint32_t ink_grammar_add_rule(ink_grammar *grammar)
{
    if (grammar->n_rules == INK_GRAMMAR_MAX_RULES)
        ink_grammar_fail(grammar, INK_LIMIT, "the constraint needs more than %u rules",
                         INK_GRAMMAR_MAX_RULES);
    if (!ink_grammar_grow(grammar, &grammar->rules, grammar->n_rules, &grammar->rule_capacity,
                          sizeof *grammar->rules))
        return 0;
    grammar->rules[grammar->n_rules] = (ink_grammar_rule){.body = INK_EXPR_FAIL};
    return (uint32_t)grammar->n_rules++;
}

void ink_grammar_set_rule(ink_grammar *grammar, uint32_t rule, ink_expr body)
{
    if (grammar->status == INK_OK)
        grammar->rules[rule].body = body;
}

ink_expr ink_expr_rule(ink_grammar *grammar, uint32_t rule)
{
    return ink_grammar_intern(grammar, INK_EXPR_IS_RULE, rule, 0, 0);
}

/* ---- Life */

ink_status ink_grammar_init(ink_grammar *grammar, const ink_allocator *allocator, ink_error *error)
{
    *grammar = (ink_grammar){.allocator = allocator};
    const ink_expr_kind first[] = {INK_EXPR_IS_NONE, INK_EXPR_IS_FAIL, INK_EXPR_IS_EMPTY};
    if (spread(grammar))
        for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
            add_node(grammar, (ink_expr_node){.kind = (uint8_t)first[i]},
                     hash_fields(first[i], 0, 0, 0));
    return ink_grammar_status(grammar, error);
}

void ink_grammar_deinit(ink_grammar *grammar)
{
    const ink_allocator *allocator = grammar->allocator;
    for (size_t i = 0; i < grammar->n_row_blocks; i++)
        ink_delete(allocator, grammar->row_blocks[i]);
    for (size_t i = 0; i < grammar->n_specs; i++)
        ink_object_spec_free(allocator, grammar->specs[i]);
    ink_delete(allocator, grammar->row_blocks);
    ink_delete(allocator, grammar->specs);
    ink_delete(allocator, grammar->rules);
    ink_delete(allocator, grammar->sets);
    ink_delete(allocator, grammar->texts);
    ink_delete(allocator, grammar->stack.items);
    ink_delete(allocator, grammar->lists.items);
    ink_delete(allocator, grammar->buckets);
    ink_delete(allocator, grammar->nodes);
    *grammar = (ink_grammar){.allocator = allocator};
}
