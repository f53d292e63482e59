/*
 * What tests of the runtime share: models of the reference data, sessions, and text that is
 * collected.
 */
#ifndef INK_TESTS_RUNTIME_STORIES_H
#define INK_TESTS_RUNTIME_STORIES_H

#include "support.h"

#include "runtime/session.h"

#define STORIES "weights/stories260K.gguf"

/* The model below the shared folder; fails the test when it does not open. */
ink_model *open_model(const char *relative, const ink_allocator *allocator);

/*
 * A session with a cache in this format, isolated, so that nothing is compared with itself;
 * n_context and n_batch 0: the defaults.
 */
ink_session *new_session(const ink_model *model, const char *cache, size_t n_context,
                         size_t n_batch);

/* The tokens of a text, special ones added. Ended by ink_tokens_free. */
ink_tokens tokens_of(const ink_model *model, const char *text);

/* Tokens 0 <= id < n_vocab that mean nothing. */
void random_tokens(const ink_model *model, int32_t *tokens, size_t n_tokens, uint64_t seed);

void evaluate(ink_session *session, const int32_t *tokens, size_t n_tokens);

/* Collects what is written, and checks that each piece is whole characters ended by a NUL. */
typedef struct ink_written {
    char text[1 << 16];
    size_t n_bytes, n_calls;
    size_t cancel_at; /* this call returns false, counted from 1; 0: none */
} ink_written;

bool write_collected(void *context, const char *text, size_t n_bytes);

/* Generates greedily into *written with the given number of tokens at most. */
ink_generated generate(ink_session *session, const int32_t *prompt, size_t n_prompt,
                       const ink_generation *generation);

/* Temperature 0, all into *written. */
ink_generation greedy(ink_written *written, size_t max_tokens);

#endif
