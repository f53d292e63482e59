/*
 * GGUF, versions 2 and 3, little-endian: metadata and a table of tensors, from one file or a split
 * set.
 *
 * Source: the GGUF specification (ggml, docs/gguf.md). Everything that can be checked without
 * knowing the model is checked at open: afterwards every tensor lies inside its file, aligned, and
 * overlaps no other. Tensor data is read on demand. An open ink_gguf is immutable: threads may
 * share it. Limits are in format/limits.h; messages name the file, the key or tensor, what was
 * found and expected, and the byte.
 */
#ifndef INK_FORMAT_GGUF_H
#define INK_FORMAT_GGUF_H

#include "base/status.h"
#include "format/limits.h"
#include "tensor/format.h"

/* name, number in the file, name in messages, bytes of one (0: not fixed) */
#define INK_GGUF_TYPE_TABLE(X) \
    X(U8, 0, "uint8", 1)       \
    X(I8, 1, "int8", 1)        \
    X(U16, 2, "uint16", 2)     \
    X(I16, 3, "int16", 2)      \
    X(U32, 4, "uint32", 4)     \
    X(I32, 5, "int32", 4)      \
    X(F32, 6, "float32", 4)    \
    X(BOOL, 7, "bool", 1)      \
    X(STRING, 8, "string", 0)  \
    X(ARRAY, 9, "array", 0)    \
    X(U64, 10, "uint64", 8)    \
    X(I64, 11, "int64", 8)     \
    X(F64, 12, "float64", 8)

typedef enum ink_gguf_type {
#define X(name, value, text, bytes) INK_GGUF_##name = value,
    INK_GGUF_TYPE_TABLE(X)
#undef X
        INK_GGUF_N_TYPES
} ink_gguf_type;

/* "uint32", ...; "unknown" for a number out of range. */
const char *ink_gguf_type_name(ink_gguf_type type);

/* Bytes of one number or bool; 0 for strings and arrays. */
size_t ink_gguf_type_bytes(ink_gguf_type type);

typedef struct ink_gguf_string {
    const char *text; /* may hold NUL and bytes that are no UTF-8 */
    size_t n_bytes;
} ink_gguf_string;

/* A metadata value. A scalar has one item. Items are read by the ink_gguf_item functions. */
typedef struct ink_gguf_value {
    const char *key; /* terminated, printable UTF-8; NULL for an array inside an array */
    ink_gguf_type type;
    ink_gguf_type item_type; /* that of the items of an array; else `type` */
    size_t n_items;
    uint64_t offset;  /* of the value's first byte in the file */
    uint64_t n_bytes; /* of the value in the file */

    /* Where the items lie; for the functions of this module. */
    const uint8_t *bytes;   /* unaligned; a scalar string's are terminated */
    const uint32_t *starts; /* array of strings: where in `bytes` each item's length stands */
    const struct ink_gguf_value *items; /* array of arrays */
} ink_gguf_value;

typedef struct ink_gguf_tensor {
    const char *name;      /* terminated, printable UTF-8, unique */
    ink_format format;     /* INK_N_FORMATS when it is not supported */
    const char *type_name; /* known also when it is not supported */
    uint32_t gguf_type;
    uint32_t n_dims;
    uint64_t shape[INK_GGUF_MAX_DIMS]; /* as in the file: shape[0] contiguous; 1 beyond n_dims */
    uint64_t offset;                   /* of the first byte in its part's file */
    uint64_t n_bytes;
    uint32_t part; /* 0 for the first file */
} ink_gguf_tensor;

typedef struct ink_gguf ink_gguf;

/*
 * Opens a file, or all parts of a split set when `path` is its first part
 * (NAME-00001-of-0000N.gguf). A missing, doubled or foreign part is an error that names it. Tensors
 * of a known but unsupported type stay in the table, so that a file can be shown and copied; a
 * loader calls ink_gguf_check_format. An unknown type is INK_UNSUPPORTED.
 */
ink_status ink_gguf_open(ink_gguf **out, const char *path, const ink_allocator *allocator,
                         ink_error *error);

/*
 * The bytes stay the caller's and must outlive the ink_gguf; `name` stands for a path in messages.
 * One part only.
 */
ink_status ink_gguf_open_memory(ink_gguf **out, const void *bytes, size_t n_bytes, const char *name,
                                const ink_allocator *allocator, ink_error *error);

void ink_gguf_free(ink_gguf *gguf);

const char *ink_gguf_name(const ink_gguf *gguf); /* the path, for messages */
uint32_t ink_gguf_version(const ink_gguf *gguf);
uint32_t ink_gguf_alignment(const ink_gguf *gguf);
uint32_t ink_gguf_n_parts(const ink_gguf *gguf);
uint64_t ink_gguf_file_bytes(const ink_gguf *gguf); /* over all parts */

/* When part `part` was last changed, in nanoseconds since 1970; part < n_parts. */
uint64_t ink_gguf_modified(const ink_gguf *gguf, uint32_t part);

/* ---- Metadata: that of the first part. */

size_t ink_gguf_n_values(const ink_gguf *gguf);

/* In file order; index < n_values. */
const ink_gguf_value *ink_gguf_get_value(const ink_gguf *gguf, size_t index);

/* NULL when absent. */
const ink_gguf_value *ink_gguf_find(const ink_gguf *gguf, const char *key);

/*
 * Typed reading. An absent key leaves *out as it was and is INK_OK, so that a default can stand
 * there; a present key of another type is INK_CORRUPT ("key K: expected uint32, found string"). An
 * integer may be stored in any integer type that holds its value, a float as float32 or float64.
 */
ink_status ink_gguf_get_bool(const ink_gguf *gguf, const char *key, bool *out, ink_error *error);
ink_status ink_gguf_get_u32(const ink_gguf *gguf, const char *key, uint32_t *out, ink_error *error);
ink_status ink_gguf_get_i32(const ink_gguf *gguf, const char *key, int32_t *out, ink_error *error);
ink_status ink_gguf_get_u64(const ink_gguf *gguf, const char *key, uint64_t *out, ink_error *error);
ink_status ink_gguf_get_i64(const ink_gguf *gguf, const char *key, int64_t *out, ink_error *error);
ink_status ink_gguf_get_f32(const ink_gguf *gguf, const char *key, float *out, ink_error *error);

/* The text is terminated and lives as long as the ink_gguf. */
ink_status ink_gguf_get_string(const ink_gguf *gguf, const char *key, ink_gguf_string *out,
                               ink_error *error);

/* An array whose items have this type; INK_GGUF_N_TYPES accepts any. */
ink_status ink_gguf_get_array(const ink_gguf *gguf, const char *key, ink_gguf_type item_type,
                              const ink_gguf_value **out, ink_error *error);

/*
 * The same for a key that may be one value for all or an array of one value each (head counts by
 * layer): fills n items. An array of another length is INK_CORRUPT. On failure `out` may be partly
 * written.
 */
ink_status ink_gguf_get_bools(const ink_gguf *gguf, const char *key, size_t n, bool *out,
                              ink_error *error);
ink_status ink_gguf_get_u32s(const ink_gguf *gguf, const char *key, size_t n, uint32_t *out,
                             ink_error *error);
ink_status ink_gguf_get_i32s(const ink_gguf *gguf, const char *key, size_t n, int32_t *out,
                             ink_error *error);
ink_status ink_gguf_get_f32s(const ink_gguf *gguf, const char *key, size_t n, float *out,
                             ink_error *error);

/*
 * INK_CORRUPT, naming the key, when it is absent: stands before a getter whose value has no
 * default.
 */
ink_status ink_gguf_need(const ink_gguf *gguf, const char *key, ink_error *error);

/*
 * One item, index < n_items. false when it is of another kind or does not fit; integers are no f64.
 */
bool ink_gguf_item_bool(const ink_gguf_value *value, size_t index, bool *out);
bool ink_gguf_item_u64(const ink_gguf_value *value, size_t index, uint64_t *out);
bool ink_gguf_item_i64(const ink_gguf_value *value, size_t index, int64_t *out);
bool ink_gguf_item_f64(const ink_gguf_value *value, size_t index, double *out);

/* A view into the open file, not terminated inside arrays; {NULL, 0} when items are no strings. */
ink_gguf_string ink_gguf_item_string(const ink_gguf_value *value, size_t index);

/* An array of an array; NULL when the items are no arrays. */
const ink_gguf_value *ink_gguf_item_array(const ink_gguf_value *value, size_t index);

/* ---- Tensors: those of all parts, in file order. */

size_t ink_gguf_n_tensors(const ink_gguf *gguf);

/* index < n_tensors; find_tensor is NULL when there is none of the name. */
const ink_gguf_tensor *ink_gguf_get_tensor(const ink_gguf *gguf, size_t index);
const ink_gguf_tensor *ink_gguf_find_tensor(const ink_gguf *gguf, const char *name);

/* INK_UNSUPPORTED, naming tensor and type, when Inkling cannot compute with the tensor's format. */
ink_status ink_gguf_check_format(const ink_gguf *gguf, const ink_gguf_tensor *tensor,
                                 ink_error *error);

/* n_bytes of the tensor from `offset` bytes into it. Callable from several threads. */
ink_status ink_gguf_read(const ink_gguf *gguf, const ink_gguf_tensor *tensor, uint64_t offset,
                         size_t n_bytes, void *dst, ink_error *error);

/* The tensor in borrowed memory, aligned as far as that memory is; NULL when it is in a file. */
const void *ink_gguf_memory(const ink_gguf *gguf, const ink_gguf_tensor *tensor);

/*
 * Bytes of one block and its elements by the number of a type, supported or only known. false when
 * unknown.
 */
bool ink_gguf_block(uint32_t gguf_type, uint32_t *elements, uint32_t *bytes);

#endif
