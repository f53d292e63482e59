/*
 * From metadata to vocabulary: the one place that knows under which keys a GGUF file keeps its
 * tokens.
 *
 * Source: the GGUF specification (ggml, docs/gguf.md), tokenizer.ggml.*.
 */
#ifndef INK_MODEL_VOCAB_SOURCE_H
#define INK_MODEL_VOCAB_SOURCE_H

#include "base/memory.h"
#include "format/gguf.h"
#include "text/vocab.h"

/*
 * Fills *source from the file. The texts are borrowed from the open file, which must outlive the
 * vocabulary; the arrays are taken from the arena, 16 bytes a token and merge, and may go once
 * ink_vocab_new has returned. CORRUPT: a key has the wrong type, or two arrays disagree about the
 * number of tokens. UNSUPPORTED: the file has no vocabulary.
 */
INK_MUST_USE
ink_status ink_model_vocab_source(const ink_gguf *gguf, ink_vocab_source *source, ink_arena *arena,
                                  ink_error *error);

/* The same and ink_vocab_new in one, with an arena that ends before it returns. */
INK_MUST_USE
ink_status ink_model_vocab_open(ink_vocab **out, const ink_gguf *gguf,
                                const ink_allocator *allocator, ink_error *error);

#endif
