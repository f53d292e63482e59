#include "quant/search.h"

#include <math.h>
#include "base/half.h"
#include "quant/fit.h"

#define ROUNDS 3 /* of the block and its groups taking turns, at most */

/* ---- A block --------------------------------------------------------------------------------- */

typedef struct block {
    ink_format format;
    const ink_recipe *recipe;
    int exponent; /* values were divided by 2 to its power */
    size_t n_groups;
    ink_fit_group groups[INK_MAX_GROUPS];
} block;

/* What a half makes of it; INFINITY beyond its range. */
static float as_half(const block *b, float value)
{
    float half = ink_half_to_float(ink_half_from_float(ldexpf(value, b->exponent)));
    return ldexpf(half, -b->exponent);
}

/* ---- One scale for all, in a half */

static double take_fit(const block *b, ink_choice *c, ink_fit f)
{
    const ink_fit_group *g = &b->groups[0];
    c->d = as_half(b, f.d);
    c->m = as_half(b, f.m);
    if (b->recipe->has_min) { /* the best min for the scale as it became */
        ink_fit now = ink_fit_try(g, c->d, f.m);
        float m = g->sum_w > 0 ? as_half(b, (g->sum_x - c->d * now.q) / g->sum_w) : c->m;
        if (ink_fit_measure(g, c->d, m) < ink_fit_measure(g, c->d, c->m))
            c->m = m;
    }
    return (double)ink_fit_measure(g, c->d, c->m);
}

static double choose_half(const block *b, ink_choice *c, bool search)
{
    ink_choice other = *c;
    double error = take_fit(b, c, ink_fit_plain(&b->groups[0]));
    if (!search)
        return error;
    double searched = take_fit(b, &other, ink_fit_search(&b->groups[0]));
    if (searched < error)
        *c = other;
    return fmin(searched, error);
}

/* ---- A number of a few for each group */

static float step_of(const block *b, int code)
{
    return ldexpf(ink_scale_step(b->format, code), -b->exponent);
}

/* The first code that is not below the wanted scale. */
static int find_step(const block *b, float d)
{
    int low = b->recipe->scale_low, high = b->recipe->scale_high;
    while (low < high) {
        int middle = (low + high) / 2;
        if (step_of(b, middle) < d)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The steps around both what the group wants and what its largest value asks for. */
static double choose_step(const block *b, ink_choice *c, size_t at, bool search)
{
    const ink_fit_group *g = &b->groups[at];
    ink_fit plain = ink_fit_plain(g), wanted = search ? ink_fit_search(g) : plain;
    int middle = find_step(b, plain.d), first = middle, last = middle;
    if (search) {
        int other = find_step(b, wanted.d);
        first = (other < middle ? other : middle) - 1;
        last = (other > middle ? other : middle) + 1;
    }
    float best = INFINITY;
    for (int code = first; code <= last; code++) {
        if (code < b->recipe->scale_low || code > b->recipe->scale_high)
            continue;
        float error = ink_fit_measure(g, step_of(b, code), 0);
        if (error < best) {
            best = error;
            c->scales[at] = (int16_t)code;
        }
    }
    return (double)best;
}

/* ---- Integers times the block's scale for each group */

static float group_d(const ink_choice *c, size_t g)
{
    return c->d * (float)c->scales[g];
}

static float group_m(const ink_choice *c, size_t g)
{
    return -(c->m * (float)c->mins[g]);
}

static int16_t nearest_code(float value, float unit, int low, int high)
{
    float code = rintf(value * ink_fit_invert(unit));
    return (int16_t)(code < (float)low ? (float)low : code > (float)high ? (float)high : code);
}

/* The block's scales from the largest of the groups', and integers for each; `part` of that. */
static void spread(const block *b, ink_choice *c, const ink_fit *fits, float part)
{
    const ink_recipe *r = b->recipe;
    float extreme = 0, least = 0;
    for (size_t g = 0; g < b->n_groups; g++) {
        extreme = fabsf(fits[g].d) > fabsf(extreme) ? fits[g].d : extreme;
        least = fminf(least, fits[g].m);
    }
    float most = (float)(r->scale_low < 0 ? r->scale_low : r->scale_high);
    c->d = as_half(b, extreme / most * part);
    c->m = r->has_min ? as_half(b, -least / (float)r->min_high * part) : 0;
    for (size_t g = 0; g < b->n_groups; g++) {
        c->scales[g] = nearest_code(fits[g].d, c->d, r->scale_low, r->scale_high);
        c->mins[g] = r->has_min ? nearest_code(-fits[g].m, c->m, 0, r->min_high) : 0;
    }
}

static double measure_all(const block *b, const ink_choice *c)
{
    double error = 0;
    for (size_t g = 0; g < b->n_groups; g++)
        error += (double)ink_fit_measure(&b->groups[g], group_d(c, g), group_m(c, g));
    return error;
}

/* The best integers among the neighbors of those there are. */
static void improve_group(const block *b, ink_choice *c, size_t at)
{
    const ink_recipe *r = b->recipe;
    const ink_fit_group *g = &b->groups[at];
    int scale = c->scales[at], min = c->mins[at], reach = r->has_min ? 1 : 0;
    float best = ink_fit_measure(g, group_d(c, at), group_m(c, at));
    for (int s = scale - 1; s <= scale + 1; s++) {
        for (int m = min - reach; m <= min + reach; m++) {
            if (s < r->scale_low || s > r->scale_high || m < 0 || m > r->min_high ||
                (s == scale && m == min))
                continue;
            float error = ink_fit_measure(g, c->d * (float)s, -(c->m * (float)m));
            if (error < best) {
                best = error;
                c->scales[at] = (int16_t)s;
                c->mins[at] = (int16_t)m;
            }
        }
    }
}

/* The best halves for all integers and codes: least squares over the block. */
static void solve_block(const block *b, ink_choice *c)
{
    double ss = 0, sm = 0, mm = 0, sx = 0, mx = 0;
    for (size_t i = 0; i < b->n_groups; i++) {
        const ink_fit_group *g = &b->groups[i];
        ink_fit f = ink_fit_try(g, group_d(c, i), group_m(c, i));
        double s = c->scales[i], m = -(double)c->mins[i];
        ss += s * s * (double)f.qq;
        sm += s * m * (double)f.q;
        mm += m * m * (double)g->sum_w;
        sx += s * (double)f.qx;
        mx += m * (double)g->sum_x;
    }
    double det = ss * mm - sm * sm;
    if (mm > 0 && det > 0) {
        c->d = as_half(b, (float)((sx * mm - mx * sm) / det));
        c->m = as_half(b, (float)((mx * ss - sx * sm) / det));
    } else if (ss > 0) {
        c->d = as_half(b, (float)(sx / ss));
    }
}

static double improve(const block *b, ink_choice *c, double error)
{
    for (int round = 0; round < ROUNDS; round++) {
        ink_choice next = *c;
        for (size_t g = 0; g < b->n_groups; g++)
            improve_group(b, &next, g);
        ink_choice solved = next;
        solve_block(b, &solved);
        double now = measure_all(b, &next), then = measure_all(b, &solved);
        if (then < now)
            next = solved;
        now = fmin(now, then);
        if (!(now < error))
            break;
        *c = next;
        error = now;
    }
    return error;
}

/* From what plain rounding has, and from what the groups want, the better end. */
static double choose_codes(const block *b, ink_choice *c, bool search)
{
    /* the largest scale as the largest integer, or less: coarse integers fit better now and then */
    static const float parts[] = {1, 0.93f, 1.08f};
    ink_fit fits[INK_MAX_GROUPS];
    for (size_t g = 0; g < b->n_groups; g++)
        fits[g] = ink_fit_plain(&b->groups[g]);
    spread(b, c, fits, 1);
    double error = measure_all(b, c);
    if (!search)
        return error;
    error = improve(b, c, error);
    for (size_t g = 0; g < b->n_groups; g++)
        fits[g] = ink_fit_search(&b->groups[g]);
    for (size_t i = 0; i < (b->recipe->scale_high < 32 ? sizeof parts / sizeof *parts : 1); i++) {
        ink_choice other = *c;
        spread(b, &other, fits, parts[i]);
        double searched = improve(b, &other, measure_all(b, &other));
        if (searched < error) {
            *c = other;
            error = searched;
        }
    }
    return error;
}

/* ---- All kinds ------------------------------------------------------------------------------- */

static ink_fit fit_of(const block *b, const ink_choice *c, size_t g)
{
    if (b->recipe->kind == INK_SCALE_HALF)
        return (ink_fit){.d = c->d, .m = c->m};
    if (b->recipe->kind == INK_SCALE_STEPS)
        return (ink_fit){.d = step_of(b, c->scales[g])};
    return (ink_fit){.d = group_d(c, g), .m = group_m(c, g)};
}

static uint8_t code_of(const ink_recipe *r, float level)
{
    if (!r->levels)
        return (uint8_t)((int)level - r->low);
    uint8_t code = 0;
    while (r->levels->value[code] < level)
        code++;
    return code;
}

static void set_codes(const block *b, ink_choice *c)
{
    float q[INK_MAX_BLOCK];
    for (size_t g = 0; g < b->n_groups; g++) {
        ink_fit f = fit_of(b, c, g);
        ink_fit_levels(&b->groups[g], f.d, f.m, q);
        for (size_t k = 0; k < b->recipe->group; k++)
            c->codes[g * b->recipe->group + k] = code_of(b->recipe, q[k]);
    }
}

/* To about 1, so that no square is too large or too small for a float. */
static int scale_to_one(float *out, const float *x, size_t n)
{
    float largest = 0;
    int exponent = 0;
    for (size_t k = 0; k < n; k++)
        largest = fmaxf(largest, fabsf(x[k]));
    (void)frexpf(largest, &exponent);
    for (size_t k = 0; k < n; k++)
        out[k] = ldexpf(x[k], -exponent);
    return exponent;
}

static double choose(const block *b, ink_choice *c, bool search)
{
    double error = 0;
    if (b->recipe->kind == INK_SCALE_HALF)
        return choose_half(b, c, search);
    if (b->recipe->kind == INK_SCALE_CODES)
        return choose_codes(b, c, search);
    for (size_t g = 0; g < b->n_groups; g++)
        error += choose_step(b, c, g, search);
    return error;
}

double ink_choose(ink_format format, ink_choice *c, const float *x, const float *weights,
                  bool search)
{
    float values[INK_MAX_BLOCK];
    const ink_recipe *r = &ink_recipes[format];
    size_t n = ink_formats[format].block_elements;
    block b = {.format = format, .recipe = r, .n_groups = n / r->group};
    b.exponent = scale_to_one(values, x, n);
    *c = (ink_choice){.d = 0};
    for (size_t g = 0; g < b.n_groups; g++)
        b.groups[g] = ink_fit_begin(r, values + g * r->group, weights + g * r->group);
    double error = choose(&b, c, search);
    if (!(error < (double)INFINITY) || !isfinite(c->d) || !isfinite(c->m))
        return (double)INFINITY;
    set_codes(&b, c);
    c->d = ldexpf(c->d, b.exponent);
    c->m = ldexpf(c->m, b.exponent);
    return ldexp(error, 2 * b.exponent);
}

uint8_t ink_choice_round(ink_format format, const ink_choice *c, size_t k, float x, float *value)
{
    const ink_recipe *r = &ink_recipes[format];
    float values[INK_FIT_LANES] = {x}, q[INK_FIT_LANES]; /* the others do not count */
    block b = {.format = format, .recipe = r};
    ink_fit f = fit_of(&b, c, k / r->group);
    const ink_fit_group one = {.recipe = r, .x = values, .n = INK_FIT_LANES};
    ink_fit_levels(&one, f.d, f.m, q);
    *value = f.d * q[0] + f.m;
    return code_of(r, q[0]);
}
