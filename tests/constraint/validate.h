/*
 * A small validator, written for the tests and sharing nothing with the compiler: the value against
 * the schema, keyword by keyword. And random schemas and values of the vocabulary that it knows.
 */
#ifndef INK_TESTS_CONSTRAINT_VALIDATE_H
#define INK_TESTS_CONSTRAINT_VALIDATE_H

#include "support.h"
#include "text/value.h"

/* Patterns that both sides know; the validator has a function for each. */
extern const char *const known_patterns[];
enum { N_KNOWN_PATTERNS = 4 };

bool is_valid(ink_value root, ink_value schema, ink_value value);

/* A schema with "$defs", in JSON. */
void write_random_schema(ink_buffer *out, uint64_t *random);

/* A value of the kinds that such schemas speak of, in JSON. */
void write_random_value(ink_buffer *out, uint64_t *random, unsigned depth);

#endif
