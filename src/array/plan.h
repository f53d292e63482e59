/*
 * From recorded graph to plan: which arrays are needed, in which stages they run, and where in one
 * block of memory each stands. A plan is made once and run many times; running it allocates
 * nothing.
 *
 * A stage is what may run without waiting: either arrays that do not need each other (each splits
 * into tasks of its own), or a chain of row-wise ops over the same rows, each row going through the
 * whole chain.
 */
#ifndef INK_ARRAY_PLAN_H
#define INK_ARRAY_PLAN_H

#include "array/array.h"

typedef struct ink_stage {
    ink_locality locality; /* ROWS: a chain; WHOLE: independent arrays */
    size_t n_rows;         /* of a chain */
    size_t first, n_nodes; /* in plan->order */
} ink_stage;

typedef struct ink_plan {
    const ink_allocator *allocator;
    ink_graph *graph;
    ink_array **order; /* what runs, stage by stage */
    size_t n_ordered;
    ink_stage *stages;
    size_t n_stages;
    size_t *offsets; /* by node index: where its memory begins */
    size_t bytes;    /* of all arrays; aligned to 64 */
} ink_plan;

/*
 * Plans what the graph's outputs and writes into sequences need. Fails with the graph's own error
 * if recording failed. The graph must outlive the plan.
 */
ink_status ink_plan_init(ink_plan *plan, ink_graph *graph, const ink_allocator *allocator,
                         ink_error *error);
void ink_plan_deinit(ink_plan *plan);

/*
 * Gives every array its place in `memory`, plan->bytes long and aligned to 64. May be called again.
 */
void ink_plan_bind(ink_plan *plan, void *memory);

#endif
