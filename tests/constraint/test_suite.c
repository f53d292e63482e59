/*
 * JSON-Schema-Test-Suite, draft 2020-12: of every schema that is accepted, each valid instance can
 * be written and no invalid one can.
 *
 * With INK_JSON_ANY an instance is written with its keys as they stand; with INK_JSON_PLAIN, whose
 * keys have one order, some order must do.
 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

#define SUITE "spec/JSON-Schema-Test-Suite/tests/draft2020-12"
enum { MAX_FILES = 256, MAX_REASONS = 128, N_ORDERS = 120 };

typedef struct tally {
    size_t n_schemas, n_accepted, n_tests, n_wrong;
    char reasons[MAX_REASONS][64]; /* why others were refused */
    size_t counts[MAX_REASONS], n_reasons;
} tally;

/* Where we differ from the suite on purpose; docs/constraints.md says why. */
static bool is_excepted(const char *test)
{
    static const char *const names[] = {
        "is only an annotation by default", /* format asserts here */
        "leap second, positive time-offset", "leap second, large positive time-offset",
        "leap second, negative time-offset", "leap second, large negative time-offset",
        "a leap second, with minus offset"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(test, names[i]))
            return true;
    return false;
}

static const char *text_of(ink_arena *arena, ink_value value)
{
    const char *text = ink_arena_string(arena, value.as.text, value.n_bytes);
    assert_non_null(text);
    return text;
}

/* The keyword that is named, "#/a/b/KEYWORD: ...", or that nothing satisfies it. */
static void count_reason(tally *t, const char *message)
{
    char reason[64] = "nothing satisfies it";
    const char *colon = strchr(message, ':');
    const char *slash = colon;
    while (slash && slash > message && slash[-1] != '/')
        slash--;
    if (colon && slash > message)
        (void)snprintf(reason, sizeof reason, "%.*s", (int)(colon - slash), slash);
    size_t i = 0;
    while (i < t->n_reasons && strcmp(t->reasons[i], reason) != 0)
        i++;
    assert_true(i < MAX_REASONS);
    memcpy(t->reasons[i], reason, sizeof reason);
    t->n_reasons += i == t->n_reasons;
    t->counts[i]++;
}

static bool can_be_written(ink_constraint *constraint, ink_value data, unsigned n_orders)
{
    bool can = false;
    for (unsigned order = 0; order < n_orders && !can; order++) {
        ink_buffer text;
        ink_buffer_init(&text, NULL, SIZE_MAX);
        write_json(&text, data, order);
        can = accepts(constraint, text.data, text.n_bytes, NULL);
        ink_buffer_deinit(&text);
    }
    return can;
}

static void run_case(tally *t, ink_arena *arena, const char *file, ink_value entry,
                     ink_json_form form)
{
    ink_buffer text;
    ink_error error = {0};
    ink_buffer_init(&text, NULL, SIZE_MAX);
    assert_int_equal(ink_json_write(&text, *ink_value_find_name(entry, "schema"), NULL, &error),
                     INK_OK);
    ink_constraint *constraint = make_constraint(INK_CONSTRAINT_SCHEMA, form, text.data, &error);
    const ink_value_list *tests = ink_value_find_name(entry, "tests")->as.list;
    t->n_schemas++;
    t->n_accepted += constraint != NULL;
    if (!constraint)
        count_reason(t, error.message);
    for (size_t i = 0; i < tests->n_items && constraint; i++) {
        ink_value test = tests->items[i];
        const char *name = text_of(arena, *ink_value_find_name(test, "description"));
        bool valid = ink_value_find_name(test, "valid")->as.boolean;
        bool can = can_be_written(constraint, *ink_value_find_name(test, "data"),
                                  form == INK_JSON_ANY ? 1 : N_ORDERS);
        if (is_excepted(name))
            continue;
        t->n_tests++;
        t->n_wrong += can != valid;
        if (can != valid)
            print_error("%s: %s: %s: should %sbe possible\n", file, text.data, name,
                        valid ? "" : "not ");
    }
    ink_constraint_free(constraint);
    ink_buffer_deinit(&text);
}

static void run_file(tally *t, const char *path, ink_json_form form)
{
    ink_arena arena;
    ink_value all;
    ink_error error = {0};
    size_t n_bytes;
    char *text = ink_read_file(path, &n_bytes);
    ink_arena_init(&arena, NULL, SIZE_MAX);
    if (ink_value_from_json(&arena, text, n_bytes, &all, &error) != INK_OK)
        fail_msg("%s: %s", path, error.message);
    for (size_t i = 0; i < all.as.list->n_items; i++)
        run_case(t, &arena, path, all.as.list->items[i], form);
    ink_arena_deinit(&arena);
    free(text);
}

static void run_folder(tally *t, const char *folder, ink_json_form form)
{
    char path[512], below[800];
    ink_shared_path(folder, path, sizeof path);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0)
            continue;
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        run_file(t, below, form);
    }
    closedir(dir);
}

static void run_suite(ink_json_form form)
{
    tally t = {0};
    ink_require_shared();
    run_folder(&t, SUITE, form);
    run_folder(&t, SUITE "/optional", form);
    run_folder(&t, SUITE "/optional/format", form);
    print_message("%zu of %zu schemas accepted, %zu instances\n", t.n_accepted, t.n_schemas,
                  t.n_tests);
    for (size_t i = 0; i < t.n_reasons; i++)
        print_message("  refused for %s: %zu\n", t.reasons[i], t.counts[i]);
    assert_int_equal(t.n_wrong, 0);
    assert_true(t.n_accepted >= 270);
    assert_true(t.n_tests >= 1200);
}

static void any_form(void **state)
{
    (void)state;
    run_suite(INK_JSON_ANY);
}

static void plain_form(void **state)
{
    (void)state;
    run_suite(INK_JSON_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_form), cmocka_unit_test(plain_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
