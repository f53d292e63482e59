/*
 * A session from a file. Everything is verified before the session changes: length, checksum,
 * model, cache, counts.
 *
 * The file is then read a second time, straight into the pages. If it changes or fails in between,
 * the second checksum tells, and the session is left empty; every other failure leaves it as it
 * was.
 */
#include <string.h>

#include "base/file.h"
#include "base/size.h"
#include "model/rope.h"
#include "runtime/state.h"

#define CHUNK_BYTES ((size_t)64 << 10)

typedef struct restoring {
    ink_session *session;
    const ink_allocator *allocator;
    ink_file *file;
    uint8_t *chunk;                   /* [CHUNK_BYTES] */
    uint64_t at;                      /* in the file */
    ink_sha256 sum;                   /* of what stands before it */
    uint8_t digest[INK_SHA256_BYTES]; /* at the end of the file */
    ink_state_header header;
    size_t *first_pages, *n_skipped; /* [n_layers]: the session's; pages in the file before it */
    bool is_known[INK_KV_PAGED];     /* from which block on layers of a kind keep their pages: */
    size_t first[INK_KV_PAGED];
    int32_t *tokens; /* [position] */
} restoring;

static ink_status get(restoring *r, void *bytes, size_t n_bytes, ink_error *error)
{
    INK_TRY(ink_file_read(r->file, r->at, n_bytes, bytes, error));
    ink_sha256_add(&r->sum, bytes, n_bytes);
    r->at += n_bytes;
    return INK_OK;
}

static ink_status skip(restoring *r, uint64_t n_bytes, ink_error *error)
{
    while (n_bytes > 0) {
        size_t n = n_bytes < CHUNK_BYTES ? (size_t)n_bytes : CHUNK_BYTES;
        INK_TRY(get(r, r->chunk, n, error));
        n_bytes -= n;
    }
    return INK_OK;
}

static void go_to_begin(restoring *r)
{
    r->at = 0;
    ink_sha256_init(&r->sum);
}

/* ---- The file in itself */

static ink_status check_length(restoring *r, ink_error *error)
{
    uint8_t first[INK_STATE_HEADER_BYTES];
    const char *name = ink_file_name(r->file);
    uint64_t n_bytes = ink_file_size(r->file);
    if (n_bytes < sizeof first + INK_SHA256_BYTES)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: %" PRIu64 " bytes are too few for the state of a session", name,
                        n_bytes);
    INK_TRY(get(r, first, sizeof first, error));
    if (!ink_state_header_decode(&r->header, first))
        return ink_fail(error, INK_CORRUPT, 0, "%s: not the state of a session", name);
    if (r->header.version != INK_STATE_VERSION)
        return ink_fail(error, INK_UNSUPPORTED, INK_STATE_MAGIC_BYTES,
                        "%s: a state of version %" PRIu64 "; this Inkling reads version %d", name,
                        r->header.version, INK_STATE_VERSION);
    if (r->header.file_bytes != n_bytes)
        return ink_fail(error, INK_CORRUPT, n_bytes,
                        "%s: %" PRIu64 " bytes, but %" PRIu64 " were written: it is not whole",
                        name, n_bytes, r->header.file_bytes);
    return INK_OK;
}

static ink_status check_sum(restoring *r, ink_error *error)
{
    uint8_t digest[INK_SHA256_BYTES];
    go_to_begin(r);
    INK_TRY(skip(r, r->header.file_bytes - sizeof digest, error));
    INK_TRY(ink_file_read(r->file, r->at, sizeof digest, r->digest, error));
    ink_sha256_finish(&r->sum, digest);
    if (memcmp(digest, r->digest, sizeof digest) != 0)
        return ink_fail(error, INK_CORRUPT, 0, "%s: damaged: its checksum (SHA-256) is another",
                        ink_file_name(r->file));
    return INK_OK;
}

/* ---- The file and the session */

/* Whether two lengths of context turn queries and keys alike; some models have two ways. */
static ink_status check_rotation(const restoring *r, ink_error *error)
{
    size_t n_context = r->session->n_context;
    if (ink_rope_same(r->session->model, (size_t)r->header.n_context, n_context))
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: made with a context of %" PRIu64 " positions, for which this model turns "
                    "keys otherwise than for %zu; use that context",
                    ink_file_name(r->file), r->header.n_context, n_context);
}

/* The name in the header may be any bytes. */
static ink_status check_format(const restoring *r, ink_error *error)
{
    const ink_session *session = r->session;
    const char *stored = r->header.format;
    char format[INK_CACHE_NAME_BYTES];
    bool readable = stored[0] != '\0';
    ink_cache_spec_name(&session->shape.spec, session->model->hparams.n_layers, format);
    if (memcmp(format, stored, sizeof format) == 0)
        return INK_OK;
    for (size_t i = 0; i < sizeof format && stored[i]; i++)
        readable = readable && stored[i] >= ' ' && stored[i] <= '~';
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: made with a cache in %.*s, but this session has one in %.*s",
                    ink_file_name(r->file), INK_CACHE_NAME_BYTES,
                    readable ? stored : "another format", INK_CACHE_NAME_BYTES, format);
}

/* What a session has lost, and what it has seen of those that it may come to lose. */
static ink_status check_dropped(const restoring *r, ink_error *error)
{
    const ink_session *session = r->session;
    const ink_state_header *h = &r->header;
    bool none = h->n_dropped == 0 && h->n_sink_pages == 0 && h->n_settled == 0 && h->n_summed == 0;
    bool evicts = session->options.overflow == INK_OVERFLOW_EVICT;
    size_t observed = ink_kv_cache_first_observed(&session->cache);
    if ((h->n_heat && h->n_heat != h->n_context) || h->n_dropped % INK_PAGE != 0 ||
        h->n_dropped > INK_MOST_DROPPED || h->n_settled > h->position ||
        h->n_sink_pages > h->n_settled / INK_PAGE || h->n_summed % INK_PAGE != 0 ||
        h->n_summed < h->n_dropped || h->n_summed - h->n_dropped > h->n_settled ||
        (h->n_dropped == 0 && !none))
        return ink_fail(error, INK_CORRUPT, 0, "%s: its counts of what was dropped do not agree",
                        ink_file_name(r->file));
    if (!none && (!session->rolls || evicts != (h->n_sink_pages == 0)))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: made by a session that dropped %" PRIu64 " tokens, which this one "
                        "would not do so; use the same overflow",
                        ink_file_name(r->file), h->n_dropped);
    if ((h->n_heat ? !evicts || h->n_context != session->n_context : h->position > observed))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: a context that is nearly full, and was not watched as this session "
                        "needs it to evict; use the same overflow and context",
                        ink_file_name(r->file));
    return INK_OK;
}

static ink_status check_model(const restoring *r, ink_error *error)
{
    const ink_session *session = r->session;
    const ink_state_header *header = &r->header;
    const char *name = ink_file_name(r->file);
    uint8_t model[INK_SHA256_BYTES];
    INK_TRY(ink_state_identify(session->model, model, error));
    if (memcmp(model, header->model, sizeof model) != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: the state of another model than %s", name,
                        ink_gguf_name(session->model->gguf));
    INK_TRY(check_format(r, error));
    if (header->page_positions != INK_PAGE || header->n_layers != session->cache.n_layers ||
        (header->n_logits && header->n_logits != session->model->hparams.n_vocab))
        return ink_fail(error, INK_CORRUPT, 0, "%s: its counts are not those of its model", name);
    if (header->position > session->n_context)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: holds %" PRIu64 " positions, but the context of this session has %zu",
                        name, header->position, session->n_context);
    if (header->n_context > INK_MAX_CONTEXT || header->position > header->n_context)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: holds %" PRIu64 " positions of a context of %" PRIu64, name,
                        header->position, header->n_context);
    INK_TRY(check_dropped(r, error));
    return check_rotation(r, error);
}

/*
 * Pages that a session with smaller batches has no room for are left out: no token to come sees
 * them.
 */
static ink_status get_layer(restoring *r, size_t index, ink_error *error)
{
    uint8_t bytes[INK_STATE_LAYER_BYTES];
    const ink_kv_layer *layer = &r->session->cache.layers[index];
    size_t position = (size_t)r->header.position, n_pages = ink_size_groups(position, INK_PAGE);
    INK_TRY(get(r, bytes, sizeof bytes, error));
    uint64_t first = ink_state_get_u64(bytes), page_bytes = ink_state_get_u64(bytes + 8);
    if (page_bytes != layer->layout.page_bytes || first > n_pages ||
        ink_state_get_u64(bytes + 16) != layer->n_state ||
        first > ink_kv_first_block(layer->window, position))
        return ink_fail(error, INK_CORRUPT, r->at - sizeof bytes,
                        "%s: the pages or the state of layer %zu are not those of its model",
                        ink_file_name(r->file), index);
    if (page_bytes == 0)
        return INK_OK;
    size_t n_stored = n_pages - (size_t)first, n_most = r->session->cache.n_most[layer->kind];
    r->n_skipped[index] = n_stored > n_most ? n_stored - n_most : 0;
    r->first_pages[index] = (size_t)first + r->n_skipped[index];
    if (r->is_known[layer->kind] && r->first_pages[index] != r->first[layer->kind])
        return ink_fail(error, INK_CORRUPT, r->at - sizeof bytes,
                        "%s: layers with one window keep different pages", ink_file_name(r->file));
    r->is_known[layer->kind] = true;
    r->first[layer->kind] = r->first_pages[index];
    return INK_OK;
}

/* The parts before the logits, into memory of our own. */
static ink_status get_table(restoring *r, ink_error *error)
{
    uint8_t first[INK_STATE_HEADER_BYTES];
    size_t n_layers = r->session->cache.n_layers, position = (size_t)r->header.position;
    r->first_pages = ink_new(r->allocator, n_layers, sizeof *r->first_pages);
    r->n_skipped = ink_new(r->allocator, n_layers, sizeof *r->n_skipped);
    r->tokens = ink_new(r->allocator, position, sizeof *r->tokens);
    if (!r->first_pages || !r->n_skipped || !r->tokens)
        return ink_fail_memory(error, "restoring a session");
    go_to_begin(r);
    INK_TRY(get(r, first, sizeof first, error));
    for (size_t i = 0; i < n_layers; i++)
        INK_TRY(get_layer(r, i, error));
    INK_TRY(get(r, r->tokens, position * sizeof *r->tokens, error));
    for (size_t i = 0; i < position; i++)
        if (r->tokens[i] < 0 || (uint32_t)r->tokens[i] >= r->session->model->hparams.n_vocab)
            return ink_fail(error, INK_CORRUPT, 0,
                            "%s: token %zu is %" PRId32 "; the vocabulary has 0 to %" PRIu32,
                            ink_file_name(r->file), i + 1, r->tokens[i],
                            r->session->model->hparams.n_vocab - 1);
    return INK_OK;
}

/* The bytes that the rest of the file must have, now that all counts are known to be small. */
static ink_status check_rest(const restoring *r, ink_error *error)
{
    const ink_kv_cache *cache = &r->session->cache;
    size_t n_pages = ink_size_groups((size_t)r->header.position, INK_PAGE);
    uint64_t n_numbers = r->header.n_heat + r->header.n_logits + cache->n_state;
    uint64_t end = r->at + n_numbers * sizeof(float) + INK_SHA256_BYTES;
    for (size_t i = 0; i < cache->n_layers; i++) {
        uint64_t n = n_pages - r->first_pages[i] + r->n_skipped[i], bytes;
        if (!ink_u64_mul(n, cache->layers[i].layout.page_bytes, &bytes) ||
            !ink_u64_add(end, bytes, &end))
            end = UINT64_MAX;
    }
    if (end == r->header.file_bytes)
        return INK_OK;
    return ink_fail(error, INK_CORRUPT, 0, "%s: %" PRIu64 " bytes, but its counts come to %" PRIu64,
                    ink_file_name(r->file), r->header.file_bytes, end);
}

/* ---- Into the session */

static void empty(ink_session *session)
{
    ink_kv_cache_truncate(&session->cache, 0);
    session->position = 0;
    session->has_logits = false;
}

static ink_status get_pages(restoring *r, ink_error *error)
{
    ink_kv_cache *cache = &r->session->cache;
    size_t position = (size_t)r->header.position, n_pages = ink_size_groups(position, INK_PAGE);
    cache->is_foreign = true;
    ink_kv_cache_begin_at(cache, r->first, position);
    for (size_t i = 0; i < cache->n_layers; i++) {
        size_t page_bytes = cache->layers[i].layout.page_bytes;
        INK_TRY(skip(r, (uint64_t)r->n_skipped[i] * page_bytes, error));
        for (size_t page = r->first_pages[i]; page < n_pages && page_bytes > 0; page++)
            INK_TRY(get(r, cache->pages[i][page], page_bytes, error));
    }
    return get(r, cache->memory, cache->n_state * sizeof(float), error);
}

static ink_status fill(restoring *r, ink_error *error)
{
    ink_session *session = r->session;
    uint8_t digest[INK_SHA256_BYTES];
    empty(session);
    if (r->header.n_heat)
        INK_TRY(get(r, (void *)session->cache.sequence.heat,
                    (size_t)r->header.n_heat * sizeof(uint32_t), error));
    INK_TRY(get(r, session->logits, (size_t)r->header.n_logits * sizeof(float), error));
    INK_TRY(get_pages(r, error));
    ink_sha256_finish(&r->sum, digest);
    if (memcmp(digest, r->digest, sizeof digest) != 0)
        return ink_fail(error, INK_IO, 0, "%s: changed while it was read; the session is empty now",
                        ink_file_name(r->file));
    memcpy(session->tokens, r->tokens, (size_t)r->header.position * sizeof *r->tokens);
    session->position = (size_t)r->header.position;
    session->has_logits = r->header.n_logits > 0;
    ink_kv_cache_settle(&session->cache, (size_t)r->header.n_dropped,
                        (size_t)r->header.n_sink_pages, (size_t)r->header.n_settled);
    session->cache.n_summed = (size_t)r->header.n_summed;
    memcpy(session->cache.sum, r->header.sum, sizeof r->header.sum);
    return INK_OK;
}

static ink_status restore(restoring *r, const char *path, ink_error *error)
{
    INK_TRY(ink_file_open(&r->file, path, r->allocator, error));
    r->chunk = ink_new(r->allocator, CHUNK_BYTES, 1);
    if (!r->chunk)
        return ink_fail_memory(error, "restoring a session");
    go_to_begin(r);
    INK_TRY(check_length(r, error));
    INK_TRY(check_sum(r, error));
    INK_TRY(check_model(r, error));
    INK_TRY(get_table(r, error));
    INK_TRY(check_rest(r, error));
    ink_status status = fill(r, error);
    if (status != INK_OK)
        empty(r->session);
    return status;
}

ink_status ink_session_restore(ink_session *session, const char *path, ink_error *error)
{
    restoring r = {.session = session, .allocator = session->allocator};
    INK_TRY(ink_session_wake(session, error));
    ink_status status = restore(&r, path, error);
    ink_file_close(r.file);
    ink_delete(r.allocator, r.chunk);
    ink_delete(r.allocator, r.first_pages);
    ink_delete(r.allocator, r.n_skipped);
    ink_delete(r.allocator, r.tokens);
    return status;
}
