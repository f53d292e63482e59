/*
 * Each limit of the options is reached exactly where it says, the output is whole or untouched,
 * running out of memory at any allocation is an error like any other, and one program renders in
 * several threads at once.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "text/template.h"

static ink_status render(const char *source, const ink_template_options *options, ink_buffer *out,
                         ink_error *error)
{
    ink_template *program;
    ink_status status = ink_template_new(&program, source, strlen(source), NULL, error);
    assert_int_equal(status, INK_OK);
    status =
        ink_template_render(program, (ink_value){.kind = INK_VALUE_UNDEFINED}, options, out, error);
    ink_template_free(program);
    return status;
}

static void test_each_limit(void **state)
{
    static const struct {
        const char *source;
        ink_template_options enough, too_little;
        const char *message;
    } cases[] = {
        {"{{ range(7)|length }}",
         {.max_range = 7},
         {.max_range = 6},
         "at most 6 are allowed (max_range)"},
        {"{{ 'a' * 300 }}",
         {.max_output_bytes = 300},
         {.max_output_bytes = 299},
         "more than 299 bytes of output"},
        {"{{ [[[[1]]]] }}", {.max_depth = 6}, {.max_depth = 5}, "more than 5 nested evaluations"},
        {"{% for i in range(50) %}{% endfor %}",
         {.max_steps = 1000},
         {.max_steps = 100},
         "more than 100 steps"},
        {"{{ ('a' * 9000)|length }}",
         {.max_memory_bytes = 10000},
         {.max_memory_bytes = 8000},
         "more than 8000 bytes of memory (max_memory_bytes)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ink_buffer out;
        ink_error error;
        ink_buffer_init(&out, NULL, 1 << 20);
        assert_int_equal(render(cases[i].source, &cases[i].enough, &out, &error), INK_OK);
        ink_buffer_deinit(&out);
        assert_int_equal(render(cases[i].source, &cases[i].too_little, &out, &error), INK_LIMIT);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_equal(out.n_bytes, 0);
        ink_buffer_deinit(&out);
    }
}

static void test_output_is_whole_or_untouched(void **state)
{
    ink_buffer out;
    ink_error error;
    (void)state;
    ink_buffer_init(&out, NULL, 10);
    assert_true(ink_buffer_text(&out, "kept"));
    assert_int_equal(render("123456", NULL, &out, &error), INK_OK);
    assert_string_equal(out.data, "kept123456");
    out.n_bytes = 4;
    assert_int_equal(render("1234567", NULL, &out, &error), INK_LIMIT);
    assert_int_equal(out.n_bytes, 4);
    assert_string_equal(out.data, "kept");
    assert_false(out.failed);
    assert_int_equal(out.max_bytes, 10);
    assert_int_equal(render("12{{ 1 // 0 }}", NULL, &out, &error), INK_BAD_ARGUMENT);
    assert_string_equal(out.data, "kept");
    ink_buffer_deinit(&out);
}

static void test_errors_name_the_line(void **state)
{
    static const struct {
        const char *source;
        size_t line;
        uint64_t offset;
    } cases[] = {
        {"{{ 1 + none }}", 1, 7},
        {"a\r\nb\r\n{{ nothing.x }}", 3, 15},
        {"{% if true %}\n\n{{ 1|nosuch }}\n{% endif %}", 3, 20},
        {"{% macro f() %}\n{{ 1 / 0 }}\n{% endmacro %}\n{{ f() }}", 2, 23},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[40];
        ink_buffer out;
        ink_error error;
        ink_buffer_init(&out, NULL, 1000);
        assert_int_not_equal(render(cases[i].source, NULL, &out, &error), INK_OK);
        (void)snprintf(expected, sizeof expected, "template line %zu: ", cases[i].line);
        assert_memory_equal(error.message, expected, strlen(expected));
        assert_int_equal(error.offset, cases[i].offset);
        ink_buffer_deinit(&out);
    }
}

/* Uses every kind of memory: tokens, program, arena, output, lists, dicts, macros, sorted JSON. */
static const char everything[] =
    "{% macro m(a, b=[1, 2]) %}{{ a }}{{ b|join('-') }}{{ varargs }}{{ kwargs }}{% endmacro %}"
    "{% set ns = namespace(text='') %}{% for i in range(300) %}{% set ns.text = ns.text ~ 'line ' "
    "~ i %}{% endfor %}"
    "{% for key, item in {'b': 1, 'a': [1, 2.5, none]}|dictsort %}{{ loop.index }}{{ key }}{{ item "
    "}}{% endfor %}"
    "{{ {'y': 1, 'x': 'z'}|tojson(sort_keys=true, indent=2) }}{{ m(1, [2], 3, c=4) }}{{ "
    "ns.text|upper|length }}"
    "{{ 'a,b,c'.split(',')|map('upper')|list }}{{ '%5.1f'|format(2.25) }}{{ ns.text }}";

static ink_status render_everything(const ink_allocator *allocator, void *context)
{
    ink_template *program = NULL;
    ink_buffer out;
    (void)context;
    ink_status status =
        ink_template_new(&program, everything, sizeof everything - 1, allocator, NULL);
    ink_buffer_init(&out, allocator, 1 << 20);
    if (status == INK_OK)
        status = ink_template_render(program, (ink_value){.kind = INK_VALUE_UNDEFINED}, NULL, &out,
                                     NULL);
    if (status == INK_OK)
        assert_true(out.n_bytes > 2000);
    ink_template_free(program);
    ink_buffer_deinit(&out);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(render_everything, NULL, 1000) > 5);
}

enum { N_THREADS = 4, N_RENDERINGS = 50 };

typedef struct shared_program {
    const ink_template *program;
    const char *expected;
    size_t n_wrong[N_THREADS];
    size_t next;
    pthread_mutex_t lock;
} shared_program;

static void *render_often(void *argument)
{
    shared_program *shared = argument;
    (void)pthread_mutex_lock(&shared->lock);
    size_t mine = shared->next++;
    (void)pthread_mutex_unlock(&shared->lock);
    for (int i = 0; i < N_RENDERINGS; i++) {
        ink_buffer out;
        ink_buffer_init(&out, NULL, 1 << 20);
        ink_status status = ink_template_render(
            shared->program, (ink_value){.kind = INK_VALUE_UNDEFINED}, NULL, &out, NULL);
        shared->n_wrong[mine] += status != INK_OK || strcmp(out.data, shared->expected) != 0;
        ink_buffer_deinit(&out);
    }
    return NULL;
}

static void test_threads_share_a_program(void **state)
{
    ink_template *program;
    ink_buffer first;
    pthread_t threads[N_THREADS];
    (void)state;
    ink_buffer_init(&first, NULL, 1 << 20);
    assert_int_equal(ink_template_new(&program, everything, sizeof everything - 1, NULL, NULL),
                     INK_OK);
    assert_int_equal(
        ink_template_render(program, (ink_value){.kind = INK_VALUE_UNDEFINED}, NULL, &first, NULL),
        INK_OK);
    shared_program shared = {
        .program = program, .expected = first.data, .lock = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, &shared), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(shared.n_wrong[i], 0);
    ink_template_free(program);
    ink_buffer_deinit(&first);
}

/* Building a prompt piece by piece costs memory in proportion to the prompt, not to its square. */
static void test_growing_text_is_linear(void **state)
{
    static const char source[] = "{% set ns = namespace(t='') %}{% for i in range(20000) %}"
                                 "{% set ns.t = ns.t + '<|im_start|>user\\nA message of some fifty "
                                 "bytes, say<|im_end|>\\n' %}{% endfor %}{{ ns.t }}";
    const ink_template_options options = {.max_memory_bytes = (size_t)16 << 20};
    ink_buffer out;
    ink_error error;
    (void)state;
    ink_buffer_init(&out, NULL, 1 << 24);
    assert_int_equal(render(source, &options, &out, &error), INK_OK);
    assert_true(out.n_bytes > 1000000);
    ink_buffer_deinit(&out);
}

/* The other text that began with the same bytes is not changed by one's growth. */
static void test_growing_text_is_not_shared(void **state)
{
    static const char source[] =
        "{% set a = 'x' * 300 + 'y' %}{% set b = a + '1' %}{% set c = a + '2' %}"
        "{{ (a + b + c)|replace('x', '') }}";
    ink_buffer out;
    ink_error error;
    (void)state;
    ink_buffer_init(&out, NULL, 10000);
    assert_int_equal(render(source, NULL, &out, &error), INK_OK);
    assert_string_equal(out.data, "yy1y2");
    ink_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_limit),
        cmocka_unit_test(test_output_is_whole_or_untouched),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_threads_share_a_program),
        cmocka_unit_test(test_growing_text_is_linear),
        cmocka_unit_test(test_growing_text_is_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
