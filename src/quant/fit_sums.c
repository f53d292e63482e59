/* What a scale loses of a group, and the sums for least squares: where the time goes. */
#include "quant/fit.h"

static float add_lanes(const float sums[INK_FIT_LANES])
{
    float total = 0;
    for (int i = 0; i < INK_FIT_LANES; i++)
        total += sums[i];
    return total;
}

float ink_fit_measure(const ink_fit_group *g, float d, float m)
{
    float q[INK_MAX_BLOCK], sums[INK_FIT_LANES] = {0};
    ink_fit_levels(g, d, m, q);
    for (size_t k = 0; k < g->n; k += INK_FIT_LANES) {
        for (size_t i = 0; i < INK_FIT_LANES; i++) {
            float rest = g->x[k + i] - (d * q[k + i] + m);
            sums[i] += g->w[k + i] * (rest * rest);
        }
    }
    return add_lanes(sums);
}

ink_fit ink_fit_try(const ink_fit_group *g, float d, float m)
{
    float q[INK_MAX_BLOCK], e[INK_FIT_LANES] = {0}, qq[INK_FIT_LANES] = {0}, s[INK_FIT_LANES] = {0},
                            qx[INK_FIT_LANES] = {0};
    ink_fit_levels(g, d, m, q);
    for (size_t k = 0; k < g->n; k += INK_FIT_LANES) {
        for (size_t i = 0; i < INK_FIT_LANES; i++) {
            float level = q[k + i], wq = g->w[k + i] * level;
            float rest = g->x[k + i] - (d * level + m);
            e[i] += g->w[k + i] * (rest * rest);
            s[i] += wq;
            qq[i] += wq * level;
            qx[i] += wq * g->x[k + i];
        }
    }
    return (ink_fit){d, m, add_lanes(e), add_lanes(qq), add_lanes(s), add_lanes(qx)};
}
