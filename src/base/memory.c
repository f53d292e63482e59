#define _DEFAULT_SOURCE /* madvise */

#include "base/memory.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#include "base/budget.h"
#include "base/size.h"

#define ARENA_CHUNK_BYTES ((size_t)64 * 1024)
#define LARGE_PAGE_BYTES ((size_t)2 * 1024 * 1024) /* of x86-64, and of ARM with 4 KiB pages */

void *ink_resize(const ink_allocator *allocator, void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (!ink_size_mul(count, size, &bytes))
        return NULL;
    if (bytes == 0)
        bytes = 1; /* zero would free */
    return allocator ? allocator->resize(allocator->context, pointer, bytes)
                     : realloc(pointer, bytes);
}

void *ink_new(const ink_allocator *allocator, size_t count, size_t size)
{
    if (!allocator)
        return calloc(count ? count : 1, size ? size : 1);
    void *pointer = ink_resize(allocator, NULL, count, size);
    if (pointer)
        memset(pointer, 0, count * size); /* the product was checked by ink_resize */
    return pointer;
}

void ink_delete(const ink_allocator *allocator, void *pointer)
{
    if (!pointer)
        return;
    if (allocator)
        (void)allocator->resize(allocator->context, pointer, 0);
    else
        free(pointer);
}

/* The block's own address stands in the pointer before the aligned one. */
void *ink_new_aligned(const ink_allocator *allocator, size_t bytes, size_t alignment)
{
    size_t total;
    assert(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
    if (!ink_size_add(bytes, alignment + sizeof(void *), &total))
        return NULL;
    char *block = ink_resize(allocator, NULL, total, 1);
    if (!block)
        return NULL;
    uintptr_t address =
        ((uintptr_t)block + sizeof(void *) + alignment - 1) & ~(uintptr_t)(alignment - 1);
    char *aligned = block + (address - (uintptr_t)block);
    memcpy(aligned - sizeof(void *), &block, sizeof(void *));
    return aligned;
}

void ink_delete_aligned(const ink_allocator *allocator, void *pointer)
{
    if (!pointer)
        return;
    void *block;
    memcpy(&block, (char *)pointer - sizeof(void *), sizeof(void *));
    ink_delete(allocator, block);
}

static size_t large_alignment(const ink_allocator *allocator, size_t bytes)
{
    return ink_allocator_is_system(allocator) && bytes >= 8 * LARGE_PAGE_BYTES ? LARGE_PAGE_BYTES
                                                                               : 4096;
}

size_t ink_large_bytes(const ink_allocator *allocator, size_t bytes)
{
    return bytes + large_alignment(allocator, bytes) + sizeof(void *);
}

void *ink_new_large(const ink_allocator *allocator, size_t bytes)
{
    size_t alignment = large_alignment(allocator, bytes);
    void *memory = ink_new_aligned(allocator, bytes, alignment);
#if defined(MADV_HUGEPAGE)
    if (alignment == LARGE_PAGE_BYTES &&
        memory) /* the last page stays small: no more memory than was asked for */
        (void)madvise(memory, bytes & ~(LARGE_PAGE_BYTES - 1), MADV_HUGEPAGE);
#endif
    return memory;
}

char *ink_copy_string(const ink_allocator *allocator, const char *text, size_t n_bytes)
{
    size_t bytes;
    if (!ink_size_add(n_bytes, 1, &bytes))
        return NULL;
    char *copy = ink_resize(allocator, NULL, bytes, 1);
    if (!copy)
        return NULL;
    if (n_bytes)
        memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

struct ink_arena_chunk {
    ink_arena_chunk *next;
    size_t used, capacity;
    alignas(max_align_t) char data[];
};

void ink_arena_init(ink_arena *arena, const ink_allocator *allocator, size_t max_bytes)
{
    *arena = (ink_arena){.allocator = allocator, .max_bytes = max_bytes};
}

static void delete_chunks(const ink_arena *arena, ink_arena_chunk *chunk)
{
    while (chunk) {
        ink_arena_chunk *next = chunk->next;
        ink_delete(arena->allocator, chunk);
        chunk = next;
    }
}

void ink_arena_deinit(ink_arena *arena)
{
    delete_chunks(arena, arena->chunk);
    delete_chunks(arena, arena->kept);
    arena->chunk = arena->kept = NULL;
    arena->used_bytes = 0;
}

void ink_arena_reset(ink_arena *arena)
{
    while (arena->chunk) {
        ink_arena_chunk *chunk = arena->chunk;
        arena->chunk = chunk->next;
        chunk->next = arena->kept;
        chunk->used = 0;
        arena->kept = chunk;
    }
    arena->used_bytes = 0;
}

/* The first kept chunk that holds `bytes`, no longer kept; or NULL. */
static ink_arena_chunk *reuse_chunk(ink_arena *arena, size_t bytes)
{
    for (ink_arena_chunk **link = &arena->kept; *link; link = &(*link)->next) {
        ink_arena_chunk *chunk = *link;
        if (chunk->capacity < bytes)
            continue;
        *link = chunk->next;
        chunk->next = arena->chunk;
        return arena->chunk = chunk;
    }
    return NULL;
}

/* A chunk at least as large as all before it: few chunks however much is taken. */
static ink_arena_chunk *new_chunk(ink_arena *arena, size_t bytes)
{
    size_t capacity = ink_size_max(ink_size_max(bytes, arena->used_bytes), ARENA_CHUNK_BYTES),
           total;
    if (reuse_chunk(arena, bytes))
        return arena->chunk;
    if (!ink_size_add(capacity, sizeof(ink_arena_chunk), &total))
        return NULL;
    ink_arena_chunk *chunk = ink_resize(arena->allocator, NULL, total, 1);
    if (!chunk)
        return NULL;
    *chunk = (ink_arena_chunk){.next = arena->chunk, .capacity = capacity};
    arena->chunk = chunk;
    return chunk;
}

void *ink_arena_take(ink_arena *arena, size_t count, size_t size)
{
    size_t bytes, used;
    if (!ink_size_mul(count, size, &bytes) || !ink_size_align(bytes, alignof(max_align_t), &bytes))
        return NULL;
    if (!ink_size_add(arena->used_bytes, bytes, &used) || used > arena->max_bytes)
        return NULL;
    ink_arena_chunk *chunk = arena->chunk;
    if (!chunk || chunk->capacity - chunk->used < bytes)
        chunk = new_chunk(arena, bytes);
    if (!chunk)
        return NULL;
    void *taken = chunk->data + chunk->used;
    chunk->used += bytes;
    arena->used_bytes = used;
    return memset(taken, 0, bytes);
}

char *ink_arena_string(ink_arena *arena, const char *text, size_t n_bytes)
{
    size_t bytes;
    if (!ink_size_add(n_bytes, 1, &bytes))
        return NULL;
    char *copy = ink_arena_take(arena, bytes, 1);
    if (copy && n_bytes)
        memcpy(copy, text, n_bytes);
    return copy;
}

void ink_buffer_init(ink_buffer *buffer, const ink_allocator *allocator, size_t max_bytes)
{
    *buffer = (ink_buffer){.allocator = allocator, .max_bytes = max_bytes};
}

void ink_buffer_deinit(ink_buffer *buffer)
{
    ink_delete(buffer->allocator, buffer->data);
    *buffer = (ink_buffer){.allocator = buffer->allocator, .max_bytes = buffer->max_bytes};
}

char *ink_buffer_reserve(ink_buffer *buffer, size_t n_bytes)
{
    size_t needed;
    if (!ink_size_add(buffer->n_bytes, n_bytes, &needed) || needed > buffer->max_bytes ||
        needed == SIZE_MAX) {
        buffer->failed = true;
        return NULL;
    }
    if (needed + 1 > buffer->capacity) {
        size_t doubled = buffer->capacity < SIZE_MAX / 2 ? buffer->capacity * 2 : SIZE_MAX;
        size_t capacity = ink_size_max(ink_size_max(needed + 1, doubled), 64);
        char *grown = ink_resize(buffer->allocator, buffer->data, capacity, 1);
        if (!grown) {
            buffer->failed = buffer->no_memory = true;
            return NULL;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->n_bytes;
}

bool ink_buffer_append(ink_buffer *buffer, const void *bytes, size_t n_bytes)
{
    char *room = ink_buffer_reserve(buffer, n_bytes);
    if (!room)
        return false;
    if (n_bytes)
        memcpy(room, bytes, n_bytes);
    buffer->n_bytes += n_bytes;
    buffer->data[buffer->n_bytes] = '\0';
    return true;
}

bool ink_buffer_text(ink_buffer *buffer, const char *text)
{
    return ink_buffer_append(buffer, text, strlen(text));
}

bool ink_buffer_format(ink_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int wanted = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = wanted < 0 ? NULL : ink_buffer_reserve(buffer, (size_t)wanted);
    if (room) {
        (void)vsnprintf(room, (size_t)wanted + 1, format, again);
        buffer->n_bytes += (size_t)wanted;
    } else {
        buffer->failed = true;
    }
    va_end(again);
    return room != NULL;
}
