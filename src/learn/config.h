/*
 * The configuration of a new model: a JSON object that names a dense architecture and its
 * hyperparameters, in the words of GGUF metadata (config.def). Five more keys:
 *
 *   architecture          a row of archs.def whose models can be trained; must be there
 *   name                  general.name
 *   tied_embeddings       the embedding also makes the logits; true where the architecture can
 *   biases                "none", "qkv", "norms", "all", "all and output"; as the architecture has
 *   initializer_range     standard deviation of the first weights, 0.02 unless said
 *
 * It is untrusted: what is not known, twice there, of the wrong type or out of range is an error
 * that names the file and the key.
 */
#ifndef INK_LEARN_CONFIG_H
#define INK_LEARN_CONFIG_H

#include "format/gguf_writer.h"
#include "model/hparams.h"

#define INK_CONFIG_MAX_BYTES ((size_t)1 << 20)

typedef struct ink_config {
    const char *file; /* for messages; borrowed */
    const ink_arch *arch;
    bool tied;
    ink_biases biases;
    float deviation;
    ink_hparams hparams; /* n_vocab is the caller's to set; `layers` from the arena */
} ink_config;

/*
 * Reads a configuration and sets its metadata in the writer. CORRUPT with the byte where it is no
 * JSON, UNSUPPORTED for an architecture that cannot be made or trained, else as
 * ink_hparams_read.
 */
ink_status ink_config_read(ink_config *config, ink_gguf_writer *writer, const char *text,
                           size_t n_bytes, const char *file, ink_arena *arena, ink_error *error);

/* Whether a new model has this part. */
bool ink_config_has(const ink_config *config, ink_role role);

#endif
