/*
 * From files to documents of tokens. Plain text is one document a file. A name that ends with
 * ".jsonl" has records (record.h): a text is a document that an end token closes; of a completion
 * and of a conversation only what the model has to say is learned, to the end token of its turn,
 * behind the very tokens that it is asked with.
 */
#ifndef INK_LEARN_TEXT_SOURCE_H
#define INK_LEARN_TEXT_SOURCE_H

#include "learn/corpus.h"
#include "learn/record.h"

typedef struct ink_text_options {
    size_t n_context;
    bool cut; /* longer completions and conversations, in place of refusing them */
    const ink_log *log;
} ink_text_options;

/*
 * By the model's vocabulary. The message names the file, and the line where there are lines. What
 * was cut is counted and said to the log.
 */
ink_status ink_corpus_add_file(ink_corpus *corpus, const ink_model *model, const char *path,
                               const ink_text_options *options, ink_error *error);

/* The same from memory; `records`: as from a ".jsonl". */
ink_status ink_corpus_add_text(ink_corpus *corpus, const ink_model *model, ink_text text,
                               const char *name, bool records, const ink_text_options *options,
                               ink_error *error);

/* ---- Without tokens: for whoever learns a vocabulary. */

bool ink_text_is_records(const char *path);

/* The whole file, to be ended by ink_delete(allocator, text->data). LIMIT: 4 GiB and more. */
ink_status ink_text_read(const char *path, ink_text *text, const ink_allocator *allocator,
                         ink_error *error);

#endif
