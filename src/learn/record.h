/*
 * Lines of JSON that something is learned from, one object each; empty lines do not matter:
 *
 *   {"text": "..."}                             all of it
 *   {"prompt": "...", "completion": "..."}      the completion
 *   {"messages": [{"role": ..., "content": ...}, ...]}   what the assistant says
 *
 * Other keys are left alone, so that files may say where their lines are from; a key that is null
 * counts as absent. They are untrusted: each line has the limits of text/json.h, and memory goes by
 * the longest line, not by how many there are.
 */
#ifndef INK_LEARN_RECORD_H
#define INK_LEARN_RECORD_H

#include "text/json.h"
#include "text/vocab.h"

typedef enum ink_record_kind {
    INK_RECORD_TEXT,
    INK_RECORD_COMPLETION,
    INK_RECORD_CONVERSATION
} ink_record_kind;

typedef struct ink_record {
    ink_record_kind kind;
    ink_value object;
    ink_text text, completion; /* text: of a completion the prompt */
    ink_value messages;        /* a list of objects, each with a role that is a string */
} ink_record;

typedef struct ink_record_reader {
    const char *file; /* for messages; borrowed */
    const char *begin, *at, *end;
    size_t line; /* of the record read last, from 1 */
    ink_arena arena;
} ink_record_reader;

/* The text must outlive the reader. */
void ink_record_reader_init(ink_record_reader *reader, const char *file, ink_text text,
                            const ink_allocator *allocator);
void ink_record_reader_deinit(ink_record_reader *reader);

/*
 * The next record, good until the next call; false in *found at the end. Every message names the
 * file and the line.
 */
ink_status ink_record_next(ink_record_reader *reader, ink_record *record, bool *found,
                           ink_error *error);

/* "FILE, line N: MESSAGE": an error of what was made of the record. */
ink_status ink_record_fail(const ink_record_reader *reader, ink_status status,
                           const ink_error *inner, ink_error *error);

/*
 * Calls `visit` with each text that the record holds, a conversation's contents one by one, until
 * it fails.
 */
ink_status ink_record_visit(const ink_record *record,
                            ink_status (*visit)(void *context, ink_text text, ink_error *error),
                            void *context, ink_error *error);

#endif
