/* Small vocabularies made in the test, one of each kind, for what needs no reference data. */
#ifndef INK_TESTS_TOKEN_SMALL_H
#define INK_TESTS_TOKEN_SMALL_H

#include "../support.h"

#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/vocab_tables.h"

#define SMALL_MAX 1024

typedef struct small {
    ink_vocab_source source;
    ink_text tokens[SMALL_MAX], merges[SMALL_MAX];
    float scores[SMALL_MAX];
    int32_t types[SMALL_MAX];
    char bytes[256][8]; /* texts of the byte tokens */
} small;

static inline ink_text text_of(const char *text)
{
    return (ink_text){text, strlen(text)};
}

static inline int32_t small_add(small *vocab, ink_text text, ink_token_type type, float score)
{
    size_t n = vocab->source.n_tokens++;
    vocab->tokens[n] = text;
    vocab->types[n] = (int32_t)type;
    vocab->scores[n] = score;
    return (int32_t)n;
}

static inline void small_merge(small *vocab, const char *text)
{
    vocab->merges[vocab->source.n_merges++] = text_of(text);
}

static inline void small_init(small *vocab, const char *kind)
{
    memset(vocab, 0, sizeof *vocab);
    ink_vocab_source_init(&vocab->source);
    vocab->source.model = text_of(kind);
    vocab->source.tokens = vocab->tokens;
    vocab->source.merges = vocab->merges;
    vocab->source.scores = vocab->scores;
    vocab->source.types = vocab->types;
}

static inline void small_add_bytes(small *vocab, bool byte_level)
{
    for (int byte = 0; byte < 256; byte++) {
        char *text = vocab->bytes[byte];
        size_t n = 6;
        if (byte_level)
            n = ink_byte_level_spell((uint8_t)byte, text);
        else
            (void)snprintf(text, 8, "<0x%02X>", (unsigned)byte);
        small_add(vocab, (ink_text){text, n}, byte_level ? INK_TOKEN_NORMAL : INK_TOKEN_BYTE, 0);
    }
}

static inline void small_add_growing(small *vocab)
{
    static const char *const texts[] = {"a", "b", "aa", "aaaa", "aaaaaaaa", "ab"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (vocab->source.n_tokens < 256 || strlen(texts[i]) > 1 ||
            strcmp(vocab->source.model.data, "gpt2") != 0)
            small_add(vocab, text_of(texts[i]), INK_TOKEN_NORMAL, -(float)i);
    small_merge(vocab, "a a");
    small_merge(vocab, "aa aa");
    small_merge(vocab, "aaaa aaaa");
    small_merge(vocab, "a b");
}

/*
 * A vocabulary of the kind, with byte tokens, the control tokens <s> and <|im_end|>, and the
 * user-defined <u>.
 */
static inline void small_make(small *vocab, const char *kind)
{
    bool byte_level = strcmp(kind, "gpt2") == 0;
    small_init(vocab, kind);
    vocab->source.roles[INK_ROLE_UNKNOWN] =
        small_add(vocab, text_of("<unk>"), INK_TOKEN_UNKNOWN, 0);
    vocab->source.roles[INK_ROLE_BOS] = small_add(vocab, text_of("<s>"), INK_TOKEN_CONTROL, 0);
    vocab->source.roles[INK_ROLE_EOS] =
        small_add(vocab, text_of("<|im_end|>"), INK_TOKEN_CONTROL, 0);
    vocab->source.roles[INK_ROLE_SEPARATOR] =
        small_add(vocab, text_of("[SEP]"), INK_TOKEN_CONTROL, 0);
    small_add(vocab, text_of("<u>"), INK_TOKEN_USER_DEFINED, 0);
    small_add_bytes(vocab, byte_level);
    small_add_growing(vocab);
    small_add(vocab, text_of("\xe2\x96\x81"), INK_TOKEN_NORMAL, -9);
    small_add(vocab,
              text_of("\xe2\x96\x81"
                      "a"),
              INK_TOKEN_NORMAL, -5);
    if (byte_level)
        vocab->source.pre = text_of("qwen2");
}

static inline ink_vocab *small_open(const small *vocab, const ink_allocator *allocator)
{
    ink_vocab *out = NULL;
    ink_error error = {0};
    if (ink_vocab_new(&out, &vocab->source, allocator, &error) != INK_OK)
        fail_msg("%s", error.message);
    return out;
}

static const char *const small_kinds[] = {"llama", "gpt2", "gemma4", "bert"};
#define N_SMALL_KINDS (sizeof small_kinds / sizeof small_kinds[0])

#endif
