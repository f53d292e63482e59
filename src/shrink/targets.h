/*
 * The tensors of a model's file with what each is to become: by a mixture's rules, or by what a
 * budget has room for.
 */
#ifndef INK_SHRINK_TARGETS_H
#define INK_SHRINK_TARGETS_H

#include "shrink/mixture.h"
#include "shrink/statistics.h"

typedef struct ink_target {
    const ink_gguf_tensor *tensor;
    const ink_matrix
        *matrix; /* NULL: it stays as it is: a vector, a router, a table of positions */
    const ink_inputs *inputs; /* NULL: not known */
    ink_role role;
    uint32_t layer;
    ink_format format; /* that it gets: its own, and then it is copied, or another */
    ink_format asked;  /* what that stands in for, where rows do not fit it; else the same */
    float loss;        /* expected of it, in nats a token; NAN: not known */
} ink_target;

typedef struct ink_targets {
    const ink_model *model;
    ink_target *all; /* [n], as in the file */
    size_t n;
    bool weighted; /* there are statistics */
} ink_targets;

/*
 * All stay as they are at first. `statistics` may be NULL. BAD_ARGUMENT: they are of another model.
 * What failed is to be ended, too.
 */
ink_status ink_targets_init(ink_targets *targets, const ink_model *model,
                            const ink_statistics *statistics, ink_error *error);
void ink_targets_deinit(ink_targets *targets);

const ink_target *ink_targets_find(const ink_targets *targets, const ink_gguf_tensor *tensor);

void ink_targets_mix(ink_targets *targets, const ink_mixture *mixture);

/* Bytes of one in its format. */
uint64_t ink_target_bytes(const ink_target *target, ink_format format);

typedef struct ink_budget_options {
    uint64_t n_bytes; /* of all tensors; 0: by bits */
    float bits;       /* of a parameter, over all tensors */
    bool own;         /* Inkling's own formats, too */
    int n_threads;
    const ink_allocator *allocator;
    const ink_progress *progress;
} ink_budget_options;

/*
 * Formats for the matrices by which the expected loss is the least that so many bytes allow: each
 * candidate is tried on rows of each matrix. LIMIT: all bytes are not enough for any; it says how
 * many are.
 */
ink_status ink_targets_budget(ink_targets *targets, const ink_budget_options *options,
                              ink_error *error);

/* The same in two steps, to choose again and again. */
typedef struct ink_costs ink_costs;

/* Tries each candidate. Targets, options and what they point to outlive it. */
ink_status ink_costs_open(ink_costs **out, ink_targets *targets, const ink_budget_options *options,
                          ink_error *error);
void ink_costs_close(ink_costs *costs);

/* For n_bytes of all tensors, or if that is 0 for bits a parameter. LIMIT, as above. */
ink_status ink_costs_choose(ink_costs *costs, uint64_t n_bytes, float bits, ink_error *error);

/* The shortest format that a budget may give, to each matrix. */
void ink_targets_shorten(ink_targets *targets);

/* What all tensors come to in these formats. */
typedef struct ink_targets_sum {
    uint64_t n_parameters, n_bytes;
    double loss; /* of the matrices that change; NAN: not known of all */
} ink_targets_sum;

ink_targets_sum ink_targets_add_up(const ink_targets *targets);

/*
 * `model`, opened from the same file without its weights, is from here on as if that had these
 * formats: to plan, and to try.
 */
ink_status ink_targets_assume(const ink_targets *targets, ink_model *model, ink_error *error);

#endif
