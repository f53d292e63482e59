/*
 * From vocabulary to metadata: the way back of model/vocab_source.h, under the same keys.
 *
 * Source: the GGUF specification (ggml, docs/gguf.md), tokenizer.ggml.*.
 */
#ifndef INK_MODEL_VOCAB_WRITE_H
#define INK_MODEL_VOCAB_WRITE_H

#include "format/gguf_writer.h"
#include "text/vocab.h"

/*
 * Sets tokenizer.ggml.* to what `source` says, and tokenizer.chat_template when `chat_template` is
 * not NULL. What the source leaves unsaid (roles of -1, default flags, no scores or merges) is not
 * written. general.name is the caller's. The writer copies everything; `allocator` is for the time
 * of the call.
 */
INK_MUST_USE
ink_status ink_model_vocab_write(ink_gguf_writer *writer, const ink_vocab_source *source,
                                 const char *chat_template, const ink_allocator *allocator,
                                 ink_error *error);

#endif
