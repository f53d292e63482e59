/* Files of statistics: whatever is in them, they are read or refused. */
#include <stddef.h>
#include <stdint.h>

#include "shrink/statistics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    ink_gguf *gguf = NULL;
    ink_statistics statistics;
    float weights[256];
    if (ink_gguf_open_memory(&gguf, data, n_bytes, "fuzz", NULL, NULL) != INK_OK)
        return 0;
    ink_statistics_init(&statistics, NULL);
    if (ink_statistics_read_from(&statistics, gguf, NULL) == INK_OK)
        for (size_t i = 0; i < statistics.n; i++)
            for (size_t e = 0; e < statistics.all[i].n_experts; e++)
                if (statistics.all[i].k <= 256)
                    (void)ink_inputs_weights(&statistics.all[i], e, weights);
    ink_statistics_deinit(&statistics);
    ink_gguf_free(gguf);
    return 0;
}
