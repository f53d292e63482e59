/*
 * Pieces of answers as expressions: markers, which may be control tokens, texts without them, and
 * thoughts.
 */
#ifndef INK_TEXT_CONSTRAINT_ANSWER_PARTS_H
#define INK_TEXT_CONSTRAINT_ANSWER_PARTS_H

#include "text/constraint/grammar.h"

/*
 * A text in which what stands between < > or [ ] is a control token if the vocabulary (or NULL) has
 * one that is spelled so.
 */
ink_expr ink_marked_expr(ink_grammar *grammar, const ink_vocab *vocab, const char *text);

/* Any text in which none of the words [n] stands; any at all without words. */
ink_expr ink_text_without(ink_grammar *grammar, const char *const *words, size_t n);

/* Any text whose first character that is no blank is not `first`. */
ink_expr ink_text_not_begun_by(ink_grammar *grammar, char first);

/* What thinking puts before an answer; INK_EXPR_NONE: nothing. */
ink_expr ink_thinking_prefix(ink_grammar *grammar, const ink_vocab *vocab, ink_thinking thinking);

#endif
