/*
 * The kinds of vocabulary: one row each. What a row takes for granted is what files of that kind
 * leave unsaid.
 */
#include <string.h>
#include "text/token_encode.h"

#define ID(token) ((token) + 1)

static const ink_vocab_kind kinds[] = {
    {
        .name = "llama",
        .spelling = INK_SPELLING_ESCAPED,
        .has_scores = true,
        .flags = {[INK_VOCAB_ADD_BOS] = true, [INK_VOCAB_ADD_SPACE_PREFIX] = true},
        .roles = {[INK_ROLE_UNKNOWN] = ID(0), [INK_ROLE_BOS] = ID(1), [INK_ROLE_EOS] = ID(2)},
        .end_flag = INK_VOCAB_ADD_EOS,
        .end_role = INK_ROLE_EOS,
        .encode = ink_encode_spm,
    },
    {
        .name = "gpt2",
        .spelling = INK_SPELLING_BYTE_LEVEL,
        .pretokenizer = "",
        .has_merges = true,
        .end_flag = INK_VOCAB_ADD_EOS,
        .end_role = INK_ROLE_EOS,
        .encode = ink_encode_bpe,
    },
    {
        .name = "gemma4",
        .spelling = INK_SPELLING_ESCAPED,
        .pretokenizer = "gemma4",
        .plain_text = "</s>", /* of HTML: these vocabularies have a token for each tag */
        .has_merges = true,
        .end_flag = INK_VOCAB_ADD_EOS,
        .end_role = INK_ROLE_EOS,
        .encode = ink_encode_escaped_bpe,
    },
    {
        /*
         * BERT's files name CLS, not BOS; engines begin with 101, the CLS of its published
         * vocabularies.
         */
        .name = "bert",
        .spelling = INK_SPELLING_ESCAPED,
        .cleans_spaces = true,
        .flags = {[INK_VOCAB_ADD_BOS] = true, [INK_VOCAB_ADD_SEPARATOR] = true},
        .roles = {[INK_ROLE_BOS] = ID(101),
                  [INK_ROLE_CLS] = ID(101),
                  [INK_ROLE_SEPARATOR] = ID(102),
                  [INK_ROLE_UNKNOWN] = ID(100),
                  [INK_ROLE_PADDING] = ID(0),
                  [INK_ROLE_MASK] = ID(103)},
        .end_flag = INK_VOCAB_ADD_SEPARATOR,
        .end_role = INK_ROLE_SEPARATOR,
        .encode = ink_encode_wordpiece,
    },
};

const ink_vocab_kind *ink_vocab_kind_find(ink_text name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strlen(kinds[i].name) == name.n_bytes &&
            memcmp(kinds[i].name, name.data, name.n_bytes) == 0)
            return &kinds[i];
    return NULL;
}
