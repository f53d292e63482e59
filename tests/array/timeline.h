/*
 * What tests of attention share: sequences with pages of their own and random queries, keys and
 * values for each position, and steps that store and attend at any positions of them.
 */
#ifndef INK_TESTS_TIMELINE_H
#define INK_TESTS_TIMELINE_H

#include "graph_run.h"

#define MAX_HEADS 8
#define OBSERVED 8

typedef struct variant {
    const char *name;
    ink_format format;
    size_t n_heads, n_kv_heads, k_dim, v_dim;
    size_t n_tokens, n_checked; /* the last n_checked are compared with the definition */
    float soft_cap;
    size_t window;
    bool looks_ahead, sinks;
    bool rotated, narrow_values; /* narrow: values are in G2 */
    size_t n_recent;             /* latest positions that are kept in Q8_0 as well */
    size_t n_sink_pages;
} variant;

typedef struct timeline {
    const variant *v;
    ink_kv_layout layouts[2]; /* the second: of latest positions */
    ink_kv_sequence sequence;
    void **pages[2], *const *layers[2];
    float *q, *k, *val; /* [n_tokens][heads][dim] */
    float *for_sinks;   /* q's second form */
    uint32_t *heat;     /* [n_tokens], of the last OBSERVED tokens; 0 where they look ahead */
    float sinks[MAX_HEADS];
} timeline;

/* The context is as long as the variant has tokens. */
void timeline_init(timeline *t, const variant *v, uint64_t seed);
void timeline_deinit(timeline *t);

typedef struct place {
    timeline *of;
    size_t position;
} place;

/* One step, its context that of the first place. Returns [n][n_heads][v_dim]; ended by free(). */
float *attend(const place *places, size_t n, int n_threads);

/* All tokens of a timeline in batches. */
float *attend_all(timeline *t, size_t batch, int n_threads);

#endif
