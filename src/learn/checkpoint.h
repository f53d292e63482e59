/*
 * Trained weights in files: a model, or all that training needs to go on. Both are GGUF files with
 * the metadata of the model that training began with; a checkpoint also holds the optimizer's
 * moments ("first." and "second." before a tensor's name) and the state below. Files appear whole
 * or not at all (format/gguf_writer.h).
 */
#ifndef INK_LEARN_CHECKPOINT_H
#define INK_LEARN_CHECKPOINT_H

#include "base/sha256.h"
#include "learn/optimizer.h"

typedef struct ink_learning_state {
    uint64_t step, epoch, next;       /* next: window of the epoch (corpus.h) */
    uint64_t n_tokens;                /* learned from */
    double best_loss;                 /* measured; INFINITY: none was */
    uint64_t n_worse;                 /* measurements since */
    uint8_t digest[INK_SHA256_BYTES]; /* of texts, options and first weights */
} ink_learning_state;

/* All weights, as floats. */
ink_status ink_learned_save(const ink_model *model, const char *path, ink_error *error);

ink_status ink_checkpoint_save(const ink_model *model, const ink_optimizer *optimizer,
                               const ink_learning_state *state, const char *path, ink_error *error);

/*
 * Weights, moments and state, if there is a file at `path`; else *found is false. BAD_ARGUMENT when
 * the file's digest is not state->digest: it was made by other training. The model and optimizer
 * are to be thrown away after a failure.
 */
ink_status ink_checkpoint_load(ink_model *model, ink_optimizer *optimizer,
                               ink_learning_state *state, const char *path, bool *found,
                               ink_error *error);

#endif
