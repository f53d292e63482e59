/* Every allocation fails once: opening with an adapter, teaching one, and building it in. */
#include "../support.h"

#define STORIES "weights/stories260K.gguf"

static ink_test_path text, adapter_path, out, checkpoint;
static char stories[1024];
static const char *const texts[] = {text};

static ink_status teach(const ink_allocator *allocator, void *context)
{
    ink_training training;
    ink_adapter_training adapter;
    ink_training_init(&training);
    ink_adapter_training_init(&adapter);
    training.texts = texts;
    training.n_texts = 1;
    training.steps = 1;
    training.batch = 1;
    training.context = 16;
    training.validation = 0.3f;
    training.n_threads = 1;
    training.checkpoint = context;
    training.allocator = allocator;
    adapter.targets = "q,down";
    adapter.rank = 2;
    return ink_train_adapter(stories, adapter_path, &adapter, &training, NULL, NULL);
}

static ink_status open_with(const ink_allocator *allocator, void *context)
{
    const ink_adapter *adapters = context;
    ink_model *model = NULL;
    ink_status status = ink_model_open(
        &model, stories,
        &(ink_model_options){
            .allocator = allocator, .n_threads = 1, .adapters = adapters, .n_adapters = 2},
        NULL);
    ink_model_free(model);
    return status;
}

static ink_status merge(const ink_allocator *allocator, void *context)
{
    const ink_merging merging = {.allocator = allocator, .adapters = context, .n_adapters = 2};
    return ink_merge_adapters(stories, out, &merging, NULL);
}

static void every_allocation_may_fail(void **state)
{
    const ink_adapter adapters[2] = {{adapter_path, 1}, {adapter_path, 0.5f}};
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    ink_test_file("text", text);
    ink_test_file("adapter.gguf", adapter_path);
    ink_test_file("out.gguf", out);
    ink_test_file("checkpoint", checkpoint);
    ink_write_sentences(text, 20);
    assert_true(ink_fail_each_allocation(teach, NULL, 5000) > 50);
    assert_true(ink_fail_each_allocation(teach, checkpoint, 5000) > 50);
    assert_true(ink_fail_each_allocation(open_with, (void *)(uintptr_t)adapters, 5000) > 20);
    assert_true(ink_fail_each_allocation(merge, (void *)(uintptr_t)adapters, 5000) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, ink_test_folder_make, ink_test_folder_remove);
}
