#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef INK_SOURCE_DIR
#define INK_SOURCE_DIR "."
#endif

/* ---- Reference data. */

const char *ink_shared_path(const char *relative, char *path, size_t path_bytes)
{
    const char *named = getenv("INK_SHARED");
    bool has_name = named && named[0];
    int wanted = snprintf(path, path_bytes, "%s/%s", has_name ? named : INK_SOURCE_DIR "/../shared",
                          relative);
    if (wanted < 0 || (size_t)wanted >= path_bytes)
        fail_msg("the path of %s does not fit into %zu bytes", relative, path_bytes);
    return path;
}

bool ink_shared_has(const char *relative)
{
    char path[1024];
    return access(ink_shared_path(relative, path, sizeof path), R_OK) == 0;
}

void ink_require_shared(void)
{
    if (ink_shared_has("golden"))
        return;
    const char *ci = getenv("CI");
    if (ci && ci[0])
        fail_msg("no reference data at ../shared (INK_SHARED says where else), and CI is set");
    skip();
}

/* ---- Memory. The size of a block stands before it, in room that keeps the alignment. */

typedef union block_header {
    size_t n_bytes;
    max_align_t alignment;
} block_header;

static bool must_fail(ink_test_allocator *test)
{
    test->n_calls++;
    if (test->fail_at == 0)
        return false;
    return test->fail_after ? test->n_calls >= test->fail_at : test->n_calls == test->fail_at;
}

static void *resize_block(ink_test_allocator *test, void *pointer, size_t bytes)
{
    block_header *old = pointer ? (block_header *)pointer - 1 : NULL;
    size_t old_bytes = old ? old->n_bytes : 0;
    if (bytes == 0) {
        test->n_blocks -= old != NULL;
        test->n_bytes -= old_bytes;
        free(old);
        return NULL;
    }
    if (must_fail(test) || bytes > SIZE_MAX - sizeof(block_header))
        return NULL;
    /* Always a new place: a caller that keeps the old pointer is seen by the address sanitizer. */
    block_header *block = malloc(bytes + sizeof(block_header));
    if (!block)
        return NULL;
    block->n_bytes = bytes;
    memset(block + 1, 0xa5, bytes);
    if (old)
        memcpy(block + 1, old + 1, old_bytes < bytes ? old_bytes : bytes);
    free(old);
    test->n_blocks += old == NULL;
    test->n_bytes += bytes - old_bytes;
    if (test->n_bytes > test->peak_bytes)
        test->peak_bytes = test->n_bytes;
    return block + 1;
}

static void *test_resize(void *context, void *pointer, size_t bytes)
{
    ink_test_allocator *test = context;
    (void)pthread_mutex_lock(&test->lock);
    void *block = resize_block(test, pointer, bytes);
    (void)pthread_mutex_unlock(&test->lock);
    return block;
}

void ink_test_allocator_init(ink_test_allocator *test, size_t fail_at)
{
    *test = (ink_test_allocator){.fail_at = fail_at, .lock = PTHREAD_MUTEX_INITIALIZER};
    test->allocator = (ink_allocator){.resize = test_resize, .context = test};
}

size_t ink_fail_each_allocation(ink_status (*attempt)(const ink_allocator *allocator,
                                                      void *context),
                                void *context, size_t max_calls)
{
    for (size_t n = 1; n <= max_calls + 1; n++) {
        ink_test_allocator test;
        ink_test_allocator_init(&test, n);
        ink_status status = attempt(&test.allocator, context);
        bool was_failed = test.n_calls >= n;
        if (test.n_blocks != 0)
            fail_msg("%zu blocks leak when allocation %zu fails", test.n_blocks, n);
        if (status != INK_OK && !(was_failed && status == INK_NO_MEMORY))
            fail_msg("status %d when allocation %zu fails", (int)status, n);
        if (!was_failed) {
            assert_true(n > 1);
            return n - 1;
        }
    }
    fail_msg("more than %zu allocations", max_calls);
    return 0;
}

/* ---- Files. */

char *ink_read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    struct stat facts;
    assert_int_equal(fstat(fileno(file), &facts), 0);
    size_t size = (size_t)facts.st_size;
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    (void)fclose(file);
    bytes[size] = '\0';
    *n_bytes = size;
    return bytes;
}

void ink_write_file(const char *path, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fail_msg("cannot create %s", path);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

const char *ink_temporary_folder(char path[64])
{
    (void)snprintf(path, 64, "/tmp/inkling-test-XXXXXX");
    if (!mkdtemp(path))
        fail_msg("cannot create a folder in /tmp");
    return path;
}

void ink_remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        (void)closedir(folder);
    (void)rmdir(path);
}

/* ---- A folder of the whole program. */

static char program_folder[64];

int ink_test_folder_make(void **state)
{
    (void)state;
    ink_temporary_folder(program_folder);
    return 0;
}

int ink_test_folder_remove(void **state)
{
    (void)state;
    ink_remove_folder(program_folder);
    return 0;
}

const char *ink_test_file(const char *name, ink_test_path path)
{
    (void)snprintf(path, sizeof(ink_test_path), "%s/%s", program_folder, name);
    return path;
}

void ink_write_sentences(const char *path, int n)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fail_msg("cannot create %s", path);
    for (int i = 0; i < n; i++)
        (void)fputs("Once upon a time there was a fox. It liked to run. The fox ran all day long. ",
                    file);
    assert_int_equal(fclose(file), 0);
}

/* ---- Numbers. */

uint64_t ink_test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}
