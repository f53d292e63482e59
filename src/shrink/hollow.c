#include "shrink/hollow.h"

#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "runtime/session.h"
#include "runtime/work.h"

/*
 * Scales of 0.004 and codes of some size, as halves and bytes have it: what is computed stays far
 * from the ends of floats, where some processors are slower.
 */
#define FILLER 0x1c
#define ENOUGH_SECONDS 0.4

enum { N_WARM = 2, LEAST = 5, MOST = 64, ALIGNMENT = 64 };

static size_t aligned(size_t n_bytes)
{
    return ink_size_groups(n_bytes, ALIGNMENT) * ALIGNMENT;
}

static char *place(ink_weight *weights, char *at)
{
    for (int role = 0; role < INK_N_WEIGHT_ROLES; role++) {
        ink_matrix *matrix = &weights[role].matrix;
        if (matrix->n_rows == 0)
            continue;
        matrix->data = at;
        at += aligned(matrix->expert_bytes * matrix->n_experts);
    }
    return at;
}

/* Matrices where their weights would be; *memory is the caller's. */
static ink_status fill(ink_model *model, void **memory, const ink_allocator *allocator,
                       ink_error *error)
{
    char *at = *memory = ink_new_large(allocator, ink_size_max(model->weight_bytes, 1));
    if (!at)
        return ink_fail(error, INK_NO_MEMORY, 0,
                        "%s: out of memory for %zu bytes, to see how fast such weights are",
                        ink_gguf_name(model->gguf), model->weight_bytes);
    memset(at, FILLER, model->weight_bytes);
    at = place(model->weights, at);
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++)
        at = place(model->layers[layer], at);
    model->load = INK_LOAD_ALL;
    return INK_OK;
}

/* As if it had evaluated so many tokens; every page that is seen is in memory. */
static void deepen(ink_session *session, size_t position)
{
    ink_kv_cache *cache = &session->cache;
    size_t first[INK_KV_PAGED];
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        first[kind] = ink_kv_first_block(cache->windows[kind], position);
    ink_kv_cache_begin_at(cache, first, position);
    for (size_t i = 0; i < cache->n_layers; i++)
        for (size_t block = 0; block < cache->n_blocks; block++)
            if (cache->pages[i][block])
                memset(cache->pages[i][block], FILLER, cache->layouts[i].page_bytes);
    memset(session->tokens, 0, position * sizeof *session->tokens);
    session->position = position;
}

/* Among those before it, in rising order. */
static void put_in_order(double *times, size_t n, double time)
{
    for (; n > 0 && times[n - 1] > time; n--)
        times[n] = times[n - 1];
    times[n] = time;
}

static ink_status go_on(const ink_hollow *h, ink_error *error)
{
    bool on =
        !h->progress || !h->progress->report || h->progress->report(h->progress->context, h->part);
    return on ? INK_OK : ink_fail(error, INK_CANCELLED, 0, "timing was cancelled");
}

static ink_status time_tokens(ink_session *session, const ink_hollow *h, size_t n_most,
                              double *median, ink_error *error)
{
    const int32_t token = 0;
    double times[MOST] = {0}, sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_most && (n < LEAST || sum < ENOUGH_SECONDS); i++) {
        double begin = ink_clock_seconds();
        INK_TRY(ink_session_evaluate(session, &token, 1, NULL, NULL, error));
        double took = ink_clock_seconds() - begin;
        INK_TRY(go_on(h, error));
        if (i < N_WARM && n_most > N_WARM)
            continue;
        put_in_order(times, n++, took);
        sum += took;
    }
    *median = times[n / 2];
    return INK_OK;
}

static ink_status run(const ink_hollow *h, ink_model *model, ink_pace *pace, ink_error *error)
{
    ink_session *session;
    ink_session_options options = *h->session;
    options.n_batch = 1;
    options.isolated = true;
    INK_TRY(ink_session_new(&session, model, &options, error));
    size_t n = ink_size_min(MOST, ink_size_max(session->n_context / 2, 1));
    size_t depth = session->n_context - n;
    deepen(session, depth);
    ink_status status = time_tokens(session, h, n, &pace->seconds, error);
    ink_work work = ink_work_of_step(model, session->cache.layouts, depth, 1);
    pace->read_bytes = work.weight_bytes + work.cache_bytes;
    ink_session_free(session);
    return status;
}

ink_status ink_hollow_time(const ink_hollow *h, ink_pace *pace, ink_error *error)
{
    ink_model *model = NULL;
    void *memory = NULL;
    ink_pace found = {0};
    const ink_model_options options = {
        .allocator = h->allocator, .load = INK_LOAD_METADATA, .n_threads = h->n_threads};
    INK_TRY(ink_model_open(&model, h->path, &options, error));
    ink_status status = ink_targets_assume(h->targets, model, error);
    if (status == INK_OK)
        status = fill(model, &memory, h->allocator, error);
    if (status == INK_OK)
        status = run(h, model, &found, error);
    if (status == INK_OK)
        *pace = found;
    ink_model_free(model);
    ink_delete_aligned(h->allocator, memory);
    return status;
}
