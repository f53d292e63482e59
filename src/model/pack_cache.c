#define _POSIX_C_SOURCE 200809L
#include "model/pack_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/size.h"
#include "model/pack_header.h"

#define CHUNK_BYTES INK_PACK_CACHE_CHUNK_BYTES
#define NAME_DIGEST_BYTES 16
#define NAME_BYTES (2 * NAME_DIGEST_BYTES + sizeof "/.inkpack")

struct ink_pack_cache {
    const ink_allocator *allocator;
    ink_log log;
    ink_pack_header header;
    char *path;
    ink_mapping mapping;

    /* of the file being written */
    ink_file_writer *writer;
    const void *weights;
    void *chunk; /* [CHUNK_BYTES] to read it again */
    void *file;  /* all of it, while weights are packed into it */
    pthread_t thread;
    bool has_thread;
    ink_error error; /* of the thread; status INK_OK when all went well */
};

/* Messages name the file that they are about. */
INK_PRINTF(3, 4)
static void say(const ink_pack_cache *cache, ink_log_level level, const char *format, ...)
{
    char message[sizeof(ink_error)];
    va_list arguments;
    if (!cache->log.write)
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cache->log.write(cache->log.context, level, message);
}

/* ---- Looking for the file -------------------------------------------------------------------- */

static bool name_file(ink_pack_cache *cache, const char *folder)
{
    size_t n_bytes = strlen(folder), capacity;
    if (!ink_size_add(n_bytes, NAME_BYTES, &capacity))
        return false;
    cache->path = ink_resize(cache->allocator, NULL, capacity, 1);
    if (!cache->path)
        return false;
    char *at = cache->path + snprintf(cache->path, capacity, "%s/", folder);
    ink_sha256_print(cache->header.model, NAME_DIGEST_BYTES, at);
    at += 2 * NAME_DIGEST_BYTES;
    (void)snprintf(at, sizeof ".inkpack", ".inkpack");
    return true;
}

/* The check of all data, which reads all of it. */
static bool is_intact(const ink_mapping *mapping)
{
    ink_pack_header header;
    ink_checksum sum;
    memcpy(&header, mapping->bytes, sizeof header);
    ink_checksum_init(&sum);
    ink_checksum_add(&sum, (const char *)mapping->bytes + INK_PACK_DATA_OFFSET,
                     (size_t)header.data_bytes);
    return memcmp(&sum, &header.checksum, sizeof sum) == 0;
}

/* Leaves the mapping empty when there is no file that can be used. */
static void find_file(ink_pack_cache *cache, bool verify)
{
    ink_error error;
    if (ink_mapping_open(&cache->mapping, cache->path, &error) != INK_OK) {
        say(cache, INK_LOG_WARNING, "packed weights are not used: %s", error.message);
        return;
    }
    if (!cache->mapping.bytes)
        return;
    const char *problem =
        ink_pack_header_refuse(&cache->header, cache->mapping.bytes, cache->mapping.n_bytes);
    if (!problem && verify && !is_intact(&cache->mapping))
        problem = "is damaged: its checksum is not that of its data";
    if (problem) {
        say(cache, INK_LOG_WARNING, "packed weights are not used: %s %s; it is replaced",
            cache->path, problem);
        ink_mapping_close(&cache->mapping);
        return;
    }
    say(cache, INK_LOG_INFO, "packed weights are used: %s", cache->path);
}

ink_status ink_pack_cache_open(ink_pack_cache **out, const struct ink_model *model,
                               const ink_bindings *bindings, const ink_model_options *options,
                               ink_error *error)
{
    ink_pack_cache *cache = ink_new(model->allocator, 1, sizeof *cache);
    if (!cache)
        return ink_fail_memory(error, "packed weights");
    cache->allocator = model->allocator;
    cache->log = options->log;
    ink_status status = ink_pack_header_init(&cache->header, model, bindings, error);
    if (status == INK_OK && !name_file(cache, options->pack_cache))
        status = ink_fail_memory(error, "packed weights");
    if (status != INK_OK) {
        ink_pack_cache_close(cache);
        return status;
    }
    find_file(cache, options->verify_pack_cache);
    *out = cache;
    return INK_OK;
}

const void *ink_pack_cache_weights(const ink_pack_cache *cache)
{
    return cache->mapping.bytes ? (const char *)cache->mapping.bytes + INK_PACK_DATA_OFFSET : NULL;
}

/* ---- Writing it ------------------------------------------------------------------------------ */

static ink_status write_header(ink_pack_cache *cache, ink_error *error)
{
    static const uint8_t zeros[INK_PACK_DATA_OFFSET - sizeof(ink_pack_header)];
    ink_pack_header_seal(&cache->header);
    INK_TRY(ink_file_writer_write(cache->writer, &cache->header, sizeof cache->header, error));
    return ink_file_writer_write(cache->writer, zeros, sizeof zeros, error);
}

/* In pieces, since a buffer stands before small ones. */
static ink_status write_weights(ink_pack_cache *cache, ink_error *error)
{
    size_t n_bytes = (size_t)cache->header.data_bytes;
    for (size_t done = 0; done < n_bytes; done += CHUNK_BYTES)
        INK_TRY(ink_file_writer_write(cache->writer, (const char *)cache->weights + done,
                                      ink_size_min(CHUNK_BYTES, n_bytes - done), error));
    return INK_OK;
}

/* Through the buffer: a mapping would count as memory in use, as much as the weights. */
static ink_status check_written(ink_pack_cache *cache, ink_error *error)
{
    size_t n_bytes = (size_t)cache->header.data_bytes;
    ink_checksum sum;
    ink_checksum_init(&sum);
    for (size_t done = 0; done < n_bytes; done += CHUNK_BYTES) {
        size_t n = ink_size_min(CHUNK_BYTES, n_bytes - done);
        INK_TRY(ink_file_writer_read(cache->writer, INK_PACK_DATA_OFFSET + done, n, cache->chunk,
                                     error));
        ink_checksum_add(&sum, cache->chunk, n);
    }
    if (memcmp(&sum, &cache->header.checksum, sizeof sum) == 0)
        return INK_OK;
    return ink_fail(error, INK_IO, 0, "%s: other bytes are read back than were written",
                    cache->path);
}

static ink_status write_file(ink_pack_cache *cache, ink_error *error)
{
    ink_checksum_init(&cache->header.checksum);
    ink_checksum_add(&cache->header.checksum, cache->weights, (size_t)cache->header.data_bytes);
    INK_TRY(write_header(cache, error));
    INK_TRY(write_weights(cache, error));
    INK_TRY(ink_file_writer_seal(cache->writer, error));
    INK_TRY(check_written(cache, error));
    return ink_file_writer_commit(cache->writer, error);
}

static void *thread_main(void *argument)
{
    ink_pack_cache *cache = argument;
    cache->error.status = write_file(cache, &cache->error);
    return NULL;
}

/* Its parent must be there. */
static ink_status make_folder(const ink_pack_cache *cache, ink_error *error)
{
    char *slash = strrchr(cache->path, '/');
    *slash = '\0';
    bool made = mkdir(cache->path, (mode_t)0700) == 0 || errno == EEXIST;
    ink_status status =
        made ? INK_OK : ink_fail(error, INK_IO, 0, "%s: the folder cannot be created", cache->path);
    *slash = '/';
    return status;
}

/* All that may fail before the first byte is written, on the caller's thread. */
static ink_status begin_writing(ink_pack_cache *cache, ink_error *error)
{
    INK_TRY(make_folder(cache, error));
    INK_TRY(ink_file_writer_open_private(&cache->writer, cache->path,
                                         INK_PACK_DATA_OFFSET + cache->header.data_bytes,
                                         cache->allocator, error));
    cache->chunk = ink_resize(cache->allocator, NULL, CHUNK_BYTES, 1);
    if (!cache->chunk)
        return ink_fail_memory(error, cache->path);
    if (pthread_create(&cache->thread, NULL, thread_main, cache) != 0)
        return ink_fail(error, INK_LIMIT, 0, "%s: the system refused a thread", cache->path);
    cache->has_thread = true;
    return INK_OK;
}

void ink_pack_cache_keep(ink_pack_cache *cache, const void *weights)
{
    ink_error error;
    cache->weights = weights;
    if (begin_writing(cache, &error) == INK_OK)
        say(cache, INK_LOG_INFO, "packed weights are being kept in %s", cache->path);
    else
        say(cache, INK_LOG_WARNING, "packed weights are not kept: %s", error.message);
}

/* ---- Packing into it ------------------------------------------------------------------------- */

ink_status ink_pack_cache_make(ink_pack_cache *cache, void **weights, ink_error *error)
{
    uint64_t n_bytes = INK_PACK_DATA_OFFSET + cache->header.data_bytes;
    if (n_bytes > SIZE_MAX)
        return ink_fail(error, INK_LIMIT, 0, "%s: larger than the address space", cache->path);
    INK_TRY(make_folder(cache, error));
    INK_TRY(ink_file_writer_open_private(&cache->writer, cache->path, n_bytes, cache->allocator,
                                         error));
    INK_TRY(ink_file_writer_map(cache->writer, (size_t)n_bytes, &cache->file, error));
    *weights = (char *)cache->file + INK_PACK_DATA_OFFSET;
    return INK_OK;
}

ink_status ink_pack_cache_made(ink_pack_cache *cache, ink_error *error)
{
    char *file = cache->file;
    ink_checksum_init(&cache->header.checksum);
    ink_checksum_add(&cache->header.checksum, file + INK_PACK_DATA_OFFSET,
                     (size_t)cache->header.data_bytes);
    ink_pack_header_seal(&cache->header);
    memset(file, 0, INK_PACK_DATA_OFFSET);
    memcpy(file, &cache->header, sizeof cache->header);
    cache->file = NULL;
    INK_TRY(ink_file_writer_unmap(cache->writer, error));
    INK_TRY(ink_file_writer_commit(cache->writer, error));
    ink_file_writer_close(cache->writer);
    cache->writer = NULL;
    return ink_mapping_open(&cache->mapping, cache->path, error);
}

void ink_pack_cache_close(ink_pack_cache *cache)
{
    if (!cache)
        return;
    if (cache->has_thread) {
        pthread_join(cache->thread, NULL);
        if (cache->error.status != INK_OK)
            say(cache, INK_LOG_WARNING, "packed weights are not kept: %s", cache->error.message);
    }
    ink_file_writer_close(cache->writer);
    ink_mapping_close(&cache->mapping);
    ink_delete(cache->allocator, cache->chunk);
    ink_delete(cache->allocator, cache->path);
    ink_delete(cache->allocator, cache);
}
