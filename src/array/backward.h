/*
 * Ops that only training records: those of a loss, and those that gradients are made of. As in
 * array.h: NULL in, or a mistake, is NULL out.
 */
#ifndef INK_ARRAY_BACKWARD_H
#define INK_ARRAY_BACKWARD_H

#include "array/array.h"

/* ---- Of a loss. */

/*
 * Attention among the tokens of a step, without a cache: q[n, n_heads, k_dim], k[n, n_kv_heads,
 * k_dim], v[n, n_kv_heads, v_dim] -> [n, n_heads, v_dim]. Tokens of a sequence stand together, in
 * their order, and a sequence begins where positions[n] says 0. attention->layer does not count.
 */
ink_array *ink_self_attend(ink_array *q, ink_array *k, ink_array *v, ink_array *positions,
                           const ink_attention *attention);

/*
 * Each element is zero with probability `rate`, else divided by 1 - rate (Srivastava et al., JMLR
 * 2014). Which ones depends on seed[1, 2] (int32), on where in the graph this was recorded, and on
 * the element's place alone. Rate 0 gives x.
 */
ink_array *ink_dropout(ink_array *x, ink_array *seed, float rate);

/*
 * -log softmax(logits)[target] of each row: logits[n, m], targets[n] (int32) -> [n, 1]. A negative
 * target: 0, and no gradient.
 */
ink_array *ink_cross_entropy(ink_array *logits, ink_array *targets);

/*
 * What each row of logits[n, m] expects, q, against what a teacher does, p: -> [n, 1], 0 where
 * targets[n] (int32) is negative. The teacher says its logits[n, m], or, with ids[n, k] (int32),
 * the logarithms of its probabilities of those alone, [n, k]: what it gives the others counts as
 * one, of which q's share is taken. Hinton et al., arXiv:1503.02531; skewed: Ko et al.,
 * arXiv:2402.03898; the reverse: Gu et al., arXiv:2306.08543.
 */
ink_array *ink_divergence(ink_divergence_kind kind, float skew, ink_array *logits,
                          ink_array *targets, ink_array *teacher, ink_array *ids);

/* The sum over all that ink_add would have repeated: x to a shape that broadcasts to its own. */
ink_array *ink_reduce(ink_array *x, int n_dims, const size_t *shape);

/* x as often as ink_add would repeat it beside an array of this shape. */
ink_array *ink_repeat(ink_array *x, int n_dims, const size_t *shape);

/* ---- Of gradients; dy is the gradient of an op's result, of the result's shape. */

/* dy[..., n] -> [..., width], zero but for dy from `begin` on. */
ink_array *ink_insert(ink_array *dy, size_t begin, size_t width);

/* dy[m, ...], ids[m] -> [n_rows, ...]: row i is the sum of those of dy that stand for it. */
ink_array *ink_scatter(ink_array *dy, ink_array *ids, size_t n_rows);

/* dy[n, n_rows] -> [n, k]: dy times the matrix, decoded. */
ink_array *ink_linear_transposed(const ink_matrix *matrix, ink_array *dy);

/* With respect to x; weight NULL or [last]. */
ink_array *ink_norm_gradient(ink_norm_kind kind, ink_array *x, ink_array *weight, ink_array *dy,
                             float epsilon);

ink_array *ink_clamp_gradient(ink_array *x, ink_array *dy, float low, float high);
ink_array *ink_activate_gradient(ink_activation activation, ink_array *x, ink_array *dy);

/* y is the softmax, not what it was taken of. */
ink_array *ink_softmax_gradient(ink_array *y, ink_array *dy);

/* The rotation taken back, each pair times the magnitude of the table. */
ink_array *ink_rope_back(ink_array *dy, ink_array *table, bool neighbors);

/*
 * -> [n, n_heads * k_dim + n_kv_heads * (k_dim + v_dim)]: of q, then of k, then of v. The
 * probabilities are computed anew.
 */
ink_array *ink_self_attend_gradient(ink_array *q, ink_array *k, ink_array *v, ink_array *positions,
                                    ink_array *dy, const ink_attention *attention);

/* With respect to the node's logits, whose values are given; dy[n, 1]. */
ink_array *ink_divergence_gradient(const ink_array *node, ink_array *logits, ink_array *dy);

/* dy[n, 1] */
ink_array *ink_cross_entropy_gradient(ink_array *logits, ink_array *targets, ink_array *dy);

#endif
