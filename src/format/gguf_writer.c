/*
 * Collecting what stands in the header. Values are serialized as they are set, so that no type
 * needs a struct.
 */
#include <string.h>
#include "base/size.h"
#include "format/gguf_writer_internal.h"

#define SPLIT_KEYS 3u

ink_status ink_gguf_writer_new(ink_gguf_writer **out, uint64_t max_part_bytes,
                               const ink_allocator *allocator, ink_error *error)
{
    ink_gguf_writer *writer = ink_new(allocator, 1, sizeof *writer);
    if (!writer)
        return ink_fail_memory(error, "a GGUF writer");
    writer->allocator = allocator;
    writer->max_part_bytes = max_part_bytes;
    writer->alignment = INK_GGUF_DEFAULT_ALIGNMENT;
    ink_buffer_init(&writer->metadata, allocator, INK_GGUF_MAX_HEADER_BYTES);
    ink_arena_init(&writer->names, allocator, INK_GGUF_MAX_HEADER_BYTES);
    *out = writer;
    return INK_OK;
}

void ink_gguf_writer_free(ink_gguf_writer *writer)
{
    if (!writer)
        return;
    for (uint32_t i = 0; i < writer->n_opened; i++)
        ink_file_writer_close(writer->files[i]);
    ink_delete(writer->allocator, writer->files);
    ink_delete(writer->allocator, writer->path);
    ink_delete(writer->allocator, writer->tensors);
    ink_delete(writer->allocator, writer->entries);
    ink_arena_deinit(&writer->names);
    ink_buffer_deinit(&writer->metadata);
    ink_delete(writer->allocator, writer);
}

/* Room for one more item of an array that grows by half. */
static bool grow(const ink_allocator *allocator, void **items, size_t *capacity, size_t n,
                 size_t size)
{
    if (n < *capacity)
        return true;
    size_t wanted = n + n / 2 + 16;
    void *grown = ink_resize(allocator, *items, wanted, size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

/* ---- Metadata */

ink_gguf_string ink_gguf_entry_key(const ink_gguf_writer *writer, const ink_gguf_entry *entry)
{
    uint64_t n_bytes;
    const char *bytes = writer->metadata.data + entry->start;
    memcpy(&n_bytes, bytes, sizeof n_bytes);
    return (ink_gguf_string){bytes + sizeof n_bytes, (size_t)n_bytes};
}

static ink_gguf_entry *find_entry(ink_gguf_writer *writer, const char *key)
{
    size_t n_bytes = strlen(key);
    for (size_t i = 0; i < writer->n_entries; i++) {
        ink_gguf_string found = ink_gguf_entry_key(writer, &writer->entries[i]);
        if (found.n_bytes == n_bytes && memcmp(found.text, key, n_bytes) == 0)
            return &writer->entries[i];
    }
    return NULL;
}

static bool is_split_key(const char *key)
{
    return strncmp(key, INK_GGUF_KEY_PREFIX_SPLIT, strlen(INK_GGUF_KEY_PREFIX_SPLIT)) == 0;
}

static ink_status check_key(const ink_gguf_writer *writer, const char *key, ink_error *error)
{
    size_t n_bytes = strlen(key);
    if (writer->path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "key %.64s: set after writing began", key);
    if (n_bytes > INK_GGUF_MAX_KEY_BYTES || !ink_gguf_name_valid(key, n_bytes))
        return ink_fail(
            error, INK_BAD_ARGUMENT, 0,
            "a key of %zu bytes: it must have 1 to %u, be UTF-8 and hold no control characters",
            n_bytes, INK_GGUF_MAX_KEY_BYTES);
    if (is_split_key(key))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "key %.64s: set by the writer itself", key);
    return INK_OK;
}

/* Key and type; the caller appends the value and ends with end_entry. Failed appends show there. */
static size_t begin_entry(ink_gguf_writer *writer, const char *key, ink_gguf_type type)
{
    size_t start = writer->metadata.n_bytes;
    uint64_t n_bytes = strlen(key);
    uint32_t number = type;
    ink_buffer_append(&writer->metadata, &n_bytes, sizeof n_bytes);
    ink_buffer_append(&writer->metadata, key, (size_t)n_bytes);
    ink_buffer_append(&writer->metadata, &number, sizeof number);
    return start;
}

static ink_status take_alignment(ink_gguf_writer *writer, size_t value_start, ink_gguf_type type,
                                 ink_error *error)
{
    ink_gguf_value value = {.type = type, .item_type = type, .n_items = 1};
    uint64_t alignment = 0;
    value.bytes = (const uint8_t *)writer->metadata.data + value_start;
    if (!ink_gguf_item_u64(&value, 0, &alignment) || !ink_gguf_alignment_valid(alignment))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: must be an integer, a power of two from %u to %u",
                        INK_GGUF_KEY_ALIGNMENT, INK_GGUF_MIN_ALIGNMENT, INK_GGUF_MAX_ALIGNMENT);
    writer->alignment = (uint32_t)alignment;
    return INK_OK;
}

static ink_status add_entry(ink_gguf_writer *writer, const char *key, ink_gguf_entry entry,
                            ink_error *error)
{
    ink_gguf_entry *existing = find_entry(writer, key);
    if (!existing && writer->n_entries >= INK_GGUF_MAX_KEYS - SPLIT_KEYS)
        return ink_fail(error, INK_LIMIT, 0, "key %.64s: more than %u keys", key,
                        INK_GGUF_MAX_KEYS - SPLIT_KEYS);
    if (!existing && !grow(writer->allocator, (void **)&writer->entries, &writer->entry_capacity,
                           writer->n_entries, sizeof entry))
        return ink_fail_memory(error, "the metadata of a GGUF writer");
    if (!existing)
        existing = &writer->entries[writer->n_entries++];
    *existing = entry;
    return INK_OK;
}

/* Keeps the value appended since begin_entry, or forgets it when that or something here failed. */
static ink_status end_entry(ink_gguf_writer *writer, const char *key, size_t start,
                            ink_gguf_type type, ink_error *error)
{
    ink_buffer *metadata = &writer->metadata;
    ink_gguf_entry entry = {.start = start, .n_bytes = metadata->n_bytes - start, .type = type};
    size_t value_start = start + sizeof(uint64_t) + strlen(key) + sizeof(uint32_t);
    ink_status status = INK_OK;
    if (metadata->failed)
        status = ink_fail(error, INK_NO_MEMORY, 0,
                          "key %.64s: out of memory, or more than %u bytes of metadata", key,
                          INK_GGUF_MAX_HEADER_BYTES);
    if (status == INK_OK && strcmp(key, INK_GGUF_KEY_ALIGNMENT) == 0)
        status = take_alignment(writer, value_start, type, error);
    if (status == INK_OK)
        status = add_entry(writer, key, entry, error);
    if (status != INK_OK) {
        metadata->n_bytes = start;
        metadata->failed = false;
    }
    return status;
}

static ink_status check_items(const char *key, ink_gguf_type type, const void *items, size_t n,
                              ink_error *error)
{
    if (ink_gguf_type_bytes(type) == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "key %.64s: %s is no type of numbers", key,
                        ink_gguf_type_name(type));
    for (size_t i = 0; type == INK_GGUF_BOOL && i < n; i++)
        if (((const uint8_t *)items)[i] > 1)
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "key %.64s: a bool is neither 0 nor 1",
                            key);
    return INK_OK;
}

ink_status ink_gguf_writer_set_number(ink_gguf_writer *writer, const char *key, ink_gguf_type type,
                                      const void *number, ink_error *error)
{
    INK_TRY(check_key(writer, key, error));
    INK_TRY(check_items(key, type, number, 1, error));
    size_t start = begin_entry(writer, key, type);
    ink_buffer_append(&writer->metadata, number, ink_gguf_type_bytes(type));
    return end_entry(writer, key, start, type, error);
}

ink_status ink_gguf_writer_set_u32(ink_gguf_writer *writer, const char *key, uint32_t number,
                                   ink_error *error)
{
    return ink_gguf_writer_set_number(writer, key, INK_GGUF_U32, &number, error);
}

ink_status ink_gguf_writer_set_f32(ink_gguf_writer *writer, const char *key, float number,
                                   ink_error *error)
{
    return ink_gguf_writer_set_number(writer, key, INK_GGUF_F32, &number, error);
}

ink_status ink_gguf_writer_set_bool(ink_gguf_writer *writer, const char *key, bool truth,
                                    ink_error *error)
{
    uint8_t byte = truth;
    return ink_gguf_writer_set_number(writer, key, INK_GGUF_BOOL, &byte, error);
}

static void append_string(ink_gguf_writer *writer, ink_gguf_string string)
{
    uint64_t n_bytes = string.n_bytes;
    ink_buffer_append(&writer->metadata, &n_bytes, sizeof n_bytes);
    ink_buffer_append(&writer->metadata, string.text, string.n_bytes);
}

static void append_array_head(ink_gguf_writer *writer, ink_gguf_type item_type, uint64_t n_items)
{
    uint32_t number = item_type;
    ink_buffer_append(&writer->metadata, &number, sizeof number);
    ink_buffer_append(&writer->metadata, &n_items, sizeof n_items);
}

ink_status ink_gguf_writer_set_string(ink_gguf_writer *writer, const char *key,
                                      ink_gguf_string string, ink_error *error)
{
    INK_TRY(check_key(writer, key, error));
    size_t start = begin_entry(writer, key, INK_GGUF_STRING);
    append_string(writer, string);
    return end_entry(writer, key, start, INK_GGUF_STRING, error);
}

ink_status ink_gguf_writer_set_text(ink_gguf_writer *writer, const char *key, const char *text,
                                    ink_error *error)
{
    return ink_gguf_writer_set_string(writer, key, (ink_gguf_string){text, strlen(text)}, error);
}

ink_status ink_gguf_writer_set_array(ink_gguf_writer *writer, const char *key,
                                     ink_gguf_type item_type, const void *items, size_t n_items,
                                     ink_error *error)
{
    size_t n_bytes;
    INK_TRY(check_key(writer, key, error));
    INK_TRY(check_items(key, item_type, items, n_items, error));
    if (!ink_size_mul(n_items, ink_gguf_type_bytes(item_type), &n_bytes))
        return ink_fail(error, INK_LIMIT, 0, "key %.64s: %zu items are too many", key, n_items);
    size_t start = begin_entry(writer, key, INK_GGUF_ARRAY);
    append_array_head(writer, item_type, n_items);
    ink_buffer_append(&writer->metadata, items, n_bytes);
    return end_entry(writer, key, start, INK_GGUF_ARRAY, error);
}

ink_status ink_gguf_writer_set_strings(ink_gguf_writer *writer, const char *key,
                                       const ink_gguf_string *strings, size_t n_strings,
                                       ink_error *error)
{
    INK_TRY(check_key(writer, key, error));
    size_t start = begin_entry(writer, key, INK_GGUF_ARRAY);
    append_array_head(writer, INK_GGUF_STRING, n_strings);
    for (size_t i = 0; i < n_strings; i++)
        append_string(writer, strings[i]);
    return end_entry(writer, key, start, INK_GGUF_ARRAY, error);
}

/* Whatever an array holds, its items lie together in the header it was read from. */
ink_status ink_gguf_writer_set_value(ink_gguf_writer *writer, const char *key,
                                     const ink_gguf_value *value, ink_error *error)
{
    if (value->type == INK_GGUF_STRING)
        return ink_gguf_writer_set_string(writer, key, ink_gguf_item_string(value, 0), error);
    if (value->type != INK_GGUF_ARRAY)
        return ink_gguf_writer_set_number(writer, key, value->type, value->bytes, error);
    INK_TRY(check_key(writer, key, error));
    size_t start = begin_entry(writer, key, INK_GGUF_ARRAY);
    append_array_head(writer, value->item_type, value->n_items);
    ink_buffer_append(&writer->metadata, value->bytes,
                      (size_t)value->n_bytes - INK_GGUF_ARRAY_HEAD_BYTES);
    return end_entry(writer, key, start, INK_GGUF_ARRAY, error);
}

ink_status ink_gguf_writer_set_all(ink_gguf_writer *writer, const ink_gguf *gguf, ink_error *error)
{
    for (size_t i = 0; i < ink_gguf_n_values(gguf); i++) {
        const ink_gguf_value *value = ink_gguf_get_value(gguf, i);
        if (!is_split_key(value->key))
            INK_TRY(ink_gguf_writer_set_value(writer, value->key, value, error));
    }
    return INK_OK;
}

/* ---- Tensors */

static ink_status check_tensor(const ink_gguf_writer *writer, const char *name, ink_error *error)
{
    size_t n_bytes = strlen(name);
    if (writer->path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "tensor %.64s: added after writing began",
                        name);
    if (n_bytes > INK_GGUF_MAX_NAME_BYTES || !ink_gguf_name_valid(name, n_bytes))
        return ink_fail(
            error, INK_BAD_ARGUMENT, 0,
            "a tensor name of %zu bytes: it must have 1 to %u, be UTF-8 and hold no control "
            "characters",
            n_bytes, INK_GGUF_MAX_NAME_BYTES);
    if (writer->n_tensors == INK_GGUF_MAX_TENSORS)
        return ink_fail(error, INK_LIMIT, 0, "tensor %.64s: more than %u tensors", name,
                        INK_GGUF_MAX_TENSORS);
    return INK_OK;
}

ink_status ink_gguf_writer_add_tensor(ink_gguf_writer *writer, const char *name, uint32_t gguf_type,
                                      uint32_t n_dims, const uint64_t *shape, ink_error *error)
{
    ink_gguf_tensor tensor = {.gguf_type = gguf_type, .n_dims = n_dims, .shape = {1, 1, 1, 1}};
    INK_TRY(check_tensor(writer, name, error));
    const char *fault = ink_gguf_tensor_bytes(gguf_type, n_dims, shape, &tensor.n_bytes);
    if (fault)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "tensor %.64s: %s", name, fault);
    memcpy(tensor.shape, shape, n_dims * sizeof *shape);
    tensor.name = ink_arena_string(&writer->names, name, strlen(name));
    if (!tensor.name || !grow(writer->allocator, (void **)&writer->tensors,
                              &writer->tensor_capacity, writer->n_tensors, sizeof tensor))
        return ink_fail_memory(error, "the tensor table of a GGUF writer");
    writer->tensors[writer->n_tensors++] = tensor;
    return INK_OK;
}
