/*
 * What the tests of arrays share: a graph with the device that runs it, and weight matrices made of
 * floats.
 */
#ifndef INK_TESTS_GRAPH_RUN_H
#define INK_TESTS_GRAPH_RUN_H

#include "../support.h"

#include "device/device.h"

typedef struct ink_graph_run {
    ink_graph graph;
    ink_device *device;
    ink_program *program; /* after compile */
} ink_graph_run;

void ink_graph_run_init(ink_graph_run *run, int n_threads);
void ink_graph_run_deinit(ink_graph_run *run);

/* Fails the test with the graph's message when something was recorded wrongly. */
void ink_graph_run_compile(ink_graph_run *run);

/* An input's memory to fill or an output's to read. */
void *ink_graph_run_data(ink_graph_run *run, ink_array *array);
void ink_graph_run_go(ink_graph_run *run);

/* A matrix [n_experts][n_rows][k] in F32, F16, BF16, Q8_0 or Q4_0. Ended by free(matrix.data). */
ink_matrix ink_test_matrix(ink_format format, bool packed, size_t n_experts, size_t n_rows,
                           size_t k, const float *values);

/* n numbers between -1 and 1. */
void ink_fill_random(float *x, size_t n, uint64_t *seed);

/*
 * Not further apart than `relative` of the larger magnitude, at least 1; not a number only beside
 * its like.
 */
void ink_assert_close(const float *got, const double *wanted, size_t n, double relative,
                      const char *what);

#endif
