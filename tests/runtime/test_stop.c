/* Stop strings against a search that looks at every place again after every byte. */
#include "support.h"

#include <string.h>
#include "runtime/stop.h"

#define MAX_TEXT 400

static bool ends_with(const char *text, size_t n_bytes, const char *end, size_t n_end)
{
    return n_end <= n_bytes && memcmp(text + n_bytes - n_end, end, n_end) == 0;
}

/* The longest string that text ends with. */
static size_t complete_of(const char *text, size_t n_bytes, const char *const *strings, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < n; i++)
        if (ends_with(text, n_bytes, strings[i], strlen(strings[i])) &&
            strlen(strings[i]) > longest)
            longest = strlen(strings[i]);
    return longest;
}

/* The longest prefix of any string, the whole ones too, that text ends with. */
static size_t held_of(const char *text, size_t n_bytes, const char *const *strings, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t length = 1; length <= strlen(strings[i]); length++)
            if (ends_with(text, n_bytes, strings[i], length) && length > longest)
                longest = length;
    return longest;
}

/* A small alphabet makes strings that overlap themselves and each other. */
static void random_letters(char *text, size_t n_bytes, unsigned alphabet, uint64_t *random)
{
    for (size_t i = 0; i < n_bytes; i++)
        text[i] = (char)('a' + ink_test_random(random) % alphabet);
    text[n_bytes] = '\0';
}

static void one_random_text(uint64_t *random)
{
    char strings[5][16], text[MAX_TEXT + 1];
    const char *list[5];
    size_t n_strings = 1 + (size_t)ink_test_random(random) % 5,
           n_bytes = (size_t)ink_test_random(random) % MAX_TEXT;
    unsigned alphabet = 1 + (unsigned)(ink_test_random(random) % 3);
    ink_stop_matcher matcher;
    for (size_t i = 0; i < n_strings; i++) {
        random_letters(strings[i], 1 + (size_t)ink_test_random(random) % 15, alphabet, random);
        list[i] = strings[i];
    }
    random_letters(text, n_bytes, alphabet, random);
    assert_int_equal(ink_stop_init(&matcher, list, n_strings, NULL, NULL), INK_OK);
    for (size_t i = 0; i < n_bytes; i++) {
        assert_int_equal(ink_stop_feed(&matcher, text[i]),
                         complete_of(text, i + 1, list, n_strings));
        assert_int_equal(ink_stop_held(&matcher), held_of(text, i + 1, list, n_strings));
    }
    ink_stop_deinit(&matcher);
}

static void as_a_naive_search(void **state)
{
    (void)state;
    uint64_t random = 20240607;
    for (int i = 0; i < 2000; i++)
        one_random_text(&random);
}

/* The border of "aaaa...b" makes a naive search quadratic: a million bytes must take no time. */
static void a_bad_case_is_linear(void **state)
{
    (void)state;
    static char bad[INK_MAX_STOP_BYTES + 1];
    const char *list[] = {bad};
    ink_stop_matcher matcher;
    memset(bad, 'a', INK_MAX_STOP_BYTES - 1);
    bad[INK_MAX_STOP_BYTES - 1] = 'b';
    assert_int_equal(ink_stop_init(&matcher, list, 1, NULL, NULL), INK_OK);
    for (int i = 0; i < 1000000; i++)
        assert_true(ink_stop_feed(&matcher, i % 1500 == 1100 ? 'c' : 'a') == 0);
    assert_int_equal(ink_stop_feed(&matcher, 'b'), INK_MAX_STOP_BYTES); /* 1399 follow the last c */
    ink_stop_deinit(&matcher);
}

static ink_status init_status(const char *const *strings, size_t n, ink_error *error)
{
    ink_stop_matcher matcher;
    ink_status status = ink_stop_init(&matcher, strings, n, NULL, error);
    if (status == INK_OK)
        ink_stop_deinit(&matcher);
    return status;
}

static void bad_strings_are_refused(void **state)
{
    (void)state;
    static char longest[INK_MAX_STOP_BYTES + 1], longer[INK_MAX_STOP_BYTES + 2];
    const char *many[INK_MAX_STOP_STRINGS + 1];
    ink_error error;
    memset(longest, 'x', sizeof longest - 1);
    memset(longer, 'x', sizeof longer - 1);
    for (size_t i = 0; i <= INK_MAX_STOP_STRINGS; i++)
        many[i] = longest;
    assert_int_equal(init_status(NULL, 0, &error), INK_OK);
    assert_int_equal(init_status(many, INK_MAX_STOP_STRINGS, &error), INK_OK);
    assert_int_equal(init_status(many, INK_MAX_STOP_STRINGS + 1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(init_status((const char *[]){"a", ""}, 2, &error), INK_BAD_ARGUMENT);
    assert_string_equal(error.message, "stop string 1 is empty");
    assert_int_equal(init_status((const char *[]){NULL}, 1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(init_status((const char *[]){longer}, 1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(init_status((const char *[]){"\xa9"}, 1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(init_status(NULL, 3, &error), INK_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_naive_search),
        cmocka_unit_test(a_bad_case_is_linear),
        cmocka_unit_test(bad_strings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
