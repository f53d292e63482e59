/*
 * Planning: what a model and its sessions will ask the allocator for, and what would fit where that
 * is too much.
 *
 * What is small and many is counted while it is made, by the budget of a model that was opened
 * without weights; what is large is computed by those who will take it.
 */
#include <string.h>

#include "base/budget.h"
#include "base/proc.h"
#include "base/size.h"
#include "base/status.h"
#include "model/pack_cache.h"
#include "model/weights.h"
#include "runtime/session.h"

#define AUTOMATON_BYTES ((size_t)8 << 20)

void ink_model_get_memory(const ink_model *model, ink_memory_use *use)
{
    ink_budget_use counted;
    *use = (ink_memory_use){0};
    if (model->pack_cache && ink_pack_cache_weights(model->pack_cache) && !model->memory)
        use->mapped_bytes = model->bindings->memory_bytes;
    if (!model->budget)
        return;
    ink_budget_get(model->budget, &counted);
    use->limit_bytes = counted.max_bytes == SIZE_MAX ? 0 : counted.max_bytes;
    use->used_bytes = counted.used_bytes;
    use->peak_bytes = counted.peak_bytes;
}

/* ---- What fits ------------------------------------------------------------------------------- */

static uint64_t session_sum(const ink_memory_plan *plan)
{
    return plan->cache_bytes + plan->work_bytes + plan->steps_bytes + plan->session_bytes +
           plan->sampling_bytes;
}

/* Bytes of a session with these options; UINT64_MAX when there can be none. */
static ink_status session_bytes(const ink_model *model, const ink_session_options *options,
                                uint64_t *bytes, ink_error *error)
{
    ink_memory_plan plan = {0};
    ink_status status = ink_session_plan_all(model, options, &plan, error);
    *bytes = status == INK_OK ? session_sum(&plan) : UINT64_MAX;
    return status == INK_NO_MEMORY ? status : INK_OK;
}

/* The longest context, in pages, whose session fits; 0: none. */
static ink_status longest_context(const ink_model *model, ink_session_options options, size_t most,
                                  uint64_t room, size_t *n_context, ink_error *error)
{
    size_t low = 0, high = most / INK_PAGE + 1; /* pages: low fits, high does not */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        uint64_t bytes;
        options.n_context = middle * INK_PAGE;
        INK_TRY(session_bytes(model, &options, &bytes, error));
        if (bytes <= room)
            low = middle;
        else
            high = middle;
    }
    *n_context = low * INK_PAGE;
    return INK_OK;
}

/* Of what the system has: a part is left to others, chosen and not measured. */
#define UNASKED(bytes) ((bytes) / 4 * 3)
/* What a session gets even where the system seems to have less. */
#define LEAST_CONTEXT 512

uint64_t ink_memory_room(const ink_model *model)
{
    uint64_t room = UNASKED(ink_proc_available("")), weights = 0;
    ink_budget_use use;
    if (model->load == INK_LOAD_METADATA &&
        !(model->pack_cache && ink_pack_cache_weights(model->pack_cache)))
        weights = model->weight_bytes;
    room -= weights < room ? weights : room;
    if (!model->budget)
        return room;
    ink_budget_get(model->budget, &use);
    size_t left = use.max_bytes - ink_size_min(use.used_bytes, use.max_bytes);
    return left < room ? left : room;
}

ink_status ink_session_fit_context(const ink_model *model, ink_session_options *options,
                                   uint64_t room, ink_error *error)
{
    size_t trained = model->hparams.n_context, fits;
    ink_memory_plan plan = {0};
    if (options->n_context)
        return INK_OK;
    options->n_context = trained;
    ink_status status = ink_session_plan_all(model, options, &plan, error);
    if (status == INK_NO_MEMORY)
        return status;
    if (status != INK_OK && status != INK_LIMIT)
        return INK_OK; /* there will be no session, and not for its length */
    if (status == INK_OK && session_sum(&plan) <= room)
        return INK_OK;
    INK_TRY(longest_context(model, *options, trained, room, &fits, error));
    options->n_context = ink_size_max(fits, ink_size_min(trained, LEAST_CONTEXT));
    return INK_OK;
}

/* ---- Plans ----------------------------------------------------------------------------------- */

static size_t used_bytes(const ink_model *model)
{
    ink_budget_use use;
    ink_budget_get(model->budget, &use);
    return use.used_bytes;
}

/* A constraint is made, to see what one takes, and what the trees take that the model keeps. */
static ink_status plan_constraint(const ink_model *model, const ink_memory_options *options,
                                  ink_memory_plan *plan, ink_error *error)
{
    ink_constraint *constraint = NULL;
    const ink_constraint_source source = {.kind = INK_CONSTRAINT_CHOICE, .text = "a", .n_bytes = 1};
    size_t before = used_bytes(model);
    INK_TRY(ink_constraint_new(&constraint, model, &source, error));
    size_t with = used_bytes(model);
    ink_constraint_free(constraint);
    size_t kept = used_bytes(model) - before;
    plan->model_bytes += kept;
    plan->constraint_bytes =
        (uint64_t)(with - before - kept) +
        (options->automaton_bytes ? options->automaton_bytes : AUTOMATON_BYTES);
    return INK_OK;
}

/* Vectors are there already, as a part of the weights; so is what was only needed while opening. */
static void plan_model(const ink_model *model, const ink_memory_options *options,
                       ink_memory_plan *plan)
{
    const ink_bindings *vectors = model->bindings;
    ink_budget_use use;
    ink_budget_get(model->budget, &use);
    size_t held = ink_large_bytes(model->allocator, ink_size_max(vectors->memory_bytes, 1)) +
                  INK_BUDGET_HEADER_BYTES;
    bool kept = model->pack_cache && ink_pack_cache_weights(model->pack_cache);
    size_t weights =
        ink_large_bytes(model->allocator, model->weight_bytes) + INK_BUDGET_HEADER_BYTES;
    plan->model_bytes = use.used_bytes - held + ink_kv_share_bytes();
    plan->loading_bytes = (use.peak_bytes - use.used_bytes) + model->loading_bytes;
    if (model->pack_cache && options->memory_limit &&
        plan->model_bytes + weights + model->loading_bytes > options->memory_limit)
        kept = true; /* or will be: see ink_model_options */
    if (kept)
        plan->mapped_bytes = model->weight_bytes;
    else
        plan->weights_bytes = weights + (model->pack_cache ? INK_PACK_CACHE_KEEP_BYTES : 0);
}

/* What a session may take by itself: of the limit, and of what the system has. */
static uint64_t room_of(const ink_model *model, const ink_memory_options *options,
                        const ink_memory_plan *plan)
{
    uint64_t room = ink_memory_room(model), fixed = plan->model_bytes + plan->weights_bytes;
    if (options->memory_limit) {
        uint64_t left = options->memory_limit > fixed ? options->memory_limit - fixed : 0;
        room = left < room ? left : room;
    }
    room /= plan->n_sessions;
    return room > plan->constraint_bytes ? room - plan->constraint_bytes : 0;
}

static bool add_up(ink_memory_plan *plan)
{
    uint64_t each = 0, n = plan->n_sessions;
    uint64_t *const of_sessions[] = {&plan->cache_bytes,    &plan->work_bytes,
                                     &plan->steps_bytes,    &plan->session_bytes,
                                     &plan->sampling_bytes, &plan->constraint_bytes};
    for (size_t i = 0; i < sizeof of_sessions / sizeof *of_sessions; i++)
        if (!ink_u64_mul(*of_sessions[i], n, of_sessions[i]) ||
            !ink_u64_add(each, *of_sessions[i], &each))
            return false;
    uint64_t more = each > plan->loading_bytes ? each : plan->loading_bytes;
    return ink_u64_add(plan->model_bytes + plan->weights_bytes, more, &plan->total_bytes);
}

ink_status ink_memory_plan_all(const ink_model *model, const ink_memory_options *options,
                               ink_memory_plan *out, ink_error *error)
{
    const ink_memory_options defaults = {0};
    options = options ? options : &defaults;
    ink_memory_plan plan = {.n_sessions = options->n_sessions ? options->n_sessions : 1};
    if (model->load != INK_LOAD_METADATA)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: a plan is of a model with weights that was opened with "
                        "INK_LOAD_METADATA",
                        ink_gguf_name(model->gguf));
    plan_model(model, options, &plan);
    if (options->constraint)
        INK_TRY(plan_constraint(model, options, &plan, error));
    ink_session_options session = options->session;
    INK_TRY(ink_session_fit_context(model, &session, room_of(model, options, &plan), error));
    INK_TRY(ink_session_plan_all(model, &session, &plan, error));
    if (!add_up(&plan))
        return ink_fail(error, INK_LIMIT, 0, "%zu sessions need more than can be addressed",
                        plan.n_sessions);
    *out = plan;
    return INK_OK;
}

/*
 * "a context of 512 positions, or 1024 with a cache in q8_0": with the cache that was asked for,
 * then with each format that gives more than those before.
 */
static ink_status say_fitting(ink_buffer *out, const ink_model *model, ink_session_options options,
                              size_t n_context, uint64_t room, ink_error *error)
{
    size_t best, fits;
    INK_TRY(longest_context(model, options, n_context, room, &best, error));
    if (best)
        (void)ink_buffer_format(out, "a context of %zu positions", best);
    for (size_t i = 0; best < n_context && (options.cache = ink_cache_format_name(i)); i++) {
        INK_TRY(longest_context(model, options, n_context, room, &fits, error));
        if (fits <= best)
            continue;
        (void)ink_buffer_format(out,
                                best ? ", or %zu with a cache in %s"
                                     : "a context of %zu positions with a cache in %s",
                                fits, options.cache);
        best = fits;
    }
    if (!best)
        (void)ink_buffer_text(out, "no session at all; a smaller model, or one with fewer bits");
    return INK_OK;
}

static ink_status refuse(const ink_model *model, const ink_session_options *options,
                         size_t n_context, uint64_t needed, uint64_t limit, uint64_t room,
                         ink_error *error)
{
    ink_buffer fitting;
    ink_buffer_init(&fitting, NULL, 400);
    ink_status status = say_fitting(&fitting, model, *options, n_context, room, error);
    if (status == INK_OK)
        status = ink_fail(
            error, INK_LIMIT, 0,
            "%s: %" PRIu64 " bytes are needed, the memory limit is %" PRIu64 "; what would fit: %s",
            ink_gguf_name(model->gguf), needed, limit, fitting.data ? fitting.data : "less");
    ink_buffer_deinit(&fitting);
    return status;
}

ink_status ink_memory_check(const ink_model *model, const ink_memory_options *options,
                            ink_memory_plan *out, ink_error *error)
{
    ink_memory_plan plan;
    INK_TRY(ink_memory_plan_all(model, options, &plan, error));
    uint64_t limit = options ? options->memory_limit : 0;
    if (limit && plan.total_bytes > limit) {
        uint64_t fixed = plan.model_bytes + plan.weights_bytes, room = 0;
        if (fixed + plan.loading_bytes > limit)
            return ink_fail(error, INK_LIMIT, 0,
                            "%s: loading it needs %" PRIu64 " bytes, the memory limit is %" PRIu64
                            "; with a folder of packed weights (pack_cache) weights that are "
                            "larger than memory are used in their file, slowly",
                            ink_gguf_name(model->gguf), fixed + plan.loading_bytes, limit);
        room = (limit - fixed) / plan.n_sessions;
        uint64_t constraint = plan.constraint_bytes / plan.n_sessions;
        return refuse(model, &options->session, plan.n_context, plan.total_bytes, limit,
                      room > constraint ? room - constraint : 0, error);
    }
    *out = plan;
    return INK_OK;
}

ink_status ink_session_admit(const ink_model *model, const ink_session_options *options,
                             ink_error *error)
{
    ink_memory_plan plan = {0};
    ink_budget_use use;
    if (ink_model_get_pressure(model) >= INK_PRESSURE_REFUSE)
        return ink_fail(error, INK_LIMIT, 0,
                        "memory is scarce (INK_PRESSURE_REFUSE): free or spill a session, or make "
                        "this one when ink_model_set_pressure has lowered the level");
    if (!model->budget)
        return INK_OK;
    INK_TRY(ink_session_plan_all(model, options, &plan, error));
    ink_budget_get(model->budget, &use);
    uint64_t needed = session_sum(&plan);
    uint64_t room = use.max_bytes - ink_size_min(use.used_bytes, use.max_bytes), missing;
    if (needed <= room)
        return INK_OK;
    ink_model_trim(model); /* prefixes that nobody uses go first */
    INK_TRY(ink_session_missing(model, options, &missing, error));
    ink_budget_get(model->budget, &use);
    room = use.max_bytes - ink_size_min(use.used_bytes, use.max_bytes);
    if (needed - plan.cache_bytes + missing <= room)
        return INK_OK;
    return refuse(model, options, plan.n_context, use.used_bytes + needed, use.max_bytes, room,
                  error);
}
