/* What learning layer by layer keeps and does between its files (learn_layers.h). */
#ifndef INK_SHRINK_LEARN_INTERNAL_H
#define INK_SHRINK_LEARN_INTERNAL_H

#include "base/file.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "model/model.h"
#include "model/part.h"
#include "quant/learned.h"
#include "shrink/layer_pass.h"
#include "shrink/learn_layers.h"

enum { INK_LEARNING_ALIGNMENT = 64 };

/* A matrix of the layer that is learned. */
typedef struct ink_learned_matrix {
    const ink_gguf_tensor *from, *tensor; /* of the model, and rounded */
    const ink_matrix *matrix;
    ink_learned learned;
    size_t n_bytes, n_blocks, row_bytes; /* blocks and bytes of a row */
    char *now, *best;                    /* [n_bytes] in tiles: of the layer's memory, and a copy */
} ink_learned_matrix;

typedef struct ink_learning {
    const ink_layer_learning *o;
    ink_model *original, *rounded; /* without their weights */
    ink_device *device;
    ink_pool *pool;
    ink_gemm_f32_fn *gemm;
    uint8_t digest[INK_SHA256_BYTES];
    size_t width, n_window, n_windows, n_batch; /* n_batch: windows of a step */
    uint32_t n_layers;                          /* that can be learned */
    char *path;                                 /* of out with a suffix */
    /* Activations of all windows, in the file: what the layers before this one gave. */
    ink_file_writer *file;
    float *of_original, *of_rounded; /* [n_windows][n_window][width] */
    /* Of a layer. */
    uint32_t layer;
    void *memory; /* of its matrices */
    ink_learned_matrix *subjects;
    size_t n_subjects;
    char *rooms; /* [n_threads][room_bytes] */
    size_t room_bytes, row_bytes, longest;
    const ink_layer_pass *pass;
    const ink_layer_product *product; /* that is worked on, */
    ink_learned_matrix *subject;      /* with its matrix */
    ink_learned_step step;
} ink_learning;

/* ---- learn_files.c */

/* Of all that decides what is learned: both models, the text, the steps. */
ink_status ink_learning_digest(ink_learning *l, ink_error *error);

/* The path of OUT with a suffix; one at a time. */
const char *ink_learning_path(const ink_learning *l, const char *suffix);
const char *ink_learning_layer_path(const ink_learning *l, uint32_t layer);
enum { INK_LEARNING_SUFFIX_BYTES = 24 };

/* What the layer's matrices are now becomes its file. */
ink_status ink_learning_keep(ink_learning *l, ink_error *error);

/* The file of a layer that was done before; NULL: it was not, or by another command. */
ink_gguf *ink_learning_find(const ink_learning *l, uint32_t layer);
ink_status ink_learning_read(ink_learning *l, const ink_gguf *gguf, ink_learned_matrix *m,
                             ink_error *error);

/* ---- learn_activations.c */

/* NULL: the model has no such tensor. */
const ink_gguf_tensor *ink_learning_tensor(const ink_model *model, ink_role role, uint32_t layer);

/* Reads the layer's matrices, in tiles as the model has them, until they are dropped. */
ink_status ink_learning_load(ink_learning *l, ink_model *model, ink_error *error);
void ink_learning_drop(ink_learning *l);

/* Makes the file of activations: the embeddings of the text in both models. */
ink_status ink_learning_open_activations(ink_learning *l, ink_error *error);
float *ink_learning_window(const ink_learning *l, float *activations, size_t window);

/* The loaded layer forward, each window's input giving way to what the layer made of it. */
ink_status ink_learning_go_through(ink_learning *l, const ink_model *model, float *activations,
                                   ink_error *error);

/* Rows of a matrix in tiles, as blocks. */
static inline void ink_learned_get_row(const ink_learned_matrix *m, size_t row, void *blocks)
{
    ink_tile_get_row(m->matrix->format, blocks,
                     m->now + row / INK_TILE_ROWS * INK_TILE_ROWS * m->row_bytes,
                     row % INK_TILE_ROWS, m->n_blocks);
}

static inline void ink_learned_put_row(const ink_learned_matrix *m, size_t row, const void *blocks)
{
    ink_tile_put_row(m->matrix->format, m->now + row / INK_TILE_ROWS * INK_TILE_ROWS * m->row_bytes,
                     blocks, row % INK_TILE_ROWS, m->n_blocks);
}

#endif
