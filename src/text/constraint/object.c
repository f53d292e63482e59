/*
 * Members of an object as a state: which keys have been there, how many members. What may follow is
 * written out when it is asked for, so that keys in any order cost no more than those that come.
 */
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* An expansion at work. */
typedef struct expansion {
    ink_grammar *grammar;
    const ink_object_spec *spec;
    ink_expr_node from;
    size_t words; /* scratch: the seen set being changed, at this place of the stack */
    size_t base;  /* alternatives found so far stand from here on */
} expansion;

static size_t n_words(const ink_object_spec *spec)
{
    return ink_size_max(ink_size_groups(spec->n_keys, 32), 1);
}

static bool has_key(const uint32_t *words, size_t key)
{
    return words[key / 32] >> (key % 32) & 1;
}

static const uint32_t *seen_words(const ink_grammar *grammar, const ink_expr_node *object)
{
    return grammar->lists.items + grammar->nodes[object->b].a;
}

/* Whether a value that is one reference can be completed, as far as rules are known to. */
static bool is_productive(const ink_grammar *grammar, ink_expr value)
{
    const ink_expr_node *node = &grammar->nodes[value];
    if (node->kind == INK_EXPR_IS_RULE)
        return grammar->rules[node->a].productive;
    return value != INK_EXPR_FAIL;
}

bool ink_object_feasible(const ink_grammar *grammar, const ink_expr_node *node)
{
    const ink_object_spec *spec = grammar->specs[node->a];
    const uint32_t *seen = seen_words(grammar, node);
    uint64_t n_required = 0, n_available = 0;
    for (size_t i = 0; i < spec->n_keys; i++) {
        bool productive = is_productive(grammar, spec->keys[i].value);
        if (has_key(seen, i))
            continue;
        if (spec->keys[i].required && !productive)
            return false;
        n_required += spec->keys[i].required;
        n_available += productive;
    }
    for (size_t i = 0; i < spec->n_others; i++)
        if (is_productive(grammar, spec->others[i].value) && spec->others[i].name != INK_EXPR_FAIL)
            n_available = UINT32_MAX;
    return spec->min <= spec->max && node->c + n_required <= spec->max &&
           node->c + n_available >= spec->min;
}

/* FAIL when it leads nowhere. */
static ink_expr make_state(ink_grammar *grammar, uint32_t spec_index, const uint32_t *words,
                           uint32_t n_members)
{
    const ink_object_spec *spec = grammar->specs[spec_index];
    uint32_t enough = spec->max == INK_EXPR_FOREVER ? spec->min : spec->max;
    if (n_members > enough && n_members > 1) /* more makes no difference */
        n_members = enough ? enough : 1;
    ink_expr seen = ink_grammar_intern_list(grammar, INK_EXPR_IS_SEEN, words, n_words(spec));
    ink_expr state = ink_grammar_intern(grammar, INK_EXPR_IS_OBJECT, spec_index, seen, n_members);
    if (grammar->finished && !ink_object_feasible(grammar, &grammar->nodes[state]))
        return INK_EXPR_FAIL;
    return state;
}

/* ---- Expansion */

/* `name`, ":" and `value`, then the others. */
static void push_member(expansion *e, ink_expr name, ink_expr value, ink_expr then)
{
    ink_grammar *grammar = e->grammar;
    ink_expr member = ink_expr_seq(grammar, value, then);
    member = ink_expr_seq(grammar, name, ink_expr_seq(grammar, e->spec->colon, member));
    if (e->from.c > 0)
        member = ink_expr_seq(grammar, e->spec->comma, member);
    (void)ink_grammar_push(grammar, &grammar->stack, member);
}

static ink_expr next_state(expansion *e)
{
    uint32_t words[INK_OBJECT_MAX_KEYS / 32];
    size_t n_bytes = n_words(e->spec) * sizeof *words;
    memcpy(words, e->grammar->stack.items + e->words, n_bytes);
    return make_state(e->grammar, e->from.a, words, e->from.c + 1);
}

/* In their order a key that is passed by is gone; false: a required one cannot be. */
static bool push_key(expansion *e, size_t key)
{
    const ink_object_key *row = &e->spec->keys[key];
    uint32_t *words = e->grammar->stack.items + e->words, bit = UINT32_C(1) << (key % 32);
    if (has_key(words, key))
        return true;
    if (is_productive(e->grammar, row->value)) {
        words[key / 32] |= bit;
        push_member(e, row->name, row->value, next_state(e));
        words = e->grammar->stack.items + e->words;
        if (e->spec->any_order)
            words[key / 32] &= ~bit;
    } else if (!e->spec->any_order)
        words[key / 32] |= bit;
    return e->spec->any_order || !row->required;
}

static void push_others(expansion *e)
{
    if (e->spec->n_others == 0)
        return;
    ink_expr next = next_state(e);
    for (size_t i = 0; i < e->spec->n_others; i++)
        if (is_productive(e->grammar, e->spec->others[i].value))
            push_member(e, e->spec->others[i].name, e->spec->others[i].value, next);
}

/* No key that is required is missing. */
static bool may_close(const expansion *e)
{
    const uint32_t *seen = seen_words(e->grammar, &e->from);
    if (e->from.c < e->spec->min)
        return false;
    for (size_t i = 0; i < e->spec->n_keys; i++)
        if (e->spec->keys[i].required && !has_key(seen, i))
            return false;
    return true;
}

static bool push_seen(expansion *e)
{
    for (size_t i = 0; i < n_words(e->spec); i++)
        if (!ink_grammar_push(e->grammar, &e->grammar->stack, seen_words(e->grammar, &e->from)[i]))
            return false;
    return true;
}

ink_expr ink_object_expand(ink_grammar *grammar, ink_expr object)
{
    if (grammar->nodes[object].more)
        return grammar->nodes[object].more;
    expansion e = {.grammar = grammar, .from = grammar->nodes[object], .words = grammar->stack.n};
    e.spec = grammar->specs[e.from.a];
    if (!push_seen(&e))
        return INK_EXPR_FAIL;
    e.base = grammar->stack.n;
    if (may_close(&e))
        (void)ink_grammar_push(grammar, &grammar->stack, e.spec->close);
    bool goes_on = e.from.c < e.spec->max;
    for (size_t i = 0; i < e.spec->n_keys && goes_on && grammar->status == INK_OK; i++)
        goes_on = push_key(&e, i);
    if (goes_on)
        push_others(&e);
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    ink_expr all = ink_expr_alts_from(grammar, e.base);
    grammar->stack.n = e.words;
    if (grammar->finished)
        grammar->nodes[object].more = all;
    return all;
}

/* ---- Making */

void ink_object_spec_free(const ink_allocator *allocator, ink_object_spec *spec)
{
    if (!spec)
        return;
    ink_delete(allocator, spec->keys);
    ink_delete(allocator, spec->others);
    ink_delete(allocator, spec);
}

static ink_object_spec *copy_spec(const ink_allocator *allocator, const ink_object_spec *spec)
{
    ink_object_spec *copy = ink_new(allocator, 1, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *spec;
    copy->keys = ink_new(allocator, spec->n_keys, sizeof *copy->keys);
    copy->others = ink_new(allocator, spec->n_others, sizeof *copy->others);
    if (!copy->keys || !copy->others) {
        ink_object_spec_free(allocator, copy);
        return NULL;
    }
    if (spec->n_keys)
        memcpy(copy->keys, spec->keys, spec->n_keys * sizeof *copy->keys);
    if (spec->n_others)
        memcpy(copy->others, spec->others, spec->n_others * sizeof *copy->others);
    return copy;
}

ink_expr ink_expr_object(ink_grammar *grammar, const ink_object_spec *spec)
{
    static const uint32_t none[INK_OBJECT_MAX_KEYS / 32] = {0};
    if (spec->n_keys > INK_OBJECT_MAX_KEYS)
        return ink_grammar_fail(grammar, INK_LIMIT,
                                "an object with %zu properties; at most %d are supported",
                                spec->n_keys, INK_OBJECT_MAX_KEYS);
    size_t n_bytes =
        sizeof *spec + spec->n_keys * sizeof *spec->keys + spec->n_others * sizeof *spec->others;
    if (!ink_grammar_charge(grammar, n_bytes) ||
        !ink_grammar_grow(grammar, &grammar->specs, grammar->n_specs, &grammar->spec_capacity,
                          sizeof *grammar->specs))
        return INK_EXPR_FAIL;
    ink_object_spec *copy = copy_spec(grammar->allocator, spec);
    if (!copy)
        return ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
    grammar->specs[grammar->n_specs] = copy;
    return make_state(grammar, (uint32_t)grammar->n_specs++, none, 0);
}
