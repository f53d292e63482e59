/* The answers that a request with tools allows, as an expression. */
#ifndef INK_TEXT_CONSTRAINT_TOOL_GRAMMAR_H
#define INK_TEXT_CONSTRAINT_TOOL_GRAMMAR_H

#include "text/constraint/grammar.h"
#include "text/tools.h"

/*
 * Defines and finishes the grammar. UNSUPPORTED, CORRUPT, BAD_ARGUMENT: name the tool, and the
 * keyword of its schema.
 */
INK_MUST_USE ink_status ink_tool_grammar(ink_grammar *grammar, const struct ink_tools *tools,
                                         ink_expr *root, ink_error *error);

/*
 * Arguments as {key:value} with strings between `quote`; the form of schemas is a subset, and what
 * is not in it is refused by name.
 */
INK_MUST_USE ink_status ink_tool_bare_arguments(ink_grammar *grammar, const ink_vocab *vocab,
                                                ink_value schema, const char *quote, ink_expr *out,
                                                ink_error *error);

#endif
