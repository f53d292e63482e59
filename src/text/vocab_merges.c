/*
 * The tables a vocabulary merges with: the token of each byte, and the list of merges as pairs of
 * ids.
 */
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "text/vocab_tables.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ink_vocab_named_byte(ink_text text)
{
    if (text.n_bytes != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void spell_bytes(ink_vocab *vocab)
{
    for (int byte = 0; byte < 256; byte++) {
        char text[2];
        size_t n = ink_byte_level_spell((uint8_t)byte, text);
        int32_t token = ink_vocab_find(vocab, (ink_text){text, n});
        vocab->bytes[byte] = token >= 0 && ink_token_is_plain(vocab, token) ? token : -1;
    }
}

/*
 * Some files mark their byte tokens as normal ones, so the text decides; a byte token must name its
 * byte.
 */
static ink_status find_bytes(ink_vocab *vocab, ink_error *error)
{
    for (int32_t token = 0; token < vocab->n_tokens; token++) {
        int byte = ink_vocab_named_byte(vocab->tokens[token]);
        if (byte < 0 && vocab->types[token] == INK_TOKEN_BYTE)
            return ink_fail(error, INK_CORRUPT, 0,
                            "token %" PRId32
                            " is a byte token, but its text '%.*s' is not one of <0x00> to <0xFF>",
                            token, (int)vocab->tokens[token].n_bytes, vocab->tokens[token].data);
        if (byte >= 0 && vocab->bytes[byte] < 0)
            vocab->bytes[byte] = token;
    }
    return INK_OK;
}

ink_status ink_vocab_build_bytes(ink_vocab *vocab, ink_error *error)
{
    for (int byte = 0; byte < 256; byte++)
        vocab->bytes[byte] = -1;
    if (vocab->kind->spelling == INK_SPELLING_ESCAPED)
        return find_bytes(vocab, error);
    spell_bytes(vocab);
    return INK_OK;
}

/* A merge on its way into the table. */
typedef struct pending {
    ink_text left, right;
    uint64_t left_hash, right_hash, key;
    ink_merge merge; /* id -1: left out */
} pending;

/*
 * Searches jump about in memory; a few at a time hide how long each fetch takes (280,000 merges: 74
 * to 57 ms).
 */
#define N_PENDING 32

static ink_status read_merge(const ink_vocab *vocab, size_t rank, ink_text text, pending *out,
                             ink_error *error)
{
    /* A text begins with at least one byte, which may be the space itself. */
    const char *space = text.n_bytes > 1 ? memchr(text.data + 1, ' ', text.n_bytes - 1) : NULL;
    if (!space || space + 1 == text.data + text.n_bytes)
        return ink_fail(error, INK_CORRUPT, 0,
                        "merge %zu is not two texts with a space between them", rank);
    out->left = (ink_text){text.data, (size_t)(space - text.data)};
    out->right = (ink_text){space + 1, text.n_bytes - out->left.n_bytes - 1};
    out->left_hash = ink_text_hash(INK_TEXT_HASH_BEGIN, out->left.data, out->left.n_bytes);
    out->right_hash = ink_text_hash(INK_TEXT_HASH_BEGIN, out->right.data, out->right.n_bytes);
    out->merge.rank = (uint32_t)rank;
    ink_text_map_fetch(&vocab->by_text, out->left_hash);
    ink_text_map_fetch(&vocab->by_text, out->right_hash);
    return INK_OK;
}

static int32_t plain_or_none(const ink_vocab *vocab, int32_t token)
{
    return token >= 0 && ink_token_is_plain(vocab, token) ? token : -1;
}

/*
 * The token two texts make. Files mostly list merges in the order of those tokens, so a look at the
 * last one and the next spares most searches.
 */
static int32_t find_made(const ink_vocab *vocab, ink_text left, ink_text right, int32_t last)
{
    for (int32_t token = last; token <= last + 1 && token < vocab->n_tokens; token++) {
        ink_text text = vocab->tokens[token];
        if (text.n_bytes == left.n_bytes + right.n_bytes &&
            !(vocab->marks[token] & INK_TOKEN_IS_COPY) &&
            memcmp(text.data, left.data, left.n_bytes) == 0 &&
            memcmp(text.data + left.n_bytes, right.data, right.n_bytes) == 0)
            return token;
    }
    return ink_text_map_find_joined(&vocab->by_text, left, right);
}

static void resolve_merge(ink_vocab *vocab, pending *item, int32_t *last)
{
    const ink_text_map *map = &vocab->by_text;
    int32_t left = plain_or_none(
        vocab, ink_text_map_find(map, item->left.data, item->left.n_bytes, item->left_hash));
    int32_t right = plain_or_none(
        vocab, ink_text_map_find(map, item->right.data, item->right.n_bytes, item->right_hash));
    int32_t made = left < 0 || right < 0 ? -1 : find_made(vocab, item->left, item->right, *last);
    item->merge.id = plain_or_none(vocab, made);
    if (item->merge.id < 0) {
        vocab->n_ignored_merges++;
        return;
    }
    *last = made;
    item->key = ink_pair_key(left, right);
    ink_pair_map_fetch(&vocab->merges, item->key);
}

static ink_status add_merges(ink_vocab *vocab, const ink_vocab_source *source, ink_error *error)
{
    pending items[N_PENDING];
    int32_t last = 0;
    for (size_t at = 0; at < source->n_merges; at += N_PENDING) {
        size_t n = ink_size_min(N_PENDING, source->n_merges - at);
        for (size_t i = 0; i < n; i++)
            INK_TRY(read_merge(vocab, at + i, source->merges[at + i], &items[i], error));
        for (size_t i = 0; i < n; i++)
            resolve_merge(vocab, &items[i], &last);
        for (size_t i = 0; i < n; i++)
            if (items[i].merge.id >= 0 &&
                ink_pair_map_add(&vocab->merges, items[i].key, items[i].merge) == INK_MAP_CROWDED)
                return ink_fail(error, INK_LIMIT, 0, "merge %zu: the merges are made to collide",
                                at + i);
    }
    return INK_OK;
}

ink_status ink_vocab_build_merges(ink_vocab *vocab, const ink_vocab_source *source,
                                  ink_error *error)
{
    if (!vocab->kind->has_merges)
        return INK_OK;
    if (source->n_merges > INK_VOCAB_MAX_MERGES)
        return ink_fail(error, INK_LIMIT, 0,
                        "the vocabulary has %zu merges, at most %d are supported", source->n_merges,
                        INK_VOCAB_MAX_MERGES);
    if (!ink_pair_map_init(&vocab->merges, source->n_merges, vocab->allocator))
        return ink_fail_memory(error, "the merges of a vocabulary");
    return add_merges(vocab, source, error);
}
