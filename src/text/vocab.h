/*
 * Vocabularies: what a model file says about its tokens, made searchable.
 *
 * An ink_vocab_source is plain borrowed arrays, filled by whoever reads the file; this folder knows
 * no file format. An ink_vocab is immutable after ink_vocab_new and may be shared by threads. What
 * differs between the kinds of vocabulary is one row of the table in vocab_kind.c, and between
 * pre-tokenizers one row of pretokenizers.def.
 */
#ifndef INK_TEXT_VOCAB_H
#define INK_TEXT_VOCAB_H

#include "inkling.h"

/*
 * Limits of vocabularies and their use; each is reported with what was found. The longest token
 * seen has 512 bytes. Control and user-defined tokens above MAX_SPECIAL_BYTES are not looked for in
 * text. A hash look-up takes at most MAX_PROBES steps: token texts made to collide are refused. A
 * single word of INK_ENCODE_MAX_BYTES needs 50 bytes of memory per byte, other texts far less.
 */
#define INK_VOCAB_MAX_TOKENS (1 << 22)
#define INK_VOCAB_MAX_MERGES (1 << 22)
#define INK_VOCAB_MAX_TOKEN_BYTES 1024
#define INK_VOCAB_MAX_SPECIAL_BYTES 256
#define INK_VOCAB_MAX_PROBES 1024
#define INK_ENCODE_MAX_BYTES (64u << 20)

/* A borrowed piece of text; may hold NULs and need not be valid UTF-8. */
typedef struct ink_text {
    const char *data;
    size_t n_bytes;
} ink_text;

/* The values are those stored in GGUF (tokenizer.ggml.token_type). */
typedef enum ink_token_type {
    INK_TOKEN_NORMAL = 1,
    INK_TOKEN_UNKNOWN = 2,
    INK_TOKEN_CONTROL = 3,
    INK_TOKEN_USER_DEFINED = 4,
    INK_TOKEN_UNUSED = 5,
    INK_TOKEN_BYTE = 6,
} ink_token_type;

/*
 * Tokens with a role of their own; the name is the stem of GGUF's key
 * "tokenizer.ggml.<name>_token_id".
 */
#define INK_TOKEN_ROLES(X)       \
    X(BOS, "bos")                \
    X(EOS, "eos")                \
    X(EOT, "eot")                \
    X(EOM, "eom")                \
    X(UNKNOWN, "unknown")        \
    X(SEPARATOR, "seperator")    \
    X(PADDING, "padding")        \
    X(CLS, "cls")                \
    X(MASK, "mask")              \
    X(FIM_PREFIX, "fim_pre")     \
    X(FIM_SUFFIX, "fim_suf")     \
    X(FIM_MIDDLE, "fim_mid")     \
    X(FIM_PADDING, "fim_pad")    \
    X(FIM_REPOSITORY, "fim_rep") \
    X(FIM_SEPARATOR, "fim_sep")

typedef enum ink_token_role {
#define X(name, stem) INK_ROLE_##name,
    INK_TOKEN_ROLES(X)
#undef X
        INK_N_TOKEN_ROLES
} ink_token_role;

/* Switches of a vocabulary; the name is the end of GGUF's key "tokenizer.ggml.<name>". */
#define INK_VOCAB_FLAGS(X)            \
    X(ADD_BOS, "add_bos_token")       \
    X(ADD_EOS, "add_eos_token")       \
    X(ADD_SEPARATOR, "add_sep_token") \
    X(ADD_SPACE_PREFIX, "add_space_prefix")

typedef enum ink_vocab_flag {
#define X(name, stem) INK_VOCAB_##name,
    INK_VOCAB_FLAGS(X)
#undef X
        INK_N_VOCAB_FLAGS
} ink_vocab_flag;

/* A switch that a file may leave to the default of its kind and pre-tokenizer. */
typedef enum ink_vocab_choice {
    INK_CHOICE_DEFAULT,
    INK_CHOICE_NO,
    INK_CHOICE_YES
} ink_vocab_choice;

/* Everything a model file says about its vocabulary. Begin with ink_vocab_source_init. */
typedef struct ink_vocab_source {
    ink_text model; /* "llama", "gpt2", "bert", "gemma4" as in tokenizer.ggml.model */
    ink_text pre;   /* tokenizer.ggml.pre; empty: absent */
    /*
     * general.name; the files of a few families do not say all that their name does; empty: absent
     */
    ink_text name;
    const ink_text *tokens;
    const float *scores;  /* [n_tokens] or NULL */
    const int32_t *types; /* [n_tokens] of ink_token_type, or NULL: all normal */
    size_t n_tokens;
    const ink_text *merges; /* "left right", best first; NULL with n_merges 0 */
    size_t n_merges;
    int32_t roles[INK_N_TOKEN_ROLES]; /* token id; -1: none */
    ink_vocab_choice flags[INK_N_VOCAB_FLAGS];
} ink_vocab_source;

/* Nothing known: no tokens, no roles, default flags. */
void ink_vocab_source_init(ink_vocab_source *source);

typedef struct ink_vocab ink_vocab;

/*
 * The arrays of `source` may go afterwards, except the token texts, which are borrowed and must
 * outlive the vocab. UNSUPPORTED: a kind or pre-tokenizer that is not known, by name. CORRUPT: a
 * role or type out of range, a byte token that names no byte, a merge without its space. A merge of
 * a text that is no token is left out, as it can never apply; ink_vocab_n_ignored_merges counts
 * them. Of tokens with the same text the first is encoded, the others only decode; an empty token
 * only decodes. LIMIT: one of the limits above.
 */
INK_MUST_USE
ink_status ink_vocab_new(ink_vocab **out, const ink_vocab_source *source,
                         const ink_allocator *allocator, ink_error *error);
void ink_vocab_free(ink_vocab *vocab);

/* ---- Getters; a token id out of range is answered as stated, never a fault. */

int32_t ink_vocab_n_tokens(const ink_vocab *vocab);

/*
 * The text as stored in the file (byte-level and SentencePiece escapes kept); empty when out of
 * range.
 */
ink_text ink_vocab_token_text(const ink_vocab *vocab, int32_t token);

/* UNKNOWN when out of range. */
ink_token_type ink_vocab_token_type(const ink_vocab *vocab, int32_t token);

/* 0 when out of range or without scores. */
float ink_vocab_token_score(const ink_vocab *vocab, int32_t token);

/* The first token whose stored text is this; -1 when there is none. */
int32_t ink_vocab_find(const ink_vocab *vocab, ink_text text);

/* The token with this role, named by the file or known by its text; -1 when there is none. */
int32_t ink_vocab_role(const ink_vocab *vocab, ink_token_role role);

bool ink_vocab_flag_value(const ink_vocab *vocab, ink_vocab_flag flag);

/*
 * Generation stops at it: EOS, EOT, EOM, tokens known by their text, such as <|im_end|>, and BOS,
 * with which a model goes on to another text.
 */
bool ink_vocab_is_end(const ink_vocab *vocab, int32_t token);

/*
 * "llama", "gpt2", ... and the name from pretokenizers.def in use ("" for kinds that have none);
 * never NULL.
 */
const char *ink_vocab_kind_name(const ink_vocab *vocab);
const char *ink_vocab_pretokenizer_name(const ink_vocab *vocab);

/*
 * The file named no pre-tokenizer though its kind needs one, and a guess stands in: worth a
 * warning.
 */
bool ink_vocab_pretokenizer_guessed(const ink_vocab *vocab);

size_t ink_vocab_n_ignored_merges(const ink_vocab *vocab);

#endif
