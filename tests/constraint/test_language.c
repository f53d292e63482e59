/* What each notation means, case by case: what it accepts, what it does not, what it refuses. */
#include "check.h"

#include <string.h>

#define REGEX INK_CONSTRAINT_REGEX
#define GBNF INK_CONSTRAINT_GRAMMAR
#define SCHEMA INK_CONSTRAINT_SCHEMA
#define CHOICE INK_CONSTRAINT_CHOICE

typedef struct row {
    ink_constraint_kind kind;
    const char *source, *text;
    bool accepted;
} row;

static const row rows[] = {
    /* ---- regular expressions */
    {REGEX, "abc", "abc", true},
    {REGEX, "abc", "ab", false},
    {REGEX, "^abc$", "abc", true},
    {REGEX, "", "", true},
    {REGEX, "a|b|", "", true},
    {REGEX, "a{2,3}", "aa", true},
    {REGEX, "a{2,3}", "aaaa", false},
    {REGEX, "a{2,}", "aaaaaaaa", true},
    {REGEX, "a{,3}", "a{,3}", true},
    {REGEX, "(?:ab)+?", "abab", true},
    {REGEX, "(?<name>a)b", "ab", true},
    {REGEX, "[a-c\\d_-]+", "a1-_c", true},
    {REGEX, "[^a-c]", "\xc3\xa9", true},
    {REGEX, "[^a-c]", "b", false},
    {REGEX, "[]", "a", false},
    {REGEX, ".", "\n", false},
    {REGEX, ".", "\xf0\x9f\x99\x82", true},
    {REGEX, "\\w\\s\\D", "a\xe2\x80\xa8x", true},
    {REGEX, "\\W", "\xc3\xa9", true},
    {REGEX, "\\u00e9\\x41\\u{1F642}\\ud83d\\ude42",
     "\xc3\xa9"
     "A\xf0\x9f\x99\x82\xf0\x9f\x99\x82",
     true},
    {REGEX, "\\p{Lu}\\P{L}",
     "\xc3\x89"
     "1",
     true},
    {REGEX, "\\p{Lu}", "e", false},
    {REGEX, "\\cA\\0\\t", "\x01", false},
    {REGEX, "\\cA\\t", "\x01\t", true},
    {REGEX, "[\\b]", "\b", true},
    {REGEX, "(^a|^b)c", "bc", true},
    {REGEX, "(a*)*b", "aaaab", true},
    {REGEX, "(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxy", true},
    {REGEX, "(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxx", false},
    {REGEX, "[\\u0000-\\u{10ffff}]", "\xed\x9f\xbf", true},
    {REGEX, "[\\u0000-\\u{10ffff}]", "\xed\xa0\x80", false}, /* a surrogate is no character */
    {REGEX, "[\\u0000-\\u{10ffff}]", "\xc0\x80", false},
    /* ---- choices */
    {CHOICE, "yes,no", "no", true},
    {CHOICE, "yes,no", "yesno", false},
    {CHOICE, "a\\,b,c\\\\d", "a,b", true},
    {CHOICE, "a\\,b,c\\\\d", "c\\d", true},
    {CHOICE, "a,ab", "ab", true},
    /* ---- GBNF */
    {GBNF, "root ::= \"a\" b | \"c\"\nb ::= [0-9]+ # digits\n", "a12", true},
    {GBNF, "root ::= \"a\" b | \"c\"\nb ::= [0-9]+", "c", true},
    {GBNF, "root ::= \"a\"\n  b\n", "a", false},
    {GBNF, "root ::= (\n \"a\"\n | \"b\"\n)* \"c\"", "abbac", true},
    {GBNF, "root ::= \"a\" |\n \"b\"", "b", true},
    {GBNF, "root ::= \"\\x41\\u00e9\\n\\\"\"", "A\xc3\xa9\n\"", true},
    {GBNF, "root ::= [^\\n\\]]{2,3}", "\xf0\x9f\x99\x82x", true},
    {GBNF, "root ::= [^\\n\\]]{2,3}", "]x", false},
    {GBNF, "root ::= .{2}", "\nx", true},
    {GBNF, "root ::= \"(\" root \")\" | \"x\"", "((((x))))", true},
    {GBNF, "root ::= \"(\" root \")\" | \"x\"", "((((x)))", false},
    {GBNF, "root ::= a? b\na ::= \"a\"\nb ::= \"b\"{3}", "bbb", true},
    {GBNF, "root ::= \"a\" root | \"\"", "aaaa", true},
    {GBNF, "root ::= (\"\" | (\"\")*)* \"a\"", "a", true},
    /* ---- schemas, in any form */
    {SCHEMA, "{}", " { \"a\" : [ 1 , 2e3 , null ] }\n", true},
    {SCHEMA, "{}", "{\"a\":1,}", false},
    {SCHEMA, "{}", "01", false},
    {SCHEMA, "{}", "\"\\ud83d\\ude42\"", true},
    {SCHEMA, "{}", "\"\\ud83d\"", false},
    {SCHEMA, "{}", "\"\t\"", false},
    {SCHEMA, "{}", "\"\xff\"", false},
    {SCHEMA, "true", "[]", true},
    {SCHEMA, "{\"type\": \"integer\"}", "-12", true},
    {SCHEMA, "{\"type\": \"integer\"}", "1.0", true},
    {SCHEMA, "{\"type\": \"integer\"}", "1.5", false},
    {SCHEMA, "{\"type\": [\"integer\", \"null\"]}", "null", true},
    {SCHEMA, "{\"type\": \"number\", \"minimum\": -1.5, \"exclusiveMaximum\": 10}", "-1.50", true},
    {SCHEMA, "{\"type\": \"number\", \"minimum\": -1.5, \"exclusiveMaximum\": 10}", "-1.501",
     false},
    {SCHEMA, "{\"type\": \"number\", \"minimum\": -1.5, \"exclusiveMaximum\": 10}", "9.9999", true},
    {SCHEMA, "{\"type\": \"number\", \"minimum\": -1.5, \"exclusiveMaximum\": 10}", "10.00", false},
    {SCHEMA, "{\"maximum\": 18446744073709551616}", "18446744073709551616", true},
    {SCHEMA, "{\"maximum\": 18446744073709551616}", "18446744073709551617", false},
    {SCHEMA, "{\"multipleOf\": 0.05, \"minimum\": 1}", "1.15", true},
    {SCHEMA, "{\"multipleOf\": 0.05, \"minimum\": 1}", "1.16", false},
    {SCHEMA, "{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}",
     "\"\\u0041\xf0\x9f\x99\x82\"", true},
    {SCHEMA, "{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}", "\"abcd\"", false},
    {SCHEMA, "{\"type\": \"string\", \"pattern\": \"b+\", \"maxLength\": 3}", "\"abb\"", true},
    {SCHEMA, "{\"type\": \"string\", \"pattern\": \"b+\", \"maxLength\": 3}", "\"aca\"", false},
    {SCHEMA, "{\"type\": \"string\", \"pattern\": \"^\\\"\\\\n$\"}", "\"\\\"\\n\"", true},
    {SCHEMA, "{\"enum\": [1, \"a\\n\", [true, {\"x\": 0}]], \"not\": {\"const\": 1}}", "\"a\\n\"",
     true},
    {SCHEMA, "{\"enum\": [1, \"a\\n\", [true, {\"x\": 0}]], \"not\": {\"const\": 1}}",
     "[ true, {\"x\" :0.0}]", true},
    {SCHEMA, "{\"enum\": [1, \"a\\n\", [true, {\"x\": 0}]], \"not\": {\"const\": 1}}", "1", false},
    {SCHEMA, "{\"const\": 1}", "true", false},
    {SCHEMA,
     "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"object\"}}, \"minProperties\": "
     "2, \"maxProperties\": 3}",
     "{\"z\":1,\"a\":{},\"y\":2}", true},
    {SCHEMA, "{\"type\": \"object\", \"minProperties\": 2}", "{\"a\":1}", false},
    {SCHEMA, "{\"type\": \"object\", \"properties\": {\"a\": false}}", "{\"a\":1}", false},
    {SCHEMA, "{\"type\": \"object\", \"properties\": {\"a\": false}}", "{\"ab\":1}", true},
    {SCHEMA, "{\"type\": \"object\", \"properties\": {\"a\": {}}, \"additionalProperties\": false}",
     "{\"a\":1,\"a\":2}", false},
    {SCHEMA,
     "{\"type\": \"object\", \"propertyNames\": {\"pattern\": \"^x\"}, \"additionalProperties\": "
     "{\"type\": \"null\"}}",
     "{\"xy\":null}", true},
    {SCHEMA, "{\"type\": \"object\", \"propertyNames\": {\"pattern\": \"^x\"}}", "{\"y\":null}",
     false},
    {SCHEMA,
     "{\"type\": \"array\", \"prefixItems\": [{\"type\": \"null\"}], \"items\": {\"type\": "
     "\"boolean\"}, \"minItems\": 2, \"maxItems\": 3}",
     "[null,true,false]", true},
    {SCHEMA,
     "{\"type\": \"array\", \"prefixItems\": [{\"type\": \"null\"}], \"items\": {\"type\": "
     "\"boolean\"}, \"minItems\": 2, \"maxItems\": 3}",
     "[null]", false},
    {SCHEMA,
     "{\"$ref\": \"#/$defs/t\", \"$defs\": {\"t\": {\"type\": \"array\", \"items\": {\"$ref\": "
     "\"#/$defs/t\"}}}}",
     "[[[],[[]]],[]]", true},
    {SCHEMA,
     "{\"$ref\": \"#/$defs/t\", \"$defs\": {\"t\": {\"type\": \"array\", \"items\": {\"$ref\": "
     "\"#/$defs/t\"}}}}",
     "[[[],[[1]]],[]]", false},
    {SCHEMA, "{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}", "2.5", true},
    {SCHEMA, "{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}", "3", false},
    {SCHEMA,
     "{\"if\": {\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"]}, \"then\": "
     "{\"required\": [\"a\"]}, \"else\": {\"required\": [\"b\"]}}",
     "{\"k\":1,\"a\":0}", true},
    {SCHEMA,
     "{\"if\": {\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"]}, \"then\": "
     "{\"required\": [\"a\"]}, \"else\": {\"required\": [\"b\"]}}",
     "{\"k\":1,\"b\":0}", false},
    {SCHEMA, "{\"type\": \"string\", \"format\": \"date\"}", "\"2024-02-29\"", true},
    {SCHEMA, "{\"type\": \"string\", \"format\": \"date\"}", "\"2023-02-29\"", false},
    {SCHEMA, "{\"type\": \"string\", \"format\": \"uuid\", \"pattern\": \"^0\"}",
     "\"0eb8aa08-aa98-11ea-b4aa-73b441d16380\"", true},
};

static void accepts_what_it_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ink_error error = {0};
        ink_constraint *constraint =
            make_constraint(rows[i].kind, INK_JSON_ANY, rows[i].source, &error);
        bool accepted = constraint && accepts(constraint, rows[i].text, strlen(rows[i].text), NULL);
        if (accepted != rows[i].accepted || (!constraint && rows[i].accepted))
            fail_msg("%s: '%s' should %sbe accepted: %s", rows[i].source, rows[i].text,
                     rows[i].accepted ? "" : "not ", error.message);
        ink_constraint_free(constraint);
    }
}

static const struct refusal {
    ink_constraint_kind kind;
    const char *source;
    ink_status status;
    const char *words;
} refusals[] = {
    {REGEX, "a(b$|c)d", INK_UNSUPPORTED, "'$'"},
    {REGEX, "a^b", INK_UNSUPPORTED, "'^'"},
    {REGEX, "(?=a)", INK_UNSUPPORTED, "look-around"},
    {REGEX, "(?<!a)b", INK_UNSUPPORTED, "look-around"},
    {REGEX, "(a)\\1", INK_UNSUPPORTED, "references back"},
    {REGEX, "\\bfoo", INK_UNSUPPORTED, "word boundaries"},
    {REGEX, "\\p{Script=Greek}", INK_UNSUPPORTED, "property"},
    {REGEX, "*a", INK_CORRUPT, "byte 0"},
    {REGEX, "a**", INK_CORRUPT, "byte 2"},
    {REGEX, "(((", INK_CORRUPT, "without its ')'"},
    {REGEX, "a)b", INK_CORRUPT, "byte 1"},
    {REGEX, "[a", INK_CORRUPT, "without its ']'"},
    {REGEX, "[z-a]", INK_CORRUPT, "before it begins"},
    {REGEX, "a{3,2}", INK_CORRUPT, "at least 3 and at most 2"},
    {REGEX, "\\a", INK_CORRUPT, "no escape"},
    {REGEX, "\xff", INK_CORRUPT, "UTF-8"},
    {REGEX, "[]", INK_BAD_ARGUMENT, "no text"},
    {CHOICE, "", INK_CORRUPT, "empty"},
    {CHOICE, "a,,b", INK_CORRUPT, "byte 2"},
    {CHOICE, "a,\xff", INK_CORRUPT, "UTF-8"},
    {GBNF, "", INK_CORRUPT, "rule root is not defined"},
    {GBNF, "root ::= foo", INK_CORRUPT, "rule foo is not defined"},
    {GBNF, "root ::= \"a\"\nroot ::= \"b\"", INK_CORRUPT, "second time"},
    {GBNF, "root := \"a\"", INK_CORRUPT, "'::='"},
    {GBNF, "root ::= \"a", INK_CORRUPT, "too early"},
    {GBNF, "root ::= (\"a\"", INK_CORRUPT, "without its ')'"},
    {GBNF, "root ::= \"a\")", INK_CORRUPT, "without its '('"},
    {GBNF, "root ::= \"\\q\"", INK_CORRUPT, "escape"},
    {GBNF, "root ::= \"a\"{2,1}", INK_CORRUPT, "line 1"},
    {GBNF, "\n\nroot ::= $", INK_CORRUPT, "line 3"},
    {GBNF, "root ::= <think>", INK_UNSUPPORTED, "tokens"},
    {GBNF, "root ::= root \"a\" | \"b\"", INK_UNSUPPORTED, "rule root"},
    {GBNF, "root ::= a\na ::= b? c\nb ::= \"b\"\nc ::= a \"x\"", INK_UNSUPPORTED,
     "refers to itself"},
    {GBNF, "root ::= root", INK_UNSUPPORTED, "rule root"},
    {GBNF, "root ::= \"a\" b\nb ::= \"c\" b", INK_BAD_ARGUMENT, "no text"},
    {SCHEMA, "{", INK_CORRUPT, "JSON"},
    {SCHEMA, "[]", INK_CORRUPT, "object or a boolean"},
    {SCHEMA, "false", INK_BAD_ARGUMENT, "no text"},
    {SCHEMA, "{\"type\": \"int\"}", INK_CORRUPT, "#/type"},
    {SCHEMA, "{\"properties\": {\"a/b\": {\"items\": {\"uniqueItems\": true}}}}", INK_UNSUPPORTED,
     "#/properties/a~1b/items/uniqueItems"},
    {SCHEMA, "{\"allOf\": [{}, {\"unevaluatedProperties\": false}]}", INK_UNSUPPORTED,
     "#/allOf/1/unevaluatedProperties"},
    {SCHEMA, "{\"items\": {\"contains\": {\"type\": \"null\"}}}", INK_UNSUPPORTED,
     "#/items/contains"},
    {SCHEMA, "{\"format\": \"uri\"}", INK_UNSUPPORTED, "#/format"},
    {SCHEMA, "{\"pattern\": \"(?=a)\"}", INK_UNSUPPORTED, "#/pattern"},
    {SCHEMA, "{\"pattern\": \"(\"}", INK_CORRUPT, "#/pattern"},
    {SCHEMA, "{\"$ref\": \"http://example.com/s.json\"}", INK_UNSUPPORTED, "#/$ref"},
    {SCHEMA, "{\"$ref\": \"#/$defs/none\"}", INK_CORRUPT, "#/$ref"},
    {SCHEMA, "{\"$ref\": \"#\"}", INK_CORRUPT, "refers back"},
    {SCHEMA, "{\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": \"#\"}]}", INK_CORRUPT, "refers back"},
    {SCHEMA, "{\"minLength\": -1}", INK_CORRUPT, "#/minLength"},
    {SCHEMA, "{\"minimum\": \"1\"}", INK_CORRUPT, "#/minimum"},
    {SCHEMA, "{\"multipleOf\": 0}", INK_CORRUPT, "#/multipleOf"},
    {SCHEMA, "{\"multipleOf\": 0.123456789}", INK_UNSUPPORTED, "#/multipleOf"},
    {SCHEMA, "{\"type\": \"integer\", \"minimum\": 5, \"maximum\": 3}", INK_BAD_ARGUMENT,
     "no text"},
    {SCHEMA,
     "{\"type\": \"object\", \"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}",
     INK_BAD_ARGUMENT, "no text"},
    {SCHEMA, "{\"$schema\": \"http://example.com/own\"}", INK_UNSUPPORTED, "#/$schema"},
    {SCHEMA, "{\"not\": {\"items\": {\"type\": \"null\"}}}", INK_UNSUPPORTED, "#/not/items"},
    {SCHEMA, "{\"enum\": 1}", INK_CORRUPT, "#/enum"},
    {SCHEMA, "{\"required\": [1]}", INK_CORRUPT, "#/required"},
};

static void refuses_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        expect_refused(refusals[i].kind, refusals[i].source, refusals[i].status, refusals[i].words);
}

/* ---- The plain form */

static const char two_keys[] =
    "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, "
    "\"b\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}}, "
    "\"required\": [\"b\"]}";

static const struct plain_row {
    const char *text;
    bool accepted;
} plain_rows[] = {{"{\"a\":1,\"b\":[2,3]}", true},
                  {"{\"a\": 1, \"b\": [2, 3]}", true},
                  {"{\"b\":[]}", true},
                  {"{\"b\":[], \"c\": null}", true},
                  {"{\"b\":[],\"a\":1}", false},
                  {"{\"a\":1}", false},
                  {"{\"a\":1.0,\"b\":[]}", false},
                  {"{\"a\":-0,\"b\":[]}", false},
                  {"{ \"a\":1,\"b\":[]}", false},
                  {"{\"a\":  1,\"b\":[]}", false},
                  {"{\"a\":1,\n\"b\":[]}", false}};

static void plain_has_one_form(void **state)
{
    (void)state;
    ink_error error = {0};
    ink_constraint *constraint = make_constraint(SCHEMA, INK_JSON_PLAIN, two_keys, &error);
    assert_non_null(constraint);
    for (size_t i = 0; i < sizeof plain_rows / sizeof plain_rows[0]; i++)
        if (accepts(constraint, plain_rows[i].text, strlen(plain_rows[i].text), NULL) !=
            plain_rows[i].accepted)
            fail_msg("%s", plain_rows[i].text);
    ink_constraint_free(constraint);
}

static void tells_the_byte(void **state)
{
    (void)state;
    ink_error error = {0};
    size_t byte;
    ink_constraint *constraint = make_constraint(SCHEMA, INK_JSON_ANY,
                                                 "{\"type\": \"object\", \"properties\": {\"a\": "
                                                 "{\"type\": \"integer\"}}}",
                                                 &error);
    assert_non_null(constraint);
    assert_false(accepts(constraint, "{\"a\": true}", 11, &byte));
    assert_int_equal(byte, 6);
    assert_false(accepts(constraint, "{\"a\": 1", 7, &byte));
    assert_int_equal(byte, 7);
    assert_false(ink_constraint_may_end(constraint));
    assert_true(accepts(constraint, "{\"a\": 1}", 8, &byte));
    assert_false(ink_constraint_must_end(constraint)); /* blanks may follow */
    ink_constraint_free(constraint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_it_means), cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(plain_has_one_form), cmocka_unit_test(tells_the_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
