/*
 * The vocabulary of a published model on its way into metadata, and back: gathered by id, since
 * files name tokens in any order and in several places.
 */
#ifndef INK_CONVERT_TOKENS_H
#define INK_CONVERT_TOKENS_H

#include "convert/document.h"
#include "format/gguf_writer.h"

typedef struct ink_hf_tokens {
    ink_arena *arena; /* of all of it */
    ink_text *texts;
    float *scores;
    int32_t *types; /* 0: nobody has named the token yet */
    size_t n_tokens, capacity;
    bool has_scores;
    bool strips; /* an added token takes spaces beside it away, as none does here */
    ink_vocab_source source;
    ink_text chat_template; /* no data: none */
} ink_hf_tokens;

/*
 * Reads what a folder has: tokenizer.model, else tokenizer.json, and tokenizer_config.json,
 * generation_config.json, chat_template.jinja; `config` is config.json. Ids must be below `n_rows`,
 * the rows of the embedding; those that have no token are filled with unused ones.
 */
ink_status ink_hf_tokens_read(ink_hf_tokens *tokens, const char *folder, ink_value config,
                              size_t n_rows, ink_arena *arena, ink_error *error);

/* The vocabulary of a llama2.c file of n_tokens. */
ink_status ink_hf_tokens_read_llama2c(ink_hf_tokens *tokens, const char *path, size_t n_tokens,
                                      ink_arena *arena, ink_error *error);

/* Sets all keys of the vocabulary. */
ink_status ink_hf_tokens_write(const ink_hf_tokens *tokens, ink_gguf_writer *writer,
                               ink_error *error);

/* ---- Parts of it; the texts are borrowed and live as long as the arena. */

void ink_hf_tokens_init(ink_hf_tokens *tokens, size_t capacity, ink_arena *arena);

/* Names a token, or gives one that is named another type and text; `score` only if has_scores. */
ink_status ink_hf_tokens_put(ink_hf_tokens *tokens, int64_t id, ink_text text, ink_token_type type,
                             float score, ink_error *error);

/* Sets `strips` if this added token says so. */
void ink_hf_tokens_note_strips(ink_hf_tokens *tokens, const ink_value *added);

/* -1: there is none. */
int32_t ink_hf_tokens_find(const ink_hf_tokens *tokens, ink_text text);

ink_status ink_hf_tokens_read_spm(ink_hf_tokens *tokens, ink_text bytes, ink_error *error);

/* `clean`: tokenizer_config.json says that decoding cleans spaces. */
ink_status ink_hf_tokens_read_json(ink_hf_tokens *tokens, ink_value json, bool clean,
                                   ink_error *error);

/* ---- The way back. */

/* The files of a vocabulary, in `out`: tokenizer.model of what SentencePiece makes. */
ink_status ink_spm_write(const ink_vocab_source *source, ink_buffer *out, ink_error *error);

/* tokenizer.json of byte pairs and of WordPiece. */
ink_status ink_tokenizer_json_write(const ink_vocab_source *source, ink_buffer *out,
                                    ink_error *error);

/* tokenizer_config.json. */
ink_status ink_tokenizer_config_write(const ink_vocab_source *source, ink_text chat_template,
                                      ink_buffer *out, ink_error *error);

/* "bos_token", ... of tokenizer_config.json. */
typedef struct ink_named_role {
    const char *key;
    uint8_t role;
} ink_named_role;

extern const ink_named_role ink_named_roles[];
extern const size_t ink_n_named_roles;

/* A row of pieces.def. */
typedef struct ink_pieces {
    const char *family, *pattern;
    bool cleans, whole, digits;
} ink_pieces;

/* NULL: none cuts so, or none is of the family of this name. */
const ink_pieces *ink_pieces_find(bool clean, bool whole, bool digits, ink_text pattern);
const ink_pieces *ink_pieces_of_family(ink_text name);

#endif
