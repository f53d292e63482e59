/*
 * A thousand random homes, each with a sentence and any answer that the constraint allows: all of
 * them are valid, and name only what the home has.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "home/reply.h"

enum { N_HOMES = 1000, MAX_ANSWER = 400 };

static const char *const words[] = {"turn", "on",   "the",    "lights", "in",   "kitchen",
                                    "fan",  "50",   "twenty", "set",    "to",   "red",
                                    "lamp", "all",  "zorb",   "add",    "milk", "timer",
                                    "Bed",  "room", "2",      "is",     "open", "upstairs"};
static const char *const names[] = {"Kitchen", "Bedroom", "Zorb", "Lamp", "Fan 2", "Milk", "Set"};

enum { N_WORDS = sizeof words / sizeof *words, N_NAMES = sizeof names / sizeof *names };

static size_t pick(uint64_t *random, size_t n)
{
    return (size_t)(ink_test_random(random) % n);
}

static ink_home *random_home(uint64_t *random)
{
    ink_home *home;
    ink_buffer json;
    size_t area = pick(random, N_NAMES), n = pick(random, 12);
    ink_buffer_init(&json, NULL, 1 << 20);
    ink_buffer_format(&json,
                      "{\"floors\":[{\"name\":\"Upstairs\"}],\"areas\":[{\"name\":\"%s\"}],"
                      "\"devices\":[",
                      names[area]);
    for (size_t i = 0; i < n; i++)
        ink_buffer_format(&json, "%s{\"name\":\"%s %zu\",\"aliases\":[\"%s\"],\"domain\":\"%s\"}",
                          i ? "," : "", names[pick(random, N_NAMES)], i,
                          words[pick(random, N_WORDS)],
                          ink_domain_name((ink_home_domain)pick(random, INK_N_DOMAINS)));
    ink_buffer_text(&json, "]}");
    assert_int_equal(ink_home_read(&home, json.data, json.n_bytes, "h", NULL, NULL), INK_OK);
    ink_buffer_deinit(&json);
    return home;
}

/* Any byte that may follow, at random; ends where it may, sometimes. */
static void wander(const ink_request *request, char answer[MAX_ANSWER + 1], uint64_t *random)
{
    ink_constraint *constraint;
    ink_buffer grammar;
    ink_buffer_init(&grammar, NULL, 1 << 20);
    ink_request_grammar(request, &grammar);
    const ink_constraint_source source = {
        .kind = INK_CONSTRAINT_GRAMMAR, .text = grammar.data, .n_bytes = grammar.n_bytes};
    assert_int_equal(ink_constraint_new(&constraint, NULL, &source, NULL), INK_OK);
    size_t n = 0;
    while (n < MAX_ANSWER && !ink_constraint_must_end(constraint) &&
           (!ink_constraint_may_end(constraint) || pick(random, 4))) {
        size_t n_accepted = 0, from = pick(random, 256), i = 0;
        for (; i < 256 && !n_accepted; i++) {
            answer[n] = (char)(from + i);
            assert_int_equal(ink_constraint_accept(constraint, &answer[n], 1, &n_accepted, NULL),
                             INK_OK);
        }
        assert_int_equal(n_accepted, 1);
        n++;
    }
    assert_true(ink_constraint_may_end(constraint));
    answer[n] = '\0';
    ink_constraint_free(constraint);
    ink_buffer_deinit(&grammar);
}

static bool home_has(const ink_home *home, const ink_slot_value *value)
{
    for (uint32_t i = 0; i < home->n_things; i++)
        if (strlen(home->things[i].name) == value->n_bytes &&
            memcmp(home->things[i].name, value->text, value->n_bytes) == 0)
            return true;
    return value->n_bytes == 3 && memcmp(value->text, "all", 3) == 0;
}

static void every_answer_is_valid(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (size_t i = 0; i < N_HOMES; i++) {
        char sentence[256] = "", answer[MAX_ANSWER + 1];
        ink_home *home = random_home(&random);
        ink_request request;
        ink_reply reply;
        ink_error error = {0};
        for (size_t k = 1 + pick(&random, 12); k > 0; k--) {
            strcat(sentence, words[pick(&random, N_WORDS)]);
            strcat(sentence, " ");
        }
        uint32_t here = pick(&random, 2) ? 1 : INK_THING_NOWHERE;
        assert_int_equal(ink_request_read(&request, home, sentence, strlen(sentence), here, &error),
                         INK_OK);
        wander(&request, answer, &random);
        if (ink_reply_read(&reply, &request, answer, &error) != INK_OK)
            fail_msg("\"%s\" to \"%s\": %s", answer, sentence, error.message);
        for (size_t k = 0; k < reply.n_slots; k++) {
            ink_slot_kind kind = ink_home_slots[reply.slots[k].slot].kind;
            if (kind == INK_SLOT_IS_DEVICE || kind == INK_SLOT_IS_AREA || kind == INK_SLOT_IS_FLOOR)
                assert_true(home_has(home, &reply.slots[k]));
        }
        ink_home_free(home);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_answer_is_valid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
