/*
 * One step of learning: batches through a recorded graph, forward and back, their gradients summed
 * up, and the optimizer. What it learns from, how long, and what is kept, is train.c's business.
 *
 * For one seed, model and sequence of batches the weights are the same to the bit on any number of
 * threads.
 */
#ifndef INK_LEARN_TRAINER_H
#define INK_LEARN_TRAINER_H

#include "device/device.h"
#include "learn/batch.h"
#include "learn/optimizer.h"
#include "model/decoder.h"

/*
 * What is to become small. NULL in place of one: the cross-entropy of the batch's targets, averaged
 * over those that count, which is also what evaluation measures.
 */
typedef struct ink_objective {
    void *context;
    /*
     * Records the loss of each token, [n_tokens, 1], given its logits [n_tokens, n_vocab], and
     * inputs of its own.
     */
    ink_array *(*record)(void *context, ink_array *logits, ink_array *targets);
    /* Fills those inputs before a run. NULL: there are none. */
    ink_status (*fill)(void *context, ink_program *program, const ink_batch *batch,
                       ink_error *error);
} ink_objective;

typedef struct ink_trainer_options {
    size_t n_tokens; /* of a batch */
    size_t n_context;
    float dropout, adapter_dropout;
    ink_precision precision;
    bool recompute; /* activations of a layer, in place of keeping them */
    uint64_t seed;  /* of dropout */
    int n_threads;
    ink_adam adam;
    const ink_objective *objective;
} ink_trainer_options;

/* A graph, and what it is run with. */
typedef struct ink_learning_graph {
    ink_graph graph;
    ink_program *program;
    ink_step step;
    ink_array *targets;    /* [n_tokens] int32 */
    ink_array *share;      /* [1, 1]: 1 / how many targets count */
    ink_array *loss;       /* [1, 1] */
    ink_array **gradients; /* [n parameters]; NULL in a graph that only evaluates */
} ink_learning_graph;

typedef struct ink_trainer {
    const ink_allocator *allocator;
    ink_model *model;
    const ink_parameter_list *parameters;
    ink_trainer_options options;
    ink_device *device;
    struct ink_pool *pool; /* of the optimizer */
    ink_learning_graph learning, evaluating;
    ink_optimizer optimizer;
    const float **gradients; /* [n parameters], of the last step */
    float *sums;             /* [n_floats] of several batches; NULL until there are */
    size_t n_summed;
} ink_trainer;

/* Model and parameters outlive it. */
ink_status ink_trainer_init(ink_trainer *trainer, ink_model *model,
                            const ink_parameter_list *parameters,
                            const ink_trainer_options *options, ink_error *error);
void ink_trainer_deinit(ink_trainer *trainer);

/*
 * One batch of a step, of `options.n_tokens`: its loss, and its gradients beside those of the
 * step's other batches. `last`: no more will come before ink_trainer_step.
 */
ink_status ink_trainer_learn(ink_trainer *trainer, const ink_batch *batch, bool last, float *loss,
                             ink_error *error);

/*
 * The optimizer's step by the mean of the gradients since the last. Gives their norm. CORRUPT, and
 * nothing has changed, when that is not a finite number.
 */
ink_status ink_trainer_step(ink_trainer *trainer, float rate, double *norm, ink_error *error);

/* The loss of a batch, without learning from it or dropping out. */
ink_status ink_trainer_evaluate(ink_trainer *trainer, const ink_batch *batch, float *loss,
                                ink_error *error);

/* Bytes held beside the model's weights. */
size_t ink_trainer_memory_bytes(const ink_trainer *trainer);

#endif
