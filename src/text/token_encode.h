/*
 * One run of encoding: what the kinds of vocabulary share while they turn a text into tokens.
 *
 * The encoder cuts special tokens out of the text; the stretches between them go to the kind's
 * function. Its memory comes from the vocabulary's allocator and ends with the run.
 */
#ifndef INK_TEXT_TOKEN_ENCODE_H
#define INK_TEXT_TOKEN_ENCODE_H

#include "base/memory.h"
#include "text/token_merge.h"
#include "text/tokenizer.h"
#include "text/vocab_tables.h"

struct ink_encoder {
    const ink_vocab *vocab;
    ink_token_list *out;
    ink_encode_options options;
    ink_error *error;
    bool at_start; /* no text stands before, or a special token does */
    ink_merger merger;
    ink_word_splitter splitter; /* initialized when the kind has a pre-tokenizer */
    ink_buffer text;            /* the stretch rewritten: escaped, or one normalized word */
};

/* LIMIT or NO_MEMORY when the list cannot grow. */
ink_status ink_encoder_add(ink_encoder *encoder, int32_t token);

/* Encode a stretch without special tokens, not empty: the functions of the rows in vocab_kind.c. */
ink_status ink_encode_spm(ink_encoder *encoder, ink_text text);
ink_status ink_encode_bpe(ink_encoder *encoder, ink_text text);
ink_status ink_encode_escaped_bpe(ink_encoder *encoder, ink_text text);
ink_status ink_encode_wordpiece(ink_encoder *encoder, ink_text text);

/* Given each word by the pre-tokenizer; `context` is the encoder. */
ink_word_sink ink_encode_bpe_word, ink_encode_escaped_word;

/* Rewrites `text` into encoder->text with U+2581 for each space. */
ink_status ink_encoder_escape(ink_encoder *encoder, ink_text text);

/*
 * Merges the characters of an escaped text and adds its tokens, with byte tokens for what is left
 * over.
 */
ink_status ink_encode_escaped(ink_encoder *encoder, ink_text text, ink_merge_finder *find);

#endif
