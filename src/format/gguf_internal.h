/*
 * What the files of the GGUF module share: the open file, the cursor over its header, the index by
 * name.
 *
 * A split set is a first part that owns the others; each part is an ink_gguf of its own, so one
 * reader and one set of getters serve all. The first part's tensor table is the table of the set.
 */
#ifndef INK_FORMAT_GGUF_INTERNAL_H
#define INK_FORMAT_GGUF_INTERNAL_H

#include "base/file.h"
#include "base/memory.h"
#include "format/gguf.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF and its tensor data are little-endian; Inkling does not run on big-endian machines"
#endif

#define INK_GGUF_MAGIC "GGUF"
#define INK_GGUF_MAGIC_BYTES 4
#define INK_GGUF_VERSION 3u

#define INK_GGUF_KEY_ALIGNMENT "general.alignment"
#define INK_GGUF_KEY_PREFIX_SPLIT "split."
#define INK_GGUF_KEY_SPLIT_NO "split.no"
#define INK_GGUF_KEY_SPLIT_COUNT "split.count"
#define INK_GGUF_KEY_SPLIT_TENSORS "split.tensors.count"

/* An array's item type and count stand before its items. */
#define INK_GGUF_ARRAY_HEAD_BYTES 12u

/* ---- Index: items in the order of their names. Sorted, as hostile names cannot make that slow. */

typedef const char *(*ink_gguf_name_of)(const void *items, size_t index);

typedef struct ink_gguf_index {
    uint32_t *order; /* [n] */
    const void *items;
    size_t n;
    ink_gguf_name_of name_of;
} ink_gguf_index;

/*
 * Heapsort: O(n log n) for any input, and without memory. `less` gets `context` and two members of
 * `order`.
 */
typedef bool (*ink_gguf_less)(const void *context, uint32_t a, uint32_t b);
void ink_gguf_sort(uint32_t *order, size_t n, ink_gguf_less less, const void *context);

/* false when memory is out. The order is then NULL. */
bool ink_gguf_index_build(ink_gguf_index *index, const void *items, size_t n,
                          ink_gguf_name_of name_of, const ink_allocator *allocator);

/* The index of an item whose name another one before it has; n when there is none. */
size_t ink_gguf_index_duplicate(const ink_gguf_index *index);

/* n when absent. */
size_t ink_gguf_index_find(const ink_gguf_index *index, const char *name);

/* ---- The open file. */

struct ink_gguf {
    const ink_allocator *allocator;
    ink_file *file;
    uint32_t version, alignment;
    ink_arena arena; /* keys, names, scalar strings, arrays of positions */

    uint8_t
        *header; /* the file's first bytes, which values point into; NULL when the file is memory */
    ink_gguf_value *values;
    size_t n_values;
    ink_gguf_index keys;

    ink_gguf_tensor *tensors;
    size_t n_tensors;
    ink_gguf_index names;

    ink_gguf **others; /* [n_others], parts 1 and up */
    uint32_t n_others;
};

/* Opens one part from `file`, which it owns from now on, also when it fails. */
ink_status ink_gguf_open_part(ink_gguf **out, ink_file *file, const ink_allocator *allocator,
                              ink_error *error);

/*
 * When the metadata says that `gguf` is one of several parts: opens the others and joins their
 * tensors.
 */
ink_status ink_gguf_join_parts(ink_gguf *gguf, const char *path, ink_error *error);

/* (Re)builds the index of tensor names; two of a name are INK_CORRUPT. */
ink_status ink_gguf_index_tensors(ink_gguf *gguf, ink_error *error);

/* A key or tensor name: not empty, UTF-8, no control characters (names appear on terminals). */
bool ink_gguf_name_valid(const char *name, size_t n_bytes);

bool ink_gguf_alignment_valid(uint64_t alignment);

/* Bytes of a tensor of this type and shape; NULL, or what is wrong with them. */
const char *ink_gguf_tensor_bytes(uint32_t gguf_type, uint32_t n_dims, const uint64_t *shape,
                                  uint64_t *n_bytes);

/*
 * The path of part `no` (from 0) of `count`, `stem` being the path up to "-00001-of-"; the caller
 * deletes it.
 */
char *ink_gguf_part_path(const char *stem, size_t stem_bytes, uint32_t no, uint32_t count,
                         const ink_allocator *allocator);

/* ---- Cursor: reads the header front to back, loading more of the file as it goes. */

typedef struct ink_gguf_cursor {
    const ink_file *file;
    const ink_allocator *allocator;
    ink_error *error;
    const uint8_t *bytes; /* [loaded]; moves when more is loaded: keep positions, not pointers */
    uint8_t *owned;       /* the same, or NULL when the file is memory */
    uint64_t loaded, position, size;
    const char *kind, *name; /* what is being read, for messages: "key", its name once known */
} ink_gguf_cursor;

void ink_gguf_cursor_init(ink_gguf_cursor *cursor, const ink_file *file,
                          const ink_allocator *allocator, ink_error *error);

/* Fails with file, kind and name before the message and the byte after it. */
INK_PRINTF(4, 5)
ink_status ink_gguf_cursor_fail(const ink_gguf_cursor *cursor, ink_status status, uint64_t offset,
                                const char *format, ...);

/*
 * Fails unless `count` things of at least `bytes` each can still follow: call it before allocating
 * for them.
 */
ink_status ink_gguf_cursor_expect(const ink_gguf_cursor *cursor, uint64_t count, uint64_t bytes,
                                  const char *what);

/* Loads the next n_bytes; they begin at bytes + position, which does not move. */
ink_status ink_gguf_cursor_load(ink_gguf_cursor *cursor, uint64_t n_bytes);

ink_status ink_gguf_cursor_u32(ink_gguf_cursor *cursor, uint32_t *out);
ink_status ink_gguf_cursor_u64(ink_gguf_cursor *cursor, uint64_t *out);

/* Length and bytes; *start is the position of the first byte. */
ink_status ink_gguf_cursor_string(ink_gguf_cursor *cursor, uint64_t *start, uint64_t *n_bytes);

/* A valid name of at most max_bytes, copied to the arena. */
ink_status ink_gguf_cursor_name(ink_gguf_cursor *cursor, uint64_t max_bytes, ink_arena *arena,
                                const char **name);

/* ---- The sections of a header. */

ink_status ink_gguf_read_values(ink_gguf *gguf, ink_gguf_cursor *cursor, uint64_t n_values);

/* Points the values at the header's bytes, once these no longer move. */
void ink_gguf_bind_values(ink_gguf *gguf, const uint8_t *header);

ink_status ink_gguf_read_tensors(ink_gguf *gguf, ink_gguf_cursor *cursor, uint64_t n_tensors);

#endif
