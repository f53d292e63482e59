/*
 * The stages of the sampler: each narrows or reorders the candidates in play; at least one stays,
 * once there is one.
 *
 * What a stage keeps does not depend on the order of the candidates: equal ones go by token id.
 */
#ifndef INK_RUNTIME_SAMPLER_STAGES_H
#define INK_RUNTIME_SAMPLER_STAGES_H

#include "runtime/sampler.h"

/* Drops candidates at -INFINITY; the others become finite. May leave none. */
void ink_sampler_drop_impossible(ink_sampler *sampler);

/* The candidate with the highest logit. */
const ink_candidate *ink_sampler_best(const ink_sampler *sampler);

/* The k best; 0: all. */
void ink_sampler_keep_top_k(ink_sampler *sampler, size_t k);

/*
 * Those whose surprise is nearest to the entropy, up to the mass. Meister et al., arXiv:2202.00666.
 */
void ink_sampler_keep_typical(ink_sampler *sampler, float mass);

/*
 * The smallest set of the best that has the mass: the nucleus of Holtzman et al., arXiv:1904.09751.
 */
void ink_sampler_keep_top_p(ink_sampler *sampler, float mass);

/* Those at least min_p times as likely as the best. Nguyen et al., arXiv:2407.01082. */
void ink_sampler_keep_min_p(ink_sampler *sampler, float min_p);

/* Draws by exp(logit / temperature). */
int32_t ink_sampler_draw(ink_sampler *sampler, float temperature);

#endif
