#include "runtime/work.h"

#include "base/size.h"
#include "kernel/kernel.h"
#include "model/decoder.h"
#include "model/lora.h"

/* A part of the model that multiplies n_columns columns. */
static void add_matrix(ink_work *work, const ink_model *model, const ink_matrix *matrix,
                       size_t n_columns)
{
    const ink_hparams *h = &model->hparams;
    if (matrix->n_rows == 0 || !matrix->packed)
        return;
    /* Of several matrices (experts; a head's own) a token uses some or all. */
    bool experts = h->n_experts > 1 && matrix->n_experts == h->n_experts;
    size_t n_used = experts ? h->n_experts_used : matrix->n_experts;
    size_t n_read = experts ? ink_size_min(n_used * n_columns, matrix->n_experts) : n_used;
    double ops = 2.0 * (double)matrix->n_rows * (double)matrix->k * (double)(n_used * n_columns);
    work->weight_bytes += (double)matrix->expert_bytes * (double)n_read;
    if (ink_format_takes_q8(matrix->format))
        work->dot_ops += ops;
    else
        work->fma_ops += ops;
}

static void add_weights(ink_work *work, const ink_model *model, const ink_weight *weights,
                        size_t n_columns)
{
    for (size_t role = 0; role < INK_N_WEIGHT_ROLES; role++) {
        add_matrix(work, model, &weights[role].matrix, n_columns);
        for (const ink_lora_pair *pair = weights[role].adapters; pair; pair = pair->next) {
            add_matrix(work, model, &pair->a, n_columns);
            add_matrix(work, model, &pair->b, n_columns);
        }
        if (weights[role].vector)
            work->weight_bytes += (double)weights[role].n * sizeof(float);
        if (weights[role].bias)
            work->weight_bytes += (double)weights[role].matrix.n_rows * sizeof(float);
    }
}

/* Keys and values of the positions that are seen are read once for all tokens of a step. */
static void add_attention(ink_work *work, const ink_model *model, const ink_kv_layout *layout,
                          uint32_t layer, size_t position, size_t n_tokens)
{
    const ink_hparams *h = &model->hparams;
    size_t n = position + n_tokens, window = h->layers[layer].windowed ? h->window : n;
    double bytes = (double)layout->n_heads *
                   ((double)layout->k_bytes / INK_PAGE + (double)layout->v_row_bytes);
    double pairs = 0;
    for (size_t i = position; i < n; i++)
        pairs += (double)ink_size_min(i + 1, window);
    double ops = 2 * pairs * h->layers[layer].n_heads;
    double score_ops = ops * (double)layout->k_dim;
    work->cache_bytes += bytes * (double)ink_size_min(n, window + n_tokens - 1);
    if (ink_format_takes_q8(layout->k_format))
        work->dot_ops += score_ops;
    else
        work->fma_ops += score_ops;
    work->fma_ops += ops * (double)layout->v_dim;
}

ink_work ink_work_of_step(const ink_model *model, const ink_kv_layout *layouts, size_t position,
                          size_t n_tokens)
{
    ink_work work = {0};
    add_weights(&work, model, model->weights, 1);
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++) {
        add_weights(&work, model, model->layers[layer], n_tokens);
        const ink_layer_hparams *of = &model->hparams.layers[layer];
        if (of->n_kv_heads > 0)
            add_attention(&work, model, &layouts[of->kv_layer], layer, position, n_tokens);
        work.cache_bytes += 2 * sizeof(float) * (double)ink_model_state_floats(model, layer);
    }
    return work;
}

void ink_work_add(ink_work *sum, const ink_work *work)
{
    sum->weight_bytes += work->weight_bytes;
    sum->cache_bytes += work->cache_bytes;
    sum->dot_ops += work->dot_ops;
    sum->fma_ops += work->fma_ops;
}
