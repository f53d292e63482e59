/*
 * What training teaches: a whole model, or an adapter of one whose own weights stay as they are. A
 * row for each says how the model is opened, which floats are learned, and what the files that hold
 * them say of themselves; the rest of training does not know the difference.
 */
#ifndef INK_LEARN_SUBJECT_H
#define INK_LEARN_SUBJECT_H

#include "base/sha256.h"
#include "format/gguf_writer.h"
#include "learn/parameter.h"
#include "model/lora.h"

typedef struct ink_subject ink_subject;

typedef struct ink_subject_kind {
    ink_load load;
    /* Fills subject->parameters from subject->model, which was opened so. */
    ink_status (*list)(ink_subject *subject, ink_error *error);
    /* The metadata of files. */
    ink_status (*describe)(const ink_subject *subject, ink_gguf_writer *writer, ink_error *error);
    /* Adds what decides the first values and is in no row of INK_TRAINING_TABLE. */
    void (*digest)(const ink_subject *subject, ink_sha256 *sum);
} ink_subject_kind;

extern const ink_subject_kind ink_subject_model;   /* all of its weights */
extern const ink_subject_kind ink_subject_adapter; /* a new one, by subject->adapter */

struct ink_subject {
    const ink_subject_kind *kind;
    const ink_adapter_training *adapter; /* of ink_subject_adapter */
    uint64_t seed;                       /* of first values */
    ink_model *model;
    ink_lora *lora; /* of ink_subject_adapter, once it is listed */
    ink_parameter_list parameters;
};

/*
 * Opens the model and lists what is learned. UNSUPPORTED names the part of the model that no
 * gradient goes through. A subject that failed is to be closed, too.
 */
ink_status ink_subject_open(ink_subject *subject, const char *path, const ink_training *training,
                            ink_error *error);
void ink_subject_close(ink_subject *subject);

#endif
