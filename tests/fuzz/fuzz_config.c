/*
 * Configurations of new models: any bytes are refused in words that name the file, or become
 * hyperparameters that binding and building could use: every part has dimensions.
 */
#include <stdlib.h>
#include <string.h>

#include "learn/config.h"
#include "model/part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(const ink_config *config)
{
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        const char *shape = ink_parts[role].shape;
        for (size_t i = 0; ink_config_has(config, role) && shape[i] && shape[i] != '|'; i++)
            if (shape[i] != 'V' && ink_part_dimension(&config->hparams, shape[i], 0) == 0)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_config config;
    ink_gguf_writer *writer;
    ink_arena arena;
    ink_error error = {0};
    ink_arena_init(&arena, NULL, (size_t)1 << 26);
    if (ink_gguf_writer_new(&writer, 0, NULL, NULL) != INK_OK)
        return 0;
    ink_status status =
        ink_config_read(&config, writer, (const char *)data, size, "c.json", &arena, &error);
    if (status == INK_OK)
        check_parts(&config);
    else if (error.status != status || !strstr(error.message, "c.json"))
        abort();
    ink_gguf_writer_free(writer);
    ink_arena_deinit(&arena);
    return 0;
}
