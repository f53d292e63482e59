/* The rules of grad.h, in the order of ops.def. */
#include "array/backward.h"
#include "array/grad.h"
#include "array/record.h"

ink_array *ink_close_gaps(ink_array *x)
{
    for (int d = 0; x && d + 1 < x->n_dims; d++)
        if (x->stride[d] != x->stride[d + 1] * x->shape[d + 1])
            return ink_scale(x, 1);
    return x;
}

ink_array *ink_as_rows(ink_array *x)
{
    return x && x->n_dims == 1 ? ink_reshape(x, 2, (size_t[]){1, x->shape[0]}) : x;
}

void ink_grad_view(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *x = node->inputs[0];
    if (ink_elements(x) == ink_elements(node))
        ink_tape_add(tape, x, ink_reshape(ink_close_gaps(dy), x->n_dims, x->shape));
    else
        ink_tape_add(tape, x, ink_insert(ink_as_rows(dy), node->parameters.offset, ink_last(x)));
}

void ink_grad_pick(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *x = node->inputs[0];
    ink_tape_add(tape, x, ink_scatter(dy, node->inputs[1], x->shape[0]));
}

/*
 * Quantized rows are passed over, as if nothing had been rounded (Bengio et al., arXiv:1308.3432):
 * the gradient has the shape of what they were made from.
 */
void ink_grad_linear(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *x = node->inputs[0];
    if (x->op == INK_OP_QUANTIZE)
        x = x->inputs[0];
    ink_tape_add(tape, x, ink_linear_transposed(node->parameters.matrix, dy));
}

void ink_grad_norm(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    ink_norm_kind kind = node->parameters.norm.kind;
    float epsilon = node->parameters.norm.epsilon;
    ink_array *value = ink_tape_value(tape, x);
    if (ink_tape_wants(tape, weight))
        ink_tape_add(tape, weight, ink_multiply(dy, ink_norm(kind, value, NULL, NULL, epsilon)));
    ink_tape_add(tape, bias, dy);
    if (ink_tape_wants(tape, x))
        ink_tape_add(tape, x, ink_norm_gradient(kind, value, weight, dy, epsilon));
}

void ink_grad_concat(ink_tape *tape, ink_array *node, ink_array *dy)
{
    size_t n = ink_last(node->inputs[0]), m = ink_last(node->inputs[1]);
    ink_tape_add(tape, node->inputs[0], ink_slice(dy, 0, n));
    ink_tape_add(tape, node->inputs[1], ink_slice(dy, n, m));
}

void ink_grad_add(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0], dy);
    ink_tape_add(tape, node->inputs[1], dy);
}

void ink_grad_multiply(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *a = node->inputs[0], *b = node->inputs[1];
    if (ink_tape_wants(tape, a))
        ink_tape_add(tape, a, ink_multiply(dy, ink_tape_value(tape, b)));
    if (ink_tape_wants(tape, b))
        ink_tape_add(tape, b, ink_multiply(dy, ink_tape_value(tape, a)));
}

void ink_grad_scale(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0], ink_scale(dy, node->parameters.factor));
}

void ink_grad_clamp(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0],
                 ink_clamp_gradient(ink_tape_value(tape, node->inputs[0]), dy,
                                    node->parameters.clamp.low, node->parameters.clamp.high));
}

void ink_grad_activate(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0],
                 ink_activate_gradient(node->parameters.activation,
                                       ink_tape_value(tape, node->inputs[0]), dy));
}

void ink_grad_softmax(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0], ink_softmax_gradient(ink_tape_value(tape, node), dy));
}

void ink_grad_rope(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(
        tape, node->inputs[0],
        ink_rope_back(dy, ink_tape_value(tape, node->inputs[1]), node->parameters.rope.neighbors));
}

/* y = A B, of a and b or their transposes: dA = dy B^T, dB = A^T dy, each as it is stored. */
void ink_grad_matmul(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *a = node->inputs[0], *b = node->inputs[1];
    bool at = node->parameters.matmul.transpose_a, bt = node->parameters.matmul.transpose_b;
    ink_precision precision = node->parameters.matmul.precision;
    if (ink_tape_wants(tape, a)) {
        ink_array *value = ink_tape_value(tape, b);
        ink_tape_add(tape, a,
                     at ? ink_matmul_arrays(value, bt, dy, true, precision)
                        : ink_matmul_arrays(dy, false, value, !bt, precision));
    }
    if (ink_tape_wants(tape, b)) {
        ink_array *value = ink_tape_value(tape, a);
        ink_tape_add(tape, b,
                     bt ? ink_matmul_arrays(dy, true, value, at, precision)
                        : ink_matmul_arrays(value, !at, dy, false, precision));
    }
}

void ink_grad_self_attend(ink_tape *tape, ink_array *node, ink_array *dy)
{
    const ink_attention *a = &node->parameters.attention;
    ink_array *q = node->inputs[0], *k = node->inputs[1], *v = node->inputs[2];
    size_t n_q = a->n_heads * a->k_dim, n_k = a->n_kv_heads * a->k_dim,
           n_v = a->n_kv_heads * a->v_dim;
    ink_array *all = ink_self_attend_gradient(ink_tape_value(tape, q), ink_tape_value(tape, k),
                                              ink_tape_value(tape, v), node->inputs[3], dy, a);
    ink_tape_add(tape, q, ink_reshape(ink_slice(all, 0, n_q), 3, q->shape));
    ink_tape_add(tape, k, ink_reshape(ink_slice(all, n_q, n_k), 3, k->shape));
    ink_tape_add(tape, v, ink_reshape(ink_slice(all, n_q + n_k, n_v), 3, v->shape));
}

/* What was dropped is dropped again: the same salt. */
void ink_grad_dropout(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *dx = ink_dropout(dy, node->inputs[1], node->parameters.dropout.rate);
    if (dx)
        dx->parameters.dropout.salt = node->parameters.dropout.salt;
    ink_tape_add(tape, node->inputs[0], dx);
}

void ink_grad_cross_entropy(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *logits = node->inputs[0];
    ink_tape_add(tape, logits,
                 ink_cross_entropy_gradient(ink_tape_value(tape, logits), node->inputs[1], dy));
}

void ink_grad_divergence(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_array *logits = node->inputs[0];
    ink_tape_add(tape, logits, ink_divergence_gradient(node, ink_tape_value(tape, logits), dy));
}

/* Everything that was summed up has the gradient of the sum, and the other way round. */
void ink_grad_reduce(ink_tape *tape, ink_array *node, ink_array *dy)
{
    const ink_array *x = node->inputs[0];
    ink_tape_add(tape, node->inputs[0], ink_repeat(dy, x->n_dims, x->shape));
}

void ink_grad_repeat(ink_tape *tape, ink_array *node, ink_array *dy)
{
    ink_tape_add(tape, node->inputs[0], dy);
}
