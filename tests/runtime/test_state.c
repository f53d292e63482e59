/*
 * State files: what comes back continues with the same bits, and what was tampered with does not
 * come back.
 */
#define _DEFAULT_SOURCE
#include "stories.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "runtime/state.h"

#define MAX_POSITIONS 300
#define RECURRENT "golden/models/lfm2-Q8_0.gguf"  /* one layer of four attends */
#define WINDOWED "golden/models/gemma3-Q4_0.gguf" /* windows of 16 in most layers */

static char folder[64], path[128], other_path[128];

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/one.state", folder);
    (void)snprintf(other_path, sizeof other_path, "%s/two.state", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static void save(const ink_session *session, const char *to)
{
    ink_error error;
    if (ink_session_save(session, to, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void restore(ink_session *session, const char *from)
{
    ink_error error;
    if (ink_session_restore(session, from, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void assert_same_logits(const ink_session *a, const ink_session *b)
{
    assert_int_equal(ink_session_position(a), ink_session_position(b));
    assert_memory_equal(ink_session_logits(a), ink_session_logits(b),
                        a->model->hparams.n_vocab * sizeof(float));
}

static void assert_same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *bytes_a = ink_read_file(a, &n_a), *bytes_b = ink_read_file(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(bytes_a, bytes_b, n_a);
    free(bytes_a);
    free(bytes_b);
}

/* ---- Continuing */

typedef struct journey {
    const char *model, *cache;
    size_t n_batch, n_batch_after;
} journey;

/* Saved after `position` tokens, restored, continued by one token at a time and then by many. */
static void save_and_continue(const ink_model *model, const journey *j, const int32_t *tokens,
                              size_t position)
{
    ink_session *never = new_session(model, j->cache, MAX_POSITIONS, j->n_batch);
    ink_session *after = new_session(model, j->cache, MAX_POSITIONS, j->n_batch_after);
    evaluate(never, tokens, position);
    evaluate(after, tokens + 50, 20); /* which restoring replaces */
    save(never, path);
    restore(after, path);
    assert_same_logits(never, after);
    assert_memory_equal(after->tokens, tokens, position * sizeof *tokens);
    save(after, other_path);
    if (j->n_batch == j->n_batch_after)
        assert_same_files(path, other_path);
    for (size_t i = position; i < position + 3; i++) {
        evaluate(never, tokens + i, 1);
        evaluate(after, tokens + i, 1);
        assert_same_logits(never, after);
    }
    evaluate(never, tokens + position + 3, 70);
    evaluate(after, tokens + position + 3, 70);
    assert_same_logits(never, after);
    ink_session_free(never);
    ink_session_free(after);
}

static void take_journey(const journey *j)
{
    static const size_t positions[] = {1, 63, 64, 65, 128, 200};
    int32_t tokens[MAX_POSITIONS];
    ink_model *model = open_model(j->model, NULL);
    random_tokens(model, tokens, MAX_POSITIONS, 8);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
        save_and_continue(model, j, tokens, positions[i]);
    ink_model_free(model);
}

static void restored_sessions_continue_with_the_same_bits(void **state)
{
    (void)state;
    ink_require_shared();
    static const journey journeys[] = {
        {STORIES, "f32", 0, 0},
        {STORIES, "f16", 0, 0},
        {"golden/models/llama-gqa-Q8_0.gguf", "q8_0", 0, 0},
        {"golden/models/llama-gqa-Q8_0.gguf", "q4_0", 0, 0},
        {"golden/models/llama-gqa-Q8_0.gguf", "f16", 7, 300},
        {"golden/models/llama-gqa-Q8_0.gguf", "q4r", 0, 0},
        {"golden/models/llama-gqa-Q8_0.gguf", "q3r", 7, 300},
        {"golden/models/llama-gqa-Q8_0.gguf", "q2r", 300, 1},
        {"golden/models/llama-gqa-Q8_0.gguf", "q3r,f16/0=q8_0,q2r", 64, 64},
    };
    for (size_t i = 0; i < sizeof journeys / sizeof *journeys; i++)
        take_journey(&journeys[i]);
}

/*
 * Layers with a window do not have all pages, and a session with small batches has room for fewer.
 */
static void windows_survive(void **state)
{
    (void)state;
    ink_require_shared();
    static const journey journeys[] = {
        {WINDOWED, "f16", 7, 7},
        {WINDOWED, "q8_0", 1, 64},
        {WINDOWED, "f32", 300, 1},
    };
    for (size_t i = 0; i < sizeof journeys / sizeof *journeys; i++)
        take_journey(&journeys[i]);
}

static void an_empty_or_rewound_session_survives(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *one = new_session(model, NULL, 0, 0), *two = new_session(model, NULL, 0, 0);
    int32_t tokens[100];
    random_tokens(model, tokens, 100, 3);
    evaluate(two, tokens, 10);
    save(one, path);
    restore(two, path);
    assert_int_equal(ink_session_position(two), 0);
    assert_null(ink_session_logits(two));
    evaluate(one, tokens, 100);
    assert_int_equal(ink_session_rewind(one, 70, NULL), INK_OK);
    save(one, path);
    restore(two, path);
    assert_int_equal(ink_session_position(two), 70);
    assert_null(ink_session_logits(two));
    evaluate(one, tokens + 70, 30);
    evaluate(two, tokens + 70, 30);
    assert_same_logits(one, two);
    ink_session_free(one);
    ink_session_free(two);
    ink_model_free(model);
}

/*
 * What was rewound, or stood in memory before, is not written: the file depends on the tokens
 * alone. They are for their owner, whatever the umask allows.
 */
static void files_hold_nothing_but_the_session(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *one = new_session(model, NULL, 0, 0), *two = new_session(model, NULL, 0, 0);
    int32_t tokens[100];
    random_tokens(model, tokens, 100, 3);
    evaluate(one, tokens, 37);
    evaluate(two, tokens, 36);
    evaluate(two, tokens + 60, 40);
    assert_int_equal(ink_session_rewind(two, 36, NULL), INK_OK);
    evaluate(two, tokens + 36, 1);
    struct stat status;
    save(one, path);
    save(two, other_path);
    assert_same_files(path, other_path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    ink_session_free(one);
    ink_session_free(two);
    ink_model_free(model);
}

/* ---- Refusals. A session with two tokens stands for what a failed restore must leave alone. */

typedef struct bench {
    ink_model *model;
    ink_session *session;
    float *logits; /* of the session, before */
    char *bytes;   /* of a good state */
    size_t n_bytes;
} bench;

static bench open_bench(const char *relative, size_t position)
{
    bench b = {.model = open_model(relative, NULL)};
    int32_t tokens[MAX_POSITIONS];
    random_tokens(b.model, tokens, MAX_POSITIONS, 5);
    b.session = new_session(b.model, "f16", 128, 16);
    evaluate(b.session, tokens, position);
    save(b.session, path);
    b.bytes = ink_read_file(path, &b.n_bytes);
    assert_int_equal(ink_session_rewind(b.session, 0, NULL), INK_OK);
    evaluate(b.session, tokens + 7, 2);
    size_t logits_bytes = b.model->hparams.n_vocab * sizeof *b.logits;
    b.logits = malloc(logits_bytes);
    assert_non_null(b.logits);
    memcpy(b.logits, b.session->logits, logits_bytes);
    return b;
}

static void close_bench(bench *b)
{
    free(b->bytes);
    free(b->logits);
    ink_session_free(b->session);
    ink_model_free(b->model);
}

/* Restoring these bytes fails, says why, and leaves the session as it was. */
static void assert_refused(const bench *b, const char *bytes, size_t n_bytes, ink_status expected,
                           const char *reason)
{
    ink_error error = {.status = INK_OK};
    ink_write_file(path, bytes, n_bytes);
    ink_status status = ink_session_restore(b->session, path, &error);
    if (status != expected || (reason && !strstr(error.message, reason)))
        fail_msg("status %d, expected %d: %s", (int)status, (int)expected, error.message);
    assert_int_equal(ink_session_position(b->session), 2);
    assert_memory_equal(ink_session_logits(b->session), b->logits,
                        b->model->hparams.n_vocab * sizeof *b->logits);
}

static void cut_anywhere(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 40);
    uint64_t random = 6;
    size_t table = INK_STATE_HEADER_BYTES + 5 * INK_STATE_LAYER_BYTES + 40 * sizeof(int32_t);
    for (size_t n = 0; n < table; n++)
        assert_refused(&b, b.bytes, n, INK_CORRUPT, n < 100 ? "too few" : NULL);
    for (int i = 0; i < 100; i++)
        assert_refused(&b, b.bytes, table + (size_t)ink_test_random(&random) % (b.n_bytes - table),
                       INK_CORRUPT, "not whole");
    char *longer = malloc(b.n_bytes + 1);
    assert_non_null(longer);
    memcpy(longer, b.bytes, b.n_bytes + 1);
    assert_refused(&b, longer, b.n_bytes + 1, INK_CORRUPT, "not whole");
    free(longer);
    close_bench(&b);
}

static void flip_and_refuse(const bench *b, size_t byte, int bit, ink_status expected,
                            const char *reason)
{
    b->bytes[byte] = (char)(b->bytes[byte] ^ 1 << bit);
    assert_refused(b, b->bytes, b->n_bytes, expected, reason);
    b->bytes[byte] = (char)(b->bytes[byte] ^ 1 << bit);
}

static void one_bit_flipped_anywhere(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 40);
    uint64_t random = 16;
    for (size_t byte = 0; byte < INK_STATE_HEADER_BYTES; byte++) {
        bool magic = byte < 8, version = byte >= 8 && byte < 16, length = byte >= 16 && byte < 24;
        flip_and_refuse(&b, byte, (int)(byte % 8), version ? INK_UNSUPPORTED : INK_CORRUPT,
                        magic     ? "not the state"
                        : version ? "version"
                        : length  ? "not whole"
                                  : "damaged");
    }
    for (int i = 0; i < 300; i++) {
        size_t byte = (size_t)ink_test_random(&random) % (b.n_bytes - INK_STATE_HEADER_BYTES);
        flip_and_refuse(&b, INK_STATE_HEADER_BYTES + byte, i % 8, INK_CORRUPT, "damaged");
    }
    ink_write_file(path, b.bytes, b.n_bytes);
    restore(b.session, path); /* all flips were taken back */
    close_bench(&b);
}

/* Makes the checksum right again. */
static void seal(const bench *b)
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, b->bytes, b->n_bytes - INK_SHA256_BYTES);
    ink_sha256_finish(&sum, (uint8_t *)b->bytes + b->n_bytes - INK_SHA256_BYTES);
}

/* Writes a number where a liar would, with a right checksum. */
static void lie(const bench *b, size_t at, uint64_t value, ink_status expected, const char *reason)
{
    uint8_t *place = (uint8_t *)b->bytes + at, truth[8];
    memcpy(truth, place, sizeof truth);
    ink_state_put_u64(place, value);
    seal(b);
    assert_refused(b, b->bytes, b->n_bytes, expected, reason);
    memcpy(place, truth, sizeof truth);
    seal(b);
}

static size_t field_at(int field)
{
    return INK_STATE_MAGIC_BYTES + 8 * (size_t)field;
}

static void lies_with_a_right_checksum(void **state)
{
    (void)state;
    ink_require_shared();
    const size_t layers = INK_STATE_HEADER_BYTES;
    const uint64_t numbers[] = {0, 1, 2, 63, 64, 127, 128, UINT32_MAX, UINT64_MAX / 64, UINT64_MAX};
    bench b = open_bench(STORIES, 70);
    const size_t tokens = layers + b.model->hparams.n_layers * INK_STATE_LAYER_BYTES;
    lie(&b, field_at(INK_STATE_FIELD_version), 1, INK_UNSUPPORTED, "version 1");
    lie(&b, field_at(INK_STATE_FIELD_page_positions), 32, INK_CORRUPT, "counts");
    lie(&b, field_at(INK_STATE_FIELD_position), 129, INK_LIMIT, "129 positions");
    lie(&b, field_at(INK_STATE_FIELD_position), UINT64_MAX, INK_LIMIT, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] < 128)
            lie(&b, field_at(INK_STATE_FIELD_position), numbers[i], INK_CORRUPT, NULL);
        lie(&b, field_at(INK_STATE_FIELD_n_layers), numbers[i], INK_CORRUPT, "counts");
        lie(&b, field_at(INK_STATE_FIELD_n_logits), numbers[i], INK_CORRUPT, NULL);
        lie(&b, field_at(INK_STATE_FIELD_file_bytes), numbers[i], INK_CORRUPT, "not whole");
        if (numbers[i] > 0)
            lie(&b, layers, numbers[i], INK_CORRUPT, "layer 0");
        lie(&b, layers + INK_STATE_LAYER_BYTES + 8, numbers[i], INK_CORRUPT, "layer 1");
        if (numbers[i] > 0)
            lie(&b, layers + INK_STATE_LAYER_BYTES + 16, numbers[i], INK_CORRUPT, "layer 1");
    }
    lie(&b, tokens, 512, INK_CORRUPT, "token 1 is 512");
    lie(&b, tokens, UINT32_MAX, INK_CORRUPT, "token 1 is -1");
    close_bench(&b);
}

/* Nothing to expect of bytes at random but that they do no harm; the sanitizers watch. */
static void tell_random_lies(const char *model)
{
    bench b = open_bench(model, 100);
    uint64_t random = 23;
    size_t n_table = INK_STATE_HEADER_BYTES + b.model->hparams.n_layers * INK_STATE_LAYER_BYTES;
    char *copy = malloc(b.n_bytes);
    assert_non_null(copy);
    memcpy(copy, b.bytes, b.n_bytes);
    for (int i = 0; i < 300; i++) {
        size_t n_lies = 1 + (size_t)ink_test_random(&random) % 3,
               n_cut = (size_t)ink_test_random(&random) % 3;
        for (size_t k = 0; k < n_lies; k++)
            b.bytes[16 + ink_test_random(&random) % (n_table - 16)] =
                (char)(ink_test_random(&random) >> 40);
        if (n_cut)
            ink_state_put_u64((uint8_t *)b.bytes + field_at(INK_STATE_FIELD_file_bytes), b.n_bytes);
        seal(&b);
        ink_write_file(path, b.bytes, b.n_bytes);
        if (ink_session_restore(b.session, path, NULL) == INK_OK)
            evaluate(b.session, (const int32_t[]){1, 2}, 2);
        memcpy(b.bytes, copy, b.n_bytes);
    }
    free(copy);
    close_bench(&b);
}

static void random_lies_do_no_harm(void **state)
{
    (void)state;
    ink_require_shared();
    tell_random_lies(WINDOWED);
    tell_random_lies(RECURRENT);
}

/* A layer that does not attend has a state and no pages, whatever a file says. */
static void lies_about_a_state(void **state)
{
    const size_t layer = INK_STATE_HEADER_BYTES;
    const uint64_t numbers[] = {0, 1, 255, 257, UINT32_MAX, UINT64_MAX / 4, UINT64_MAX};
    (void)state;
    ink_require_shared();
    bench b = open_bench(RECURRENT, 70);
    assert_int_equal(b.session->cache.layers[0].n_state, 2 * 128);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] > 0) {
            lie(&b, layer, numbers[i], INK_CORRUPT, "layer 0");
            lie(&b, layer + 8, numbers[i], INK_CORRUPT, "layer 0");
        }
        lie(&b, layer + 16, numbers[i], INK_CORRUPT, "layer 0");
    }
    close_bench(&b);
}

/* ---- Other models, other sessions */

static void another_cache_format(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 20);
    ink_error error;
    ink_session *other = new_session(b.model, "f32", 128, 0);
    assert_int_equal(ink_session_restore(other, path, &error), INK_BAD_ARGUMENT);
    assert_true(strstr(error.message, "F16") && strstr(error.message, "F32"));
    ink_session_free(other);
    other = new_session(b.model, "f32/0=f16,f32", 128, 0);
    assert_int_equal(ink_session_restore(other, path, &error), INK_BAD_ARGUMENT);
    assert_true(strstr(error.message, "F16") && strstr(error.message, "MIXED "));
    ink_session_free(other);
    other = new_session(b.model, "f16,f16/0-1=f32/0-1=f16", 128, 0); /* comes to the same */
    restore(other, path);
    ink_session_free(other);
    close_bench(&b);
}

static void a_smaller_context(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 65);
    ink_error error;
    ink_session *other = new_session(b.model, "f16", 64, 0);
    assert_int_equal(ink_session_restore(other, path, &error), INK_LIMIT);
    assert_true(strstr(error.message, "65") && strstr(error.message, "64"));
    ink_session_free(other);
    other = new_session(b.model, "f16", 65, 0);
    restore(other, path);
    ink_session_free(other);
    close_bench(&b);
}

static void assert_other_model(const bench *b, const char *other_model)
{
    ink_model *model = NULL;
    ink_error error;
    ink_write_file(path, b->bytes, b->n_bytes);
    assert_int_equal(ink_model_open(&model, other_model, NULL, NULL), INK_OK);
    ink_session *session = new_session(model, "f16", 128, 16);
    assert_int_equal(ink_session_restore(session, path, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "another model"));
    assert_int_equal(ink_session_position(session), 0);
    ink_session_free(session);
    ink_model_free(model);
}

/* Same shapes in other formats; other hyperparameters; and one weight trained on. */
static void another_model(void **state)
{
    (void)state;
    ink_require_shared();
    char other[1024];
    size_t n_bytes;
    bench b = open_bench("golden/models/llama-types-Q8_0.gguf", 20);
    assert_other_model(&b,
                       ink_shared_path("golden/models/llama-types-Q4_0.gguf", other, sizeof other));
    assert_other_model(&b, ink_shared_path("golden/models/gemma-Q4_K_M.gguf", other, sizeof other));
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(b.model->gguf, "blk.0.attn_k.weight");
    assert_non_null(tensor);
    uint64_t at = tensor->offset + 100;
    char *model = ink_read_file(
        ink_shared_path("golden/models/llama-types-Q8_0.gguf", other, sizeof other), &n_bytes);
    model[at] = (char)(model[at] ^ 1);
    (void)snprintf(other, sizeof other, "%s/other.gguf", folder);
    ink_write_file(other, model, n_bytes);
    free(model);
    assert_other_model(&b, other);
    close_bench(&b);
}

#define BORDER 256 /* a multiple of what contexts are rounded to before they are compared */

/*
 * Long RoPE turns keys by the length of the context: what was saved in a short one is wrong in a
 * long one.
 */
static void another_rotation(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model("golden/models/phi3-longrope-Q4_K_M.gguf", NULL);
    model->hparams.n_context_original = BORDER;
    ink_session *brief = new_session(model, "f16", BORDER, 0);
    ink_session *longer = new_session(model, "f16", BORDER + 1, 0);
    ink_session *shorter = new_session(model, "f16", BORDER - 1, 0);
    ink_error error;
    evaluate(brief, (const int32_t[]){1, 5, 9}, 3);
    save(brief, path);
    restore(shorter, path);
    assert_same_logits(brief, shorter);
    assert_int_equal(ink_session_restore(longer, path, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "turns keys"));
    ink_session_free(brief);
    ink_session_free(longer);
    ink_session_free(shorter);
    ink_model_free(model);
}

/* ---- Disks */

static void paths_that_cannot_be(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 3);
    char missing[256];
    (void)snprintf(missing, sizeof missing, "%s/no/such.state", folder);
    assert_int_equal(ink_session_save(b.session, missing, NULL), INK_IO);
    assert_int_equal(ink_session_restore(b.session, missing, NULL), INK_IO);
    assert_int_equal(ink_session_restore(b.session, folder, NULL), INK_IO);
    assert_int_equal(ink_session_position(b.session), 2);
    close_bench(&b);
}

/* A limit on file sizes stands for a full disk: what was there before stays whole. */
static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    ink_require_shared();
    bench b = open_bench(STORIES, 90);
    struct rlimit before, small;
    size_t n_bytes;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = b.n_bytes / 4;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ink_status status = ink_session_save(b.session, path, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(status, INK_IO);
    char *bytes = ink_read_file(path, &n_bytes);
    assert_int_equal(n_bytes, b.n_bytes);
    assert_memory_equal(bytes, b.bytes, n_bytes);
    free(bytes);
    restore(b.session, path);
    assert_int_equal(ink_session_position(b.session), 90);
    close_bench(&b);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(restored_sessions_continue_with_the_same_bits),
        IN_FOLDER(windows_survive),
        IN_FOLDER(an_empty_or_rewound_session_survives),
        IN_FOLDER(files_hold_nothing_but_the_session),
        IN_FOLDER(cut_anywhere),
        IN_FOLDER(one_bit_flipped_anywhere),
        IN_FOLDER(lies_with_a_right_checksum),
        IN_FOLDER(random_lies_do_no_harm),
        IN_FOLDER(lies_about_a_state),
        IN_FOLDER(another_cache_format),
        IN_FOLDER(a_smaller_context),
        IN_FOLDER(another_model),
        IN_FOLDER(another_rotation),
        IN_FOLDER(paths_that_cannot_be),
        IN_FOLDER(a_full_disk_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
