/*
 * Every allocation fails once while a student is taught: with the teacher beside, by what is kept
 * of it, and on what the student writes itself; and while both are compared.
 */
#include "../support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_CALLS 5000
#define SENTENCE "Once upon a time there was a fox. It liked to run. The fox ran all day long. "

static char folder[64], text[128], out[128], kept[128], stories[1024];
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
    char sentences[6 * sizeof SENTENCE] = "";
    ink_distillation ways[3];
    (void)state;
    ink_require_shared();
    ink_shared_path("weights/stories260K.gguf", stories, sizeof stories);
    for (int i = 0; i < 6; i++)
        memcpy(sentences + strlen(sentences), SENTENCE, sizeof SENTENCE);
    ink_write_file(text, sentences, strlen(sentences));
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
