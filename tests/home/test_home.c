/* Home files: what they mean, and every way in which one is wrong is said with its place. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "home/home.h"

static ink_status read_text(const char *json, ink_home **home, ink_error *error)
{
    return ink_home_read(home, json, strlen(json), "h.json", NULL, error);
}

static void a_home_is_read(void **state)
{
    ink_home *home;
    ink_error error = {0};
    (void)state;
    assert_int_equal(
        read_text("{\"floors\":[{\"name\":\"First\",\"aliases\":[\"Upstairs\"]}],"
                  "\"areas\":[{\"name\":\"Bed Room\",\"floor\":\"upstairs\"}],"
                  "\"devices\":[{\"name\":\"Lamp 1\",\"domain\":\"light\",\"area\":\"bedroom\"},"
                  "{\"name\":\"Lamp 1\",\"domain\":\"light\",\"area\":null}]}",
                  &home, &error),
        INK_OK);
    assert_int_equal(home->n_things, 4);
    assert_int_equal(home->things[1].place, 0);
    assert_int_equal(home->things[2].place, 1);
    assert_int_equal(home->things[2].domain, INK_DOMAIN_light);
    assert_int_equal(home->things[3].place, INK_THING_NOWHERE);
    assert_int_equal(ink_home_find(home, INK_THING_DEVICE, "lamp one", 8), 2);
    assert_int_equal(ink_home_find(home, INK_THING_AREA, "lamp one", 8), INK_THING_NOWHERE);
    ink_home_free(home);
}

static void an_empty_home_is_a_home(void **state)
{
    ink_home *home;
    (void)state;
    assert_int_equal(read_text("{}", &home, NULL), INK_OK);
    assert_int_equal(home->n_things, 0);
    ink_home_free(home);
}

static void wrong_homes_are_refused(void **state)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"", "h.json"},
        {"[]", "a home is an object, not list"},
        {"{\"rooms\":[]}", "and nothing else"},
        {"{\"areas\":{}}", "\"areas\" must be a list, not dict"},
        {"{\"areas\":[1]}", "areas[0]: must be an object, not integer"},
        {"{\"areas\":[{}]}", "areas[0]: \"name\" is missing"},
        {"{\"areas\":[{\"name\":\"a\"},{\"name\":1}]}", "areas[1]: \"name\" must be a text"},
        {"{\"areas\":[{\"name\":\"\"}]}", "0 bytes"},
        {"{\"areas\":[{\"name\":\"?!\"}]}", "has no letters"},
        {"{\"areas\":[{\"name\":\"a\\u0001\"}]}", "control character at byte 1"},
        {"{\"areas\":[{\"name\":\"a\"},{\"name\":\"A!\"}]}", "areas[1]: there is another \"A!\""},
        {"{\"areas\":[{\"name\":\"a\",\"alias\":[]}]}", "unknown member \"alias\""},
        {"{\"areas\":[{\"name\":\"a\",\"aliases\":\"b\"}]}", "\"aliases\" must be a list"},
        {"{\"areas\":[{\"name\":\"a\",\"aliases\":[2]}]}", "\"aliases\" must be a text"},
        {"{\"areas\":[{\"name\":\"a\",\"floor\":\"x\"}]}", "there is no floor \"x\""},
        {"{\"floors\":[{\"name\":\"a\",\"floor\":\"a\"}]}", "unknown member \"floor\""},
        {"{\"devices\":[{\"name\":\"a\"}]}", "\"domain\" is missing"},
        {"{\"devices\":[{\"name\":\"a\",\"domain\":\"lihgt\"}]}", "did you mean \"light\"?"},
        {"{\"devices\":[{\"name\":\"a\",\"domain\":\"light\",\"area\":\"b\"}]}", "no area \"b\""},
        {"{\"devices\":[{\"name\":\"a\",\"domain\":\"light\"},{\"name\":\"a\",\"domain\":\"fan\"}]"
         "}",
         "devices[1]: there is another"},
        {"{\"areas\":[{\"name\":\"a\",\"name\":\"b\"}]}", "h.json"},
        {"{\"areas\":[{\"name\":\"\xff\"}]}", "h.json"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_home *home = NULL;
        ink_error error = {0};
        assert_int_not_equal(read_text(cases[i].json, &home, &error), INK_OK);
        if (!strstr(error.message, cases[i].message) || !strstr(error.message, "h.json"))
            fail_msg("%s: %s", cases[i].json, error.message);
        assert_null(home);
    }
}

static void limits_are_said(void **state)
{
    ink_buffer json;
    ink_error error = {0};
    ink_home *home = NULL;
    (void)state;
    ink_buffer_init(&json, NULL, INK_HOME_MAX_BYTES);
    ink_buffer_text(&json, "{\"areas\":[");
    for (int i = 0; i <= INK_HOME_MAX_AREAS; i++)
        ink_buffer_format(&json, "%s{\"name\":\"room %d\"}", i ? "," : "", i);
    ink_buffer_text(&json, "]}");
    assert_int_equal(ink_home_read(&home, json.data, json.n_bytes, "h.json", NULL, &error),
                     INK_LIMIT);
    assert_non_null(strstr(error.message, "513 areas; at most 512"));
    assert_int_equal(ink_home_read(&home, json.data, INK_HOME_MAX_BYTES + 1, "h", NULL, &error),
                     INK_LIMIT);
    ink_buffer_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_home_is_read),
        cmocka_unit_test(an_empty_home_is_a_home),
        cmocka_unit_test(wrong_homes_are_refused),
        cmocka_unit_test(limits_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
