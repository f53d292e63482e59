/*
 * Trials of the families of one dimension: every length to 200 with every kind of float, some long
 * ones, sweeps over the bits of all floats.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/half.h"

enum {
    MAX_LENGTH = 200,
    N_LENGTH_TRIALS = MAX_LENGTH * N_FLOAT_KINDS,
    N_LONG_TRIALS = 2 * N_FLOAT_KINDS,
    N_DRAWN = N_LENGTH_TRIALS + N_LONG_TRIALS,
    N_SWEEPS = 8,
    SWEEP = 1 << 16
};

static float *add_array(trial *t, const char *name, role use, size_t n)
{
    return trial_add(t, name, use, FLOATS, 1, n * sizeof(float), 0);
}

static float *add_input(trial *t, rng *r, const char *name, size_t n, float_kind kind)
{
    float *x = add_array(t, name, INPUT, n);
    fill_floats(r, x, n, kind);
    return x;
}

/* For the other arrays: often harmless, so that each array meets hostile values alone. */
static float_kind other_kind(rng *r)
{
    return rng_below(r, 2) ? FLOATS_UNIFORM : (float_kind)rng_below(r, N_FLOAT_KINDS);
}

/* Length and kind of trial `number`; false when there are no more. */
static bool next_length(trial *t, size_t number, float_kind *kind)
{
    if (number >= N_DRAWN)
        return false;
    bool is_long = number >= N_LENGTH_TRIALS;
    *kind = (float_kind)(is_long ? number % N_FLOAT_KINDS : number / MAX_LENGTH);
    t->n = is_long ? 900 + 131 * (number - N_LENGTH_TRIALS) : 1 + number % MAX_LENGTH;
    t->inputs[0] = float_kind_names[*kind];
    return true;
}

static void describe(const trial *t, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "n %zu, x %s", t->n, t->inputs[0]);
}

static float *floats_at(const trial *t, size_t i)
{
    return (float *)(void *)t->operands[i].at;
}

enum { TIMED_LENGTH = 2048 };

/* Sets what is timed; there is one size. */
static bool timed_length(trial *t, int size, bool large, size_t n_arrays)
{
    t->n = large ? 2 * TIMED_LENGTH : TIMED_LENGTH;
    t->bytes = (double)(t->n * n_arrays * sizeof(float));
    t->inputs[0] = "timed";
    return size == 0;
}

/* ---- y = f(x) */

/* Where a function changes branch, saturates or leaves the normal floats. */
static const float edges[] = {0x1p-149f,  FLT_MIN, FLT_MAX, 0.5f,       0.625f, 1.0f,
                              -1.0f,      20.0f,   -20.0f,  9.0f,       88.72f, -88.72f,
                              -87.33655f, 17.0f,   -17.0f,  -103.97208f};
enum { N_EDGES = sizeof edges / sizeof *edges };

/*
 * First steps over the bits of all floats, each sweep from another start, then each float around an
 * edge.
 */
static void draw_sweep(trial *t, rng *r, size_t number)
{
    bool is_edge = number >= N_SWEEPS;
    t->n = SWEEP;
    t->inputs[0] = is_edge ? "AROUND_AN_EDGE" : "SWEEP";
    add_array(t, "y", OUTPUT, t->n);
    float *x = add_array(t, "x", INPUT, t->n);
    uint32_t bits = (uint32_t)rng_next(r);
    if (is_edge)
        bits = ink_float_bits(edges[number - N_SWEEPS]) - SWEEP / 2;
    for (size_t i = 0; i < t->n; i++, bits += is_edge ? 1 : SWEEP + 1)
        x[i] = ink_float_from_bits(bits);
}

static bool draw_unary(trial *t, rng *r, size_t number)
{
    float_kind kind;
    if (next_length(t, number, &kind)) {
        add_array(t, "y", OUTPUT, t->n);
        add_input(t, r, "x", t->n, kind);
        return true;
    }
    if (number >= N_DRAWN + N_SWEEPS + N_EDGES)
        return false;
    draw_sweep(t, r, number - N_DRAWN);
    return true;
}

static bool time_unary(trial *t, rng *r, int size, bool large)
{
    bool more = timed_length(t, size, large, 2);
    add_array(t, "y", OUTPUT, t->n);
    add_input(t, r, "x", t->n, FLOATS_GAUSSIAN);
    return more;
}

static void call_unary(any_fn *fn, trial *t)
{
    ((ink_exp_fn *)fn)(floats_at(t, 0), floats_at(t, 1), t->n);
}

const family family_unary = {VECTORS, draw_unary, time_unary, call_unary, describe, 1};

/* ---- softmax: some score is above -INFINITY, and y is not x */

static bool draw_softmax(trial *t, rng *r, size_t number)
{
    float_kind kind;
    if (!next_length(t, number, &kind))
        return false;
    add_array(t, "y", OUTPUT, t->n);
    float *x = add_input(t, r, "x", t->n, kind);
    x[rng_below(r, t->n)] = rng_unit(r);
    return true;
}

const family family_softmax = {VECTORS, draw_softmax, time_unary, call_unary, describe, 0};

/* ---- softmax_page: also the state it updates and the factor it returns */

static void add_page(trial *t, rng *r, float_kind kind)
{
    add_array(t, "p", OUTPUT, t->n);
    float *scores = add_input(t, r, "scores", t->n, kind);
    for (size_t i = 0; i < t->n; i++)
        if (rng_below(r, 16) == 0)
            scores[i] = -INFINITY; /* masked */
    scores[rng_below(r, t->n)] = rng_unit(r);
    float *state = add_array(t, "state", IN_OUT, 2);
    bool first = rng_below(r, 3) == 0;
    state[0] = first ? -INFINITY : rng_unit(r) * 4;
    state[1] = first ? 0 : 1 + fabsf(rng_unit(r)) * 100;
    add_array(t, "factor", OUTPUT, 1);
}

static bool draw_page(trial *t, rng *r, size_t number)
{
    float_kind kind;
    if (!next_length(t, number, &kind))
        return false;
    add_page(t, r, kind);
    return true;
}

static bool time_page(trial *t, rng *r, int size, bool large)
{
    (void)large;
    bool more = timed_length(t, size, false, 2);
    t->n = 64;
    t->bytes = (double)(t->n * 2 * sizeof(float));
    add_page(t, r, FLOATS_GAUSSIAN);
    return more;
}

static void call_page(any_fn *fn, trial *t)
{
    ink_softmax_state *state = (ink_softmax_state *)(void *)t->operands[2].at;
    *floats_at(t, 3) = ((ink_softmax_page_fn *)fn)(floats_at(t, 0), floats_at(t, 1), t->n, state);
}

const family family_softmax_page = {VECTORS, draw_page, time_page, call_page, describe, 0};

/* ---- y = f(a, b) */

static bool draw_binary(trial *t, rng *r, size_t number)
{
    float_kind kind;
    if (!next_length(t, number, &kind))
        return false;
    add_array(t, "y", OUTPUT, t->n);
    add_input(t, r, "a", t->n, kind);
    add_input(t, r, "b", t->n, other_kind(r));
    return true;
}

static bool time_binary(trial *t, rng *r, int size, bool large)
{
    bool more = timed_length(t, size, large, 3);
    add_array(t, "y", OUTPUT, t->n);
    add_input(t, r, "a", t->n, FLOATS_GAUSSIAN);
    add_input(t, r, "b", t->n, FLOATS_GAUSSIAN);
    return more;
}

static void call_binary(any_fn *fn, trial *t)
{
    ((ink_add_fn *)fn)(floats_at(t, 0), floats_at(t, 1), floats_at(t, 2), t->n);
}

const family family_binary = {VECTORS, draw_binary, time_binary, call_binary, describe, 2};

/* ---- y = x * factor */

static bool draw_scale(trial *t, rng *r, size_t number)
{
    fill_floats(r, &t->factor, 1, other_kind(r));
    return number < N_DRAWN && draw_unary(t, r, number);
}

static bool time_scale(trial *t, rng *r, int size, bool large)
{
    t->factor = 0.7f;
    return time_unary(t, r, size, large);
}

static void call_scale(any_fn *fn, trial *t)
{
    ((ink_scale_fn *)fn)(floats_at(t, 0), floats_at(t, 1), t->factor, t->n);
}

static void describe_scale(const trial *t, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "n %zu, x %s, factor %a", t->n, t->inputs[0], (double)t->factor);
}

const family family_scale = {VECTORS, draw_scale, time_scale, call_scale, describe_scale, 1};

/* ---- norms */

static const float epsilons[] = {1e-5f, 1e-6f, 1e-12f, 0.0f, 1.0f};

static bool draw_norm(trial *t, rng *r, size_t number, bool has_bias)
{
    float_kind kind;
    if (!next_length(t, number, &kind))
        return false;
    t->epsilon = epsilons[number % (sizeof epsilons / sizeof *epsilons)];
    t->no_weight = rng_below(r, 8) == 0;
    t->no_bias = rng_below(r, 8) == 0;
    add_array(t, "y", OUTPUT, t->n);
    add_input(t, r, "x", t->n, kind);
    add_input(t, r, "weight", t->n, other_kind(r));
    if (has_bias)
        add_input(t, r, "bias", t->n, other_kind(r));
    return true;
}

static bool draw_rms_norm(trial *t, rng *r, size_t number)
{
    return draw_norm(t, r, number, false);
}

static bool draw_layer_norm(trial *t, rng *r, size_t number)
{
    return draw_norm(t, r, number, true);
}

static bool time_rms_norm(trial *t, rng *r, int size, bool large)
{
    t->epsilon = epsilons[0];
    return time_binary(t, r, size, large);
}

static bool time_layer_norm(trial *t, rng *r, int size, bool large)
{
    bool more = time_rms_norm(t, r, size, large);
    add_input(t, r, "bias", t->n, FLOATS_GAUSSIAN);
    return more;
}

static void call_rms_norm(any_fn *fn, trial *t)
{
    const float *weight = t->no_weight ? NULL : floats_at(t, 2);
    ((ink_rms_norm_fn *)fn)(floats_at(t, 0), floats_at(t, 1), weight, t->n, t->epsilon);
}

static void call_layer_norm(any_fn *fn, trial *t)
{
    const float *weight = t->no_weight ? NULL : floats_at(t, 2),
                *bias = t->no_bias ? NULL : floats_at(t, 3);
    ((ink_layer_norm_fn *)fn)(floats_at(t, 0), floats_at(t, 1), weight, bias, t->n, t->epsilon);
}

static void describe_norm(const trial *t, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "n %zu, x %s, epsilon %g%s%s", t->n, t->inputs[0],
             (double)t->epsilon, t->no_weight ? ", weight NULL" : "",
             t->no_bias ? ", bias NULL" : "");
}

const family family_rms_norm = {VECTORS,       draw_rms_norm, time_rms_norm,
                                call_rms_norm, describe_norm, 0};
const family family_layer_norm = {VECTORS,         draw_layer_norm, time_layer_norm,
                                  call_layer_norm, describe_norm,   0};

/* ---- rope: x turned in place, n pairs */

static bool add_rope(trial *t, rng *r, float_kind kind, float_kind angle_kind)
{
    float *x = add_array(t, "x", IN_OUT, 2 * t->n);
    fill_floats(r, x, 2 * t->n, kind);
    add_input(t, r, "cosine", t->n, angle_kind);
    add_input(t, r, "sine", t->n, angle_kind);
    return true;
}

static bool draw_rope(trial *t, rng *r, size_t number)
{
    float_kind kind;
    return next_length(t, number, &kind) && add_rope(t, r, kind, other_kind(r));
}

static bool time_rope(trial *t, rng *r, int size, bool large)
{
    bool more = timed_length(t, size, large, 4);
    add_rope(t, r, FLOATS_UNIFORM, FLOATS_UNIFORM);
    for (size_t i = 0; i < t->n;
         i++) { /* a true angle: x keeps its length however often it is turned */
        ((float *)(void *)t->operands[1].before)[i] = 0.6f;
        ((float *)(void *)t->operands[2].before)[i] = 0.8f;
    }
    return more;
}

static void call_rope(any_fn *fn, trial *t)
{
    ((ink_rope_pairs_fn *)fn)(floats_at(t, 0), floats_at(t, 1), floats_at(t, 2), t->n);
}

const family family_rope = {VECTORS, draw_rope, time_rope, call_rope, describe, 0};

/* ---- quantize_q8: n groups of 32 */

static bool add_groups(trial *t, rng *r, float_kind kind)
{
    trial_add(t, "y", OUTPUT, GROUPS, 1, t->n * sizeof(ink_q8), 0);
    add_input(t, r, "x", t->n * INK_Q8_GROUP, kind);
    return true;
}

static bool draw_quantize(trial *t, rng *r, size_t number)
{
    float_kind kind;
    return next_length(t, number, &kind) && add_groups(t, r, kind);
}

static bool time_quantize(trial *t, rng *r, int size, bool large)
{
    bool more = timed_length(t, size, large, 1);
    t->n /= INK_Q8_GROUP;
    return add_groups(t, r, FLOATS_GAUSSIAN) && more;
}

static void call_quantize(any_fn *fn, trial *t)
{
    ((ink_quantize_q8_fn *)fn)((ink_q8 *)(void *)t->operands[0].at, floats_at(t, 1), t->n);
}

const family family_quantize = {VECTORS, draw_quantize, time_quantize, call_quantize, describe, 0};
