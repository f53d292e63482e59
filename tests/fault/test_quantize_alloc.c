/* Every allocation fails once: quantizing, calibrated, by a budget, with feedback, broken off. */
#include "../support.h"

#define STORIES "weights/stories260K.gguf"

enum { MAX_CALLS = 20000 };

static ink_test_path text, out, kept;
static char stories[1024];
static const char *const texts[] = {text};

static ink_status quantize(const ink_allocator *allocator, void *context)
{
    ink_quantizing options = *(const ink_quantizing *)context;
    options.allocator = allocator;
    options.n_threads = 1;
    return ink_quantize_model(stories, out, &options, NULL);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    ink_test_file("text", text);
    ink_test_file("out.gguf", out);
    ink_test_file("kept", kept);
    ink_write_sentences(text, 4);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, ink_test_folder_make, ink_test_folder_remove);
}
