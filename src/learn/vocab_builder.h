/*
 * A vocabulary while it is made: tokens and merges one by one, their texts in one arena. What both
 * kinds begin with, special tokens and bytes, is made here.
 */
#ifndef INK_LEARN_VOCAB_BUILDER_H
#define INK_LEARN_VOCAB_BUILDER_H

#include "base/memory.h"
#include "learn/vocab_train.h"
#include "text/token_map.h"

typedef struct ink_vocab_builder {
    ink_trained_vocab trained; /* first: what the caller gets and frees */
    const ink_allocator *allocator;
    ink_arena arena;
    ink_text *tokens; /* [max_tokens] */
    int32_t *types;   /* [max_tokens] */
    float *scores;    /* [max_tokens], of kinds that have them */
    ink_text *merges; /* [max_tokens] */
    size_t max_tokens;
    ink_text_map by_text; /* of all tokens */
} ink_vocab_builder;

/* Room for max_tokens; *out only on success. */
ink_status ink_vocab_builder_new(ink_vocab_builder **out, const char *model, size_t max_tokens,
                                 const ink_allocator *allocator, ink_error *error);
void ink_vocab_builder_free(ink_vocab_builder *builder);

/* Copies the text. BAD_ARGUMENT: there is a token with this text. */
ink_status ink_vocab_builder_add(ink_vocab_builder *builder, ink_text text, ink_token_type type,
                                 ink_error *error);

ink_status ink_vocab_builder_add_special(ink_vocab_builder *builder,
                                         const ink_special_token *special, ink_error *error);

/* The 256 bytes in order: in GPT-2's alphabet, or as <0x00> to <0xFF>. */
ink_status ink_vocab_builder_add_bytes(ink_vocab_builder *builder, bool byte_level,
                                       ink_error *error);

/* The token of two texts together, and the merge that makes it. */
ink_status ink_vocab_builder_add_merge(ink_vocab_builder *builder, ink_text left, ink_text right,
                                       ink_error *error);

/* Some token has the text of the two together, or engines would take it for a special token. */
bool ink_vocab_builder_is_taken(const ink_vocab_builder *builder, ink_text left, ink_text right);

/* Hands over what was made; the builder is the trained vocabulary's from now on. */
ink_trained_vocab *ink_vocab_builder_take(ink_vocab_builder *builder);

#endif
