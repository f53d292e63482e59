/*
 * What gives way when memory is scarce, in the order of ink_pressure. The model only holds the
 * level; each session follows on its own thread, when it is next used, so nobody waits for anybody.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/stall.h"
#include "base/status.h"
#include "runtime/session.h"

#define SCARCE_BATCH 32

/*
 * Where a level begins: percent of the last ten seconds in which some task, or all of them, waited
 * for memory. Chosen, not measured.
 */
static const struct {
    ink_pressure level;
    float some, full;
} levels[] = {
    {INK_PRESSURE_REFUSE, 101, 30},
    {INK_PRESSURE_BATCH, 60, 10},
    {INK_PRESSURE_IDLE, 20, 2},
    {INK_PRESSURE_SPARE, 5, 101},
};

static ink_pressure level_of(const ink_stall *stall)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (stall->some >= levels[i].some || stall->full >= levels[i].full)
            return levels[i].level;
    return INK_PRESSURE_NONE;
}

ink_pressure ink_pressure_read(ink_pressure_watch *watch)
{
    ink_stall stall;
    ink_stall_read(&stall, "");
    ink_pressure level = level_of(&stall);
    bool at_limit = watch->begun && stall.n_events > watch->n_events;
    *watch = (ink_pressure_watch){stall.n_events, true};
    return at_limit && level < INK_PRESSURE_BATCH ? INK_PRESSURE_BATCH : level;
}

void ink_model_set_pressure(ink_model *model, ink_pressure pressure)
{
    atomic_store(&model->pressure, (int)pressure);
}

ink_pressure ink_model_get_pressure(const ink_model *model)
{
    return (ink_pressure)atomic_load(&model->pressure);
}

/* ---- Sessions -------------------------------------------------------------------------------- */

static void follow(ink_session *session, ink_pressure pressure)
{
    bool rises = pressure > session->pressure, embeds;
    if (pressure == session->pressure)
        return;
    session->pressure = pressure;
    embeds = session->model->arch->kind == INK_KIND_EMBEDDING; /* a text is one batch */
    session->n_batch = pressure < INK_PRESSURE_BATCH || embeds
                           ? session->n_kept_batch
                           : ink_size_min(session->n_kept_batch, SCARCE_BATCH);
    if (rises)
        ink_session_trim(session);
}

/* Into a cache that is made anew; on failure there is none, as before. */
static ink_status read_back(ink_session *session, ink_error *error)
{
    size_t position = session->position;
    bool has_logits = session->has_logits;
    char *path = session->spilled;
    session->spilled = NULL;
    ink_status status = ink_kv_cache_init(&session->cache, session->model, &session->cache_spec,
                                          session->n_context, session->n_kept_batch, error);
    if (status == INK_OK)
        status = ink_session_restore(session, path, error);
    session->spilled = path;
    if (status == INK_OK) {
        ink_session_discard(session);
        return INK_OK;
    }
    ink_kv_cache_deinit(&session->cache);
    session->position = position;
    session->has_logits = has_logits;
    return status;
}

ink_status ink_session_wake(ink_session *session, ink_error *error)
{
    follow(session, ink_model_get_pressure(session->model));
    return session->spilled ? read_back(session, error) : INK_OK;
}

void ink_session_discard(ink_session *session)
{
    if (session->spilled)
        (void)remove(session->spilled);
    ink_delete(session->allocator, session->spilled);
    session->spilled = NULL;
}

ink_status ink_session_spill(ink_session *session, const char *path, ink_error *error)
{
    if (session->spilled)
        return INK_OK;
    if (session->model->arch->kind == INK_KIND_EMBEDDING)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a session for embeddings keeps nothing between texts; free it instead");
    char *copy = ink_copy_string(session->allocator, path, strlen(path));
    if (!copy)
        return ink_fail_memory(error, "a session's file");
    ink_status status = ink_session_save(session, path, error);
    if (status != INK_OK) {
        ink_delete(session->allocator, copy);
        return status;
    }
    session->spilled = copy;
    ink_kv_cache_deinit(&session->cache);
    ink_session_trim(session);
    return INK_OK;
}

bool ink_session_is_spilled(const ink_session *session)
{
    return session->spilled != NULL;
}
