/*
 * The tensors of a model as its author published it: safetensors, in one file or in several with an
 * index, or the weights of a llama2.c file under the same names.
 *
 * Source: the safetensors format (huggingface/safetensors, README). Everything that can be checked
 * without knowing the model is checked at open: each tensor lies inside its file, has the bytes
 * that type and shape say, and together they fill the file without gaps or overlaps. Data is read
 * on demand. Messages name the file and the tensor.
 */
#ifndef INK_CONVERT_SOURCE_H
#define INK_CONVERT_SOURCE_H

#include "base/file.h"
#include "base/memory.h"
#include "tensor/format.h"

#define INK_SOURCE_MAX_DIMS 4u
/*
 * Of headers and names, while they are read. A header has at most INK_JSON_MAX_BYTES, which bounds
 * how many tensors and files it can name.
 */
#define INK_SOURCE_MAX_MEMORY ((size_t)1 << 30)

typedef struct ink_source_tensor {
    const char *name;
    ink_format format; /* INK_N_FORMATS: numbers of `type` are not read */
    const char *type;  /* "BF16", ... */
    uint32_t n_dims, file;
    uint64_t shape[INK_SOURCE_MAX_DIMS]; /* outermost first; 1 beyond n_dims */
    uint64_t offset, n_bytes;            /* in its file */
    bool used;                           /* for whoever makes something of it */
} ink_source_tensor;

typedef struct ink_source {
    ink_arena arena; /* names */
    ink_file **files;
    size_t n_files;
    ink_source_tensor *tensors; /* in the order of their names, once sorted */
    size_t n_tensors, capacity;
} ink_source;

void ink_source_init(ink_source *source, const ink_allocator *allocator);
void ink_source_deinit(ink_source *source);

/* model.safetensors of a folder, or what its model.safetensors.index.json names. */
ink_status ink_safetensors_open(ink_source *source, const char *folder, ink_error *error);

/* The tensors of one file more, which is taken, also on failure. */
ink_status ink_safetensors_add(ink_source *source, ink_file *file, ink_error *error);

/* For whoever adds tensors: a file, which is taken also on failure; a tensor, its name copied. */
ink_status ink_source_take_file(ink_source *source, ink_file *file, ink_error *error);
ink_status ink_source_take_tensor(ink_source *source, ink_source_tensor tensor, ink_error *error);

/* Once all are there: so that they can be found. A name twice is INK_CORRUPT. */
ink_status ink_source_sort(ink_source *source, ink_error *error);

/* NULL: there is none. */
ink_source_tensor *ink_source_find(const ink_source *source, const char *name);

const char *ink_source_file_name(const ink_source *source, const ink_source_tensor *tensor);

#endif
