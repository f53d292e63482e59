/*
 * Few tokens behind long contexts: whatever the number of threads, and so whether one takes a
 * head's chunks in turn or several share them, a token gets the same bits.
 */
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

#define N_TOKENS 3000 /* two chunks and most of a third */
#define LAST (N_TOKENS - 1)
#define MAX_BATCH 8

static const variant variants[] = {
    {"one_head", INK_FORMAT_F16, 1, 1, 16, 16, N_TOKENS, 0, 0, 0, false, false, false, false, 0, 0},
    {"one_head_for_all", INK_FORMAT_F32, 8, 1, 16, 24, N_TOKENS, 0, 0, 0, false, false, false,
     false, 0, 0},
    {"eight_heads", INK_FORMAT_Q8_0, 8, 8, 32, 32, N_TOKENS, 0, 0, 0, false, false, false, false, 0,
     0},
    {"odd_values", INK_FORMAT_F32, 6, 2, 8, 7, N_TOKENS, 0, 0, 0, false, false, false, false, 0, 0},
    {"sinks", INK_FORMAT_F32, 4, 2, 16, 16, N_TOKENS, 0, 0, 0, false, true, false, false, 0, 0},
    {"soft_cap", INK_FORMAT_F32, 4, 2, 16, 16, N_TOKENS, 0, 2.5f, 0, false, false, false, false, 0,
     0},
    {"window", INK_FORMAT_F32, 4, 2, 16, 16, N_TOKENS, 0, 0, 100, false, false, false, false, 0, 0},
    {"window_of_a_chunk", INK_FORMAT_F16, 4, 1, 16, 16, N_TOKENS, 0, 0, 1024, false, true, false,
     false, 0, 0},
    {"wide_window", INK_FORMAT_F32, 4, 1, 16, 16, N_TOKENS, 0, 4, 1500, false, true, false, false,
     0, 0},
    {"recent", INK_FORMAT_G3, 4, 1, 32, 32, N_TOKENS, 0, 0, 0, false, false, true, true, 128, 0},
    {"recent_chunks", INK_FORMAT_G3, 2, 1, 32, 32, N_TOKENS, 0, 0, 0, false, true, true, false,
     1500, 0},
    {"sink_pages", INK_FORMAT_F16, 4, 1, 16, 16, N_TOKENS, 0, 0, 0, false, true, false, false, 0,
     18},
    {"both_ways", INK_FORMAT_F32, 2, 1, 16, 16, N_TOKENS, 0, 0, 0, true, false, false, false, 0, 0},
    {"both_ways_in_a_window", INK_FORMAT_F32, 2, 1, 16, 16, N_TOKENS, 0, 0, 2200, true, false,
     false, false, 0, 0},
};

#define N_VARIANTS (sizeof variants / sizeof *variants)

/* Positions that one step asks for; `second` ones are of another sequence. */
typedef struct batch {
    size_t n;
    size_t positions[MAX_BATCH];
    bool second[MAX_BATCH];
} batch;

static const batch batches[] = {
    {1, {0}, {false}},
    {1, {1022}, {false}},
    {1, {1023}, {false}},
    {1, {1024}, {false}},
    {1, {1025}, {false}},
    {1, {2048}, {false}},
    {1, {LAST}, {false}},
    {4, {1022, 1023, 1024, 1025}, {false}},
    {4, {2046, 2047, 2048, 2049}, {false}},
    {2, {10, 11}, {false, true}},
    {4, {LAST - 1, LAST, 1024, 1025}, {false, false, true, true}},
    {4, {3, LAST, 1500, 2500}, {false, true, false, true}},
    {4, {LAST, 5, LAST, 5}, {false, false, true, true}}, /* not neighbors */
    {8, {2041, 2042, 2043, 2044, 2045, 2046, 2047, 2048}, {false}},
};

static void expect_bits(timeline *pair, float *const *wanted, const batch *b, int n_threads)
{
    const variant *v = pair[0].v;
    size_t y_size = v->n_heads * v->v_dim;
    place places[MAX_BATCH];
    for (size_t i = 0; i < b->n; i++)
        places[i] = (place){&pair[b->second[i]], b->positions[i]};
    float *got = attend(places, b->n, n_threads);
    for (size_t i = 0; i < b->n; i++)
        if (memcmp(got + i * y_size, wanted[b->second[i]] + b->positions[i] * y_size,
                   y_size * sizeof *got) != 0)
            fail_msg("%s: position %zu, %zu of %zu in a step, gets other bits with %d threads",
                     v->name, b->positions[i], i + 1, b->n, n_threads);
    free(got);
}

/* Whole sequences on one thread, where nothing is split, against single steps on several. */
static void a_variant(void **state)
{
    const variant *v = *state;
    timeline pair[2];
    float *wanted[2];
    for (size_t s = 0; s < 2; s++) {
        timeline_init(&pair[s], v, 0x853c49e6748fea9b + s);
        memcpy(pair[s].sinks, pair[0].sinks, sizeof pair[s].sinks); /* the layer's */
        wanted[s] = attend_all(&pair[s], v->looks_ahead ? N_TOKENS : 512, 1);
    }
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        for (int n_threads = 1; n_threads <= 3; n_threads++)
            expect_bits(pair, wanted, &batches[i], n_threads);
    for (size_t s = 0; s < 2; s++) {
        free(wanted[s]);
        timeline_deinit(&pair[s]);
    }
}

int main(void)
{
    struct CMUnitTest tests[N_VARIANTS];
    for (size_t i = 0; i < N_VARIANTS; i++)
        tests[i] = (struct CMUnitTest){.name = variants[i].name,
                                       .test_func = a_variant,
                                       .initial_state = (void *)(uintptr_t)&variants[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
