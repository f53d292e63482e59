/*
 * The packed weights of a model kept in a file, mapped at the next start and used in place: that
 * start reads and packs nothing, and processes share one copy.
 *
 * A file is named by the model's digest, so that a folder serves many models and what no longer
 * fits is replaced. Whatever is wrong with folder or file is said through the log, as a warning,
 * and the model is loaded as without them. A new file is written in the background by a thread of
 * its own, read again, and renamed into its place; closing waits for it.
 */
#ifndef INK_MODEL_PACK_CACHE_H
#define INK_MODEL_PACK_CACHE_H

#include "base/budget.h"
#include "base/file.h"
#include "model/weights.h"

/* A piece that is read again to see that it was written. */
#define INK_PACK_CACHE_CHUNK_BYTES ((size_t)64 * 1024)

/* What writing a file in the background takes, beside the session that is made meanwhile. */
#define INK_PACK_CACHE_KEEP_BYTES \
    (INK_FILE_WRITER_BYTES + INK_PACK_CACHE_CHUNK_BYTES + INK_BUDGET_HEADER_BYTES)

typedef struct ink_pack_cache ink_pack_cache;

/*
 * Looks for the model's file in the folder options->pack_cache, which is created (not its parent)
 * when there is something to keep. Fails only for lack of memory, or when the model's file cannot
 * be read.
 */
ink_status ink_pack_cache_open(ink_pack_cache **out, const struct ink_model *model,
                               const ink_bindings *bindings, const ink_model_options *options,
                               ink_error *error);

/* The weights, bindings->memory_bytes of them, as long as the cache is open; NULL: load them. */
const void *ink_pack_cache_weights(const ink_pack_cache *cache);

/*
 * Begins to write `weights`, which stay the caller's and as they are until the cache is closed.
 * Without memory for that, or a thread, there will be no file.
 */
void ink_pack_cache_keep(ink_pack_cache *cache, const void *weights);

/*
 * The same for weights that memory has no room for: they are packed into the file, whose pages the
 * system may give to others. `*weights` is where; behind ink_pack_cache_made, which checks nothing
 * again, they are at ink_pack_cache_weights.
 */
ink_status ink_pack_cache_make(ink_pack_cache *cache, void **weights, ink_error *error);
ink_status ink_pack_cache_made(ink_pack_cache *cache, ink_error *error);

/* Accepts NULL. */
void ink_pack_cache_close(ink_pack_cache *cache);

#endif
