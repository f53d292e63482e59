#include "quant/quantize.h"

#include <math.h>
#include "kernel/kernel.h"
#include "quant/search.h"
#include "quant/trellis.h"

#define MAX_HALF 65504.0f
#define MOST_RAISED 1.5f /* beyond, a block is too small to tell */

float ink_quantize_limit(ink_format format)
{
    const ink_recipe *r = &ink_recipes[format];
    float half = MAX_HALF, most = r->levels ? r->levels->value[r->levels->n - 1] : r->high;
    if (!r->levels && r->low < 0) /* which may be the nearer end */
        most = fminf(most, -(float)r->low);
    switch (r->kind) {
    case INK_SCALE_NONE:
        return format == INK_FORMAT_F16    ? 0x1.ffdffep15f  /* half a step below infinity */
               : format == INK_FORMAT_BF16 ? 0x1.fefffep127f /* likewise */
                                           : 0x1.fffffep127f;
    case INK_SCALE_STEPS:
        return fminf(ink_scale_step(format, r->scale_high) * most, 0x1p126f); /* rounds up */
    case INK_SCALE_CODES:
        return half * (r->has_min ? (float)r->min_high : most * (float)r->scale_high);
    case INK_SCALE_TRELLIS: /* the scale is of their deviation, far below a half's limit */
        return half;
    case INK_SCALE_HALF:
        break;
    }
    return r->has_min ? half : half * most;
}

bool ink_quantize_holds_zero(ink_format format)
{
    const ink_recipe *r = &ink_recipes[format];
    bool zero = !r->levels;
    for (size_t i = 0; r->levels && i < r->levels->n; i++)
        zero = zero || r->levels->value[i] == 0;
    return zero && !r->has_min;
}

/* One value a block: they are rounded, and that is all. */
static double round_values(ink_format format, void *blocks, const float *x, const float *weights,
                           size_t n)
{
    size_t n_bytes = ink_formats[format].block_bytes;
    double error = 0;
    (void)ink_encode(format, blocks, x, n);
    for (size_t k = 0; k < n; k++) {
        float value;
        ink_decode(format, &value, (const uint8_t *)blocks + k * n_bytes, 1);
        double rest = (double)x[k] - (double)value;
        error += (weights ? (double)weights[k] : 1) * rest * rest;
    }
    return error;
}

/* Raises the scale of a block that was packed, so that sum of w x v is sum of w x^2. */
static void straighten(ink_format format, ink_choice *choice, void *block, const float *x,
                       const float *weights)
{
    float values[INK_MAX_BLOCK];
    double xx = 0, xv = 0;
    ink_decode(format, values, block, 1);
    for (size_t k = 0; k < ink_formats[format].block_elements; k++) {
        double wx = (double)weights[k] * (double)x[k];
        xx += wx * (double)x[k];
        xv += wx * (double)values[k];
    }
    float factor = xv > 0 ? (float)(xx / xv) : 0;
    if (!(factor > 1 && factor < MOST_RAISED) || fabsf(choice->d) * factor > MAX_HALF ||
        fabsf(choice->m) * factor > MAX_HALF)
        return;
    choice->d *= factor;
    choice->m *= factor;
    ink_choice_pack(format, choice, block);
}

static double sum_errors(ink_format format, const uint8_t *block, const float *x,
                         const float *weights, size_t n)
{
    float values[INK_MAX_BLOCK];
    const ink_format_info *info = &ink_formats[format];
    double error = 0;
    for (size_t k = 0; k < n; k += info->block_elements, block += info->block_bytes) {
        ink_decode(format, values, block, 1);
        for (size_t i = 0; i < info->block_elements; i++) {
            double rest = (double)x[k + i] - (double)values[i];
            error += (weights ? (double)weights[k + i] : 1) * rest * rest;
        }
    }
    return error;
}

typedef enum how { PLAIN, SEARCHED, STRAIGHT } how;

static double quantize(ink_format format, void *blocks, const float *x, const float *weights,
                       size_t n, how wanted)
{
    float ones[INK_MAX_BLOCK];
    const ink_format_info *info = &ink_formats[format];
    uint8_t *block = blocks;
    double error = 0;
    if (ink_recipes[format].kind == INK_SCALE_NONE)
        return round_values(format, blocks, x, weights, n);
    if (ink_recipes[format].kind == INK_SCALE_TRELLIS) {
        ink_trellis_encode(format, blocks, x, n, wanted == STRAIGHT);
        return sum_errors(format, blocks, x, weights, n);
    }
    for (size_t k = 0; k < INK_MAX_BLOCK; k++)
        ones[k] = 1;
    for (size_t k = 0; k < n; k += info->block_elements, block += info->block_bytes) {
        ink_choice choice;
        const float *w = weights ? weights + k : ones;
        error += ink_choose(format, &choice, x + k, w, wanted != PLAIN);
        ink_choice_pack(format, &choice, block);
        if (wanted == STRAIGHT && ink_recipes[format].kind != INK_SCALE_STEPS)
            straighten(format, &choice, block, x + k, w);
    }
    return error;
}

double ink_quantize(ink_format format, void *blocks, const float *x, const float *weights, size_t n)
{
    return quantize(format, blocks, x, weights, n, SEARCHED);
}

void ink_quantize_straight(ink_format format, void *blocks, const float *x, const float *weights,
                           size_t n)
{
    (void)quantize(format, blocks, x, weights, n, STRAIGHT);
}

double ink_quantize_plain(ink_format format, void *blocks, const float *x, const float *weights,
                          size_t n)
{
    return quantize(format, blocks, x, weights, n, PLAIN);
}
