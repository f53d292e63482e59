/*
 * Each allocation fails in turn while a model is planned, refused with what would fit, and loaded
 * by what was read for the plan. Out of memory is never taken for "does not fit".
 */
#include "support.h"

#include <string.h>
#include "base/status.h"

#define MAX_CALLS 5000

static char path[1024], expected[sizeof(ink_error)];

static ink_memory_options options_of(uint64_t limit)
{
    return (ink_memory_options){
        .session = {.n_context = 256, .n_batch = 32, .n_threads = 1, .cache = "f32"},
        .constraint = true,
        .n_sessions = 2,
        .memory_limit = limit};
}

static ink_status open_metadata(ink_model **out, const ink_allocator *allocator)
{
    const ink_model_options options = {
        .allocator = allocator, .load = INK_LOAD_METADATA, .n_threads = 1};
    return ink_model_open(out, path, &options, NULL);
}

static ink_status refuse(const ink_allocator *allocator, void *context)
{
    ink_model *model = NULL;
    ink_memory_plan plan;
    ink_error error = {.status = INK_OK};
    const ink_memory_options options = options_of(*(uint64_t *)context);
    INK_TRY(open_metadata(&model, allocator));
    ink_status status = ink_memory_check(model, &options, &plan, &error);
    ink_model_free(model);
    assert_true(status == INK_LIMIT || status == INK_NO_MEMORY);
    if (status == INK_NO_MEMORY)
        return status;
    const char *fitting = strstr(error.message, "what would fit: ");
    assert_non_null(fitting);
    if (!expected[0])
        strcpy(expected, fitting);
    assert_string_equal(fitting, expected); /* it does not depend on luck */
    return INK_OK;
}

static ink_status load(const ink_allocator *allocator, void *context)
{
    ink_model *planned = NULL, *model = NULL;
    ink_session *session = NULL;
    ink_memory_plan plan;
    const ink_memory_options wanted = options_of(0);
    INK_TRY(open_metadata(&planned, allocator));
    ink_status status = ink_memory_plan_all(planned, &wanted, &plan, NULL);
    if (status != INK_OK) {
        ink_model_free(planned);
        return status;
    }
    *(uint64_t *)context = plan.total_bytes;
    const ink_model_options options = {
        .allocator = allocator, .n_threads = 1, .memory_limit = plan.total_bytes};
    INK_TRY(ink_model_open_planned(&model, planned, &options, NULL));
    status = ink_session_new(&session, model, &wanted.session, NULL);
    ink_session_free(session);
    ink_model_free(model);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    uint64_t total = 0;
    ink_test_allocator calm;
    (void)state;
    ink_require_shared();
    ink_shared_path("weights/stories260K.gguf", path, sizeof path);
    assert_true(ink_fail_each_allocation(load, &total, MAX_CALLS) > 60);
    assert_true(total > 1000000);
    total -= 100000;
    ink_test_allocator_init(&calm, 0);
    assert_int_equal(refuse(&calm.allocator, &total), INK_OK); /* what is expected */
    assert_non_null(strstr(expected, "what would fit: a context of "));
    assert_true(ink_fail_each_allocation(refuse, &total, MAX_CALLS) > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
