/*
 * Pre-tokenizers: cutting a text into the words inside which byte pairs are merged.
 *
 * The patterns are rows of pretokenizers.def and run through PCRE2 with limits that grow with the
 * text. An open pre-tokenizer is immutable; what a run changes is in an ink_word_splitter.
 */
#ifndef INK_TEXT_PRETOKENIZER_H
#define INK_TEXT_PRETOKENIZER_H

#include "text/vocab.h"

#define INK_PRETOKENIZER_MAX_PASSES 6
#define INK_PRETOKENIZER_STEPS_PER_BYTE 16   /* of one search, over the bytes of the text */
#define INK_PRETOKENIZER_MAX_HEAP_KIB 65536u /* of one search */

/* What a family implies beside its patterns. */
enum {
    INK_PRE_WHOLE_WORDS = 1,  /* a word that is a token is not taken apart to be merged */
    INK_PRE_ADDS_BOS = 2,     /* where the file does not say */
    INK_PRE_CLEANS_SPACES = 4 /* decoding a text as a whole drops spaces before punctuation */
};

typedef struct ink_pretokenizer {
    char name[32]; /* as in pretokenizers.def; "" when closed */
    int traits;
    bool guessed; /* the name was absent or "default" */
    size_t n_passes;
    void *memory;                              /* PCRE2's context for allocating */
    void *passes[INK_PRETOKENIZER_MAX_PASSES]; /* compiled patterns */
} ink_pretokenizer;

/*
 * An empty name or "default" opens the family of GPT-2, marked as guessed. UNSUPPORTED: an unknown
 * name. On failure the pre-tokenizer is closed. `allocator` must outlive it.
 */
ink_status ink_pretokenizer_open(ink_pretokenizer *pretokenizer, ink_text name,
                                 const ink_allocator *allocator, ink_error *error);
void ink_pretokenizer_close(ink_pretokenizer *pretokenizer);

/* The names of the n-th family, separated by spaces; NULL beyond the last. */
const char *ink_pretokenizer_family(size_t index);

typedef ink_status ink_word_sink(void *context, ink_text word, ink_error *error);

typedef struct ink_word_splitter {
    const ink_pretokenizer *pretokenizer;
    void *match, *limits; /* PCRE2's */
    ink_word_sink *sink;
    void *context;
} ink_word_splitter;

ink_status ink_word_splitter_init(ink_word_splitter *splitter, const ink_pretokenizer *pretokenizer,
                                  ink_word_sink *sink, void *context, ink_error *error);
void ink_word_splitter_deinit(ink_word_splitter *splitter);

/*
 * Gives the words of `text` to the sink in order; together they are the text. Bytes that are no
 * UTF-8 are words of their own. LIMIT: a search took too many steps or too much memory.
 */
ink_status ink_word_splitter_run(ink_word_splitter *splitter, ink_text text, ink_error *error);

#endif
