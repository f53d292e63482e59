/* Codes for a scale: a file by itself, so that there is one copy of these loops. */
#include "quant/fit.h"

#include <math.h>

float ink_fit_invert(float d)
{
    float inverse = d != 0 ? 1 / d : 0;
    return fabsf(inverse) < INFINITY ? inverse : 0;
}

void ink_fit_levels(const ink_fit_group *g, float d, float m, float *restrict q)
{
    const ink_recipe *r = g->recipe;
    const float *restrict x = g->x;
    float inverse = ink_fit_invert(d);
    if (!r->levels) {
        const float round = 0x1.8p23f, low = r->low, high = r->high; /* adding it rounds */
        for (size_t k = 0; k < g->n; k += INK_FIT_LANES) {
            for (size_t i = k; i < k + INK_FIT_LANES; i++) {
                float v = (x[i] - m) * inverse;
                v = v < low ? low : v;
                v = v > high ? high : v;
                q[i] = (v + round) - round;
            }
        }
        return;
    }
    for (size_t k = 0; k < g->n; k++)
        q[k] = r->levels->value[0];
    for (int l = 0; l + 1 < r->levels->n; l++) {
        float here = r->levels->value[l], step = r->levels->value[l + 1] - here;
        float middle = here + step / 2;
        for (size_t k = 0; k < g->n; k += INK_FIT_LANES)
            for (size_t i = k; i < k + INK_FIT_LANES; i++)
                q[i] += (x[i] - m) * inverse > middle ? step : 0;
    }
}
