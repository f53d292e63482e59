/*
 * The inside of a trainer, for the files that learn. A kind of vocabulary is one row: how a stretch
 * of text without special tokens is counted, and how tokens are learned from the counts.
 */
#ifndef INK_LEARN_VOCAB_TRAINER_H
#define INK_LEARN_VOCAB_TRAINER_H

#include "learn/vocab_builder.h"
#include "learn/word_table.h"
#include "text/pretokenizer.h"
#include "text/token_special.h"

typedef struct ink_vocab_train_row {
    const char *model; /* as in tokenizer.ggml.model */
    bool has_words;    /* a pre-tokenizer cuts them */
    bool byte_level;
    uint64_t min_count;
    /* Special tokens that must be, in this order: what engines take for granted in such files. */
    ink_token_role roles[3];
    size_t n_roles;
    size_t n_always; /* tokens that learning adds to any text's */
    ink_status (*count)(ink_vocab_trainer *trainer, ink_text text, ink_error *error);
    /* The builder has special tokens and bytes. */
    ink_status (*learn)(ink_vocab_trainer *trainer, ink_vocab_builder *builder, ink_error *error);
} ink_vocab_train_row;

struct ink_vocab_trainer {
    const ink_allocator *allocator;
    const ink_vocab_train_row *row;
    /* Zeros that mean a default are filled in, but for n_tokens; `specials` are these: */
    ink_vocab_train_options options;
    ink_special_token *specials; /* [n_specials], in the order of their ids */
    ink_special_map special;
    ink_pretokenizer pretokenizer;
    ink_word_splitter splitter;
    ink_word_table words; /* or characters */
    uint64_t n_bytes;
    uint64_t n_loose_bytes; /* of them, those that belong to no character */
    bool finished;
};

ink_status ink_bpe_count(ink_vocab_trainer *trainer, ink_text text, ink_error *error);
ink_status ink_bpe_learn(ink_vocab_trainer *trainer, ink_vocab_builder *builder, ink_error *error);
ink_status ink_characters_count(ink_vocab_trainer *trainer, ink_text text, ink_error *error);
ink_status ink_characters_learn(ink_vocab_trainer *trainer, ink_vocab_builder *builder,
                                ink_error *error);

/* Given each word by the pre-tokenizer; `context` is the trainer. */
ink_word_sink ink_bpe_count_word;

#endif
