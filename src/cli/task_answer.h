/* Answers: where a generated one ends, and whether it is the expected one. */
#ifndef INK_CLI_TASK_ANSWER_H
#define INK_CLI_TASK_ANSWER_H

#include "text/value.h"

/* What was generated so far, and how far it was looked at. */
typedef struct ink_answer {
    ink_buffer text;
    bool json, multiline;
    bool complete; /* nothing that follows belongs to it */
    /* Of the text that was looked at: */
    bool begun;              /* it is more than white space */
    bool in_string, escaped; /* json: inside a text; behind a backslash in it */
    size_t depth;            /* json: open brackets */
} ink_answer;

/*
 * For ink_generation.write, `context` is the ink_answer: takes text up to where the answer ends,
 * false from there on. It ends with its line unless it is multiline, and in JSON with its last
 * bracket, whatever lines it has before.
 */
bool ink_answer_write(void *context, const char *text, size_t n_bytes);

/* Without the white space at both ends. */
ink_value ink_answer_trim(ink_value text);

/* The same texts but for white space at their ends. */
bool ink_answer_matches_text(const ink_answer *answer, ink_value expected);

/*
 * The same JSON: members of objects in any order, numbers by their value. NO_MEMORY apart, an
 * answer that is no JSON does not match.
 */
ink_status ink_answer_matches_json(const ink_answer *answer, ink_value expected, ink_arena *arena,
                                   bool *matches, ink_error *error);

#endif
