/* Adapters with something wrong: no crash, no leak, and a message that says which thing it was. */
#include "adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORIES "weights/stories260K.gguf"

typedef struct hostile {
    const char *name;
    ink_status status;
    const char *named; /* in the message */
    ink_test_adapter adapter;
} hostile;

static const hostile cases[] = {
#define REFUSED(status, name, named, ...) {name, INK_##status, named, {__VA_ARGS__}},
#include "adapter_hostile.def"
#undef REFUSED
};

#define N_CASES (sizeof cases / sizeof *cases)

static char folder[64], adapter_path[128], stories[1024];

static ink_status open_with(const char *path, float scale, ink_load load,
                            const ink_allocator *allocator, ink_error *error)
{
    const ink_adapter adapter = {path, scale};
    ink_model *model = NULL;
    ink_status status = ink_model_open(&model, stories,
                                       &(ink_model_options){.allocator = allocator,
                                                            .load = load,
                                                            .n_threads = 1,
                                                            .adapters = &adapter,
                                                            .n_adapters = 1},
                                       error);
    ink_model_free(model);
    return status;
}

/* Also where the model is only looked at, unless it takes the values to see it. */
static void a_case(void **state)
{
    static const ink_load loads[] = {INK_LOAD_ALL, INK_LOAD_TRAINABLE, INK_LOAD_METADATA};
    const hostile *h = *state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    ink_write_adapter(&h->adapter, adapter_path);
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        ink_test_allocator memory;
        ink_error error = {.status = INK_OK};
        ink_test_allocator_init(&memory, 0);
        ink_status status = open_with(adapter_path, 1, loads[i], &memory.allocator, &error);
        assert_int_equal(memory.n_blocks, 0);
        if (loads[i] == INK_LOAD_METADATA && strstr(h->named, "holds"))
            continue;
        if (status != h->status)
            fail_msg("status %d instead of %d: %s", (int)status, (int)h->status,
                     status == INK_OK ? "" : error.message);
        if (!strstr(error.message, h->named) || !strstr(error.message, adapter_path))
            fail_msg("the message does not name %s and the file: %s", h->named, error.message);
    }
}

static void what_the_others_are_compared_with_opens(void **state)
{
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    ink_write_adapter(&ink_plain_adapter, adapter_path);
    assert_int_equal(open_with(adapter_path, 1, INK_LOAD_ALL, NULL, &error), INK_OK);
    assert_int_equal(open_with(adapter_path, NAN, INK_LOAD_ALL, NULL, &error), INK_BAD_ARGUMENT);
    assert_int_equal(open_with(adapter_path, 1, INK_LOAD_VOCABULARY, NULL, &error),
                     INK_BAD_ARGUMENT);
    assert_int_equal(open_with(stories, 1, INK_LOAD_ALL, NULL, &error), INK_CORRUPT);
    assert_int_equal(open_with("/nowhere/at/all", 1, INK_LOAD_ALL, NULL, &error), INK_IO);
}

/* Also of scale 0, which adds nothing. */
static void cut_at_every_byte(void **state)
{
    ink_error error;
    size_t n_bytes;
    (void)state;
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    ink_write_adapter(&ink_plain_adapter, adapter_path);
    char *bytes = ink_read_file(adapter_path, &n_bytes);
    for (size_t cut = 0; cut < n_bytes; cut += cut < 700 ? 1 : 97) {
        ink_write_file(adapter_path, bytes, cut);
        assert_int_not_equal(open_with(adapter_path, (float)(cut % 2), INK_LOAD_ALL, NULL, &error),
                             INK_OK);
    }
    free(bytes);
}

static void an_adapter_is_no_model(void **state)
{
    ink_model *model = NULL;
    ink_error error;
    (void)state;
    ink_write_adapter(&ink_plain_adapter, adapter_path);
    assert_int_equal(ink_model_open(&model, adapter_path, NULL, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "is an adapter"));
    assert_null(model);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(adapter_path, sizeof adapter_path, "%s/adapter.gguf", folder);
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
    struct CMUnitTest tests[N_CASES + 3] = {
        cmocka_unit_test(what_the_others_are_compared_with_opens),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(an_adapter_is_no_model),
    };
    for (size_t i = 0; i < N_CASES; i++)
        tests[3 + i] = (struct CMUnitTest){.name = cases[i].name,
                                           .test_func = a_case,
                                           .initial_state = (void *)(uintptr_t)&cases[i]};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
