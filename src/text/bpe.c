/*
 * Byte pair encoding over bytes: the pre-tokenizer cuts words, the list of merges joins their bytes
 * (after Sennrich et al. 2016; the alphabet of bytes is GPT-2's, Radford et al. 2019).
 */
#include "base/status.h"
#include "text/token_encode.h"

size_t ink_byte_level_spell(uint8_t byte, char out[2])
{
    /* Printable Latin-1 stands for itself; the 68 others follow U+0100 in order. */
    unsigned code = byte;
    if (byte <= 0x20)
        code = 0x100u + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        code = 0x121u + byte - 0x7fu;
    else if (byte == 0xad)
        code = 0x143;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

int ink_byte_level_read(uint32_t code_point)
{
    if ((code_point > 0x20 && code_point < 0x7f) ||
        (code_point > 0xa0 && code_point <= 0xff && code_point != 0xad))
        return (int)code_point;
    if (code_point >= 0x100 && code_point <= 0x120)
        return (int)(code_point - 0x100);
    if (code_point >= 0x121 && code_point <= 0x142)
        return (int)(code_point - 0x121 + 0x7f);
    return code_point == 0x143 ? 0xad : -1;
}

/* The word as it is, when it is a token; -1 when not. */
static int32_t whole_word(const ink_vocab *vocab, ink_text word)
{
    uint64_t hash = INK_TEXT_HASH_BEGIN;
    char spelled[INK_VOCAB_MAX_TOKEN_BYTES];
    size_t n = 0;
    if (word.n_bytes > vocab->longest_bytes)
        return -1;
    for (size_t i = 0; i < word.n_bytes; i++) {
        if (n + 2 > sizeof spelled)
            return -1;
        n += ink_byte_level_spell((uint8_t)word.data[i], spelled + n);
    }
    hash = ink_text_hash(hash, spelled, n);
    int32_t token = ink_text_map_find(&vocab->by_text, spelled, n, hash);
    return token >= 0 && ink_token_is_plain(vocab, token) ? token : -1;
}

ink_status ink_encode_bpe_word(void *context, ink_text word, ink_error *error)
{
    ink_encoder *encoder = context;
    const ink_vocab *vocab = encoder->vocab;
    if (vocab->pretokenizer.traits & INK_PRE_WHOLE_WORDS) {
        int32_t token = whole_word(vocab, word);
        if (token >= 0)
            return ink_encoder_add(encoder, token);
    }
    ink_merger *merger = &encoder->merger;
    if (!ink_merger_begin(merger, word.n_bytes))
        return ink_fail_memory(error, "merging byte pairs");
    /*
     * A byte that is no token cannot be expressed: these vocabularies have no token for the
     * unknown.
     */
    for (size_t i = 0; i < word.n_bytes; i++)
        ink_merger_add(merger, vocab->bytes[(uint8_t)word.data[i]], (uint32_t)i, 1);
    if (!ink_merger_run(merger, vocab, word.data, ink_merge_by_rank))
        return ink_fail_memory(error, "merging byte pairs");
    for (uint32_t at = 0; at != INK_NO_SYMBOL; at = merger->symbols[at].next)
        if (merger->symbols[at].id >= 0)
            INK_TRY(ink_encoder_add(encoder, merger->symbols[at].id));
    return INK_OK;
}

ink_status ink_encode_bpe(ink_encoder *encoder, ink_text text)
{
    return ink_word_splitter_run(&encoder->splitter, text, encoder->error);
}
