/* Literals of the template language: the text of a token to a value in the program's arena. */
#ifndef INK_TEXT_TEMPLATE_LITERAL_H
#define INK_TEXT_TEMPLATE_LITERAL_H

#include "text/template_program.h"

/* Decimal, 0x, 0o or 0b, with '_' between digits; beyond 64 bits a decimal one keeps its digits. */
ink_status ink_literal_integer(ink_template *program, const ink_token *token, ink_value *out,
                               ink_error *error);

ink_status ink_literal_float(ink_template *program, const ink_token *token, ink_value *out,
                             ink_error *error);

/* n STRING tokens in a row are one string. Escapes are Python's, but for \N{...}. */
ink_status ink_literal_string(ink_template *program, const ink_token *tokens, size_t n_tokens,
                              ink_value *out, ink_error *error);

#endif
