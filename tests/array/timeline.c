#include "timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *random_floats(size_t n, uint64_t *seed)
{
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    ink_fill_random(x, n, seed);
    return x;
}

static void clear_pages(timeline *t)
{
    for (size_t form = 0; form < 2; form++) /* not a number where nothing was stored */
        for (size_t i = 0; i * INK_PAGE < t->v->n_tokens; i++)
            memset(t->pages[form][i], 0xff, t->layouts[form].page_bytes);
}

static void make_pages(timeline *t, size_t form)
{
    const variant *v = t->v;
    size_t n_pages = (v->n_tokens + INK_PAGE - 1) / INK_PAGE;
    t->layouts[form] = (ink_kv_layout){.k_format = form ? INK_FORMAT_Q8_0 : v->format,
                                       .v_format = form               ? INK_FORMAT_Q8_0
                                                   : v->narrow_values ? INK_FORMAT_G2
                                                                      : v->format,
                                       .k_rotated = v->rotated,
                                       .v_rotated = v->rotated,
                                       .n_recent = v->n_recent,
                                       .n_heads = form && v->n_recent == 0 ? 0 : v->n_kv_heads,
                                       .k_dim = v->k_dim,
                                       .v_dim = v->v_dim};
    assert_true(t->layouts[form].n_heads == 0 || ink_kv_layout_init(&t->layouts[form]));
    t->pages[form] = calloc(n_pages, sizeof *t->pages[form]);
    assert_non_null(t->pages[form]);
    for (size_t i = 0; i < n_pages; i++) {
        t->pages[form][i] = malloc(t->layouts[form].page_bytes + 1);
        assert_non_null(t->pages[form][i]);
    }
    t->layers[form] = t->pages[form];
}

void timeline_init(timeline *t, const variant *v, uint64_t seed)
{
    *t = (timeline){.v = v};
    make_pages(t, 0);
    make_pages(t, 1);
    clear_pages(t);
    t->sequence = (ink_kv_sequence){.n_layers = 1, .layouts = t->layouts, .pages = t->layers};
    t->q = random_floats(v->n_tokens * v->n_heads * v->k_dim, &seed);
    t->for_sinks = random_floats(v->n_tokens * v->n_heads * v->k_dim, &seed);
    t->heat = calloc(v->n_tokens, sizeof *t->heat);
    assert_non_null(t->heat);
    t->sequence.n_sink_pages = v->n_sink_pages;
    t->sequence.heat = v->looks_ahead ? NULL : (_Atomic uint32_t *)t->heat;
    t->sequence.first_observed = v->n_tokens > OBSERVED ? v->n_tokens - OBSERVED : 0;
    t->sequence.heat_of_one = 0x1p24f;
    t->k = random_floats(v->n_tokens * v->n_kv_heads * v->k_dim, &seed);
    t->val = random_floats(v->n_tokens * v->n_kv_heads * v->v_dim, &seed);
    ink_fill_random(t->sinks, v->n_heads, &seed);
    for (size_t i = 0; i < v->n_tokens * v->n_heads * v->k_dim; i++)
        t->q[i] *= 4; /* scores with some contrast */
}

void timeline_deinit(timeline *t)
{
    for (size_t form = 0; form < 2; form++) {
        for (size_t i = 0; i * INK_PAGE < t->v->n_tokens; i++)
            free(t->pages[form][i]);
        free(t->pages[form]);
    }
    free(t->q);
    free(t->for_sinks);
    free(t->heat);
    free(t->k);
    free(t->val);
}

static ink_attention attention_of(const variant *v)
{
    return (ink_attention){
        .n_heads = v->n_heads,
        .n_kv_heads = v->n_kv_heads,
        .k_dim = v->k_dim,
        .v_dim = v->v_dim,
        .scale = 1 / sqrtf((float)v->k_dim),
        .soft_cap = v->soft_cap,
        .window = v->window,
        .causal = !v->looks_ahead,
        .n_context = v->n_tokens,
        .twofold = v->n_sink_pages > 0,
    };
}

/* ---- Running */

typedef struct step {
    ink_graph_run run;
    ink_array *q, *k, *v, *positions, *sequences, *y;
} step;

static size_t query_width(const variant *v)
{
    return v->n_sink_pages ? 2 * v->k_dim : v->k_dim;
}

static void put_queries(const timeline *t, size_t token, float *q)
{
    const size_t n_heads = t->v->n_heads, k_dim = t->v->k_dim, width = query_width(t->v);
    for (size_t head = 0; head < n_heads; head++) {
        size_t at = (token * n_heads + head) * k_dim;
        memcpy(q + head * width, t->q + at, k_dim * sizeof *q);
        if (width > k_dim)
            memcpy(q + head * width + k_dim, t->for_sinks + at, k_dim * sizeof *q);
    }
}

static void record(step *s, const variant *v, float *sinks, size_t n, int n_threads)
{
    ink_graph_run_init(&s->run, n_threads);
    ink_graph *graph = &s->run.graph;
    const ink_attention attention = attention_of(v);
    s->q = ink_input(graph, INK_F32, 3, (size_t[]){n, v->n_heads, query_width(v)});
    s->k = ink_input(graph, INK_F32, 3, (size_t[]){n, v->n_kv_heads, v->k_dim});
    s->v = ink_input(graph, INK_F32, 3, (size_t[]){n, v->n_kv_heads, v->v_dim});
    s->positions = ink_input(graph, INK_I32, 1, &n);
    s->sequences = ink_input(graph, INK_POINTER, 1, &n);
    ink_array *stored = ink_store(s->k, s->v, s->positions, s->sequences, &attention);
    ink_array *by_head = ink_vector(graph, v->sinks ? sinks : NULL, v->n_heads);
    s->y = ink_output(ink_attend(s->q, stored, s->positions, s->sequences, by_head, &attention));
    ink_graph_run_compile(&s->run);
}

float *attend(const place *places, size_t n, int n_threads)
{
    step s;
    const variant *v = places->of->v;
    size_t q_size = v->n_heads * query_width(v), k_size = v->n_kv_heads * v->k_dim,
           v_size = v->n_kv_heads * v->v_dim;
    size_t y_size = v->n_heads * v->v_dim;
    record(&s, v, places->of->sinks, n, n_threads);
    float *q = ink_graph_run_data(&s.run, s.q), *k = ink_graph_run_data(&s.run, s.k);
    float *val = ink_graph_run_data(&s.run, s.v);
    int32_t *positions = ink_graph_run_data(&s.run, s.positions);
    const ink_kv_sequence **sequences = ink_graph_run_data(&s.run, s.sequences);
    for (size_t i = 0; i < n; i++) {
        timeline *t = places[i].of;
        size_t at = places[i].position;
        put_queries(t, at, q + i * q_size);
        memcpy(k + i * k_size, t->k + at * k_size, k_size * sizeof *k);
        memcpy(val + i * v_size, t->val + at * v_size, v_size * sizeof *val);
        positions[i] = (int32_t)at;
        sequences[i] = &t->sequence;
        if (t->sequence.n_positions < at + 1)
            t->sequence.n_positions = at + 1;
    }
    ink_graph_run_go(&s.run);
    float *out = malloc(n * y_size * sizeof *out);
    assert_non_null(out);
    memcpy(out, ink_graph_run_data(&s.run, s.y), n * y_size * sizeof *out);
    ink_graph_run_deinit(&s.run);
    return out;
}

float *attend_all(timeline *t, size_t batch, int n_threads)
{
    size_t n = t->v->n_tokens, y_size = t->v->n_heads * t->v->v_dim;
    float *out = calloc(n * y_size, sizeof *out);
    place *places = calloc(n, sizeof *places);
    assert_true(out && places);
    t->sequence.n_positions = 0;
    memset(t->heat, 0, n * sizeof *t->heat);
    clear_pages(t);
    for (size_t i = 0; i < n; i++)
        places[i] = (place){t, i};
    for (size_t first = 0; first < n; first += batch) {
        size_t n_batch = batch < n - first ? batch : n - first;
        float *part = attend(places + first, n_batch, n_threads);
        memcpy(out + first * y_size, part, n_batch * y_size * sizeof *out);
        free(part);
    }
    free(places);
    return out;
}
