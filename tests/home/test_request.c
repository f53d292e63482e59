/* Sentences: their words, what they may be about in a home, what is asked, what answers mean. */
#include "support.h"

#include <string.h>
#include "home/reply.h"

static const char home_text[] =
    "{\"floors\":[{\"name\":\"First\"}],\"areas\":[{\"name\":\"Kitchen\",\"floor\":\"First\"},"
    "{\"name\":\"Bedroom\"}],\"devices\":["
    "{\"name\":\"Ceiling Lamp\",\"domain\":\"light\",\"area\":\"Kitchen\"},"
    "{\"name\":\"Kitchen Fan\",\"domain\":\"fan\",\"area\":\"Kitchen\"},"
    "{\"name\":\"Fan\",\"domain\":\"fan\",\"area\":\"Bedroom\"},"
    "{\"name\":\"Fan\",\"domain\":\"fan\",\"area\":\"Kitchen\"},"
    "{\"name\":\"Lamp 2\",\"domain\":\"light\"},"
    "{\"name\":\"Say \\\"hi\\\"\",\"domain\":\"script\"}]}";

static ink_home *home;

static int read_home(void **state)
{
    (void)state;
    return ink_home_read(&home, home_text, sizeof home_text - 1, "h", NULL, NULL) != INK_OK;
}

static int free_home(void **state)
{
    (void)state;
    ink_home_free(home);
    return 0;
}

static ink_request ask(const char *sentence, const char *area)
{
    ink_request request;
    uint32_t here =
        area ? ink_home_find(home, INK_THING_AREA, area, strlen(area)) : INK_THING_NOWHERE;
    assert_int_equal(ink_request_read(&request, home, sentence, strlen(sentence), here, NULL),
                     INK_OK);
    return request;
}

static void check_prompt(const char *sentence, const char *area, const char *expected)
{
    ink_request request = ask(sentence, area);
    ink_buffer prompt;
    ink_buffer_init(&prompt, NULL, 4096);
    ink_request_prompt(&request, &prompt);
    assert_string_equal(prompt.data, expected);
    ink_buffer_deinit(&prompt);
}

static void prompts_show_what_matters(void **state)
{
    (void)state;
    check_prompt("Turn off the kitchen lights!", NULL,
                 "A turn B off C the D kitchen 1 area E lights =");
    check_prompt("ceilling lamp on", NULL, "A ceilling B lamp 1 light ~ C on =");
    check_prompt("bed room to twenty-one %", NULL, "A bed B room 1 area C to D # E % =");
    check_prompt("lights", "Kitchen", "1 area here A lights =");
    check_prompt("kitchen fan", NULL, "A kitchen B fan 1 fan =");
    check_prompt("the fan in the bedroom", "Kitchen",
                 "3 area here A the B fan 1 fan 2 C in D the E bedroom 2 area =");
    check_prompt("lamp 3 or lamp two", NULL, "A lamp B # C or D lamp E # 1 light =");
    check_prompt("what's on", NULL, "A what B 's C on =");
    check_prompt("1/2 a minute, or 1/20", NULL, "A half B a C minute D or E # F # =");
}

static void check_json(const char *sentence, const char *answer, const char *expected)
{
    ink_request request = ask(sentence, "Kitchen");
    ink_reply reply;
    ink_buffer out;
    ink_buffer_init(&out, NULL, 4096);
    assert_int_equal(ink_reply_read(&reply, &request, answer, NULL), INK_OK);
    ink_reply_write(&reply, &out);
    assert_string_equal(out.data, expected);
    ink_buffer_deinit(&out);
}

static void answers_become_intents(void **state)
{
    (void)state;
    check_json(
        "turn off the bedroom lights", " HassTurnOff area 1 domain light",
        "{\"intent\":\"HassTurnOff\",\"slots\":{\"area\":\"Bedroom\",\"domain\":\"light\"}}");
    check_json("sing", " none", "{\"intent\":\"none\",\"slots\":{}}");
    check_json("heat to 20.5", " HassClimateSetTemperature temperature C",
               "{\"intent\":\"HassClimateSetTemperature\",\"slots\":{\"temperature\":20.5}}");
    check_json("a timer of minus five hours and a half", " HassStartTimer minutes half",
               "{\"intent\":\"HassStartTimer\",\"slots\":{\"minutes\":30}}");
    check_json("announce Dinner, \"now\"!", " HassBroadcast message B C",
               "{\"intent\":\"HassBroadcast\",\"slots\":{\"message\":\"Dinner, \\\"now\"}}");
    check_json("run say hi", " HassTurnOn name 1 domain script",
               "{\"intent\":\"HassTurnOn\",\"slots\":{\"name\":\"Say \\\"hi\\\"\","
               "\"domain\":\"script\"}}");
    check_json("heat to twenty point five", " HassClimateSetTemperature temperature C",
               "{\"intent\":\"HassClimateSetTemperature\",\"slots\":{\"temperature\":20.5}}");
    check_json("volume to a hundred", " HassSetVolume volume_level D",
               "{\"intent\":\"HassSetVolume\",\"slots\":{\"volume_level\":100}}");
    check_json("play the album Blue Train",
               " HassMediaSearchAndPlay search_query D E media_class album",
               "{\"intent\":\"HassMediaSearchAndPlay\",\"slots\":{\"search_query\":\"Blue Train\","
               "\"media_class\":\"album\"}}");
    check_json("take milk off the list", " HassShoppingListCompleteItem item B B",
               "{\"intent\":\"HassShoppingListCompleteItem\",\"slots\":{\"item\":\"milk\"}}");
    check_json("fans off", " HassTurnOff name all domain fan",
               "{\"intent\":\"HassTurnOff\",\"slots\":{\"name\":\"all\",\"domain\":\"fan\"}}");
}

static void invalid_answers_are_refused(void **state)
{
    static const char *const answers[] = {
        "",
        " nothing",
        " none now",
        " HassTurnOn",
        " HassTurnOn name",
        " HassTurnOn name 3",
        " HassTurnOn area 1 area 1",
        " HassTurnOn domain light area 1",
        " HassTurnOn domain todo",
        " HassTurnOn brightness D",
        " HassLightSet brightness A",
        " HassLightSet brightness E",
        " HassLightSet color mauve",
        " HassSetVolume",
        " HassBroadcast message C B",
        " HassBroadcast message A Z",
    };
    (void)state;
    ink_request request = ask("set kitchen to 500 or 20", NULL);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        ink_reply reply;
        ink_error error = {0};
        if (ink_reply_read(&reply, &request, answers[i], &error) != INK_CORRUPT)
            fail_msg("\"%s\" was taken", answers[i]);
    }
}

static void sentences_have_limits(void **state)
{
    static char text[INK_SENTENCE_MAX_BYTES + 2];
    ink_request request;
    ink_error error;
    (void)state;
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(
        ink_request_read(&request, home, text, sizeof text - 1, INK_THING_NOWHERE, &error),
        INK_LIMIT);
    assert_int_equal(ink_request_read(&request, home, "\xff", 1, INK_THING_NOWHERE, &error),
                     INK_CORRUPT);
    assert_int_equal(ink_request_read(&request, home, " ?!", 3, INK_THING_NOWHERE, &error),
                     INK_BAD_ARGUMENT);
    for (size_t i = 1; i < sizeof text - 1; i += 2)
        text[i] = ' ';
    assert_int_equal(
        ink_request_read(&request, home, text, INK_SENTENCE_MAX_BYTES, INK_THING_NOWHERE, &error),
        INK_OK);
    assert_int_equal(request.words.n_words, INK_HOME_MAX_WORDS);
    size_t n_bytes;
    (void)ink_request_text(&request, 25, 25, &n_bytes);
    assert_int_equal(n_bytes, INK_SENTENCE_MAX_BYTES - 51);
}

static void responses_are_said(void **state)
{
    ink_request request = ask("turn on the bedroom lights", NULL);
    ink_reply reply;
    ink_buffer out;
    (void)state;
    ink_buffer_init(&out, NULL, 4096);
    assert_int_equal(ink_reply_read(&reply, &request, " HassTurnOn area 1 domain light", NULL),
                     INK_OK);
    ink_reply_say(&reply, &out);
    assert_string_equal(out.data, "Turning on light devices in Bedroom.");
    ink_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_show_what_matters),   cmocka_unit_test(answers_become_intents),
        cmocka_unit_test(invalid_answers_are_refused), cmocka_unit_test(sentences_have_limits),
        cmocka_unit_test(responses_are_said),
    };
    return cmocka_run_group_tests(tests, read_home, free_home);
}
