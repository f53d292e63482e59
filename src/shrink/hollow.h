/*
 * A hollow model: the shape and the formats of one, its matrices filled with one byte. It says
 * nothing, and takes the memory and the time of the real one, so that what formats come to is known
 * before they are made.
 */
#ifndef INK_SHRINK_HOLLOW_H
#define INK_SHRINK_HOLLOW_H

#include "shrink/targets.h"

typedef struct ink_hollow {
    const char *path;           /* of the model */
    const ink_targets *targets; /* the formats of its matrices */
    const ink_session_options *session;
    int n_threads;
    const ink_allocator *allocator;
    const ink_progress *progress; /* is asked after each token whether to go on; or NULL, */
    float part;                   /* and told this */
} ink_hollow;

typedef struct ink_pace {
    double seconds;    /* of a token, at the end of the context: the median of some */
    double read_bytes; /* of weights and cache that such a token reads */
} ink_pace;

/*
 * Vectors (norms, biases) are the model's own. The cache is as if the context was full but for the
 * tokens that are timed. CANCELLED; BAD_ARGUMENT: it does not generate.
 */
ink_status ink_hollow_time(const ink_hollow *hollow, ink_pace *pace, ink_error *error);

#endif
