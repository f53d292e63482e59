/*
 * From a conversation to the variables a chat template reads. Knows the names that templates agree
 * on (messages, tools, bos_token, eos_token, add_generation_prompt, enable_thinking), nothing of
 * any model.
 *
 * What is said in a conversation is data (INK_ORIGIN_DATA). Two kinds of variables count as the
 * template's own words, because templates make control tokens of them: texts whose names end in
 * "_token", and the role of a message where it is a plain word ("<|" + message.role + "|>"). Both
 * are the application's to choose, not those of who writes the messages.
 */
#ifndef INK_TEXT_CHAT_H
#define INK_TEXT_CHAT_H

#include "text/template.h"

typedef struct ink_chat_message {
    const char *role; /* terminated: "system", "user", "assistant", "tool" */
    const char *content;
    size_t content_bytes;
} ink_chat_message;

typedef struct ink_chat_options {
    const char *bos_token,
        *eos_token; /* terminated; NULL is the empty string, as templates print them unasked */
    bool add_generation_prompt;
    bool sets_thinking,
        enable_thinking; /* enable_thinking reaches the template only when sets_thinking */
    ink_value tools;     /* a list, or undefined */
} ink_chat_options;

/* Borrows every text and the tools: they must outlive `*out`, a dict in the arena. */
ink_status ink_chat_variables(ink_arena *arena, const ink_chat_message *messages, size_t n_messages,
                              const ink_chat_options *options, ink_value *out, ink_error *error);

/*
 * The same from JSON: an array of messages, or an object of all variables, whose names then go
 * before the options'. Content may be what the template understands (text or parts), so only the
 * array of objects with a role is checked.
 */
ink_status ink_chat_variables_from_json(ink_arena *arena, const char *text, size_t n_bytes,
                                        const ink_chat_options *options, ink_value *out,
                                        ink_error *error);

#endif
