/*
 * Gradients against central differences: a case records something of unknowns; the sum of its
 * result's elements, each times a random number, is the loss. ink_grad's gradients, run on the CPU
 * device, are compared with differences of the loss in double (exact.h), which shares no code with
 * rules or devices.
 */
#ifndef INK_TESTS_GRAD_CHECK_H
#define INK_TESTS_GRAD_CHECK_H

#include "graph_run.h"

enum { INK_GRAD_UNKNOWNS = 6 };

typedef struct ink_grad_recording {
    ink_graph *graph;
    size_t n_unknowns, n_integers;
    ink_array *unknowns[INK_GRAD_UNKNOWNS];
    ink_array *integers[INK_GRAD_UNKNOWNS];
    const int32_t *values[INK_GRAD_UNKNOWNS];
    ink_matrix matrix; /* of a case that has one */
} ink_grad_recording;

typedef struct ink_grad_case {
    const char *name;
    ink_op op; /* whose rule this is about */
    ink_array *(*record)(ink_grad_recording *recording, int variant);
    int first, n_variants;
    double tolerance; /* 0: that of floats; see grad_check.c */
} ink_grad_case;

extern const ink_grad_case ink_grad_cases[];
extern const size_t ink_n_grad_cases;

/* ---- For cases. Unknowns are odd multiples of 1/128 between -1 and 1: never at a kink. */

ink_array *ink_grad_unknown(ink_grad_recording *recording, int n_dims, const size_t *shape);
ink_array *ink_grad_unknown_2(ink_grad_recording *recording, size_t rows, size_t columns);
ink_array *ink_grad_unknown_3(ink_grad_recording *recording, size_t n, size_t rows, size_t columns);

/* An input [n] of int32 that stay the same. */
ink_array *ink_grad_integers(ink_grad_recording *recording, size_t n, const int32_t *values);

/* ---- For tests. */

/*
 * All variants of a case: fails the test where a gradient is not what differences say, or has other
 * bits on 2 or 3 threads.
 */
void ink_check_gradients(const ink_grad_case *of);

#endif
