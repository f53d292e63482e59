#include "text/vocab.h"

#include <math.h>
#include <string.h>
#include "base/memory.h"
#include "base/status.h"
#include "text/constraint/token_trie.h"
#include "text/vocab_tables.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */

void ink_vocab_source_init(ink_vocab_source *source)
{
    *source = (ink_vocab_source){0};
    for (int role = 0; role < INK_N_TOKEN_ROLES; role++)
        source->roles[role] = -1;
}

static ink_status check_source(const ink_vocab_source *source, ink_error *error)
{
    if (source->n_tokens == 0)
        return ink_fail(error, INK_CORRUPT, 0, "the vocabulary has no tokens");
    if (source->n_tokens > INK_VOCAB_MAX_TOKENS)
        return ink_fail(error, INK_LIMIT, 0,
                        "the vocabulary has %zu tokens, at most %d are supported", source->n_tokens,
                        INK_VOCAB_MAX_TOKENS);
    const ink_vocab_kind *kind = ink_vocab_kind_find(source->model);
    if (!kind)
        return ink_fail(
            error, INK_UNSUPPORTED, 0, "vocabularies of the kind '%.*s' are not supported",
            (int)(source->model.n_bytes < 100 ? source->model.n_bytes : 100), source->model.data);
    if (kind->has_scores && !source->scores)
        return ink_fail(error, INK_CORRUPT, 0,
                        "a vocabulary of the kind '%s' needs a score for each token", kind->name);
    return INK_OK;
}

static ink_status copy_score(ink_vocab *vocab, int32_t token, float score, ink_error *error)
{
    if (isnan(score))
        return ink_fail(error, INK_CORRUPT, 0, "the score of token %" PRId32 " is not a number",
                        token);
    vocab->scores[token] = score;
    return INK_OK;
}

static ink_status copy_token(ink_vocab *vocab, const ink_vocab_source *source, int32_t token,
                             ink_error *error)
{
    ink_text text = source->tokens[token];
    if (text.n_bytes > INK_VOCAB_MAX_TOKEN_BYTES)
        return ink_fail(error, INK_LIMIT, 0,
                        "token %" PRId32 " has %zu bytes, at most %d are supported", token,
                        text.n_bytes, INK_VOCAB_MAX_TOKEN_BYTES);
    /* Type 0 is undefined: writers that do not know leave it. */
    int32_t type =
        source->types && source->types[token] != 0 ? source->types[token] : INK_TOKEN_NORMAL;
    if (type < INK_TOKEN_NORMAL || type > INK_TOKEN_BYTE)
        return ink_fail(error, INK_CORRUPT, 0,
                        "token %" PRId32 " has the type %" PRId32 ", expected 0 to %d", token, type,
                        INK_TOKEN_BYTE);
    vocab->tokens[token] = text;
    vocab->types[token] = (uint8_t)type;
    return source->scores ? copy_score(vocab, token, source->scores[token], error) : INK_OK;
}

static ink_status copy_tokens(ink_vocab *vocab, const ink_vocab_source *source, ink_error *error)
{
    size_t n = source->n_tokens;
    vocab->tokens = ink_new(vocab->allocator, n, sizeof *vocab->tokens);
    vocab->types = ink_new(vocab->allocator, n, sizeof *vocab->types);
    vocab->marks = ink_new(vocab->allocator, n, sizeof *vocab->marks);
    if (source->scores)
        vocab->scores = ink_new(vocab->allocator, n, sizeof *vocab->scores);
    if (!vocab->tokens || !vocab->types || !vocab->marks || (source->scores && !vocab->scores) ||
        !ink_text_map_init(&vocab->by_text, vocab->tokens, n, vocab->allocator))
        return ink_fail_memory(error, "the tokens of a vocabulary");
    vocab->n_tokens = (int32_t)n;
    for (int32_t token = 0; token < vocab->n_tokens; token++) {
        INK_TRY(copy_token(vocab, source, token, error));
        ink_map_result result = INK_MAP_ADDED;
        if (vocab->tokens[token].n_bytes > 0)
            result = ink_text_map_add(&vocab->by_text, token);
        if (result == INK_MAP_CROWDED)
            return ink_fail(error, INK_LIMIT, 0,
                            "token %" PRId32 ": the texts of the tokens are made to collide",
                            token);
        if (result == INK_MAP_PRESENT)
            vocab->marks[token] |= INK_TOKEN_IS_COPY;
    }
    return INK_OK;
}

/* A space behind something that is none: then words cannot be encoded apart. */
static bool spans_words(ink_text text)
{
    bool inside = false;
    for (size_t at = 0; at < text.n_bytes;) {
        bool space = text.n_bytes - at >= 3 && memcmp(text.data + at, SPACE, 3) == 0;
        if (space && inside)
            return true;
        inside = !space;
        at += space ? 3 : 1;
    }
    return false;
}

static void measure_tokens(ink_vocab *vocab)
{
    vocab->splits_at_spaces = true;
    for (int32_t token = 0; token < vocab->n_tokens; token++) {
        if (!ink_token_is_plain(vocab, token))
            continue;
        ink_text text = vocab->tokens[token];
        if (text.n_bytes > vocab->longest_bytes)
            vocab->longest_bytes = text.n_bytes;
        if (spans_words(text))
            vocab->splits_at_spaces = false;
    }
}

static ink_status build_special(ink_vocab *vocab, ink_error *error)
{
    size_t n_bytes = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && !ink_special_map_init(&vocab->special, n_bytes, vocab->allocator))
            return ink_fail_memory(error, "the special tokens of a vocabulary");
        for (int32_t token = 0; token < vocab->n_tokens; token++) {
            int type = vocab->types[token];
            ink_text text = vocab->tokens[token];
            if (type < INK_TOKEN_UNKNOWN || type > INK_TOKEN_USER_DEFINED ||
                text.n_bytes > INK_VOCAB_MAX_SPECIAL_BYTES)
                continue;
            if (pass == 0)
                n_bytes += text.n_bytes;
            else if (ink_special_map_add(&vocab->special, text, token) == INK_MAP_CROWDED)
                return ink_fail(error, INK_LIMIT, 0,
                                "token %" PRId32 ": the special tokens are made to collide", token);
        }
    }
    return INK_OK;
}

static ink_status open_pretokenizer(ink_vocab *vocab, const ink_vocab_source *source,
                                    ink_error *error)
{
    const char *own = vocab->kind->pretokenizer;
    if (!own)
        return INK_OK;
    ink_text name = *own ? (ink_text){own, strlen(own)} : source->pre;
    INK_TRY(ink_pretokenizer_open(&vocab->pretokenizer, name, vocab->allocator, error));
    vocab->cleans_spaces |= (vocab->pretokenizer.traits & INK_PRE_CLEANS_SPACES) != 0;
    return INK_OK;
}

static void settle_flags(ink_vocab *vocab, const ink_vocab_source *source)
{
    for (int flag = 0; flag < INK_N_VOCAB_FLAGS; flag++) {
        bool usual = vocab->kind->flags[flag];
        if (flag == INK_VOCAB_ADD_BOS && (vocab->pretokenizer.traits & INK_PRE_ADDS_BOS))
            usual = true;
        vocab->flags[flag] = source->flags[flag] == INK_CHOICE_DEFAULT
                                 ? usual
                                 : source->flags[flag] == INK_CHOICE_YES;
    }
}

static ink_status build(ink_vocab *vocab, const ink_vocab_source *source, ink_error *error)
{
    INK_TRY(copy_tokens(vocab, source, error));
    INK_TRY(ink_vocab_build_roles(vocab, source, error));
    INK_TRY(ink_vocab_build_bytes(vocab, error));
    INK_TRY(ink_vocab_build_merges(vocab, source, error));
    measure_tokens(vocab);
    INK_TRY(build_special(vocab, error));
    INK_TRY(open_pretokenizer(vocab, source, error));
    settle_flags(vocab, source);
    vocab->trie = ink_trie_holder_new(vocab->allocator);
    return vocab->trie ? INK_OK : ink_fail_memory(error, "a vocabulary");
}

ink_status ink_vocab_new(ink_vocab **out, const ink_vocab_source *source,
                         const ink_allocator *allocator, ink_error *error)
{
    INK_TRY(check_source(source, error));
    ink_vocab *vocab = ink_new(allocator, 1, sizeof *vocab);
    if (!vocab)
        return ink_fail_memory(error, "a vocabulary");
    vocab->allocator = allocator;
    vocab->kind = ink_vocab_kind_find(source->model);
    vocab->cleans_spaces = vocab->kind->cleans_spaces;
    ink_status status = build(vocab, source, error);
    if (status != INK_OK) {
        ink_vocab_free(vocab);
        return status;
    }
    *out = vocab;
    return INK_OK;
}

void ink_vocab_free(ink_vocab *vocab)
{
    if (!vocab)
        return;
    const ink_allocator *allocator = vocab->allocator;
    ink_trie_holder_free(vocab->trie);
    ink_pretokenizer_close(&vocab->pretokenizer);
    ink_special_map_deinit(&vocab->special, allocator);
    ink_pair_map_deinit(&vocab->merges, allocator);
    ink_text_map_deinit(&vocab->by_text, allocator);
    ink_delete(allocator, vocab->scores);
    ink_delete(allocator, vocab->marks);
    ink_delete(allocator, vocab->types);
    ink_delete(allocator, vocab->tokens);
    ink_delete(allocator, vocab);
}
