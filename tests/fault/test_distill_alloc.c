/*
 * Every allocation fails once while a student is taught: with the teacher beside, by what is kept
 * of it, and on what the student writes itself; and while both are compared.
 */
#include "../support.h"

#include <unistd.h>

#define MAX_CALLS 5000

static ink_test_path text, out, kept;
static char stories[1024];
static const char *const texts[] = {text};

static ink_training short_training(const ink_allocator *allocator)
{
    ink_training training;
    ink_training_init(&training);
    training.texts = texts;
    training.n_texts = 1;
    training.steps = 1;
    training.batch = 1;
    training.context = 8;
    training.validation = 0.3f;
    training.evaluate_batches = 1;
    training.n_threads = 1;
    training.allocator = allocator;
    return training;
}

static ink_status teach(const ink_allocator *allocator, void *context)
{
    const ink_training training = short_training(allocator);
    ink_error error = {.status = INK_OK};
    (void)unlink(kept);
    ink_status status = ink_distill(stories, out, context, &training, NULL, &error);
    assert_int_equal(error.status, status);
    return status;
}

static ink_status compare(const ink_allocator *allocator, void *context)
{
    const ink_training training = short_training(allocator);
    ink_comparison comparison;
    (void)context;
    return ink_compare(stories, stories, &training, &comparison, NULL);
}

static void every_allocation_may_fail(void **state)
{
    ink_distillation ways[3];
    (void)state;
    ink_require_shared();
    ink_shared_path("weights/stories260K.gguf", stories, sizeof stories);
    ink_test_file("text", text);
    ink_test_file("out.gguf", out);
    ink_test_file("kept", kept);
    ink_write_sentences(text, 6);
    for (int i = 0; i < 3; i++) {
        ink_distillation_init(&ways[i]);
        ways[i].teacher = stories;
    }
    ways[1].keep = 4;
    ways[1].kept = kept;
    ways[2].on_policy = 1;
    for (int i = 0; i < 3; i++)
        assert_true(ink_fail_each_allocation(teach, &ways[i], MAX_CALLS) > 100);
    assert_true(ink_fail_each_allocation(compare, NULL, MAX_CALLS) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, ink_test_folder_make, ink_test_folder_remove);
}
