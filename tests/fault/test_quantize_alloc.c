/* Every allocation fails once: quantizing, calibrated, by a budget, with feedback, broken off. */
#include "../support.h"

#include <stdio.h>
#include <string.h>

#define STORIES "weights/stories260K.gguf"
#define LONGER_ROWS "golden/models/llama-types-F16.gguf" /* which blocks of 256 fill */
#define SENTENCE "Once upon a time there was a fox. It liked to run. The fox ran all day long. "

enum { MAX_CALLS = 20000 };

static char folder[64], text[128], out[128], kept[128], model[1024];
static const char *const texts[] = {text};

static ink_status quantize(const ink_allocator *allocator, void *context)
{
    ink_quantizing options = *(const ink_quantizing *)context;
    options.allocator = allocator;
    options.n_threads = 1;
    return ink_quantize_model(model, out, &options, NULL);
}

static void every_allocation_may_fail(void **state)
{
    char sentences[4 * sizeof SENTENCE] = "";
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, model, sizeof model);
    for (int i = 0; i < 4; i++)
        memcpy(sentences + strlen(sentences), SENTENCE, sizeof SENTENCE);
    ink_write_file(text, sentences, strlen(sentences));
    ink_quantizing plain = {.type = "Q8_0"};
    ink_quantizing calibrated = {.type = "Q8_0",
                                 .texts = texts,
                                 .n_texts = 1,
                                 .n_context = 8,
                                 .n_tokens = 8,
                                 .keep = kept,
                                 .feedback = true};
    ink_quantizing budget = {
        .bits = 20, .texts = texts, .n_texts = 1, .n_context = 8, .n_tokens = 8, .dry_run = true};
    assert_true(ink_fail_each_allocation(quantize, &plain, MAX_CALLS) > 20);
    assert_true(ink_fail_each_allocation(quantize, &calibrated, MAX_CALLS) > 50);
    assert_true(ink_fail_each_allocation(quantize, &budget, MAX_CALLS) > 50);
}

/* Rotated, with weights of columns alone, and with products. */
static void of_our_own_too(void **state)
{
    char sentences[4 * sizeof SENTENCE] = "";
    (void)state;
    ink_require_shared();
    ink_shared_path(LONGER_ROWS, model, sizeof model);
    for (int i = 0; i < 4; i++)
        memcpy(sentences + strlen(sentences), SENTENCE, sizeof SENTENCE);
    ink_write_file(text, sentences, strlen(sentences));
    ink_quantizing own = {
        .type = "T2", .texts = texts, .n_texts = 1, .n_context = 8, .n_tokens = 8};
    assert_true(ink_fail_each_allocation(quantize, &own, MAX_CALLS) > 50);
    own.feedback = true;
    assert_true(ink_fail_each_allocation(quantize, &own, MAX_CALLS) > 50);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(text, sizeof text, "%s/text", folder);
    (void)snprintf(out, sizeof out, "%s/out.gguf", folder);
    (void)snprintf(kept, sizeof kept, "%s/kept", folder);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail),
                                       cmocka_unit_test(of_our_own_too)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
