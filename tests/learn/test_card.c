/* Cards: what is written is read again, everything else of a file stays, and nothing breaks it. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "../support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "learn/card.h"

#define STORIES "weights/stories260K.gguf"
#define ENTRY "{\"perplexity\": 3.5}"

typedef struct place {
    char folder[64], model[128], other[128];
} place;

/* A folder with a copy of a model in it. */
static void set_up(place *p)
{
    char path[4096];
    size_t n_bytes;
    ink_require_shared();
    ink_temporary_folder(p->folder);
    (void)snprintf(p->model, sizeof p->model, "%s/model.gguf", p->folder);
    (void)snprintf(p->other, sizeof p->other, "%s/other.gguf", p->folder);
    char *bytes = ink_read_file(ink_shared_path(STORIES, path, sizeof path), &n_bytes);
    ink_write_file(p->model, bytes, n_bytes);
    free(bytes);
}

static ink_model *open_model(const char *path)
{
    ink_model *model = NULL;
    ink_error error = {0};
    const ink_model_options options = {.load = INK_LOAD_METADATA, .n_threads = 1};
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static ink_status add(const char *path, const char *out, const char *entry,
                      const ink_card_options *options, ink_error *error)
{
    ink_model *model = open_model(path);
    ink_status status = ink_card_add(model, out, entry, strlen(entry), options, error);
    ink_model_free(model);
    return status;
}

static void expect_card(const char *path, const char *expected)
{
    ink_string card = {0};
    ink_model *model = open_model(path);
    assert_int_equal(ink_card_get(model, &card, NULL), INK_OK);
    assert_string_equal(card.data, expected);
    assert_int_equal(card.n_bytes, strlen(expected));
    ink_string_free(&card);
    ink_model_free(model);
}

static void expect_same_bytes(const char *path, const char *bytes, size_t n_bytes)
{
    size_t n;
    char *now = ink_read_file(path, &n);
    assert_int_equal(n, n_bytes);
    assert_memory_equal(now, bytes, n_bytes);
    free(now);
}

/* Tensors byte for byte, and all metadata but the card. */
static void expect_same_rest(const char *a_path, const char *b_path)
{
    ink_gguf *a = NULL, *b = NULL;
    assert_int_equal(ink_gguf_open(&a, a_path, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_open(&b, b_path, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_n_tensors(a), ink_gguf_n_tensors(b));
    for (size_t i = 0; i < ink_gguf_n_tensors(a); i++) {
        const ink_gguf_tensor *from = ink_gguf_get_tensor(a, i), *to = ink_gguf_get_tensor(b, i);
        assert_string_equal(from->name, to->name);
        assert_int_equal(from->gguf_type, to->gguf_type);
        assert_int_equal(from->n_bytes, to->n_bytes);
        size_t n = (size_t)from->n_bytes;
        char *bytes = malloc(2 * n);
        assert_non_null(bytes);
        assert_int_equal(ink_gguf_read(a, from, 0, n, bytes, NULL), INK_OK);
        assert_int_equal(ink_gguf_read(b, to, 0, n, bytes + n, NULL), INK_OK);
        assert_memory_equal(bytes, bytes + n, n);
        free(bytes);
    }
    for (size_t i = 0; i < ink_gguf_n_values(a); i++) {
        const ink_gguf_value *from = ink_gguf_get_value(a, i), *to = ink_gguf_find(b, from->key);
        assert_non_null(to);
        assert_int_equal(from->type, to->type);
        assert_int_equal(from->n_bytes, to->n_bytes);
    }
    ink_gguf_free(a);
    ink_gguf_free(b);
}

static void a_card_grows_and_the_rest_stays(void **state)
{
    place p;
    (void)state;
    set_up(&p);
    expect_card(p.model, "[]");
    assert_int_equal(add(p.model, p.other, "  " ENTRY "\n", NULL, NULL), INK_OK);
    expect_card(p.model, "[]");
    expect_card(p.other, "[" ENTRY "]");
    expect_same_rest(p.model, p.other);
    const ink_card_options in_place = {.in_place = true};
    assert_int_equal(add(p.other, p.other, "{\"b\" :2}", &in_place, NULL), INK_OK);
    expect_card(p.other, "[" ENTRY ", {\"b\" :2}]");
    expect_same_rest(p.model, p.other);
    const ink_card_options anew = {.in_place = true, .anew = true};
    assert_int_equal(add(p.other, p.other, "{}", &anew, NULL), INK_OK);
    expect_card(p.other, "[{}]");
    ink_remove_folder(p.folder);
}

/* A model whose key is `value`: a text, or a number where it is NULL. */
static void write_with_card(const place *p, const char *card, size_t n_bytes)
{
    ink_gguf *gguf = NULL;
    ink_gguf_writer *writer = NULL;
    char *data = malloc(1 << 20);
    assert_non_null(data);
    assert_int_equal(ink_gguf_open(&gguf, p->model, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_set_all(writer, gguf, NULL), INK_OK);
    assert_int_equal(card ? ink_gguf_writer_set_string(writer, INK_CARD_KEY,
                                                       (ink_gguf_string){card, n_bytes}, NULL)
                          : ink_gguf_writer_set_u32(writer, INK_CARD_KEY, 7, NULL),
                     INK_OK);
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *t = ink_gguf_get_tensor(gguf, i);
        assert_int_equal(
            ink_gguf_writer_add_tensor(writer, t->name, t->gguf_type, t->n_dims, t->shape, NULL),
            INK_OK);
    }
    assert_int_equal(ink_gguf_writer_begin(writer, p->other, NULL), INK_OK);
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *t = ink_gguf_get_tensor(gguf, i);
        assert_in_range(t->n_bytes, 0, 1 << 20);
        assert_int_equal(ink_gguf_read(gguf, t, 0, (size_t)t->n_bytes, data, NULL), INK_OK);
        assert_int_equal(ink_gguf_writer_write(writer, data, (size_t)t->n_bytes, NULL), INK_OK);
    }
    assert_int_equal(ink_gguf_writer_commit(writer, NULL), INK_OK);
    ink_gguf_writer_free(writer);
    ink_gguf_free(gguf);
    free(data);
}

/* Neither read nor added to, but replaced when that is wanted. */
static void expect_no_card(const place *p, ink_status expected, const char *words)
{
    ink_error error = {0};
    ink_string card = {0};
    const ink_card_options in_place = {.in_place = true}, anew = {.in_place = true, .anew = true};
    ink_model *model = open_model(p->other);
    assert_int_equal(ink_card_get(model, &card, &error), expected);
    assert_null(card.data);
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
    ink_model_free(model);
    assert_int_equal(add(p->other, p->other, ENTRY, &in_place, &error), expected);
    assert_int_equal(add(p->other, p->other, ENTRY, &anew, &error), INK_OK);
    expect_card(p->other, "[" ENTRY "]");
}

static void a_hostile_card_is_refused(void **state)
{
    static const char *const texts[] = {
        "",       "no JSON", "{}",   "[1]",    "[{}, []]",
        "[{}",    "[{}]x",   "null", "[\"\"]", "[{\"a\":1,\"a\":2}]",
        "\x1b[2J"};
    place p;
    (void)state;
    set_up(&p);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_with_card(&p, texts[i], strlen(texts[i]));
        expect_no_card(&p, INK_CORRUPT, INK_CARD_KEY);
    }
    write_with_card(&p, "[{}]\0", 5);
    expect_no_card(&p, INK_CORRUPT, INK_CARD_KEY);
    write_with_card(&p, NULL, 0);
    expect_no_card(&p, INK_CORRUPT, "expected string, found uint32");
    char *huge = malloc(INK_CARD_MAX_BYTES + 1);
    assert_non_null(huge);
    memset(huge, ' ', INK_CARD_MAX_BYTES + 1);
    memcpy(huge, "[]", 2);
    write_with_card(&p, huge, INK_CARD_MAX_BYTES + 1);
    expect_no_card(&p, INK_LIMIT, "1048577 bytes, at most 1048576");
    memset(huge, '[', INK_CARD_MAX_BYTES);
    write_with_card(&p, huge, INK_CARD_MAX_BYTES);
    expect_no_card(&p, INK_LIMIT, INK_CARD_KEY);
    free(huge);
    ink_remove_folder(p.folder);
}

static void what_is_no_entry_is_refused(void **state)
{
    static const char *const entries[] = {"", "[]", "1", "{", "{}{}", "{\"a\":1,\"a\":1}", "{}]"};
    place p;
    ink_error error;
    (void)state;
    set_up(&p);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        assert_int_equal(add(p.model, p.other, entries[i], NULL, &error), INK_BAD_ARGUMENT);
    assert_int_not_equal(access(p.other, F_OK), 0);
    char *full = malloc(INK_CARD_MAX_BYTES + 1);
    assert_non_null(full);
    memset(full, ' ', INK_CARD_MAX_BYTES);
    full[0] = '{';
    memcpy(full + INK_CARD_MAX_BYTES - 2, "}", 2);
    assert_int_equal(add(p.model, p.other, full, NULL, &error), INK_LIMIT);
    free(full);
    ink_remove_folder(p.folder);
}

static void in_place_replaces_only_what_was_opened(void **state)
{
    place p;
    ink_error error;
    struct stat status;
    const ink_card_options in_place = {.in_place = true};
    (void)state;
    set_up(&p);
    assert_int_equal(symlink(p.model, p.other), 0);
    assert_int_equal(add(p.other, p.other, ENTRY, &in_place, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "symbolic link"));
    ink_model *model = open_model(p.model);
    assert_int_equal(truncate(p.model, 1000), 0);
    assert_int_equal(ink_card_add(model, p.model, ENTRY, strlen(ENTRY), &in_place, &error), INK_IO);
    assert_non_null(strstr(error.message, "has changed"));
    assert_int_equal(stat(p.model, &status), 0);
    assert_int_equal(status.st_size, 1000);
    ink_model_free(model);
    ink_remove_folder(p.folder);
}

static void who_may_read_a_model_stays(void **state)
{
    place p;
    struct stat status;
    const ink_card_options in_place = {.in_place = true};
    (void)state;
    set_up(&p);
    assert_int_equal(chmod(p.model, 0600), 0);
    assert_int_equal(add(p.model, p.model, ENTRY, &in_place, NULL), INK_OK);
    assert_int_equal(stat(p.model, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    ink_remove_folder(p.folder);
}

/* ---- Failures */

typedef struct attempts {
    const char *path;
    size_t n_done;
} attempts;

static ink_status add_with(const ink_allocator *allocator, void *context)
{
    attempts *a = context;
    ink_model *model = NULL;
    ink_string card = {0};
    const ink_model_options options = {
        .allocator = allocator, .load = INK_LOAD_METADATA, .n_threads = 1};
    const ink_card_options in_place = {.in_place = true};
    ink_status status = ink_model_open(&model, a->path, &options, NULL);
    if (status == INK_OK)
        status = ink_card_get(model, &card, NULL);
    if (status == INK_OK)
        status = ink_card_add(model, a->path, ENTRY, strlen(ENTRY), &in_place, NULL);
    a->n_done += status == INK_OK;
    ink_string_free(&card);
    ink_model_free(model);
    return status;
}

/* An attempt that failed has written nothing; one may come through without some of its memory. */
static void every_allocation_may_fail(void **state)
{
    place p;
    ink_string card = {0};
    size_t n_entries = 0;
    (void)state;
    set_up(&p);
    attempts a = {.path = p.model};
    assert_true(ink_fail_each_allocation(add_with, &a, 5000) > 20);
    ink_model *model = open_model(p.model);
    assert_int_equal(ink_card_get(model, &card, NULL), INK_OK);
    for (size_t i = 0; i < card.n_bytes; i++)
        n_entries += card.data[i] == '{';
    assert_int_equal(n_entries, a.n_done);
    assert_in_range(a.n_done, 1, 4);
    ink_string_free(&card);
    ink_model_free(model);
    ink_remove_folder(p.folder);
}

static void a_full_disk_leaves_the_file(void **state)
{
    place p;
    size_t n_bytes;
    ink_error error;
    const ink_card_options in_place = {.in_place = true};
    struct rlimit before, small;
    (void)state;
    set_up(&p);
    char *bytes = ink_read_file(p.model, &n_bytes);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < n_bytes; limit += n_bytes / 5) {
        small = (struct rlimit){limit, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        ink_status status = add(p.model, p.model, ENTRY, &in_place, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, INK_IO);
        expect_same_bytes(p.model, bytes, n_bytes);
    }
    (void)signal(SIGXFSZ, handler);
    free(bytes);
    ink_remove_folder(p.folder);
}

/* Ends the process when it is reported to for the n-th time. */
static bool die(void *context, float part)
{
    int *left = context;
    (void)part;
    if (--*left == 0)
        (void)raise(SIGKILL);
    return true;
}

static void a_killed_writer_leaves_the_file(void **state)
{
    place p;
    size_t n_bytes;
    int n_killed = 0, status = 0;
    (void)state;
    set_up(&p);
    char *bytes = ink_read_file(p.model, &n_bytes);
    for (;; n_killed++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int left = n_killed + 1;
            const ink_card_options options = {.in_place = true, .progress = {die, &left}};
            _exit(add(p.model, p.model, ENTRY, &options, NULL) == INK_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            break;
        expect_same_bytes(p.model, bytes, n_bytes);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(n_killed > 20); /* a report a tensor at least */
    expect_card(p.model, "[" ENTRY "]");
    free(bytes);
    ink_remove_folder(p.folder);
}

/* ---- Beside cards */

static void other_weights_have_no_card(void **state)
{
    place p;
    ink_gguf *gguf = NULL;
    ink_gguf_writer *writer = NULL;
    (void)state;
    set_up(&p);
    write_with_card(&p, "[{}]", 4);
    assert_int_equal(ink_gguf_open(&gguf, p.other, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    assert_int_equal(ink_rewrite_metadata(writer, gguf, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_begin(writer, p.model, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_commit(writer, NULL), INK_OK);
    ink_gguf_writer_free(writer);
    ink_gguf_free(gguf);
    ink_gguf_string card = {"", 0};
    assert_int_equal(ink_gguf_open(&gguf, p.model, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_get_string(gguf, INK_CARD_KEY, &card, NULL), INK_OK);
    assert_string_equal(card.text, "[]");
    ink_gguf_free(gguf);
    ink_remove_folder(p.folder);
}

static void vocabularies_are_compared(void **state)
{
    char path[4096];
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *stories = open_model(ink_shared_path(STORIES, path, sizeof path));
    ink_model *f16 =
        open_model(ink_shared_path("golden/models/llama-types-F16.gguf", path, sizeof path));
    ink_model *q4 =
        open_model(ink_shared_path("golden/models/llama-types-Q4_0.gguf", path, sizeof path));
    assert_int_equal(ink_compare_vocabularies(f16, q4, &error), INK_OK);
    assert_int_equal(ink_compare_vocabularies(stories, f16, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "different vocabularies"));
    ink_model_free(stories);
    ink_model_free(f16);
    ink_model_free(q4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_grows_and_the_rest_stays),
        cmocka_unit_test(a_hostile_card_is_refused),
        cmocka_unit_test(what_is_no_entry_is_refused),
        cmocka_unit_test(in_place_replaces_only_what_was_opened),
        cmocka_unit_test(who_may_read_a_model_stays),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_full_disk_leaves_the_file),
        cmocka_unit_test(a_killed_writer_leaves_the_file),
        cmocka_unit_test(other_weights_have_no_card),
        cmocka_unit_test(vocabularies_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
