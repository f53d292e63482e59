/*
 * Upper and lower case of Unicode text, one code point for one (and "SS" for the German sharp s).
 */
#ifndef INK_TEXT_TEMPLATE_CASE_H
#define INK_TEXT_TEMPLATE_CASE_H

#include "text/template_render.h"

typedef enum ink_case {
    INK_CASE_UPPER,
    INK_CASE_LOWER,
    INK_CASE_SWAP,
    INK_CASE_CAPITALIZE, /* the first character upper, the others lower */
    INK_CASE_TITLE,      /* each letter that follows none upper, the others lower: str.title */
    INK_CASE_WORDS       /* after white space and opening brackets: the filter `title` */
} ink_case;

ink_status ink_render_case(ink_rendering *r, ink_value text, ink_case how, ink_value *out);

/* Whether there is a letter of this case (UPPER or LOWER) and none of the other. */
bool ink_case_is(ink_value text, ink_case which);

/* Letters and digits by Unicode category. */
bool ink_case_is_letter(uint32_t code_point);
bool ink_case_is_digit(uint32_t code_point);

#endif
