#define _POSIX_C_SOURCE 200809L
#include "runtime/prefix_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/checksum.h"
#include "base/size.h"
#include "model/rope.h"
#include "runtime/state.h"

#define SUFFIX ".inkprefix"
#define NAME_DIGEST_BYTES 16
#define NAME_BYTES (2 * NAME_DIGEST_BYTES + sizeof SUFFIX)
#define CHUNK_BYTES ((size_t)1 << 20) /* whole rounds of the checksum */
#define LEFT_BEHIND_SECONDS 600       /* a file that is being written is younger */

enum {
#define X(field) FIELD_##field,
    INK_PREFIX_FIELDS(X)
#undef X
        N_FIELDS,
    MAGIC_BYTES = 8,
    AT_ROOT = MAGIC_BYTES + 8 * N_FIELDS,
    AT_PARENT = AT_ROOT + INK_SHA256_BYTES,
    AT_TOKENS = AT_PARENT + INK_SHA256_BYTES,
    AT_CHECKSUM = AT_TOKENS + 4 * INK_PAGE,
    AT_DIGEST = AT_CHECKSUM + INK_CHECKSUM_BYTES,
    HEADER_BYTES = AT_DIGEST + INK_SHA256_BYTES
};
_Static_assert(HEADER_BYTES <= INK_PREFIX_DATA_OFFSET, "a header stands before its data");

struct ink_prefix_store {
    const ink_allocator *allocator;
    ink_log log;
    uint64_t max_bytes;
    uint8_t identity[INK_SHA256_BYTES];
    size_t folder_bytes;
    char *path; /* the folder, and room for a name behind it */
    pthread_mutex_t mutex;
};

/* ---- The file -------------------------------------------------------------------------------- */

/* All but the checksum and the digest. */
static void begin_header(const ink_prefix_key *key, uint8_t header[INK_PREFIX_DATA_OFFSET])
{
    const uint64_t fields[N_FIELDS] = {
        [FIELD_version] = INK_PREFIX_VERSION,
        [FIELD_file_bytes] = INK_PREFIX_DATA_OFFSET + (uint64_t)key->n_bytes,
        [FIELD_kind] = (uint64_t)key->kind,
        [FIELD_data_bytes] = key->n_bytes,
        [FIELD_page_positions] = INK_PAGE,
    };
    memset(header, 0, INK_PREFIX_DATA_OFFSET);
    memcpy(header, INK_PREFIX_MAGIC, MAGIC_BYTES);
    for (size_t i = 0; i < N_FIELDS; i++)
        ink_state_put_u64(header + MAGIC_BYTES + 8 * i, fields[i]);
    memcpy(header + AT_ROOT, key->root, INK_SHA256_BYTES);
    memcpy(header + AT_PARENT, key->parent, INK_SHA256_BYTES);
    for (size_t i = 0; i < INK_PAGE; i++)
        for (size_t byte = 0; byte < 4; byte++)
            header[AT_TOKENS + 4 * i + byte] = (uint8_t)((uint32_t)key->tokens[i] >> 8 * byte);
}

static void digest_of(const uint8_t *bytes, size_t n_bytes, uint8_t digest[INK_SHA256_BYTES])
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, bytes, n_bytes);
    ink_sha256_finish(&sum, digest);
}

static void put_checksum(const ink_checksum *sum, uint8_t bytes[INK_CHECKSUM_BYTES])
{
    for (size_t i = 0; i < INK_CHECKSUM_LANES; i++)
        ink_state_put_u64(bytes + 8 * i, sum->lanes[i]);
}

/* What the header of a right file must be, but for its sums, is known. */
static ink_status check_header(const ink_file *file, const uint8_t *found, const uint8_t *wanted,
                               ink_error *error)
{
    const char *name = ink_file_name(file);
    uint8_t digest[INK_SHA256_BYTES];
    if (memcmp(found, INK_PREFIX_MAGIC, MAGIC_BYTES) != 0)
        return ink_fail(error, INK_CORRUPT, 0, "%s: not the prefix of a session", name);
    digest_of(found, AT_DIGEST, digest);
    if (memcmp(digest, found + AT_DIGEST, sizeof digest) != 0)
        return ink_fail(error, INK_CORRUPT, 0, "%s: damaged: the checksum of its header is another",
                        name);
    for (size_t i = 0; i < AT_CHECKSUM; i++)
        if (found[i] != wanted[i])
            return ink_fail(error, INK_CORRUPT, i,
                            "%s: not what its name says: its header differs at byte %zu", name, i);
    return INK_OK;
}

ink_status ink_prefix_read(const ink_file *file, const ink_prefix_key *key, void *data,
                           ink_error *error)
{
    uint8_t wanted[INK_PREFIX_DATA_OFFSET], found[INK_PREFIX_DATA_OFFSET];
    ink_checksum sum;
    uint64_t n_bytes = INK_PREFIX_DATA_OFFSET + (uint64_t)key->n_bytes;
    if (ink_file_size(file) != n_bytes)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: %" PRIu64 " bytes, but %" PRIu64 " were written: it is not whole",
                        ink_file_name(file), ink_file_size(file), n_bytes);
    begin_header(key, wanted);
    INK_TRY(ink_file_read(file, 0, sizeof found, found, error));
    INK_TRY(check_header(file, found, wanted, error));
    ink_checksum_init(&sum);
    for (size_t done = 0; done < key->n_bytes; done += CHUNK_BYTES) {
        size_t n = ink_size_min(CHUNK_BYTES, key->n_bytes - done);
        INK_TRY(ink_file_read(file, INK_PREFIX_DATA_OFFSET + done, n, (char *)data + done, error));
        ink_checksum_add(&sum, (char *)data + done, n);
    }
    put_checksum(&sum, wanted + AT_CHECKSUM);
    if (memcmp(wanted + AT_CHECKSUM, found + AT_CHECKSUM, INK_CHECKSUM_BYTES) != 0)
        return ink_fail(error, INK_CORRUPT, INK_PREFIX_DATA_OFFSET,
                        "%s: damaged: the checksum of its data is another", ink_file_name(file));
    return INK_OK;
}

static ink_status write_file(ink_file_writer *writer, const ink_prefix_key *key, const void *data,
                             ink_error *error)
{
    uint8_t header[INK_PREFIX_DATA_OFFSET];
    ink_checksum sum;
    begin_header(key, header);
    ink_checksum_init(&sum);
    ink_checksum_add(&sum, data, key->n_bytes);
    put_checksum(&sum, header + AT_CHECKSUM);
    digest_of(header, AT_DIGEST, header + AT_DIGEST);
    INK_TRY(ink_file_writer_write(writer, header, sizeof header, error));
    INK_TRY(ink_file_writer_write(writer, data, key->n_bytes, error));
    return ink_file_writer_commit(writer, error);
}

/* ---- The folder ------------------------------------------------------------------------------ */

/* The path of a key's file; the store is locked. */
static const char *path_of(ink_prefix_store *store, const ink_prefix_key *key)
{
    uint8_t digest[INK_SHA256_BYTES];
    ink_sha256 sum;
    char *at = store->path + store->folder_bytes;
    const uint8_t kind = (uint8_t)key->kind;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, key->root, INK_SHA256_BYTES);
    ink_sha256_add(&sum, key->parent, INK_SHA256_BYTES);
    ink_sha256_add(&sum, key->tokens, INK_PAGE * sizeof *key->tokens);
    ink_sha256_add(&sum, &kind, 1);
    ink_sha256_finish(&sum, digest);
    *at++ = '/';
    ink_sha256_print(digest, NAME_DIGEST_BYTES, at);
    at += 2 * (size_t)NAME_DIGEST_BYTES;
    memcpy(at, SUFFIX, sizeof SUFFIX);
    return store->path;
}

static const char *folder_of(ink_prefix_store *store)
{
    store->path[store->folder_bytes] = '\0';
    return store->path;
}

/* What the folder holds. */
typedef struct sweep {
    uint64_t n_bytes;
    char oldest[NAME_BYTES]; /* the file used longest ago; "": there is none */
    struct timespec used;
} sweep;

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The path becomes that of a file; of a longer name the begin counts. */
static void put_name(ink_prefix_store *store, const char *name)
{
    char *at = store->path + store->folder_bytes;
    *at++ = '/';
    memcpy(at, name, NAME_BYTES - 1);
    at[NAME_BYTES - 1] = '\0';
}

/* "NAME.inkprefix.123-0.tmp": what a killed writer may have left behind. */
static void sweep_temporary(ink_prefix_store *store, const char *name, const struct stat *facts)
{
    if (strncmp(name + NAME_BYTES - sizeof SUFFIX, SUFFIX ".", sizeof SUFFIX) != 0 ||
        time(NULL) - facts->st_mtim.tv_sec < LEFT_BEHIND_SECONDS)
        return;
    put_name(store, name);
    ink_file_sweep(store->path);
}

static void look_at(ink_prefix_store *store, int folder, const char *name, sweep *s)
{
    struct stat facts;
    size_t n = strlen(name);
    if (n + 1 < NAME_BYTES || fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(facts.st_mode))
        return;
    if (n + 1 > NAME_BYTES)
        sweep_temporary(store, name, &facts);
    if (n + 1 > NAME_BYTES || strcmp(name + NAME_BYTES - sizeof SUFFIX, SUFFIX) != 0)
        return;
    s->n_bytes += (uint64_t)facts.st_size;
    if (*s->oldest && !is_older(&facts.st_mtim, &s->used))
        return;
    memcpy(s->oldest, name, NAME_BYTES);
    s->used = facts.st_mtim;
}

/* All files' bytes, and the one used longest ago. */
static ink_status scan(ink_prefix_store *store, sweep *s, ink_error *error)
{
    DIR *entries = opendir(folder_of(store));
    *s = (sweep){.n_bytes = 0};
    if (!entries)
        return ink_fail(error, INK_IO, 0, "%s: %s", store->path, strerror(errno));
    for (const struct dirent *found; (found = readdir(entries)) != NULL;)
        look_at(store, dirfd(entries), found->d_name, s);
    (void)closedir(entries);
    return INK_OK;
}

/* Those used longest ago go until n_bytes more have room. */
static ink_status make_room(ink_prefix_store *store, uint64_t n_bytes, ink_error *error)
{
    sweep s;
    if (n_bytes > store->max_bytes)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %" PRIu64 " bytes are more than the %" PRIu64 " that it may hold",
                        folder_of(store), n_bytes, store->max_bytes);
    for (;;) {
        INK_TRY(scan(store, &s, error));
        if (s.n_bytes <= store->max_bytes - n_bytes || !*s.oldest)
            return INK_OK;
        put_name(store, s.oldest);
        if (unlink(store->path) != 0 && errno != ENOENT)
            return ink_fail(error, INK_IO, 0, "%s: %s", store->path, strerror(errno));
    }
}

/* ---- Using it -------------------------------------------------------------------------------- */

static ink_status open_file(ink_file **out, ink_prefix_store *store, const ink_prefix_key *key,
                            ink_error *error)
{
    (void)pthread_mutex_lock(&store->mutex);
    const char *path = path_of(store, key);
    ink_status status = ink_file_is_link(path)
                            ? ink_fail(error, INK_IO, 0, "%s: a symbolic link", path)
                            : ink_file_open(out, path, store->allocator, error);
    (void)pthread_mutex_unlock(&store->mutex);
    return status;
}

static void remove_file(ink_prefix_store *store, const ink_prefix_key *key)
{
    (void)pthread_mutex_lock(&store->mutex);
    (void)unlink(path_of(store, key));
    (void)pthread_mutex_unlock(&store->mutex);
}

/* A file that is open is what it was, whoever removes or replaces it: nobody need wait for it. */
bool ink_prefix_load(ink_prefix_store *store, const ink_prefix_key *key, void *data)
{
    ink_file *file = NULL;
    ink_error error;
    ink_status status = open_file(&file, store, key, &error);
    if (status == INK_OK)
        status = ink_prefix_read(file, key, data, &error);
    ink_file_close(file);
    if (status == INK_OK)
        return true;
    ink_warn(&store->log, "a kept prefix is not used, and evaluated anew: %s", error.message);
    if (status == INK_CORRUPT)
        remove_file(store, key);
    return false;
}

bool ink_prefix_exists(ink_prefix_store *store, const ink_prefix_key *key)
{
    (void)pthread_mutex_lock(&store->mutex);
    bool there = access(path_of(store, key), F_OK) == 0;
    (void)pthread_mutex_unlock(&store->mutex);
    return there;
}

bool ink_prefix_touch(ink_prefix_store *store, const ink_prefix_key *key)
{
    (void)pthread_mutex_lock(&store->mutex);
    bool there = utimensat(AT_FDCWD, path_of(store, key), NULL, AT_SYMLINK_NOFOLLOW) == 0;
    (void)pthread_mutex_unlock(&store->mutex);
    return there;
}

static ink_status save(ink_prefix_store *store, const ink_prefix_key *key, const void *data,
                       ink_error *error)
{
    ink_file_writer *writer = NULL;
    INK_TRY(make_room(store, INK_PREFIX_DATA_OFFSET + (uint64_t)key->n_bytes, error));
    INK_TRY(ink_file_writer_open(&writer, path_of(store, key), INK_FILE_FOR_OWNER, store->allocator,
                                 error));
    ink_status status = write_file(writer, key, data, error);
    ink_file_writer_close(writer);
    return status;
}

ink_status ink_prefix_save(ink_prefix_store *store, const ink_prefix_key *key, const void *data,
                           ink_error *error)
{
    (void)pthread_mutex_lock(&store->mutex);
    ink_status status = save(store, key, data, error);
    (void)pthread_mutex_unlock(&store->mutex);
    return status;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void ink_prefix_store_root(const ink_prefix_store *store, const ink_model *model,
                           const ink_kv_pool *pool, uint8_t root[INK_SHA256_BYTES])
{
    ink_sha256 sum;
    const uint8_t more[] = {INK_PREFIX_VERSION, ink_rope_same(model, pool->n_context, 1)};
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, store->identity, sizeof store->identity);
    for (size_t i = 0; i < pool->n_layers; i++) {
        uint64_t fields[INK_KV_LAYOUT_FIELDS];
        ink_kv_layout_get_fields(&pool->layouts[i], fields);
        ink_sha256_add(&sum, fields, sizeof fields);
    }
    ink_sha256_add(&sum, more, sizeof more);
    ink_sha256_finish(&sum, root);
}

static ink_status check_folder(const char *path, ink_error *error)
{
    struct stat facts;
    const char *problem = NULL;
    if (mkdir(path, (mode_t)0700) != 0 && errno != EEXIST)
        return ink_fail(error, INK_IO, 0, "%s: the folder cannot be created: %s", path,
                        strerror(errno));
    if (stat(path, &facts) != 0)
        problem = strerror(errno);
    else if (!S_ISDIR(facts.st_mode))
        problem = "not a folder";
    else if (facts.st_uid != geteuid())
        problem = "belongs to another user";
    else if (facts.st_mode & (S_IWGRP | S_IWOTH))
        problem = "may be written by other users";
    if (!problem)
        return INK_OK;
    return ink_fail(error, INK_IO, 0, "%s: %s; prefixes are kept in a folder of one's own", path,
                    problem);
}

static ink_status open_store(ink_prefix_store *store, const ink_model *model, const char *folder,
                             ink_error *error)
{
    store->folder_bytes = strlen(folder);
    store->path = ink_new(store->allocator, store->folder_bytes + NAME_BYTES + 1, 1);
    if (!store->path)
        return ink_fail_memory(error, "a store of prefixes");
    memcpy(store->path, folder, store->folder_bytes);
    INK_TRY(check_folder(store->path, error));
    return ink_state_identify(model, store->identity, error);
}

ink_status ink_prefix_store_new(ink_prefix_store **out, const ink_model *model, const char *folder,
                                uint64_t max_bytes, ink_error *error)
{
    ink_prefix_store *store = ink_new(model->allocator, 1, sizeof *store);
    if (!store || pthread_mutex_init(&store->mutex, NULL) != 0) {
        ink_delete(model->allocator, store);
        return ink_fail_memory(error, "a store of prefixes");
    }
    store->allocator = model->allocator;
    store->log = model->log;
    store->max_bytes = max_bytes;
    ink_status status = open_store(store, model, folder, error);
    if (status != INK_OK) {
        ink_prefix_store_free(store);
        return status;
    }
    *out = store;
    return INK_OK;
}

void ink_prefix_store_free(ink_prefix_store *store)
{
    if (!store)
        return;
    (void)pthread_mutex_destroy(&store->mutex);
    ink_delete(store->allocator, store->path);
    ink_delete(store->allocator, store);
}
