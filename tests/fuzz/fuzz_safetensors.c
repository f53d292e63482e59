/*
 * Any bytes as a safetensors file: it is refused with a message that names it, or all of its
 * tensors lie inside it, one behind the other.
 */
#include <stdlib.h>
#include <string.h>

#include "convert/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const ink_source *source, size_t size)
{
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < source->n_tensors; i++) {
        const ink_source_tensor *t = &source->tensors[i];
        if (t->offset < 8 || t->offset > size || t->n_bytes > size - t->offset ||
            ink_source_find(source, t->name) != t)
            abort();
        n_bytes += t->n_bytes;
    }
    if (n_bytes > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_source source;
    ink_file *file;
    ink_error error = {.status = INK_OK};
    if (ink_file_borrow(&file, data, size, "x.safetensors", NULL, NULL) != INK_OK)
        return 0;
    ink_source_init(&source, NULL);
    ink_status status = ink_safetensors_add(&source, file, &error);
    if (status != INK_OK && (error.status != status || !strstr(error.message, "x.safetensors")))
        abort();
    if (status == INK_OK && ink_source_sort(&source, &error) == INK_OK)
        check(&source, size);
    ink_source_deinit(&source);
    return 0;
}
