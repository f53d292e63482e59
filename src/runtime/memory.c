/*
 * Planning: what a model and its sessions will ask the allocator for, and what would fit where that
 * is too much.
 *
 * What is small and many is counted while it is made, by the budget of a model that was opened
 * without weights; what is large is computed by those who will take it.
 */
#include <string.h>

#include "base/budget.h"
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
    plan->model_bytes = use.used_bytes - held;
    plan->loading_bytes = (use.peak_bytes - use.used_bytes) + model->loading_bytes;
    if (model->pack_cache && options->memory_limit &&
        plan->model_bytes + weights + model->loading_bytes > options->memory_limit)
        kept = true; /* or will be: see ink_model_options */
    if (kept)
        plan->mapped_bytes = model->weight_bytes;
    else
        plan->weights_bytes = weights;
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
    INK_TRY(ink_session_plan_all(model, &options->session, &plan, error));
    if (options->constraint)
        INK_TRY(plan_constraint(model, options, &plan, error));
    if (!add_up(&plan))
        return ink_fail(error, INK_LIMIT, 0, "%zu sessions need more than can be addressed",
                        plan.n_sessions);
    *out = plan;
    return INK_OK;
}

/* ---- What would fit -------------------------------------------------------------------------- */

/* Bytes of a session with these options; SIZE_MAX when there can be none. */
static uint64_t session_bytes(const ink_model *model, const ink_session_options *options)
{
    ink_memory_plan plan = {0};
    if (ink_session_plan_all(model, options, &plan, NULL) != INK_OK)
        return UINT64_MAX;
    return plan.cache_bytes + plan.work_bytes + plan.steps_bytes + plan.session_bytes +
           plan.sampling_bytes;
}

/* The longest context, in pages, whose session fits; 0: none. */
static size_t longest_context(const ink_model *model, ink_session_options options, size_t most,
                              uint64_t room)
{
    size_t low = 0, high = most / INK_PAGE + 1; /* pages: low fits, high does not */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        options.n_context = middle * INK_PAGE;
        if (session_bytes(model, &options) <= room)
            low = middle;
        else
            high = middle;
    }
    return low * INK_PAGE;
}

/*
 * "a context of 512 positions, or 1024 with a cache in q8_0": with the cache that was asked for,
 * then with each format that gives more than those before.
 */
static void say_fitting(ink_buffer *out, const ink_model *model, ink_session_options options,
                        size_t n_context, uint64_t room)
{
    size_t best = longest_context(model, options, n_context, room);
    if (best)
        (void)ink_buffer_format(out, "a context of %zu positions", best);
    for (size_t i = 0; best < n_context && (options.cache = ink_cache_format_name(i)); i++) {
        size_t fits = longest_context(model, options, n_context, room);
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
}

static ink_status refuse(const ink_model *model, const ink_session_options *options,
                         size_t n_context, uint64_t needed, uint64_t limit, uint64_t room,
                         ink_error *error)
{
    ink_buffer fitting;
    ink_buffer_init(&fitting, NULL, 400);
    say_fitting(&fitting, model, *options, n_context, room);
    ink_status status = ink_fail(
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
    uint64_t needed = plan.cache_bytes + plan.work_bytes + plan.steps_bytes + plan.session_bytes +
                      plan.sampling_bytes;
    uint64_t room = use.max_bytes - ink_size_min(use.used_bytes, use.max_bytes);
    if (needed <= room)
        return INK_OK;
    return refuse(model, options, plan.n_context, use.used_bytes + needed, use.max_bytes, room,
                  error);
}
