/*
 * A model that another learns from: what it expects after each token of a batch. It runs beside the
 * training, or ran once, and the best of what it expected is in a file (teacher_cache.h).
 */
#ifndef INK_LEARN_TEACHER_H
#define INK_LEARN_TEACHER_H

#include "base/sha256.h"
#include "learn/batch.h"
#include "model/model.h"

typedef struct ink_teacher {
    ink_model *model;
    ink_session *session;
    size_t n_vocab;
} ink_teacher;

/*
 * Opens the GGUF file for sequences of up to n_context tokens. BAD_ARGUMENT: its vocabulary is not
 * the student's, and where they differ; or it is made for shorter sequences.
 */
ink_status ink_teacher_open(ink_teacher *teacher, const char *path, const ink_model *student,
                            size_t n_context, const ink_training *training, ink_error *error);
void ink_teacher_close(ink_teacher *teacher);

/* logits[n][n_vocab] after each of the n tokens of one sequence. */
ink_status ink_teacher_read(ink_teacher *teacher, const int32_t *tokens, size_t n, float *logits,
                            ink_error *error);

/* Of what it knows: its weights. */
void ink_teacher_digest(const ink_teacher *teacher, uint8_t digest[INK_SHA256_BYTES]);

#endif
