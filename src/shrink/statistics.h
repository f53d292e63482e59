/*
 * What calibration knows of each matrix: how large its inputs are, column by column, and, for a
 * choice of formats, how much the loss depends on its outputs. With it an error in a weight is
 * worth mean square of its input times mean square of its output's gradient.
 *
 * Files are those that llama.cpp's imatrix tool writes and reads: GGUF of general.type "imatrix"
 * with NAME.in_sum2 [n_experts][k] and NAME.counts [n_experts][1] for each matrix.
 */
#ifndef INK_SHRINK_STATISTICS_H
#define INK_SHRINK_STATISTICS_H

#include "model/model.h"

typedef struct ink_inputs {
    const char *name;         /* of the tensor */
    const ink_matrix *matrix; /* of the model that runs; NULL: read from a file */
    size_t k, n_rows, n_experts;
    double *squares;   /* [n_experts][k], sums over tokens */
    double *counts;    /* [n_experts] tokens */
    double *gradients; /* [n_rows], sums of squares over tokens; NULL: not known */
    double n_gradients;
    struct ink_inputs *same_as; /* one before it that reads the same array; NULL: none */
    float *products;            /* [k][k], sums of x x^T; NULL: not wanted */
    float *factors;             /* [k][k] of quant/feedback.h, beside them */
    bool rotated;               /* both are of rotated inputs now */
} ink_inputs;

typedef struct ink_statistics {
    const ink_allocator *allocator;
    ink_inputs *all;
    size_t n;
    uint64_t n_tokens; /* that were read */
    ink_arena arena;   /* names and sums */
} ink_statistics;

void ink_statistics_init(ink_statistics *statistics, const ink_allocator *allocator);
void ink_statistics_deinit(ink_statistics *statistics);

#define INK_PRODUCTS_BYTES ((uint64_t)256 << 20) /* of a reading of the text, or one matrix */

/* Room for products and factors of one, not zeroed. */
ink_status ink_inputs_take_products(ink_inputs *inputs, const ink_allocator *allocator,
                                    ink_error *error);

/* Ends those of all. */
void ink_statistics_forget_products(ink_statistics *statistics);

/* Zeros for every matrix of the model that something is multiplied with. */
ink_status ink_statistics_take(ink_statistics *statistics, const ink_model *model,
                               ink_error *error);

/* NULL: nothing is known of this tensor. */
ink_inputs *ink_statistics_find(const ink_statistics *statistics, const char *name);

/* The same, but of those that read the same array the first, which has the products of all. */
ink_inputs *ink_statistics_owner(const ink_statistics *statistics, const char *name);

/*
 * Means of the squares of an expert's inputs, divided by their own mean, into weights[k]; none is
 * zero, as a text does not show everything. false: this expert read nothing.
 */
bool ink_inputs_weights(const ink_inputs *inputs, size_t expert, float *weights);

ink_status ink_statistics_write(const ink_statistics *statistics, const char *path,
                                ink_error *error);

/* Into statistics that are empty. CORRUPT: sums or counts are no finite numbers from 0 on. */
ink_status ink_statistics_read(ink_statistics *statistics, const char *path, ink_error *error);

/* The same from an open file, which is not needed afterwards. */
ink_status ink_statistics_read_from(ink_statistics *statistics, const ink_gguf *gguf,
                                    ink_error *error);

/* Whether a file is one of these, and no text. */
bool ink_statistics_is_file(const char *path, const ink_allocator *allocator);

#endif
