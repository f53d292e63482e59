/*
 * Templates that mean harm (the list of HOSTILE.md): each ends soon, with an error that names the
 * limit or the reason, and leaves the output as it was. Sources that repeat are built here from a
 * head, a part, a count and a tail.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include "text/json.h"
#include "text/template.h"

static const struct {
    const char *name;
    const char *head, *part;
    size_t times;
    const char *tail;
    ink_status status;
    const char *message; /* a part of it */
} cases[] = {
    {"a range of 10^9", "{{ range(10**9) }}", "", 0, "", INK_LIMIT, "max_range"},
    {"a loop over a range of 10^9", "{% for i in range(10**9) %}{% endfor %}", "", 0, "", INK_LIMIT,
     "max_range"},
    {"a range as long as integers go", "{{ range(0 - 2**62, 2**62) }}", "", 0, "", INK_LIMIT,
     "max_range"},
    {"loops in loops", "", "{% for i in range(1000) %}", 5,
     "x{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}", INK_LIMIT, "more than"},
    {"a text of 10^9", "{{ 'a' * 10**9 }}", "", 0, "", INK_LIMIT, "max_memory_bytes"},
    {"a text beyond size_t", "{{ 'aaaaaaaaaaaaaaaa' * 2**62 }}", "", 0, "", INK_LIMIT,
     "max_memory_bytes"},
    {"a text that doubles",
     "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(64) %}{% set n.x = n.x ~ n.x %}{% "
     "endfor %}",
     "", 0, "", INK_LIMIT, "more than"},
    {"a list of 10^9", "{{ [1] * 10**9 }}", "", 0, "", INK_LIMIT, "max_steps"},
    {"a list that doubles",
     "{% set n = namespace(x=[1]) %}{% for i in range(64) %}{% set n.x = n.x + n.x %}{% endfor %}",
     "", 0, "", INK_LIMIT, "more than"},
    {"a list in itself twice, 60 deep, printed",
     "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor "
     "%}{{ n.x }}",
     "", 0, "", INK_LIMIT, "max_steps"},
    {"a list in itself twice, 60 deep, compared",
     "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% "
     "set n.y = [n.y, n.y] %}"
     "{% endfor %}{{ n.x == n.y }}",
     "", 0, "", INK_LIMIT, "max_steps"},
    {"a list in itself twice, 60 deep, as JSON",
     "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor "
     "%}{{ n.x|tojson }}",
     "", 0, "", INK_LIMIT, "max_steps"},
    {"a list as deep as a loop is long",
     "{% set n = namespace(x=[1]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}",
     "", 0, "", INK_LIMIT, "nest deeper"},
    {"a namespace in itself", "{% set n = namespace(x=1) %}{% set n.x = n %}{{ n }}", "", 0, "",
     INK_LIMIT, "namespace stands in itself"},
    {"a huge join", "{{ (['a' * 10000] * 100000)|join('b' * 10000) }}", "", 0, "", INK_LIMIT,
     "max_output_bytes"},
    {"a join of the method", "{{ ('b' * 100000).join(['a' * 100000] * 10000) }}", "", 0, "",
     INK_LIMIT, "max_output_bytes"},
    {"output without end",
     "{% for i in range(100000) %}{% for j in range(100000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% "
     "endfor %}{% endfor %}",
     "", 0, "", INK_LIMIT, "more than"},
    {"output over 100 MB at once", "{% set x = 'a' * 10**7 %}", "{{ x }}", 11, "", INK_LIMIT,
     "max_output_bytes"},
    {"padding without end", "{{ 'a'.center(10**9) }}", "", 0, "", INK_LIMIT, "more than"},
    {"padding by a format", "{{ '%999999999d' % 1 }}", "", 0, "", INK_LIMIT, "more than"},
    {"padding by braces", "{{ '{:999999999}'.format(1) }}", "", 0, "", INK_LIMIT, "more than"},
    {"indentation without end", "{{ ('a\\n' * 1000)|indent(10**7) }}", "", 0, "", INK_LIMIT,
     "more than"},
    {"JSON indented without end", "{{ [[[1]]]|tojson(indent=10**9) }}", "", 0, "", INK_LIMIT,
     "more than"},
    {"replacing that grows", "{{ ('a' * 10000).replace('a', 'b' * 100000) }}", "", 0, "", INK_LIMIT,
     "max_output_bytes"},
    {"a search that backtracks",
     "{% set t = 'a' * 8000000 %}{% set p = 'a' * 100000 ~ 'b' %}{% for i in range(100) %}{{ p in "
     "t }}{% endfor %}",
     "", 0, "", INK_LIMIT, "max_steps"},
    {"a split into characters", "{% set t = 'ab' * 30000000 %}{{ t.split('a')|length }}", "", 0, "",
     INK_LIMIT, "more than"},
    {"sorting too much", "{% for i in range(1000) %}{{ range(100000)|sort|first }}{% endfor %}", "",
     0, "", INK_LIMIT, "more than"},
    {"a power beyond 64 bits", "{{ 10 ** 1000 }}", "", 0, "", INK_LIMIT, "64 bits"},
    {"a sum beyond 64 bits", "{{ 9223372036854775807 + 1 }}", "", 0, "", INK_LIMIT, "64 bits"},
    {"a quotient beyond 64 bits", "{{ (-9223372036854775807 - 1) // -1 }}", "", 0, "", INK_LIMIT,
     "64 bits"},
    {"a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "", 0, "",
     INK_LIMIT, "max_depth"},
    {"two macros that call each other",
     "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}", "", 0,
     "", INK_LIMIT, "max_depth"},
    {"a macro that calls itself twice, to depth 30",
     "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}",
     "", 0, "", INK_LIMIT, "more than"},
    {"a loop that calls itself", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", "", 0,
     "", INK_LIMIT, "max_depth"},
    {"a caller that calls its caller",
     "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{{ caller() }}{% endmacro %}{% call "
     "f() %}{% endcall %}",
     "", 0, "", INK_LIMIT, "max_depth"},
    {"a default that calls its macro", "{% macro f(x=f()) %}{% endmacro %}{{ f() }}", "", 0, "",
     INK_LIMIT, "max_depth"},
    {"10^5 parentheses", "{{ ", "(", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 brackets", "{{ ", "[", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 braces", "{{ ", "{1:", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 signs", "{{ ", "-", 100000, "1 }}", INK_LIMIT, "nest deeper"},
    {"10^5 times not", "{{ ", "not ", 100000, "1 }}", INK_LIMIT, "nest deeper"},
    {"10^5 choices", "{{ ", "1 if 1 else ", 50000, "1 }}", INK_LIMIT, "nest deeper"},
    {"10^5 indices", "{{ x", "[x", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 calls within calls", "{{ ", "f(", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 blocks", "", "{% if 1 %}", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 targets", "{% set ", "(", 100000, "", INK_LIMIT, "nest deeper"},
    {"10^5 filters", "{{ 'a'", "|upper", 100000, " }}", INK_LIMIT, "max_depth"},
    {"10^5 filters of a block", "{% filter upper", "|upper", 100000, " %}a{% endfilter %}",
     INK_LIMIT, "max_depth"},
    {"10^5 attributes", "{{ {}", ".x", 100000, " }}", INK_LIMIT, "max_depth"},
    {"10^5 calls in a row", "{{ dict", "()", 100000, " }}", INK_LIMIT, "max_depth"},
    {"filters that grow", "{% set x = 'a' * 1000000 %}{{ x", "|replace('a', 'aa')", 40, " }}",
     INK_LIMIT, "more than"},
    {"map in map", "{{ range(100000)|map('string')", "|map('string')", 300, "|list }}", INK_LIMIT,
     "more than"},
    {"a source of 2 MB", "", "0123456789abcdef", 131072, "", INK_LIMIT, "bytes"},
    {"undefined called", "{{ nothing() }}", "", 0, "", INK_UNSUPPORTED, "no function 'nothing'"},
    {"a method that is not there", "{{ 'a'.format_map({}) }}", "", 0, "", INK_UNSUPPORTED,
     "'format_map'"},
    {"a filter that is not there", "{{ 1|exec }}", "", 0, "", INK_UNSUPPORTED, "no filter 'exec'"},
    {"a test that is not there", "{{ 1 is evil }}", "", 0, "", INK_UNSUPPORTED, "no test 'evil'"},
    {"a filter that is not there, mapped", "{{ [1]|map('exec')|list }}", "", 0, "", INK_UNSUPPORTED,
     "no filter 'exec'"},
    {"an attribute of undefined", "{{ nothing.at.all }}", "", 0, "", INK_BAD_ARGUMENT,
     "'nothing' is undefined"},
    {"refusal", "a\nb\n{{ raise_exception('roles must alternate') }}", "", 0, "", INK_BAD_ARGUMENT,
     "template line 3: template refused the messages: roles must alternate"},
    {"a class", "{{ ''.__class__ }}", "", 0, "", INK_BAD_ARGUMENT, "'__class__' is out of"},
    {"a class by index", "{{ ''['__class__'] }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__class__' is out of"},
    {"a class by filter", "{{ ''|attr('__class__') }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__class__' is out of"},
    {"a class by map", "{{ ['']|map(attribute='__class__')|list }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__class__' is out of"},
    {"a class by format", "{{ '{0.__class__}'.format(1) }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__class__' is out of"},
    {"a class of a function", "{{ range.__globals__ }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__globals__' is out of"},
    {"a class by a pieced name", "{{ ''['__cla' ~ 'ss__'] }}", "", 0, "", INK_BAD_ARGUMENT,
     "'__class__' is out of"},
    {"changing a list", "{{ messages.append(1) }}", "", 0, "", INK_BAD_ARGUMENT, "would change"},
    {"changing a dict", "{{ messages[0].update({'role': 'system'}) }}", "", 0, "", INK_BAD_ARGUMENT,
     "would change"},
    {"assigning to a message", "{% set messages[0].role = 'x' %}", "", 0, "", INK_CORRUPT,
     "expected"},
    {"assigning to a variable's item", "{% set m = messages[0] %}{% set m.role = 'x' %}", "", 0, "",
     INK_BAD_ARGUMENT, "only of a namespace"},
    {"an unclosed output", "a\n{{ 1 ", "", 0, "", INK_CORRUPT, "template line 2: a tag has no end"},
    {"an unclosed tag", "{% if 1 ", "", 0, "", INK_CORRUPT, "a tag has no end"},
    {"an unclosed block", "{% if 1 %}a", "", 0, "", INK_CORRUPT, "elif else endif"},
    {"an unclosed comment", "{# a", "", 0, "", INK_CORRUPT, "a comment has no end"},
    {"an unclosed raw", "{% raw %}{{ 1 }}", "", 0, "", INK_CORRUPT, "no {% endraw %}"},
    {"an unclosed string", "{{ 'a }}", "", 0, "", INK_CORRUPT, "a string has no end"},
    {"a brace alone at the end", "{{ {", "", 0, "", INK_CORRUPT, "a tag has no end"},
    {"the wrong end", "{% if 1 %}{% endfor %}", "", 0, "", INK_CORRUPT, "'endfor'"},
    {"a tag of files", "{% include '/etc/passwd' %}", "", 0, "", INK_CORRUPT, "'include'"},
    {"10^5 comments, unclosed", "", "{#", 100000, "", INK_CORRUPT, "a comment has no end"},
    {"10^5 raw tags, unclosed", "", "{% raw %}", 50000, "", INK_CORRUPT, "no {% endraw %}"},
    {"10^5 names to unpack", "{% set ", "a,", 100000, "b = 1 %}", INK_BAD_ARGUMENT,
     "cannot be iterated"},
    {"a break outside", "{% break %}", "", 0, "", INK_CORRUPT, "outside a loop"},
    {"a byte of nothing", "{{ \x01 }}", "", 0, "", INK_CORRUPT, "unexpected character"},
    {"an escape of nothing", "{{ '\\ud800' }}", "", 0, "", INK_CORRUPT, "malformed escape"},
    {"division by zero", "{{ 1 // 0 }}", "", 0, "", INK_BAD_ARGUMENT, "division by zero"},
};

enum { N_CASES = sizeof cases / sizeof cases[0] };

static char *build_source(size_t i, size_t *n_bytes)
{
    size_t head = strlen(cases[i].head), part = strlen(cases[i].part), tail = strlen(cases[i].tail);
    *n_bytes = head + part * cases[i].times + tail;
    char *source = malloc(*n_bytes + 1);
    assert_non_null(source);
    memcpy(source, cases[i].head, head);
    for (size_t n = 0; n < cases[i].times; n++)
        memcpy(source + head + n * part, cases[i].part, part);
    memcpy(source + head + part * cases[i].times, cases[i].tail, tail);
    return source;
}

static ink_value variables_of(ink_arena *arena)
{
    static const char json[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}";
    ink_value variables;
    assert_int_equal(ink_value_from_json(arena, json, sizeof json - 1, &variables, NULL), INK_OK);
    return variables;
}

static bool ends_as_it_should(size_t i, ink_value variables)
{
    ink_template *program = NULL;
    ink_buffer out;
    ink_error error = {0};
    size_t n_bytes;
    char *source = build_source(i, &n_bytes);
    ink_buffer_init(&out, NULL, (size_t)1 << 30);
    assert_true(ink_buffer_text(&out, "before"));
    ink_status status = ink_template_new(&program, source, n_bytes, NULL, &error);
    if (status == INK_OK)
        status = ink_template_render(program, variables, NULL, &out, &error);
    bool right = status == cases[i].status && strstr(error.message, cases[i].message) &&
                 out.n_bytes == 6 && strcmp(out.data, "before") == 0;
    if (!right)
        print_error("%s: status %d, %s\n", cases[i].name, (int)status, error.message);
    ink_template_free(program);
    ink_buffer_deinit(&out);
    free(source);
    return right;
}

static void test_every_case(void **state)
{
    ink_arena arena;
    size_t n_wrong = 0;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    ink_value variables = variables_of(&arena);
    for (size_t i = 0; i < N_CASES; i++)
        n_wrong += !ends_as_it_should(i, variables);
    ink_arena_deinit(&arena);
    assert_int_equal(n_wrong, 0);
}

/* What users and tools say is data: nothing in it is ever read as a template. */
static void test_templates_in_variables_are_text(void **state)
{
    static const char json[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"{{ range(10**9) }}{% for %}\"}],"
        " \"tools\": [{\"name\": \"{{ 7 * 7 }}\", \"{% raw %}\": \"{# x\"}]}";
    static const char source[] =
        "{{ messages[0].content }}|{{ tools | tojson }}|{{ '%s' % tools[0].name }}";
    static const char expected[] = "{{ range(10**9) }}{% for %}|[{\"name\": \"{{ 7 * 7 }}\", \"{% "
                                   "raw %}\": \"{# x\"}]|{{ 7 * 7 }}";
    ink_arena arena;
    ink_value variables;
    ink_template *program;
    ink_buffer out;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    ink_buffer_init(&out, NULL, 1 << 20);
    assert_int_equal(ink_value_from_json(&arena, json, sizeof json - 1, &variables, NULL), INK_OK);
    assert_int_equal(ink_template_new(&program, source, sizeof source - 1, NULL, NULL), INK_OK);
    assert_int_equal(ink_template_render(program, variables, NULL, &out, NULL), INK_OK);
    assert_string_equal(out.data, expected);
    ink_template_free(program);
    ink_buffer_deinit(&out);
    ink_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case),
        cmocka_unit_test(test_templates_in_variables_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
