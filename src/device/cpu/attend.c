/*
 * Attention over cache pages. A task is one key/value head and a block of tokens; the query heads
 * of its group share each page. Scores are a product of the page's key tiles with the queries;
 * softmax is online over pages in order; chunks of INK_CHUNK_PAGES pages are summed up on their own
 * and merged in order. What a query gets depends on its own keys alone: not on the batch, the
 * block, or the threads.
 */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>
#include "base/size.h"

#define MAX_COLUMNS 32 /* queries at work together, unless one token's group alone is larger */

static size_t group_of(const ink_attention *attention)
{
    return attention->n_heads / attention->n_kv_heads;
}

static size_t tokens_of_block(const ink_attention *attention)
{
    return ink_size_max(1, MAX_COLUMNS / group_of(attention));
}

/* Positions that a token sees, both included. */
typedef struct range {
    size_t first, last;
} range;

/* What one task works with; a column is one query: token-major, then the heads of the group. */
typedef struct work {
    const ink_cpu_call *call;
    const ink_attention *attention;
    const ink_kv_sequence *sequence;
    const ink_kv_layout *layout;
    size_t kv_head, first_token, n_tokens, group, n_columns;
    range *ranges;                            /* [n_tokens] */
    void *queries;                            /* [n_columns][k_dim], as the key format wants them */
    size_t query_stride;                      /* in ink_q8 or float */
    float *scores, *rescale;                  /* [n_columns][INK_PAGE], [n_columns] */
    float *sums, *chunk_sums;                 /* [n_columns][v_dim] */
    ink_softmax_state *states, *chunk_states; /* [n_columns] */
    void *matmul_scratch;
} work;

/* ---- Scratch --------------------------------------------------------------------------------- */

/* Hands out 64-byte aligned pieces of the scratch; with base 0 it only counts. */
typedef struct carver {
    uintptr_t base;
    size_t used;
} carver;

static void *carve(carver *from, size_t bytes)
{
    uintptr_t at = from->base + from->used;
    from->used += (bytes + 63) / 64 * 64;
    return (void *)at;
}

static size_t carve_work(work *w, const ink_attention *attention, void *scratch)
{
    carver from = {.base = (uintptr_t)scratch};
    size_t n_tokens = tokens_of_block(attention), n = n_tokens * group_of(attention);
    size_t query_bytes = attention->k_dim * sizeof(float); /* more than its ink_q8 would take */
    w->ranges = carve(&from, n_tokens * sizeof(range));
    w->queries = carve(&from, n * ink_size_max(query_bytes, sizeof(ink_q8)));
    w->scores = carve(&from, n * INK_PAGE * sizeof(float));
    w->rescale = carve(&from, n * sizeof(float));
    w->sums = carve(&from, n * attention->v_dim * sizeof(float));
    w->chunk_sums = carve(&from, n * attention->v_dim * sizeof(float));
    w->states = carve(&from, n * sizeof(ink_softmax_state));
    w->chunk_states = carve(&from, n * sizeof(ink_softmax_state));
    w->matmul_scratch = carve(&from, ink_matmul_scratch_bytes(attention->k_dim));
    return from.used;
}

size_t ink_cpu_attend_scratch(const ink_array *node)
{
    work w;
    return carve_work(&w, &node->parameters.attention, NULL);
}

/* ---- What is seen ---------------------------------------------------------------------------- */

static range range_of(const ink_attention *attention, size_t position, size_t n_positions)
{
    size_t window = attention->window;
    if (attention->causal)
        return (range){window && position + 1 > window ? position + 1 - window : 0, position};
    if (!window)
        return (range){0, n_positions - 1};
    size_t side = window / 2;
    return (range){position > side ? position - side : 0,
                   ink_size_min(position + side, n_positions - 1)};
}

static range range_of_all(const work *w)
{
    range all = w->ranges[0];
    for (size_t t = 1; t < w->n_tokens; t++) {
        all.first = ink_size_min(all.first, w->ranges[t].first);
        all.last = ink_size_max(all.last, w->ranges[t].last);
    }
    return all;
}

/* The rows of a page that a token sees: [begin, end), empty when begin >= end. */
static void rows_seen(range seen, size_t page, size_t *begin, size_t *end)
{
    size_t first = page * INK_PAGE;
    *begin = seen.first > first ? ink_size_min(seen.first - first, INK_PAGE) : 0;
    *end = seen.last >= first ? ink_size_min(seen.last - first + 1, INK_PAGE) : 0;
}

/* ---- One page -------------------------------------------------------------------------------- */

static void score_page(const work *w, const char *page, size_t n_rows)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    kernels->matmul[w->layout->k_format](&(ink_matmul){
        .tiles = page + w->kv_head * w->layout->head_bytes,
        .k = w->layout->k_dim,
        .n_rows = n_rows,
        .x = w->queries,
        .x_stride = w->query_stride,
        .n_cols = w->n_columns,
        .y = w->scores,
        .y_stride = INK_PAGE,
        .scratch = w->matmul_scratch,
    });
}

/* Scores of one query into probabilities; what it does not see becomes zero. */
static void soften(const work *w, size_t column, size_t begin, size_t end)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    float *scores = w->scores + column * INK_PAGE, cap = w->attention->soft_cap;
    kernels->scale(scores + begin, scores + begin, w->attention->scale, end - begin);
    if (cap > 0) {
        kernels->scale(scores + begin, scores + begin, 1.0f / cap, end - begin);
        kernels->tanh(scores + begin, scores + begin, end - begin);
        kernels->scale(scores + begin, scores + begin, cap, end - begin);
    }
    for (size_t i = 0; i < begin; i++)
        scores[i] = -INFINITY;
    for (size_t i = end; i < INK_PAGE; i++)
        scores[i] = -INFINITY;
    w->rescale[column] = kernels->softmax_page(scores, scores, INK_PAGE, &w->chunk_states[column]);
}

/* Adds the values of rows [begin, end) for n columns from `column` on. */
static void add_values(const work *w, const char *page, size_t column, size_t n, size_t begin,
                       size_t end)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    const ink_kv_layout *layout = w->layout;
    const char *values = page + w->kv_head * layout->head_bytes + layout->k_bytes;
    ink_values_f32_fn *function = layout->v_format == INK_FORMAT_F32    ? kernels->values_f32
                                  : layout->v_format == INK_FORMAT_F16  ? kernels->values_f16
                                  : layout->v_format == INK_FORMAT_Q8_0 ? kernels->values_q8_0
                                                                        : kernels->values_q4_0;
    function(&(ink_values){
        .rows = values + begin * layout->v_row_bytes,
        .row_bytes = layout->v_row_bytes,
        .n_rows = end - begin,
        .head_dim = layout->v_dim,
        .p = w->scores + column * INK_PAGE + begin,
        .p_stride = INK_PAGE,
        .rescale = w->rescale + column,
        .n_cols = n,
        .acc = w->chunk_sums + column * layout->v_dim,
        .acc_stride = layout->v_dim,
    });
}

static void attend_page(const work *w, size_t page_index)
{
    const char *page = w->sequence->pages[w->attention->layer][page_index];
    size_t begin, end, first_begin, first_end;
    bool alike = true;
    rows_seen(range_of_all(w), page_index, &begin, &end);
    score_page(w, page, end);
    rows_seen(w->ranges[0], page_index, &first_begin, &first_end);
    for (size_t t = 0; t < w->n_tokens; t++) {
        rows_seen(w->ranges[t], page_index, &begin, &end);
        alike = alike && begin == first_begin && end == first_end;
        for (size_t g = 0; begin < end && g < w->group; g++)
            soften(w, t * w->group + g, begin, end);
    }
    if (alike && first_begin < first_end)
        add_values(w, page, 0, w->n_columns, first_begin, first_end);
    for (size_t t = 0; !alike && t < w->n_tokens; t++) {
        rows_seen(w->ranges[t], page_index, &begin, &end);
        if (begin < end)
            add_values(w, page, t * w->group, w->group, begin, end);
    }
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* Takes a chunk into the whole: both are brought to the larger of the two maxima. */
static void merge_chunk(const work *w, size_t column)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    size_t n = w->layout->v_dim;
    ink_softmax_state *state = &w->states[column], *chunk = &w->chunk_states[column];
    float *sums = w->sums + column * n, *chunk_sums = w->chunk_sums + column * n;
    if (chunk->max == -INFINITY)
        return;
    if (state->max == -INFINITY) {
        *state = *chunk;
        memcpy(sums, chunk_sums, n * sizeof *sums);
        return;
    }
    float max = state->max > chunk->max ? state->max : chunk->max;
    float factors[2] = {state->max - max, chunk->max - max};
    kernels->exp(factors, factors, 2);
    kernels->scale(sums, sums, factors[0], n);
    kernels->scale(chunk_sums, chunk_sums, factors[1], n);
    kernels->add(sums, sums, chunk_sums, n);
    *state = (ink_softmax_state){max, state->sum * factors[0] + chunk->sum * factors[1]};
}

static void attend_chunks(const work *w)
{
    range all = range_of_all(w);
    size_t first_page = all.first / INK_PAGE, last_page = all.last / INK_PAGE;
    for (size_t page = first_page; page <= last_page;) {
        size_t chunk_end = (page / INK_CHUNK_PAGES + 1) * INK_CHUNK_PAGES;
        for (size_t i = 0; i < w->n_columns; i++)
            w->chunk_states[i] = (ink_softmax_state){-INFINITY, 0};
        memset(w->chunk_sums, 0, w->n_columns * w->layout->v_dim * sizeof *w->chunk_sums);
        for (; page <= last_page && page < chunk_end; page++)
            attend_page(w, page);
        for (size_t i = 0; i < w->n_columns; i++)
            merge_chunk(w, i);
    }
}

/* ---- A task ---------------------------------------------------------------------------------- */

static void load_queries(work *w)
{
    const ink_array *q = w->call->node->inputs[0];
    size_t k_dim = w->layout->k_dim;
    bool quantized = ink_format_takes_q8(w->layout->k_format);
    w->query_stride = quantized ? k_dim / INK_Q8_GROUP : k_dim;
    for (size_t i = 0; i < w->n_columns; i++) {
        const float *query =
            ink_line(q, w->first_token + i / w->group, w->kv_head * w->group + i % w->group);
        if (quantized)
            w->call->cpu->kernels.quantize_q8((ink_q8 *)w->queries + i * w->query_stride, query,
                                              w->query_stride);
        else
            memcpy((float *)w->queries + i * k_dim, query, k_dim * sizeof *query);
    }
}

/* Tokens of one sequence; each query's sum begins with its head's sink, if there is one. */
static void attend_tokens(work *w)
{
    const ink_array *node = w->call->node;
    const int32_t *positions = node->inputs[2]->data;
    const float *sinks = node->inputs[4] ? node->inputs[4]->data : NULL;
    w->n_columns = w->n_tokens * w->group;
    w->layout = &w->sequence->layouts[w->attention->layer];
    for (size_t t = 0; t < w->n_tokens; t++)
        w->ranges[t] =
            range_of(w->attention, (size_t)positions[w->first_token + t], w->sequence->n_positions);
    load_queries(w);
    for (size_t i = 0; i < w->n_columns; i++) {
        w->states[i] = (ink_softmax_state){-INFINITY, 0};
        if (sinks)
            w->states[i] = (ink_softmax_state){sinks[w->kv_head * w->group + i % w->group], 1};
    }
    memset(w->sums, 0, w->n_columns * w->layout->v_dim * sizeof *w->sums);
    attend_chunks(w);
    for (size_t i = 0; i < w->n_columns; i++)
        w->call->cpu->kernels.scale(
            ink_line(node, w->first_token + i / w->group, w->kv_head * w->group + i % w->group),
            w->sums + i * w->layout->v_dim, 1.0f / w->states[i].sum, w->layout->v_dim);
}

size_t ink_cpu_attend_tasks(const ink_cpu *cpu, const ink_array *node)
{
    const ink_attention *attention = &node->parameters.attention;
    (void)cpu;
    return ink_size_groups(node->shape[0], tokens_of_block(attention)) * attention->n_kv_heads;
}

void ink_cpu_attend(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node;
    const ink_attention *attention = &node->parameters.attention;
    const ink_kv_sequence *const *sequences = node->inputs[3]->data;
    work w = {.call = call, .attention = attention, .group = group_of(attention)};
    carve_work(&w, attention, call->scratch);
    w.kv_head = task % attention->n_kv_heads;
    size_t block = tokens_of_block(attention), token = task / attention->n_kv_heads * block;
    size_t end = ink_size_min(token + block, node->shape[0]);
    while (token < end) {
        w.first_token = token;
        w.sequence = sequences[token];
        while (token < end && sequences[token] == w.sequence)
            token++;
        w.n_tokens = token - w.first_token;
        attend_tokens(&w);
    }
}
