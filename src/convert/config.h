/*
 * config.json to metadata and back, by the rows of keys.def and dialects.def. What stands in a
 * configuration and cannot be said of an architecture here is refused by its key.
 */
#ifndef INK_CONVERT_CONFIG_H
#define INK_CONVERT_CONFIG_H

#include "convert/dialect.h"
#include "convert/document.h"
#include "format/gguf_writer.h"

/* Tensors of ours that a configuration says: divisors of the frequencies of a rotation. */
typedef struct ink_made_tensor {
    ink_role role;
    float *values; /* in the arena */
    size_t n;
} ink_made_tensor;

typedef struct ink_hf_config {
    const ink_dialect *dialect;
    const ink_arch *arch;
    ink_hparams hparams; /* as they are read from the metadata */
    bool tied;           /* said to be: what multiplies for logits is not taken */
    uint64_t n_tokens;   /* that are said to be; 0: nothing is */
    ink_made_tensor made[2];
    size_t n_made;
} ink_hf_config;

/*
 * Sets general.architecture and all keys of the architecture. `json` is what config.json says;
 * lists and hparams.layers come from the arena. UNSUPPORTED: a model_type, a way to scale or a
 * value that is not known; `log` is told of a context that ends earlier.
 */
ink_status ink_hf_config_read(ink_hf_config *config, ink_value json, ink_gguf_writer *writer,
                              const ink_log *log, ink_arena *arena, ink_error *error);

struct ink_model;

/* The way back, into `json`, a new dict. `dtype` as in "float16". */
ink_status ink_hf_config_write(const struct ink_model *model, const ink_dialect *dialect,
                               const char *dtype, ink_arena *arena, ink_value *json,
                               ink_error *error);

/* The rows of keys.def, for both ways. */
typedef enum ink_hf_id {
#define KEY(id, type, suffix, where, names, of) INK_HF_##id,
#include "convert/keys.def"
#undef KEY
    INK_N_HF_KEYS
} ink_hf_id;

enum { INK_HF_u32, INK_HF_f32, INK_HF_FLAG, INK_HF_TOP = 0, INK_HF_ROPE = 4 };

typedef struct ink_hf_key {
    uint8_t traits; /* type and where */
    const char *suffix, *names;
} ink_hf_key;

ink_hf_key ink_hf_key_at(size_t id);

/* Whether some layers attend and others do not, as layer_types says. */
static inline bool ink_hf_is_mixed(const ink_arch *arch)
{
    return ink_arch_lists(arch, INK_WEIGHT_ATTENTION_OUTPUT) &&
           !ink_arch_requires(arch, INK_WEIGHT_ATTENTION_OUTPUT);
}

/* ---- The rows of known.def. */

/*
 * Refuses what stands in config.json (`where` INK_HF_TOP), or in what scales a rotation
 * (INK_HF_ROPE), under a key that is not known of such models, or has a value that is not what the
 * architecture computes. What is null is not said.
 */
ink_status ink_hf_check_known(ink_value object, unsigned where, const ink_dialect *dialect,
                              ink_error *error);

/* Whether such models have the key: only then it is written. */
bool ink_hf_is_known(const ink_dialect *dialect, unsigned where, ink_text key);

/* Which tensors of a role some layer has. */
enum { INK_SEEN_WEIGHT = 1, INK_SEEN_BIAS = 2 };

/* The index-th key that tells of tensors, and what it says of those that were seen; NULL: none. */
const char *ink_hf_shown_at(size_t index, const uint8_t seen[INK_N_WEIGHT_ROLES], bool *truth);

/* Refuses what config.json says of tensors and is not so. */
ink_status ink_hf_check_shown(ink_value json, const uint8_t seen[INK_N_WEIGHT_ROLES],
                              ink_error *error);

#endif
