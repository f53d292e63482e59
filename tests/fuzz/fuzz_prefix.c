/*
 * Any bytes as the file of a kept prefix: it is refused with a message that names the file, or it
 * is what was written for exactly this block.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/prefix_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATA_BYTES = 192 };

static void demand(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t root[INK_SHA256_BYTES], parent[INK_SHA256_BYTES], found[DATA_BYTES];
    int32_t tokens[INK_PAGE];
    ink_error error = {.status = INK_OK};
    ink_file *file = NULL;
    memset(root, 1, sizeof root);
    memset(parent, 2, sizeof parent);
    for (int32_t i = 0; i < INK_PAGE; i++)
        tokens[i] = i;
    const ink_prefix_key key = {root, parent, tokens, INK_KV_FULL, sizeof found};
    if (ink_file_borrow(&file, data, size, "input.inkprefix", NULL, NULL) != INK_OK)
        return 0;
    ink_status status = ink_prefix_read(file, &key, found, &error);
    if (status == INK_OK)
        demand(size == INK_PREFIX_DATA_OFFSET + sizeof found &&
               memcmp(found, data + INK_PREFIX_DATA_OFFSET, sizeof found) == 0);
    else
        demand(status == INK_CORRUPT && error.status == status &&
               strncmp(error.message, "input.inkprefix: ", 17) == 0);
    ink_file_close(file);
    return 0;
}
