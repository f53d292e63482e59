#include "convert/source.h"

#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"

void ink_source_init(ink_source *source, const ink_allocator *allocator)
{
    *source = (ink_source){0};
    ink_arena_init(&source->arena, allocator, INK_SOURCE_MAX_MEMORY);
}

void ink_source_deinit(ink_source *source)
{
    const ink_allocator *allocator = source->arena.allocator;
    for (size_t i = 0; i < source->n_files; i++)
        ink_file_close(source->files[i]);
    ink_delete(allocator, source->files);
    ink_delete(allocator, source->tensors);
    ink_arena_deinit(&source->arena);
}

ink_status ink_source_take_file(ink_source *source, ink_file *file, ink_error *error)
{
    ink_file **files =
        ink_resize(source->arena.allocator, source->files, source->n_files + 1, sizeof *files);
    if (!files) {
        ink_file_close(file);
        return ink_fail_memory(error, "the files of a model");
    }
    source->files = files;
    files[source->n_files++] = file;
    return INK_OK;
}

ink_status ink_source_take_tensor(ink_source *source, ink_source_tensor tensor, ink_error *error)
{
    if (source->n_tensors == source->capacity) {
        size_t capacity = source->capacity ? 2 * source->capacity : 64;
        ink_source_tensor *tensors =
            ink_resize(source->arena.allocator, source->tensors, capacity, sizeof *tensors);
        if (!tensors)
            return ink_fail_memory(error, "the tensors of a model");
        source->tensors = tensors;
        source->capacity = capacity;
    }
    tensor.name = ink_arena_string(&source->arena, tensor.name, strlen(tensor.name));
    if (!tensor.name)
        return ink_fail_memory(error, "the tensors of a model");
    source->tensors[source->n_tensors++] = tensor;
    return INK_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ink_source_tensor *)a)->name, ((const ink_source_tensor *)b)->name);
}

ink_status ink_source_sort(ink_source *source, ink_error *error)
{
    if (source->n_tensors == 0)
        return ink_fail(error, INK_CORRUPT, 0, "there are no tensors");
    qsort(source->tensors, source->n_tensors, sizeof *source->tensors, by_name);
    for (size_t i = 1; i < source->n_tensors; i++)
        if (strcmp(source->tensors[i - 1].name, source->tensors[i].name) == 0)
            return ink_fail(error, INK_CORRUPT, 0, "tensor %.200s is in %s and in %s",
                            source->tensors[i].name,
                            ink_source_file_name(source, &source->tensors[i - 1]),
                            ink_source_file_name(source, &source->tensors[i]));
    return INK_OK;
}

ink_source_tensor *ink_source_find(const ink_source *source, const char *name)
{
    const ink_source_tensor wanted = {.name = name};
    return bsearch(&wanted, source->tensors, source->n_tensors, sizeof wanted, by_name);
}

const char *ink_source_file_name(const ink_source *source, const ink_source_tensor *tensor)
{
    return ink_file_name(source->files[tensor->file]);
}
