/*
 * Memory: the allocator hook, the arena for things that die together, and the bounded growing
 * buffer.
 *
 * Every allocation goes through an ink_allocator so that a test can fail the n-th one. A NULL
 * allocator is the C library's. Nothing here reports errors in words: NULL or false means that
 * there is no memory or that the caller's maximum was reached, and the caller knows for what.
 */
#ifndef INK_BASE_MEMORY_H
#define INK_BASE_MEMORY_H

#include <stdarg.h>
#include "inkling.h"

/* Zeroed; NULL when count * size overflows or memory is out. Zero sizes return a valid pointer. */
void *ink_new(const ink_allocator *allocator, size_t count, size_t size);

/* Not zeroed, aligned to `alignment` (a power of two); ended by ink_delete_aligned. */
void *ink_new_aligned(const ink_allocator *allocator, size_t bytes, size_t alignment);
void ink_delete_aligned(const ink_allocator *allocator, void *pointer);

/*
 * Not zeroed, aligned to 4096, for many megabytes that are used whole. Where they come
 * from the C library the system is asked for large pages: a thousand times fewer faults when it is
 * filled. Ended by ink_delete_aligned.
 */
void *ink_new_large(const ink_allocator *allocator, size_t bytes);

/* What ink_new_large asks the allocator for; `bytes` are fewer than can be addressed. */
size_t ink_large_bytes(const ink_allocator *allocator, size_t bytes);

/* Grows or shrinks; on failure NULL, and the old block stays. New bytes are not zeroed. */
void *ink_resize(const ink_allocator *allocator, void *pointer, size_t count, size_t size);

void ink_delete(const ink_allocator *allocator, void *pointer);

/* A terminated copy of n bytes. */
char *ink_copy_string(const ink_allocator *allocator, const char *text, size_t n_bytes);

/* ---- Arena: a bump allocator whose contents are freed together. */

typedef struct ink_arena_chunk ink_arena_chunk;

typedef struct ink_arena {
    const ink_allocator *allocator;
    ink_arena_chunk *chunk; /* newest first */
    ink_arena_chunk *kept;  /* by a reset, oldest first */
    size_t used_bytes;      /* over all chunks */
    size_t max_bytes;
} ink_arena;

/* Allocates nothing yet. `max_bytes` bounds the sum of what is taken. */
void ink_arena_init(ink_arena *arena, const ink_allocator *allocator, size_t max_bytes);
void ink_arena_deinit(ink_arena *arena);

/* Keeps the memory, so that the same work repeated needs no more. */
void ink_arena_reset(ink_arena *arena);

/* Zeroed, aligned for any type; NULL when memory or max_bytes is out. */
void *ink_arena_take(ink_arena *arena, size_t count, size_t size);

/* A terminated copy that lives as long as the arena. */
char *ink_arena_string(ink_arena *arena, const char *text, size_t n_bytes);

/* ---- Buffer: bytes that grow up to a maximum. */

typedef struct ink_buffer {
    const ink_allocator *allocator;
    /* always terminated by a NUL beyond `n_bytes` once something was appended; else NULL */
    char *data;
    size_t n_bytes, capacity, max_bytes;
    bool failed;    /* an append did not fit; sticky, so that a writer may check once at the end */
    bool no_memory; /* because there was none, and not for its maximum */
} ink_buffer;

void ink_buffer_init(ink_buffer *buffer, const ink_allocator *allocator, size_t max_bytes);
void ink_buffer_deinit(ink_buffer *buffer);

/* false when memory or max_bytes is out; the buffer is then as before, with `failed` set. */
bool ink_buffer_append(ink_buffer *buffer, const void *bytes, size_t n_bytes);
bool ink_buffer_text(ink_buffer *buffer, const char *text);
INK_PRINTF(2, 3)
bool ink_buffer_format(ink_buffer *buffer, const char *format, ...);

/* Room for n more bytes at the returned address, not yet counted in n_bytes; NULL on failure. */
char *ink_buffer_reserve(ink_buffer *buffer, size_t n_bytes);

#endif
