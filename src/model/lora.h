/*
 * Low-rank adapters (LoRA; Hu et al., arXiv:2106.09685): beside a weight W stand two narrow
 * matrices, and a product with it becomes W x + scale * B (A x). They are read from files
 * (lora_file.c) or made to be trained; the weight itself stays as it is, in whatever format, which
 * is what QLoRA does (Dettmers et al., arXiv:2305.14314).
 *
 * A weight may have any number of them. They are floats, packed into tiles where a model only runs.
 */
#ifndef INK_MODEL_LORA_H
#define INK_MODEL_LORA_H

#include "model/model.h"

/* What is added to one weight. */
typedef struct ink_lora_pair {
    const char *name; /* of the weight's tensor */
    ink_weight *weight;
    ink_matrix a; /* [rank][k] */
    ink_matrix b; /* [n_rows][rank] */
    float scale;
    struct ink_lora_pair *next; /* of the same weight, in the order in which they are added */
} ink_lora_pair;

/* An adapter: all that one file adds, or that is trained together. Its tables are in the arena. */
typedef struct ink_lora {
    struct ink_lora *next; /* of the model */
    ink_lora_pair *pairs;
    size_t n_pairs;
    void *memory; /* of all matrices; NULL: they were not read */
    size_t n_bytes;
} ink_lora;

/* ---- From files (lora_file.c). */

/*
 * Reads an adapter and adds it to the model; one of scale 0 is checked and left out. `load` says
 * how: INK_LOAD_ALL packed, INK_LOAD_TRAINABLE as rows of floats, INK_LOAD_METADATA only shapes.
 * BAD_ARGUMENT: it is for another architecture, or for matrices of other names or shapes.
 */
ink_status ink_lora_open(ink_model *model, const ink_adapter *adapter, ink_load load,
                         ink_error *error);

/* The same from an open file, which is not needed afterwards. */
ink_status ink_lora_read(ink_model *model, const ink_gguf *gguf, float scale, ink_load load,
                         ink_error *error);

/* ---- New ones. */

typedef struct ink_lora_plan {
    const char *targets; /* names of lora_targets.def, "q,v"; "all": whichever the model has */
    uint32_t rank;
    float alpha;   /* scale is alpha / rank */
    uint64_t seed; /* of the first values of A; B begins as zeros, so that nothing is added yet */
} ink_lora_plan;

/*
 * As rows of floats, to be trained, and added to the model. BAD_ARGUMENT: no such target, or the
 * model has none.
 */
ink_status ink_lora_new(ink_lora **out, ink_model *model, const ink_lora_plan *plan,
                        ink_error *error);

/* ---- Parts that both are made of. */

/* Tables for n pairs; NULL when memory is out. */
ink_lora *ink_lora_take(ink_model *model, size_t n);

/*
 * Gives the matrices of all pairs, whose shapes are set, their format and their places in new
 * memory, all of it zero; of INK_LOAD_METADATA no memory.
 */
ink_status ink_lora_place(ink_model *model, ink_lora *lora, ink_load load, ink_error *error);

/* To the model, which owns its memory from here on, and to its weights. */
void ink_lora_add(ink_model *model, ink_lora *lora);

/* The weight of a tensor, "blk.0.attn_q.weight" or without ".weight"; NULL: there is none. */
ink_weight *ink_lora_find_weight(const ink_model *model, const char *name);

/* The same, and which part of the model it is; `layer` is 0 where it is in none. */
ink_weight *ink_lora_find_part(const ink_model *model, const char *name, ink_role *role,
                               uint32_t *layer);

/* NULL, or why nothing can be added to this weight of the model. */
const char *ink_lora_refusal(const ink_model *model, const ink_weight *weight);

/* Ends the memory of all of them. */
void ink_loras_free(ink_model *model);

/* ---- In a step. */

/* scale * B (A x): what a pair adds, of x dropped out by `rate` first (array/backward.h). */
ink_array *ink_lora_record(const ink_lora_pair *pair, ink_array *x, ink_array *seed, float rate);

#endif
