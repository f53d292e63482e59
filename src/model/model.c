#include "model/model.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/budget.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/size.h"
#include "model/lora.h"
#include "model/pack_cache.h"
#include "model/text_work.h"
#include "model/weights.h"
#include "text/template.h"

static ink_status find_arch(ink_model *model, ink_error *error)
{
    ink_gguf_string name = {NULL, 0}, type = {NULL, 0};
    INK_TRY(ink_gguf_get_string(model->gguf, "general.type", &type, error));
    if (type.text && strcmp(type.text, "adapter") == 0)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: is an adapter, which is added to a model and is none itself",
                        ink_gguf_name(model->gguf));
    INK_TRY(ink_gguf_need(model->gguf, "general.architecture", error));
    INK_TRY(ink_gguf_get_string(model->gguf, "general.architecture", &name, error));
    model->arch = ink_arch_find(name.text);
    if (!model->arch)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: architecture \"%.60s\" is not supported",
                        ink_gguf_name(model->gguf), name.text);
    return INK_OK;
}

static ink_status check_vocabulary(const ink_model *model, ink_error *error)
{
    if (model->vocab && (uint32_t)ink_vocab_n_tokens(model->vocab) != model->hparams.n_vocab)
        return ink_fail(
            error, INK_CORRUPT, 0, "%s: the vocabulary has %d tokens, the embedding %u rows",
            ink_gguf_name(model->gguf), ink_vocab_n_tokens(model->vocab), model->hparams.n_vocab);
    return INK_OK;
}

ink_status ink_model_need(const ink_model *model, size_t n_bytes, const char *what,
                          ink_error *error)
{
    ink_budget_use use;
    if (!model->budget)
        return INK_OK;
    ink_budget_get(model->budget, &use);
    if (n_bytes <= use.max_bytes - ink_size_min(use.used_bytes, use.max_bytes))
        return INK_OK;
    return ink_fail(error, INK_LIMIT, 0,
                    "%s: %zu bytes of %s do not fit: of the memory limit of %zu bytes %zu are in "
                    "use",
                    ink_gguf_name(model->gguf), n_bytes, what, use.max_bytes, use.used_bytes);
}

static ink_status read_weights(ink_model *model, const ink_bindings *bindings, int n_threads,
                               const ink_progress *progress, void *memory, ink_error *error)
{
    struct ink_pool *pool;
    INK_TRY(ink_pool_new(&pool, n_threads, model->allocator, error));
    ink_status status = ink_weights_load(model, bindings, pool, progress, memory, error);
    ink_pool_free(pool);
    return status;
}

/* More than the budget has room for: packed into the file that they are then used in. */
static ink_status pack_into_file(ink_model *model, const ink_bindings *bindings,
                                 const ink_model_options *options, int n_threads, ink_error *error)
{
    void *memory;
    INK_TRY(ink_pack_cache_make(model->pack_cache, &memory, error));
    INK_TRY(read_weights(model, bindings, n_threads, &options->progress, memory, error));
    return ink_pack_cache_made(model->pack_cache, error);
}

/* Packed weights that were kept are used where they are. */
static ink_status load_weights(ink_model *model, const ink_bindings *bindings,
                               const ink_model_options *options, int n_threads, ink_error *error)
{
    bool kept = options->pack_cache && *options->pack_cache && options->load != INK_LOAD_TRAINABLE;
    size_t n_bytes =
        ink_large_bytes(model->allocator, bindings->memory_bytes) + INK_BUDGET_HEADER_BYTES;
    size_t loading =
        ink_weights_loading_bytes(bindings, n_threads) + (kept ? INK_FILE_WRITER_BYTES : 0);
    n_bytes += loading; /* the weights, and what reading them takes */
    bool fits = ink_model_need(model, n_bytes, "weights", NULL) == INK_OK;
    if (kept)
        INK_TRY(ink_pack_cache_open(&model->pack_cache, model, bindings, options, error));
    if (options->load == INK_LOAD_METADATA) {
        model->loading_bytes = loading;
        ink_bindings_keep_vectors(model->bindings);
    } else if (kept && !fits && !ink_pack_cache_weights(model->pack_cache)) {
        INK_TRY(pack_into_file(model, bindings, options, n_threads, error));
    } else if (!fits && !kept) {
        return ink_model_need(model, n_bytes, "weights", error);
    }
    if (options->load != INK_LOAD_METADATA && kept && ink_pack_cache_weights(model->pack_cache)) {
        ink_weights_place(bindings, ink_pack_cache_weights(model->pack_cache));
        if (!fits)
            ink_weights_read_ahead(model);
        return INK_OK;
    }
    return read_weights(model, bindings, n_threads, &options->progress, NULL, error);
}

/* Frequencies are divided by them. */
static ink_status check_factors(const ink_model *model, ink_error *error)
{
    static const struct {
        ink_role role;
        const char *name;
        bool needed; /* by the scaling that comes in two lengths */
    } tensors[] = {
        {INK_WEIGHT_ROPE_FACTORS, "rope_freqs.weight", false},
        {INK_WEIGHT_ROPE_FACTORS_LONG, "rope_factors_long.weight", true},
        {INK_WEIGHT_ROPE_FACTORS_SHORT, "rope_factors_short.weight", true},
    };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        const ink_weight *weight = &model->weights[tensors[i].role];
        if (!weight->vector && tensors[i].needed && model->hparams.scaling == INK_SCALING_LONGROPE)
            return ink_fail(error, INK_CORRUPT, 0,
                            "%s: tensor %s is missing, which longrope scaling needs",
                            ink_gguf_name(model->gguf), tensors[i].name);
        for (size_t j = 0; weight->vector && j < weight->n; j++)
            if (!(weight->vector[j] > 0) || isinf(weight->vector[j]))
                return ink_fail(error, INK_CORRUPT, 0,
                                "%s: tensor %s holds %g at %zu; factors must be finite and above 0",
                                ink_gguf_name(model->gguf), tensors[i].name,
                                (double)weight->vector[j], j);
    }
    return INK_OK;
}

static ink_status open_vocabulary(ink_model *model, ink_error *error)
{
    ink_text_work text;
    ink_text_work_begin(&text, model, true, false);
    return ink_text_work_end(&text, error);
}

static ink_status open_weights(ink_model *model, const ink_model_options *options, int n_threads,
                               ink_error *error)
{
    INK_TRY(find_arch(model, error));
    INK_TRY(ink_hparams_read(&model->hparams, model->arch, model->gguf, &model->arena, error));
    INK_TRY(ink_weights_bind(model, error));
    model->weight_bytes = model->bindings->memory_bytes;
    INK_TRY(load_weights(model, model->bindings, options, n_threads, error));
    return check_factors(model, error);
}

static ink_status open_adapters(ink_model *model, const ink_model_options *options,
                                ink_error *error)
{
    for (size_t i = 0; i < options->n_adapters; i++)
        INK_TRY(ink_lora_open(model, &options->adapters[i], options->load, error));
    return INK_OK;
}

/* What is wrong with the weights comes first, whichever was found first. */
static ink_status open_all(ink_model *model, const ink_model_options *options, bool knows_text,
                           int n_threads, ink_error *error)
{
    ink_text_work text = {.model = model};
    if (!knows_text)
        ink_text_work_begin(&text, model, false, n_threads > 1);
    ink_status weights = open_weights(model, options, n_threads, error);
    ink_status status = ink_text_work_end(&text, weights == INK_OK ? error : NULL);
    INK_TRY(weights);
    INK_TRY(status);
    INK_TRY(check_vocabulary(model, error));
    INK_TRY(open_adapters(model, options, error));
    if (model->pack_cache && model->memory && options->load != INK_LOAD_METADATA)
        ink_pack_cache_keep(model->pack_cache, model->memory);
    return INK_OK;
}

/* Where a model comes from: a file, bytes in memory with a name, or what was read for a plan. */
typedef struct source {
    const char *path;
    const void *bytes; /* NULL: it is a file */
    size_t n_bytes;
    ink_model *planned;
} source;

/* What both have in common changes its owner; the rest is made again, and ends here. */
static void take_over(ink_model *model, ink_model *planned)
{
    model->gguf = planned->gguf;
    model->vocab = planned->vocab;
    model->chat = planned->chat;
    planned->gguf = NULL;
    planned->vocab = NULL;
    planned->chat = NULL;
    ink_model_free(planned);
}

static ink_status open_source(ink_model *model, const source *from, ink_error *error)
{
    if (from->planned) {
        take_over(model, from->planned);
        return INK_OK;
    }
    if (!from->bytes)
        return ink_gguf_open(&model->gguf, from->path, model->allocator, error);
    return ink_gguf_open_memory(&model->gguf, from->bytes, from->n_bytes, from->path,
                                model->allocator, error);
}

static ink_status fill(ink_model *model, const source *from, const ink_model_options *options,
                       ink_error *error)
{
    int n_threads;
    INK_TRY(open_source(model, from, error));
    model->share = ink_arena_take(&model->arena, 1, sizeof *model->share);
    if (!model->share)
        return ink_fail_memory(error, "a model");
    INK_TRY(ink_pool_choose_threads(options->n_threads, &n_threads, error));
    if (options->load == INK_LOAD_METADATA && ink_gguf_n_tensors(model->gguf) == 0)
        model->load = INK_LOAD_VOCABULARY;
    if (model->load == INK_LOAD_VOCABULARY && options->n_adapters > 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: %s is for weights, but only the vocabulary is opened", from->path,
                        options->adapters[0].path);
    if (model->load == INK_LOAD_VOCABULARY)
        return open_vocabulary(model, error);
    return open_all(model, options, from->planned != NULL, n_threads, error);
}

/* NULL, also where nobody is to count; *wanted says which. */
static const ink_allocator *choose_budget(const source *from, const ink_model_options *options,
                                          bool *wanted)
{
    uint64_t limit = options->memory_limit ? options->memory_limit : UINT64_MAX;
    size_t most = limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
    *wanted = options->memory_limit || options->load == INK_LOAD_METADATA || from->planned;
    if (!from->planned)
        return *wanted ? ink_budget_new(options->allocator, most) : NULL;
    const ink_allocator *budget = from->planned->budget;
    from->planned->budget = NULL; /* it goes on */
    ink_budget_limit(budget, most);
    return budget;
}

static ink_status open_model(ink_model **out, const source *from, const ink_model_options *options,
                             ink_error *error)
{
    const ink_model_options defaults = {0};
    bool counted;
    options = options ? options : &defaults;
    const ink_allocator *budget = choose_budget(from, options, &counted);
    const ink_allocator *allocator = counted ? budget : options->allocator;
    ink_model *model = counted && !budget ? NULL : ink_new(allocator, 1, sizeof *model);
    if (!model) {
        ink_model_free(from->planned);
        ink_budget_free(budget);
        return ink_fail_memory(error, "a model");
    }
    model->allocator = allocator;
    model->budget = budget;
    model->load = options->load;
    model->log = options->log;
    ink_arena_init(&model->arena, allocator, SIZE_MAX);
    ink_status status = fill(model, from, options, error);
    if (status != INK_OK) {
        ink_model_free(model);
        return status;
    }
    *out = model;
    return INK_OK;
}

ink_status ink_model_open(ink_model **out, const char *path, const ink_model_options *options,
                          ink_error *error)
{
    return open_model(out, &(source){.path = path}, options, error);
}

ink_status ink_model_open_planned(ink_model **out, ink_model *planned,
                                  const ink_model_options *options, ink_error *error)
{
    ink_load load = options ? options->load : INK_LOAD_ALL;
    if (planned->load == INK_LOAD_METADATA && (load == INK_LOAD_ALL || load == INK_LOAD_TRAINABLE))
        return open_model(out, &(source){.path = ink_gguf_name(planned->gguf), .planned = planned},
                          options, error);
    ink_status status = ink_fail(error, INK_BAD_ARGUMENT, 0,
                                 "%s: was not opened with INK_LOAD_METADATA, or is to be again",
                                 ink_gguf_name(planned->gguf));
    ink_model_free(planned);
    return status;
}

ink_status ink_model_open_memory(ink_model **out, const void *bytes, size_t n_bytes,
                                 const char *name, const ink_model_options *options,
                                 ink_error *error)
{
    if (options && options->pack_cache && *options->pack_cache)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: a model in memory has no file that packed weights could belong to",
                        name);
    return open_model(out, &(source){.path = name, .bytes = bytes, .n_bytes = n_bytes}, options,
                      error);
}

void ink_model_free(ink_model *model)
{
    if (!model)
        return;
    ink_model_share *share = model->share ? atomic_load(model->share) : NULL;
    if (share)
        share->free(share);
    ink_template_free(model->chat);
    ink_vocab_free(model->vocab);
    ink_pack_cache_close(model->pack_cache);
    ink_loras_free(model);
    ink_delete_aligned(model->allocator, model->memory);
    ink_arena_deinit(&model->arena);
    ink_gguf_free(model->gguf);
    const ink_allocator *budget = model->budget;
    ink_delete(model->allocator, model);
    ink_budget_free(budget);
}
