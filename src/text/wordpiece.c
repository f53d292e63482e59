/*
 * WordPiece: BERT's basic tokenization, then the longest token at each place of a word (Devlin et
 * al. 2018).
 *
 * A word is lowered and loses its accents; punctuation and CJK characters are words of their own.
 * The file's tokens that begin a word begin with U+2581, those inside one do not. A word no tokens
 * cover is one unknown token.
 */
#include <utf8proc.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/token_encode.h"

#define WORD_MARK "\xe2\x96\x81"
#define WORD_MARK_BYTES 3
#define MAX_PARTS 8 /* the longest canonical decomposition of a character has 4 */

/* What a character does to the word it stands in. */
typedef enum effect { GOES_ON, ENDS_WORD, STANDS_ALONE, VANISHES } effect;

/* The blocks of CJK ideographs, as BERT lists them. */
static bool is_ideograph(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {
        {0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
        {0x2b740, 0x2b81f}, {0x2b820, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (c >= blocks[i].first && c <= blocks[i].last)
            return true;
    return false;
}

static bool is_space(uint32_t c, utf8proc_category_t category)
{
    return (c >= '\t' && c <= '\r') || c == 0x85 || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

static effect effect_of(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    if (is_space(c, category))
        return ENDS_WORD;
    bool mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
    if (c == 0xfffd || mark ||
        (category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO))
        return VANISHES;
    bool punctuation = category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
    bool symbol = category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO;
    if (punctuation || (symbol && c < 0x7f) || is_ideograph(c))
        return STANDS_ALONE;
    return GOES_ON;
}

/* The longest token that begins the bytes; its length to *n_bytes, or -1. */
static int32_t longest_prefix(const ink_vocab *vocab, ink_text text, size_t *n_bytes)
{
    int32_t best = -1;
    uint64_t hash = INK_TEXT_HASH_BEGIN;
    for (size_t n = 1; n <= text.n_bytes && n <= vocab->longest_bytes; n++) {
        hash = ink_text_hash(hash, text.data + n - 1, 1);
        int32_t token = ink_text_map_find(&vocab->by_text, text.data, n, hash);
        if (token < 0 || !ink_token_is_plain(vocab, token))
            continue;
        best = token;
        *n_bytes = n;
    }
    return best;
}

/* The word in encoder->text, its mark included; leaves the buffer empty. */
static ink_status finish_word(ink_encoder *encoder)
{
    const ink_vocab *vocab = encoder->vocab;
    ink_text word = {encoder->text.data, encoder->text.n_bytes};
    size_t n_before = encoder->out->n_tokens;
    encoder->text.n_bytes = 0;
    while (word.n_bytes > 0) {
        size_t n_bytes = 0;
        int32_t token = longest_prefix(vocab, word, &n_bytes);
        if (token < 0) {
            encoder->out->n_tokens = n_before;
            return vocab->roles[INK_ROLE_UNKNOWN] < 0
                       ? INK_OK
                       : ink_encoder_add(encoder, vocab->roles[INK_ROLE_UNKNOWN]);
        }
        INK_TRY(ink_encoder_add(encoder, token));
        word = (ink_text){word.data + n_bytes, word.n_bytes - n_bytes};
    }
    return INK_OK;
}

static ink_status add_to_word(ink_encoder *encoder, uint32_t c)
{
    char bytes[4];
    size_t n = ink_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), bytes);
    bool fits =
        encoder->text.n_bytes > 0 || ink_buffer_append(&encoder->text, WORD_MARK, WORD_MARK_BYTES);
    return fits && ink_buffer_append(&encoder->text, bytes, n)
               ? INK_OK
               : ink_fail_memory(encoder->error, "a word");
}

static ink_status add_character(ink_encoder *encoder, uint32_t c)
{
    effect does = effect_of(c);
    if (does == VANISHES)
        return INK_OK;
    if (does != GOES_ON)
        INK_TRY(finish_word(encoder));
    if (does == ENDS_WORD)
        return INK_OK;
    INK_TRY(add_to_word(encoder, c));
    return does == STANDS_ALONE ? finish_word(encoder) : INK_OK;
}

ink_status ink_encode_wordpiece(ink_encoder *encoder, ink_text text)
{
    for (size_t at = 0; at < text.n_bytes;) {
        uint32_t c;
        size_t length = ink_utf8_decode(text.data + at, text.n_bytes - at, &c);
        at += length ? length : 1;
        if (length == 0)
            continue;
        utf8proc_int32_t parts[MAX_PARTS];
        int boundary = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, MAX_PARTS,
                                                     UTF8PROC_DECOMPOSE, &boundary);
        /*
         * Of a letter with accents the letter stays, and of a Hangul syllable its first sound, as
         * in the engines.
         */
        INK_TRY(add_character(encoder, n > 0 ? (uint32_t)parts[0] : c));
    }
    return finish_word(encoder);
}
