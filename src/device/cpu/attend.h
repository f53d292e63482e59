/*
 * Attention from inside: what is at work together is a run, neighboring tokens of one sequence, for
 * one key/value head. attend_chunk.c sums up what a run sees of one chunk of pages; attend.c merges
 * chunks, and makes tasks of them.
 */
#ifndef INK_DEVICE_CPU_ATTEND_H
#define INK_DEVICE_CPU_ATTEND_H

#include "base/size.h"
#include "device/cpu/cpu.h"

#define INK_CHUNK_POSITIONS ((size_t)INK_CHUNK_PAGES * INK_PAGE)

/* Positions that a token sees, both included. */
typedef struct ink_attend_range {
    size_t first, last;
    size_t first_recent; /* the page from which on it sees the wider form; of single tokens alone */
} ink_attend_range;

typedef struct ink_attend_run {
    size_t first_token, n_tokens;
    size_t first_chunk, n_chunks; /* that any of its tokens sees */
} ink_attend_run;

/* A column is one query: token-major, then the heads of the group. */
typedef struct ink_attend_work {
    const ink_cpu_call *call;
    const ink_attention *attention;
    const ink_kv_sequence *sequence;
    const ink_kv_layout *layout;
    ink_attend_run run;
    size_t kv_head, group, n_columns;
    ink_attend_range *ranges; /* [run.n_tokens] */
    void *queries; /* [n_columns][k_dim], as the key format wants them; twofold: [2][..][..] */
    size_t query_stride;                      /* in ink_q8 or float */
    float *query;                             /* [k_dim], one that is being rotated */
    float *scores, *rescale;                  /* [n_columns][INK_PAGE], [n_columns] */
    float *sums, *chunk_sums;                 /* [n_columns][v_dim] */
    ink_softmax_state *states, *chunk_states; /* [n_columns] */
    void *matmul_scratch;
} ink_attend_work;

static inline size_t ink_attend_group(const ink_attention *attention)
{
    return attention->n_heads / attention->n_kv_heads;
}

/* How many tokens are at work together at most. */
size_t ink_attend_block(const ink_attention *attention);

/* Gives the work its arrays, for a block of tokens. */
void ink_attend_use_scratch(ink_attend_work *w, const ink_attention *attention, void *scratch);

static inline ink_attend_range ink_attend_join(ink_attend_range a, ink_attend_range b)
{
    return (ink_attend_range){.first = ink_size_min(a.first, b.first),
                              .last = ink_size_max(a.last, b.last)};
}

/* The run's queries, as the key format wants them. */
void ink_attend_load_queries(ink_attend_work *w);

/* What its queries see of one chunk, into chunk_sums and chunk_states. */
void ink_attend_chunk(const ink_attend_work *w, size_t chunk);

/* Adds to the sequence's heat what its queries, whose states are whole, saw in each position. */
void ink_attend_observe(const ink_attend_work *w);

#endif
