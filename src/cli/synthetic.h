/*
 * Models made of random numbers in the shapes of real ones: what `inkling synthesize` writes.
 *
 * A shape is a row of synthetic_shapes.c, a mixture of weight formats one of synthetic_mixtures.c.
 * Which tensors a shape has follows from its architecture's row and from weights.def.
 */
#ifndef INK_CLI_SYNTHETIC_H
#define INK_CLI_SYNTHETIC_H

#include "format/gguf_writer.h"
#include "shrink/mixture.h"

/* ---- Shapes */

#define INK_NO_CONTROL SIZE_MAX

/* A vocabulary built by rule: every token is text of its own, in valid UTF-8. */
typedef struct ink_synthetic_vocab {
    const char *model, *pre; /* tokenizer.ggml.model and .pre; pre NULL: none */
    const char *word_start;  /* what the first piece of a word begins with */
    bool byte_level;         /* byte-level BPE with merges; else SentencePiece-style with scores */
    /* Control tokens before and behind the others; lists end with NULL, `filler` fills them up. */
    const char *const *first, *const *last;
    size_t n_first, n_last;
    const char *filler; /* takes a number */
    /* Which of the control tokens, those before first; INK_NO_CONTROL: none of them. */
    size_t bos, eos, unknown, padding;
} ink_synthetic_vocab;

/* Frequencies stretched as Llama 3.1 does (published with the model): tensor rope_freqs.weight. */
typedef struct ink_synthetic_rope {
    double factor, low, high, n_context; /* factor 0: none */
} ink_synthetic_rope;

typedef struct ink_shape {
    const char *name, *title, *arch;
    const ink_synthetic_vocab *vocab;
    ink_hparams hparams;     /* zero: not written; without layers, which are all alike: */
    ink_layer_hparams layer; /* counts alone */
    ink_synthetic_rope rope;
    uint8_t optional[INK_MAX_ROLES]; /* parts beside those that the architecture requires */
} ink_shape;

/* The i-th row; NULL at the end. */
const ink_shape *ink_shape_at(size_t index);

/* Whether the shape has the role; its lists together. */
bool ink_shape_has(const ink_shape *shape, ink_role role);

/* ---- Contents */

/* Sets the keys tokenizer.ggml.* for n_tokens tokens, at least INK_SYNTHETIC_MIN_TOKENS. */
enum { INK_SYNTHETIC_MIN_TOKENS = 1024 };
ink_status ink_synthetic_vocab_write(ink_gguf_writer *writer, const ink_synthetic_vocab *vocab,
                                     size_t n_tokens, ink_error *error);

/*
 * Whether a token is a piece of text: no control token and no single byte. The one that opens a
 * text counts, as it may be all that a model reads.
 */
bool ink_synthetic_vocab_has_text(const ink_synthetic_vocab *vocab, size_t n_tokens, size_t token);

/* Random numbers as weights: finite, of mean 0 and standard deviation INK_SYNTHETIC_SPREAD. */
#define INK_SYNTHETIC_SPREAD 0.02f
enum { INK_PALETTE = 65536 };

typedef struct ink_synthetic_source {
    uint64_t random[4];
    float *palette;   /* [INK_PALETTE] draws, for the float formats */
    uint8_t *encoded; /* the same in encoded_format */
    ink_format encoded_format;
} ink_synthetic_source;

ink_status ink_synthetic_source_init(ink_synthetic_source *source, int64_t seed, ink_error *error);
void ink_synthetic_source_deinit(ink_synthetic_source *source);

/* Whether there is a recipe for the format's blocks. */
bool ink_synthetic_makes(ink_format format);

void ink_synthetic_blocks(ink_synthetic_source *source, ink_format format, void *blocks,
                          size_t n_blocks);

#endif
