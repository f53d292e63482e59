/* Looking at an open file: values by key and type, tensors by name. Nothing here allocates. */
#include "format/gguf_internal.h"

const char *ink_gguf_name(const ink_gguf *gguf)
{
    return ink_file_name(gguf->file);
}

uint32_t ink_gguf_version(const ink_gguf *gguf)
{
    return gguf->version;
}

uint32_t ink_gguf_alignment(const ink_gguf *gguf)
{
    return gguf->alignment;
}

uint32_t ink_gguf_n_parts(const ink_gguf *gguf)
{
    return gguf->n_others + 1;
}

uint64_t ink_gguf_file_bytes(const ink_gguf *gguf)
{
    uint64_t n_bytes = ink_file_size(gguf->file);
    for (uint32_t i = 0; i < gguf->n_others; i++)
        n_bytes += ink_file_size(gguf->others[i]->file);
    return n_bytes;
}

uint64_t ink_gguf_modified(const ink_gguf *gguf, uint32_t part)
{
    return ink_file_modified(part ? gguf->others[part - 1]->file : gguf->file);
}

size_t ink_gguf_n_values(const ink_gguf *gguf)
{
    return gguf->n_values;
}

const ink_gguf_value *ink_gguf_get_value(const ink_gguf *gguf, size_t index)
{
    return &gguf->values[index];
}

const ink_gguf_value *ink_gguf_find(const ink_gguf *gguf, const char *key)
{
    size_t index = ink_gguf_index_find(&gguf->keys, key);
    return index < gguf->n_values ? &gguf->values[index] : NULL;
}

size_t ink_gguf_n_tensors(const ink_gguf *gguf)
{
    return gguf->n_tensors;
}

const ink_gguf_tensor *ink_gguf_get_tensor(const ink_gguf *gguf, size_t index)
{
    return &gguf->tensors[index];
}

const ink_gguf_tensor *ink_gguf_find_tensor(const ink_gguf *gguf, const char *name)
{
    size_t index = ink_gguf_index_find(&gguf->names, name);
    return index < gguf->n_tensors ? &gguf->tensors[index] : NULL;
}

ink_status ink_gguf_check_format(const ink_gguf *gguf, const ink_gguf_tensor *tensor,
                                 ink_error *error)
{
    if (tensor->format != INK_N_FORMATS)
        return INK_OK;
    return ink_fail(error, INK_UNSUPPORTED, tensor->offset,
                    "%s: tensor %.64s has type %s, which Inkling cannot compute with; use a model "
                    "quantized to another type",
                    ink_gguf_name(gguf), tensor->name, tensor->type_name);
}

/* ---- Typed reading by key */

static bool as_bool(const ink_gguf_value *value, size_t index, bool *out)
{
    return ink_gguf_item_bool(value, index, out);
}

static bool as_u64(const ink_gguf_value *value, size_t index, uint64_t *out)
{
    return ink_gguf_item_u64(value, index, out);
}

static bool as_i64(const ink_gguf_value *value, size_t index, int64_t *out)
{
    return ink_gguf_item_i64(value, index, out);
}

static bool as_u32(const ink_gguf_value *value, size_t index, uint32_t *out)
{
    uint64_t number;
    if (!ink_gguf_item_u64(value, index, &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool as_i32(const ink_gguf_value *value, size_t index, int32_t *out)
{
    int64_t number;
    if (!ink_gguf_item_i64(value, index, &number) || number < INT32_MIN || number > INT32_MAX)
        return false;
    *out = (int32_t)number;
    return true;
}

static bool as_f32(const ink_gguf_value *value, size_t index, float *out)
{
    double number;
    if (!ink_gguf_item_f64(value, index, &number))
        return false;
    *out = (float)number;
    return true;
}

static bool is_integer(ink_gguf_type type)
{
    return type <= INK_GGUF_I32 || type == INK_GGUF_U64 || type == INK_GGUF_I64;
}

/* `item` did not become a `wanted`: it is of another type, or an integer out of range. */
static ink_status fail_type(const ink_gguf *gguf, const ink_gguf_value *value, size_t item,
                            ink_gguf_type wanted, ink_error *error)
{
    const char *name = ink_gguf_name(gguf), *expected = ink_gguf_type_name(wanted);
    int64_t negative = 0;
    uint64_t number = 0;
    if (is_integer(wanted) && ink_gguf_item_u64(value, item, &number))
        return ink_fail(error, INK_CORRUPT, value->offset,
                        "%s: key %.64s: expected %s, found %" PRIu64 " at byte %" PRIu64, name,
                        value->key, expected, number, value->offset);
    if (is_integer(wanted) && ink_gguf_item_i64(value, item, &negative))
        return ink_fail(error, INK_CORRUPT, value->offset,
                        "%s: key %.64s: expected %s, found %" PRId64 " at byte %" PRIu64, name,
                        value->key, expected, negative, value->offset);
    return ink_fail(error, INK_CORRUPT, value->offset,
                    "%s: key %.64s: expected %s, found %s%s at byte %" PRIu64, name, value->key,
                    expected, value->type == INK_GGUF_ARRAY ? "an array of " : "",
                    ink_gguf_type_name(value->item_type), value->offset);
}

static ink_status check_scalar(const ink_gguf *gguf, const ink_gguf_value *value,
                               ink_gguf_type wanted, ink_error *error)
{
    if (value->type != INK_GGUF_ARRAY)
        return INK_OK;
    return ink_fail(error, INK_CORRUPT, value->offset,
                    "%s: key %.64s: expected %s, found an array of %zu %s at byte %" PRIu64,
                    ink_gguf_name(gguf), value->key, ink_gguf_type_name(wanted), value->n_items,
                    ink_gguf_type_name(value->item_type), value->offset);
}

static ink_status check_count(const ink_gguf *gguf, const ink_gguf_value *value, size_t n,
                              ink_error *error)
{
    if (value->type != INK_GGUF_ARRAY || value->n_items == n)
        return INK_OK;
    return ink_fail(error, INK_CORRUPT, value->offset,
                    "%s: key %.64s: expected one value or %zu, found %zu at byte %" PRIu64,
                    ink_gguf_name(gguf), value->key, n, value->n_items, value->offset);
}

/* One row per C type a value can be read as. */
#define GET(name, c_type, gguf_type)                                                            \
    ink_status ink_gguf_get_##name(const ink_gguf *gguf, const char *key, c_type *out,          \
                                   ink_error *error)                                            \
    {                                                                                           \
        const ink_gguf_value *value = ink_gguf_find(gguf, key);                                 \
        if (!value)                                                                             \
            return INK_OK;                                                                      \
        INK_TRY(check_scalar(gguf, value, gguf_type, error));                                   \
        return as_##name(value, 0, out) ? INK_OK : fail_type(gguf, value, 0, gguf_type, error); \
    }
#define GET_MANY(name, c_type, gguf_type)                                              \
    ink_status ink_gguf_get_##name##s(const ink_gguf *gguf, const char *key, size_t n, \
                                      c_type *out, ink_error *error)                   \
    {                                                                                  \
        const ink_gguf_value *value = ink_gguf_find(gguf, key);                        \
        if (!value)                                                                    \
            return INK_OK;                                                             \
        INK_TRY(check_count(gguf, value, n, error));                                   \
        for (size_t i = 0; i < n; i++) {                                               \
            size_t item = value->type == INK_GGUF_ARRAY ? i : 0;                       \
            if (!as_##name(value, item, &out[i]))                                      \
                return fail_type(gguf, value, item, gguf_type, error);                 \
        }                                                                              \
        return INK_OK;                                                                 \
    }
GET(bool, bool, INK_GGUF_BOOL)
GET(u32, uint32_t, INK_GGUF_U32)
GET(i32, int32_t, INK_GGUF_I32)
GET(u64, uint64_t, INK_GGUF_U64)
GET(i64, int64_t, INK_GGUF_I64)
GET(f32, float, INK_GGUF_F32)
GET_MANY(bool, bool, INK_GGUF_BOOL)
GET_MANY(u32, uint32_t, INK_GGUF_U32)
GET_MANY(i32, int32_t, INK_GGUF_I32)
GET_MANY(f32, float, INK_GGUF_F32)
#undef GET
#undef GET_MANY

ink_status ink_gguf_get_string(const ink_gguf *gguf, const char *key, ink_gguf_string *out,
                               ink_error *error)
{
    const ink_gguf_value *value = ink_gguf_find(gguf, key);
    if (!value)
        return INK_OK;
    if (value->type != INK_GGUF_STRING)
        return fail_type(gguf, value, 0, INK_GGUF_STRING, error);
    *out = ink_gguf_item_string(value, 0);
    return INK_OK;
}

ink_status ink_gguf_get_array(const ink_gguf *gguf, const char *key, ink_gguf_type item_type,
                              const ink_gguf_value **out, ink_error *error)
{
    const ink_gguf_value *value = ink_gguf_find(gguf, key);
    if (!value)
        return INK_OK;
    if (value->type != INK_GGUF_ARRAY ||
        (item_type != INK_GGUF_N_TYPES && value->item_type != item_type))
        return ink_fail(error, INK_CORRUPT, value->offset,
                        "%s: key %.64s: expected an array%s%s, found %s%s at byte %" PRIu64,
                        ink_gguf_name(gguf), key, item_type == INK_GGUF_N_TYPES ? "" : " of ",
                        item_type == INK_GGUF_N_TYPES ? "" : ink_gguf_type_name(item_type),
                        value->type == INK_GGUF_ARRAY ? "one of " : "",
                        ink_gguf_type_name(value->item_type), value->offset);
    *out = value;
    return INK_OK;
}

ink_status ink_gguf_need(const ink_gguf *gguf, const char *key, ink_error *error)
{
    if (ink_gguf_find(gguf, key))
        return INK_OK;
    return ink_fail(error, INK_CORRUPT, 0, "%s: key %.64s is missing", ink_gguf_name(gguf), key);
}
