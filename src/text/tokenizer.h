/*
 * Encoding: text to token ids.
 *
 * Time is n log n in the text for every kind of vocabulary and every text. The text may hold NULs
 * and invalid UTF-8: nothing is dropped that the vocabulary can express.
 */
#ifndef INK_TEXT_TOKENIZER_H
#define INK_TEXT_TOKENIZER_H

#include "text/value.h"
#include "text/vocab.h"

/* Token ids that grow up to a maximum. */
typedef struct ink_token_list {
    const ink_allocator *allocator;
    int32_t *ids; /* [n_tokens] */
    size_t n_tokens, capacity, max_tokens;
} ink_token_list;

/* Allocates nothing yet. */
void ink_token_list_init(ink_token_list *list, const ink_allocator *allocator, size_t max_tokens);
void ink_token_list_deinit(ink_token_list *list);

/* false when memory or max_tokens is out; the list is then as before. */
bool ink_token_list_add(ink_token_list *list, int32_t token);

typedef struct ink_encode_options {
    bool add_special; /* BOS, EOS, CLS, SEP where the vocabulary asks for them */
    /* BOS where the vocabulary asks for it, unless the text begins with it: as a prompt wants it */
    bool open_prompt;
    bool parse_special; /* control tokens written out become tokens: never for a user's text */
    /*
     * With parse_special: [text.n_bytes] of INK_ORIGIN_*, and only tokens that are the template's
     * from their first byte to their last are read; NULL: all are.
     */
    const char *origins;
} ink_encode_options;

/*
 * Appends to `out`; on failure `out` is as before. User-defined tokens in the text are found
 * always, control and unknown tokens only with parse_special. LIMIT: the text is longer than
 * INK_ENCODE_MAX_BYTES or has more tokens than out->max_tokens.
 */
INK_MUST_USE
ink_status ink_vocab_encode(const ink_vocab *vocab, ink_text text, ink_encode_options options,
                            ink_token_list *out, ink_error *error);

#endif
