/*
 * What each layer of a cache keeps its keys and values in, as it is written:
 *
 *   part [/ part ...]       part: [layers =] format [, format of values]       layers: N or N-M
 *
 * "q8_0"; "q4r,q3r"; "q3r/0=q8_0/14-15=q4r,q3r". Formats are the rows of cache_formats.def. Of
 * parts that name the same layer the last one counts; one without layers is for all of them.
 *
 * A layer with a format that keeps its latest positions wider has two layers in a cache: its own,
 * and one as many layers further on as the model has. The second is a window like others, so pages
 * come and go, and are saved, as everywhere.
 */
#ifndef INK_RUNTIME_CACHE_SPEC_H
#define INK_RUNTIME_CACHE_SPEC_H

#include "array/kv.h"
#include "model/model.h"

#define INK_CACHE_NAME_BYTES 16
#define INK_CACHE_DEFAULT "f16"

typedef struct ink_cache_spec {
    uint8_t keys[INK_MAX_LAYERS], values[INK_MAX_LAYERS]; /* rows of the table */
} ink_cache_spec;

/* NULL: INK_CACHE_DEFAULT. BAD_ARGUMENT: says what was found, and where in error->offset. */
ink_status ink_cache_spec_read(ink_cache_spec *spec, const char *text, size_t n_layers,
                               ink_error *error);

/* The i-th row's name; NULL at the end. What it keeps keys, or values, in for good. */
const char *ink_cache_format_name(size_t index);
ink_format ink_cache_format_of(size_t index, bool values);

/* Layers of a model's cache: as many as the model has, or twice that. */
size_t ink_cache_spec_n_layers(const ink_cache_spec *spec, const ink_model *model);

/*
 * Layout and window of a layer of the cache; no heads: it has no pages. BAD_ARGUMENT when the heads
 * are not a multiple of the format's block.
 */
ink_status ink_cache_spec_layout(const ink_cache_spec *spec, const ink_model *model, size_t index,
                                 ink_kv_layout *layout, size_t *window, ink_error *error);

/*
 * A name of at most INK_CACHE_NAME_BYTES, zeros behind it, that two caches of a model share only
 * when they keep the same: the format's, in capitals, or MIXED and a part of a digest.
 */
void ink_cache_spec_name(const ink_cache_spec *spec, size_t n_layers,
                         char name[INK_CACHE_NAME_BYTES]);

#endif
