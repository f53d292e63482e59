/*
 * Roles and marks of tokens: what the file says, and what is known by a token's text where files
 * are silent.
 *
 * A token known to end a turn becomes a control token whatever type the file gives it, so that the
 * same text from a user stays text.
 */
#include <string.h>
#include "base/status.h"
#include "text/vocab_tables.h"

#define NO_ROLE INK_N_TOKEN_ROLES

/* In order: the first that exists has the role, unless the file names another. */
static const struct known_text {
    const char *text;
    ink_token_role role;
    bool ends; /* generation stops at it */
} known_texts[] = {
    {"<|eot_id|>", INK_ROLE_EOT, true},
    {"<|im_end|>", INK_ROLE_EOT, true},
    {"<|end|>", INK_ROLE_EOT, true},
    {"<end_of_turn>", INK_ROLE_EOT, true},
    {"<turn|>", INK_ROLE_EOT, true},
    {"<|endoftext|>", INK_ROLE_EOT, true},
    {"<|end_of_text|>", INK_ROLE_EOT, true},
    {"<EOT>", INK_ROLE_EOT, true},
    {"_<EOT>", INK_ROLE_EOT, true},
    {"[EOT]", NO_ROLE, true},
    {"[EOS]", NO_ROLE, true},
    {"</s>", NO_ROLE, true},
    {"<|return|>", NO_ROLE, true},
    {"<|call|>", NO_ROLE, true},
    {"<|flush|>", NO_ROLE, true},
    {"<|calls|>", NO_ROLE, true},
    {"<|tool_response>", NO_ROLE, true},
    {"<end_of_utterance>", INK_ROLE_EOT, true},
    {"<\xef\xbd\x9c"
     "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
     INK_ROLE_EOT, true},
    {"<|eom_id|>", INK_ROLE_EOM, true},
    {"<|fim_prefix|>", INK_ROLE_FIM_PREFIX, false},
    {"<fim_prefix>", INK_ROLE_FIM_PREFIX, false},
    {"<fim-prefix>", INK_ROLE_FIM_PREFIX, false},
    {"<|fim_suffix|>", INK_ROLE_FIM_SUFFIX, false},
    {"<fim_suffix>", INK_ROLE_FIM_SUFFIX, false},
    {"<fim-suffix>", INK_ROLE_FIM_SUFFIX, false},
    {"<|fim_middle|>", INK_ROLE_FIM_MIDDLE, false},
    {"<fim_middle>", INK_ROLE_FIM_MIDDLE, false},
    {"<fim-middle>", INK_ROLE_FIM_MIDDLE, false},
    {"<|fim_pad|>", INK_ROLE_FIM_PADDING, true},
    {"<fim_pad>", INK_ROLE_FIM_PADDING, true},
    {"<fim-pad>", INK_ROLE_FIM_PADDING, true},
    {"<|repo_name|>", INK_ROLE_FIM_REPOSITORY, true},
    {"<|fim_repo|>", INK_ROLE_FIM_REPOSITORY, true},
    {"<reponame>", INK_ROLE_FIM_REPOSITORY, true},
    {"<|file_sep|>", INK_ROLE_FIM_SEPARATOR, true},
};

static const ink_token_role ending_roles[] = {INK_ROLE_EOS,
                                              INK_ROLE_EOT,
                                              INK_ROLE_EOM,
                                              INK_ROLE_FIM_PADDING,
                                              INK_ROLE_FIM_REPOSITORY,
                                              INK_ROLE_FIM_SEPARATOR};

/* Families whose special tokens swallow the whitespace after them, which their files do not say. */
static const struct eater {
    const char *name;        /* part of the model's name, in lower case */
    const char *excepted[4]; /* these leave it */
} eaters[] = {
    {"phi-3", {"<unk>", "<s>", "<|endoftext|>"}},
    {"phi3", {"<unk>", "<s>", "<|endoftext|>"}},
};

bool ink_vocab_is_known_text(ink_text text)
{
    for (size_t i = 0; i < sizeof known_texts / sizeof known_texts[0]; i++)
        if (strlen(known_texts[i].text) == text.n_bytes &&
            memcmp(known_texts[i].text, text.data, text.n_bytes) == 0)
            return true;
    return false;
}

static int32_t find_text(const ink_vocab *vocab, const char *text)
{
    return ink_vocab_find(vocab, (ink_text){text, strlen(text)});
}

static ink_status take_named_roles(ink_vocab *vocab, const ink_vocab_source *source,
                                   ink_error *error)
{
    static const char *const stems[] = {
#define X(name, stem) stem,
        INK_TOKEN_ROLES(X)
#undef X
    };
    for (int role = 0; role < INK_N_TOKEN_ROLES; role++) {
        int32_t token = source->roles[role], usual = vocab->kind->roles[role] - 1;
        if (token < -1 || token >= vocab->n_tokens)
            return ink_fail(error, INK_CORRUPT, 0,
                            "tokenizer.ggml.%s_token_id is %" PRId32
                            ", but the vocabulary has %" PRId32 " tokens",
                            stems[role], token, vocab->n_tokens);
        if (token < 0 && usual >= 0 && usual < vocab->n_tokens)
            token = usual;
        vocab->roles[role] = token;
    }
    return INK_OK;
}

static void take_known_texts(ink_vocab *vocab)
{
    for (size_t i = 0; i < sizeof known_texts / sizeof known_texts[0]; i++) {
        const struct known_text *known = &known_texts[i];
        int32_t token = find_text(vocab, known->text);
        bool plain = vocab->kind->plain_text && strcmp(vocab->kind->plain_text, known->text) == 0;
        if (token < 0 || plain)
            continue;
        if (known->role != NO_ROLE && vocab->roles[known->role] < 0)
            vocab->roles[known->role] = token;
        if (known->ends) {
            vocab->marks[token] |= INK_TOKEN_IS_END;
            vocab->types[token] = INK_TOKEN_CONTROL;
        }
    }
    for (size_t i = 0; i < sizeof ending_roles / sizeof ending_roles[0]; i++)
        if (vocab->roles[ending_roles[i]] >= 0)
            vocab->marks[vocab->roles[ending_roles[i]]] |= INK_TOKEN_IS_END;
    /*
     * What begins another text ends this one, unless it is a piece of text by default of its kind.
     */
    int32_t bos = vocab->roles[INK_ROLE_BOS];
    if (bos >= 0 && vocab->types[bos] == INK_TOKEN_CONTROL)
        vocab->marks[bos] |= INK_TOKEN_IS_END;
    /*
     * Where a model also calls and returns, <|end|> ends a message and the turn goes on (OpenAI's
     * harmony format).
     */
    int32_t end = find_text(vocab, "<|end|>");
    if (end >= 0 && find_text(vocab, "<|return|>") >= 0 && find_text(vocab, "<|call|>") >= 0)
        vocab->marks[end] &= (uint8_t)~INK_TOKEN_IS_END;
}

/* `part` is in lower case. */
static bool name_holds(ink_text name, const char *part)
{
    size_t n = strlen(part);
    for (size_t at = 0; at + n <= name.n_bytes; at++) {
        size_t same = 0;
        for (; same < n; same++) {
            char letter = name.data[at + same];
            if (letter >= 'A' && letter <= 'Z')
                letter = (char)(letter - 'A' + 'a');
            if (letter != part[same])
                break;
        }
        if (same == n)
            return true;
    }
    return false;
}

static void mark_eaters(ink_vocab *vocab, const struct eater *row)
{
    for (int32_t token = 0; token < vocab->n_tokens; token++)
        if (vocab->types[token] >= INK_TOKEN_UNKNOWN &&
            vocab->types[token] <= INK_TOKEN_USER_DEFINED)
            vocab->marks[token] |= INK_TOKEN_EATS_SPACE;
    for (size_t i = 0; i < sizeof row->excepted / sizeof row->excepted[0] && row->excepted[i];
         i++) {
        int32_t token = find_text(vocab, row->excepted[i]);
        if (token >= 0)
            vocab->marks[token] &= (uint8_t)~INK_TOKEN_EATS_SPACE;
    }
}

ink_status ink_vocab_build_roles(ink_vocab *vocab, const ink_vocab_source *source, ink_error *error)
{
    INK_TRY(take_named_roles(vocab, source, error));
    take_known_texts(vocab);
    for (size_t i = 0; i < sizeof eaters / sizeof eaters[0]; i++)
        if (name_holds(source->name, eaters[i].name))
            mark_eaters(vocab, &eaters[i]);
    return INK_OK;
}
