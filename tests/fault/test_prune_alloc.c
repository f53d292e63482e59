/* Every allocation fails once: pruning with both files that repair writes, zeros by products. */
#include "../support.h"

#include <stdio.h>
#include <string.h>

#define STORIES "weights/stories260K.gguf"
#define SENTENCE "Once upon a time there was a fox. It liked to run. The fox ran all day long. "

enum { MAX_CALLS = 20000 };

static char folder[64], text[128], out[128], stories[1024];
static const char *const texts[] = {text};

static ink_status prune(const ink_allocator *allocator, void *context)
{
    ink_pruning options = *(const ink_pruning *)context;
    options.allocator = allocator;
    options.n_threads = 1;
    return ink_prune_model(stories, out, &options, NULL);
}

static ink_status look(void *context, ink_error *error)
{
    (void)context, (void)error;
    return INK_OK;
}

static void every_allocation_may_fail(void **state)
{
    char sentences[4 * sizeof SENTENCE] = "";
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    for (int i = 0; i < 4; i++)
        memcpy(sentences + strlen(sentences), SENTENCE, sizeof SENTENCE);
    ink_write_file(text, sentences, strlen(sentences));
    ink_pruning narrower = {.percent = 6,
                            .kinds = "groups",
                            .texts = texts,
                            .n_texts = 1,
                            .n_context = 8,
                            .n_tokens = 8,
                            .repair = true,
                            .unrepaired = look};
    ink_pruning zeros = {
        .sparsity = "2:4", .texts = texts, .n_texts = 1, .n_context = 8, .n_tokens = 8};
    assert_true(ink_fail_each_allocation(prune, &narrower, MAX_CALLS) > 50);
    assert_true(ink_fail_each_allocation(prune, &zeros, MAX_CALLS) > 50);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(text, sizeof text, "%s/text", folder);
    (void)snprintf(out, sizeof out, "%s/out.gguf", folder);
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
