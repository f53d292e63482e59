/* Headers of safetensors files, and the index of a set of them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/document.h"
#include "convert/source.h"

#define LENGTH_BYTES 8 /* before the header: how long it is */
#define SUFFIX ".safetensors"

/* Types of numbers, with their bytes; those that are read by the name of a format. */
static const struct number_type {
    char name[8];
    uint8_t n_bytes;
} number_types[] = {
    {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8},     {"I64", 8},     {"I32", 4},
    {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1},
};

enum { N_READ = 3 }; /* the first of them */

typedef struct reader {
    ink_source *source;
    const char *file;
    uint32_t index;  /* of the file */
    uint64_t begin;  /* of the data in the file */
    uint64_t n_data; /* bytes of it */
    ink_error *error;
} reader;

static ink_status refuse(const reader *r, ink_status status, const char *name, const char *what)
{
    return ink_fail(r->error, status, 0, "%s: tensor %.200s: %s", r->file, name, what);
}

/* ---- One tensor ------------------------------------------------------------------------------ */

static ink_status read_type(const reader *r, const ink_value *entry, ink_source_tensor *t,
                            uint64_t *size)
{
    for (size_t i = 0; i < sizeof number_types / sizeof *number_types; i++) {
        if (!ink_document_is_text(entry, "dtype", number_types[i].name))
            continue;
        t->type = number_types[i].name;
        t->format = INK_N_FORMATS;
        if (i < N_READ)
            (void)ink_format_by_name(t->type, &t->format);
        *size = number_types[i].n_bytes;
        return INK_OK;
    }
    return refuse(r, INK_UNSUPPORTED, t->name, "its dtype is not known");
}

/* Fills n numbers that must be whole and not negative; false: they are not. */
static bool read_numbers(const ink_value *entry, const char *key, size_t max, uint64_t *out,
                         uint32_t *n)
{
    const ink_value *list = ink_document_get(entry, key);
    if (!list || list->kind != INK_VALUE_LIST || list->as.list->n_items > max)
        return false;
    *n = (uint32_t)list->as.list->n_items;
    for (uint32_t i = 0; i < *n; i++) {
        ink_value item = list->as.list->items[i];
        if (item.kind != INK_VALUE_INTEGER || item.as.integer < 0)
            return false;
        out[i] = (uint64_t)item.as.integer;
    }
    return true;
}

static ink_status read_tensor(const reader *r, const char *name, const ink_value *entry)
{
    ink_source_tensor t = {.name = name, .file = r->index, .shape = {1, 1, 1, 1}};
    uint64_t range[2], n_bytes = 0;
    uint32_t n_range = 0;
    if (entry->kind != INK_VALUE_DICT || entry->as.dict->n_entries != 3)
        return refuse(r, INK_CORRUPT, name, "needs dtype, shape, data_offsets");
    INK_TRY(read_type(r, entry, &t, &n_bytes));
    if (!read_numbers(entry, "shape", INK_SOURCE_MAX_DIMS, t.shape, &t.n_dims))
        return refuse(r, INK_CORRUPT, name, "its shape is not at most 4 sizes");
    for (uint32_t i = 0; i < t.n_dims; i++)
        if (!ink_u64_mul(n_bytes, t.shape[i], &n_bytes))
            return refuse(r, INK_CORRUPT, name, "its shape is too large");
    if (!read_numbers(entry, "data_offsets", 2, range, &n_range) || n_range != 2 ||
        range[0] > range[1] || range[1] > r->n_data)
        return refuse(r, INK_CORRUPT, name, "data_offsets are outside the data");
    if (range[1] - range[0] != n_bytes)
        return refuse(r, INK_CORRUPT, name, "data_offsets do not fit shape and dtype");
    t.offset = r->begin + range[0];
    t.n_bytes = n_bytes;
    return ink_source_take_tensor(r->source, t, r->error);
}

/* ---- One file -------------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
    const ink_source_tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

/* What no tensor claims might hide anything, and what two claim is a mistake of one of them. */
static ink_status check_ranges(const reader *r, size_t first)
{
    ink_source *s = r->source;
    uint64_t at = r->begin;
    if (s->n_tensors > first)
        qsort(s->tensors + first, s->n_tensors - first, sizeof *s->tensors, by_offset);
    for (size_t i = first; i < s->n_tensors; i++) {
        if (s->tensors[i].offset != at)
            return refuse(r, INK_CORRUPT, s->tensors[i].name,
                          s->tensors[i].offset < at ? "overlaps another" : "has a gap before it");
        at += s->tensors[i].n_bytes;
    }
    if (at != r->begin + r->n_data)
        return ink_fail(r->error, INK_CORRUPT, at, "%s: %" PRIu64 " bytes behind the last tensor",
                        r->file, r->begin + r->n_data - at);
    return INK_OK;
}

static ink_status read_entries(const reader *r, ink_value header)
{
    size_t first = r->source->n_tensors;
    for (uint32_t i = 0; i < header.as.dict->n_entries; i++) {
        const ink_value_entry *entry = &header.as.dict->entries[i];
        if (ink_value_is_text(entry->key, "__metadata__"))
            continue;
        char *name = ink_arena_string(&r->source->arena, entry->key.as.text, entry->key.n_bytes);
        if (!name)
            return ink_fail_memory(r->error, "the tensors of a model");
        if (strlen(name) != entry->key.n_bytes)
            return refuse(r, INK_CORRUPT, name, "its name holds a NUL");
        INK_TRY(read_tensor(r, name, &entry->item));
    }
    return check_ranges(r, first);
}

static ink_status read_header(reader *r, const ink_file *file, ink_arena *arena)
{
    uint8_t length[LENGTH_BYTES];
    uint64_t n = 0, size = ink_file_size(file);
    ink_value header;
    if (size < LENGTH_BYTES)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: is no safetensors file", r->file);
    INK_TRY(ink_file_read(file, 0, LENGTH_BYTES, length, r->error));
    for (int i = LENGTH_BYTES; i-- > 0;)
        n = n << 8 | length[i];
    if (n > size - LENGTH_BYTES)
        return ink_fail(r->error, INK_CORRUPT, 0,
                        "%s: its header has %" PRIu64 " bytes, the file %" PRIu64, r->file, n,
                        size);
    if (n > INK_JSON_MAX_BYTES)
        return ink_fail(r->error, INK_LIMIT, 0,
                        "%s: its header has %" PRIu64 " bytes, at most %zu are read", r->file, n,
                        INK_JSON_MAX_BYTES);
    char *text = ink_arena_take(arena, (size_t)n + 1, 1);
    if (!text)
        return ink_fail_memory(r->error, r->file);
    INK_TRY(ink_file_read(file, LENGTH_BYTES, (size_t)n, text, r->error));
    INK_TRY(ink_document_parse((ink_text){text, (size_t)n}, r->file, arena, &header, r->error));
    r->begin = LENGTH_BYTES + n;
    r->n_data = size - r->begin;
    return read_entries(r, header);
}

ink_status ink_safetensors_add(ink_source *source, ink_file *file, ink_error *error)
{
    ink_arena arena;
    reader r = {.source = source,
                .file = ink_file_name(file),
                .index = (uint32_t)source->n_files,
                .error = error};
    INK_TRY(ink_source_take_file(source, file, error));
    ink_arena_init(&arena, source->arena.allocator, INK_SOURCE_MAX_MEMORY);
    ink_status status = read_header(&r, file, &arena);
    ink_arena_deinit(&arena);
    return status;
}

/* ---- Several files --------------------------------------------------------------------------- */

#define INDEX "model.safetensors.index.json"

static ink_status refuse_index(ink_error *error, const char *what)
{
    return ink_fail(error, INK_CORRUPT, 0, INDEX ": %s", what);
}

static ink_status open_part(ink_source *source, const char *folder, const char *name,
                            ink_error *error)
{
    char path[INK_DOCUMENT_PATH_BYTES];
    ink_file *file;
    INK_TRY(ink_document_path(folder, name, path, error));
    INK_TRY(ink_file_open(&file, path, source->arena.allocator, error));
    return ink_safetensors_add(source, file, error);
}

/* The end of a path is a name that the index may say: no folder, nothing hidden. */
static bool is_plain(ink_value name)
{
    size_t n = sizeof SUFFIX - 1;
    return ink_value_is_string(name) && name.n_bytes > n && name.as.text[0] != '.' &&
           !memchr(name.as.text, '/', name.n_bytes) && !memchr(name.as.text, 0, name.n_bytes) &&
           memcmp(name.as.text + name.n_bytes - n, SUFFIX, n) == 0;
}

static bool ends_with(const char *path, ink_value name)
{
    size_t n = strlen(path);
    return n > name.n_bytes && path[n - name.n_bytes - 1] == '/' &&
           memcmp(path + n - name.n_bytes, name.as.text, name.n_bytes) == 0;
}

static ink_status open_parts(ink_source *source, const char *folder, ink_value map,
                             ink_error *error)
{
    for (uint32_t i = 0; i < map.as.dict->n_entries; i++) {
        ink_value name = map.as.dict->entries[i].item;
        size_t known = 0;
        if (!is_plain(name))
            return refuse_index(error, "names a file that is not one of this folder");
        while (known < source->n_files && !ends_with(ink_file_name(source->files[known]), name))
            known++;
        if (known < source->n_files)
            continue;
        char *copy = ink_arena_string(&source->arena, name.as.text, name.n_bytes);
        if (!copy)
            return ink_fail_memory(error, "the files of a model");
        INK_TRY(open_part(source, folder, copy, error));
    }
    return ink_source_sort(source, error);
}

/* Both say the same: a tensor is in the file that the index names, and no other is anywhere. */
static ink_status check_index(const ink_source *source, ink_value map, ink_error *error)
{
    bool same = source->n_tensors == map.as.dict->n_entries;
    for (size_t i = 0; same && i < source->n_tensors; i++) {
        const ink_source_tensor *t = &source->tensors[i];
        const ink_value *file = ink_value_find_name(map, t->name);
        same = file && ends_with(ink_source_file_name(source, t), *file);
    }
    return same ? INK_OK : refuse_index(error, "does not name the tensors that the files have");
}

static ink_status open_set(ink_source *source, const char *folder, ink_arena *arena,
                           ink_error *error)
{
    ink_value index;
    INK_TRY(ink_document_read(folder, INDEX, arena, &index, error));
    if (index.kind == INK_VALUE_UNDEFINED)
        return ink_fail(error, INK_IO, 0, "%s: has no model" SUFFIX "", folder);
    const ink_value *map = ink_document_get(&index, "weight_map");
    if (!map || map->kind != INK_VALUE_DICT)
        return refuse_index(error, "has no weight_map");
    INK_TRY(open_parts(source, folder, *map, error));
    return check_index(source, *map, error);
}

ink_status ink_safetensors_open(ink_source *source, const char *folder, ink_error *error)
{
    char path[INK_DOCUMENT_PATH_BYTES];
    ink_arena arena;
    INK_TRY(ink_document_path(folder, "model" SUFFIX, path, error));
    if (access(path, F_OK) == 0) {
        INK_TRY(open_part(source, folder, "model" SUFFIX, error));
        return ink_source_sort(source, error);
    }
    ink_arena_init(&arena, source->arena.allocator, INK_SOURCE_MAX_MEMORY);
    ink_status status = open_set(source, folder, &arena, error);
    ink_arena_deinit(&arena);
    return status;
}
