/*
 * Vocabularies whose texts are escaped as SentencePiece does it: spaces are U+2581, and what no
 * token covers is spelled in byte tokens or, without those, is one unknown token (Kudo and
 * Richardson 2018). Merging is by score, or by a list of merges where the file has one.
 */
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/token_encode.h"

#define SPACE "\xe2\x96\x81"
#define SPACE_BYTES 3

ink_status ink_encoder_escape(ink_encoder *encoder, ink_text text)
{
    ink_buffer *out = &encoder->text;
    out->n_bytes = 0;
    bool fits = true;
    if (encoder->at_start && encoder->vocab->flags[INK_VOCAB_ADD_SPACE_PREFIX])
        fits = ink_buffer_append(out, SPACE, SPACE_BYTES);
    for (size_t at = 0; at < text.n_bytes && fits;) {
        const char *space = memchr(text.data + at, ' ', text.n_bytes - at);
        size_t end = space ? (size_t)(space - text.data) : text.n_bytes;
        fits = ink_buffer_append(out, text.data + at, end - at) &&
               (!space || ink_buffer_append(out, SPACE, SPACE_BYTES));
        at = end + 1;
    }
    return fits ? INK_OK : ink_fail_memory(encoder->error, "escaping spaces");
}

static int32_t find_plain(const ink_vocab *vocab, const char *data, size_t n_bytes)
{
    if (n_bytes > vocab->longest_bytes)
        return -1;
    uint64_t hash = ink_text_hash(INK_TEXT_HASH_BEGIN, data, n_bytes);
    int32_t token = ink_text_map_find(&vocab->by_text, data, n_bytes, hash);
    return token >= 0 && ink_token_is_plain(vocab, token) ? token : -1;
}

/* The order of floats as the reverse order of integers: the best score has the lowest rank. */
static uint32_t rank_of_score(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    uint32_t ascending = bits & UINT32_C(0x80000000) ? ~bits : bits | UINT32_C(0x80000000);
    return ~ascending;
}

static bool merge_by_score(const ink_vocab *vocab, const char *text, const ink_merge_symbol *left,
                           const ink_merge_symbol *right, ink_merge *out)
{
    int32_t token = find_plain(vocab, text + left->begin, (size_t)left->n_bytes + right->n_bytes);
    if (token < 0)
        return false;
    *out = (ink_merge){rank_of_score(vocab->scores[token]), token};
    return true;
}

/* One symbol that is no token. A run of unknown symbols is one unknown token. */
static ink_status add_leftover(ink_encoder *encoder, ink_text text, bool *unknown)
{
    const ink_vocab *vocab = encoder->vocab;
    bool spelled = true;
    for (size_t i = 0; i < text.n_bytes; i++)
        spelled = spelled && vocab->bytes[(uint8_t)text.data[i]] >= 0;
    bool repeated = *unknown && !spelled;
    *unknown = !spelled;
    if (!spelled)
        return repeated || vocab->roles[INK_ROLE_UNKNOWN] < 0
                   ? INK_OK
                   : ink_encoder_add(encoder, vocab->roles[INK_ROLE_UNKNOWN]);
    for (size_t i = 0; i < text.n_bytes; i++)
        INK_TRY(ink_encoder_add(encoder, vocab->bytes[(uint8_t)text.data[i]]));
    return INK_OK;
}

static ink_status encode_word(ink_encoder *encoder, ink_text word, ink_merge_finder *find,
                              bool *unknown)
{
    ink_merger *merger = &encoder->merger;
    if (!ink_merger_begin(merger, word.n_bytes))
        return ink_fail_memory(encoder->error, "merging characters");
    for (size_t at = 0; at < word.n_bytes;) {
        uint32_t code_point;
        size_t length = ink_utf8_decode(word.data + at, word.n_bytes - at, &code_point);
        length = length ? length : 1;
        ink_merger_add(merger, find_plain(encoder->vocab, word.data + at, length), (uint32_t)at,
                       (uint32_t)length);
        at += length;
    }
    if (!ink_merger_run(merger, encoder->vocab, word.data, find))
        return ink_fail_memory(encoder->error, "merging characters");
    for (uint32_t at = 0; at != INK_NO_SYMBOL; at = merger->symbols[at].next) {
        const ink_merge_symbol *symbol = &merger->symbols[at];
        if (symbol->id < 0) {
            INK_TRY(add_leftover(encoder, (ink_text){word.data + symbol->begin, symbol->n_bytes},
                                 unknown));
            continue;
        }
        *unknown = false;
        INK_TRY(ink_encoder_add(encoder, symbol->id));
    }
    return INK_OK;
}

/* Where the word that begins at `at` ends: before the next space that follows something else. */
static size_t word_end(ink_text text, size_t at)
{
    while (text.n_bytes - at >= SPACE_BYTES && memcmp(text.data + at, SPACE, SPACE_BYTES) == 0)
        at += SPACE_BYTES;
    while (at < text.n_bytes) {
        const char *lead = memchr(text.data + at, SPACE[0], text.n_bytes - at);
        if (!lead)
            return text.n_bytes;
        at = (size_t)(lead - text.data);
        if (text.n_bytes - at >= SPACE_BYTES && memcmp(lead, SPACE, SPACE_BYTES) == 0)
            return at;
        at++;
    }
    return at;
}

ink_status ink_encode_escaped(ink_encoder *encoder, ink_text text, ink_merge_finder *find)
{
    bool unknown = false;
    for (size_t at = 0; at < text.n_bytes;) {
        size_t end = encoder->vocab->splits_at_spaces ? word_end(text, at) : text.n_bytes;
        INK_TRY(encode_word(encoder, (ink_text){text.data + at, end - at}, find, &unknown));
        at = end;
    }
    return INK_OK;
}

ink_status ink_encode_spm(ink_encoder *encoder, ink_text text)
{
    INK_TRY(ink_encoder_escape(encoder, text));
    return ink_encode_escaped(encoder, (ink_text){encoder->text.data, encoder->text.n_bytes},
                              merge_by_score);
}

ink_status ink_encode_escaped_word(void *context, ink_text word, ink_error *error)
{
    (void)error; /* the encoder holds the same one */
    return ink_encode_escaped(context, word, ink_merge_by_rank);
}

ink_status ink_encode_escaped_bpe(ink_encoder *encoder, ink_text text)
{
    INK_TRY(ink_encoder_escape(encoder, text));
    return ink_word_splitter_run(
        &encoder->splitter, (ink_text){encoder->text.data, encoder->text.n_bytes}, encoder->error);
}
