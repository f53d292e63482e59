/*
 * From records to documents of which a part counts: what the model is asked, and what it should
 * say.
 *
 * A conversation is tokenized as ink_chat_tokenize does, once up to each of the assistant's turns
 * and once with it; what the second has more is learned, up to the first end token in it. Turns
 * come into one document as long as each is the beginning of the next. Where a template shows
 * earlier turns in another way later (without their thoughts, say), the next turn begins a document
 * of its own, so that each is learned behind exactly what the model will be asked with.
 */
#ifndef INK_LEARN_RECORD_TOKENS_H
#define INK_LEARN_RECORD_TOKENS_H

#include "learn/text_source.h"

typedef struct ink_record_counts {
    size_t n_records, n_cut; /* n_cut: longer than the context; what was beyond does not count */
} ink_record_counts;

/*
 * Messages do not name file and line. LIMIT for a record that is longer than the context and is not
 * to be cut.
 */
ink_status ink_corpus_add_record(ink_corpus *corpus, const ink_model *model,
                                 const ink_record *record, const ink_text_options *options,
                                 ink_record_counts *counts, ink_error *error);

#endif
