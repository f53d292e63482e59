/*
 * GBNF, the grammar notation of llama.cpp: rules "name ::= alternatives", of which "root" is the
 * whole text; literals, classes of characters, groups, and the repetitions * + ? {m} {m,} {m,n}.
 * Left recursion is refused, by the rule's name.
 */
#ifndef INK_TEXT_CONSTRAINT_GBNF_H
#define INK_TEXT_CONSTRAINT_GBNF_H

#include "text/constraint/grammar.h"

#define INK_GBNF_MAX_BYTES ((size_t)4 << 20)
#define INK_GBNF_MAX_DEPTH 128
#define INK_GBNF_MAX_RULES 65536

/*
 * Reads and finishes the grammar; `*root` is its begin. CORRUPT with line and byte; UNSUPPORTED;
 * LIMIT.
 */
INK_MUST_USE
ink_status ink_gbnf_compile(ink_grammar *grammar, ink_text text, ink_expr *root, ink_error *error);

#endif
