/*
 * Reading weights: tasks are runs of rows; each is read into the thread's own buffer and packed
 * from there, so no more than a stripe exists twice, and a file that shrinks is an error instead of
 * a signal.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/budget.h"
#include "base/pool.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "model/weights.h"

#define STRIPE_BYTES ((size_t)256 * 1024) /* fits a second-level cache with what it becomes */

typedef struct loader {
    struct ink_model *model;
    const ink_bindings *bindings;
    char *memory; /* of all weights */
    const ink_progress *progress;
    ink_pack_fn *pack;
    size_t *first_task; /* [n + 1] of each binding */
    char *buffers;      /* [n_threads][buffer_bytes] */
    size_t buffer_bytes;
    _Atomic size_t bytes_done;
    _Atomic int failed; /* 0, or 1 + the thread whose error counts */
    ink_error *errors;  /* [n_threads] */
} loader;

static size_t row_bytes_of(const ink_binding *binding)
{
    const ink_format_info *format = &ink_formats[binding->tensor->format];
    return (size_t)binding->tensor->shape[0] / format->block_elements * format->block_bytes;
}

/* The same in memory. */
static size_t loaded_row_bytes(const ink_binding *binding)
{
    return binding->matrix->trained ? binding->matrix->k * sizeof(float) : row_bytes_of(binding);
}

/* Rows over all experts, each expert's padded to whole tiles. */
static size_t padded_rows(const ink_binding *binding)
{
    size_t rows = (size_t)binding->tensor->shape[1];
    return ink_size_groups(rows, INK_TILE_ROWS) * INK_TILE_ROWS;
}

static size_t stripe_rows(const ink_binding *binding)
{
    size_t rows =
        STRIPE_BYTES / ink_size_max(row_bytes_of(binding), 1) / INK_TILE_ROWS * INK_TILE_ROWS;
    return ink_size_max(rows, INK_TILE_ROWS);
}

static size_t stripes_of_expert(const ink_binding *binding)
{
    return ink_size_groups(padded_rows(binding), stripe_rows(binding));
}

static size_t tasks_of(const ink_binding *binding)
{
    return binding->matrix ? stripes_of_expert(binding) * binding->matrix->n_experts : 1;
}

static ink_status load_vector(const loader *l, const ink_binding *binding, char *buffer,
                              ink_error *error)
{
    const ink_format_info *format = &ink_formats[binding->tensor->format];
    size_t n = binding->n_bytes / sizeof(float);
    float *out = (float *)(l->memory + binding->offset);
    INK_TRY(ink_gguf_read(l->model->gguf, binding->tensor, 0, (size_t)binding->tensor->n_bytes,
                          buffer, error));
    ink_decode(binding->tensor->format, out, buffer, n / format->block_elements);
    return INK_OK;
}

static ink_status load_stripe(const loader *l, const ink_binding *binding, size_t task,
                              char *buffer, ink_error *error)
{
    const ink_matrix *matrix = binding->matrix;
    size_t n_stripes = stripes_of_expert(binding), rows = stripe_rows(binding),
           row_bytes = row_bytes_of(binding);
    size_t expert = task / n_stripes, first = task % n_stripes * rows;
    size_t n_rows = ink_size_min(rows, matrix->n_rows - ink_size_min(first, matrix->n_rows));
    char *out = l->memory + binding->offset + expert * matrix->expert_bytes +
                first * loaded_row_bytes(binding);
    uint64_t offset = ((uint64_t)expert * matrix->n_rows + first) * row_bytes;
    if (!matrix->packed && !matrix->trained)
        return ink_gguf_read(l->model->gguf, binding->tensor, offset, n_rows * row_bytes, out,
                             error);
    INK_TRY(
        ink_gguf_read(l->model->gguf, binding->tensor, offset, n_rows * row_bytes, buffer, error));
    ink_format format = binding->tensor->format;
    size_t n_blocks = matrix->k / ink_formats[format].block_elements;
    if (matrix->trained) {
        ink_decode(format, (float *)(void *)out, buffer, n_rows * n_blocks);
        return INK_OK;
    }
    for (size_t row = 0; row < n_rows; row += INK_TILE_ROWS)
        l->pack(format, out + row * row_bytes, buffer + row * row_bytes,
                ink_size_min(INK_TILE_ROWS, n_rows - row), n_blocks);
    return INK_OK;
}

/* The binding that a task belongs to: the last whose first task is not above it. */
static size_t find_binding(const loader *l, size_t task)
{
    size_t low = 0, high = l->bindings->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (l->first_task[middle] <= task)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Only the caller's thread calls the caller back. */
static bool go_on(loader *l, int thread)
{
    if (thread != 0 || !l->progress || !l->progress->report)
        return true;
    float part =
        (float)atomic_load(&l->bytes_done) / (float)ink_size_max(l->bindings->memory_bytes, 1);
    return l->progress->report(l->progress->context, part < 1 ? part : 1);
}

static void load_task(void *context, size_t stage, size_t task, int thread)
{
    loader *l = context;
    size_t index = find_binding(l, task);
    const ink_binding *binding = &l->bindings->all[index];
    char *buffer = l->buffers + (size_t)thread * l->buffer_bytes;
    ink_error *error = &l->errors[thread];
    (void)stage;
    if (atomic_load(&l->failed))
        return;
    ink_status status = binding->matrix
                            ? load_stripe(l, binding, task - l->first_task[index], buffer, error)
                            : load_vector(l, binding, buffer, error);
    atomic_fetch_add(&l->bytes_done, binding->n_bytes / tasks_of(binding));
    if (status == INK_OK && !go_on(l, thread))
        status = ink_fail(error, INK_CANCELLED, 0, "%s: loading was cancelled",
                          ink_gguf_name(l->model->gguf));
    int none = 0;
    if (status != INK_OK)
        atomic_compare_exchange_strong(&l->failed, &none, thread + 1);
}

void ink_weights_place(const ink_bindings *bindings, const void *memory)
{
    for (size_t i = 0; i < bindings->n; i++) {
        const ink_binding *binding = &bindings->all[i];
        const void *data = (const char *)memory + binding->offset;
        if (binding->matrix)
            binding->matrix->data = data;
        else
            *binding->vector = data;
    }
}

/* What stands between the weights may be kept in a file, and be what an application freed. */
static void clear_gaps(const loader *l)
{
    size_t end = 0;
    char *memory = l->memory;
    for (size_t i = 0; i < l->bindings->n; i++) {
        const ink_binding *binding = &l->bindings->all[i];
        memset(memory + end, 0, binding->offset - end);
        end = binding->offset + binding->n_bytes;
    }
    memset(memory + end, 0, l->bindings->memory_bytes - end);
}

/* The largest that a task reads at once. */
static size_t buffer_bytes(const ink_bindings *bindings)
{
    size_t most = 0;
    for (size_t i = 0; i < bindings->n; i++) {
        const ink_binding *binding = &bindings->all[i];
        most = ink_size_max(most, binding->matrix ? stripe_rows(binding) * row_bytes_of(binding)
                                                  : (size_t)binding->tensor->n_bytes);
    }
    return most;
}

size_t ink_weights_loading_bytes(const ink_bindings *bindings, int n_threads)
{
    return (size_t)n_threads * (buffer_bytes(bindings) + sizeof(ink_error)) +
           (bindings->n + 1) * sizeof(size_t) + ink_pool_bytes(n_threads, 1) +
           3 * INK_BUDGET_HEADER_BYTES;
}

void ink_weights_read_ahead(struct ink_model *model)
{
    size_t n = model->hparams.n_layers;
    for (size_t i = 0; i < n; i++)
        for (int role = 0; role < INK_N_WEIGHT_ROLES; role++)
            if (model->layers[i][role].matrix.data)
                model->layers[i][role].matrix.ahead = &model->layers[(i + 1) % n][role].matrix;
}

static ink_status run_loader(loader *l, struct ink_pool *pool, ink_error *error)
{
    size_t n_tasks = 0;
    l->buffer_bytes = buffer_bytes(l->bindings);
    for (size_t i = 0; i < l->bindings->n; i++) {
        const ink_binding *binding = &l->bindings->all[i];
        l->first_task[i] = n_tasks;
        n_tasks += tasks_of(binding);
    }
    if (n_tasks > UINT32_MAX)
        return ink_fail(error, INK_LIMIT, 0, "%s: the model is too large",
                        ink_gguf_name(l->model->gguf));
    int n_threads = ink_pool_threads(pool);
    const ink_allocator *allocator = l->model->allocator;
    l->errors = ink_new(allocator, (size_t)n_threads, sizeof *l->errors);
    l->buffers = ink_resize(allocator, NULL, (size_t)n_threads, l->buffer_bytes);
    if (!l->errors || !l->buffers)
        return ink_fail_memory(error, "reading weights");
    INK_TRY(ink_pool_reserve(pool, 1, error));
    ink_pool_run(pool, &(ink_pool_work){load_task, l, (uint32_t[]){(uint32_t)n_tasks}, 1});
    int failed = atomic_load(&l->failed);
    if (!failed)
        return INK_OK;
    if (error)
        *error = l->errors[failed - 1];
    return l->errors[failed - 1].status;
}

ink_status ink_weights_load(struct ink_model *model, const ink_bindings *bindings,
                            struct ink_pool *pool, const ink_progress *progress, void *memory,
                            ink_error *error)
{
    const ink_allocator *allocator = model->allocator;
    loader l = {.model = model, .bindings = bindings, .progress = progress, .memory = memory};
    ink_kernels kernels;
    uint32_t features;
    INK_TRY(ink_cpu_select(&features, error));
    ink_kernels_init(&kernels, features);
    l.pack = kernels.pack;
    if (!memory)
        l.memory = model->memory =
            ink_new_large(allocator, ink_size_max(bindings->memory_bytes, 1));
    if (!l.memory)
        return ink_fail(error, INK_NO_MEMORY, 0, "%s: out of memory for %zu bytes of weights",
                        ink_gguf_name(model->gguf), bindings->memory_bytes);
    l.first_task = ink_new(allocator, bindings->n + 1, sizeof *l.first_task);
    ink_status status =
        l.first_task ? run_loader(&l, pool, error) : ink_fail_memory(error, "reading weights");
    if (status == INK_OK) {
        clear_gaps(&l);
        ink_weights_place(bindings, l.memory);
    }
    ink_delete(allocator, l.first_task);
    ink_delete(allocator, l.errors);
    ink_delete(allocator, l.buffers);
    return status;
}
