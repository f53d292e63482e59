/* The inside of a grammar, for the files that make and derive expressions. */
#ifndef INK_TEXT_CONSTRAINT_GRAMMAR_NODES_H
#define INK_TEXT_CONSTRAINT_GRAMMAR_NODES_H

#include "text/constraint/grammar.h"

/*
 * Room for one more item of `size` bytes in an array of `n`; false and a recorded failure when
 * memory or INK_GRAMMAR_MAX_BYTES is out.
 */
bool ink_grammar_grow(ink_grammar *grammar, void *array, size_t n, size_t *capacity, size_t size);

/* Counts bytes that a caller allocated himself; false as above. */
bool ink_grammar_charge(ink_grammar *grammar, size_t n_bytes);

bool ink_grammar_push(ink_grammar *grammar, ink_grammar_list *list, uint32_t item);

/* The node with these fields, made when there is none yet. */
ink_expr ink_grammar_intern(ink_grammar *grammar, ink_expr_kind kind, uint32_t a, uint32_t b,
                            uint32_t c);

/* ALT or AND of items already sorted and without doubles. */
ink_expr ink_grammar_intern_list(ink_grammar *grammar, ink_expr_kind kind, const ink_expr *items,
                                 size_t n);

/* Counts a unit of work; false when the call has done too much or something failed before. */
static inline bool ink_grammar_works(ink_grammar *grammar)
{
    if (++grammar->work > INK_GRAMMAR_MAX_WORK)
        ink_grammar_fail(grammar, INK_LIMIT,
                         "the constraint takes more than %" PRIu64
                         " steps to decide what may come next: make it simpler",
                         INK_GRAMMAR_MAX_WORK);
    return grammar->status == INK_OK;
}

/* Whether an expression accepts the empty text, from what is known of its parts. */
bool ink_expr_is_nullable(const ink_grammar *grammar, ink_expr expr);

/* ---- propagate.c */

/* Visits what an expression is made of; of a rule its body, of an object its values. */
typedef void (*ink_part_visit)(void *context, ink_expr part, ink_expr whole);
void ink_expr_each_part(const ink_grammar *grammar, ink_expr whole, ink_part_visit visit,
                        void *context);

/*
 * has [n_nodes]: `gains` says whether an expression gets the property because its parts have it,
 * and notes it; it is asked until nothing changes.
 */
void ink_grammar_propagate(ink_grammar *grammar, uint8_t *has,
                           bool (*gains)(ink_grammar *grammar, ink_expr expr, uint8_t *has));

/* ---- object.c */

/* OBJECT as an ALT of what it may go on with; kept. */
ink_expr ink_object_expand(ink_grammar *grammar, ink_expr object);

/* Whether it can be completed, as far as the rules known to be productive say. */
bool ink_object_feasible(const ink_grammar *grammar, const ink_expr_node *node);

void ink_object_spec_free(const ink_allocator *allocator, ink_object_spec *spec);

/* ---- life.c */

/* Whether an AND has any text at all. What takes too long to find out counts as alive. */
bool ink_expr_is_alive(ink_grammar *grammar, ink_expr expr);

/* ---- check.c */

/* [n_nodes], zeroed: which expressions accept the empty text, through all rules. */
void ink_grammar_find_nullable(ink_grammar *grammar, uint8_t *nullable);

/* [n_nodes], zeroed: whether the language has any text. Noted at the rules, too. */
void ink_grammar_find_productive(ink_grammar *grammar, uint8_t *productive);

/* A rule that can come back to itself before any byte; UINT32_MAX: none. */
uint32_t ink_grammar_find_left_recursion(ink_grammar *grammar);

/* map [n]: what each expression is without the parts that are not productive. */
void ink_grammar_prune(ink_grammar *grammar, const uint8_t *productive, uint32_t *map, size_t n);

#endif
