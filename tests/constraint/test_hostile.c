/*
 * HOSTILE.md's list for grammars, expressions and schemas: each ends, within the limits of memory
 * and work, in an error with words or in a constraint that works.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "text/constraint/constraint.h"

/* Generous: each case takes well below a second on the slowest machine that runs this. */
enum { MAX_SECONDS = 120 };

static ink_buffer begin(const char *text)
{
    ink_buffer out;
    ink_buffer_init(&out, NULL, SIZE_MAX);
    assert_true(ink_buffer_text(&out, text));
    return out;
}

/* `format` with i and i + 1 in it, n times. */
static void repeat(ink_buffer *out, size_t n, const char *format)
{
    for (size_t i = 0; i < n; i++) {
        char piece[160];
        const char *at = format;
        size_t length = 0;
        for (; *at && length < sizeof piece - 24; at++) {
            if (*at == '@' || *at == '&') /* i, i + 1 */
                length += (size_t)snprintf(piece + length, 24, "%zu", i + (*at == '&'));
            else
                piece[length++] = *at;
        }
        assert_true(ink_buffer_append(out, piece, length));
    }
}

/* Made or refused, whichever; what it then says of a text. `words`: of the refusal, NULL: any. */
static void survive(ink_constraint_kind kind, ink_buffer *text, const char *input,
                    const char *words)
{
    ink_error error = {0};
    clock_t start = clock();
    ink_constraint *constraint = make_constraint(kind, INK_JSON_PLAIN, text->data, &error);
    if (constraint && input) {
        size_t n;
        ink_status status = ink_constraint_accept(constraint, input, strlen(input), &n, &error);
        assert_true(status == INK_OK || (status == INK_LIMIT && error.message[0]));
    }
    if (words && (constraint || !strstr(error.message, words)))
        fail_msg("%.100s: %s", text->data, constraint ? "accepted" : error.message);
    ink_constraint_free(constraint);
    ink_buffer_deinit(text);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < MAX_SECONDS);
}

static void grammars(void **state)
{
    (void)state;
    ink_buffer text = begin("root ::= ");
    repeat(&text, 60000, "(");
    repeat(&text, 60000, ")");
    survive(INK_CONSTRAINT_GRAMMAR, &text, NULL, "more than 128 parentheses");
    text = begin("root ::= \"a\"{0,2147483647}");
    survive(INK_CONSTRAINT_GRAMMAR, &text, "aaaaaaaaaa", NULL);
    text = begin("root ::= ((\"a\"{0,1000}){0,1000}){0,1000}");
    survive(INK_CONSTRAINT_GRAMMAR, &text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL);
    text = begin("root ::= ((\"a\"?)*)* \"b\"");
    survive(INK_CONSTRAINT_GRAMMAR, &text, "aaaaab", NULL);
    text = begin("root ::= r0\n");
    repeat(&text, 60000, "r@ ::= r&\n");
    assert_true(ink_buffer_text(&text, "r60000 ::= \"x\""));
    survive(INK_CONSTRAINT_GRAMMAR, &text, "x", NULL);
    text = begin("root ::= r0\n");
    repeat(&text, 20000, "r@ ::= \"a\"? r&\n");
    assert_true(ink_buffer_text(&text, "r20000 ::= \"x\""));
    survive(INK_CONSTRAINT_GRAMMAR, &text, "aaax", NULL);
    text = begin("root ::= ");
    repeat(&text, 100000, "\"a\"? ");
    survive(INK_CONSTRAINT_GRAMMAR, &text, "aaaa", NULL);
    text = begin("root ::= \"x\"");
    repeat(&text, 60000, " | \"@\"");
    survive(INK_CONSTRAINT_GRAMMAR, &text, "59999", NULL);
    text = begin("");
    repeat(&text, 70000, "r@ ::= \"x\"\n");
    survive(INK_CONSTRAINT_GRAMMAR, &text, NULL, "more than 65536 rules");
}

static void expressions(void **state)
{
    static const char *const bombs[] = {"(a*)*b",
                                        "(a|a)*b",
                                        "(a|aa)*b",
                                        "(x+x+)+y",
                                        "(a{0,1000}){0,1000}",
                                        "a{1000}{1000}",
                                        "((a{1000}){1000}){1000}",
                                        "(.*a){20}",
                                        "(.*)(.*)(.*)(.*)b",
                                        "(a?){300}a{300}",
                                        "a{2147483647,}",
                                        "(|a)+",
                                        ".*a.{18}",
                                        "(a{1,2}){1,1000000000}"};
    static const char input[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        ink_buffer text = begin(bombs[i]);
        survive(INK_CONSTRAINT_REGEX, &text, input, NULL);
    }
    ink_buffer text = begin("");
    repeat(&text, 60000, "(");
    survive(INK_CONSTRAINT_REGEX, &text, NULL, "more than 128 parentheses");
    text = begin("x");
    repeat(&text, 5000, "|word@");
    survive(INK_CONSTRAINT_REGEX, &text, "word4999", NULL);
    text = begin("");
    repeat(&text, 70000, "a");
    survive(INK_CONSTRAINT_REGEX, &text, NULL, "at most 65536");
}

static void schemas(void **state)
{
    (void)state;
    ink_buffer text = begin("{\"enum\":[0");
    repeat(&text, 1000000, ",\"v@\"");
    assert_true(ink_buffer_text(&text, "]}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, NULL, "1000001 values");
    text = begin("{\"enum\":[0");
    repeat(&text, 50000, ",\"v@\"");
    assert_true(ink_buffer_text(&text, "]}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, "\"v49999\"", NULL);
    text = begin("{\"properties\":{\"x\":true");
    repeat(&text, 100000, ",\"p@\":true");
    assert_true(ink_buffer_text(&text, "}}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, NULL, "at most 4096");
    text = begin("{\"type\":\"string\",\"minLength\":1000000000}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "\"aaaaaaaaaa", NULL);
    text = begin("{\"type\":\"array\",\"minItems\":1e9,\"items\":{\"minItems\":1e9}}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "[[[],[]", NULL);
    text = begin("");
    repeat(&text, 1000, "{\"items\":");
    survive(INK_CONSTRAINT_SCHEMA, &text, NULL, "JSON");
    text = begin("{\"allOf\":[true");
    repeat(&text, 10000, ",{\"properties\":{\"p@\":{}}}");
    assert_true(ink_buffer_text(&text, "]}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, NULL, "more than 512 schemas");
    text = begin("{\"allOf\":[true");
    repeat(
        &text, 30,
        ",{\"anyOf\":[{\"required\":[\"a@\"]},{\"required\":[\"b@\"]},{\"required\":[\"c@\"]}]}");
    assert_true(ink_buffer_text(&text, "]}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, NULL, "more than 1024 cases");
    text = begin("{\"$ref\":\"#/$defs/d0\",\"$defs\":{\"d400\":{\"type\":\"null\"}");
    repeat(&text, 400, ",\"d@\":{\"allOf\":[{\"$ref\":\"#/$defs/d&\"},{\"$ref\":\"#/$defs/d&\"}]}");
    assert_true(ink_buffer_text(&text, "}}"));
    survive(INK_CONSTRAINT_SCHEMA, &text, "null", NULL);
    text = begin("{\"pattern\":\"^.*a.{20}$\",\"type\":\"string\",\"maxLength\":1000}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "\"bbbbbbbbbbabababababababab", NULL);
    text = begin("{\"description\":\"a \\\" quote\\n \\\\ </s> "
                 "{\",\"title\":\"\\u0000\",\"const\":\"x\\\"\\n\"}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "\"x\\\"\\n\"", NULL);
    text = begin(
        "{\"type\":\"integer\",\"multipleOf\":8191,\"minimum\":1e30,\"maximum\":1.000001e30}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "1000000", NULL);
    text = begin("{\"minimum\":1e308,\"maximum\":-1e308}");
    survive(INK_CONSTRAINT_SCHEMA, &text, "1", NULL);
}

/* ---- Memory */

static const char *const small[][2] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"b+\"},\"c\":{"
     "\"enum\":[1,"
     "\"x\"]}},\"patternProperties\":{\"^z\":{\"anyOf\":[{\"minimum\":3},{\"type\":\"null\"}]}}}",
     "{\"a\":\"abb\",\"z\":17}"},
    {"root ::= (\"a\" b)*\nb ::= [^x]{2,3} | root", "axy"},
    {"(a|[b-z]{2,4})*\\d", "abcd1"},
    {"a,b\\,c", "b,c"}};

typedef struct trial {
    ink_constraint_kind kind;
} trial;

/* The public call takes its allocator from a model; here it is handed in. */
static ink_status make_and_ask(const ink_allocator *allocator, void *context)
{
    const trial *t = context;
    ink_constraint *constraint = NULL;
    ink_error error;
    const char *text = small[t->kind][0], *input = small[t->kind][1];
    const ink_constraint_source from = {t->kind, text, strlen(text), INK_JSON_ANY,
                                        INK_THINKING_NONE};
    ink_status status = ink_constraint_make(&constraint, &from, NULL, NULL, allocator, &error);
    if (status == INK_OK)
        status = ink_constraint_accept(constraint, input, strlen(input), NULL, &error);
    ink_constraint_free(constraint);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (int kind = INK_CONSTRAINT_SCHEMA; kind <= INK_CONSTRAINT_CHOICE; kind++) {
        trial t = {(ink_constraint_kind)kind};
        ink_fail_each_allocation(make_and_ask, &t, 4000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grammars), cmocka_unit_test(expressions),
                                       cmocka_unit_test(schemas),
                                       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
