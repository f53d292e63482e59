/*
 * Split sets: NAME-00001-of-0000N.gguf and its siblings. The first part has the metadata; every
 * part says which it is, of how many, and how many tensors they have together. The convention is
 * that of the reference tools.
 */
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "format/gguf_internal.h"

#define SUFFIX_FORMAT "-%05" PRIu32 "-of-%05" PRIu32 ".gguf"
#define SUFFIX_BYTES 20    /* five digits each; more than INK_GGUF_MAX_PARTS needs */
#define SUFFIX_CAPACITY 32 /* with the digits of any uint32 */

typedef struct split {
    uint32_t no, count, n_tensors; /* n_tensors over all parts */
} split;

char *ink_gguf_part_path(const char *stem, size_t stem_bytes, uint32_t no, uint32_t count,
                         const ink_allocator *allocator)
{
    size_t capacity;
    if (!ink_size_add(stem_bytes, SUFFIX_CAPACITY, &capacity))
        return NULL;
    char *path = ink_new(allocator, capacity, 1);
    if (!path)
        return NULL;
    memcpy(path, stem, stem_bytes);
    (void)snprintf(path + stem_bytes, SUFFIX_CAPACITY, SUFFIX_FORMAT, no + 1, count);
    return path;
}

static ink_status read_split(const ink_gguf *gguf, split *out, ink_error *error)
{
    *out = (split){.no = 0, .count = 1, .n_tensors = (uint32_t)gguf->n_tensors};
    INK_TRY(ink_gguf_get_u32(gguf, INK_GGUF_KEY_SPLIT_COUNT, &out->count, error));
    INK_TRY(ink_gguf_get_u32(gguf, INK_GGUF_KEY_SPLIT_NO, &out->no, error));
    INK_TRY(ink_gguf_get_u32(gguf, INK_GGUF_KEY_SPLIT_TENSORS, &out->n_tensors, error));
    if (out->count > INK_GGUF_MAX_PARTS)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: one of %" PRIu32 " parts, at most %u are supported",
                        ink_gguf_name(gguf), out->count, INK_GGUF_MAX_PARTS);
    if (out->n_tensors > INK_GGUF_MAX_TENSORS)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %" PRIu32 " tensors in all parts, at most %u are supported",
                        ink_gguf_name(gguf), out->n_tensors, INK_GGUF_MAX_TENSORS);
    if (out->no >= out->count && out->count > 1)
        return ink_fail(error, INK_CORRUPT, 0, "%s: part %" PRIu32 " of %" PRIu32 " cannot be",
                        ink_gguf_name(gguf), out->no + 1, out->count);
    return INK_OK;
}

static ink_status check_first(const ink_gguf *gguf, const char *path, split first, ink_error *error)
{
    const char *name = ink_gguf_name(gguf);
    char suffix[SUFFIX_CAPACITY];
    if (!path)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: one of %" PRIu32
                        " parts; a split model can only be opened by its path",
                        name, first.count);
    if (first.no != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: part %" PRIu32 " of %" PRIu32
                        "; open the first part, *-00001-of-%05" PRIu32 ".gguf",
                        name, first.no + 1, first.count, first.count);
    (void)snprintf(suffix, sizeof suffix, SUFFIX_FORMAT, (uint32_t)1, first.count);
    size_t n_bytes = strlen(path);
    if (n_bytes < SUFFIX_BYTES || strcmp(path + (n_bytes - SUFFIX_BYTES), suffix) != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: the first of %" PRIu32
                        " parts; its name must end in %s for the others to be "
                        "found",
                        name, first.count, suffix);
    return INK_OK;
}

/* The items of an array lie together in the header, whatever their type. */
static bool same_value(const ink_gguf_value *a, const ink_gguf_value *b)
{
    if (a->type != b->type || a->item_type != b->item_type || a->n_bytes != b->n_bytes)
        return false;
    size_t head = a->type == INK_GGUF_STRING  ? sizeof(uint64_t)
                  : a->type == INK_GGUF_ARRAY ? INK_GGUF_ARRAY_HEAD_BYTES
                                              : 0;
    return memcmp(a->bytes, b->bytes, (size_t)a->n_bytes - head) == 0;
}

/*
 * Parts made by one tool at one time agree in every key that both have, and say the same of the
 * set.
 */
static ink_status check_part(const ink_gguf *gguf, const ink_gguf *part, uint32_t no,
                             ink_error *error)
{
    const char *name = ink_gguf_name(part);
    split first, found;
    INK_TRY(read_split(gguf, &first, error));
    INK_TRY(read_split(part, &found, error));
    if (found.count != first.count || found.n_tensors != first.n_tensors)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: belongs to another model: a set of %" PRIu32 " parts and %" PRIu32
                        " tensors, expected %" PRIu32 " parts and %" PRIu32 " tensors",
                        name, found.count, found.n_tensors, first.count, first.n_tensors);
    if (found.no != no)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: holds part %" PRIu32 " again, expected part %" PRIu32 " of %" PRIu32,
                        name, found.no + 1, no + 1, first.count);
    for (size_t i = 0; i < part->n_values; i++) {
        const ink_gguf_value *value = &part->values[i], *other = ink_gguf_find(gguf, value->key);
        if (other && strcmp(value->key, INK_GGUF_KEY_SPLIT_NO) != 0 && !same_value(value, other))
            return ink_fail(
                error, INK_CORRUPT, value->offset,
                "%s: belongs to another model: key %.64s differs from that of the first part", name,
                value->key);
    }
    return INK_OK;
}

/* The part belongs to `gguf` as soon as it is open, so that a failure frees it with the set. */
static ink_status open_other(ink_gguf *gguf, const char *path, uint32_t no, split first,
                             ink_error *error)
{
    ink_file *file;
    size_t stem_bytes = strlen(path) - SUFFIX_BYTES;
    char *part_path = ink_gguf_part_path(path, stem_bytes, no, first.count, gguf->allocator);
    if (!part_path)
        return ink_fail_memory(error, "the path of a part");
    ink_status status = ink_file_open(&file, part_path, gguf->allocator, error);
    ink_delete(gguf->allocator, part_path);
    if (status != INK_OK)
        return status;
    INK_TRY(ink_gguf_open_part(&gguf->others[no - 1], file, gguf->allocator, error));
    gguf->n_others = no;
    return check_part(gguf, gguf->others[no - 1], no, error);
}

static ink_status join_tensors(ink_gguf *gguf, split first, ink_error *error)
{
    size_t n_tensors = gguf->n_tensors;
    for (uint32_t i = 0; i < gguf->n_others; i++)
        n_tensors += gguf->others[i]->n_tensors; /* at most MAX_PARTS * MAX_TENSORS */
    if (n_tensors != first.n_tensors)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: the parts have %zu tensors together, expected %" PRIu32,
                        ink_gguf_name(gguf), n_tensors, first.n_tensors);
    ink_gguf_tensor *all = ink_resize(gguf->allocator, gguf->tensors, n_tensors, sizeof *all);
    if (!all)
        return ink_fail_memory(error, "the tensor table of a GGUF file");
    gguf->tensors = all;
    for (uint32_t i = 0; i < gguf->n_others; i++) {
        const ink_gguf *part = gguf->others[i];
        for (size_t k = 0; k < part->n_tensors; k++) {
            all[gguf->n_tensors] = part->tensors[k];
            all[gguf->n_tensors++].part = i + 1;
        }
    }
    return ink_gguf_index_tensors(gguf, error);
}

ink_status ink_gguf_join_parts(ink_gguf *gguf, const char *path, ink_error *error)
{
    split first;
    INK_TRY(read_split(gguf, &first, error));
    if (first.count <= 1)
        return INK_OK;
    INK_TRY(check_first(gguf, path, first, error));
    gguf->others = ink_new(gguf->allocator, first.count - 1, sizeof(ink_gguf *));
    if (!gguf->others)
        return ink_fail_memory(error, "the parts of a GGUF file");
    for (uint32_t no = 1; no < first.count; no++)
        INK_TRY(open_other(gguf, path, no, first, error));
    return join_tensors(gguf, first, error);
}
