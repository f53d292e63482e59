/*
 * Derivatives, and the rows that keep them: one entry for each class of bytes.
 *
 * A sequence is walked in a loop and everything else by recursion, whose depth is limited.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

enum { ROWS_IN_BLOCK = 1024 };

/* ---- Rows */

static bool add_row_block(ink_grammar *grammar)
{
    size_t n_cells = ROWS_IN_BLOCK * grammar->n_classes; /* at most 2^18 */
    if (!ink_grammar_charge(grammar, n_cells * sizeof(uint32_t) + sizeof(uint32_t *)))
        return false;
    uint32_t **blocks = ink_resize(grammar->allocator, grammar->row_blocks,
                                   grammar->n_row_blocks + 1, sizeof *blocks);
    if (blocks)
        grammar->row_blocks = blocks;
    uint32_t *block = blocks ? ink_new(grammar->allocator, n_cells, sizeof *block) : NULL;
    if (!block) {
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
        return false;
    }
    grammar->row_blocks[grammar->n_row_blocks++] = block;
    return true;
}

/* NULL after a failure. */
static uint32_t *row_of(ink_grammar *grammar, ink_expr expr)
{
    if (!grammar->nodes[expr].row) {
        if (grammar->n_rows == grammar->n_row_blocks * ROWS_IN_BLOCK && !add_row_block(grammar))
            return NULL;
        grammar->nodes[expr].row = (uint32_t)++grammar->n_rows;
    }
    return ink_grammar_row(grammar, grammar->nodes[expr].row);
}

/* ---- Derivatives */

static ink_expr derive(ink_grammar *grammar, ink_expr expr, unsigned byte);

/*
 * Of a part: kept, where it is worth it. Not while life is searched, if the result might hold dead
 * parts.
 */
static ink_expr derive_part(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    const ink_expr_node *node = &grammar->nodes[expr];
    if (grammar->finished && node->kind >= INK_EXPR_IS_ALT &&
        (!grammar->searching || node->has == 0))
        return ink_grammar_learn(grammar, expr, grammar->class_of[byte]);
    return derive(grammar, expr, byte);
}

static ink_expr derive_seq(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    size_t base = grammar->stack.n;
    for (; grammar->nodes[expr].kind == INK_EXPR_IS_SEQ; expr = grammar->nodes[expr].b) {
        ink_expr a = grammar->nodes[expr].a, b = grammar->nodes[expr].b;
        ink_expr next = ink_expr_seq(grammar, derive_part(grammar, a, byte), b);
        (void)ink_grammar_push(grammar, &grammar->stack, next);
        if (!grammar->nodes[a].nullable || !ink_grammar_works(grammar))
            break;
    }
    if (grammar->nodes[expr].kind != INK_EXPR_IS_SEQ)
        (void)ink_grammar_push(grammar, &grammar->stack, derive_part(grammar, expr, byte));
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    size_t n = grammar->stack.n - base;
    ink_expr only = grammar->stack.items[base];
    if (n == 1)
        grammar->stack.n = base;
    if (n == 1)
        return only;
    return ink_expr_alts_from(grammar, base);
}

static ink_expr derive_list(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    size_t base = grammar->stack.n;
    const ink_expr_node node = grammar->nodes[expr];
    bool all = node.kind == INK_EXPR_IS_AND;
    for (uint32_t i = 0; i < node.b && ink_grammar_works(grammar); i++) {
        ink_expr next = derive_part(grammar, grammar->lists.items[node.a + i], byte);
        if (next == INK_EXPR_FAIL && all) {
            grammar->stack.n = base;
            return INK_EXPR_FAIL;
        }
        if (next != INK_EXPR_FAIL)
            (void)ink_grammar_push(grammar, &grammar->stack, next);
    }
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    return all ? ink_expr_ands_from(grammar, base) : ink_expr_alts_from(grammar, base);
}

static ink_expr derive_repeat(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    const ink_expr_node node = grammar->nodes[expr];
    ink_expr first = derive_part(grammar, node.a, byte);
    if (first == INK_EXPR_FAIL)
        return INK_EXPR_FAIL;
    uint32_t min = node.b ? node.b - 1 : 0;
    uint32_t max = node.c == INK_EXPR_FOREVER ? node.c : node.c - 1;
    return ink_expr_seq(grammar, first, ink_expr_repeat(grammar, node.a, min, max));
}

static ink_expr derive_text(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    const ink_expr_node node = grammar->nodes[expr];
    if ((unsigned char)grammar->texts[node.a] != byte)
        return INK_EXPR_FAIL;
    if (node.b == 1)
        return INK_EXPR_EMPTY;
    return ink_grammar_intern(grammar, INK_EXPR_IS_TEXT, node.a + 1, node.b - 1, 0);
}

static ink_expr derive_kind(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    const ink_expr_node node = grammar->nodes[expr];
    switch ((ink_expr_kind)node.kind) {
    case INK_EXPR_IS_SET:
        return ink_byte_set_has(&grammar->sets[node.a], byte) ? INK_EXPR_EMPTY : INK_EXPR_FAIL;
    case INK_EXPR_IS_TEXT:
        return derive_text(grammar, expr, byte);
    case INK_EXPR_IS_SEQ:
        return derive_seq(grammar, expr, byte);
    case INK_EXPR_IS_ALT:
    case INK_EXPR_IS_AND:
        return derive_list(grammar, expr, byte);
    case INK_EXPR_IS_NOT:
        return ink_expr_not(grammar, derive_part(grammar, node.a, byte));
    case INK_EXPR_IS_REPEAT:
        return derive_repeat(grammar, expr, byte);
    case INK_EXPR_IS_RULE:
        return derive_part(grammar, grammar->rules[node.a].body, byte);
    case INK_EXPR_IS_OBJECT:
        return derive_part(grammar, ink_object_expand(grammar, expr), byte);
    default:
        return INK_EXPR_FAIL;
    }
}

static ink_expr derive(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    if (grammar->depth >= INK_GRAMMAR_MAX_DEPTH)
        return ink_grammar_fail(grammar, INK_LIMIT,
                                "the constraint nests more than %d groups or references before "
                                "its first character",
                                INK_GRAMMAR_MAX_DEPTH);
    if (!ink_grammar_works(grammar))
        return INK_EXPR_FAIL;
    grammar->depth++;
    ink_expr result = derive_kind(grammar, expr, byte);
    grammar->depth--;
    return grammar->status == INK_OK ? result : INK_EXPR_FAIL;
}

ink_expr ink_expr_derive(ink_grammar *grammar, ink_expr expr, unsigned byte)
{
    return derive(grammar, expr, byte);
}

/* An AND that turns out to be empty is nothing. */
static ink_expr look_at(ink_grammar *grammar, ink_expr next)
{
    if (grammar->nodes[next].kind != INK_EXPR_IS_AND)
        return next;
    return ink_expr_is_alive(grammar, next) ? next : INK_EXPR_FAIL;
}

ink_expr ink_grammar_learn(ink_grammar *grammar, ink_expr state, unsigned byte_class)
{
    uint32_t row = grammar->nodes[state].row;
    ink_expr next = row ? ink_grammar_row(grammar, row)[byte_class] : INK_EXPR_NONE;
    if (next == INK_EXPR_NONE)
        next = derive(grammar, state, grammar->byte_of[byte_class]);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    next = look_at(grammar, next);
    uint32_t *cells = row_of(grammar, state);
    if (!cells || grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    cells[byte_class] = next;
    return next;
}
