#define _POSIX_C_SOURCE 200809L
/*
 * Texts that a model writes while it learns: by the weights as they are, by the same numbers each
 * time, and without a trace in what is learned.
 */
#include "learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "Once upon a time"

typedef struct hearing {
    size_t n, n_steps;
    char texts[8][2000];
} hearing;

static bool listen(void *context, const ink_training_report *report)
{
    hearing *told = context;
    told->n_steps++;
    assert_int_equal(report->sample != NULL, report->step % 2 == 0);
    if (!report->sample)
        return true;
    assert_true(told->n < 8 && report->n_sample_bytes < sizeof told->texts[0]);
    assert_int_equal(report->sample[report->n_sample_bytes], 0);
    memcpy(told->texts[told->n++], report->sample, report->n_sample_bytes + 1);
    return true;
}

static void begin(ink_test_training *t, hearing *told, const char *sample)
{
    memset(told, 0, sizeof *told);
    ink_test_training_init(t);
    t->options.rate = 0.02f; /* each text shall be another */
    t->options.sample = sample;
    t->options.report = sample ? listen : NULL;
    t->options.report_context = told;
}

static bool append(void *context, const char *text, size_t n_bytes)
{
    strncat(context, text, n_bytes);
    return true;
}

/* What the file says, by the way in which all models are run. */
static void tell(const char *path, const ink_adapter *adapter, char out[2000])
{
    ink_model *model;
    ink_session *session;
    ink_tokens prompt = {0};
    ink_error error;
    ink_generation generation;
    ink_generation_init(&generation);
    generation.sampling.seed = 0;
    generation.max_tokens = 64;
    generation.write = append;
    generation.context = strcpy(out, BEGIN);
    const ink_model_options options = {.adapters = adapter, .n_adapters = adapter != NULL};
    assert_int_equal(ink_model_open(&model, path, &options, &error), INK_OK);
    assert_int_equal(ink_session_new(&session, model, NULL, &error), INK_OK);
    assert_int_equal(ink_tokenize(model, BEGIN, strlen(BEGIN), INK_SPECIAL_OPEN, &prompt, &error),
                     INK_OK);
    assert_int_equal(ink_generate(session, prompt.ids, prompt.n_tokens, &generation, NULL, &error),
                     INK_OK);
    ink_tokens_free(&prompt);
    ink_session_free(session);
    ink_model_free(model);
}

static void expect_told(const hearing *told, const char *last)
{
    assert_int_equal(told->n, 3);
    assert_int_equal(told->n_steps, 6);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(told->texts[i], BEGIN, strlen(BEGIN));
    assert_true(strlen(last) > strlen(BEGIN) + 20);
    assert_string_equal(told->texts[2], last);
    assert_string_not_equal(told->texts[0], told->texts[2]);
}

static void a_sample_is_what_the_model_says(void **state)
{
    (void)state;
    ink_test_training t;
    hearing told;
    char last[2000];
    begin(&t, &told, BEGIN);
    ink_test_train(&t, NULL);
    tell(t.out, NULL, last);
    expect_told(&told, last);
    ink_test_training_deinit(&t);
}

static void so_it_is_of_an_adapter(void **state)
{
    (void)state;
    ink_test_training t;
    ink_adapter_training wanted;
    ink_error error;
    hearing told;
    char last[2000];
    begin(&t, &told, BEGIN);
    t.options.validation = 0; /* a text needs nothing that is kept apart */
    ink_adapter_training_init(&wanted);
    if (ink_train_adapter(t.model, t.out, &wanted, &t.options, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    tell(t.model, &(ink_adapter){t.out, 1}, last);
    expect_told(&told, last);
    ink_test_training_deinit(&t);
}

static void it_changes_no_bit(void **state)
{
    (void)state;
    for (int n_threads = 1; n_threads < 3; n_threads++) {
        ink_test_training t;
        hearing told;
        char silent[128], checkpoint[128];
        begin(&t, &told, NULL);
        t.options.dropout = 0.1f;
        t.options.n_threads = n_threads;
        t.options.checkpoint = t.checkpoint;
        ink_test_train(&t, NULL);
        (void)snprintf(silent, sizeof silent, "%s/silent.gguf", t.folder);
        (void)snprintf(checkpoint, sizeof checkpoint, "%s/silent.checkpoint", t.folder);
        assert_int_equal(rename(t.out, silent), 0);
        assert_int_equal(rename(t.checkpoint, checkpoint), 0);
        t.options.sample = "";
        t.options.report = listen;
        ink_test_train(&t, NULL);
        assert_int_equal(told.n, 3);
        ink_assert_same_files(silent, t.out);
        ink_assert_same_files(checkpoint, t.checkpoint);
        ink_test_training_deinit(&t);
    }
}

static void what_cannot_begin_is_said_first(void **state)
{
    (void)state;
    ink_test_training t;
    hearing told;
    ink_error error = {0};
    char *longer = calloc(1, 16000);
    assert_non_null(longer);
    for (int i = 0; i < 1900; i++)
        strcat(longer, " the dog");
    begin(&t, &told, longer);
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "positions"));
    assert_int_equal(told.n_steps, 0);
    free(longer);
    ink_test_training_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_what_the_model_says),
        cmocka_unit_test(so_it_is_of_an_adapter),
        cmocka_unit_test(it_changes_no_bit),
        cmocka_unit_test(what_cannot_begin_is_said_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
