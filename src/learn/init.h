/*
 * The first weights of a new model, written to a file: normal numbers for matrices, those of
 * projections back into the stream divided by the root of how many there are (2 x layers; Radford
 * et al. 2019, GPT-2), one for norms, nothing for biases. Which tensors there are follows from the
 * architecture's row and from weights.def.
 */
#ifndef INK_LEARN_INIT_H
#define INK_LEARN_INIT_H

#include "learn/config.h"

/* Of all weights together; training needs four times that in memory. */
#define INK_INIT_MAX_PARAMETERS (UINT64_C(1) << 34)

/*
 * `writer` has all metadata, the vocabulary's too; config->hparams.n_vocab is set. The same bytes
 * for a seed on every machine. Nothing is left at `path` when it fails.
 */
ink_status ink_init_write(const ink_config *config, ink_gguf_writer *writer, int64_t seed,
                          const char *path, const ink_allocator *allocator, ink_error *error);

#endif
