/* Every allocation fails once: quantizing, calibrated, by a budget, with feedback, broken off. */
#include "../support.h"

#define STORIES "weights/stories260K.gguf"
#define LONGER_ROWS "golden/models/llama-types-F16.gguf" /* which blocks of 256 fill */

enum { MAX_CALLS = 20000 };

static ink_test_path text, out, kept;
static char model[1024];
static const char *const texts[] = {text};

static ink_status quantize(const ink_allocator *allocator, void *context)
{
    ink_quantizing options = *(const ink_quantizing *)context;
    options.allocator = allocator;
    options.n_threads = 1;
    return ink_quantize_model(model, out, &options, NULL);
}

static void prepare(const char *shared_model)
{
    ink_shared_path(shared_model, model, sizeof model);
    ink_test_file("text", text);
    ink_test_file("out.gguf", out);
    ink_test_file("kept", kept);
    ink_write_sentences(text, 4);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    ink_require_shared();
    prepare(STORIES);
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
    (void)state;
    ink_require_shared();
    prepare(LONGER_ROWS);
    ink_quantizing own = {
        .type = "T2", .texts = texts, .n_texts = 1, .n_context = 8, .n_tokens = 8};
    assert_true(ink_fail_each_allocation(quantize, &own, MAX_CALLS) > 50);
    own.feedback = true;
    assert_true(ink_fail_each_allocation(quantize, &own, MAX_CALLS) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail),
                                       cmocka_unit_test(of_our_own_too)};
    return cmocka_run_group_tests(tests, ink_test_folder_make, ink_test_folder_remove);
}
