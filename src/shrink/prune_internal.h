/* What the files of pruning share: prune.c chooses and writes, prune_work.c reads and computes. */
#ifndef INK_SHRINK_PRUNE_INTERNAL_H
#define INK_SHRINK_PRUNE_INTERNAL_H

#include "shrink/calibrate.h"
#include "shrink/cut.h"
#include "shrink/eliminate.h"

/* A matrix whose columns are groups or channels. */
typedef struct ink_prune_job {
    const ink_gguf_tensor *tensor;
    ink_cut_kind kind;
    uint32_t layer;
    ink_inputs *inputs;
    ink_elimination work; /* columns NULL: not at hand */
    float *sums;          /* of what layers behind it add (ink_added); NULL: nothing of that */
    double regained;      /* of the squares that the next layer adds, by this matrix in its place */
    uint32_t *order;      /* [units], those that are missed least first */
    double *losses;       /* [units] of each when it went */
    ink_error error;      /* of its thread */
} ink_prune_job;

typedef struct ink_prune {
    const ink_pruning *options;
    const char *in;
    int n_threads;
    ink_model *model; /* without its weights */
    ink_calibration calibration;
    ink_statistics statistics;
    ink_arena arena; /* all lists */
    ink_cut cut;
    ink_influence *influence; /* [layers] */
    ink_cut_costs costs;
    double *narrow[INK_N_CUTS]; /* of the costs */
    ink_prune_job *jobs;        /* [n_jobs], as in the file */
    ink_added *added;           /* [n_jobs] */
    size_t n_jobs;
    bool chosen, repairing;
} ink_prune;

/* The model without its weights. */
ink_status ink_prune_open(ink_model **out, const char *in, const ink_pruning *options,
                          ink_error *error);

/* With its weights and the texts, and room for what they show. */
ink_status ink_prune_calibrate(ink_calibration *calibration, ink_statistics *statistics,
                               const char *in, const ink_pruning *options, int n_threads,
                               ink_error *error);

/* Dampened products of what a matrix reads to factors (quant/feedback.h). */
ink_status ink_prune_factor(const ink_inputs *inputs, float *room, ink_error *error);

/* Lists the matrices and reads the text: what each layer does, and what all columns cost. */
ink_status ink_prune_read_text(ink_prune *prune, ink_error *error);

/* Whether what is left of the job's matrix is not what it was; until the choice, true of all. */
bool ink_prune_changes(const ink_prune *prune, const ink_prune_job *job);

/* Units that are to go: of the layers that stay, as many as was chosen. */
uint32_t ink_prune_n_gone(const ink_prune *prune, const ink_prune_job *job);

/*
 * Works on this matrix and on as many behind it as there is room for: their columns are at hand
 * then, and those of others are not. *next: the one after them.
 */
ink_status ink_prune_work_from(ink_prune *prune, size_t first, size_t *next, ink_error *error);
void ink_prune_drop_work(ink_prune *prune);

#endif
