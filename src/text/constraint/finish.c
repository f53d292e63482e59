/*
 * The end of a grammar's definition: what its rules can be is settled, and bytes that no expression
 * tells apart become one class.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"

/* ---- Classes */

/* Bytes in `set` part from those that are not. */
static void split_classes(ink_grammar *grammar, const ink_byte_set *set)
{
    uint16_t moved[256]; /* the new class of those in the set, for each class; 0: none yet */
    bool outside[256] = {false};
    memset(moved, 0, sizeof moved);
    for (unsigned byte = 0; byte < 256; byte++)
        outside[grammar->class_of[byte]] |= !ink_byte_set_has(set, byte);
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned old = grammar->class_of[byte];
        if (!ink_byte_set_has(set, byte) || !outside[old])
            continue;
        if (!moved[old])
            moved[old] = (uint16_t)grammar->n_classes++;
        grammar->class_of[byte] = (uint8_t)moved[old];
    }
}

static void find_classes(ink_grammar *grammar)
{
    ink_byte_set literal = {{0}};
    grammar->n_classes = 1;
    memset(grammar->class_of, 0, sizeof grammar->class_of);
    for (size_t i = 0; i < grammar->n_sets; i++)
        split_classes(grammar, &grammar->sets[i]);
    for (size_t i = 0; i < grammar->n_texts; i++)
        ink_byte_set_add(&literal, (unsigned char)grammar->texts[i]);
    for (unsigned byte = 0; byte < 256; byte++) {
        ink_byte_set one = {{0}};
        ink_byte_set_add(&one, byte);
        if (ink_byte_set_has(&literal, byte))
            split_classes(grammar, &one);
    }
    for (unsigned byte = 256; byte-- > 0;)
        grammar->byte_of[grammar->class_of[byte]] = (uint8_t)byte;
}

/* ---- Finishing */

static void push_part(void *context, ink_expr part, ink_expr whole)
{
    ink_grammar *grammar = context;
    (void)whole;
    (void)ink_grammar_push(grammar, &grammar->stack, part);
}

/* Only what the root needs is looked at. */
static void mark_reached(ink_grammar *grammar, ink_expr root, uint8_t *reached)
{
    ink_grammar_list *stack = &grammar->stack;
    size_t base = stack->n;
    (void)ink_grammar_push(grammar, stack, root);
    while (stack->n > base && ink_grammar_works(grammar)) {
        ink_expr expr = stack->items[--stack->n];
        if (reached[expr])
            continue;
        reached[expr] = true;
        ink_expr_each_part(grammar, expr, push_part, grammar);
    }
    stack->n = base;
}

/* Intersections are looked into as if every rule could be completed that is not plainly dead. */
static void find_life(ink_grammar *grammar, ink_expr root, uint8_t *productive, uint8_t *reached,
                      size_t n)
{
    mark_reached(grammar, root, reached);
    ink_grammar_find_productive(grammar, productive);
    for (size_t i = 0; i < n && grammar->status == INK_OK; i++)
        if (reached[i] && grammar->nodes[i].kind == INK_EXPR_IS_AND)
            (void)ink_expr_is_alive(grammar, (ink_expr)i);
}

/* True when a kind of members disappears: objects may then have become impossible. */
static bool prune_spec(ink_object_spec *spec, const uint32_t *map)
{
    bool changed = false;
    for (size_t i = 0; i < spec->n_others; i++) {
        ink_expr name = map[spec->others[i].name];
        changed |= name != spec->others[i].name && name == INK_EXPR_FAIL;
        spec->others[i].name = name;
    }
    return changed;
}

static bool replace_all(ink_grammar *grammar, ink_expr *root, const uint32_t *map)
{
    bool again = false;
    for (size_t i = 0; i < grammar->n_rules; i++)
        grammar->rules[i].body = map[grammar->rules[i].body];
    for (size_t i = 0; i < grammar->n_specs; i++)
        again |= prune_spec(grammar->specs[i], map);
    *root = map[*root];
    return again;
}

/* Rules lose their dead branches, and `*root` too. True when it should be done again. */
static bool prune_once(ink_grammar *grammar, ink_expr *root)
{
    size_t n = grammar->n_nodes;
    uint8_t *productive = ink_new(grammar->allocator, n, sizeof *productive);
    uint32_t *map = ink_new(grammar->allocator, n, sizeof *map);
    bool again = false;
    if (productive && map) {
        ink_grammar_find_productive(grammar, productive);
        ink_grammar_prune(grammar, productive, map, n);
        again = grammar->status == INK_OK && replace_all(grammar, root, map);
    } else
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
    ink_delete(grammar->allocator, productive);
    ink_delete(grammar->allocator, map);
    return again;
}

static void clear_productive(ink_grammar *grammar)
{
    for (size_t i = 0; i < grammar->n_rules; i++)
        grammar->rules[i].productive = false;
}

static ink_expr prune(ink_grammar *grammar, ink_expr root)
{
    size_t n = grammar->n_nodes;
    uint8_t *productive = ink_new(grammar->allocator, n, sizeof *productive);
    uint8_t *reached = ink_new(grammar->allocator, n, sizeof *reached);
    if (productive && reached)
        find_life(grammar, root, productive, reached, n);
    else
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
    ink_delete(grammar->allocator, productive);
    ink_delete(grammar->allocator, reached);
    clear_productive(grammar);
    while (prune_once(grammar, &root))
        clear_productive(grammar);
    return grammar->status == INK_OK ? root : INK_EXPR_FAIL;
}

static void find_nullable(ink_grammar *grammar)
{
    uint8_t *nullable = ink_new(grammar->allocator, grammar->n_nodes, sizeof *nullable);
    if (nullable)
        ink_grammar_find_nullable(grammar, nullable);
    else
        ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint");
    ink_delete(grammar->allocator, nullable);
}

ink_status ink_grammar_finish(ink_grammar *grammar, ink_expr *root,
                              const char *(*name)(void *context, uint32_t rule), void *context,
                              ink_error *error)
{
    if (grammar->prefix != INK_EXPR_NONE)
        *root = ink_expr_seq(grammar, grammar->prefix, *root);
    INK_TRY(ink_grammar_status(grammar, error));
    ink_grammar_begin(grammar);
    find_nullable(grammar);
    INK_TRY(ink_grammar_status(grammar, error));
    uint32_t looping = ink_grammar_find_left_recursion(grammar);
    if (looping != UINT32_MAX)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s refers to itself before it has read anything: put something in front "
                        "of the reference",
                        name(context, looping));
    find_classes(grammar);
    ink_expr pruned = prune(grammar, *root);
    INK_TRY(ink_grammar_status(grammar, error));
    if (pruned == INK_EXPR_FAIL)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "no text can satisfy the constraint");
    grammar->finished = true;
    *root = pruned;
    return INK_OK;
}
