/* What the tests of constraints share: making one from a text, asking it about others. */
#ifndef INK_TESTS_CONSTRAINT_CHECK_H
#define INK_TESTS_CONSTRAINT_CHECK_H

#include "support.h"
#include "text/value.h"

/* Without a model. NULL when it is refused; `error` says why. */
ink_constraint *make_constraint(ink_constraint_kind kind, ink_json_form form, const char *text,
                                ink_error *error);

/* From the begin: whether the whole text is accepted. `*byte` (or NULL): how far it is allowed. */
bool accepts(ink_constraint *constraint, const char *text, size_t n_bytes, size_t *byte);

/* The whole of a terminated text must be accepted, or must not. */
void expect(ink_constraint_kind kind, const char *source, const char *text, bool accepted);

/* Must be refused with this status, and a message that holds `words`. */
void expect_refused(ink_constraint_kind kind, const char *source, ink_status status,
                    const char *words);

/*
 * JSON on one line, numbers written out without exponents. Of the orders that the keys of each
 * object can have, the one with this number (of as many as there are for up to 5 keys).
 */
void write_json(ink_buffer *out, ink_value value, unsigned order);

#endif
