/* Special tokens by name (special_tokens.def), and the chat template that goes with them. */
#ifndef INK_LEARN_SPECIAL_TOKENS_H
#define INK_LEARN_SPECIAL_TOKENS_H

#include "learn/vocab_train.h"

/* The row of that name; NULL when there is none. */
const ink_special_token *ink_special_token_named(const char *name);

/* The i-th row and its name; NULL at the end. */
const ink_special_token *ink_special_token_at(size_t index, const char **name);

/*
 * Messages as ChatML has them: <|im_start|>, the role, a line end, the content, <|im_end|>, a line
 * end.
 */
extern const char ink_chatml_template[];

#endif
