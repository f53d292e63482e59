/*
 * Gradients, graph to graph: from a recorded loss back through the rule of each op (the last
 * column of ops.def) to the arrays that are asked for. What it records is planned and run like
 * everything else.
 *
 * Reverse accumulation: Griewank & Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, ch. 3.
 * Recomputing between checkpoints: Chen et al., arXiv:1604.06174.
 */
#ifndef INK_ARRAY_GRAD_H
#define INK_ARRAY_GRAD_H

#include "array/array.h"

/*
 * gradients[i]: of loss[1, 1] with respect to of[i], of of[i]'s shape and without gaps; NULL where
 * the loss does not depend on it. Quantizing counts as the identity. A mistake, such as an op on
 * the way that no gradient goes through, stays in the graph like any other, and all are NULL then.
 */
void ink_grad(ink_array *loss, size_t n, ink_array *const *of, ink_array **gradients);

/*
 * Marks x, which depends on the checkpoint before it alone, as what the arrays behind it are
 * computed from again when the gradient needs them, so that they need no memory until then. What
 * follows the last checkpoint is kept. Returns x.
 */
ink_array *ink_checkpoint(ink_array *x);

/* ---- For rules (rules.c). */

typedef struct ink_tape ink_tape;

/* Records what an op's result's gradient dy means for its inputs. */
typedef void ink_rule(ink_tape *tape, ink_array *node, ink_array *dy);

#define STOPS
#define NO_GRADIENT
#define RULE(rule) ink_rule ink_grad_##rule;
#define OP(name, inputs, rows, effect, backward) backward
#include "array/ops.def"
#undef OP
#undef STOPS
#undef NO_GRADIENT
#undef RULE

/* Whether x's gradient is needed: work for others is to be left undone. False for NULL. */
bool ink_tape_wants(const ink_tape *tape, const ink_array *x);

/* x's values: x, or what is computed in its place. NULL for NULL. */
ink_array *ink_tape_value(ink_tape *tape, ink_array *x);

/*
 * Adds to x's gradient, which takes x's shape: what broadcasting had repeated is summed up. Nothing
 * happens if x's gradient is not needed.
 */
void ink_tape_add(ink_tape *tape, ink_array *x, ink_array *gradient);

/* x, or a copy where its rows lie further apart than they are long. NULL for NULL. */
ink_array *ink_close_gaps(ink_array *x);

/* A vector [n] as [1, n], which ops want; others as they are. NULL for NULL. */
ink_array *ink_as_rows(ink_array *x);

#endif
