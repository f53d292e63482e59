/*
 * Whether an intersection has any text: looked for depth first through its derivatives, until one
 * accepts the empty text or is known to lead there. What was found on the way is kept.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* States that are looked at for one answer; beyond, the language counts as alive. */
enum { MAX_STATES = 8192 };

typedef struct search {
    ink_grammar *grammar;
    ink_grammar_list states; /* in the order they were found */
    ink_grammar_list parents;
    ink_grammar_list todo; /* by their place among the states */
} search;

static bool is_plain_to_see(const ink_grammar *grammar, ink_expr expr)
{
    const ink_expr_node *node = &grammar->nodes[expr];
    return node->nullable || node->life == INK_LIFE_ALIVE ||
           (expr != INK_EXPR_FAIL && !(node->has & INK_EXPR_HAS_AND));
}

static bool was_found(const search *s, ink_expr expr)
{
    /* `more` is free on everything but OBJECT: its place among the states, from 1. */
    const ink_expr_node *node = &s->grammar->nodes[expr];
    return node->kind != INK_EXPR_IS_OBJECT && node->more != 0;
}

static bool add(search *s, ink_expr expr, uint32_t parent)
{
    if (!ink_grammar_push(s->grammar, &s->states, expr) ||
        !ink_grammar_push(s->grammar, &s->parents, parent) ||
        !ink_grammar_push(s->grammar, &s->todo, (uint32_t)s->states.n - 1))
        return false;
    if (s->grammar->nodes[expr].kind != INK_EXPR_IS_OBJECT)
        s->grammar->nodes[expr].more = (uint32_t)s->states.n;
    return true;
}

/* From the state at `index` one gets to the end: so from all that led there. */
static void mark_path(search *s, uint32_t index)
{
    while (index != UINT32_MAX) {
        s->grammar->nodes[s->states.items[index]].life = INK_LIFE_ALIVE;
        index = s->parents.items[index];
    }
}

/* True when a successor of the state at `index` gets to the end. */
static bool expand(search *s, uint32_t index)
{
    ink_grammar *grammar = s->grammar;
    size_t n = grammar->n_classes ? grammar->n_classes : 256;
    for (size_t c = 0; c < n && grammar->status == INK_OK; c++) {
        unsigned byte = grammar->n_classes ? grammar->byte_of[c] : (unsigned)c;
        ink_expr next = ink_expr_derive(grammar, s->states.items[index], byte);
        if (next == INK_EXPR_FAIL || grammar->nodes[next].life == INK_LIFE_DEAD)
            continue;
        if (is_plain_to_see(grammar, next)) {
            mark_path(s, index);
            return true;
        }
        if (!was_found(s, next) && !add(s, next, index))
            return false;
    }
    return false;
}

static bool run(search *s, ink_expr expr)
{
    if (!add(s, expr, UINT32_MAX))
        return false;
    for (size_t n = 0; s->todo.n > 0; n++) {
        if (expand(s, s->todo.items[--s->todo.n]))
            return true;
        if (n >= MAX_STATES || s->grammar->status != INK_OK) {
            mark_path(s, 0);
            return true;
        }
    }
    for (size_t i = 0; i < s->states.n; i++)
        s->grammar->nodes[s->states.items[i]].life = INK_LIFE_DEAD;
    return false;
}

bool ink_expr_is_alive(ink_grammar *grammar, ink_expr expr)
{
    const ink_expr_node *node = &grammar->nodes[expr];
    if (node->nullable || node->life == INK_LIFE_ALIVE)
        return true;
    if (node->life == INK_LIFE_DEAD)
        return false;
    search s = {.grammar = grammar};
    bool was_searching = grammar->searching;
    grammar->searching = true;
    bool alive = run(&s, expr);
    grammar->searching = was_searching;
    for (size_t i = 0; i < s.states.n; i++)
        if (grammar->nodes[s.states.items[i]].kind != INK_EXPR_IS_OBJECT)
            grammar->nodes[s.states.items[i]].more = 0;
    ink_delete(grammar->allocator, s.states.items);
    ink_delete(grammar->allocator, s.parents.items);
    ink_delete(grammar->allocator, s.todo.items);
    grammar->used_bytes -=
        (s.states.capacity + s.parents.capacity + s.todo.capacity) * sizeof(uint32_t);
    return alive;
}
