/*
 * Writing GGUF version 3: metadata and the tensor table first, then tensor data as a stream.
 *
 * new, set..., add_tensor..., begin, write..., commit, free. Metadata and table are held in memory,
 * tensor data never is. Files appear under their names only at commit, the first part last; free
 * without a commit leaves nothing.
 */
#ifndef INK_FORMAT_GGUF_WRITER_H
#define INK_FORMAT_GGUF_WRITER_H

#include "base/memory.h"
#include "base/sha256.h"
#include "format/gguf.h"

typedef struct ink_gguf_writer ink_gguf_writer;

/*
 * `max_part_bytes` bounds the tensor data of one file, padding included (a larger tensor gets a
 * part of its own); 0 writes one file.
 */
ink_status ink_gguf_writer_new(ink_gguf_writer **out, uint64_t max_part_bytes,
                               const ink_allocator *allocator, ink_error *error);
void ink_gguf_writer_free(ink_gguf_writer *writer);

/*
 * Metadata, before begin. Keys keep the order in which they were first set; setting one again
 * replaces its value. A bad key or value is INK_BAD_ARGUMENT, and a limit of format/limits.h
 * INK_LIMIT: what is written can be opened. general.alignment takes effect; split.no, split.count
 * and split.tensors.count are the writer's own.
 */
ink_status ink_gguf_writer_set_u32(ink_gguf_writer *writer, const char *key, uint32_t number,
                                   ink_error *error);
ink_status ink_gguf_writer_set_f32(ink_gguf_writer *writer, const char *key, float number,
                                   ink_error *error);
ink_status ink_gguf_writer_set_bool(ink_gguf_writer *writer, const char *key, bool truth,
                                    ink_error *error);
ink_status ink_gguf_writer_set_text(ink_gguf_writer *writer, const char *key, const char *text,
                                    ink_error *error);

/* A number or bool of any type, from memory of its width. */
ink_status ink_gguf_writer_set_number(ink_gguf_writer *writer, const char *key, ink_gguf_type type,
                                      const void *number, ink_error *error);
ink_status ink_gguf_writer_set_string(ink_gguf_writer *writer, const char *key,
                                      ink_gguf_string string, ink_error *error);

/* Numbers or bools, packed as in a C array. */
ink_status ink_gguf_writer_set_array(ink_gguf_writer *writer, const char *key,
                                     ink_gguf_type item_type, const void *items, size_t n_items,
                                     ink_error *error);
ink_status ink_gguf_writer_set_strings(ink_gguf_writer *writer, const char *key,
                                       const ink_gguf_string *strings, size_t n_strings,
                                       ink_error *error);

/* Any value of an open file, arrays of arrays included, under `key`. */
ink_status ink_gguf_writer_set_value(ink_gguf_writer *writer, const char *key,
                                     const ink_gguf_value *value, ink_error *error);

/* Every value of an open file but the split keys. */
ink_status ink_gguf_writer_set_all(ink_gguf_writer *writer, const ink_gguf *gguf, ink_error *error);

/*
 * Before begin: a file of the metadata so far, without tensors, behind what `out` has, so that it
 * can be read as others are before anything is written. false: `out` is full.
 */
bool ink_gguf_writer_metadata(const ink_gguf_writer *writer, ink_buffer *out);

/*
 * Before begin. Types that Inkling only knows by name may be written too; `shape` in file order,
 * n_dims 1 to 4.
 */
ink_status ink_gguf_writer_add_tensor(ink_gguf_writer *writer, const char *name, uint32_t gguf_type,
                                      uint32_t n_dims, const uint64_t *shape, ink_error *error);

/*
 * Plans the parts and writes the first header. NAME.gguf becomes NAME-00001-of-0000N.gguf when N >
 * 1 parts result.
 */
ink_status ink_gguf_writer_begin(ink_gguf_writer *writer, const char *path, ink_error *error);

/*
 * The same for one file that takes long: what is written stays beside `path`, as PATH.part with
 * PATH.journal, when the process is killed or the writer is freed without a commit, and goes on
 * from the last whole tensor if header and `digest` (of whatever else decides the bytes) are the
 * same. *n_done: tensors that are there; writing goes on with the next. IO: another process writes
 * the same.
 */
ink_status ink_gguf_writer_begin_kept(ink_gguf_writer *writer, const char *path,
                                      const uint8_t digest[INK_SHA256_BYTES], size_t *n_done,
                                      ink_error *error);

/* Nothing of a kept file is to stay: whoever goes on would fail again. */
void ink_gguf_writer_discard(ink_gguf_writer *writer);

/*
 * The next bytes of the tensors' data, in the order they were added, in pieces of any size; padding
 * is put between.
 */
ink_status ink_gguf_writer_write(ink_gguf_writer *writer, const void *bytes, size_t n_bytes,
                                 ink_error *error);

/* INK_BAD_ARGUMENT when tensor data is still missing. */
ink_status ink_gguf_writer_commit(ink_gguf_writer *writer, ink_error *error);

/* After begin: the path of the first (or only) file. */
const char *ink_gguf_writer_path(const ink_gguf_writer *writer);

#endif
