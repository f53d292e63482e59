/*
 * Random schemas: what random walks through the automaton write is valid, and of random values
 * exactly those are accepted that are valid, by the tests' own validator.
 */
#include "check.h"
#include "validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

enum { N_SCHEMAS = 3000, N_VALUES = 40, N_WALKS = 4, MAX_BYTES = 600 };

typedef struct tally {
    size_t n_made, n_empty, n_refused, n_valid, n_values, n_walks, n_complete, n_stuck;
} tally;

static ink_value read(ink_arena *arena, const ink_buffer *text)
{
    ink_value value;
    ink_error error = {0};
    if (ink_value_from_json(arena, text->data, text->n_bytes, &value, &error))
        fail_msg("%s: %s", text->data, error.message);
    return value;
}

static void check_values(tally *t, ink_constraint *constraint, ink_value schema, const char *source,
                         uint64_t *random)
{
    for (int i = 0; i < N_VALUES; i++) {
        ink_arena arena;
        ink_buffer text;
        ink_arena_init(&arena, NULL, SIZE_MAX);
        ink_buffer_init(&text, NULL, SIZE_MAX);
        write_random_value(&text, random, 0);
        ink_value value = read(&arena, &text);
        bool valid = is_valid(schema, schema, value);
        if (accepts(constraint, text.data, text.n_bytes, NULL) != valid)
            fail_msg("%s: %s should %sbe accepted", source, text.data, valid ? "" : "not ");
        t->n_values++;
        t->n_valid += valid;
        ink_buffer_deinit(&text);
        ink_arena_deinit(&arena);
    }
}

/* How many of the last bytes may be a number's: the validator's numbers have 53 bits. */
static size_t count_digits(const char *text, size_t n)
{
    size_t count = 0;
    while (count < n && strchr("0123456789.", text[n - 1 - count]))
        count++;
    return count;
}

/* Bytes that end things first, once the text or a number in it is long; else any. */
static int next_byte(ink_constraint *constraint, const char *text, size_t length, uint64_t *random)
{
    static const char closers[] = "\"}],e:al0";
    bool is_long = length > MAX_BYTES / 4 || count_digits(text, length) > 9;
    size_t start = (size_t)(ink_test_random(random) >> 40);
    for (size_t i = 0; i < 256 + sizeof closers; i++) {
        bool closing = is_long && i < sizeof closers - 1;
        char byte = closing ? closers[i] : (char)((start + i * 167) & 255);
        size_t n;
        ink_error error;
        assert_int_equal(ink_constraint_accept(constraint, &byte, 1, &n, &error), INK_OK);
        if (n == 1)
            return (unsigned char)byte;
    }
    return -1;
}

static void check_walk(tally *t, ink_constraint *constraint, ink_value schema, const char *source,
                       uint64_t *random)
{
    char text[MAX_BYTES + 1];
    size_t n = 0;
    ink_arena arena;
    ink_value value;
    ink_error error = {0};
    int byte = 0;
    ink_constraint_reset(constraint);
    while (n < MAX_BYTES &&
           !(ink_constraint_may_end(constraint) &&
             ((ink_test_random(random) >> 40) % 4 == 0 || count_digits(text, n) > 9))) {
        byte = next_byte(constraint, text, n, random);
        if (byte < 0)
            break;
        text[n++] = (char)byte;
    }
    text[n] = '\0';
    t->n_walks++;
    if (!ink_constraint_may_end(constraint)) {
        t->n_stuck += byte < 0;
        if (byte < 0)
            print_message("dead end of %s behind %s\n", source, text);
        return;
    }
    ink_arena_init(&arena, NULL, SIZE_MAX);
    t->n_complete++;
    ink_status status = ink_value_from_json(&arena, text, n, &value, &error);
    /* Beyond what is promised: a key that no schema names comes twice; 99...9e308. */
    bool excused = strstr(error.message, "twice") || strstr(error.message, "larger than a double");
    if (status != INK_OK && !excused)
        fail_msg("%s allows %s: %s", source, text, error.message);
    if (status == INK_OK && !is_valid(schema, schema, value))
        fail_msg("%s allows %s", source, text);
    ink_arena_deinit(&arena);
}

static void check_form(tally *t, ink_json_form form, ink_value schema, const char *source,
                       uint64_t *random)
{
    ink_error error = {0};
    ink_constraint *constraint = make_constraint(INK_CONSTRAINT_SCHEMA, form, source, &error);
    t->n_made += constraint != NULL;
    t->n_empty += !constraint && error.status == INK_BAD_ARGUMENT;
    t->n_refused += !constraint && error.status != INK_BAD_ARGUMENT;
    bool circular = strstr(source, "$ref") != NULL; /* it might be, and then nothing is known */
    if (!constraint && error.status == INK_BAD_ARGUMENT && !circular) { /* no value is valid */
        for (int i = 0; i < N_VALUES; i++) {
            ink_arena arena;
            ink_buffer text;
            ink_arena_init(&arena, NULL, SIZE_MAX);
            ink_buffer_init(&text, NULL, SIZE_MAX);
            write_random_value(&text, random, 0);
            if (is_valid(schema, schema, read(&arena, &text)))
                fail_msg("%s is said to allow nothing, but does %s", source, text.data);
            ink_buffer_deinit(&text);
            ink_arena_deinit(&arena);
        }
    }
    if (!constraint)
        return;
    if (form == INK_JSON_ANY)
        check_values(t, constraint, schema, source, random);
    for (int i = 0; i < N_WALKS; i++)
        check_walk(t, constraint, schema, source, random);
    ink_constraint_free(constraint);
}

static void agree_with_a_validator(void **state)
{
    tally t = {0};
    uint64_t random = UINT64_C(0x2545f4914f6cdd1d);
    (void)state;
    for (int i = 0; i < N_SCHEMAS; i++) {
        ink_arena arena;
        ink_buffer text;
        ink_arena_init(&arena, NULL, SIZE_MAX);
        ink_buffer_init(&text, NULL, SIZE_MAX);
        write_random_schema(&text, &random);
        ink_value schema = read(&arena, &text);
        check_form(&t, i % 2 ? INK_JSON_ANY : INK_JSON_PLAIN, schema, text.data, &random);
        ink_buffer_deinit(&text);
        ink_arena_deinit(&arena);
    }
    print_message("%zu schemas, %zu empty, %zu refused; %zu of %zu values valid; %zu of %zu walks "
                  "complete, %zu stuck\n",
                  t.n_made, t.n_empty, t.n_refused, t.n_valid, t.n_values, t.n_complete, t.n_walks,
                  t.n_stuck);
    assert_int_equal(t.n_stuck, 0);
    assert_true(t.n_made > N_SCHEMAS / 2 && t.n_valid > t.n_values / 10);
    assert_true(t.n_complete > t.n_walks / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree_with_a_validator)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
