/*
 * Which formats a budget is best spent on. What a format costs a matrix is measured on some of its
 * rows, by what rounding them would change of the loss,
 *
 *     1/2 sum over rows i and columns j of E[gradient_i^2] E[input_j^2] error_ij^2,
 *
 * the Fisher information with both taken for independent (Martens & Grosse, arXiv:1503.05671);
 * where no gradient is known, by the part of the matrix's output that is lost. Costs and bytes then
 * meet in one multiplier (Everett, Operations Research 11, 1963), and what it leaves of the budget
 * goes to whoever gains most by it.
 */
#include <math.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "quant/quantize.h"
#include "shrink/targets.h"

enum { SAMPLES = 32 /* rows of a matrix */, HALVINGS = 100 };

/* In the order of their bytes. */
static const ink_format candidates[] = {
    INK_FORMAT_TQ1_0, INK_FORMAT_T2,     INK_FORMAT_TQ2_0,  INK_FORMAT_Q2_K, INK_FORMAT_T3,
    INK_FORMAT_Q3_K,  INK_FORMAT_IQ4_XS, INK_FORMAT_IQ4_NL, INK_FORMAT_Q4_0, INK_FORMAT_Q4_K,
    INK_FORMAT_Q4_1,  INK_FORMAT_Q5_K,   INK_FORMAT_Q5_0,   INK_FORMAT_Q5_1, INK_FORMAT_Q6_K,
    INK_FORMAT_Q8_0,  INK_FORMAT_F16,
};

enum { N_CANDIDATES = sizeof candidates / sizeof *candidates };

typedef struct cost {
    double loss; /* INFINITY: rows do not fit */
    uint64_t bytes;
} cost;

typedef double sample[N_CANDIDATES]; /* of one row */

typedef struct worker {
    float *values, *weights; /* [longest row] */
    char *source, *blocks;   /* a row of any format */
    ink_error error;
} worker;

typedef struct ink_costs {
    ink_targets *targets;
    const ink_budget_options *options;
    size_t *matrices; /* [n], indices of targets */
    size_t n;
    sample (*samples)[SAMPLES];  /* [n] */
    cost (*costs)[N_CANDIDATES]; /* [n] */
    size_t *chosen;              /* [n] indices of candidates */
    worker *workers;             /* [n_threads] */
    void *memory;                /* of all workers */
    _Atomic int failed;          /* 0, or 1 + the thread whose error counts */
    _Atomic size_t n_sampled;
} budget;

/* ---- Measuring ------------------------------------------------------------------------------- */

static uint64_t rows_of(const ink_target *t)
{
    return t->tensor->shape[1] * t->tensor->shape[2];
}

static bool fits(bool own, const ink_target *t, ink_format format)
{
    return (own || ink_formats[format].gguf_id < INK_OWN_GGUF_ID) &&
           t->tensor->shape[0] % ink_formats[format].block_elements == 0;
}

/* Row `index` of all experts' rows as floats, and the weights of its columns. */
static ink_status read_row(const budget *b, const ink_target *t, uint64_t index, worker *w,
                           ink_error *error)
{
    const ink_format_info *info = &ink_formats[t->tensor->format];
    size_t n_blocks = (size_t)t->tensor->shape[0] / info->block_elements;
    size_t row_bytes = n_blocks * info->block_bytes;
    INK_TRY(ink_gguf_read(b->targets->model->gguf, t->tensor, index * row_bytes, row_bytes,
                          w->source, error));
    ink_decode(t->tensor->format, w->values, w->source, n_blocks);
    size_t expert = (size_t)(index / t->tensor->shape[1]);
    if (!ink_inputs_weights(t->inputs, expert, w->weights))
        for (size_t i = 0; i < t->tensor->shape[0]; i++)
            w->weights[i] = 1;
    return INK_OK;
}

/* What one unit of weighted error in this row is worth. */
static double worth_of(const ink_target *t, uint64_t index, const worker *w)
{
    const ink_inputs *in = t->inputs;
    size_t k = in->k, expert = (size_t)(index / t->tensor->shape[1]);
    double total = 0, of_row = 0, n_tokens = 0;
    for (size_t i = 0; i < in->n_experts; i++)
        n_tokens = fmax(n_tokens, in->counts[i]);
    for (size_t i = 0; i < k; i++)
        total += in->squares[expert * k + i];
    if (in->gradients && in->n_gradients > 0 && n_tokens > 0)
        return 0.5 * total / (double)k / n_tokens * in->gradients[index % t->tensor->shape[1]] /
               in->n_gradients;
    for (size_t i = 0; i < k; i++)
        of_row += (double)w->weights[i] * (double)w->values[i] * (double)w->values[i];
    return of_row > 0 ? 1 / of_row / (double)rows_of(t) : 0;
}

/*
 * Of a format that is rotated: errors are the same in all directions of a block before feedback
 * turns them to where they count least, which makes of the weights' mean their geometric one.
 */
static double shaped_loss(ink_format format, const worker *w, size_t k)
{
    const size_t n = ink_formats[format].block_elements;
    double loss = 0;
    for (size_t i = 0; i < k; i += n) {
        double logs = 0;
        for (size_t j = i; j < i + n; j++)
            logs += log((double)w->weights[j]);
        loss += exp(logs / (double)n) * ink_quantize(format, w->blocks, w->values + i, NULL, n);
    }
    return loss;
}

static ink_status measure_row(const budget *b, const ink_target *t, uint64_t index, double *out,
                              worker *w, ink_error *error)
{
    size_t k = (size_t)t->tensor->shape[0];
    INK_TRY(read_row(b, t, index, w, error));
    double worth = worth_of(t, index, w);
    for (size_t c = 0; c < N_CANDIDATES; c++) {
        ink_format f = candidates[c];
        if (!fits(b->options->own, t, f))
            out[c] = (double)INFINITY;
        else if (ink_format_rotates(f))
            out[c] = worth * shaped_loss(f, w, k);
        else
            out[c] = worth * ink_quantize(f, w->blocks, w->values, w->weights, k);
    }
    return INK_OK;
}

static void run_task(void *context, size_t stage, size_t task, int thread)
{
    budget *b = context;
    const ink_progress *progress = b->options->progress;
    const ink_target *t = &b->targets->all[b->matrices[task / SAMPLES]];
    uint64_t n_rows = rows_of(t), index = task % SAMPLES;
    worker *w = &b->workers[thread];
    (void)stage;
    if (atomic_load(&b->failed))
        return;
    if (n_rows > SAMPLES)
        index = index * (n_rows / SAMPLES);
    ink_status status =
        index < n_rows
            ? measure_row(b, t, index, b->samples[task / SAMPLES][task % SAMPLES], w, &w->error)
            : INK_OK;
    size_t n_done = atomic_fetch_add(&b->n_sampled, 1) + 1;
    if (status == INK_OK && thread == 0 && progress && progress->report &&
        !progress->report(progress->context, (float)n_done / (float)(b->n * SAMPLES)))
        status = ink_fail(&w->error, INK_CANCELLED, 0, "choosing formats was cancelled");
    int none = 0;
    if (status != INK_OK)
        atomic_compare_exchange_strong(&b->failed, &none, thread + 1);
}

static void sum_samples(budget *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const ink_target *t = &b->targets->all[b->matrices[i]];
        uint64_t n_rows = rows_of(t);
        size_t n = n_rows < SAMPLES ? (size_t)n_rows : SAMPLES;
        for (size_t c = 0; c < N_CANDIDATES; c++) {
            double total = 0;
            for (size_t s = 0; s < n; s++)
                total += b->samples[i][s][c];
            b->costs[i][c] =
                (cost){candidates[c] == t->tensor->format ? 0 : total * (double)n_rows / (double)n,
                       fits(b->options->own, t, candidates[c]) ? ink_target_bytes(t, candidates[c])
                                                               : UINT64_MAX};
        }
    }
}

/* Buffers for a row as floats, with weights, and in two formats. */
static ink_status take_workers(budget *b, ink_error *error)
{
    size_t longest = 1, n_threads = (size_t)b->options->n_threads, n_bytes;
    for (size_t i = 0; i < b->n; i++)
        longest = ink_size_max(longest, (size_t)b->targets->all[b->matrices[i]].tensor->shape[0]);
    b->workers = ink_new(b->options->allocator, n_threads, sizeof *b->workers);
    if (!b->workers || !ink_size_mul(longest, 4 * sizeof(float), &n_bytes))
        return ink_fail_memory(error, "choosing formats");
    float *memory = b->memory = ink_new(b->options->allocator, n_threads, n_bytes);
    if (!memory)
        return ink_fail_memory(error, "choosing formats");
    for (size_t i = 0; i < n_threads; i++, memory += 4 * longest)
        b->workers[i] = (worker){.values = memory,
                                 .weights = memory + longest,
                                 .source = (char *)(memory + 2 * longest),
                                 .blocks = (char *)(memory + 3 * longest)};
    return INK_OK;
}

static ink_status measure(budget *b, ink_error *error)
{
    ink_pool *pool = NULL;
    uint32_t n_tasks = (uint32_t)(b->n * SAMPLES);
    INK_TRY(take_workers(b, error));
    INK_TRY(ink_pool_new(&pool, b->options->n_threads, b->options->allocator, error));
    ink_status status = ink_pool_reserve(pool, 1, error);
    if (status == INK_OK)
        ink_pool_run(pool, &(ink_pool_work){run_task, b, &n_tasks, 1});
    ink_pool_free(pool);
    int failed = atomic_load(&b->failed);
    if (status == INK_OK && failed) {
        status = b->workers[failed - 1].error.status;
        if (error)
            *error = b->workers[failed - 1].error;
    }
    if (status == INK_OK)
        sum_samples(b);
    return status;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* What a budget of bytes leaves for matrices. */
static ink_status find_room(const budget *b, uint64_t n_bytes, float bits, uint64_t *room,
                            ink_error *error)
{
    uint64_t n_parameters = 0, others = 0;
    for (size_t i = 0; i < b->targets->n; i++) {
        const ink_gguf_tensor *t = b->targets->all[i].tensor;
        n_parameters += t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3];
        if (!b->targets->all[i].matrix)
            others += t->n_bytes;
    }
    *room = n_bytes ? n_bytes : (uint64_t)((double)bits * (double)n_parameters / 8);
    uint64_t least = others;
    for (size_t i = 0; i < b->n; i++) {
        uint64_t fewest = UINT64_MAX;
        for (size_t c = 0; c < N_CANDIDATES; c++)
            fewest = b->costs[i][c].bytes < fewest ? b->costs[i][c].bytes : fewest;
        least += fewest;
    }
    if (*room < least)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %llu bytes of weights are too few: with the shortest formats it has "
                        "%llu, %.2f bits a parameter",
                        ink_gguf_name(b->targets->model->gguf), (unsigned long long)*room,
                        (unsigned long long)least, 8 * (double)least / (double)n_parameters);
    *room -= others;
    return INK_OK;
}

/* For each matrix what is least of loss and `price` times bytes; bytes of all. */
static uint64_t choose_at(budget *b, double price)
{
    uint64_t total = 0;
    for (size_t i = 0; i < b->n; i++) {
        double least = INFINITY;
        for (size_t c = 0; c < N_CANDIDATES; c++) {
            const cost *of = &b->costs[i][c];
            double both = of->loss + price * (double)of->bytes;
            if (both < least) {
                least = both;
                b->chosen[i] = c;
            }
        }
        total += b->costs[i][b->chosen[i]].bytes;
    }
    return total;
}

/* The change that gains most a byte, of those there is room for; false: none gains. */
static bool improve_one(budget *b, uint64_t *left)
{
    size_t best = b->n, to = 0;
    double most = 0;
    for (size_t i = 0; i < b->n; i++) {
        const cost *now = &b->costs[i][b->chosen[i]];
        for (size_t c = 0; c < N_CANDIDATES; c++) {
            const cost *then = &b->costs[i][c];
            if (!(then->loss < now->loss) || then->bytes > now->bytes + *left)
                continue;
            double more = then->bytes > now->bytes ? (double)(then->bytes - now->bytes) : 1;
            double gain = (now->loss - then->loss) / more;
            if (gain > most) {
                most = gain;
                best = i;
                to = c;
            }
        }
    }
    if (best == b->n)
        return false;
    *left = *left + b->costs[best][b->chosen[best]].bytes - b->costs[best][to].bytes;
    b->chosen[best] = to;
    return true;
}

static void choose(budget *b, uint64_t room)
{
    double low = 1e-30, high = 1e30; /* a price that is too low, and one that is not */
    for (int i = 0; i < HALVINGS; i++) {
        double middle = sqrt(low * high);
        if (choose_at(b, middle) > room)
            low = middle;
        else
            high = middle;
    }
    uint64_t left = room - choose_at(b, high);
    while (improve_one(b, &left))
        ;
}

static void settle(budget *b)
{
    for (size_t i = 0; i < b->n; i++) {
        ink_target *t = &b->targets->all[b->matrices[i]];
        t->format = t->asked = candidates[b->chosen[i]];
        t->loss = t->inputs->gradients ? (float)b->costs[i][b->chosen[i]].loss : NAN;
    }
}

/* F16 fits any row. */
void ink_targets_shorten(ink_targets *targets)
{
    for (size_t i = 0; i < targets->n; i++) {
        ink_target *t = &targets->all[i];
        if (!t->matrix)
            continue;
        ink_format best = INK_FORMAT_F16;
        for (size_t c = 0; c < N_CANDIDATES; c++)
            if (fits(false, t, candidates[c]) &&
                ink_target_bytes(t, candidates[c]) < ink_target_bytes(t, best))
                best = candidates[c];
        t->format = t->asked = best;
    }
}

/* ---- All of it ------------------------------------------------------------------------------- */

static ink_status list_matrices(budget *b, ink_error *error)
{
    const ink_allocator *allocator = b->options->allocator;
    b->matrices = ink_new(allocator, b->targets->n, sizeof *b->matrices);
    b->chosen = ink_new(allocator, b->targets->n, sizeof *b->chosen);
    b->costs = ink_new(allocator, b->targets->n, sizeof *b->costs);
    b->samples = ink_new(allocator, b->targets->n, sizeof *b->samples);
    if (!b->matrices || !b->chosen || !b->costs || !b->samples)
        return ink_fail_memory(error, "choosing formats");
    for (size_t i = 0; i < b->targets->n; i++) {
        const ink_target *t = &b->targets->all[i];
        if (!t->matrix)
            continue;
        if (!t->inputs)
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%s: nothing is known of what %s reads, so that its format cannot be "
                            "chosen; calibrate with a text",
                            ink_gguf_name(b->targets->model->gguf), t->tensor->name);
        b->matrices[b->n++] = i;
    }
    return INK_OK;
}

ink_status ink_costs_open(ink_costs **out, ink_targets *targets, const ink_budget_options *options,
                          ink_error *error)
{
    budget *b = ink_new(options->allocator, 1, sizeof *b);
    if (!b)
        return ink_fail_memory(error, "choosing formats");
    b->targets = targets;
    b->options = options;
    ink_status status = list_matrices(b, error);
    if (status == INK_OK)
        status = measure(b, error);
    if (status == INK_OK)
        *out = b;
    else
        ink_costs_close(b);
    return status;
}

void ink_costs_close(ink_costs *b)
{
    if (!b)
        return;
    const ink_allocator *allocator = b->options->allocator;
    ink_delete(allocator, b->matrices);
    ink_delete(allocator, b->samples);
    ink_delete(allocator, b->costs);
    ink_delete(allocator, b->chosen);
    ink_delete(allocator, b->workers);
    ink_delete(allocator, b->memory);
    ink_delete(allocator, b);
}

ink_status ink_costs_choose(ink_costs *b, uint64_t n_bytes, float bits, ink_error *error)
{
    uint64_t room;
    INK_TRY(find_room(b, n_bytes, bits, &room, error));
    choose(b, room);
    settle(b);
    return INK_OK;
}

ink_status ink_targets_budget(ink_targets *targets, const ink_budget_options *options,
                              ink_error *error)
{
    ink_costs *costs;
    INK_TRY(ink_costs_open(&costs, targets, options, error));
    ink_status status = ink_costs_choose(costs, options->n_bytes, options->bits, error);
    ink_costs_close(costs);
    return status;
}
