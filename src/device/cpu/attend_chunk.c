/*
 * Attention of a run of tokens to one chunk of pages. The query heads of a group share each page.
 * Scores are a product of the page's key tiles with the queries; softmax is online over pages in
 * order. What a query gets depends on its own keys alone.
 */
#include "device/cpu/attend.h"

#include <math.h>
#include <string.h>

#define MAX_COLUMNS 32 /* queries at work together, unless one token's group alone is larger */

size_t ink_attend_block(const ink_attention *attention)
{
    return ink_size_max(1, MAX_COLUMNS / ink_attend_group(attention));
}

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

static size_t carve_work(ink_attend_work *w, const ink_attention *attention, void *scratch)
{
    carver from = {.base = (uintptr_t)scratch};
    size_t n_tokens = ink_attend_block(attention), n = n_tokens * ink_attend_group(attention);
    size_t query_bytes = attention->k_dim * sizeof(float); /* more than its ink_q8 would take */
    w->ranges = carve(&from, n_tokens * sizeof(ink_attend_range));
    w->queries =
        carve(&from, (n << attention->twofold) * ink_size_max(query_bytes, sizeof(ink_q8)));
    w->query = carve(&from, query_bytes);
    w->scores = carve(&from, n * INK_PAGE * sizeof(float));
    w->rescale = carve(&from, n * sizeof(float));
    w->sums = carve(&from, n * attention->v_dim * sizeof(float));
    w->chunk_sums = carve(&from, n * attention->v_dim * sizeof(float));
    w->states = carve(&from, n * sizeof(ink_softmax_state));
    w->chunk_states = carve(&from, n * sizeof(ink_softmax_state));
    w->matmul_scratch = carve(&from, ink_matmul_scratch_bytes(attention->k_dim));
    return from.used;
}

void ink_attend_use_scratch(ink_attend_work *w, const ink_attention *attention, void *scratch)
{
    (void)carve_work(w, attention, scratch);
}

size_t ink_cpu_attend_scratch(const ink_array *node)
{
    ink_attend_work w;
    return carve_work(&w, &node->parameters.attention, NULL);
}

/* ---- Queries ------------------------------------------------------------------------------- */

/* Second forms, where pages meet them, stand behind all first ones. */
void ink_attend_load_queries(ink_attend_work *w)
{
    const ink_array *q = w->call->node->inputs[0];
    size_t k_dim = w->layout->k_dim;
    bool quantized = ink_format_takes_q8(w->layout->k_format);
    bool both = w->attention->twofold && w->sequence->n_sink_pages > 0;
    w->query_stride = quantized ? k_dim / INK_Q8_GROUP : k_dim;
    for (size_t i = 0; i < w->n_columns << both; i++) {
        size_t column = i % w->n_columns;
        const float *query = ink_line(q, w->run.first_token + column / w->group,
                                      w->kv_head * w->group + column % w->group);
        query += i / w->n_columns * k_dim;
        if (w->layout->k_rotated) {
            query = memcpy(w->query, query, k_dim * sizeof *query);
            ink_rotate(w->query, k_dim);
        }
        if (quantized)
            w->call->cpu->kernels.quantize_q8((ink_q8 *)w->queries + i * w->query_stride, query,
                                              w->query_stride);
        else
            memcpy((float *)w->queries + i * k_dim, query, k_dim * sizeof *query);
    }
}

/* ---- What is seen ---------------------------------------------------------------------------- */

/* Of tokens [first, end) of the run. */
static ink_attend_range range_of_all(const ink_attend_work *w, size_t first, size_t end)
{
    ink_attend_range all = w->ranges[first];
    for (size_t t = first + 1; t < end; t++)
        all = ink_attend_join(all, w->ranges[t]);
    return all;
}

/* The rows of a page that a token sees: [begin, end), empty when begin >= end. */
static void rows_seen(ink_attend_range seen, size_t page, size_t *begin, size_t *end)
{
    size_t first = page * INK_PAGE;
    *begin = seen.first > first ? ink_size_min(seen.first - first, INK_PAGE) : 0;
    *end = seen.last >= first ? ink_size_min(seen.last - first + 1, INK_PAGE) : 0;
}

/* ---- One page -------------------------------------------------------------------------------- */

/* A page in one of its forms, and the tokens of the run, neighbors, that see it so. */
typedef struct sight {
    size_t index, layer;
    const char *page;
    const ink_kv_layout *layout;
    size_t first_token, end_token;
} sight;

static void score_page(const ink_attend_work *w, const sight *s, size_t n_rows)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    size_t first = s->first_token * w->group, n = (s->end_token - s->first_token) * w->group;
    bool quantized = ink_format_takes_q8(s->layout->k_format);
    size_t query_bytes = w->query_stride * (quantized ? sizeof(ink_q8) : sizeof(float));
    size_t form = s->index < w->sequence->n_sink_pages ? w->n_columns : 0;
    kernels->matmul[s->layout->k_format](&(ink_matmul){
        .tiles = s->page + w->kv_head * s->layout->head_bytes,
        .k = s->layout->k_dim,
        .n_rows = n_rows,
        .x = (const char *)w->queries + (form + first) * query_bytes,
        .x_stride = w->query_stride,
        .n_cols = n,
        .y = w->scores + first * INK_PAGE,
        .y_stride = INK_PAGE,
        .scratch = w->matmul_scratch,
    });
}

static void scale_scores(const ink_attend_work *w, float *scores, size_t begin, size_t end)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    float cap = w->attention->soft_cap;
    kernels->scale(scores + begin, scores + begin, w->attention->scale, end - begin);
    if (cap > 0) {
        kernels->scale(scores + begin, scores + begin, 1.0f / cap, end - begin);
        kernels->tanh(scores + begin, scores + begin, end - begin);
        kernels->scale(scores + begin, scores + begin, cap, end - begin);
    }
}

/* Scores of one query into probabilities; what it does not see becomes zero. */
static void soften(const ink_attend_work *w, size_t column, size_t begin, size_t end)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    float *scores = w->scores + column * INK_PAGE;
    scale_scores(w, scores, begin, end);
    for (size_t i = 0; i < begin; i++)
        scores[i] = -INFINITY;
    for (size_t i = end; i < INK_PAGE; i++)
        scores[i] = -INFINITY;
    w->rescale[column] = kernels->softmax_page(scores, scores, INK_PAGE, &w->chunk_states[column]);
}

/* Adds the values of rows [begin, end) for tokens [first, first + n). */
static void add_values(const ink_attend_work *w, const sight *s, size_t first, size_t n,
                       size_t begin, size_t end)
{
    const ink_kv_layout *layout = s->layout;
    const char *values = s->page + w->kv_head * layout->head_bytes + layout->k_bytes;
    size_t column = first * w->group;
    w->call->cpu->kernels.values[layout->v_format](&(ink_values){
        .rows = values + begin * layout->v_row_bytes,
        .row_bytes = layout->v_row_bytes,
        .n_rows = end - begin,
        .head_dim = layout->v_dim,
        .p = w->scores + column * INK_PAGE + begin,
        .p_stride = INK_PAGE,
        .rescale = w->rescale + column,
        .n_cols = n * w->group,
        .acc = w->chunk_sums + column * layout->v_dim,
        .acc_stride = layout->v_dim,
    });
}

/*
 * Pages lie apart, where no hardware guesses the next one: its keys are asked for before this one's
 * scores, its values before this one's values, into the second cache.
 */
static void read_ahead(const ink_attend_work *w, const sight *s, bool values)
{
    size_t next = s->index + 1;
    if (next % INK_CHUNK_PAGES == 0 ||
        next > range_of_all(w, s->first_token, s->end_token).last / INK_PAGE)
        return;
    const char *head = w->sequence->pages[s->layer][next] + w->kv_head * s->layout->head_bytes;
    size_t begin = values ? s->layout->k_bytes : 0,
           end = values ? s->layout->head_bytes : s->layout->k_bytes;
    for (size_t at = begin; at < end; at += 64)
        __builtin_prefetch(head + at, 0, 2);
}

static void attend_sight(const ink_attend_work *w, const sight *s)
{
    size_t begin, end, first_begin, first_end, page = s->index;
    bool alike = true;
    rows_seen(range_of_all(w, s->first_token, s->end_token), page, &begin, &end);
    if (begin >= end)
        return; /* the page may be gone already in this form */
    read_ahead(w, s, false);
    score_page(w, s, end);
    rows_seen(w->ranges[s->first_token], page, &first_begin, &first_end);
    for (size_t t = s->first_token; t < s->end_token; t++) {
        rows_seen(w->ranges[t], page, &begin, &end);
        alike = alike && begin == first_begin && end == first_end;
        for (size_t g = 0; begin < end && g < w->group; g++)
            soften(w, t * w->group + g, begin, end);
    }
    read_ahead(w, s, true);
    if (alike && first_begin < first_end)
        add_values(w, s, s->first_token, s->end_token - s->first_token, first_begin, first_end);
    for (size_t t = s->first_token; !alike && t < s->end_token; t++) {
        rows_seen(w->ranges[t], page, &begin, &end);
        if (begin < end)
            add_values(w, s, t, 1, begin, end);
    }
}

static bool sees_recent(const ink_attend_work *w, size_t token, size_t page)
{
    return page >= w->ranges[token].first_recent;
}

/* The page in the form that its first token sees. */
static void look(const ink_attend_work *w, sight *s)
{
    bool recent = sees_recent(w, s->first_token, s->index);
    s->layer = w->attention->layer + (recent ? w->sequence->n_layers : 0);
    s->layout = &w->sequence->layouts[s->layer];
    s->page = w->sequence->pages[s->layer][s->index];
}

/* Neighbors that see a page in the same form see it together. */
static void attend_page(const ink_attend_work *w, size_t page)
{
    sight s = {.index = page};
    for (; s.first_token < w->run.n_tokens; s.first_token = s.end_token) {
        bool recent = sees_recent(w, s.first_token, page), same = true;
        for (s.end_token = s.first_token + 1; same && s.end_token < w->run.n_tokens;) {
            same = recent == sees_recent(w, s.end_token, page);
            s.end_token += same;
        }
        look(w, &s);
        attend_sight(w, &s);
    }
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

void ink_attend_chunk(const ink_attend_work *w, size_t chunk)
{
    ink_attend_range all = range_of_all(w, 0, w->run.n_tokens);
    size_t page = ink_size_max(all.first / INK_PAGE, chunk * INK_CHUNK_PAGES);
    size_t last_page = ink_size_min(all.last / INK_PAGE, (chunk + 1) * INK_CHUNK_PAGES - 1);
    for (size_t i = 0; i < w->n_columns; i++)
        w->chunk_states[i] = (ink_softmax_state){-INFINITY, 0};
    memset(w->chunk_sums, 0, w->n_columns * w->layout->v_dim * sizeof *w->chunk_sums);
    for (; page <= last_page; page++)
        attend_page(w, page);
}

/* ---- What was seen --------------------------------------------------------------------------- */

/* Of one query, with its scores of rows [0, n) of a page. */
static void add_heat(const ink_attend_work *w, size_t column, size_t page, size_t n)
{
    float *scores = w->scores + column * INK_PAGE;
    const ink_softmax_state *state = &w->states[column];
    _Atomic uint32_t *heat = w->sequence->heat + page * INK_PAGE;
    scale_scores(w, scores, 0, n);
    for (size_t row = 0; row < n; row++)
        scores[row] -= state->max;
    w->call->cpu->kernels.exp(scores, scores, n);
    for (size_t row = 0; row < n; row++) {
        float part = scores[row] / state->sum; /* may be no number */
        float seen = (part < 1 ? part : 1) * w->sequence->heat_of_one;
        if (part > 0)
            atomic_fetch_add_explicit(&heat[row], (uint32_t)seen, memory_order_relaxed);
    }
}

void ink_attend_observe(const ink_attend_work *w)
{
    for (size_t t = 0; t < w->run.n_tokens; t++) {
        size_t last = w->ranges[t].last, begin, end;
        if (w->attention->window || last < w->sequence->first_observed)
            continue;
        for (size_t page = 0; page <= last / INK_PAGE; page++) {
            sight s = {.index = page, .first_token = t, .end_token = t + 1};
            look(w, &s);
            rows_seen(w->ranges[t], page, &begin, &end);
            score_page(w, &s, end);
            for (size_t g = 0; g < w->group; g++)
                add_heat(w, t * w->group + g, page, end);
        }
    }
}
