/*
 * Sessions that go on when the context is full, without evaluating anything anew.
 *
 * ROLL drops the oldest page behind the first ones, which are sinks of attention: models give them
 * what they have no use for, so a window without them does not work (StreamingLLM,
 * arXiv:2309.17453). Positions count inside the cache. EVICT keeps the half of older positions that
 * the latest tokens attended to most (H2O, arXiv:2306.14048; SnapKV, arXiv:2404.14469), as far from
 * each other as they were, so the text ends where the model's training does.
 *
 * What goes follows from the tokens since the session began, and not from how they were cut.
 */
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "runtime/session.h"

/* Blocks of a full context: [0, first) stay, of [first, end) n_kept, and all behind. */
typedef struct parts {
    size_t first, end, n_kept;
} parts;

/* Of the widest window. Who sees a whole context may roll, but not choose. */
static size_t n_in_sight(const ink_session *session, bool chooses)
{
    size_t n = 1;
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        if (chooses || session->cache.windows[kind] < session->n_context)
            n = ink_size_max(n, ink_size_groups(session->cache.windows[kind], INK_PAGE));
    return n;
}

/* False: the context has no room for it. */
static bool divide(const ink_session *session, size_t n_keep, parts *p)
{
    const bool evicts = session->options.overflow == INK_OVERFLOW_EVICT;
    size_t n_blocks = session->n_context / INK_PAGE, n_behind = n_in_sight(session, evicts);
    *p = (parts){.first = ink_size_max(ink_size_groups(n_keep, INK_PAGE), 1)};
    p->end = p->first + 1;
    if (evicts && p->first < n_blocks) {
        n_behind = ink_size_max(n_behind, (n_blocks - p->first) / 4);
        p->end = ink_size_max(n_blocks - ink_size_min(n_behind, n_blocks), p->end);
        p->n_kept = (p->end - p->first) / 2;
    }
    return p->end + n_behind <= n_blocks && (p->n_kept > 0 || !evicts);
}

ink_status ink_session_check_roll(const ink_session *session, ink_overflow overflow, size_t n_keep,
                                  ink_error *error)
{
    parts p;
    size_t n_sinks = session->cache.sequence.n_sink_pages;
    if (!session->rolls || session->options.overflow != overflow)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "this session cannot drop what is in the middle of it: make it with that "
                        "overflow (ink_session_options.overflow)");
    if (n_keep > session->n_context || !divide(session, n_keep, &p))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%zu tokens are to stay (n_keep), in pages of %d, which leaves no room to "
                        "drop others in a context of %zu positions; use a larger context",
                        n_keep, INK_PAGE, session->n_context);
    if (n_sinks && n_sinks != p.first)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%zu tokens are to stay (n_keep), but this session has dropped what was "
                        "behind its first %zu: keep these, or rewind it to them",
                        n_keep, n_sinks * INK_PAGE);
    return INK_OK;
}

static size_t most_positions(const ink_session *session)
{
    size_t trained = session->model->hparams.n_context;
    return session->options.overflow == INK_OVERFLOW_ROLL
               ? INK_MOST_DROPPED
               : ink_size_max(trained, session->n_context);
}

bool ink_session_may_roll(const ink_session *session)
{
    return session->rolls && session->position + session->cache.n_dropped < most_positions(session);
}

size_t ink_session_room(const ink_session *session)
{
    size_t room = session->n_context - session->position,
           at = session->position + session->cache.n_dropped;
    return session->rolls ? ink_size_min(room, most_positions(session) - at) : room;
}

ink_status ink_session_roll(ink_session *session, size_t n_keep, size_t *n_dropped,
                            ink_error *error)
{
    ink_kv_cache *cache = &session->cache;
    bool evicts = session->options.overflow == INK_OVERFLOW_EVICT;
    parts p;
    INK_TRY(ink_session_wake(session, error));
    INK_TRY(ink_session_check_roll(session, session->options.overflow, n_keep, error));
    if (!ink_session_may_roll(session))
        return ink_fail(error, INK_LIMIT, 0,
                        "a text may come to %zu positions here, and this one has; %s goes on",
                        most_positions(session), evicts ? "to roll, or to slide," : "to slide");
    if (session->position < session->n_context || !divide(session, n_keep, &p))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%zu of %zu positions are taken: nothing need be dropped",
                        session->position, session->n_context);
    size_t to = (p.first + p.n_kept) * INK_PAGE, from = p.end * INK_PAGE, n = from - to;
    ink_kv_cache_sum(cache, p.end, session->tokens);
    if (evicts)
        ink_kv_cache_condense(cache, p.first, p.end, p.n_kept, session->tokens);
    else
        ink_kv_cache_drop_block(cache, p.first);
    memmove(session->tokens + to, session->tokens + from,
            (session->position - from) * sizeof *session->tokens);
    session->position -= n;
    ink_kv_cache_settle(cache, cache->n_dropped + n, evicts ? 0 : p.first, session->position);
    *n_dropped = n;
    return INK_OK;
}

size_t ink_session_n_dropped(const ink_session *session, size_t *n_first)
{
    *n_first = session->cache.sequence.n_sink_pages * INK_PAGE;
    return session->cache.n_dropped;
}

ink_status ink_session_match(ink_session *session, const int32_t *tokens, size_t n_tokens,
                             size_t *n_read, size_t *position, ink_error *error)
{
    INK_TRY(ink_session_wake(session, error));
    const ink_kv_cache *cache = &session->cache;
    size_t n_dropped = cache->n_dropped, n = cache->n_summed;
    *n_read = *position = 0;
    if (n_tokens < n || !ink_kv_cache_begins(cache, tokens))
        return INK_OK;
    n_tokens = ink_size_min(n_tokens, session->position + n_dropped);
    while (n < n_tokens && tokens[n] == session->tokens[n - n_dropped])
        n++;
    size_t at = n - n_dropped;
    if (n_dropped && (at < cache->n_settled || !ink_session_goes_back(session, at)))
        return INK_OK;
    *n_read = n;
    *position = at;
    return INK_OK;
}
