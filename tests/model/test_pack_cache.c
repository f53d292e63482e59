/*
 * Packed weights kept in files: the same bits with and without, and whatever is wrong with a file
 * or its folder is a warning, a model that works all the same, and a good file afterwards.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "model/pack_header.h"

#define MODEL "golden/models/llama-gqa-Q4_K_M.gguf"
#define OTHER "golden/models/llama-gqa-Q4_0.gguf"
#define N_TOKENS 5
#define PATH_BYTES 400

static char folder[64], copy_folder[64], copy[96];

/* ---- What the log says ----------------------------------------------------------------------- */

typedef struct lines {
    char warnings[4096], infos[4096];
} lines;

static void collect(void *context, ink_log_level level, const char *message)
{
    lines *all = context;
    char *to = level == INK_LOG_WARNING ? all->warnings : all->infos;
    size_t n = strlen(to);
    (void)snprintf(to + n, sizeof all->warnings - n, "%s\n", message);
}

static void expect_warning(const lines *said, const char *wanted)
{
    if (wanted ? !strstr(said->warnings, wanted) : said->warnings[0] != '\0')
        fail_msg("warnings are \"%s\", expected %s", said->warnings, wanted ? wanted : "none");
}

/* ---- A start --------------------------------------------------------------------------------- */

typedef struct start {
    const char *path, *folder; /* NULL: the copy of MODEL, no folder */
    bool verify;
    lines said;
    bool mapped;
    float *logits; /* [N_TOKENS][n_vocab]; ended by free() */
    size_t n_logits;
} start;

static void run(start *s)
{
    static const int32_t tokens[N_TOKENS] = {1, 40, 300, 7, 5};
    const ink_model_options options = {.log = {collect, &s->said},
                                       .n_threads = 2,
                                       .pack_cache = s->folder,
                                       .verify_pack_cache = s->verify};
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_model_info info;
    ink_error error;
    if (ink_model_open(&model, s->path ? s->path : copy, &options, &error) != INK_OK ||
        ink_session_new(&session, model, &(ink_session_options){.n_context = 64}, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_model_get_info(model, &info);
    s->n_logits = N_TOKENS * (size_t)info.n_vocab;
    s->logits = calloc(s->n_logits, sizeof *s->logits);
    assert_non_null(s->logits);
    if (ink_session_evaluate(session, tokens, N_TOKENS, s->logits, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(session);
    ink_model_free(model);
    s->mapped = strstr(s->said.infos, "packed weights are used") != NULL;
}

/* A start with the folder: whether it used a file, and the only warning, NULL for none. */
static void expect_start(bool mapped, const char *warning, bool verify)
{
    start with = {.folder = folder, .verify = verify}, without = {0};
    run(&with);
    run(&without);
    expect_warning(&with.said, warning);
    assert_int_equal(with.mapped, mapped);
    assert_int_equal(with.n_logits, without.n_logits);
    assert_memory_equal(with.logits, without.logits, with.n_logits * sizeof *with.logits);
    free(with.logits);
    free(without.logits);
}

/* ---- The folder ------------------------------------------------------------------------------ */

/* The name of the only file there; how many there are. */
static size_t find_file(char path[PATH_BYTES])
{
    size_t n = 0;
    DIR *opened = opendir(folder);
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, PATH_BYTES, "%s/%s", folder, entry->d_name);
        n++;
    }
    (void)closedir(opened);
    return n;
}

static void the_file(char path[PATH_BYTES])
{
    assert_int_equal(find_file(path), 1);
}

static int set_up(void **state)
{
    char path[4096];
    size_t n_bytes;
    (void)state;
    ink_require_shared();
    ink_temporary_folder(folder);
    ink_temporary_folder(copy_folder);
    (void)snprintf(copy, sizeof copy, "%s/model.gguf", copy_folder);
    char *bytes = ink_read_file(ink_shared_path(MODEL, path, sizeof path), &n_bytes);
    ink_write_file(copy, bytes, n_bytes);
    free(bytes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    ink_remove_folder(copy_folder);
    return 0;
}

/* Makes the file, changes it, and expects it to be refused, replaced, and then used. */
static void expect_replaced(void (*change)(const char *path, char *bytes, size_t n_bytes),
                            const char *warning, bool verify)
{
    char path[PATH_BYTES];
    size_t n_bytes;
    expect_start(false, NULL, false);
    the_file(path);
    char *bytes = ink_read_file(path, &n_bytes);
    change(path, bytes, n_bytes);
    free(bytes);
    expect_start(false, warning, verify);
    expect_start(true, NULL, true);
    the_file(path);
}

/* ---- It works -------------------------------------------------------------------------------- */

static void the_second_start_uses_the_file(void **state)
{
    char path[PATH_BYTES];
    struct stat status;
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    expect_start(true, NULL, false);
    expect_start(true, NULL, true);
}

static void the_folder_is_made(void **state)
{
    char inner[80], path[PATH_BYTES];
    struct stat status;
    (void)state;
    (void)snprintf(inner, sizeof inner, "%s/new", folder);
    start s = {.folder = inner};
    run(&s);
    free(s.logits);
    expect_warning(&s.said, NULL);
    assert_int_equal(stat(inner, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    memcpy(folder, inner, sizeof folder);
    the_file(path);
    ink_remove_folder(inner);
    *strrchr(folder, '/') = '\0';
}

static void models_have_files_of_their_own(void **state)
{
    char path[4096], name[PATH_BYTES];
    (void)state;
    expect_start(false, NULL, false);
    start other = {.folder = folder, .path = ink_shared_path(OTHER, path, sizeof path)};
    run(&other);
    free(other.logits);
    expect_warning(&other.said, NULL);
    assert_false(other.mapped);
    assert_int_equal(find_file(name), 2);
    expect_start(true, NULL, false);
}

/* ---- Files that are not what they should be -------------------------------------------------- */

static void cut_header(const char *path, char *bytes, size_t n_bytes)
{
    (void)n_bytes;
    ink_write_file(path, bytes, INK_PACK_DATA_OFFSET - 1);
}

static void cut_data(const char *path, char *bytes, size_t n_bytes)
{
    ink_write_file(path, bytes, n_bytes - 1);
}

static void lengthen(const char *path, char *bytes, size_t n_bytes)
{
    ink_write_file(path, bytes, n_bytes + 1); /* the NUL behind it */
}

static void empty(const char *path, char *bytes, size_t n_bytes)
{
    (void)n_bytes;
    ink_write_file(path, bytes, 0);
}

static void flip_data(const char *path, char *bytes, size_t n_bytes)
{
    bytes[n_bytes - 1] ^= 1;
    ink_write_file(path, bytes, n_bytes);
}

/* With a header that is whole in itself. */
static void reseal(const char *path, char *bytes, size_t n_bytes, const ink_pack_header *changed)
{
    ink_pack_header header = *changed;
    ink_pack_header_seal(&header);
    memcpy(bytes, &header, sizeof header);
    ink_write_file(path, bytes, n_bytes);
}

#define CHANGED(name, field, value)                                 \
    static void name(const char *path, char *bytes, size_t n_bytes) \
    {                                                               \
        ink_pack_header header;                                     \
        memcpy(&header, bytes, sizeof header);                      \
        header.field = (value);                                     \
        reseal(path, bytes, n_bytes, &header);                      \
    }
CHANGED(change_magic, magic[0], 'X')
CHANGED(change_endian, endian, 0x04030201)
CHANGED(change_version, version, INK_PACK_VERSION + 1)
CHANGED(change_tile_version, tile_version, INK_TILE_VERSION + 1)
CHANGED(change_tile_rows, tile_rows, 8)
CHANGED(change_layout, layout[5], (uint8_t)~header.layout[5])
CHANGED(change_model, model[5], (uint8_t)~header.model[5])
CHANGED(change_source, source[5], (uint8_t)~header.source[5])
CHANGED(change_size, data_bytes, header.data_bytes - 64)

static void unfit_files_are_replaced(void **state)
{
    static const struct {
        void (*change)(const char *path, char *bytes, size_t n_bytes);
        const char *warning;
        bool verify;
    } cases[] = {
        {cut_header, "too short for a header", false},
        {cut_data, "has another size than its header says", false},
        {lengthen, "has another size than its header says", false},
        {empty, "a size that cannot be mapped", false},
        {flip_data, "its checksum is not that of its data", true},
        {change_magic, "is no file of packed weights", false},
        {change_endian, "another order of bytes", false},
        {change_version, "another version of Inkling", false},
        {change_tile_version, "another layout", false},
        {change_tile_rows, "another layout", false},
        {change_layout, "another layout", false},
        {change_model, "belongs to another model", false},
        {change_source, "was changed since", false},
        {change_size, "belongs to another model", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[PATH_BYTES];
        expect_replaced(cases[i].change, cases[i].warning, cases[i].verify);
        the_file(path);
        assert_int_equal(unlink(path), 0);
    }
}

/* A file of another model under this one's name. */
static void a_foreign_file_is_replaced(void **state)
{
    char shared[4096], own[PATH_BYTES], other_path[PATH_BYTES];
    size_t n_bytes;
    (void)state;
    start other = {.folder = folder, .path = ink_shared_path(OTHER, shared, sizeof shared)};
    run(&other);
    free(other.logits);
    the_file(other_path);
    char *bytes = ink_read_file(other_path, &n_bytes);
    assert_int_equal(unlink(other_path), 0);
    expect_start(false, NULL, false);
    the_file(own);
    ink_write_file(own, bytes, n_bytes);
    free(bytes);
    expect_start(false, "belongs to another model", false);
    expect_start(true, NULL, true);
}

static void a_changed_model_has_its_file_replaced(void **state)
{
    char path[PATH_BYTES];
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    (void)state;
    expect_start(false, NULL, false);
    assert_int_equal(utimensat(AT_FDCWD, copy, times, 0), 0);
    expect_start(false, "was changed since", false);
    expect_start(true, NULL, false);
    the_file(path);
}

/* Every cut of the first page, and every flipped bit of the header. */
static void each_cut_and_bit_of_the_header_shows(void **state)
{
    char path[PATH_BYTES];
    size_t n_bytes;
    ink_pack_header wanted;
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    char *bytes = ink_read_file(path, &n_bytes);
    memcpy(&wanted, bytes, sizeof wanted);
    assert_null(ink_pack_header_refuse(&wanted, bytes, n_bytes));
    for (size_t cut = 0; cut <= INK_PACK_DATA_OFFSET; cut++)
        assert_non_null(ink_pack_header_refuse(&wanted, bytes, cut));
    for (size_t bit = 0; bit < 8 * sizeof wanted; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_non_null(ink_pack_header_refuse(&wanted, bytes, n_bytes));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    free(bytes);
}

/* ---- Folders that are not what they should be ------------------------------------------------ */

static void a_link_is_not_followed(void **state)
{
    char path[PATH_BYTES], target[128], temporary[PATH_BYTES + 8];
    struct stat status;
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    (void)snprintf(target, sizeof target, "%s/target", copy_folder);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(rename(path, target), 0); /* good in itself */
    assert_int_equal(symlink(target, path), 0);
    expect_start(false, "too many symbolic links", false);
    expect_start(true, NULL, true);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));

    ink_write_file(target, "precious", 8); /* the temporary name is no way out either */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(target, temporary), 0);
    expect_start(false, "too many symbolic links", false);
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_size, 8);
}

static void a_file_that_others_may_write_is_not_used(void **state)
{
    char path[PATH_BYTES];
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    assert_int_equal(chmod(path, 0620), 0);
    expect_start(false, "may be written by other users", false);
    expect_start(true, NULL, false);
}

static void what_a_killed_process_left_is_written_over(void **state)
{
    char path[PATH_BYTES], temporary[PATH_BYTES + 8];
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(unlink(path), 0);
    ink_write_file(temporary, "half of it", 10);
    expect_start(false, NULL, false);
    the_file(path);
    expect_start(true, NULL, true);
}

static void two_do_not_write_one_file(void **state)
{
    char path[PATH_BYTES];
    ink_file_writer *writer;
    ink_error error;
    (void)state;
    expect_start(false, NULL, false);
    the_file(path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ink_file_writer_open_private(&writer, path, 10, NULL, &error), INK_OK);
    expect_start(false, "another process is writing it", false);
    ink_file_writer_close(writer);
    assert_int_equal(find_file(path), 0);
    expect_start(false, NULL, false);
}

/* Processes that all begin without a file end with one, whole. */
static void processes_may_start_together(void **state)
{
    enum { N = 6 };
    pid_t children[N];
    char path[PATH_BYTES];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                start s = {.folder = folder};
                run(&s);
                _exit(0);
            }
        }
        for (int i = 0; i < N; i++) {
            int code = 1;
            assert_int_equal(waitpid(children[i], &code, 0), children[i]);
            assert_int_equal(code, 0);
        }
        expect_start(true, NULL, true);
        the_file(path);
        assert_int_equal(unlink(path), 0);
    }
}

/* A limit on the size of files stands for a full disk. It must not raise its signal. */
static void a_full_disk_is_a_warning(void **state)
{
    char path[PATH_BYTES];
    struct rlimit before, small;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    start s = {.folder = folder};
    run(&s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    free(s.logits);
    expect_warning(&s.said, "are more than a file may have here");
    assert_int_equal(find_file(path), 0);
}

static void folders_that_cannot_be_used_are_warnings(void **state)
{
    char file[80];
    (void)state;
    (void)snprintf(file, sizeof file, "%s/file", copy_folder);
    ink_write_file(file, "x", 1);
    const char *folders[] = {"/nowhere/at/all", file, "/proc/self"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        start s = {.folder = folders[i]};
        run(&s);
        free(s.logits);
        expect_warning(&s.said, "packed weights are not kept");
        assert_false(s.mapped);
    }
    if (geteuid() == 0)
        return; /* whom no permission stops */
    assert_int_equal(chmod(folder, 0500), 0);
    expect_start(false, "permission denied", false);
    assert_int_equal(chmod(folder, 0700), 0);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static ink_status open_model(const ink_allocator *allocator, void *context)
{
    char path[PATH_BYTES];
    ink_model *model = NULL;
    const ink_model_options options = {
        .allocator = allocator, .n_threads = 1, .pack_cache = folder};
    if (context && find_file(path) == 1) /* begin without */
        assert_int_equal(unlink(path), 0);
    INK_TRY(ink_model_open(&model, copy, &options, NULL));
    ink_model_free(model);
    return INK_OK;
}

static void each_allocation_may_fail(void **state)
{
    int without = 1;
    (void)state;
    assert_true(ink_fail_each_allocation(open_model, &without, 5000) > 20);
    assert_true(ink_fail_each_allocation(open_model, NULL, 5000) > 20);
    expect_start(true, NULL, true);
}

#define IN_FOLDERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDERS(the_second_start_uses_the_file),
        IN_FOLDERS(the_folder_is_made),
        IN_FOLDERS(models_have_files_of_their_own),
        IN_FOLDERS(unfit_files_are_replaced),
        IN_FOLDERS(a_foreign_file_is_replaced),
        IN_FOLDERS(a_changed_model_has_its_file_replaced),
        IN_FOLDERS(each_cut_and_bit_of_the_header_shows),
        IN_FOLDERS(a_link_is_not_followed),
        IN_FOLDERS(a_file_that_others_may_write_is_not_used),
        IN_FOLDERS(what_a_killed_process_left_is_written_over),
        IN_FOLDERS(two_do_not_write_one_file),
        IN_FOLDERS(processes_may_start_together),
        IN_FOLDERS(a_full_disk_is_a_warning),
        IN_FOLDERS(folders_that_cannot_be_used_are_warnings),
        IN_FOLDERS(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
