/*
 * Every case of golden/chat: the prompt that Python's jinja2 makes of a template and its variables,
 * or that it fails. The expectation is Python's throughout; other engines agree with it in all
 * cases but those that lack a feature there.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/json.h"
#include "text/template.h"

enum { N_CASES = 504 };

typedef struct golden {
    ink_arena arena;
    const char *name, *label; /* of the template and the case */
    ink_value variables, expected;
    bool fails;
    ink_template_options options;
} golden;

static const char *text_of(ink_arena *arena, ink_value object, const char *key)
{
    const ink_value *found = ink_value_find_name(object, key);
    assert_non_null(found);
    assert_true(ink_value_is_string(*found));
    return ink_arena_string(arena, found->as.text, found->n_bytes);
}

/* Seconds of "2026-01-15T12:00:00", for dates after 1970. */
static int64_t seconds_of(const char *text)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    long year = strtol(text, NULL, 10), month = strtol(text + 5, NULL, 10),
         day = strtol(text + 8, NULL, 10);
    long hour = strtol(text + 11, NULL, 10), minute = strtol(text + 14, NULL, 10),
         second = strtol(text + 17, NULL, 10);
    long leaps = (year - 1969) / 4 + (month > 2 && year % 4 == 0); /* 2100 is far */
    long days = (year - 1970) * 365 + leaps + days_before[month - 1] + day - 1;
    return ((int64_t)days * 24 + hour) * 3600 + minute * 60 + second;
}

static void read_case(const char *line, size_t n_bytes, golden *out)
{
    ink_value object;
    ink_error error;
    memset(out, 0, sizeof *out);
    ink_arena_init(&out->arena, NULL, (size_t)64 << 20);
    if (ink_value_from_json(&out->arena, line, n_bytes, &object, &error) != INK_OK)
        fail_msg("%s", error.message);
    out->name = text_of(&out->arena, object, "template");
    out->label = text_of(&out->arena, object, "case");
    out->variables = *ink_value_find_name(object, "vars");
    out->fails = ink_value_find_name(object, "expect_error") != NULL;
    if (!out->fails)
        out->expected = *ink_value_find_name(object, "expect");
    if (ink_value_find_name(object, "now"))
        out->options.unix_seconds = seconds_of(text_of(&out->arena, object, "now"));
}

/* The first place where the two differ, with what follows. */
static void print_difference(const golden *g, const ink_buffer *got)
{
    size_t at = 0;
    while (at < got->n_bytes && at < g->expected.n_bytes &&
           got->data[at] == g->expected.as.text[at])
        at++;
    print_error("%s, %s: differs at byte %zu\n  wanted: %.*s\n  got:    %.*s\n", g->name, g->label,
                at, (int)(g->expected.n_bytes - at > 60 ? 60 : g->expected.n_bytes - at),
                g->expected.as.text + at, (int)(got->n_bytes - at > 60 ? 60 : got->n_bytes - at),
                got->data ? got->data + at : "");
}

static bool render_case(const golden *g)
{
    char path[1024], relative[256];
    size_t n_bytes;
    ink_template *program = NULL;
    ink_buffer out;
    ink_error error = {0};
    (void)snprintf(relative, sizeof relative, "golden/chat/templates/%s", g->name);
    char *source = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    ink_buffer_init(&out, NULL, (size_t)1 << 20);
    ink_status status = ink_template_new(&program, source, n_bytes, NULL, &error);
    if (status == INK_OK)
        status = ink_template_render(program, g->variables, &g->options, &out, &error);
    bool right = g->fails ? status != INK_OK
                          : status == INK_OK && out.n_bytes == g->expected.n_bytes &&
                                (out.n_bytes == 0 ||
                                 memcmp(out.data, g->expected.as.text, out.n_bytes) == 0);
    if (!right && status != INK_OK)
        print_error("%s, %s: %s\n", g->name, g->label, error.message);
    else if (!right)
        print_difference(g, &out);
    ink_template_free(program);
    ink_buffer_deinit(&out);
    free(source);
    return right;
}

static void test_every_case(void **state)
{
    char path[1024];
    size_t n_bytes, n_cases = 0, n_right = 0;
    (void)state;
    ink_require_shared();
    char *text =
        ink_read_file(ink_shared_path("golden/chat/chat.jsonl", path, sizeof path), &n_bytes);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        golden g;
        read_case(line, (size_t)(end - line), &g);
        n_right += render_case(&g);
        n_cases++;
        ink_arena_deinit(&g.arena);
    }
    free(text);
    assert_int_equal(n_cases, N_CASES);
    assert_int_equal(n_right, n_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
