/*
 * What was learned, in files: a model or an adapter, or all that training needs to go on. Both are
 * GGUF files with the metadata that the subject describes; a checkpoint also holds the optimizer's
 * moments ("first." and "second." before a tensor's name) and the state below. Files appear whole
 * or not at all (format/gguf_writer.h).
 */
#ifndef INK_LEARN_CHECKPOINT_H
#define INK_LEARN_CHECKPOINT_H

#include "learn/optimizer.h"
#include "learn/subject.h"

typedef struct ink_learning_state {
    uint64_t step, epoch, next;       /* next: window of the epoch (corpus.h) */
    uint64_t n_tokens;                /* learned from */
    double best_loss;                 /* measured; INFINITY: none was */
    uint64_t n_worse;                 /* measurements since */
    const char *precision;            /* of products */
    uint8_t digest[INK_SHA256_BYTES]; /* of texts, options and first weights */
} ink_learning_state;

/* What the subject's files hold, as floats. */
ink_status ink_learned_save(const ink_subject *subject, const char *path, ink_error *error);

ink_status ink_checkpoint_save(const ink_subject *subject, const ink_optimizer *optimizer,
                               const ink_learning_state *state, const char *path, ink_error *error);

/*
 * Weights, moments and state, if there is a file at `path`; else *found is false. BAD_ARGUMENT when
 * the file's digest or precision is not the state's: it was made by other training. What is learned
 * and the optimizer are to be thrown away after a failure.
 */
ink_status ink_checkpoint_load(ink_optimizer *optimizer, ink_learning_state *state,
                               const char *path, bool *found, ink_error *error);

#endif
