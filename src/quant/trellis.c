#include "quant/trellis.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include "base/half.h"
#include "kernel/trellis.h"

enum {
    RUN = INK_Q8_GROUP,
    BLOCK = INK_SPREAD_BLOCK,
    WAYS = 1 << INK_TRELLIS_STEP, /* into a state, and out of it */
    MOST_STATES = INK_TRELLIS_VALUES / WAYS,
    SWEEPS = 3, /* over the runs of a row, at most */
    FREE = -1   /* any state */
};

#define NO_WAY 1e30f
#define MAX_HALF 65504.0f
#define MOST_RAISED 1.5f /* as in quantize.c */

static const ink_trellis *trellis_of(ink_format format)
{
    return format == INK_FORMAT_T2 ? &ink_trellis_t2 : &ink_trellis_t3;
}

/* ---- A run ----------------------------------------------------------------------------------- */

/* 32 values, as multiples of the scale. */
typedef struct run {
    const ink_trellis *trellis;
    float y[RUN], weight[RUN];
    bool coupled;
    float asked[RUN][RUN]; /* [l][t], l < t: what part of what l loses is asked of t */
} run;

/* Of every state: what the best way there costs, and what it has lost at each value. */
typedef struct ways {
    float cost[MOST_STATES], lost[RUN][MOST_STATES];
} ways;

typedef uint8_t traces[RUN][MOST_STATES]; /* the index by which a state was come to */

static int states_of(const ink_trellis *trellis)
{
    return 1 << (trellis->window - INK_TRELLIS_STEP);
}

/* What each state's way wants value t to be. */
static void aim(const run *r, const ways *from, int t, int n_states, float *target)
{
    for (int s = 0; s < n_states; s++)
        target[s] = r->y[t];
    for (int l = 0; r->coupled && l < t; l++)
        for (int s = 0; s < n_states; s++)
            target[s] -= r->asked[l][t] * from->lost[l][s];
}

/* What each way costs with each number that may come next; an index ends with the state before. */
static void weigh(const run *r, const ways *from, const float *target, int t, int n_states,
                  float costs[INK_TRELLIS_VALUES])
{
    const int8_t *values = r->trellis->values;
    for (int first = 0; first < INK_TRELLIS_VALUES; first += n_states)
        for (int s = 0; s < n_states; s++) {
            float off = target[s] - (float)values[first + s];
            costs[first + s] = from->cost[s] + r->weight[t] * off * off;
        }
}

/* The best index by which a state is come to: those that begin with it, and any bit above. */
static uint8_t find_cheapest(const float costs[INK_TRELLIS_VALUES], int state, int n_edges)
{
    int best = state * WAYS;
    for (int first = best; first < INK_TRELLIS_VALUES; first += n_edges)
        for (int index = first; index < first + WAYS; index++)
            best = costs[index] < costs[best] ? index : best;
    return (uint8_t)best;
}

static void go_on(const run *r, const ways *from, ways *to, int t, traces trace)
{
    const int n_states = states_of(r->trellis);
    float target[MOST_STATES], costs[INK_TRELLIS_VALUES];
    aim(r, from, t, n_states, target);
    weigh(r, from, target, t, n_states, costs);
    for (int s = 0; s < n_states; s++) {
        uint8_t index = trace[t][s] = find_cheapest(costs, s, n_states * WAYS);
        int before = index & (n_states - 1);
        to->cost[s] = costs[index];
        to->lost[t][s] = target[before] - (float)r->trellis->values[index];
    }
    for (int l = 0; r->coupled && l < t; l++)
        for (int s = 0; s < n_states; s++)
            to->lost[l][s] = from->lost[l][trace[t][s] & (n_states - 1)];
}

/* From a state back to it, or from any to any. */
static void find_way(const run *r, int state, uint8_t index[RUN])
{
    const int n_states = states_of(r->trellis);
    ways two[2] = {0};
    traces trace;
    for (int s = 0; s < n_states; s++)
        two[0].cost[s] = state == FREE || state == s ? 0 : NO_WAY;
    for (int t = 0; t < RUN; t++)
        go_on(r, &two[t % 2], &two[(t + 1) % 2], t, trace);
    int end = state == FREE ? 0 : state;
    for (int s = 0; state == FREE && s < n_states; s++)
        end = two[RUN % 2].cost[s] < two[RUN % 2].cost[end] ? s : end;
    for (int t = RUN; t-- > 0;) {
        index[t] = trace[t][end];
        end = index[t] & (n_states - 1);
    }
}

static void find_ring(const run *r, uint8_t index[RUN])
{
    run turned = {.trellis = r->trellis};
    for (int t = 0; t < RUN; t++) {
        turned.y[t] = r->y[(t + RUN / 2) % RUN];
        turned.weight[t] = r->weight[(t + RUN / 2) % RUN];
    }
    find_way(&turned, FREE, index);
    find_way(r, index[RUN / 2] & (states_of(r->trellis) - 1), index);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void put_run(ink_format format, uint8_t *block, size_t at, const uint8_t index[RUN])
{
    const int window = trellis_of(format)->window;
    uint8_t *ring = block + offsetof(ink_block_t2, q) + 8 * at;
    uint8_t *own = block + offsetof(ink_block_t3, own) + 4 * at;
    for (int t = 0; t < RUN; t++) {
        ring[t / 4] |= (uint8_t)((index[t] & (WAYS - 1)) << INK_TRELLIS_STEP * (t % 4));
        if (format == INK_FORMAT_T3)
            own[t / 8] |= (uint8_t)(index[t] >> window << t % 8);
    }
}

static void put_scale(uint8_t *block, float d)
{
    ink_half half = ink_half_from_float(d);
    memcpy(block, &half, sizeof half);
}

static float as_half(float d)
{
    return ink_half_to_float(ink_half_from_float(fminf(d, MAX_HALF)));
}

/* The scale for the deviation of x. */
static float first_scale(const ink_trellis *trellis, const float x[BLOCK])
{
    double total = 0;
    for (size_t k = 0; k < BLOCK; k++)
        total += (double)x[k] * (double)x[k];
    return as_half((float)(sqrt(total / BLOCK) / (double)trellis->deviation));
}

/* Least squares for the values v that stand in it; or so that sum of x v is sum of x^2. */
static float last_scale(float d, const float x[BLOCK], const float v[BLOCK], bool straight)
{
    double xx = 0, xv = 0, vv = 0;
    for (size_t k = 0; k < BLOCK; k++) {
        xx += (double)x[k] * (double)x[k];
        xv += (double)x[k] * (double)v[k];
        vv += (double)v[k] * (double)v[k];
    }
    if (!(xv > 0 && vv > 0))
        return d;
    float best = (float)(xv / vv), raised = (float)(xx / xv);
    return as_half(straight && raised < best * MOST_RAISED ? raised : best);
}

static void encode_block(ink_format format, uint8_t *block, const float *x, bool straight)
{
    float turned[BLOCK], v[BLOCK];
    run r = {.trellis = trellis_of(format)};
    memcpy(turned, x, sizeof turned);
    ink_spread(turned, BLOCK);
    memset(block, 0, ink_formats[format].block_bytes);
    float d = first_scale(r.trellis, turned), inverse = d > 0 ? 1 / d : 0;
    for (int t = 0; t < RUN; t++)
        r.weight[t] = 1;
    for (size_t at = 0; at < BLOCK / RUN; at++) {
        uint8_t index[RUN];
        for (size_t t = 0; t < RUN; t++)
            r.y[t] = turned[at * RUN + t] * inverse;
        find_ring(&r, index);
        put_run(format, block, at, index);
        for (size_t t = 0; t < RUN; t++)
            v[at * RUN + t] = (float)r.trellis->values[index[t]];
    }
    put_scale(block, last_scale(d, turned, v, straight));
}

void ink_trellis_encode(ink_format format, void *blocks, const float *x, size_t n, bool straight)
{
    uint8_t *block = blocks;
    for (size_t k = 0; k < n; k += BLOCK, block += ink_formats[format].block_bytes)
        encode_block(format, block, x + k, straight);
}

/* ---- Feedback -------------------------------------------------------------------------------- */

bool ink_trellis_prepare(float *h, float *u, const float *weights, float *row)
{
    float turned[BLOCK];
    memcpy(turned, weights, sizeof turned);
    ink_rotate(turned, BLOCK); /* rows i and j of the matrix, multiplied, are row i ^ j */
    for (size_t i = 0; i < BLOCK; i++)
        for (size_t j = 0; j < BLOCK; j++)
            h[i * BLOCK + j] = turned[i ^ j] / 16; /* sqrt of 256 */
    return ink_feedback_prepare(h, u, BLOCK, INK_FEEDBACK_DAMPING, row);
}

/* Columns [at, at + 32) of the row: U's part there, scaled so that the first counts 1. */
static void couple(run *r, const ink_feedback *by, size_t at)
{
    for (size_t l = 0; l < RUN; l++) {
        const float *u = by->u + (at + l) * by->k + at;
        float ratio = by->u[at * by->k + at] / u[l];
        r->weight[l] = ratio * ratio;
        for (size_t t = l + 1; t < RUN; t++)
            r->asked[l][t] = u[t] / u[l];
    }
}

/* A row on its way. */
typedef struct feeding {
    ink_format format;
    const ink_feedback *by;
    uint8_t *blocks;
    float *rest;    /* [k] what is still to be coded; then H times what was lost */
    float *values;  /* [k] that codes stand for */
    uint8_t *index; /* [k] */
} feeding;

static float scale_of(const feeding *f, size_t at)
{
    ink_half d;
    memcpy(&d, f->blocks + at / BLOCK * ink_formats[f->format].block_bytes, sizeof d);
    return ink_half_to_float(d);
}

/* What these columns lost is asked of all behind them. */
static void feed(const feeding *f, const run *r, size_t at, float d)
{
    for (size_t j = at; j < at + RUN; j++) {
        const float *u = f->by->u + j * f->by->k;
        f->values[j] = d * (float)r->trellis->values[f->index[j]];
        const float lost = (f->rest[j] - f->values[j]) / u[j];
        for (size_t l = j + 1; l < f->by->k; l++)
            f->rest[l] -= lost * u[l];
    }
}

static void code_row(const feeding *f, run *r)
{
    for (size_t k = 0; k < f->by->k; k += BLOCK) {
        const float first = first_scale(r->trellis, f->rest + k);
        put_scale(f->blocks + k / BLOCK * ink_formats[f->format].block_bytes, first);
        const float d = scale_of(f, k), inverse = d > 0 ? 1 / d : 0;
        for (size_t at = k; at < k + BLOCK; at += RUN) {
            couple(r, f->by, at);
            for (size_t t = 0; t < RUN; t++)
                r->y[t] = f->rest[at + t] * inverse;
            find_ring(r, f->index + at);
            feed(f, r, at, d);
        }
    }
}

static void find_lost(const feeding *f, const float *turned, float *difference)
{
    const size_t k = f->by->k;
    for (size_t j = 0; j < k; j++)
        difference[j] = turned[j] - f->values[j];
    memset(f->rest, 0, k * sizeof *f->rest);
    for (size_t j = 0; j < k; j++)
        for (size_t l = 0; l < k; l++)
            f->rest[l] += f->by->h[j * k + l] * difference[j];
}

/* x^T H x */
static float cost_of(const float h[RUN * RUN], const float x[RUN])
{
    float sum = 0;
    for (size_t i = 0; i < RUN; i++)
        for (size_t j = 0; j < RUN; j++)
            sum += x[i] * h[i * RUN + j] * x[j];
    return sum;
}

/* Where this run would best be, the others being as they are: away by (H there)^-1 H lost. */
static void find_away(float away[RUN], const float u[RUN * RUN], const float *lost)
{
    float part[RUN];
    for (size_t i = 0; i < RUN; i++) {
        part[i] = 0;
        for (size_t j = i; j < RUN; j++)
            part[i] += u[i * RUN + j] * lost[j];
    }
    for (size_t j = 0; j < RUN; j++) {
        away[j] = 0;
        for (size_t i = 0; i <= j; i++)
            away[j] += u[i * RUN + j] * part[i];
    }
}

/* Chooses a run once more, now that all others are known; false: it is best as it is. */
static bool choose_again(const feeding *f, run *r, size_t at)
{
    const size_t k = f->by->k;
    const float d = scale_of(f, at);
    float h[RUN * RUN], u[RUN * RUN], away[RUN], off[RUN];
    uint8_t index[RUN];
    for (size_t i = 0; i < RUN; i++)
        memcpy(h + i * RUN, f->by->h + (at + i) * k + at, RUN * sizeof *h);
    if (!(d > 0) || !ink_feedback_prepare(h, u, RUN, 0, off))
        return false;
    find_away(away, u, f->rest + at);
    couple(r, &(ink_feedback){RUN, h, u}, 0);
    for (size_t t = 0; t < RUN; t++)
        r->y[t] = (f->values[at + t] + away[t]) / d;
    find_ring(r, index);
    for (size_t t = 0; t < RUN; t++)
        off[t] = f->values[at + t] + away[t] - d * (float)r->trellis->values[index[t]];
    if (!(cost_of(h, off) < cost_of(h, away)))
        return false;
    for (size_t t = 0; t < RUN; t++) {
        const float value = d * (float)r->trellis->values[index[t]];
        const float step = value - f->values[at + t], *row = f->by->h + (at + t) * k;
        f->index[at + t] = index[t];
        f->values[at + t] = value;
        for (size_t l = 0; step != 0 && l < k; l++)
            f->rest[l] -= step * row[l];
    }
    return true;
}

/* Raises all scales so that x^T H v is x^T H x; `turned` is x, and rest H (x - v). */
static void straighten_row(const feeding *f, const float *turned)
{
    const size_t k = f->by->k;
    double xx = 0, lost = 0;
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += (double)f->by->h[i * k + j] * (double)turned[j];
        xx += (double)turned[i] * sum;
        lost += (double)turned[i] * (double)f->rest[i];
    }
    const double factor = xx / (xx - lost);
    for (size_t at = 0; factor > 1 && factor < (double)MOST_RAISED && at < k; at += BLOCK)
        put_scale(f->blocks + at / BLOCK * ink_formats[f->format].block_bytes,
                  as_half(scale_of(f, at) * (float)factor));
}

void ink_trellis_feed(ink_format format, void *blocks, const float *x, const ink_feedback *feedback,
                      void *room)
{
    const size_t k = feedback->k, block_bytes = ink_formats[format].block_bytes;
    float *floats = room;
    run r = {.trellis = trellis_of(format), .coupled = true};
    feeding f = {format, feedback, blocks, floats, floats + k, (uint8_t *)(floats + 3 * k)};
    memset(blocks, 0, k / BLOCK * block_bytes);
    memcpy(f.rest, x, k * sizeof *x);
    ink_spread(f.rest, k);
    memcpy(floats + 2 * k, f.rest, k * sizeof *x);
    code_row(&f, &r);
    find_lost(&f, floats + 2 * k, floats + 2 * k);
    bool moved = true;
    for (int sweep = 0; moved && sweep < SWEEPS; sweep++) {
        moved = false;
        for (size_t at = 0; at < k; at += RUN)
            moved = choose_again(&f, &r, at) || moved;
    }
    memcpy(floats + 2 * k, x, k * sizeof *x);
    ink_spread(floats + 2 * k, k);
    straighten_row(&f, floats + 2 * k);
    for (size_t at = 0; at < k; at += RUN)
        put_run(format, f.blocks + at / BLOCK * block_bytes, at % BLOCK / RUN, f.index + at);
}
