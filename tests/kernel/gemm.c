/*
 * Trials of the gemm family: every edge of a register tile, both layouts of both operands, rows
 * further apart than they are long, shapes of several blocks, sums that begin at zero or go on.
 */
#include "check.h"

#include <stdio.h>
#include "base/half.h"

enum {
    MAX_M = 45,
    MAX_N = 72,
    MAX_K = 40,
    N_SMALL = MAX_M + MAX_N + MAX_K,
    N_PAIRS = N_FLOAT_KINDS * N_FLOAT_KINDS,
    N_LARGE = 24,
    N_EDGE = 40,
    MAX_STEPS = 1 << 21
};

typedef struct shape {
    size_t m, n, k;
    bool a_across, b_across; /* k lies side by side in memory */
    size_t a_gap, b_gap, c_gap;
    bool add;
} shape;

/* [wide][deep] or [deep][wide]; what is between two of them is `gap`. */
static void add_operand(trial *t, rng *r, const char *name, size_t n_runs, size_t run, size_t gap,
                        float_kind kind)
{
    float *x = trial_add(t, name, INPUT, FLOATS, n_runs, run * sizeof *x, (run + gap) * sizeof *x);
    for (size_t i = 0; i < n_runs; i++)
        fill_floats(r, x + i * (run + gap), run, kind);
}

/*
 * Around 2^-126, the smallest normal number, where it shows whether a sum counts as subnormal
 * before it is rounded or after: products of 2^-126 and of 2^-151, sums that begin at neighbors of
 * 2^-126.
 */
static float draw_near(rng *r, bool factor)
{
    const uint32_t sign = (uint32_t)rng_below(r, 2) << 31;
    if (!factor)
        return ink_float_from_bits(sign | ((1u << 23) - 1 + (uint32_t)rng_below(r, 3)));
    const uint32_t exponent = 127 - (rng_below(r, 2) ? 63 : 76);
    return ink_float_from_bits(sign | ((exponent << 23) + ((uint32_t)rng_below(r, 4) << 22)));
}

static void approach_edge(trial *t, rng *r)
{
    for (operand *o = t->operands; o < t->operands + 3; o++)
        for (size_t run = 0; run < o->n; run++) {
            float *x = (float *)(void *)(o->before + run * o->stride);
            for (size_t i = 0; i < o->used / sizeof *x; i++)
                x[i] = draw_near(r, o->role == INPUT);
        }
}

static void add_result(trial *t, rng *r, const shape *s, float_kind kind)
{
    size_t stride = s->n + s->c_gap;
    float *c = trial_add(t, "c", s->add ? IN_OUT : OUTPUT, FLOATS, s->m, s->n * sizeof *c,
                         stride * sizeof *c);
    for (size_t i = 0; i < s->m && s->add; i++)
        fill_floats(r, c + i * stride, s->n, kind);
}

static void build(trial *t, rng *r, const shape *s, float_kind a, float_kind b)
{
    size_t a_step = s->a_gap + (s->a_across ? s->k : s->m);
    size_t b_step = s->b_gap + (s->b_across ? s->k : s->n);
    t->gemm = (ink_gemm){.m = s->m,
                         .n = s->n,
                         .k = s->k,
                         .a_row = s->a_across ? a_step : 1,
                         .a_col = s->a_across ? 1 : a_step,
                         .b_row = s->b_across ? 1 : b_step,
                         .b_col = s->b_across ? b_step : 1,
                         .c_row = s->n + s->c_gap,
                         .add = s->add};
    t->inputs[0] = float_kind_names[a];
    t->inputs[1] = float_kind_names[b];
    add_operand(t, r, "a", s->a_across ? s->m : s->k, s->a_across ? s->k : s->m, s->a_gap, a);
    add_operand(t, r, "b", s->b_across ? s->n : s->k, s->b_across ? s->k : s->n, s->b_gap, b);
    add_result(t, r, s, rng_below(r, 2) ? a : b);
    trial_add(t, "scratch", SCRATCH, BYTES, 1, INK_GEMM_SCRATCH_BYTES, 0); /* all NaN */
    t->steps = (double)s->m * (double)s->n * (double)s->k;
    t->bytes = (double)(operand_bytes(&t->operands[0]) + operand_bytes(&t->operands[1]) +
                        operand_bytes(&t->operands[2]));
}

static shape draw_shape(rng *r, size_t m, size_t n, size_t k)
{
    return (shape){1 + rng_below(r, m),
                   1 + rng_below(r, n),
                   1 + rng_below(r, k),
                   rng_below(r, 2),
                   rng_below(r, 2),
                   rng_below(r, 2) * rng_below(r, 20),
                   rng_below(r, 2) * rng_below(r, 20),
                   rng_below(r, 2) * rng_below(r, 20),
                   rng_below(r, 2)};
}

/* One side is long enough for several blocks, the others as short as the time of C demands. */
static shape draw_large(rng *r, size_t number)
{
    shape s = draw_shape(r, 100, 100, 100);
    size_t *side[] = {&s.m, &s.n, &s.k};
    *side[number % 3] += 100 + rng_below(r, 1100);
    while (s.m * s.n * s.k > MAX_STEPS) {
        size_t *other = side[(number + 1 + rng_below(r, 2)) % 3];
        *other -= *other / 2;
    }
    return s;
}

/*
 * Every m, every n, every k, every kind of a with every kind of b, large ones, then those at the
 * edge of subnormal numbers.
 */
static bool draw(trial *t, rng *r, size_t number)
{
    const size_t kinds = N_SMALL + N_PAIRS, larges = kinds + N_LARGE;
    if (number >= larges + N_EDGE)
        return false;
    bool large = number >= kinds && number < larges, edge = number >= larges;
    shape s = large ? draw_large(r, number) : draw_shape(r, MAX_M, MAX_N, MAX_K);
    /* Every second shape has plain numbers: no wrong rounding hides behind an infinity there. */
    float_kind a = number % 2 ? FLOATS_GAUSSIAN : (float_kind)rng_below(r, N_FLOAT_KINDS);
    float_kind b = number % 2 ? FLOATS_UNIFORM : (float_kind)rng_below(r, N_FLOAT_KINDS);
    if (number < MAX_M) {
        s.m = 1 + number;
    } else if (number < MAX_M + MAX_N) {
        s.n = 1 + number - MAX_M;
    } else if (number < N_SMALL) {
        s.k = 1 + number - MAX_M - MAX_N;
    } else if (number < kinds) {
        a = (float_kind)((number - N_SMALL) / N_FLOAT_KINDS);
        b = (float_kind)((number - N_SMALL) % N_FLOAT_KINDS);
    }
    if (edge) {
        s.add = true;
    }
    build(t, r, &s, a, b);
    if (edge)
        approach_edge(t, r);
    return true;
}

/* A layer forward, and the gradient of its weights: sums over the tokens. */
static bool draw_timed(trial *t, rng *r, int size, bool large)
{
    static const shape shapes[2][2] = {
        {{96, 128, 64, true, true, 0, 0, 0, false}, {128, 64, 96, false, false, 0, 0, 0, false}},
        {{768, 512, 128, true, true, 0, 0, 0, false},
         {512, 128, 768, false, false, 0, 0, 0, false}}};
    build(t, r, &shapes[large][size], FLOATS_GAUSSIAN, FLOATS_UNIFORM);
    return true;
}

static void call(any_fn *fn, trial *t)
{
    ink_gemm g = t->gemm;
    g.a = (const float *)(void *)t->operands[0].at;
    g.b = (const float *)(void *)t->operands[1].at;
    g.c = (float *)(void *)t->operands[2].at;
    g.scratch = t->operands[3].at;
    ((ink_gemm_f32_fn *)fn)(&g);
}

static void describe(const trial *t, char *text, size_t text_bytes)
{
    const ink_gemm *g = &t->gemm;
    snprintf(text, text_bytes,
             "m %zu, n %zu, k %zu, strides of a %zu %zu, b %zu %zu, c %zu, %s, a %s, b %s", g->m,
             g->n, g->k, g->a_row, g->a_col, g->b_row, g->b_col, g->c_row,
             g->add ? "added" : "not added", t->inputs[0], t->inputs[1]);
}

const family family_gemm = {MATMULS, draw, draw_timed, call, describe, 0};
