/*
 * Prefixes on the disk: what comes back gives the same bits, what was tampered with does not come
 * back, and who is killed while writing loses nothing older.
 */
#define _DEFAULT_SOURCE
#include "stories.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "runtime/prefix_store.h"

#define GQA "golden/models/llama-gqa-Q8_0.gguf"
#define N_CONTEXT 320
#define N_TOKENS 200 /* three blocks and a bit */

static char folder[64];
static size_t n_warnings;
static char last_warning[600];
static ink_session *told; /* goes on by a token whenever something is told of */

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static void count_warnings(void *context, ink_log_level level, const char *message)
{
    (void)context;
    if (level != INK_LOG_WARNING)
        return;
    n_warnings++;
    (void)snprintf(last_warning, sizeof last_warning, "%s", message);
    if (told)
        evaluate(told, (const int32_t[]){9}, 1);
}

static ink_model *open_logged(const char *relative)
{
    char path[1024];
    ink_model *model = NULL;
    ink_error error;
    const ink_model_options options = {.n_threads = 1, .log = {.write = count_warnings}};
    ink_shared_path(relative, path, sizeof path);
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static ink_model *open_with_store(const char *relative, uint64_t max_bytes)
{
    ink_error error;
    ink_model *model = open_logged(relative);
    if (ink_model_set_prefix_store(model, folder, max_bytes, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static ink_session *sharing(const ink_model *model, const char *cache, size_t n_context)
{
    ink_session *session = NULL;
    ink_error error;
    const ink_session_options options = {
        .n_context = n_context, .cache = cache, .n_batch = 64, .n_threads = 1};
    if (ink_session_new(&session, model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return session;
}

static void keep(ink_session *session)
{
    ink_error error;
    if (ink_session_keep_prefix(session, ink_session_position(session), &error) != INK_OK)
        fail_msg("%s", error.message);
}

/* A process that begins: what it takes over of the text, with the bits of one that is alone. */
static size_t start(const char *relative, const char *cache, uint64_t text, bool keeps)
{
    int32_t tokens[N_TOKENS];
    ink_model *model = open_with_store(relative, 0);
    ink_session *session = sharing(model, cache, N_CONTEXT),
                *alone = new_session(model, cache, N_CONTEXT, 64);
    random_tokens(model, tokens, N_TOKENS, text);
    evaluate(session, tokens, N_TOKENS);
    evaluate(alone, tokens, N_TOKENS);
    size_t n_reused = ink_session_n_reused(session);
    assert_int_equal(ink_session_n_reused(alone), 0);
    assert_memory_equal(ink_session_logits(session), ink_session_logits(alone),
                        model->hparams.n_vocab * sizeof(float));
    if (keeps)
        keep(session);
    ink_session_free(session);
    ink_session_free(alone);
    ink_model_free(model);
    return n_reused;
}

/* ---- The folder */

typedef struct listing {
    char names[64][256];
    size_t n_files;
    uint64_t n_bytes;
} listing;

static const char *path_in(const char *name)
{
    static char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static listing list_folder(void)
{
    listing l = {.n_files = 0};
    struct stat facts;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(l.n_files < 64);
        assert_int_equal(stat(path_in(entry->d_name), &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
        (void)snprintf(l.names[l.n_files++], sizeof l.names[0], "%s", entry->d_name);
        l.n_bytes += (uint64_t)facts.st_size;
    }
    (void)closedir(entries);
    return l;
}

/* ---- Coming back */

static void the_next_start_goes_on(void **state)
{
    static const struct {
        const char *model, *cache;
    } rows[] = {
        {STORIES, NULL},
        {"golden/models/gemma3-Q4_0.gguf", NULL},
        {"golden/models/lfm2-Q8_0.gguf", NULL},
        {"golden/models/mamba2-Q4_K_M.gguf", NULL},
        {"golden/models/granitehybrid-Q8_0.gguf", NULL},
        {"golden/models/llama-gqa-Q8_0.gguf", "q4r"},
        {"golden/models/llama-gqa-Q8_0.gguf", "q3r"}, /* with wider pages of the latest positions */
        {"golden/models/gemma3-Q4_0.gguf", "q2r"},
        {"golden/models/lfm2-Q8_0.gguf", "f16,q2r"},
    };
    (void)state;
    ink_require_shared();
    n_warnings = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(start(rows[i].model, rows[i].cache, 5, true), 0);
        listing before = list_folder(), after;
        assert_int_equal(start(rows[i].model, rows[i].cache, 5, true), 192);
        after = list_folder(); /* nothing is written twice */
        assert_int_equal(before.n_files, after.n_files);
        assert_int_equal(start(rows[i].model, rows[i].cache, 6, false), 0);
    }
    assert_int_equal(n_warnings, 0);
}

/* Another model, another format of the cache: not even looked at. */
static void only_what_belongs(void **state)
{
    (void)state;
    ink_require_shared();
    n_warnings = 0;
    assert_int_equal(start("golden/models/llama-gqa-Q8_0.gguf", "f16", 5, true), 0);
    assert_int_equal(start("golden/models/llama-gqa-Q8_0.gguf", "q8_0", 5, true), 0);
    assert_int_equal(start("golden/models/llama-gqa-Q4_0.gguf", "f16", 5, true), 0);
    assert_int_equal(start("golden/models/llama-gqa-Q8_0.gguf", "f16", 5, false), 192);
    assert_int_equal(n_warnings, 0);
    assert_int_equal(list_folder().n_files, 9);
}

/* ---- Files that are not right */

/* The file of the first block: without it nothing is taken over. */
static char *first_file(size_t *n_bytes, char name[256])
{
    static const uint8_t none[INK_SHA256_BYTES];
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++) {
        char *bytes = ink_read_file(path_in(l.names[i]), n_bytes);
        if (memcmp(bytes + 8 + 5 * 8 + INK_SHA256_BYTES, none, sizeof none) == 0) {
            (void)snprintf(name, 256, "%s", l.names[i]);
            return bytes;
        }
        free(bytes);
    }
    fail_msg("the first block is not there");
    return NULL;
}

typedef struct bench {
    ink_model *model;
    int32_t tokens[N_TOKENS];
    char *bytes, name[256];
    size_t n_bytes;
} bench;

static bench open_bench(void)
{
    bench b;
    assert_int_equal(start(STORIES, NULL, 5, true), 0);
    b.bytes = first_file(&b.n_bytes, b.name);
    b.model = open_with_store(STORIES, 0);
    random_tokens(b.model, b.tokens, N_TOKENS, 5);
    return b;
}

static void close_bench(bench *b)
{
    ink_model_free(b->model);
    free(b->bytes);
}

static size_t reuse(const bench *b)
{
    ink_session *session = sharing(b->model, NULL, N_CONTEXT);
    evaluate(session, b->tokens, 70);
    size_t n = ink_session_n_reused(session);
    ink_session_free(session);
    ink_model_trim(b->model);
    return n;
}

/* The file, with these bytes, is told of once, and then gone. */
static void assert_refused(const bench *b, const char *bytes, size_t n_bytes)
{
    ink_write_file(path_in(b->name), bytes, n_bytes);
    n_warnings = 0;
    assert_int_equal(reuse(b), 0);
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, b->name));
    assert_int_equal(reuse(b), 0);
    assert_int_equal(n_warnings, 1);
    assert_int_not_equal(access(path_in(b->name), F_OK), 0);
}

static void cut_anywhere(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench();
    for (size_t n = 0; n < b.n_bytes; n += n < 520 ? 1 : 997)
        assert_refused(&b, b.bytes, n);
    char *longer = calloc(b.n_bytes + 1, 1);
    assert_non_null(longer);
    memcpy(longer, b.bytes, b.n_bytes);
    assert_refused(&b, longer, b.n_bytes + 1);
    free(longer);
    ink_write_file(path_in(b.name), b.bytes, b.n_bytes);
    assert_int_equal(reuse(&b), 64);
    close_bench(&b);
}

static void one_bit_flipped_anywhere(void **state)
{
    enum { HEADER = 8 + 5 * 8 + 32 + 32 + 256 + 64 + 32 };
    uint64_t random = 3;
    (void)state;
    ink_require_shared();
    bench b = open_bench();
    for (size_t at = 0; at < b.n_bytes;) {
        int bit = 1 << ink_test_random(&random) % 8;
        b.bytes[at] = (char)(b.bytes[at] ^ bit);
        assert_refused(&b, b.bytes, b.n_bytes);
        b.bytes[at] = (char)(b.bytes[at] ^ bit);
        at += at < HEADER - 1 ? 1 : at < 512 ? 512 - at : 1 + ink_test_random(&random) % 700;
    }
    close_bench(&b);
}

/* A header that says something else, with the checksum that then is right. */
static void lies_with_a_right_checksum(void **state)
{
    enum {
        FIELDS = 8,
        ROOT = FIELDS + 5 * 8,
        CHECKSUM = ROOT + 32 + 32 + 256,
        DIGEST = CHECKSUM + 64
    };
    static const uint64_t lies[] = {0, 1, 2, 3, 65, UINT64_C(1) << 32, UINT64_MAX};
    (void)state;
    ink_require_shared();
    bench b = open_bench();
    for (size_t at = FIELDS; at < DIGEST; at += 8) {
        for (size_t i = 0; i < (at < ROOT ? sizeof lies / sizeof *lies : 1); i++) {
            uint64_t kept, lie = lies[i];
            memcpy(&kept, b.bytes + at, 8);
            if (at >= ROOT)
                lie = ~kept;
            if (lie == kept)
                continue;
            ink_sha256 sum;
            ink_sha256_init(&sum);
            memcpy(b.bytes + at, &lie, 8);
            ink_sha256_add(&sum, b.bytes, DIGEST);
            ink_sha256_finish(&sum, (uint8_t *)b.bytes + DIGEST);
            assert_refused(&b, b.bytes, b.n_bytes);
            memcpy(b.bytes + at, &kept, 8);
        }
    }
    close_bench(&b);
}

/* Of other tokens, in the place of these: everything in it is right but what it is of. */
static void in_anothers_place(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench();
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++) {
        if (strcmp(l.names[i], b.name) == 0)
            continue;
        size_t n;
        char *other = ink_read_file(path_in(l.names[i]), &n);
        assert_refused(&b, other, n);
        assert_non_null(strstr(last_warning, "not what its name says"));
        free(other);
    }
    ink_write_file(path_in("elsewhere"), b.bytes, b.n_bytes);
    assert_int_equal(symlink("elsewhere", path_in(b.name)), 0);
    n_warnings = 0;
    assert_int_equal(reuse(&b), 0);
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "symbolic link"));
    close_bench(&b);
}

/* ---- Bounds */

static void the_store_is_bounded(void **state)
{
    int32_t tokens[N_TOKENS];
    ink_error error;
    (void)state;
    ink_require_shared();
    assert_int_equal(start(STORIES, NULL, 5, true), 0);
    uint64_t three = list_folder().n_bytes; /* blocks */
    for (uint64_t text = 6; text < 9; text++) {
        ink_model *model = open_with_store(STORIES, three * 5 / 3);
        ink_session *session = sharing(model, NULL, N_CONTEXT);
        random_tokens(model, tokens, N_TOKENS, text);
        evaluate(session, tokens, N_TOKENS);
        keep(session);
        assert_int_equal(list_folder().n_files, 5);
        assert_true(list_folder().n_bytes <= three * 5 / 3);
        ink_session_free(session);
        ink_model_free(model);
        assert_int_equal(start(STORIES, NULL, text, false), 192); /* the newest is whole */
    }
    assert_int_equal(start(STORIES, NULL, 5, false), 0); /* the oldest is gone */
    ink_model *model = open_with_store(STORIES, three / 3 - 1);
    ink_session *session = sharing(model, NULL, N_CONTEXT);
    random_tokens(model, tokens, N_TOKENS, 99);
    evaluate(session, tokens, N_TOKENS);
    assert_int_equal(ink_session_keep_prefix(session, N_TOKENS, &error), INK_LIMIT);
    assert_int_equal(list_folder().n_files, 5);
    assert_int_equal(ink_session_keep_prefix(session, N_TOKENS + 1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_session_keep_prefix(session, 63, &error), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
}

static void what_cannot_be_a_store(void **state)
{
    char path[160];
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *model = open_logged(STORIES);
    ink_session *session = NULL;
    (void)snprintf(path, sizeof path, "%s/no/such", folder);
    assert_int_equal(ink_model_set_prefix_store(model, path, 0, &error), INK_IO);
    (void)snprintf(path, sizeof path, "%s/file", folder);
    ink_write_file(path, "x", 1);
    assert_int_equal(ink_model_set_prefix_store(model, path, 0, &error), INK_IO);
    assert_non_null(strstr(error.message, "not a folder"));
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(ink_model_set_prefix_store(model, folder, 0, &error), INK_IO);
    assert_non_null(strstr(error.message, "other users"));
    assert_int_equal(chmod(folder, 0700), 0);
    session = sharing(model, NULL, N_CONTEXT);
    assert_int_equal(ink_session_keep_prefix(session, 0, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_model_set_prefix_store(model, folder, 0, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "before the first session"));
    ink_session_free(session);
    ink_model_free(model);
    model = open_with_store(STORIES, 0);
    session = new_session(model, NULL, 64, 64);
    assert_int_equal(ink_session_keep_prefix(session, 0, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "isolated"));
    ink_session_free(session);
    ink_model_free(model);
}

/* ---- Writes that end in the middle */

/* A limit on file sizes stands for a full disk. */
static void a_full_disk_loses_nothing(void **state)
{
    int32_t tokens[N_TOKENS];
    ink_error error;
    struct rlimit before, small;
    (void)state;
    ink_require_shared();
    assert_int_equal(start(STORIES, NULL, 5, true), 0);
    ink_model *model = open_with_store(STORIES, 0);
    ink_session *session = sharing(model, NULL, N_CONTEXT);
    random_tokens(model, tokens, N_TOKENS, 6);
    evaluate(session, tokens, N_TOKENS);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ink_status status = ink_session_keep_prefix(session, N_TOKENS, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(status, INK_IO);
    assert_int_equal(list_folder().n_files, 3);
    keep(session);
    ink_session_free(session);
    ink_model_free(model);
    assert_int_equal(start(STORIES, NULL, 5, false), 192);
    assert_int_equal(start(STORIES, NULL, 6, false), 192);
}

/* Writes one text after the other until it is killed. */
static void write_on(uint64_t text)
{
    int32_t tokens[N_TOKENS];
    ink_model *model = open_with_store(STORIES, 0);
    ink_session *session = sharing(model, NULL, N_CONTEXT);
    for (;; text++) {
        random_tokens(model, tokens, N_TOKENS, text);
        if (ink_session_rewind(session, 0, NULL) != INK_OK ||
            ink_session_evaluate(session, tokens, N_TOKENS, NULL, NULL, NULL) != INK_OK ||
            ink_session_keep_prefix(session, N_TOKENS, NULL) != INK_OK)
            _exit(1);
    }
}

static void clear_texts(const char *kept)
{
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++)
        if (!strstr(kept, l.names[i]))
            (void)unlink(path_in(l.names[i]));
}

/* What is being written is younger than this. */
static void make_old(void)
{
    static const struct timespec times[2] = {{1000000, 0}, {1000000, 0}};
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++)
        if (strstr(l.names[i], ".tmp"))
            assert_int_equal(utimensat(AT_FDCWD, path_in(l.names[i]), times, 0), 0);
}

static void killed_at_any_write(void **state)
{
    char kept[1024] = "";
    uint64_t random = 11;
    (void)state;
    ink_require_shared();
    assert_int_equal(start(STORIES, NULL, 5, true), 0);
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++)
        (void)snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s ", l.names[i]);
    n_warnings = 0;
    for (uint64_t i = 0; i < 15; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_on(1000 * (i + 1));
        (void)usleep(20000 + (useconds_t)(ink_test_random(&random) % 60000));
        (void)kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* and had not failed before */
        assert_int_equal(start(STORIES, NULL, 5, false), 192);
        (void)start(STORIES, NULL, 1000 * (i + 1), true);
        assert_int_equal(start(STORIES, NULL, 1000 * (i + 1), false), 192);
        make_old();
        assert_int_equal(start(STORIES, NULL, 1000 * (i + 1) + 999, true), 0);
        l = list_folder();
        for (size_t j = 0; j < l.n_files; j++) /* what was left half written is gone */
            assert_null(strstr(l.names[j], ".tmp"));
        clear_texts(kept);
    }
    assert_int_equal(n_warnings, 0);
}

static void two_at_once(void **state)
{
    (void)state;
    ink_require_shared();
    n_warnings = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(start(STORIES, NULL, 5, true) % 64 == 0 && start(STORIES, NULL, 6, true) % 64 == 0
                  ? 0
                  : 1);
    (void)start(STORIES, NULL, 6, true);
    (void)start(STORIES, NULL, 5, true);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(start(STORIES, NULL, 5, false), 192);
    assert_int_equal(start(STORIES, NULL, 6, false), 192);
    assert_int_equal(n_warnings, 0);
    assert_int_equal(list_folder().n_files, 6);
}

/* ---- While others go on ---------------------------------------------------------------------- */

/* Whoever is told of a damaged file may use other sessions: no lock is held while it is read. */
static void nobody_waits_for_a_file(void **state)
{
    int32_t tokens[N_TOKENS];
    (void)state;
    ink_require_shared();
    assert_int_equal(start(GQA, "q3r", 5, true), 0);
    listing l = list_folder();
    for (size_t i = 0; i < l.n_files; i++) {
        size_t n_bytes;
        char *bytes = ink_read_file(path_in(l.names[i]), &n_bytes);
        bytes[n_bytes - 1] = (char)(bytes[n_bytes - 1] ^ 1);
        ink_write_file(path_in(l.names[i]), bytes, n_bytes);
        free(bytes);
    }
    ink_model *model = open_with_store(GQA, 0);
    ink_session *session = sharing(model, "q3r", N_CONTEXT),
                *decoding = sharing(model, "q3r", N_CONTEXT);
    random_tokens(model, tokens, N_TOKENS, 5);
    evaluate(decoding, (const int32_t[]){3, 4}, 2);
    n_warnings = 0;
    told = decoding;
    (void)alarm(120); /* it would wait for itself */
    evaluate(session, tokens, N_TOKENS);
    (void)alarm(0);
    told = NULL;
    assert_true(n_warnings > 0);
    assert_int_equal(ink_session_position(decoding), 2 + n_warnings);
    ink_session_free(session);
    ink_session_free(decoding);
    ink_model_free(model);
}

enum { N_TEXTS = 3, N_READERS = 3, N_DECODED = 120 };

typedef struct reader {
    const ink_model *model;
    const char *cache;
    const float *expected; /* [N_TEXTS + 1][n_vocab]: of texts; of what is decoded */
    size_t index, n_reused;
    bool same;
} reader;

static bool gives(const ink_session *session, const float *expected)
{
    return memcmp(ink_session_logits(session), expected,
                  session->model->hparams.n_vocab * sizeof *expected) == 0;
}

/* Prompts that the store has, which are forgotten in between. */
static void *read_prompts(void *argument)
{
    reader *r = argument;
    int32_t tokens[N_TOKENS];
    const ink_session_options options = {
        .n_context = N_CONTEXT, .cache = r->cache, .n_batch = 64, .n_threads = 1};
    r->same = true;
    for (size_t i = 0; i < 12 && r->same; i++) {
        ink_session *session = NULL;
        size_t text = (i + r->index) % N_TEXTS;
        random_tokens(r->model, tokens, N_TOKENS, text + 1);
        r->same = ink_session_new(&session, r->model, &options, NULL) == INK_OK &&
                  ink_session_evaluate(session, tokens, N_TOKENS, NULL, NULL, NULL) == INK_OK &&
                  gives(session, r->expected + text * r->model->hparams.n_vocab);
        r->n_reused += r->same ? ink_session_n_reused(session) : 0;
        ink_session_free(session);
        ink_model_trim(r->model);
    }
    return NULL;
}

static ink_status decode(ink_session *session)
{
    for (int32_t i = 0; i < N_DECODED; i++)
        INK_TRY(ink_session_evaluate(session, &i, 1, NULL, NULL, NULL));
    return INK_OK;
}

static void *decode_on(void *argument)
{
    reader *r = argument;
    ink_session *session = NULL;
    const ink_session_options options = {
        .n_context = N_CONTEXT, .cache = r->cache, .n_batch = 64, .n_threads = 1};
    r->same = ink_session_new(&session, r->model, &options, NULL) == INK_OK;
    for (size_t i = 0; i < 4 && r->same; i++)
        r->same = ink_session_rewind(session, 0, NULL) == INK_OK && decode(session) == INK_OK &&
                  gives(session, r->expected + N_TEXTS * r->model->hparams.n_vocab);
    ink_session_free(session);
    return NULL;
}

static void read_while_others_decode(const char *relative, const char *cache)
{
    reader readers[N_READERS + 1];
    pthread_t threads[N_READERS + 1];
    int32_t tokens[N_TOKENS];
    ink_model *model = open_with_store(relative, 0);
    size_t row = model->hparams.n_vocab, n_reused = 0;
    float *expected = calloc((N_TEXTS + 1) * row, sizeof *expected);
    ink_session *session = sharing(model, cache, N_CONTEXT);
    assert_non_null(expected);
    for (size_t text = 0; text < N_TEXTS; text++) {
        random_tokens(model, tokens, N_TOKENS, text + 1);
        assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
        evaluate(session, tokens, N_TOKENS);
        keep(session);
        memcpy(expected + text * row, ink_session_logits(session), row * sizeof *expected);
    }
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    assert_int_equal(decode(session), INK_OK);
    memcpy(expected + N_TEXTS * row, ink_session_logits(session), row * sizeof *expected);
    ink_session_free(session);
    ink_model_trim(model);
    for (size_t i = 0; i <= N_READERS; i++) {
        readers[i] = (reader){.model = model, .cache = cache, .expected = expected, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, i < N_READERS ? read_prompts : decode_on,
                                        &readers[i]),
                         0);
    }
    for (size_t i = 0; i <= N_READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(readers[i].same);
        n_reused += readers[i].n_reused;
    }
    assert_true(n_reused > N_READERS * 12 * 192 / 2); /* some may give way to others */
    free(expected);
    ink_model_free(model);
}

static void threads_read_while_others_decode(void **state)
{
    (void)state;
    ink_require_shared();
    n_warnings = 0;
    read_while_others_decode(STORIES, NULL);
    read_while_others_decode(GQA, "q3r");
    read_while_others_decode("golden/models/granitehybrid-Q8_0.gguf", NULL);
    assert_int_equal(n_warnings, 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_next_start_goes_on),
        IN_FOLDER(only_what_belongs),
        IN_FOLDER(cut_anywhere),
        IN_FOLDER(one_bit_flipped_anywhere),
        IN_FOLDER(lies_with_a_right_checksum),
        IN_FOLDER(in_anothers_place),
        IN_FOLDER(the_store_is_bounded),
        IN_FOLDER(what_cannot_be_a_store),
        IN_FOLDER(a_full_disk_loses_nothing),
        IN_FOLDER(killed_at_any_write),
        IN_FOLDER(two_at_once),
        IN_FOLDER(nobody_waits_for_a_file),
        IN_FOLDER(threads_read_while_others_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
