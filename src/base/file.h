/*
 * Files: a read-only source of bytes, and a writer whose result appears whole or not at all.
 *
 * A source is a regular file or borrowed memory (an embedded model, a fuzzer's input). Files are
 * read by pread, never mapped, so a file that shrinks while in use is an error and not a signal.
 * Nothing here knows what the bytes mean.
 */
#ifndef INK_BASE_FILE_H
#define INK_BASE_FILE_H

#include "base/status.h"

/* ---- Reading. A source is immutable after it is opened; any number of threads may read it. */

typedef struct ink_file ink_file;

/* Regular files only: a directory, pipe or device is INK_IO. */
ink_status ink_file_open(ink_file **out, const char *path, const ink_allocator *allocator,
                         ink_error *error);

/*
 * `bytes` stay the caller's and must outlive the source; `name` (copied) stands for a path in
 * messages.
 */
ink_status ink_file_borrow(ink_file **out, const void *bytes, size_t n_bytes, const char *name,
                           const ink_allocator *allocator, ink_error *error);

void ink_file_close(ink_file *file);

/* As it was when opened. */
uint64_t ink_file_size(const ink_file *file);

/*
 * When its content was last changed, in nanoseconds since 1970, as it was when opened; memory: 0.
 */
uint64_t ink_file_modified(const ink_file *file);

/* For messages: the path, or its end when it is very long. */
const char *ink_file_name(const ink_file *file);

/* The borrowed bytes; NULL when the source is a file. */
const void *ink_file_memory(const ink_file *file);

/*
 * Fills dst with n_bytes from offset. A range outside the size is INK_BAD_ARGUMENT; a file that no
 * longer has the bytes is INK_IO, saying from how many to how many bytes it shrank. dst is then
 * unspecified.
 */
ink_status ink_file_read(const ink_file *file, uint64_t offset, size_t n_bytes, void *dst,
                         ink_error *error);

/* Whether `path` is a symbolic link, which a writer would replace by a file. */
bool ink_file_is_link(const char *path);

/* ---- Writing. Bytes go to a temporary file beside `path`; until commit, what stood at `path` is
 * untouched. */

/* What one asks its allocator for, with a path of any length. */
#define INK_FILE_WRITER_BYTES ((size_t)96 * 1024)

typedef struct ink_file_writer ink_file_writer;

/*
 * Who may read the file from its first byte on: all whom the umask allows, but no more than could
 * read the file that it replaces; or its owner alone.
 */
typedef enum ink_file_access { INK_FILE_FOR_ALL, INK_FILE_FOR_OWNER } ink_file_access;

/*
 * An existing `path` must be a regular file; commit replaces it (a symbolic link itself, not what
 * it names).
 */
ink_status ink_file_writer_open(ink_file_writer **out, const char *path, ink_file_access access,
                                const ink_allocator *allocator, ink_error *error);

/*
 * The same for a file of n_bytes for its owner alone, in a folder of ours. Its temporary file has
 * one name, locked while it is written: two processes do not write the same file at once (the
 * second gets INK_IO), and what a killed one left behind is written over. Fails at once when the
 * disk has no room for n_bytes.
 */
ink_status ink_file_writer_open_private(ink_file_writer **out, const char *path, uint64_t n_bytes,
                                        const ink_allocator *allocator, ink_error *error);

/*
 * The same as ink_file_writer_open for a file that takes long: its temporary file, PATH.part,
 * stays when the process is killed or the writer is closed, and has a lock while it is written (a
 * second process gets INK_IO). Next comes ink_file_writer_go_on.
 */
ink_status ink_file_writer_open_kept(ink_file_writer **out, const char *path,
                                     const ink_allocator *allocator, ink_error *error);

/* Whether what is there of a kept file has so many bytes. */
bool ink_file_writer_has(const ink_file_writer *writer, uint64_t n_bytes);

/*
 * Appends to the first `offset` bytes that are there of a kept file, and forgets the rest. Fails at
 * once when the disk has no room for n_bytes more.
 */
ink_status ink_file_writer_go_on(ink_file_writer *writer, uint64_t offset, uint64_t n_bytes,
                                 ink_error *error);

/* Everything written so far is on the disk. */
ink_status ink_file_writer_sync(ink_file_writer *writer, ink_error *error);

/* Closing removes the temporary file of a kept file, too. */
void ink_file_writer_discard(ink_file_writer *writer);

/* Appends, buffered. After a failure every later call fails too. */
ink_status ink_file_writer_write(ink_file_writer *writer, const void *bytes, size_t n_bytes,
                                 ink_error *error);

/*
 * All n_bytes of a private file that nothing was written to, to be filled in place: the system
 * writes them to the disk as it needs their memory. Ended by ink_file_writer_unmap, which counts
 * them as written.
 */
ink_status ink_file_writer_map(ink_file_writer *writer, size_t n_bytes, void **bytes,
                               ink_error *error);
ink_status ink_file_writer_unmap(ink_file_writer *writer, ink_error *error);

/* Bytes appended so far. */
uint64_t ink_file_writer_offset(const ink_file_writer *writer);

/*
 * Writes everything to the disk and gives back descriptor and buffer; only commit and close may
 * follow.
 */
ink_status ink_file_writer_seal(ink_file_writer *writer, ink_error *error);

/* Bytes of a sealed private file again, to see that they are what was written. */
ink_status ink_file_writer_read(const ink_file_writer *writer, uint64_t offset, size_t n_bytes,
                                void *dst, ink_error *error);

/* Seals, then renames to `path`. On failure `path` is as it was. */
ink_status ink_file_writer_commit(ink_file_writer *writer, ink_error *error);

/* Accepts NULL. Without a commit the temporary file is removed. */
void ink_file_writer_close(ink_file_writer *writer);

/*
 * Removes what writers of `path` that were killed left beside it, as far as that is possible. For
 * files that are written again and again by a process that may be killed; no other is to begin
 * writing them meanwhile.
 */
void ink_file_sweep(const char *path);

/*
 * Whether n_bytes could be written to `path` as by ink_file_writer_open; the file is not changed.
 * IO says why not; 0 bytes ask for the place alone.
 */
ink_status ink_file_writer_check(const char *path, uint64_t n_bytes, const ink_allocator *allocator,
                                 ink_error *error);

/* ---- Locks: who works on a file for long keeps others from it. */

typedef struct ink_file_lock {
    const ink_allocator *allocator;
    int descriptor;
    char *path; /* of the file "PATH.lock", which stands there meanwhile; NULL: nothing is held */
} ink_file_lock;

/*
 * Fails at once, with INK_IO, where somebody holds it, in this process or in another. The system
 * ends a lock with its process, however that ends; the file that is then left behind locks nothing.
 */
ink_status ink_file_lock_open(ink_file_lock *lock, const char *path, const ink_allocator *allocator,
                              ink_error *error);

/* Also of one that is zeroed or that failed. */
void ink_file_lock_close(ink_file_lock *lock);

/* ---- Mapping: a file of our own making, used in place and shared between processes. */

typedef struct ink_mapping {
    const void *bytes; /* NULL: there is none; else aligned to a page */
    size_t n_bytes;
} ink_mapping;

/*
 * Read-only. No file is INK_OK and an empty mapping. INK_IO refuses what is not a regular file,
 * belongs to another user, may be written by others, or is a symbolic link: whoever else may change
 * a mapped file can change what we compute, and kill us by making it shorter.
 */
ink_status ink_mapping_open(ink_mapping *out, const char *path, ink_error *error);
void ink_mapping_close(ink_mapping *mapping);

/* Asks the system to read what a mapping holds at `bytes`; returns at once. */
void ink_mapping_read_ahead(const void *bytes, size_t n_bytes);

#endif
