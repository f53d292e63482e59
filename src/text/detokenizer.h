/*
 * Decoding: token ids to text, at once or as a stream.
 *
 * The stream shows only whole UTF-8 characters: a character that byte tokens spell over several
 * steps appears when its last byte arrives. Bytes that can never become a character are passed on
 * as they are.
 */
#ifndef INK_TEXT_DETOKENIZER_H
#define INK_TEXT_DETOKENIZER_H

#include "base/memory.h"
#include "text/vocab.h"

typedef struct ink_decode_options {
    bool render_special; /* control tokens as their text; otherwise they are skipped */
    bool continues;      /* earlier text comes before: the space a vocabulary puts first is kept */
    bool clean_spaces;   /* where the vocabulary asks, " ?" becomes "?"; streams ignore it */
} ink_decode_options;

/*
 * Appends the text of the tokens to `out`. BAD_ARGUMENT: an id out of range. LIMIT or NO_MEMORY:
 * `out` is full. Bytes may be invalid UTF-8 when the tokens are.
 */
INK_MUST_USE
ink_status ink_vocab_decode(const ink_vocab *vocab, const int32_t *tokens, size_t n_tokens,
                            ink_decode_options options, ink_buffer *out, ink_error *error);

/*
 * What a token adds to a text that goes on, to out; at most as many bytes as its stored text has.
 * 0: nothing, as for control tokens or an id out of range.
 */
size_t ink_vocab_token_bytes(const ink_vocab *vocab, int32_t token,
                             char out[INK_VOCAB_MAX_TOKEN_BYTES]);

/* The state of a stream: the caller's storage, nothing to free. */
typedef struct ink_detokenizer {
    const ink_vocab *vocab;
    ink_decode_options options;
    bool strip_space; /* the next visible token loses its leading space */
    uint8_t n_pending;
    char pending[3]; /* the begun character, n_pending bytes */
} ink_detokenizer;

void ink_detokenizer_init(ink_detokenizer *stream, const ink_vocab *vocab,
                          ink_decode_options options);

/* Appends what can be shown now. The errors of ink_vocab_decode; the stream is then unchanged. */
INK_MUST_USE
ink_status ink_detokenizer_feed(ink_detokenizer *stream, int32_t token, ink_buffer *out,
                                ink_error *error);

/* Appends the bytes of an unfinished character, if any; the stream may be fed again. */
INK_MUST_USE
ink_status ink_detokenizer_flush(ink_detokenizer *stream, ink_buffer *out, ink_error *error);

#endif
