/* The items of a value, wherever they lie: unaligned in the header, or in the arena. */
#include <string.h>
#include "format/gguf_internal.h"

static const uint8_t *item_at(const ink_gguf_value *value, size_t index)
{
    return value->bytes + index * ink_gguf_type_bytes(value->item_type);
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t loaded;
    memcpy(&loaded, bytes, sizeof loaded);
    return loaded;
}

bool ink_gguf_item_bool(const ink_gguf_value *value, size_t index, bool *out)
{
    if (value->item_type != INK_GGUF_BOOL)
        return false;
    *out = *item_at(value, index) != 0;
    return true;
}

/* The integer types whose every value is an int64. */
#define INTEGER_TABLE(X) \
    X(U8, uint8_t)       \
    X(I8, int8_t)        \
    X(U16, uint16_t)     \
    X(I16, int16_t)      \
    X(U32, uint32_t)     \
    X(I32, int32_t)      \
    X(I64, int64_t)

bool ink_gguf_item_i64(const ink_gguf_value *value, size_t index, int64_t *out)
{
    switch (value->item_type) {
#define X(type, c_type)                                        \
    case INK_GGUF_##type: {                                    \
        c_type number;                                         \
        memcpy(&number, item_at(value, index), sizeof number); \
        *out = (int64_t)number;                                \
        return true;                                           \
    }
        INTEGER_TABLE(X)
#undef X
    default:
        break;
    }
    uint64_t natural;
    if (value->item_type != INK_GGUF_U64 || (natural = load_u64(item_at(value, index))) > INT64_MAX)
        return false;
    *out = (int64_t)natural;
    return true;
}

bool ink_gguf_item_u64(const ink_gguf_value *value, size_t index, uint64_t *out)
{
    int64_t number;
    if (value->item_type == INK_GGUF_U64) {
        *out = load_u64(item_at(value, index));
        return true;
    }
    if (!ink_gguf_item_i64(value, index, &number) || number < 0)
        return false;
    *out = (uint64_t)number;
    return true;
}

bool ink_gguf_item_f64(const ink_gguf_value *value, size_t index, double *out)
{
    float narrow;
    if (value->item_type == INK_GGUF_F64) {
        memcpy(out, item_at(value, index), sizeof *out);
        return true;
    }
    if (value->item_type != INK_GGUF_F32)
        return false;
    memcpy(&narrow, item_at(value, index), sizeof narrow);
    *out = (double)narrow;
    return true;
}

ink_gguf_string ink_gguf_item_string(const ink_gguf_value *value, size_t index)
{
    if (value->item_type != INK_GGUF_STRING)
        return (ink_gguf_string){NULL, 0};
    if (value->type == INK_GGUF_STRING)
        return (ink_gguf_string){(const char *)value->bytes,
                                 (size_t)value->n_bytes - sizeof(uint64_t)};
    const uint8_t *item = value->bytes + value->starts[index];
    return (ink_gguf_string){(const char *)item + sizeof(uint64_t), (size_t)load_u64(item)};
}

const ink_gguf_value *ink_gguf_item_array(const ink_gguf_value *value, size_t index)
{
    return value->items ? &value->items[index] : NULL;
}
