/*
 * Ops that carry a state along a sequence, against their definitions in double precision; and what
 * a token gets depends neither on the batch, nor on the threads, nor on other sequences.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_TOKENS 40
#define N_SEQUENCES 2

/*
 * Sums of up to 48 products of numbers of magnitude 1, over states that decay by 0.73 a token at
 * least and so hold less than 4: 200 roundings of 2^-24, as in test_ops.
 */
#define TOLERANCE 2e-5

typedef struct timeline timeline;

/* All that an op reads of a token stands in one row of x. */
typedef struct variant {
    const char *name;
    ink_array *(*record)(const timeline *t, ink_array *x, ink_array *sequences);
    void (*define)(const timeline *t, double *out);
    size_t n_in, n_out, n_state; /* floats of a token, of a result, of a state */
    size_t n_taps;               /* of a convolution */
    bool bias;
    size_t n_heads, dim, n_groups, width; /* of a scan */
    bool delta;                           /* with rates, heads taking groups in turn */
} variant;

/* Two sequences whose tokens stand in one list, and what belongs to them. */
struct timeline {
    const variant *v;
    uint8_t owners[N_TOKENS];      /* the sequence of each token */
    float *x;                      /* [N_TOKENS][n_in] */
    float *weight, *bias;          /* [n_in][n_taps], [n_in] */
    float *state[N_SEQUENCES];     /* with a float before and one behind that no op may touch */
    float *states[N_SEQUENCES][2]; /* by layer: none, and this one */
    ink_kv_sequence sequences[N_SEQUENCES];
};

static const ink_state_place place = {.layer = 1, .offset = 1};

static float *random_floats(size_t n, uint64_t *seed)
{
    float *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    ink_fill_random(x, n, seed);
    return x;
}

static void clear_states(timeline *t)
{
    size_t n = t->v->n_state;
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        memset(t->state[s], 0, (n + 2) * sizeof(float));
        t->state[s][0] = t->state[s][n + 1] = 77;
    }
}

static void timeline_init(timeline *t, const variant *v, uint64_t seed)
{
    *t = (timeline){.v = v};
    t->x = random_floats(N_TOKENS * v->n_in, &seed);
    t->weight = random_floats(v->n_in * v->n_taps, &seed);
    t->bias = random_floats(v->n_in, &seed);
    for (size_t i = 0; i < N_TOKENS; i++)
        t->owners[i] = i % 5 == 3 || i % 7 == 2;
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        t->state[s] = calloc(v->n_state + 2, sizeof(float));
        assert_non_null(t->state[s]);
        t->states[s][1] = t->state[s];
        t->sequences[s] = (ink_kv_sequence){.n_layers = 2, .states = t->states[s]};
    }
    clear_states(t);
}

static void timeline_deinit(timeline *t)
{
    for (size_t s = 0; s < N_SEQUENCES; s++) {
        assert_true(t->state[s][0] == 77 && t->state[s][t->v->n_state + 1] == 77);
        free(t->state[s]);
    }
    free(t->x);
    free(t->weight);
    free(t->bias);
}

/* Tokens [first, first + n) of the list in one step. out NULL: nothing reads the result. */
static void run_step(timeline *t, size_t first, size_t n, int n_threads, float *out)
{
    const variant *v = t->v;
    ink_graph_run run;
    ink_graph_run_init(&run, n_threads);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){n, v->n_in});
    ink_array *sequences = ink_input(&run.graph, INK_POINTER, 1, &n);
    ink_array *y = v->record(t, x, sequences);
    if (out)
        (void)ink_output(y);
    ink_graph_run_compile(&run);
    memcpy(ink_graph_run_data(&run, x), t->x + first * v->n_in, n * v->n_in * sizeof(float));
    const ink_kv_sequence **pointers = ink_graph_run_data(&run, sequences);
    for (size_t i = 0; i < n; i++)
        pointers[i] = &t->sequences[t->owners[first + i]];
    ink_graph_run_go(&run);
    if (out)
        memcpy(out + first * v->n_out, ink_graph_run_data(&run, y), n * v->n_out * sizeof(float));
    ink_graph_run_deinit(&run);
}

/* ---- Convolution. */

static ink_array *record_convolution(const timeline *t, ink_array *x, ink_array *sequences)
{
    const variant *v = t->v;
    ink_array *weight = ink_constant(x->graph, t->weight, 2, (size_t[]){v->n_in, v->n_taps});
    ink_array *bias = v->bias ? ink_vector(x->graph, t->bias, v->n_in) : NULL;
    return ink_convolve(x, weight, bias, sequences, place);
}

/* The token `back` tokens before this one in its sequence; N_TOKENS: there is none. */
static size_t earlier(const timeline *t, size_t token, size_t back)
{
    uint8_t owner = t->owners[token];
    while (back > 0 && token-- > 0)
        back -= t->owners[token] == owner;
    return back > 0 ? N_TOKENS : token;
}

static void define_convolution(const timeline *t, double *out)
{
    size_t n = t->v->n_in, n_taps = t->v->n_taps;
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

/* ---- Scan: of a token, x has values, keys, queries, and what decays and rates are sigmoids of. */

typedef struct columns {
    size_t keys, queries, decays, rates; /* where they begin */
} columns;

static columns columns_of(const variant *v)
{
    size_t keys = v->n_heads * v->dim, n = v->n_groups * v->width;
    return (columns){keys, keys + n, keys + 2 * n, keys + 2 * n + v->n_heads};
}

static ink_array *record_scan(const timeline *t, ink_array *x, ink_array *sequences)
{
    const variant *v = t->v;
    columns at = columns_of(v);
    size_t n = x->shape[0], n_keys = at.queries - at.keys;
    const size_t heads[3] = {n, v->n_heads, v->dim}, groups[3] = {n, v->n_groups, v->width};
    ink_array *decays = ink_slice(x, at.decays, v->n_heads);
    ink_array *rates = v->delta ? ink_slice(x, at.rates, v->n_heads) : NULL;
    return ink_scan(
        &(ink_scan_inputs){.values = ink_reshape(ink_slice(x, 0, at.keys), 3, heads),
                           .decays = ink_activate(INK_ACTIVATION_SIGMOID, decays),
                           .rates = ink_activate(INK_ACTIVATION_SIGMOID, rates),
                           .keys = ink_reshape(ink_slice(x, at.keys, n_keys), 3, groups),
                           .queries = ink_reshape(ink_slice(x, at.queries, n_keys), 3, groups),
                           .sequences = sequences},
        (ink_scan_layout){place, v->delta});
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void define_token(const variant *v, const float *x, double *state, double *out)
{
    columns at = columns_of(v);
    for (size_t head = 0; head < v->n_heads; head++) {
        double *s = state + head * v->width * v->dim;
        size_t group = v->delta ? head % v->n_groups : head / (v->n_heads / v->n_groups);
        const float *key = x + at.keys + group * v->width, *query = key + at.queries - at.keys;
        double decay = sigmoid(x[at.decays + head]);
        for (size_t d = 0; d < v->dim; d++) {
            double sum = 0, known = 0, value = x[head * v->dim + d];
            for (size_t i = 0; i < v->width; i++)
                known += decay * key[i] * s[i * v->dim + d];
            if (v->delta)
                value = sigmoid(x[at.rates + head]) * (value - known);
            for (size_t i = 0; i < v->width; i++) {
                double *entry = &s[i * v->dim + d];
                *entry = *entry * decay + key[i] * value;
                sum += query[i] * *entry;
            }
            out[head * v->dim + d] = sum;
        }
    }
}

static void define_scan(const timeline *t, double *out)
{
    const variant *v = t->v;
    double *states = calloc(N_SEQUENCES * v->n_state, sizeof *states);
    assert_non_null(states);
    for (size_t token = 0; token < N_TOKENS; token++)
        define_token(v, t->x + token * v->n_in, states + t->owners[token] * v->n_state,
                     out + token * v->n_out);
    free(states);
}

/* ---- Variants. */

/* clang-format off */
#define CONVOLUTION(name, channels, taps, bias) \
    {name, record_convolution, define_convolution, channels, channels, ((taps)-1) * (channels), \
     taps, bias, 0, 0, 0, 0, false}
#define SCAN(name, heads, dim, groups, width, delta) \
    {name, record_scan, define_scan, (heads) * (dim) + 2 * (groups) * (width) + 2 * (heads), \
     (heads) * (dim), (heads) * (dim) * (width), 0, false, heads, dim, groups, width, delta}

static const variant variants[] = {
    CONVOLUTION("three_taps", 32, 3, false),
    CONVOLUTION("a_bias", 48, 4, true),
    CONVOLUTION("odd_channels", 7, 2, true),
    CONVOLUTION("several_tasks", 700, 5, true),
    SCAN("one_head", 1, 16, 1, 8, false),
    SCAN("groups_of_heads", 6, 32, 2, 16, false),
    SCAN("odd_heads", 3, 5, 3, 7, false),
    SCAN("wide_keys", 2, 16, 1, 48, false),
    SCAN("delta", 1, 16, 1, 3, true),
    SCAN("delta_in_turn", 6, 32, 2, 4, true),
    SCAN("delta_odd", 3, 5, 3, 2, true),
};
/* clang-format on */

#define N_VARIANTS (sizeof variants / sizeof *variants)

static void a_variant(void **state)
{
    static const size_t steps[] = {1, 2, 7, 16};
    const variant *v = *state;
    size_t n = N_TOKENS * v->n_out;
    timeline t;
    timeline_init(&t, v, 5);
    float *whole = calloc(n, sizeof *whole), *got = calloc(n, sizeof *got);
    double *wanted = calloc(n, sizeof *wanted);
    assert_true(whole && got && wanted);
    v->define(&t, wanted);
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
static void states_move_on_unread(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const variant *v = &variants[i];
        size_t n = N_TOKENS * v->n_out, rest = 9 * v->n_out;
        timeline t;
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
}

int main(void)
{
    struct CMUnitTest tests[N_VARIANTS + 1];
    for (size_t i = 0; i < N_VARIANTS; i++)
        tests[i] = (struct CMUnitTest){.name = variants[i].name,
                                       .test_func = a_variant,
                                       .initial_state = (void *)(uintptr_t)&variants[i]};
    tests[N_VARIANTS] = (struct CMUnitTest)cmocka_unit_test(states_move_on_unread);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
