/*
 * What a sentence asks for: an intent with its slots, read from what the model answered, written as
 * JSON or said.
 */
#ifndef INK_HOME_REPLY_H
#define INK_HOME_REPLY_H

#include "home/request.h"

typedef struct ink_slot_value {
    ink_home_slot slot;
    bool is_number;
    double number;
    const char *text; /* [n_bytes]: of the home, of the sentence, or of a table */
    size_t n_bytes;
} ink_slot_value;

typedef struct ink_reply {
    ink_home_intent intent; /* or INK_INTENT_NONE */
    ink_slot_value slots[INK_N_SLOTS];
    size_t n_slots;
} ink_reply;

/*
 * `answer` is what the model wrote (request.h). CORRUPT says at which word it is not a valid answer
 * to the request, whose home and sentence the reply borrows.
 */
INK_MUST_USE
ink_status ink_reply_read(ink_reply *out, const ink_request *request, const char *answer,
                          ink_error *error);

/* {"intent":"HassTurnOff","slots":{"area":"Kitchen","domain":"light"}} */
void ink_reply_write(const ink_reply *reply, ink_buffer *out);

/* "Turning off the light devices in Kitchen." */
void ink_reply_say(const ink_reply *reply, ink_buffer *out);

#endif
