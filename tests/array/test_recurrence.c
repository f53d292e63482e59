/*
 * Ops that carry a state along a sequence, against their definitions in double precision; and what
 * a token gets depends neither on the batch, nor on the threads, nor on other sequences.
 */
#include "graph_run.h"

#include <stdlib.h>
#include <string.h>

#define N_TOKENS 40
#define N_SEQUENCES 2

/* Up to 8 products of numbers below 1 and as many sums: far below 1e-5, as in test_ops. */
#define TOLERANCE 1e-5

typedef struct variant {
    const char *name;
    size_t n_channels, n_taps;
    bool bias;
} variant;

static const variant variants[] = {
    {"three_taps", 32, 3, false},
    {"a_bias", 48, 4, true},
    {"odd_channels", 7, 2, true},
    {"several_tasks", 700, 5, true},
};

#define N_VARIANTS (sizeof variants / sizeof *variants)

/* Two sequences whose tokens stand in one list, and what belongs to them. */
typedef struct timeline {
    const variant *v;
    uint8_t owners[N_TOKENS];      /* the sequence of each token */
    float *x, *weight, *bias;      /* [N_TOKENS][n_channels], [n_channels][n_taps], [n_channels] */
    float *state[N_SEQUENCES];     /* room for one float more than the op may touch, on each side */
    float *states[N_SEQUENCES][2]; /* by layer: none, and this one */
    ink_kv_sequence sequences[N_SEQUENCES];
} timeline;

static const ink_state_place place = {.layer = 1, .offset = 1};

static float *random_floats(size_t n, uint64_t *seed)
{
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    ink_fill_random(x, n, seed);
    return x;
}

static size_t state_floats(const variant *v)
{
    return (v->n_taps - 1) * v->n_channels;
}

static void clear_states(timeline *t)
{
    size_t n = state_floats(t->v);
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        memset(t->state[s], 0, (n + 2) * sizeof(float));
        t->state[s][0] = t->state[s][n + 1] = 77;
    }
}

static void timeline_init(timeline *t, const variant *v, uint64_t seed)
{
    *t = (timeline){.v = v};
    t->x = random_floats(N_TOKENS * v->n_channels, &seed);
    t->weight = random_floats(v->n_channels * v->n_taps, &seed);
    t->bias = random_floats(v->n_channels, &seed);
    for (size_t i = 0; i < N_TOKENS; i++)
        t->owners[i] = i % 5 == 3 || i % 7 == 2;
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        t->state[s] = calloc(state_floats(v) + 2, sizeof(float));
        assert_non_null(t->state[s]);
        t->states[s][1] = t->state[s];
        t->sequences[s] = (ink_kv_sequence){.n_layers = 2, .states = t->states[s]};
    }
    clear_states(t);
}

static void timeline_deinit(timeline *t)
{
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        assert_true(t->state[s][0] == 77 && t->state[s][state_floats(t->v) + 1] == 77);
        free(t->state[s]);
    }
    free(t->x);
    free(t->weight);
    free(t->bias);
}

/* Tokens [first, first + n) of the list in one step. `read`: whether anything reads the result. */
static void run_step(timeline *t, size_t first, size_t n, int n_threads, float *out)
{
    const variant *v = t->v;
    size_t n_channels = v->n_channels;
    ink_graph_run run;
    ink_graph_run_init(&run, n_threads);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){n, n_channels});
    ink_array *sequences = ink_input(&run.graph, INK_POINTER, 1, &n);
    ink_array *weight = ink_constant(&run.graph, t->weight, 2, (size_t[]){n_channels, v->n_taps});
    ink_array *y = ink_convolve(
        x, weight, v->bias ? ink_vector(&run.graph, t->bias, n_channels) : NULL, sequences, place);
    if (out)
        (void)ink_output(y);
    ink_graph_run_compile(&run);
    memcpy(ink_graph_run_data(&run, x), t->x + first * n_channels, n * n_channels * sizeof(float));
    const ink_kv_sequence **pointers = ink_graph_run_data(&run, sequences);
    for (size_t i = 0; i < n; i++)
        pointers[i] = &t->sequences[t->owners[first + i]];
    ink_graph_run_go(&run);
    if (out)
        memcpy(out + first * n_channels, ink_graph_run_data(&run, y),
               n * n_channels * sizeof(float));
    ink_graph_run_deinit(&run);
}

/* The token `back` tokens before this one in its sequence; N_TOKENS: there is none. */
static size_t earlier(const timeline *t, size_t token, size_t back)
{
    uint8_t owner = t->owners[token];
    while (back > 0 && token-- > 0)
        back -= t->owners[token] == owner;
    return back > 0 ? N_TOKENS : token;
}

static void define(const timeline *t, double *out)
{
    size_t n = t->v->n_channels, n_taps = t->v->n_taps;
    for (size_t token = 0; token < N_TOKENS; token++) {
        for (size_t channel = 0; channel < n; channel++) {
            double sum = t->v->bias ? t->bias[channel] : 0;
            for (size_t j = 0; j < n_taps; j++) {
                size_t at = earlier(t, token, n_taps - 1 - j);
                if (at < N_TOKENS)
                    sum += (double)t->weight[channel * n_taps + j] * t->x[at * n + channel];
            }
            out[token * n + channel] = sum;
        }
    }
}

static void a_variant(void **state)
{
    static const size_t steps[] = {1, 2, 7, 16};
    const variant *v = *state;
    size_t n = N_TOKENS * v->n_channels;
    timeline t;
    timeline_init(&t, v, 5);
    float *whole = calloc(n, sizeof *whole), *got = calloc(n, sizeof *got);
    double *wanted = calloc(n, sizeof *wanted);
    assert_true(whole && got && wanted);
    define(&t, wanted);
    run_step(&t, 0, N_TOKENS, 1, whole);
    ink_assert_close(whole, wanted, n, TOLERANCE, v->name);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        clear_states(&t);
        for (size_t at = 0; at < N_TOKENS; at += steps[i])
            run_step(&t, at, at + steps[i] < N_TOKENS ? steps[i] : N_TOKENS - at, 3, got);
        assert_memory_equal(whole, got, n * sizeof *got);
    }
    timeline_deinit(&t);
    free(whole);
    free(got);
    free(wanted);
}

/* A step whose result nobody reads still moves the sequences on. */
static void a_state_moves_on_unread(void **state)
{
    const variant *v = &variants[1];
    size_t n = N_TOKENS * v->n_channels, rest = 9 * v->n_channels;
    timeline t;
    (void)state;
    timeline_init(&t, v, 6);
    float *whole = calloc(n, sizeof *whole), *got = calloc(n, sizeof *got);
    assert_true(whole && got);
    run_step(&t, 0, N_TOKENS, 2, whole);
    clear_states(&t);
    run_step(&t, 0, 9, 2, NULL);
    run_step(&t, 9, N_TOKENS - 9, 2, got);
    assert_memory_equal(whole + rest, got + rest, (n - rest) * sizeof *got);
    timeline_deinit(&t);
    free(whole);
    free(got);
}

int main(void)
{
    struct CMUnitTest tests[N_VARIANTS + 1];
    for (size_t i = 0; i < N_VARIANTS; i++)
        tests[i] = (struct CMUnitTest){.name = variants[i].name,
                                       .test_func = a_variant,
                                       .initial_state = (void *)(uintptr_t)&variants[i]};
    tests[N_VARIANTS] = (struct CMUnitTest)cmocka_unit_test(a_state_moves_on_unread);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
