/* Models with adapters: what is added, how much of it, and the same bits however a step is cut. */
#include "adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORIES "weights/stories260K.gguf"
enum { N_TOKENS = 9 };

static const int32_t tokens[N_TOKENS] = {1, 403, 407, 261, 378, 432, 383, 286, 40};
static char folder[64], path[128], other_path[128];

typedef struct run {
    ink_load load;
    int n_threads;
    size_t n_batch;
    ink_adapter adapters[2];
    size_t n_adapters;
} run;

static ink_model *open_model(const run *r)
{
    char stories[1024];
    ink_model *model = NULL;
    ink_error error;
    const ink_model_options options = {.load = r->load,
                                       .n_threads = r->n_threads,
                                       .adapters = r->adapters,
                                       .n_adapters = r->n_adapters};
    ink_require_shared();
    if (ink_model_open(&model, ink_shared_path(STORIES, stories, sizeof stories), &options,
                       &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

/* [N_TOKENS][n_vocab], ended by free. */
static float *logits_of(const run *r, size_t *n)
{
    ink_model *model = open_model(r);
    ink_model_info info;
    ink_session *session = NULL;
    ink_error error;
    ink_model_get_info(model, &info);
    *n = N_TOKENS * (size_t)info.n_vocab;
    float *logits = calloc(*n, sizeof *logits);
    const ink_session_options options = {
        .n_context = 64, .n_threads = r->n_threads, .n_batch = r->n_batch};
    assert_non_null(logits);
    if (ink_session_new(&session, model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    if (ink_session_evaluate(session, tokens, N_TOKENS, logits, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(session);
    ink_model_free(model);
    return logits;
}

static bool same_logits(const run *a, const run *b)
{
    size_t n, m;
    float *x = logits_of(a, &n), *y = logits_of(b, &m);
    assert_int_equal(n, m);
    bool same = memcmp(x, y, n * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

static double largest_difference(const run *a, const run *b)
{
    size_t n, m;
    double most = 0;
    float *x = logits_of(a, &n), *y = logits_of(b, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i] - (double)y[i]));
    free(x);
    free(y);
    return most;
}

static const run plain = {.n_threads = 1};

static run with(const char *file, float scale)
{
    return (run){.n_threads = 1, .adapters = {{file, scale}}, .n_adapters = 1};
}

static void scale_zero_gives_the_bits_of_the_base(void **state)
{
    (void)state;
    const run none = with(path, 0), whole = with(path, 1);
    ink_write_adapter(&ink_plain_adapter, path);
    assert_true(same_logits(&plain, &none));
    assert_true(largest_difference(&plain, &whole) > 0.1);
}

static void the_same_bits_however_a_step_is_cut(void **state)
{
    static const size_t batches[] = {1, 2, 5};
    (void)state;
    const run whole = with(path, 1);
    ink_write_adapter(&ink_plain_adapter, path);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        run cut = whole;
        cut.n_batch = batches[i];
        cut.n_threads = (int)i + 1;
        assert_true(same_logits(&whole, &cut));
    }
}

/* Packed or as rows, sums are taken in the same order. The base is F32 in both. */
static void the_same_bits_as_a_model_to_be_trained(void **state)
{
    (void)state;
    const run whole = with(path, 1);
    run rows = whole;
    rows.load = INK_LOAD_TRAINABLE;
    ink_write_adapter(&ink_plain_adapter, path);
    assert_true(same_logits(&whole, &rows));
}

/* alpha / rank, or 1 where the file says no alpha or 0. */
static void scales(void **state)
{
    (void)state;
    ink_test_adapter changed = ink_plain_adapter;
    const run twice = with(path, 2), of_other = with(other_path, 1);
    const run half = with(path, 0.5f);
    ink_write_adapter(&ink_plain_adapter, path);
    changed.alpha = 16;
    ink_write_adapter(&changed, other_path);
    assert_true(same_logits(&twice, &of_other));
    changed.alpha = 0;
    ink_write_adapter(&changed, other_path);
    assert_true(same_logits(&half, &of_other));
    changed.no_alpha = true;
    ink_write_adapter(&changed, other_path);
    assert_true(same_logits(&half, &of_other));
}

/*
 * Twice by a half is once, but for rounding: logits of up to 20 that some thousand roundings of
 * 2^-24 went into.
 */
static void several_add_up(void **state)
{
    (void)state;
    const run once = with(path, 1);
    run halves = with(path, 0.5f), two = with(path, 1), other = with(other_path, 1);
    ink_test_adapter changed = ink_plain_adapter;
    ink_write_adapter(&ink_plain_adapter, path);
    changed.seed = 8;
    ink_write_adapter(&changed, other_path);
    halves.adapters[1] = halves.adapters[0];
    two.adapters[1] = other.adapters[0];
    halves.n_adapters = two.n_adapters = 2;
    assert_true(largest_difference(&once, &halves) < 1e-3);
    assert_true(largest_difference(&once, &two) > 0.1);
    assert_true(largest_difference(&other, &two) > 0.1);
}

/* Q8_0 values are within amax / 254 of what they stand for; the base's logits stay in sight. */
static void other_formats(void **state)
{
    (void)state;
    ink_test_adapter halves = ink_plain_adapter;
    const run whole = with(path, 1), other = with(other_path, 1);
    ink_write_adapter(&ink_plain_adapter, path);
    for (size_t i = 0; i < 4; i++)
        halves.tensors[i].type = 1;
    ink_write_adapter(&halves, other_path);
    assert_true(largest_difference(&whole, &other) < 0.02);
    assert_false(same_logits(&whole, &other));
    halves.tensors[0].type = 8;
    ink_write_adapter(&halves, other_path);
    assert_true(largest_difference(&whole, &other) < 0.1);
}

static void memory_is_counted(void **state)
{
    ink_model_info without, packed, planned;
    (void)state;
    run r = with(path, 1);
    ink_write_adapter(&ink_plain_adapter, path);
    ink_model *a = open_model(&plain), *b = open_model(&r);
    r.load = INK_LOAD_METADATA;
    ink_model *c = open_model(&r);
    ink_model_get_info(a, &without);
    ink_model_get_info(b, &packed);
    ink_model_get_info(c, &planned);
    /* four matrices in tiles of 16 rows: of 4 x 64, 64 x 4, 4 x 172, 64 x 4 */
    assert_int_equal(packed.weight_bytes - without.weight_bytes,
                     4 * (16 * 64 + 64 * 4 + 16 * 172 + 64 * 4));
    assert_int_equal(planned.weight_bytes, packed.weight_bytes);
    ink_model_free(a);
    ink_model_free(b);
    ink_model_free(c);
}

static ink_status restore_into(const run *r, const char *file)
{
    ink_model *model = open_model(r);
    ink_session *session = NULL;
    const ink_session_options options = {.n_context = 64, .n_threads = 1};
    ink_error error;
    assert_int_equal(ink_session_new(&session, model, &options, &error), INK_OK);
    ink_status status = ink_session_restore(session, file, &error);
    ink_session_free(session);
    ink_model_free(model);
    return status;
}

static void saved_sessions_know_their_adapters(void **state)
{
    char saved[128];
    ink_session *session = NULL;
    ink_error error;
    (void)state;
    const run whole = with(path, 1), weaker = with(path, 0.9f), other = with(other_path, 1);
    ink_test_adapter changed = ink_plain_adapter;
    ink_write_adapter(&ink_plain_adapter, path);
    changed.seed = 9;
    ink_write_adapter(&changed, other_path);
    ink_model *model = open_model(&whole);
    const ink_session_options options = {.n_context = 64, .n_threads = 1};
    (void)snprintf(saved, sizeof saved, "%s/saved", folder);
    assert_int_equal(ink_session_new(&session, model, &options, &error), INK_OK);
    assert_int_equal(ink_session_evaluate(session, tokens, N_TOKENS, NULL, NULL, &error), INK_OK);
    assert_int_equal(ink_session_save(session, saved, &error), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
    assert_int_equal(restore_into(&whole, saved), INK_OK);
    assert_int_equal(restore_into(&plain, saved), INK_BAD_ARGUMENT);
    assert_int_equal(restore_into(&weaker, saved), INK_BAD_ARGUMENT);
    assert_int_equal(restore_into(&other, saved), INK_BAD_ARGUMENT);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/adapter.gguf", folder);
    (void)snprintf(other_path, sizeof other_path, "%s/other.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_zero_gives_the_bits_of_the_base),
        cmocka_unit_test(the_same_bits_however_a_step_is_cut),
        cmocka_unit_test(the_same_bits_as_a_model_to_be_trained),
        cmocka_unit_test(scales),
        cmocka_unit_test(several_add_up),
        cmocka_unit_test(other_formats),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(saved_sessions_know_their_adapters),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
