#include "text/vocab.h"
#include "text/vocab_tables.h"

static bool in_range(const ink_vocab *vocab, int32_t token)
{
    return token >= 0 && token < vocab->n_tokens;
}

int32_t ink_vocab_n_tokens(const ink_vocab *vocab)
{
    return vocab->n_tokens;
}

ink_text ink_vocab_token_text(const ink_vocab *vocab, int32_t token)
{
    return in_range(vocab, token) ? vocab->tokens[token] : (ink_text){"", 0};
}

ink_token_type ink_vocab_token_type(const ink_vocab *vocab, int32_t token)
{
    return in_range(vocab, token) ? (ink_token_type)vocab->types[token] : INK_TOKEN_UNKNOWN;
}

float ink_vocab_token_score(const ink_vocab *vocab, int32_t token)
{
    return in_range(vocab, token) && vocab->scores ? vocab->scores[token] : 0.0f;
}

int32_t ink_vocab_find(const ink_vocab *vocab, ink_text text)
{
    uint64_t hash = ink_text_hash(INK_TEXT_HASH_BEGIN, text.data, text.n_bytes);
    return ink_text_map_find(&vocab->by_text, text.data, text.n_bytes, hash);
}

int32_t ink_vocab_role(const ink_vocab *vocab, ink_token_role role)
{
    return (unsigned)role < INK_N_TOKEN_ROLES ? vocab->roles[role] : -1;
}

bool ink_vocab_flag_value(const ink_vocab *vocab, ink_vocab_flag flag)
{
    return (unsigned)flag < INK_N_VOCAB_FLAGS && vocab->flags[flag];
}

bool ink_vocab_is_end(const ink_vocab *vocab, int32_t token)
{
    return in_range(vocab, token) && (vocab->marks[token] & INK_TOKEN_IS_END);
}

const char *ink_vocab_kind_name(const ink_vocab *vocab)
{
    return vocab->kind->name;
}

const char *ink_vocab_pretokenizer_name(const ink_vocab *vocab)
{
    return vocab->pretokenizer.name;
}

bool ink_vocab_pretokenizer_guessed(const ink_vocab *vocab)
{
    return vocab->pretokenizer.guessed;
}

size_t ink_vocab_n_ignored_merges(const ink_vocab *vocab)
{
    return vocab->n_ignored_merges;
}
