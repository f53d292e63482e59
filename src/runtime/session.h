/*
 * A session from inside: one timeline of tokens over a cache, and the recorded steps that extend
 * it.
 *
 * Steps are recorded once a shape and replayed; a few shapes are kept (one token, a full batch, and
 * what was used last), so that from the second token on nothing is recorded, planned or allocated.
 */
#ifndef INK_RUNTIME_SESSION_H
#define INK_RUNTIME_SESSION_H

#include "device/device.h"
#include "model/decoder.h"
#include "runtime/kv_cache.h"
#include "runtime/kv_share.h"

#define INK_KEPT_STEPS 4
#define INK_MAX_BATCH 4096
/* Of one batch when the logits of every token are wanted. */
#define INK_LOGITS_BYTES ((size_t)32 << 20)

typedef struct ink_recorded_step {
    ink_graph graph;
    ink_program *program; /* NULL: not in use */
    ink_step_shape shape;
    ink_step arrays;
    uint64_t last_used;
} ink_recorded_step;

/* Who wants to see what the arrays of steps hold. */
typedef struct ink_observer {
    void *context;
    void (*recorded)(void *context, ink_graph *graph); /* before it is planned */
    ink_status (*ran)(void *context, ink_program *program, const ink_graph *graph,
                      ink_error *error);
} ink_observer;

struct ink_session {
    const ink_model *model;
    const ink_allocator *allocator;
    size_t n_context, n_batch, n_kept_batch; /* kept: without pressure */
    bool rolls;                              /* it may lose positions and go on: roll.c */
    ink_pressure pressure;                   /* that it has followed */
    char *spilled;                           /* the file it is in; NULL: in memory */
    bool was_foreign;                        /* of the cache, meanwhile */
    ink_device *device;
    ink_session_options options; /* with what they came to: for forks */
    char *cache_text;            /* theirs */
    ink_kv_shape shape;
    ink_kv_cache cache;
    ink_recorded_step steps[INK_KEPT_STEPS];
    uint64_t n_runs;
    int32_t *tokens; /* [n_context], the first `position` in use */
    size_t position;
    size_t n_reused; /* tokens of the last evaluation that others had evaluated */
    float *logits;   /* [n_vocab] */
    bool has_logits;
    const ink_observer *observer; /* of a session without recorded steps; NULL: none */
};

/* Forgets steps, and gives back work space and pages that are not in use. */
void ink_session_trim(ink_session *session);

/*
 * Before anything is evaluated: follows the model's pressure, and reads back what was put on the
 * disk.
 */
INK_MUST_USE ink_status ink_session_wake(ink_session *session, ink_error *error);

/* Removes the file that it is in, if it is in one. */
void ink_session_discard(ink_session *session);

/*
 * Around ink_session_roll. check: BAD_ARGUMENT when it can never do so. may: the text has not come
 * to its LIMIT. room: tokens that may be evaluated before it is called.
 */
INK_MUST_USE ink_status ink_session_check_roll(const ink_session *session, ink_overflow overflow,
                                               size_t n_keep, ink_error *error);
bool ink_session_may_roll(const ink_session *session);
size_t ink_session_room(const ink_session *session);

/* Whether a rewind to `position` keeps what tokens before it came to, but for a few at its end. */
bool ink_session_goes_back(const ink_session *session, size_t position);

/* Bytes that generating takes beside the session, with room for prompts and answers as text. */
size_t ink_generate_bytes(size_t n_vocab, size_t n_context);

/* What the model's budget still has, or of what the system has the part that is taken unasked. */
uint64_t ink_memory_room(const ink_model *model);

/*
 * Options that leave the context open get what the model was trained for, or as much of it as has
 * room.
 */
INK_MUST_USE ink_status ink_session_fit_context(const ink_model *model,
                                                ink_session_options *options, uint64_t room,
                                                ink_error *error);

/* Bytes that its cache would take beside what the model keeps already. */
INK_MUST_USE ink_status ink_session_missing(const ink_model *model,
                                            const ink_session_options *options,
                                            uint64_t *cache_bytes, ink_error *error);

/* Whether a new session fits into the model's budget, and into the pressure; LIMIT. */
INK_MUST_USE ink_status ink_session_admit(const ink_model *model,
                                          const ink_session_options *options, ink_error *error);

/* Of one session, in `plan`'s rows from cache to sampling. */
INK_MUST_USE ink_status ink_session_plan_all(const ink_model *model,
                                             const ink_session_options *options,
                                             ink_memory_plan *plan, ink_error *error);

#endif
