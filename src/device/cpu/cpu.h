/*
 * The CPU device from inside: its table of ops. An op is a function over rows of its output, or
 * over tasks that it counts itself. Adding an op is one row in cpu.c's table and one function.
 */
#ifndef INK_DEVICE_CPU_CPU_H
#define INK_DEVICE_CPU_CPU_H

#include "device/device.h"

typedef struct ink_cpu {
    ink_device base;
    const ink_allocator *allocator;
    struct ink_pool *pool;
    int n_threads;
    ink_kernels kernels;
    void *memory; /* of all programs' arrays */
    size_t memory_bytes;
    char *scratch;        /* [n_threads][scratch_bytes] */
    size_t scratch_bytes; /* a multiple of 64 */
} ink_cpu;

/* One node at work. */
typedef struct ink_cpu_call {
    const ink_cpu *cpu;
    const ink_array *node;
    void *scratch; /* this thread's, aligned to 64 */
    void *shared;  /* what tasks of the node leave for its merges, aligned to 64 */
} ink_cpu_call;

/*
 * Tasks are counted before each run, when the inputs are filled. An op with shared memory may have
 * merges, which run when all of its tasks have ended and read what those left there; with one
 * thread, which gains nothing from that, there is no shared memory.
 */
typedef struct ink_cpu_op {
    void (*rows)(const ink_cpu_call *call, size_t first_row, size_t n_rows);
    size_t (*n_tasks)(const ink_cpu *cpu, const ink_array *node);
    void (*task)(const ink_cpu_call *call, size_t task);
    size_t (*n_merges)(const ink_cpu *cpu, const ink_array *node);
    void (*merge)(const ink_cpu_call *call, size_t merge);
    size_t (*scratch_bytes)(const ink_array *node); /* NULL: none */
    /*
     * A multiple of 64, not less than the same node needs with fewer rows. NULL: none; 0: no merges
     * whatever the inputs are.
     */
    size_t (*shared_bytes)(const ink_array *node);
} ink_cpu_op;

/* Row functions: rows.c, rope.c, store.c, experts.c */
void ink_cpu_embed(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_quantize(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_norm(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_concat(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_add(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_multiply(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_scale(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_clamp(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_activate(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_softmax(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_normalize(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_rope_table(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_rope(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_store(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_top_k(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_gather(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_combine(const ink_cpu_call *call, size_t first_row, size_t n_rows);
size_t ink_cpu_rope_scratch(const ink_array *node);
size_t ink_cpu_embed_scratch(const ink_array *node);
size_t ink_cpu_store_scratch(const ink_array *node);

/* Row functions of training: gradient.c, loss.c */
void ink_cpu_insert(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_repeat(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_norm_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_clamp_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_activate_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_softmax_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_dropout(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_cross_entropy(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_cross_entropy_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_divergence(const ink_cpu_call *call, size_t first_row, size_t n_rows);
void ink_cpu_divergence_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows);
size_t ink_cpu_divergence_scratch(const ink_array *node);
size_t ink_cpu_two_lines_scratch(const ink_array *node);
size_t ink_cpu_cross_entropy_scratch(const ink_array *node);

/* Functions with tasks of their own: linear.c, matmul.c, attend.c, convolve.c, scan.c, rows.c */
size_t ink_cpu_linear_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_linear(const ink_cpu_call *call, size_t task);
size_t ink_cpu_linear_scratch(const ink_array *node);
size_t ink_cpu_linear_experts_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_linear_experts(const ink_cpu_call *call, size_t task);
size_t ink_cpu_matmul_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_matmul(const ink_cpu_call *call, size_t task);
size_t ink_cpu_matmul_scratch(const ink_array *node);
size_t ink_cpu_attend_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_attend(const ink_cpu_call *call, size_t task);
size_t ink_cpu_attend_merges(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_attend_merge(const ink_cpu_call *call, size_t merge);
size_t ink_cpu_attend_scratch(const ink_array *node);
size_t ink_cpu_attend_shared(const ink_array *node);
size_t ink_cpu_convolve_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_convolve(const ink_cpu_call *call, size_t task);
size_t ink_cpu_convolve_scratch(const ink_array *node);
size_t ink_cpu_scan_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_scan(const ink_cpu_call *call, size_t task);
size_t ink_cpu_scan_scratch(const ink_array *node);
size_t ink_cpu_one_task(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_pick(const ink_cpu_call *call, size_t task);
void ink_cpu_mean(const ink_cpu_call *call, size_t task);

/* The same of training: reduce.c, linear_transposed.c, self_attend.c */
size_t ink_cpu_reduce_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_reduce(const ink_cpu_call *call, size_t task);
size_t ink_cpu_scatter_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_scatter(const ink_cpu_call *call, size_t task);
size_t ink_cpu_linear_transposed_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_linear_transposed(const ink_cpu_call *call, size_t task);
size_t ink_cpu_linear_transposed_scratch(const ink_array *node);
size_t ink_cpu_self_attend_tasks(const ink_cpu *cpu, const ink_array *node);
void ink_cpu_self_attend(const ink_cpu_call *call, size_t task);
size_t ink_cpu_self_attend_scratch(const ink_array *node);
void ink_cpu_self_attend_gradient(const ink_cpu_call *call, size_t task);

/*
 * Vectors along the last dimension: how many a row of the first dimension holds, and where the j-th
 * begins.
 */
static inline size_t ink_lines_of_row(const ink_array *x)
{
    size_t n = 1;
    for (int d = 1; d + 1 < x->n_dims; d++)
        n *= x->shape[d];
    return n;
}

static inline void *ink_line(const ink_array *x, size_t row, size_t line)
{
    size_t at = row * x->stride[0];
    for (int d = x->n_dims - 2; d >= 1; d--) {
        at += line % x->shape[d] * x->stride[d];
        line /= x->shape[d];
    }
    return (char *)x->data + at * ink_type_bytes(x->type);
}

static inline size_t ink_line_length(const ink_array *x)
{
    return x->shape[x->n_dims - 1];
}

/* Where b's values for one line of a begin. */
static inline const float *ink_broadcast_line(const ink_array *b, const ink_array *a, size_t row,
                                              size_t line)
{
    size_t index[INK_MAX_DIMS] = {row}, at = 0;
    for (int d = a->n_dims - 2; d >= 1; d--) {
        index[d] = line % a->shape[d];
        line /= a->shape[d];
    }
    int missing = a->n_dims - b->n_dims;
    for (int d = 0; d + 1 < b->n_dims; d++)
        at += b->shape[d] == 1 ? 0 : index[d + missing] * b->stride[d];
    return (const float *)b->data + at;
}

/* Calls body with `row` and `line` for every line of the rows. */
#define INK_FOR_LINES(node, first_row, n_rows)                                                \
    for (size_t row = (first_row), n_ = ink_lines_of_row(node); row < (first_row) + (n_rows); \
         row++)                                                                               \
        for (size_t line = 0; line < n_; line++)

#endif
