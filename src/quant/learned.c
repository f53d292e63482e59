#include "quant/learned.h"

#include <math.h>
#include <string.h>
#include "base/half.h"
#include "base/memory.h"
#include "base/size.h"
#include "kernel/reference.h"
#include "quant/recipe.h"

#define MOST_PLACE 32000 /* the place of the highest level, at most */
#define INSIDE 0.49f     /* of a level: rounding gives back the code that it began with */
#define MAX_HALF 65504.0f
#define MIN_STEPS 4 /* how much further mins go than scales, in levels */

static int n_levels(const ink_recipe *r)
{
    return r->levels ? r->levels->n : r->high - r->low + 1;
}

/* Places between two levels. */
static int unit_of(const ink_recipe *r)
{
    return MOST_PLACE / n_levels(r);
}

static int level_of(const ink_recipe *r, int code)
{
    return r->levels ? r->levels->value[code] : code + r->low;
}

bool ink_learned_takes(ink_format format)
{
    const ink_recipe *r = &ink_recipes[format];
    return (r->kind == INK_SCALE_HALF || r->kind == INK_SCALE_CODES) && n_levels(r) > 3;
}

/* ---- Life ------------------------------------------------------------------------------------ */

bool ink_learned_init(ink_learned *l, ink_format format, size_t n_rows, size_t k,
                      const ink_allocator *allocator)
{
    const ink_recipe *r = &ink_recipes[format];
    size_t n, n_groups;
    *l = (ink_learned){.format = format, .n_rows = n_rows, .k = k};
    if (!ink_size_mul(n_rows, k, &n))
        return false;
    n_groups = n / r->group;
    l->places = ink_resize(allocator, NULL, n, sizeof *l->places);
    l->scales = ink_resize(allocator, NULL, n_groups, sizeof *l->scales);
    l->mins = r->has_min ? ink_resize(allocator, NULL, n_groups, sizeof *l->mins) : NULL;
    return l->places && l->scales && (l->mins || !r->has_min);
}

void ink_learned_deinit(ink_learned *l, const ink_allocator *allocator)
{
    ink_delete(allocator, l->places);
    ink_delete(allocator, l->scales);
    ink_delete(allocator, l->mins);
    *l = (ink_learned){.k = 0};
}

/* ---- A row ----------------------------------------------------------------------------------- */

/* A group of the recipe with its place in the row. */
typedef struct group {
    int16_t *places;
    float *scale, *min; /* min NULL: none */
    size_t n;
} group;

static group group_of(const ink_learned *l, size_t row, size_t index)
{
    size_t n = ink_recipes[l->format].group, at = row * (l->k / n) + index;
    return (group){l->places + row * l->k + index * n, l->scales + at,
                   l->mins ? l->mins + at : NULL, n};
}

/* Where a value stands among the levels, counted from the lowest. */
static float place_of(const ink_recipe *r, float value)
{
    int code = 0;
    if (!r->levels)
        return value - r->low;
    while (code + 2 < r->levels->n && r->levels->value[code + 1] <= value)
        code++;
    float here = r->levels->value[code];
    return (float)code + (value - here) / (r->levels->value[code + 1] - here);
}

static int code_of(const ink_recipe *r, int level)
{
    int code = 0;
    if (!r->levels)
        return level - r->low;
    while (r->levels->value[code] != level)
        code++;
    return code;
}

static int code_at(const ink_recipe *r, int place)
{
    int unit = unit_of(r), code = (place + unit / 2) / unit; /* no place is below zero - unit / 2 */
    return code < n_levels(r) ? code : n_levels(r) - 1;
}

void ink_learned_begin(ink_learned *l, size_t row, const float *x, const void *blocks)
{
    const ink_recipe *r = &ink_recipes[l->format];
    const ink_format_info *info = &ink_formats[l->format];
    ink_group read = {.d = 0};
    for (size_t k = 0; k < l->k; k++) {
        size_t in_block = k % info->block_elements, half = k / (INK_Q8_GROUP / 2) % 2;
        if (k % INK_Q8_GROUP == 0)
            ink_group_readers[l->format].read(
                &read, (const uint8_t *)blocks + k / info->block_elements * info->block_bytes,
                in_block / INK_Q8_GROUP);
        float scale = read.d * (float)read.scale[half];
        float min = ink_group_readers[l->format].kind == INK_GROUP_M16 ? read.m[half] : read.m[0];
        group g = group_of(l, row, k / r->group);
        *g.scale = scale;
        if (g.min)
            *g.min = min;
        float code = (float)code_of(r, read.q[k % INK_Q8_GROUP]), place = code;
        if (scale != 0)
            place = place_of(r, (x[k] - (g.min ? min : 0)) / scale);
        place = fminf(fmaxf(place, code - INSIDE), code + INSIDE);
        g.places[k % r->group] = (int16_t)lrintf(place * (float)unit_of(r));
    }
}

static float sign_of(float x)
{
    return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f;
}

static void move_group(const ink_recipe *r, const group *g, const float *gradient,
                       ink_learned_step step)
{
    int most = n_levels(r) * unit_of(r) - unit_of(r) / 2 - 1, least = 1 - unit_of(r) / 2;
    int places = (int)lrintf(step.level * (float)unit_of(r));
    float of_scale = 0, of_min = 0;
    for (size_t k = 0; k < g->n; k++) {
        of_scale += gradient[k] * (float)level_of(r, code_at(r, g->places[k]));
        of_min += gradient[k];
        int place = g->places[k] - places * (int)sign_of(gradient[k] * *g->scale);
        place = place > most ? most : place < least ? least : place;
        g->places[k] = (int16_t)place;
    }
    if (g->min)
        *g->min -= fabsf(*g->scale) * MIN_STEPS * step.scale * sign_of(of_min);
    *g->scale -= fabsf(*g->scale) * step.scale * sign_of(of_scale);
}

void ink_learned_move(ink_learned *l, size_t row, const float *gradient, ink_learned_step step)
{
    const ink_recipe *r = &ink_recipes[l->format];
    for (size_t i = 0; i < l->k / r->group; i++) {
        group g = group_of(l, row, i);
        move_group(r, &g, gradient + i * r->group, step);
    }
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static float half_at(const uint8_t *block, size_t offset)
{
    ink_half half;
    memcpy(&half, block + offset, sizeof half);
    return ink_half_to_float(half);
}

static int16_t nearest(float value, float unit, int low, int high)
{
    float steps = unit != 0 ? value / unit : 0;
    return (int16_t)lrintf(fminf(fmaxf(steps, (float)low), (float)high));
}

static float within_half(float x)
{
    return fminf(fmaxf(x, -MAX_HALF), MAX_HALF);
}

static void set_scale(const ink_recipe *r, ink_choice *c, const group *g, size_t index)
{
    if (r->kind == INK_SCALE_HALF) {
        c->d = within_half(*g->scale);
        c->m = g->min ? within_half(*g->min) : 0;
        return;
    }
    c->scales[index] = nearest(*g->scale, c->d, r->scale_low, r->scale_high);
    c->mins[index] = g->min ? nearest(-*g->min, c->m, 0, r->min_high) : 0;
}

void ink_learned_encode(const ink_learned *l, size_t row, void *blocks)
{
    const ink_recipe *r = &ink_recipes[l->format];
    const ink_format_info *info = &ink_formats[l->format];
    size_t n_groups = info->block_elements / r->group;
    uint8_t *block = blocks;
    for (size_t i = 0; i < l->k / info->block_elements; i++, block += info->block_bytes) {
        ink_choice c = {.d = half_at(block, r->d), .m = r->has_min ? half_at(block, r->m) : 0};
        for (size_t j = 0; j < n_groups; j++) {
            group g = group_of(l, row, i * n_groups + j);
            set_scale(r, &c, &g, j);
            for (size_t k = 0; k < g.n; k++)
                c.codes[j * g.n + k] = (uint8_t)code_at(r, g.places[k]);
        }
        ink_choice_pack(l->format, &c, block);
    }
}
