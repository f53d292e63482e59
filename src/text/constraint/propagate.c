/*
 * Properties that spread from the parts of an expression to the whole, through rules and their
 * cycles: each expression is asked again only when one of its parts has got the property.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* For each expression those that it is a part of. */
typedef struct part_of {
    ink_grammar *grammar;
    uint32_t *begin;  /* [n_nodes + 1] */
    uint32_t *wholes; /* [begin[n_nodes]] */
    bool fills;       /* second pass: begin[part + 1] is where the next whole goes */
} part_of;

static void note(void *context, ink_expr part, ink_expr whole)
{
    part_of *p = context;
    if (p->fills)
        p->wholes[p->begin[part]++] = whole;
    else
        p->begin[part]++;
}

static void visit_object(const ink_object_spec *spec, ink_expr whole, ink_part_visit visit,
                         void *context)
{
    for (size_t i = 0; i < spec->n_keys; i++)
        visit(context, spec->keys[i].value, whole);
    for (size_t i = 0; i < spec->n_others; i++) {
        visit(context, spec->others[i].name, whole);
        visit(context, spec->others[i].value, whole);
    }
}

void ink_expr_each_part(const ink_grammar *grammar, ink_expr whole, ink_part_visit visit,
                        void *context)
{
    const ink_expr_node node = grammar->nodes[whole];
    switch ((ink_expr_kind)node.kind) {
    case INK_EXPR_IS_SEQ:
        visit(context, node.a, whole);
        visit(context, node.b, whole);
        break;
    case INK_EXPR_IS_ALT:
    case INK_EXPR_IS_AND:
        for (uint32_t i = 0; i < node.b; i++)
            visit(context, grammar->lists.items[node.a + i], whole);
        break;
    case INK_EXPR_IS_NOT:
    case INK_EXPR_IS_REPEAT:
        visit(context, node.a, whole);
        break;
    case INK_EXPR_IS_RULE:
        visit(context, grammar->rules[node.a].body, whole);
        break;
    case INK_EXPR_IS_OBJECT:
        visit_object(grammar->specs[node.a], whole, visit, context);
        break;
    default:
        break;
    }
}

/* Counts, turns the counts into places, fills: afterwards begin[i] is the end of i's wholes. */
static bool find_wholes(part_of *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        ink_expr_each_part(p->grammar, (ink_expr)i, note, p);
    for (size_t i = 0; i < n; i++) {
        uint32_t count = p->begin[i];
        p->begin[i] = sum;
        sum += count;
    }
    p->wholes = ink_new(p->grammar->allocator, sum, sizeof *p->wholes);
    p->fills = true;
    for (size_t i = 0; i < n && p->wholes; i++)
        ink_expr_each_part(p->grammar, (ink_expr)i, note, p);
    return p->wholes != NULL;
}

static void spread(part_of *p, uint8_t *has, size_t n,
                   bool (*gains)(ink_grammar *grammar, ink_expr expr, uint8_t *has))
{
    ink_grammar *grammar = p->grammar;
    ink_grammar_list todo = {NULL, 0, 0};
    for (size_t i = 0; i < n; i++)
        if (!has[i] && gains(grammar, (ink_expr)i, has))
            (void)ink_grammar_push(grammar, &todo, (uint32_t)i);
    while (todo.n > 0 && ink_grammar_works(grammar)) {
        uint32_t part = todo.items[--todo.n];
        for (uint32_t i = part ? p->begin[part - 1] : 0; i < p->begin[part]; i++)
            if (!has[p->wholes[i]] && gains(grammar, p->wholes[i], has))
                (void)ink_grammar_push(grammar, &todo, p->wholes[i]);
    }
    ink_delete(grammar->allocator, todo.items);
    grammar->used_bytes -= todo.capacity * sizeof *todo.items;
}

void ink_grammar_propagate(ink_grammar *grammar, uint8_t *has,
                           bool (*gains)(ink_grammar *grammar, ink_expr expr, uint8_t *has))
{
    size_t n = grammar->n_nodes;
    part_of p = {.grammar = grammar};
    p.begin = ink_new(grammar->allocator, n + 1, sizeof *p.begin);
    if (p.begin && find_wholes(&p, n))
        spread(&p, has, n, gains);
    else
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
    ink_delete(grammar->allocator, p.begin);
    ink_delete(grammar->allocator, p.wholes);
}
