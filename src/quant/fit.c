#include "quant/fit.h"

#include <math.h>

#define ROUNDS 6  /* of taking turns, at most: two or three gain nearly all */
#define GRID 16   /* scales that are tried on each side */
#define CORNERS 4 /* how far each end of a range is drawn in, in steps */

/* ---- A scale for codes ----------------------------------------------------------------------- */

/* Mins that are subtracted are not negative. */
static bool takes_min(const ink_fit_group *g, float m)
{
    return g->recipe->kind == INK_SCALE_HALF || m <= 0;
}

/* The best scale and min for the codes of f; false: they are as good as any. */
static bool solve(const ink_fit_group *g, const ink_fit *f, float *d, float *m)
{
    *m = 0;
    if (g->recipe->has_min) {
        float det = f->qq * g->sum_w - f->q * f->q;
        *d = (f->qx * g->sum_w - f->q * g->sum_x) / det;
        *m = (f->qq * g->sum_x - f->q * f->qx) / det;
        if (det > 0 && takes_min(g, *m))
            return true;
        *m = 0;
    }
    *d = f->qx / f->qq;
    return f->qq > 0;
}

/* From f on, codes and scale in turn, as long as that gains. */
static ink_fit descend(const ink_fit_group *g, ink_fit f)
{
    for (int round = 0; round < ROUNDS; round++) {
        float d, m;
        if (!solve(g, &f, &d, &m))
            break;
        ink_fit next = ink_fit_try(g, d, m);
        if (!(next.error < f.error))
            break;
        f = next;
    }
    return f;
}

/* ---- A group --------------------------------------------------------------------------------- */

ink_fit_group ink_fit_begin(const ink_recipe *r, const float *x, const float *w)
{
    ink_fit_group g = {.recipe = r, .x = x, .w = w, .n = r->group, .low = x[0], .high = x[0]};
    for (size_t k = 0; k < g.n; k++) {
        g.sum_w += w[k];
        g.sum_x += w[k] * x[k];
        g.low = fminf(g.low, x[k]);
        g.high = fmaxf(g.high, x[k]);
    }
    return g;
}

static float lowest(const ink_recipe *r)
{
    return r->levels ? r->levels->value[0] : r->low;
}

static float highest(const ink_recipe *r)
{
    return r->levels ? r->levels->value[r->levels->n - 1] : r->high;
}

/* Whether a scale may be negative, and then is another grid. */
static bool has_sides(const ink_recipe *r)
{
    return lowest(r) + highest(r) != 0 && (r->kind == INK_SCALE_HALF || r->scale_low < 0);
}

/* The value that is largest in magnitude stands at the level that is. */
static ink_fit plain_scale(const ink_fit_group *g)
{
    float extreme = -g->low > g->high ? g->low : g->high;
    if (!has_sides(g->recipe))
        return (ink_fit){.d = fabsf(extreme) / highest(g->recipe)};
    return (ink_fit){.d = extreme / lowest(g->recipe)};
}

/* Lowest and highest values stand at the lowest and highest levels. */
static ink_fit plain_range(const ink_fit_group *g)
{
    float low = takes_min(g, g->low) ? g->low : 0;
    return (ink_fit){.d = (g->high - low) / highest(g->recipe), .m = low};
}

ink_fit ink_fit_plain(const ink_fit_group *g)
{
    ink_fit f = g->recipe->has_min ? plain_range(g) : plain_scale(g);
    return ink_fit_try(g, f.d, f.m);
}

/*
 * Scales from those that leave room beyond the largest value to those that cut it off: with few
 * levels, or many values, that pays.
 */
static ink_fit search_scale(const ink_fit_group *g)
{
    float most = fmaxf(-lowest(g->recipe), highest(g->recipe));
    float largest = fmaxf(-g->low, g->high), reach = 1.3f + 2 / most, least = 0.75f;
    ink_fit best = ink_fit_plain(g);
    float promised = best.error;
    for (int side = 0; side < (has_sides(g->recipe) ? 2 : 1); side++) {
        for (int i = 0; i < GRID; i++) {
            float d = largest / (most * (least + (reach - least) * (float)i / (GRID - 1)));
            ink_fit f = ink_fit_try(g, side ? -d : d, 0);
            /* what is left once the scale is the best for these codes */
            float gained =
                f.qq > 0 ? f.error - (f.d * f.qq - f.qx) * (f.d * f.qq - f.qx) / f.qq : f.error;
            if (gained < promised) {
                promised = gained;
                best = f;
            }
        }
    }
    return descend(g, best);
}

/* Both ends of the range are drawn in a little, as above. */
static ink_fit search_range(const ink_fit_group *g)
{
    const ink_recipe *r = g->recipe;
    float low = takes_min(g, g->low) ? g->low : 0, high = fmaxf(g->high, low);
    float step = (high - low) * 0.17f / sqrtf(highest(r));
    ink_fit best = descend(g, ink_fit_plain(g));
    for (int i = 0; i < CORNERS; i++) {
        for (int j = 0; j < CORNERS; j++) {
            float from = low + (float)i * step, to = high - (float)j * step, d, m;
            ink_fit f = ink_fit_try(g, (to - from) / highest(r), from);
            if (solve(g, &f, &d, &m))
                f = ink_fit_try(g, d, m);
            if (f.error < best.error)
                best = f;
        }
    }
    return descend(g, best);
}

ink_fit ink_fit_search(const ink_fit_group *g)
{
    return g->recipe->has_min ? search_range(g) : search_scale(g);
}
