/*
 * A model's text: its vocabulary and chat template. They take as long as a part of the weights, and
 * need nothing of them, so a thread of their own makes them meanwhile.
 */
#ifndef INK_MODEL_TEXT_WORK_H
#define INK_MODEL_TEXT_WORK_H

#include <pthread.h>
#include "model/model.h"

typedef struct ink_text_work {
    struct ink_model *model;
    bool required; /* a file without a vocabulary is an error */
    bool running;  /* on `thread` */
    pthread_t thread;
    ink_status status;
    ink_error error;
} ink_text_work;

/*
 * Begins; `beside`: on a thread of its own, if the system grants one. Until the end nobody else
 * touches the model's vocab and chat, and the end must come before the model is freed.
 */
void ink_text_work_begin(ink_text_work *work, struct ink_model *model, bool required, bool beside);

/* Waits. On failure the model's vocab and chat are NULL or to be freed with it. */
INK_MUST_USE ink_status ink_text_work_end(ink_text_work *work, ink_error *error);

#endif
