/*
 * The writer's state, shared by its two halves: collecting metadata and table, and streaming the
 * files.
 */
#ifndef INK_FORMAT_GGUF_WRITER_INTERNAL_H
#define INK_FORMAT_GGUF_WRITER_INTERNAL_H

#include "format/gguf_internal.h"
#include "format/gguf_writer.h"

/*
 * One key with its value as the file has them. Bytes of a value set again are left behind in the
 * buffer.
 */
typedef struct ink_gguf_entry {
    size_t start, n_bytes; /* into metadata */
    ink_gguf_type type;
} ink_gguf_entry;

struct ink_gguf_writer {
    const ink_allocator *allocator;
    uint64_t max_part_bytes;
    uint32_t alignment;

    ink_buffer metadata;
    ink_gguf_entry *entries;
    size_t n_entries, entry_capacity;

    ink_arena names;
    ink_gguf_tensor *tensors; /* offset: relative to its part's data, once begun */
    size_t n_tensors, tensor_capacity;

    char *path; /* of the first file; NULL until begin */
    size_t stem_bytes;
    ink_file_writer **files; /* [n_parts], opened one after another */
    uint32_t n_parts, n_opened;
    size_t tensor;    /* the one whose data comes next */
    uint64_t written; /* bytes of it so far */
    bool failed;
    bool kept;                        /* with a journal, */
    uint64_t n_bytes, noted;          /* of all tensors, and the offset that it tells of */
    uint8_t digest[INK_SHA256_BYTES]; /* of all that decides the bytes of a kept file */
};

/* The key of an entry, not terminated. */
ink_gguf_string ink_gguf_entry_key(const ink_gguf_writer *writer, const ink_gguf_entry *entry);

/* ---- Journals: how much of a kept file is whole (gguf_journal.c). */

typedef struct ink_gguf_journal {
    uint64_t n_tensors, offset; /* whole tensors, and where their data ends */
} ink_gguf_journal;

/* false: there is none beside this path that has the writer's digest. */
bool ink_gguf_journal_read(const ink_gguf_writer *writer, ink_gguf_journal *journal);
ink_status ink_gguf_journal_write(const ink_gguf_writer *writer, ink_gguf_journal journal,
                                  ink_error *error);
void ink_gguf_journal_remove(const ink_gguf_writer *writer);

#endif
