/*
 * A model: hyperparameters, weights in memory (packed into tiles where they multiply), vocabulary,
 * chat template. Immutable after it is opened.
 */
#ifndef INK_MODEL_MODEL_H
#define INK_MODEL_MODEL_H

#include "model/hparams.h"
#include "text/vocab.h"

/* One tensor of the model and its bias. Absent parts have no data. */
typedef struct ink_weight {
    ink_matrix matrix;   /* two and three dimensions; data NULL when absent */
    const float *vector; /* one dimension: [n]; NULL when absent */
    size_t n;
    const float *bias; /* [n_rows], with experts [n_experts][n_rows]; NULL when absent */
    struct ink_lora_pair *adapters; /* what is added to products with the matrix (lora.h) */
} ink_weight;

/* Bytes of one format in a model, for `show`. */
typedef struct ink_format_use {
    size_t n_tensors;
    uint64_t n_bytes, n_parameters;
} ink_format_use;

/*
 * What the sessions of a model have in common (runtime/kv_share.h): made by the first of them,
 * ended with the model.
 */
typedef struct ink_model_share {
    void (*free)(struct ink_model_share *share);
} ink_model_share;

struct ink_model {
    const ink_allocator *allocator;  /* the budget, if there is one */
    const ink_allocator *budget;     /* base/budget.h; NULL: nobody counts */
    _Atomic int pressure;            /* an ink_pressure; set by any thread */
    ink_model_share *_Atomic *share; /* of the arena; what it points to is NULL until made */
    ink_log log;
    ink_load load;
    const ink_arch *arch; /* NULL when only the vocabulary was loaded */
    ink_hparams hparams;
    ink_gguf *gguf;  /* metadata and token texts are borrowed from it */
    ink_arena arena; /* hyperparameters, weight tables */
    void *memory;    /* of all weights; of vectors alone when only metadata was loaded, */
    struct ink_pack_cache *pack_cache; /* or they are in its file; NULL when none is wanted */
    size_t loading_bytes; /* beside the weights while they are read; of INK_LOAD_METADATA */
    size_t weight_bytes;  /* of all weights and adapters in memory, loaded or not */
    ink_weight weights[INK_N_WEIGHT_ROLES];   /* of the model */
    ink_weight (*layers)[INK_N_WEIGHT_ROLES]; /* [n_layers] */
    struct ink_bindings *bindings;            /* what is where; from the arena */
    struct ink_lora *loras;                   /* adapters, first to last; NULL: none */
    ink_vocab *vocab;                         /* NULL when the file has none */
    struct ink_template *chat;                /* NULL when the file has none */
    ink_format_use uses[INK_N_FORMATS];
    uint64_t n_parameters;
};

/* LIMIT when the model's budget has no room for `n_bytes` more, of `what`. */
INK_MUST_USE ink_status ink_model_need(const struct ink_model *model, size_t n_bytes,
                                       const char *what, ink_error *error);

#endif
