#include "array/backward.h"

#include <string.h>
#include "array/record.h"

/* An op of x's shape on x and dy. */
static ink_array *derive_with(ink_op op, ink_array *x, ink_array *dy)
{
    if (!x || !dy)
        return NULL;
    if (!ink_same_shape(x, dy))
        return ink_mismatch(x, op);
    ink_array *y = ink_derive_alike(op, x);
    if (y)
        y->inputs[1] = dy;
    return y;
}

/* ---- Of a loss ------------------------------------------------------------------------------- */

static bool fits_attention(const ink_array *q, const ink_array *k, const ink_array *v,
                           const ink_array *positions, const ink_attention *a)
{
    size_t n = q->shape[0];
    return q->n_dims == 3 && k->n_dims == 3 && v->n_dims == 3 && k->shape[0] == n &&
           v->shape[0] == n && positions->shape[0] == n && q->shape[1] == a->n_heads &&
           k->shape[1] == a->n_kv_heads && v->shape[1] == a->n_kv_heads &&
           ink_last(q) == a->k_dim && ink_last(k) == a->k_dim && ink_last(v) == a->v_dim &&
           a->n_kv_heads > 0 && a->n_heads % a->n_kv_heads == 0;
}

ink_array *ink_self_attend(ink_array *q, ink_array *k, ink_array *v, ink_array *positions,
                           const ink_attention *attention)
{
    if (!q || !k || !v || !positions)
        return NULL;
    if (!fits_attention(q, k, v, positions, attention))
        return ink_mismatch(q, INK_OP_SELF_ATTEND);
    size_t shape[3] = {q->shape[0], attention->n_heads, attention->v_dim};
    ink_array *y = ink_derive(INK_OP_SELF_ATTEND, INK_F32, 3, shape, q);
    if (y) {
        y->inputs[1] = k;
        y->inputs[2] = v;
        y->inputs[3] = positions;
        y->parameters.attention = *attention;
    }
    return y;
}

ink_array *ink_dropout(ink_array *x, ink_array *seed, float rate)
{
    if (!x || !seed || rate == 0)
        return x;
    if (ink_elements(seed) != 2 || !(rate > 0 && rate < 1))
        return ink_mismatch(x, INK_OP_DROPOUT);
    ink_array *y = ink_derive_alike(INK_OP_DROPOUT, x);
    if (y) {
        y->inputs[1] = seed;
        y->parameters.dropout.rate = rate;
        y->parameters.dropout.salt = (uint32_t)y->index;
    }
    return y;
}

ink_array *ink_cross_entropy(ink_array *logits, ink_array *targets)
{
    if (!logits || !targets)
        return NULL;
    size_t n = logits->shape[0];
    if (logits->n_dims != 2 || targets->n_dims != 1 || targets->shape[0] != n)
        return ink_mismatch(logits, INK_OP_CROSS_ENTROPY);
    ink_array *y = ink_derive(INK_OP_CROSS_ENTROPY, INK_F32, 2, (size_t[]){n, 1}, logits);
    if (y)
        y->inputs[1] = targets;
    return y;
}

static bool fits_teacher(const ink_array *logits, const ink_array *teacher, const ink_array *ids)
{
    size_t n = logits->shape[0], width = ids ? ink_last(ids) : ink_last(logits);
    return teacher->n_dims == 2 && teacher->shape[0] == n && ink_last(teacher) == width &&
           (!ids || (ids->n_dims == 2 && ids->shape[0] == n && width <= ink_last(logits)));
}

ink_array *ink_divergence(ink_divergence_kind kind, float skew, ink_array *logits,
                          ink_array *targets, ink_array *teacher, ink_array *ids)
{
    if (!logits || !targets || !teacher)
        return NULL;
    size_t n = logits->shape[0];
    if (logits->n_dims != 2 || targets->n_dims != 1 || targets->shape[0] != n ||
        !(skew >= 0 && skew < 1) || !fits_teacher(logits, teacher, ids))
        return ink_mismatch(logits, INK_OP_DIVERGENCE);
    ink_array *y = ink_derive(INK_OP_DIVERGENCE, INK_F32, 2, (size_t[]){n, 1}, logits);
    if (y) {
        y->inputs[1] = targets;
        y->inputs[2] = teacher;
        y->inputs[3] = ids;
        y->parameters.divergence.kind = kind;
        y->parameters.divergence.skew = skew;
    }
    return y;
}

ink_array *ink_reduce(ink_array *x, int n_dims, const size_t *shape)
{
    if (!x)
        return NULL;
    ink_array *y = ink_derive(INK_OP_REDUCE, INK_F32, n_dims, shape, x);
    return y && !ink_broadcasts(x, y) ? ink_mismatch(x, INK_OP_REDUCE) : y;
}

ink_array *ink_repeat(ink_array *x, int n_dims, const size_t *shape)
{
    if (!x)
        return NULL;
    ink_array *y = ink_derive(INK_OP_REPEAT, INK_F32, n_dims, shape, x);
    return y && (n_dims < 2 || !ink_broadcasts(y, x)) ? ink_mismatch(x, INK_OP_REPEAT) : y;
}

/* ---- Of gradients ---------------------------------------------------------------------------- */

ink_array *ink_insert(ink_array *dy, size_t begin, size_t width)
{
    if (!dy)
        return NULL;
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, dy->shape, sizeof shape);
    shape[dy->n_dims - 1] = width;
    if (dy->n_dims < 2 || begin > width || ink_last(dy) > width - begin)
        return ink_mismatch(dy, INK_OP_INSERT);
    ink_array *y = ink_derive(INK_OP_INSERT, INK_F32, dy->n_dims, shape, dy);
    if (y)
        y->parameters.offset = begin;
    return y;
}

ink_array *ink_scatter(ink_array *dy, ink_array *ids, size_t n_rows)
{
    if (!dy || !ids)
        return NULL;
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, dy->shape, sizeof shape);
    shape[0] = n_rows;
    if (dy->n_dims < 2 || ids->n_dims != 1 || ids->shape[0] != dy->shape[0])
        return ink_mismatch(dy, INK_OP_SCATTER);
    ink_array *y = ink_derive(INK_OP_SCATTER, INK_F32, dy->n_dims, shape, dy);
    if (y)
        y->inputs[1] = ids;
    return y;
}

ink_array *ink_linear_transposed(const ink_matrix *matrix, ink_array *dy)
{
    if (!dy)
        return NULL;
    if (dy->n_dims != 2 || ink_last(dy) != matrix->n_rows || matrix->n_experts != 1)
        return ink_mismatch(dy, INK_OP_LINEAR_TRANSPOSED);
    ink_array *y =
        ink_derive(INK_OP_LINEAR_TRANSPOSED, INK_F32, 2, (size_t[]){dy->shape[0], matrix->k}, dy);
    if (y)
        y->parameters.matrix = matrix;
    return y;
}

ink_array *ink_norm_gradient(ink_norm_kind kind, ink_array *x, ink_array *weight, ink_array *dy,
                             float epsilon)
{
    if (x && weight && ink_elements(weight) != ink_last(x))
        return ink_mismatch(x, INK_OP_NORM_GRADIENT);
    ink_array *y = derive_with(INK_OP_NORM_GRADIENT, x, dy);
    if (y) {
        y->inputs[2] = weight;
        y->parameters.norm.kind = kind;
        y->parameters.norm.epsilon = epsilon;
    }
    return y;
}

ink_array *ink_clamp_gradient(ink_array *x, ink_array *dy, float low, float high)
{
    ink_array *y = derive_with(INK_OP_CLAMP_GRADIENT, x, dy);
    if (y) {
        y->parameters.clamp.low = low;
        y->parameters.clamp.high = high;
    }
    return y;
}

ink_array *ink_activate_gradient(ink_activation activation, ink_array *x, ink_array *dy)
{
    ink_array *y = derive_with(INK_OP_ACTIVATE_GRADIENT, x, dy);
    if (y)
        y->parameters.activation = activation;
    return y;
}

ink_array *ink_softmax_gradient(ink_array *y, ink_array *dy)
{
    return derive_with(INK_OP_SOFTMAX_GRADIENT, y, dy);
}

ink_array *ink_rope_back(ink_array *dy, ink_array *table, bool neighbors)
{
    ink_array *y = ink_rope(dy, table, neighbors);
    if (y)
        y->parameters.rope.back = true;
    return y;
}

ink_array *ink_self_attend_gradient(ink_array *q, ink_array *k, ink_array *v, ink_array *positions,
                                    ink_array *dy, const ink_attention *a)
{
    if (!q || !k || !v || !positions || !dy)
        return NULL;
    if (!fits_attention(q, k, v, positions, a) || dy->n_dims != 3 || dy->shape[0] != q->shape[0] ||
        dy->shape[1] != a->n_heads || ink_last(dy) != a->v_dim)
        return ink_mismatch(q, INK_OP_SELF_ATTEND_GRADIENT);
    size_t width = a->n_heads * a->k_dim + a->n_kv_heads * (a->k_dim + a->v_dim);
    ink_array *y =
        ink_derive(INK_OP_SELF_ATTEND_GRADIENT, INK_F32, 2, (size_t[]){q->shape[0], width}, q);
    if (y) {
        y->inputs[1] = k;
        y->inputs[2] = v;
        y->inputs[3] = positions;
        y->inputs[4] = dy;
        y->parameters.attention = *a;
    }
    return y;
}

ink_array *ink_cross_entropy_gradient(ink_array *logits, ink_array *targets, ink_array *dy)
{
    if (!logits || !targets || !dy)
        return NULL;
    if (ink_elements(dy) != logits->shape[0] || targets->shape[0] != logits->shape[0])
        return ink_mismatch(logits, INK_OP_CROSS_ENTROPY_GRADIENT);
    ink_array *y = ink_derive_alike(INK_OP_CROSS_ENTROPY_GRADIENT, logits);
    if (y) {
        y->inputs[1] = targets;
        y->inputs[2] = dy;
    }
    return y;
}

ink_array *ink_divergence_gradient(const ink_array *node, ink_array *logits, ink_array *dy)
{
    if (!logits || !dy)
        return NULL;
    if (ink_elements(dy) != logits->shape[0])
        return ink_mismatch(logits, INK_OP_DIVERGENCE_GRADIENT);
    ink_array *y = ink_derive_alike(INK_OP_DIVERGENCE_GRADIENT, logits);
    if (y) {
        for (int i = 1; i < 4; i++)
            y->inputs[i] = node->inputs[i];
        y->inputs[4] = dy;
        y->parameters = node->parameters;
    }
    return y;
}
