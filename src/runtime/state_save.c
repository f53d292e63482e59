/*
 * A session into a file, which appears whole or not at all, and which its owner alone can read: it
 * holds what was said.
 */
#include <string.h>

#include "base/file.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "runtime/state.h"

typedef struct saving {
    const ink_session *session;
    ink_file_writer *writer;
    ink_sha256 sum;
    char *page;        /* [largest page_bytes] */
    char *zero_blocks; /* [widest row of keys] */
} saving;

static ink_status put(saving *s, const void *bytes, size_t n_bytes, ink_error *error)
{
    ink_sha256_add(&s->sum, bytes, n_bytes);
    return ink_file_writer_write(s->writer, bytes, n_bytes, error);
}

/* The parts before the pages: small numbers, as bytes in a file's order. */
static ink_status put_table(saving *s, const ink_state_header *header, ink_error *error)
{
    const ink_session *session = s->session;
    uint8_t first[INK_STATE_HEADER_BYTES];
    ink_state_header_encode(header, first);
    INK_TRY(put(s, first, sizeof first, error));
    for (size_t i = 0; i < session->cache.n_layers; i++) {
        const ink_kv_layer *layer = &session->cache.layers[i];
        uint8_t bytes[INK_STATE_LAYER_BYTES];
        bool has_pages = layer->layout.page_bytes > 0;
        ink_state_put_u64(bytes, has_pages ? session->cache.first[layer->kind] : 0);
        ink_state_put_u64(bytes + 8, layer->layout.page_bytes);
        ink_state_put_u64(bytes + 16, layer->n_state);
        INK_TRY(put(s, bytes, sizeof bytes, error));
    }
    INK_TRY(put(s, session->tokens, session->position * sizeof *session->tokens, error));
    if (header->n_heat)
        INK_TRY(put(s, (const void *)session->cache.sequence.heat,
                    (size_t)header->n_heat * sizeof(uint32_t), error));
    return put(s, session->logits, (size_t)header->n_logits * sizeof *session->logits, error);
}

/*
 * Rows that no position has written yet, or that were rewound, say nothing and are not for others
 * to read.
 */
static void blank_rows(const ink_kv_layout *layout, char *page, size_t first_row,
                       const char *zero_blocks)
{
    size_t n_blocks = layout->k_dim / ink_formats[layout->k_format].block_elements;
    size_t tile_bytes = layout->k_bytes / (INK_PAGE / INK_TILE_ROWS);
    for (size_t head = 0; head < layout->n_heads; head++) {
        char *keys = page + head * layout->head_bytes, *values = keys + layout->k_bytes;
        for (size_t row = first_row; row < INK_PAGE; row++)
            ink_tile_put_row(layout->k_format, keys + row / INK_TILE_ROWS * tile_bytes, zero_blocks,
                             row % INK_TILE_ROWS, n_blocks);
        memset(values + first_row * layout->v_row_bytes, 0,
               (INK_PAGE - first_row) * layout->v_row_bytes);
    }
}

static ink_status put_pages(saving *s, size_t index, ink_error *error)
{
    const ink_kv_cache *cache = &s->session->cache;
    const ink_kv_layout *layout = &cache->layers[index].layout;
    size_t position = s->session->position, n_full = position / INK_PAGE;
    if (layout->page_bytes == 0)
        return INK_OK;
    for (size_t i = cache->first[cache->layers[index].kind]; i < n_full; i++)
        INK_TRY(put(s, cache->pages[index][i], layout->page_bytes, error));
    if (position % INK_PAGE == 0)
        return INK_OK;
    memcpy(s->page, cache->pages[index][n_full], layout->page_bytes);
    blank_rows(layout, s->page, position % INK_PAGE, s->zero_blocks);
    return put(s, s->page, layout->page_bytes, error);
}

/* Fills the header; the sizes in it cannot overflow, as all of it is in memory. */
static ink_status describe(const ink_session *session, ink_state_header *header, ink_error *error)
{
    const ink_kv_cache *cache = &session->cache;
    size_t n_pages = ink_size_groups(session->position, INK_PAGE);
    *header = (ink_state_header){
        .version = INK_STATE_VERSION,
        .page_positions = INK_PAGE,
        .n_context = session->n_context,
        .n_layers = cache->n_layers,
        .position = session->position,
        .n_logits = session->has_logits ? session->model->hparams.n_vocab : 0,
        .n_heat = session->position > ink_kv_cache_first_observed(cache) ? session->n_context : 0,
        .n_dropped = cache->n_dropped,
        .n_sink_pages = cache->sequence.n_sink_pages,
        .n_settled = cache->n_settled,
        .n_summed = cache->n_summed,
    };
    memcpy(header->sum, cache->sum, sizeof header->sum);
    header->file_bytes = INK_STATE_HEADER_BYTES + cache->n_layers * INK_STATE_LAYER_BYTES +
                         (header->position + header->n_heat) * sizeof *session->tokens +
                         header->n_logits * sizeof *session->logits +
                         cache->n_state * sizeof(float) + INK_SHA256_BYTES;
    for (size_t i = 0; i < cache->n_layers; i++)
        header->file_bytes +=
            (n_pages - cache->first[cache->layers[i].kind]) * cache->layers[i].layout.page_bytes;
    ink_cache_spec_name(&session->shape.spec, session->model->hparams.n_layers, header->format);
    return ink_state_identify(session->model, header->model, error);
}

static ink_status take_memory(saving *s, ink_error *error)
{
    const ink_kv_cache *cache = &s->session->cache;
    size_t page_bytes = 0, row_bytes = 0;
    for (size_t i = 0; i < cache->n_layers; i++) {
        page_bytes = ink_size_max(page_bytes, cache->layouts[i].page_bytes);
        row_bytes = ink_size_max(row_bytes, cache->layouts[i].k_bytes / INK_PAGE);
    }
    s->page = ink_new(s->session->allocator, page_bytes, 1);
    s->zero_blocks = ink_new(s->session->allocator, row_bytes, 1);
    return s->page && s->zero_blocks ? INK_OK : ink_fail_memory(error, "saving a session");
}

static ink_status save(saving *s, const char *path, ink_error *error)
{
    ink_state_header header;
    uint8_t digest[INK_SHA256_BYTES];
    INK_TRY(take_memory(s, error));
    INK_TRY(describe(s->session, &header, error));
    INK_TRY(
        ink_file_writer_open(&s->writer, path, INK_FILE_FOR_OWNER, s->session->allocator, error));
    ink_sha256_init(&s->sum);
    INK_TRY(put_table(s, &header, error));
    for (size_t i = 0; i < s->session->cache.n_layers; i++)
        INK_TRY(put_pages(s, i, error));
    const ink_kv_cache *cache = &s->session->cache; /* whose states lie one after the other */
    INK_TRY(put(s, cache->memory, cache->n_state * sizeof(float), error));
    ink_sha256_finish(&s->sum, digest);
    INK_TRY(ink_file_writer_write(s->writer, digest, sizeof digest, error));
    return ink_file_writer_commit(s->writer, error);
}

ink_status ink_session_save(const ink_session *session, const char *path, ink_error *error)
{
    saving s = {.session = session};
    if (session->spilled)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the session is in the file %s, not in memory: use it first",
                        session->spilled);
    ink_status status = save(&s, path, error);
    ink_file_writer_close(s.writer);
    ink_delete(session->allocator, s.page);
    ink_delete(session->allocator, s.zero_blocks);
    return status;
}
