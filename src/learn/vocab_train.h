/*
 * Learning a vocabulary from texts: new, add..., finish, free. One thread; the result depends on
 * nothing but the options and how often each word is seen.
 *
 * Byte pairs (tokenizer.ggml.model "gpt2"; Sennrich et al. 2016, over bytes as Radford et al.
 * 2019): every byte is a token, and the most frequent pair of neighbors inside words becomes the
 * next, again and again; of pairs as frequent, the one whose left token is older, then whose right
 * one is. Words are cut by the very pre-tokenizer that the vocabulary is used with. Characters
 * ("llama"): each character of the texts is a token, and each byte, for the others; a space is
 * written as U+2581 there, so a text's own U+2581 comes back as a space.
 */
#ifndef INK_LEARN_VOCAB_TRAIN_H
#define INK_LEARN_VOCAB_TRAIN_H

#include "text/vocab.h"

/* Bytes that a learned token stands for; in the file's spelling it has up to twice as many. */
#define INK_VOCAB_TRAIN_TOKEN_BYTES 64u
#define INK_VOCAB_TRAIN_MAX_TOKEN_BYTES (INK_VOCAB_MAX_TOKEN_BYTES / 2)

/*
 * Of the distinct words together, by which memory goes: 16 bytes for each of their bytes, 50 for
 * each word, 50 to 100 for each pair of tokens that stand side by side in them. That is 15 MB for 5
 * MB of English, 100 MB for 20 MB with 300,000 words, and at worst, in long words of random
 * letters, 80 bytes a byte.
 */
#define INK_VOCAB_TRAIN_WORD_BYTES ((size_t)64 << 20)
#define INK_VOCAB_TRAIN_MAX_WORD_BYTES ((size_t)1 << 30)

#define INK_VOCAB_TRAIN_MAX_SPECIALS 1024
#define INK_VOCAB_TRAIN_PRETOKENIZER "qwen2"

typedef enum ink_vocab_train_kind {
    INK_LEARN_BYTE_PAIRS,
    INK_LEARN_CHARACTERS
} ink_vocab_train_kind;

/* A token that no text becomes by merging. */
typedef struct ink_special_token {
    ink_text text;
    ink_token_role role; /* INK_N_TOKEN_ROLES: none */
    /* CONTROL, UNKNOWN or USER_DEFINED; 0: UNKNOWN with that role, else CONTROL */
    ink_token_type type;
} ink_special_token;

/* Zero means the default of every field but n_tokens. Borrowed until the trainer is freed. */
typedef struct ink_vocab_train_options {
    ink_vocab_train_kind kind;
    /*
     * Of the whole vocabulary, special tokens and the 256 bytes included. 0: as many as there are
     * characters; byte pairs need a number.
     */
    size_t n_tokens;
    /*
     * For byte pairs, a name of pretokenizers.def; empty: INK_VOCAB_TRAIN_PRETOKENIZER. Of those
     * that clean spaces, engines drop spaces when they decode a whole text: gpt-2, llama-bpe, ...
     */
    ink_text pre;
    /* The first tokens, in this order; characters have <unk>, BOS and EOS before all others. */
    const ink_special_token *specials; /* [n_specials] */
    size_t n_specials;
    bool add_bos, add_eos; /* texts begin and end with them where encoding adds special tokens */
    /* Control tokens written in the texts are tokens there, as user-defined ones always are. */
    bool parse_special;
    /*
     * Characters only: no token for each byte. Any other character is then the unknown token, and
     * lost, and other engines may fail at it.
     */
    bool no_bytes;
    /* What is seen less often is not learned; 0: 2 for pairs, 1 for characters. */
    uint64_t min_count;
    size_t max_token_bytes; /* 0: INK_VOCAB_TRAIN_TOKEN_BYTES */
    size_t max_word_bytes;  /* 0: INK_VOCAB_TRAIN_WORD_BYTES */
    ink_progress progress;  /* of finish */
} ink_vocab_train_options;

typedef struct ink_vocab_trainer ink_vocab_trainer;

/*
 * BAD_ARGUMENT: fewer tokens than special ones and bytes need, a special token that is empty, too
 * long, twice there, the text of a byte or of a role that another has, or a number that is out of
 * bounds. UNSUPPORTED: an unknown pre-tokenizer.
 */
INK_MUST_USE
ink_status ink_vocab_trainer_new(ink_vocab_trainer **out, const ink_vocab_train_options *options,
                                 const ink_allocator *allocator, ink_error *error);
void ink_vocab_trainer_free(ink_vocab_trainer *trainer);

/*
 * One more text; it may hold NULs and bytes that are no UTF-8, and is not needed afterwards. No
 * token reaches from one text into the next. More than 16 MiB are taken in parts, cut at line ends
 * where there are any. LIMIT: max_word_bytes, or texts made to be slow. After a failure the trainer
 * can only be freed.
 */
INK_MUST_USE
ink_status ink_vocab_trainer_add(ink_vocab_trainer *trainer, const char *text, size_t n_bytes,
                                 ink_error *error);

/* What was learned. Owns all that `source` borrows: it must outlive a vocabulary made of that. */
typedef struct ink_trained_vocab {
    ink_vocab_source source; /* for ink_vocab_new and ink_model_vocab_write */
    size_t n_missing;        /* n_tokens were asked for, and the texts have no more to learn */
    size_t n_left_out;       /* characters that were too rare, or had no room */
    uint64_t n_lookalikes;   /* characters: how often U+2581 stands in the texts */
    size_t n_words;          /* distinct ones that were learned from; distinct characters */
    uint64_t n_bytes;        /* of the texts, special tokens in them apart */
    uint64_t n_pieces;       /* tokens that these bytes are; no_bytes: at most */
} ink_trained_vocab;

/*
 * Learns, once a trainer; it can then only be freed. Fewer tokens than were asked for are no
 * failure: n_missing says so. CANCELLED: by options.progress.
 */
INK_MUST_USE
ink_status ink_vocab_trainer_finish(ink_vocab_trainer *trainer, ink_trained_vocab **out,
                                    ink_error *error);
void ink_trained_vocab_free(ink_trained_vocab *trained);

#endif
