#include "quant/quantize.h"

#include <math.h>
#include "kernel/kernel.h"
#include "quant/search.h"

float ink_quantize_limit(ink_format format)
{
    const ink_recipe *r = &ink_recipes[format];
    float half = 65504, most = r->levels ? r->levels->value[r->levels->n - 1] : r->high;
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
    case INK_SCALE_HALF:
        break;
    }
    return r->has_min ? half : half * most;
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

static double quantize(ink_format format, void *blocks, const float *x, const float *weights,
                       size_t n, bool search)
{
    float ones[INK_MAX_BLOCK];
    const ink_format_info *info = &ink_formats[format];
    uint8_t *block = blocks;
    double error = 0;
    if (ink_recipes[format].kind == INK_SCALE_NONE)
        return round_values(format, blocks, x, weights, n);
    for (size_t k = 0; k < INK_MAX_BLOCK; k++)
        ones[k] = 1;
    for (size_t k = 0; k < n; k += info->block_elements, block += info->block_bytes) {
        ink_choice choice;
        error += ink_choose(format, &choice, x + k, weights ? weights + k : ones, search);
        ink_choice_pack(format, &choice, block);
    }
    return error;
}

double ink_quantize(ink_format format, void *blocks, const float *x, const float *weights, size_t n)
{
    return quantize(format, blocks, x, weights, n, true);
}

double ink_quantize_plain(ink_format format, void *blocks, const float *x, const float *weights,
                          size_t n)
{
    return quantize(format, blocks, x, weights, n, false);
}
