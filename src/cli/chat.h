/*
 * A conversation: messages, and the session that has read them.
 *
 * Each turn renders the whole conversation, and evaluates only what the session does not hold yet:
 * it is rewound to the last token both have in common, so a template may change what it wrote
 * before (as those of thinking models do).
 */
#ifndef INK_CLI_CHAT_H
#define INK_CLI_CHAT_H

#include "base/memory.h"

typedef struct ink_turn {
    char *role, *content; /* terminated */
    size_t content_bytes;
} ink_turn;

typedef struct ink_chat {
    const ink_model *model;
    ink_session *session;
    const char *thinking;    /* "on", "off", or NULL: as the template likes */
    const ink_buffer *tools; /* JSON, for templates; NULL: none */
    bool drops_turns;        /* the oldest, where there are more than have room */
    size_t n_dropped;        /* messages that the last answer did without */
    bool reads_again; /* the last answer was to another text than the session had dropped from */
    ink_turn *turns;  /* [n_turns] */
    size_t n_turns, capacity;
} ink_chat;

/* `chat` has its model and session; frees the turns only. */
void ink_chat_deinit(ink_chat *chat);

ink_status ink_chat_add(ink_chat *chat, const char *role, const char *content, size_t n_bytes,
                        ink_error *error);

/* How the model will think about the conversation so far. */
ink_status ink_chat_thinking(const ink_chat *chat, ink_thinking *out, ink_error *error);

/* The turns of `from` in place of those of `chat`, which are left to whoever else has them. */
ink_status ink_chat_copy_turns(ink_chat *chat, const ink_chat *from, ink_error *error);

/* Keeps the first n_turns. */
void ink_chat_truncate(ink_chat *chat, size_t n_turns);

/*
 * Generates the answer to the conversation so far and adds it, unless there was no text at all.
 * `generation` has the caller's callback; what it was given is what is added, also when it
 * cancelled.
 */
ink_status ink_chat_answer(ink_chat *chat, const ink_generation *generation, ink_generated *result,
                           ink_error *error);

/*
 * Continues a text as it is, from an empty session. parse_special: control tokens written out in it
 * count.
 */
ink_status ink_chat_continue(ink_chat *chat, const char *text, size_t n_bytes, bool parse_special,
                             const ink_generation *generation, ink_generated *result,
                             ink_error *error);

/*
 * Continues tokens as they are; of those that the session holds already, only the rest is
 * evaluated.
 */
ink_status ink_chat_generate(ink_chat *chat, const ink_tokens *tokens,
                             const ink_generation *generation, ink_generated *result,
                             ink_error *error);

/*
 * The messages as a JSON array, which `inkling template` reads too. Loading replaces the
 * conversation.
 */
ink_status ink_chat_save(const ink_chat *chat, const char *path, ink_error *error);
ink_status ink_chat_load(ink_chat *chat, const char *path, ink_error *error);

#endif
