#include "model/rope.h"

#include <math.h>
#include "base/size.h"

/* The pair that turns `turns` times within the original context (YaRN, section 3.2). */
static double pair_of_turns(const ink_hparams *h, double base, double turns)
{
    return h->rope_dims * log(h->n_context_original / (turns * 2 * 3.14159265358979323846)) /
           (2 * log(base));
}

/* 1 where a pair is left as it was trained, 0 where it is stretched over the longer context. */
static double yarn_kept(const ink_hparams *h, double base, size_t pair)
{
    double low = floor(pair_of_turns(h, base, h->yarn_beta_fast));
    double high = ceil(pair_of_turns(h, base, h->yarn_beta_slow));
    low = low < 0 ? 0 : low;
    high = high > h->rope_dims - 1 ? h->rope_dims - 1 : high;
    double ramp = ((double)pair - low) / (high - low > 0.001 ? high - low : 0.001);
    return 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
}

/*
 * Divisors of the frequencies that a file carries: for all contexts, or for short and for long
 * ones. The reference engine rounds contexts up to 256 positions before it compares; files are made
 * and judged with it.
 */
static const float *factors_of(const ink_model *model, size_t n_context)
{
    const ink_weight *weights = model->weights;
    const float *longer = weights[INK_WEIGHT_ROPE_FACTORS_LONG].vector;
    if (longer && ink_size_groups(n_context, 256) * 256 > model->hparams.n_context_original)
        return longer;
    if (weights[INK_WEIGHT_ROPE_FACTORS_SHORT].vector)
        return weights[INK_WEIGHT_ROPE_FACTORS_SHORT].vector;
    return weights[INK_WEIGHT_ROPE_FACTORS].vector;
}

bool ink_rope_same(const ink_model *model, size_t n_context, size_t other)
{
    return factors_of(model, n_context) == factors_of(model, other);
}

bool ink_rope_differs(const ink_hparams *h)
{
    return h->rope_base_window != h->rope_base || h->rope_dims_window != h->rope_dims;
}

void ink_rope_frequencies(const ink_model *model, bool windowed, size_t n_context,
                          float *frequencies, float *magnitude)
{
    const ink_hparams *h = &model->hparams;
    bool own = windowed && ink_rope_differs(h);
    const float *factors = own ? NULL : factors_of(model, n_context);
    ink_rope_scaling scaling = own ? INK_SCALING_NONE : h->scaling;
    double base = own ? h->rope_base_window : h->rope_base, factor = h->rope_factor;
    uint32_t n_dims = ink_hparams_rope_dims(h, own);
    *magnitude = h->rope_magnitude;
    if (scaling == INK_SCALING_YARN &&
        h->yarn_log_factor == 0) /* otherwise the scores are scaled instead */
        *magnitude *= (float)(1 + 0.1 * log(factor));
    for (size_t i = 0; i < n_dims / 2; i++) {
        double frequency = pow(base, -2.0 * (double)i / n_dims);
        if (factors)
            frequency /= factors[i];
        if (scaling == INK_SCALING_LINEAR)
            frequency /= factor;
        if (scaling == INK_SCALING_YARN) {
            double kept = yarn_kept(h, base, i);
            frequency = frequency / factor * (1 - kept) + frequency * kept;
        }
        frequencies[i] = (float)frequency;
    }
}
