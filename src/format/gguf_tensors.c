/*
 * Reading the tensor table. Afterwards every range lies in the file, and no later code checks one
 * again.
 */
#include "base/size.h"
#include "format/gguf_internal.h"

/* Name length, one byte of name, n_dims, one dimension, type, offset. */
#define MIN_TENSOR_BYTES 33u

typedef struct known_type {
    uint32_t id, elements, bytes;
    const char *name;
    ink_format format;
} known_type;

/* The supported formats and those only known by name, in one table. */
static const known_type known_types[] = {
#define FORMAT(name, id, elements, block, fields) \
    {id, elements, (uint32_t)sizeof(block), #name, INK_FORMAT_##name},
#define PAGED(name, elements, block, fields)
#define REFUSED(name, id, elements, bytes) {id, elements, bytes, #name, INK_N_FORMATS},
#include "tensor/formats.def"
#undef FORMAT
#undef PAGED
#undef REFUSED
};

static const known_type *find_type(uint32_t id)
{
    for (size_t i = 0; i < sizeof known_types / sizeof *known_types; i++)
        if (known_types[i].id == id)
            return &known_types[i];
    return NULL;
}

bool ink_gguf_block(uint32_t gguf_type, uint32_t *elements, uint32_t *bytes)
{
    const known_type *type = find_type(gguf_type);
    if (!type)
        return false;
    *elements = type->elements;
    *bytes = type->bytes;
    return true;
}

const char *ink_gguf_tensor_bytes(uint32_t gguf_type, uint32_t n_dims, const uint64_t *shape,
                                  uint64_t *n_bytes)
{
    const known_type *type = find_type(gguf_type);
    uint64_t n_elements = 1;
    if (!type)
        return "unknown type";
    if (n_dims < 1 || n_dims > INK_GGUF_MAX_DIMS)
        return "the number of dimensions is not 1 to 4";
    for (uint32_t i = 0; i < n_dims; i++) {
        if (shape[i] == 0 || shape[i] > INT64_MAX)
            return "a dimension is zero or negative";
        if (!ink_u64_mul(n_elements, shape[i], &n_elements) || n_elements > INT64_MAX)
            return "the number of elements overflows";
    }
    if (shape[0] % type->elements)
        return "a row is not a whole number of blocks";
    if (!ink_u64_mul(n_elements / type->elements, type->bytes, n_bytes) || *n_bytes > INT64_MAX)
        return "the number of bytes overflows";
    return NULL;
}

static ink_status read_shape(ink_gguf_cursor *cursor, ink_gguf_tensor *tensor)
{
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_u32(cursor, &tensor->n_dims));
    if (tensor->n_dims < 1 || tensor->n_dims > INK_GGUF_MAX_DIMS)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "%" PRIu32 " dimensions, 1 to %u are possible,", tensor->n_dims,
                                    INK_GGUF_MAX_DIMS);
    for (uint32_t i = 0; i < INK_GGUF_MAX_DIMS; i++) {
        tensor->shape[i] = 1;
        if (i < tensor->n_dims)
            INK_TRY(ink_gguf_cursor_u64(cursor, &tensor->shape[i]));
    }
    return INK_OK;
}

static ink_status read_format(ink_gguf_cursor *cursor, ink_gguf_tensor *tensor)
{
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_u32(cursor, &tensor->gguf_type));
    const known_type *type = find_type(tensor->gguf_type);
    if (!type)
        return ink_gguf_cursor_fail(
            cursor, INK_UNSUPPORTED, at,
            "tensor type %" PRIu32 " is unknown or was removed from GGUF; "
            "convert the model again to one of the current types; it stands",
            tensor->gguf_type);
    tensor->format = type->format;
    tensor->type_name = type->name;
    const char *fault =
        ink_gguf_tensor_bytes(tensor->gguf_type, tensor->n_dims, tensor->shape, &tensor->n_bytes);
    if (fault)
        return ink_gguf_cursor_fail(
            cursor, INK_CORRUPT, at,
            "%s: [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "] of %s", fault,
            tensor->shape[0], tensor->shape[1], tensor->shape[2], tensor->shape[3], type->name);
    return INK_OK;
}

/* The offset is still relative to the data, whose place is known only after the table. */
static ink_status read_tensor(ink_gguf *gguf, ink_gguf_cursor *cursor, ink_gguf_tensor *tensor)
{
    uint64_t end;
    cursor->name = NULL;
    INK_TRY(ink_gguf_cursor_name(cursor, INK_GGUF_MAX_NAME_BYTES, &gguf->arena, &tensor->name));
    cursor->name = tensor->name;
    INK_TRY(read_shape(cursor, tensor));
    INK_TRY(read_format(cursor, tensor));
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_u64(cursor, &tensor->offset));
    if (tensor->offset % gguf->alignment)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "data offset %" PRIu64
                                    " is no multiple of the alignment %" PRIu32,
                                    tensor->offset, gguf->alignment);
    if (!ink_u64_add(tensor->offset, tensor->n_bytes, &end) || end > cursor->size)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "data of %" PRIu64 " bytes at offset %" PRIu64
                                    " reaches past the end of the file (%" PRIu64 " bytes),",
                                    tensor->n_bytes, tensor->offset, cursor->size);
    return INK_OK;
}

/*
 * Offsets become absolute; neither they nor the data's start exceed the file, so that the sums
 * cannot overflow.
 */
static ink_status place_data(ink_gguf *gguf, ink_gguf_cursor *cursor)
{
    uint64_t mask = (uint64_t)gguf->alignment - 1;
    uint64_t start = (cursor->position + mask) & ~mask;
    for (size_t i = 0; i < gguf->n_tensors; i++) {
        ink_gguf_tensor *tensor = &gguf->tensors[i];
        tensor->offset += start;
        cursor->name = tensor->name;
        if (tensor->offset > cursor->size || tensor->n_bytes > cursor->size - tensor->offset)
            return ink_gguf_cursor_fail(
                cursor, INK_CORRUPT, tensor->offset,
                "data of %" PRIu64 " bytes reaches past the end of the file (%" PRIu64
                " bytes); the file was cut off or not fully downloaded; the data begins",
                tensor->n_bytes, cursor->size);
    }
    return INK_OK;
}

static bool offset_less(const void *context, uint32_t a, uint32_t b)
{
    const ink_gguf_tensor *tensors = context;
    return tensors[a].offset < tensors[b].offset;
}

static ink_status check_overlaps(ink_gguf *gguf, ink_gguf_cursor *cursor)
{
    uint32_t *order = ink_new(gguf->allocator, gguf->n_tensors, sizeof *order);
    if (!order)
        return ink_fail_memory(cursor->error, "the tensor table of a GGUF file");
    for (size_t i = 0; i < gguf->n_tensors; i++)
        order[i] = (uint32_t)i;
    ink_gguf_sort(order, gguf->n_tensors, offset_less, gguf->tensors);
    ink_status status = INK_OK;
    for (size_t i = 1; i < gguf->n_tensors && status == INK_OK; i++) {
        const ink_gguf_tensor *before = &gguf->tensors[order[i - 1]],
                              *after = &gguf->tensors[order[i]];
        cursor->name = after->name;
        if (after->offset - before->offset < before->n_bytes)
            status = ink_gguf_cursor_fail(cursor, INK_CORRUPT, after->offset,
                                          "data overlaps that of tensor %.64s", before->name);
    }
    ink_delete(gguf->allocator, order);
    return status;
}

static const char *name_of(const void *items, size_t index)
{
    return ((const ink_gguf_tensor *)items)[index].name;
}

ink_status ink_gguf_index_tensors(ink_gguf *gguf, ink_error *error)
{
    if (!ink_gguf_index_build(&gguf->names, gguf->tensors, gguf->n_tensors, name_of,
                              gguf->allocator))
        return ink_fail_memory(error, "the tensor names of a GGUF file");
    size_t duplicate = ink_gguf_index_duplicate(&gguf->names);
    if (duplicate == gguf->n_tensors)
        return INK_OK;
    const ink_gguf_tensor *tensor = &gguf->tensors[duplicate];
    return ink_fail(
        error, INK_CORRUPT, tensor->offset,
        "%s: two tensors have the name %.64s; the data of the second is at byte %" PRIu64,
        ink_gguf_name(gguf), tensor->name, tensor->offset);
}

ink_status ink_gguf_read_tensors(ink_gguf *gguf, ink_gguf_cursor *cursor, uint64_t n_tensors)
{
    cursor->kind = "tensor";
    cursor->name = NULL;
    if (n_tensors > INK_GGUF_MAX_TENSORS)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, cursor->position,
                                    "%" PRIu64 " tensors, at most %u are supported,", n_tensors,
                                    INK_GGUF_MAX_TENSORS);
    INK_TRY(ink_gguf_cursor_expect(cursor, n_tensors, MIN_TENSOR_BYTES, "tensors"));
    gguf->tensors = ink_new(gguf->allocator, (size_t)n_tensors, sizeof *gguf->tensors);
    if (!gguf->tensors)
        return ink_fail_memory(cursor->error, "the tensor table of a GGUF file");
    gguf->n_tensors = (size_t)n_tensors;
    for (size_t i = 0; i < gguf->n_tensors; i++)
        INK_TRY(read_tensor(gguf, cursor, &gguf->tensors[i]));
    INK_TRY(place_data(gguf, cursor));
    INK_TRY(check_overlaps(gguf, cursor));
    return ink_gguf_index_tensors(gguf, cursor->error);
}
