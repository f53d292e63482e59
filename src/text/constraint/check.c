/* Rules checked as a whole, once they are all there. */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* ---- Left recursion: a rule that comes back to itself before it has read a byte. */

enum { MARK_NEW, MARK_OPEN, MARK_DONE };

/*
 * The stack of the search: an expression still to be visited, or, with CLOSE, a rule whose visit
 * ends.
 */
enum { CLOSE = 1u << 31 };

static void push_firsts(ink_grammar *grammar, ink_expr expr)
{
    const ink_expr_node node = grammar->nodes[expr];
    switch ((ink_expr_kind)node.kind) {
    case INK_EXPR_IS_SEQ:
        (void)ink_grammar_push(grammar, &grammar->stack, node.a);
        if (grammar->nodes[node.a].nullable)
            (void)ink_grammar_push(grammar, &grammar->stack, node.b);
        break;
    case INK_EXPR_IS_ALT:
    case INK_EXPR_IS_AND:
        for (uint32_t i = 0; i < node.b; i++)
            (void)ink_grammar_push(grammar, &grammar->stack, grammar->lists.items[node.a + i]);
        break;
    case INK_EXPR_IS_NOT:
    case INK_EXPR_IS_REPEAT:
        (void)ink_grammar_push(grammar, &grammar->stack, node.a);
        break;
    default:
        break;
    }
}

/* True when the rule is open already. */
static bool enter_rule(ink_grammar *grammar, uint32_t rule)
{
    if (grammar->rules[rule].mark == MARK_NEW) {
        grammar->rules[rule].mark = MARK_OPEN;
        (void)ink_grammar_push(grammar, &grammar->stack, rule | CLOSE);
        (void)ink_grammar_push(grammar, &grammar->stack, grammar->rules[rule].body);
        return false;
    }
    return grammar->rules[rule].mark == MARK_OPEN;
}

static uint32_t search_from(ink_grammar *grammar, uint32_t rule)
{
    size_t base = grammar->stack.n;
    bool found = enter_rule(grammar, rule);
    while (!found && grammar->stack.n > base && ink_grammar_works(grammar)) {
        uint32_t item = grammar->stack.items[--grammar->stack.n];
        if (item & CLOSE)
            grammar->rules[item & ~CLOSE].mark = MARK_DONE;
        else if (grammar->nodes[item].kind != INK_EXPR_IS_RULE)
            push_firsts(grammar, item);
        else
            found = enter_rule(grammar, rule = grammar->nodes[item].a);
    }
    grammar->stack.n = base;
    return found ? rule : UINT32_MAX;
}

uint32_t ink_grammar_find_left_recursion(ink_grammar *grammar)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < grammar->n_rules && found == UINT32_MAX; i++)
        if (grammar->rules[i].mark == MARK_NEW)
            found = search_from(grammar, i);
    return found;
}

/* ---- What can be completed */

static bool all_productive(const ink_grammar *grammar, const ink_expr_node *node,
                           const uint8_t *productive, bool all)
{
    for (uint32_t i = 0; i < node->b; i++)
        if (productive[grammar->lists.items[node->a + i]] != (uint8_t)all)
            return !all;
    return all;
}

static bool is_productive(const ink_grammar *grammar, ink_expr expr, const uint8_t *productive)
{
    const ink_expr_node *node = &grammar->nodes[expr];
    switch ((ink_expr_kind)node->kind) {
    case INK_EXPR_IS_NONE:
    case INK_EXPR_IS_FAIL:
    case INK_EXPR_IS_SEEN:
        return false;
    case INK_EXPR_IS_SEQ:
        return productive[node->a] && productive[node->b];
    case INK_EXPR_IS_ALT:
        return all_productive(grammar, node, productive, false);
    case INK_EXPR_IS_AND:
        return node->life != INK_LIFE_DEAD && all_productive(grammar, node, productive, true);
    case INK_EXPR_IS_REPEAT:
        return node->b == 0 || productive[node->a];
    case INK_EXPR_IS_RULE:
        return productive[grammar->rules[node->a].body];
    case INK_EXPR_IS_OBJECT:
        return ink_object_feasible(grammar, node);
    default:
        return true;
    }
}

static bool note_productive(ink_grammar *grammar, ink_expr expr, uint8_t *productive)
{
    if (!is_productive(grammar, expr, productive))
        return false;
    productive[expr] = true;
    if (grammar->nodes[expr].kind == INK_EXPR_IS_RULE)
        grammar->rules[grammar->nodes[expr].a].productive = true;
    return true;
}

static bool note_nullable(ink_grammar *grammar, ink_expr expr, uint8_t *nullable)
{
    if (!ink_expr_is_nullable(grammar, expr))
        return false;
    nullable[expr] = true;
    grammar->nodes[expr].nullable = true;
    return true;
}

void ink_grammar_find_productive(ink_grammar *grammar, uint8_t *productive)
{
    ink_grammar_propagate(grammar, productive, note_productive);
}

/* Rules are nullable with their bodies, which an expression of a rule asks for. */
void ink_grammar_find_nullable(ink_grammar *grammar, uint8_t *nullable)
{
    ink_grammar_propagate(grammar, nullable, note_nullable);
    for (size_t i = 0; i < grammar->n_rules; i++)
        grammar->rules[i].nullable = grammar->nodes[grammar->rules[i].body].nullable;
}

/* ---- Without what cannot */

static ink_expr prune_list(ink_grammar *grammar, const ink_expr_node *node, const uint32_t *map)
{
    size_t base = grammar->stack.n;
    for (uint32_t i = 0; i < node->b; i++)
        (void)ink_grammar_push(grammar, &grammar->stack, map[grammar->lists.items[node->a + i]]);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    return node->kind == INK_EXPR_IS_AND ? ink_expr_ands_from(grammar, base)
                                         : ink_expr_alts_from(grammar, base);
}

/* Parts are older than the whole, so that one pass is enough. */
void ink_grammar_prune(ink_grammar *grammar, const uint8_t *productive, uint32_t *map, size_t n)
{
    for (uint32_t i = 0; i < n && grammar->status == INK_OK; i++) {
        const ink_expr_node node = grammar->nodes[i];
        map[i] = i;
        if (!productive[i] && node.kind != INK_EXPR_IS_SEEN)
            map[i] = INK_EXPR_FAIL;
        else if (node.kind == INK_EXPR_IS_SEQ)
            map[i] = ink_expr_seq(grammar, map[node.a], map[node.b]);
        else if (node.kind == INK_EXPR_IS_REPEAT)
            map[i] = ink_expr_repeat(grammar, map[node.a], node.b, node.c);
        else if (node.kind == INK_EXPR_IS_NOT)
            map[i] = ink_expr_not(grammar, map[node.a]);
        else if (node.kind == INK_EXPR_IS_ALT || node.kind == INK_EXPR_IS_AND)
            map[i] = prune_list(grammar, &node, map);
    }
}
