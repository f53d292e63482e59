/*
 * The assistant: a model, a home, and a sentence after the other. Each answer is generated under
 * the grammar of its request, so it is always valid and names what the home has.
 */
#ifndef INK_HOME_ASSISTANT_H
#define INK_HOME_ASSISTANT_H

#include "home/reply.h"

typedef struct ink_assistant ink_assistant;

/* Model and home outlive it. Belongs to one thread at a time. */
INK_MUST_USE
ink_status ink_assistant_new(ink_assistant **out, const ink_model *model, const ink_home *home,
                             const ink_allocator *allocator, ink_error *error);
void ink_assistant_free(ink_assistant *assistant);

/* What is asked from now on is about this home. */
void ink_assistant_enter(ink_assistant *assistant, const ink_home *home);

/*
 * `spoken_in`: an area's thing, or INK_THING_NOWHERE. The reply borrows from `sentence` and the
 * home.
 */
INK_MUST_USE
ink_status ink_assistant_ask(ink_assistant *assistant, const char *sentence, size_t n_bytes,
                             uint32_t spoken_in, ink_reply *reply, ink_error *error);

#endif
