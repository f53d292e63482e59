/*
 * A session's state in a file. Numbers are little-endian:
 *
 *   "INKSTATE"             8 bytes
 *   INK_STATE_FIELDS       uint64 each
 *   cache format           16 bytes: ink_cache_spec_name
 *   model                  SHA-256 of ink_state_identify
 *   sum                    of the first n_summed tokens of the text: SHA-256 of a chain of blocks
 *   layers                 [n_layers] of {uint64 first_page, uint64 page_bytes, uint64 n_state}
 *   tokens                 [position] int32
 *   heat                   [n_heat] uint32: what was observed of each position
 *   logits                 [n_logits] float32
 *   pages                  of each layer, first_page to the one of the last position, as in memory
 *   states                 of each layer, n_state float32, as in memory
 *   SHA-256                of everything before it
 */
#ifndef INK_RUNTIME_STATE_H
#define INK_RUNTIME_STATE_H

#include "base/sha256.h"
#include "runtime/session.h"

#define INK_STATE_MAGIC "INKSTATE"
#define INK_STATE_MAGIC_BYTES 8
#define INK_STATE_VERSION 4 /* also counts changes of the layout of pages and states */
#define INK_STATE_FORMAT_BYTES INK_CACHE_NAME_BYTES
#define INK_STATE_LAYER_BYTES 24

#define INK_STATE_FIELDS(X)                                       \
    X(version)                                                    \
    X(file_bytes)                                                 \
    X(page_positions) /* INK_PAGE */                              \
    X(n_context)      /* of the session that was saved */         \
    X(n_layers)                                                   \
    X(position)                                                   \
    X(n_logits)  /* the vocabulary, or 0: the session has none */ \
    X(n_heat)    /* the context, or 0: nothing was observed */    \
    X(n_dropped) /* ink_kv_cache_settle: all three, or none */    \
    X(n_sink_pages)                                               \
    X(n_settled)                                                  \
    X(n_summed)

typedef struct ink_state_header {
#define X(field) uint64_t field;
    INK_STATE_FIELDS(X)
#undef X
    char format[INK_STATE_FORMAT_BYTES];
    uint8_t model[INK_SHA256_BYTES], sum[INK_SHA256_BYTES];
} ink_state_header;

enum {
#define X(field) INK_STATE_FIELD_##field,
    INK_STATE_FIELDS(X)
#undef X
        INK_STATE_N_FIELDS
};

#define INK_STATE_HEADER_BYTES \
    (INK_STATE_MAGIC_BYTES + 8 * INK_STATE_N_FIELDS + INK_STATE_FORMAT_BYTES + 2 * INK_SHA256_BYTES)

void ink_state_header_encode(const ink_state_header *header, uint8_t bytes[INK_STATE_HEADER_BYTES]);

/* false when the magic is another. Checks nothing else. */
bool ink_state_header_decode(ink_state_header *header, const uint8_t bytes[INK_STATE_HEADER_BYTES]);

void ink_state_put_u64(uint8_t bytes[8], uint64_t value);
uint64_t ink_state_get_u64(const uint8_t bytes[8]);

/*
 * What a state must find again: architecture, hyperparameters, the table of weights, and the first
 * bytes of each weight, so that two trainings of one model differ. IO: the model file no longer has
 * them.
 */
ink_status ink_state_identify(const ink_model *model, uint8_t digest[INK_SHA256_BYTES],
                              ink_error *error);

#endif
