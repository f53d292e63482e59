/*
 * What a cache is kept in, as it is written: any text is read or refused in words with a place
 * within it, and what was read has a format for every layer and a name without bytes that cannot be
 * shown.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/cache_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const ink_cache_spec *spec, size_t n_layers)
{
    char name[INK_CACHE_NAME_BYTES];
    ink_cache_spec_name(spec, n_layers, name);
    for (size_t i = 0; i < sizeof name && name[i]; i++)
        if (name[i] < ' ' || name[i] > '~')
            abort();
}

static void check_layers(const ink_cache_spec *spec, size_t n_layers)
{
    for (size_t i = 0; i < n_layers; i++)
        if (!ink_cache_format_name(spec->keys[i]) || !ink_cache_format_name(spec->values[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t models[] = {1, 2, 32, INK_MAX_LAYERS};
    char text[4096];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    bool allowed = ink_cache_check(text, NULL) == INK_OK;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        ink_cache_spec spec;
        ink_error error = {.status = INK_OK};
        if (ink_cache_spec_read(&spec, text, models[i], &error) == INK_OK) {
            if (!allowed)
                abort();
            check_layers(&spec, models[i]);
            check_name(&spec, models[i]);
        } else if (error.status != INK_BAD_ARGUMENT || error.offset > strlen(text)) {
            abort();
        }
    }
    return 0;
}
