/*
 * Recorded graphs in double precision: each op by its definition in array.h and backward.h, in
 * plain loops that share nothing with devices. Rounding to eight bits (QUANTIZE) is left out.
 */
#ifndef INK_TESTS_EXACT_H
#define INK_TESTS_EXACT_H

#include "support.h"

#include "array/array.h"

typedef struct ink_exact {
    const ink_graph *graph;
    size_t n_nodes;
    double **values; /* by node index: row-major, without gaps */
} ink_exact;

/* The graph as it is now, with the values of constants; what is recorded later does not count. */
void ink_exact_init(ink_exact *exact, const ink_graph *graph);
void ink_exact_deinit(ink_exact *exact);

/* To fill those of inputs, to change those of constants, to read those of others after a run. */
double *ink_exact_values(const ink_exact *exact, const ink_array *array);

/* Fills an input with floats, or int32. */
void ink_exact_fill(const ink_exact *exact, const ink_array *input, const void *data);

/* What `of` depends on, and it. Fails the test when an op has no definition here. */
void ink_exact_run(const ink_exact *exact, const ink_array *of);

/* Row `row` of a matrix, packed or not: [k] floats. */
void ink_exact_decode_row(const ink_matrix *matrix, size_t row, float *out);

#endif
