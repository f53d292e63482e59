/*
 * A rounded model whose codes and scales are learned layer by layer: what a layer gives of what the
 * rounded layers before it gave is to come near to what the original gives of what the originals
 * gave, by mean square error (Cheng et al., arXiv:2309.05516; quant/learned.h).
 *
 * In memory is one layer: as it was, or rounded with two bytes and the best blocks so far for each
 * weight. Activations of the text are in a file beside the output, OUT.activations; a layer that is
 * done is OUT.learned-N, so that whoever is killed goes on with the next.
 */
#ifndef INK_SHRINK_LEARN_LAYERS_H
#define INK_SHRINK_LEARN_LAYERS_H

#include "shrink/calibrate.h"
#include "shrink/targets.h"

typedef struct ink_layer_learning {
    const char *in, *rounded, *out; /* the model, what it was rounded to, what is to be written */
    const ink_calibration *text;    /* its tokens; the model may be closed */
    uint32_t n_steps;
    int n_threads;
    const ink_allocator *allocator;
    const ink_progress *progress;
} ink_layer_learning;

/* Says which matrices go without, and why. UNSUPPORTED: all do. */
ink_status ink_learn_layers_check(const ink_targets *targets, const ink_log *log, ink_error *error);

/* The same bits on any number of threads. What is beside `out` goes when that is whole. */
ink_status ink_learn_layers(const ink_layer_learning *options, ink_error *error);

#endif
