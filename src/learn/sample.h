/*
 * A text that a model writes while it learns, to see how far it is: it begins and draws the same
 * way each time. Learning does not notice.
 */
#ifndef INK_LEARN_SAMPLE_H
#define INK_LEARN_SAMPLE_H

#include "base/memory.h"
#include "model/model.h"

enum { INK_SAMPLE_TOKENS = 64 }; /* that are written, at most */

typedef struct ink_sample {
    ink_session *session; /* NULL: no text is wanted */
    ink_tokens prompt;
    ink_generation generation;
    ink_buffer text; /* the last, from its begin */
    const char *begin;
} ink_sample;

/*
 * As training->sample says. The model outlives it. BAD_ARGUMENT: the text begins with no token, or
 * with more than the model has positions for.
 */
ink_status ink_sample_open(ink_sample *sample, const ink_model *model, const ink_training *training,
                           ink_error *error);
void ink_sample_close(ink_sample *sample);

/* Writes the text by the weights as they are now. */
ink_status ink_sample_write(ink_sample *sample, ink_error *error);

#endif
