/*
 * Random operations on sessions with each kind of cache, against a session that only ever read the
 * tokens that are left: evaluating in pieces, going back, saving and restoring, giving memory back.
 * The logits have the same bits, or the operation was refused and changed nothing.
 */
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 420, N_OPERATIONS = 40 };

typedef struct journey {
    const char *model, *cache;
    size_t window; /* of its windowed layers, in place of the model's; 0: the model's */
} journey;

#define GQA "golden/models/llama-gqa-Q8_0.gguf"
#define WINDOWED "golden/models/gemma3-Q4_0.gguf" /* windows of 16 in most layers */

static const journey journeys[] = {
    {GQA, "f16", 0},        {GQA, "q4r", 0},
    {GQA, "q3r", 0},        {GQA, "q2r", 0},
    {GQA, "q3r,f16", 0},    {GQA, "f32,q2r/1=q8_0", 0},
    {WINDOWED, "q4r", 0},   {WINDOWED, "q3r", 0},
    {WINDOWED, "q2r", 200}, {WINDOWED, "q3r,q2r/0-2=q8_0", 140},
};

typedef struct traveler {
    const journey *of;
    const ink_model *model;
    ink_session *session;
    int32_t tokens[MAX_TOKENS]; /* that the session should hold */
    size_t n_tokens;
    size_t n_refused, n_rewound;
    uint64_t random;
    char path[128];
} traveler;

static size_t draw(traveler *t, size_t n)
{
    return (size_t)(ink_test_random(&t->random) >> 20) % n;
}

static ink_session *fresh_session(const traveler *t, size_t n_batch)
{
    return new_session(t->model, t->of->cache, MAX_TOKENS, n_batch);
}

/* The same as a session that has read these tokens and nothing else, in one call. */
static void compare(const traveler *t)
{
    ink_session *plain = fresh_session(t, MAX_TOKENS);
    assert_int_equal(ink_session_position(t->session), t->n_tokens);
    assert_memory_equal(ink_session_tokens(t->session), t->tokens, t->n_tokens * sizeof *t->tokens);
    evaluate(plain, t->tokens, t->n_tokens);
    const float *wanted = ink_session_logits(plain), *got = ink_session_logits(t->session);
    assert_non_null(got);
    if (memcmp(wanted, got, t->model->hparams.n_vocab * sizeof *got) != 0)
        fail_msg("%s, cache %s: other bits after %zu tokens", t->of->model, t->of->cache,
                 t->n_tokens);
    ink_session_free(plain);
}

static void read_on(traveler *t)
{
    static const size_t most[] = {1, 5, 64, 200};
    size_t n = 1 + draw(t, most[draw(t, 4)]);
    if (n > MAX_TOKENS - t->n_tokens)
        n = MAX_TOKENS - t->n_tokens;
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        t->tokens[t->n_tokens + i] = (int32_t)draw(t, t->model->hparams.n_vocab);
    evaluate(t->session, t->tokens + t->n_tokens, n);
    t->n_tokens += n;
    compare(t);
}

/* To anywhere, most often not far; then on, which is compared. */
static void go_back(traveler *t)
{
    size_t far = draw(t, 3) ? 1 + draw(t, 30) : 1 + draw(t, MAX_TOKENS);
    size_t position = far < t->n_tokens ? t->n_tokens - far : 0;
    if (ink_session_rewind(t->session, position, NULL) == INK_OK) {
        t->n_tokens = position;
        t->n_rewound++;
    } else {
        assert_true(position > 0);
        t->n_refused++;
    }
    read_on(t);
}

/* Through a file into a session with other batches. */
static void move_house(traveler *t)
{
    static const size_t batches[] = {1, 16, 64, MAX_TOKENS};
    ink_error error;
    ink_session *next = fresh_session(t, batches[draw(t, 4)]);
    evaluate(next, t->tokens, draw(t, t->n_tokens) + 1); /* which restoring replaces */
    if (ink_session_save(t->session, t->path, &error) != INK_OK ||
        ink_session_restore(next, t->path, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(t->session);
    t->session = next;
    compare(t);
}

static void sleep_and_wake(traveler *t)
{
    ink_error error;
    if (t->n_tokens == MAX_TOKENS) /* what is on the disk must come back */
        return;
    if (ink_session_spill(t->session, t->path, &error) != INK_OK)
        fail_msg("%s", error.message);
    read_on(t);
}

static void give_back_memory(traveler *t)
{
    ink_session_trim(t->session);
    read_on(t);
}

static void travel(const journey *j, const char *folder, uint64_t seed)
{
    static void (*const operations[])(traveler *) = {
        read_on, read_on, read_on, go_back, go_back, move_house, sleep_and_wake, give_back_memory};
    ink_model *model = open_model(j->model, NULL);
    traveler t = {.of = j, .model = model, .random = seed};
    if (j->window)
        model->hparams.window = (uint32_t)j->window;
    (void)snprintf(t.path, sizeof t.path, "%s/pages.state", folder);
    t.session = fresh_session(&t, 64);
    read_on(&t);
    for (int i = 0; i < N_OPERATIONS; i++)
        operations[draw(&t, sizeof operations / sizeof *operations)](&t);
    assert_true(t.n_rewound > 0);
    ink_session_free(t.session);
    ink_model_free(model);
}

static void a_journey(void **state)
{
    char folder[64];
    ink_require_shared();
    ink_temporary_folder(folder);
    travel(*state, folder, 0xbf58476d1ce4e5b9);
    travel(*state, folder, 0x2545f4914f6cdd1d);
    ink_remove_folder(folder);
}

#define N_JOURNEYS (sizeof journeys / sizeof *journeys)

int main(void)
{
    struct CMUnitTest tests[N_JOURNEYS];
    for (size_t i = 0; i < N_JOURNEYS; i++)
        tests[i] = (struct CMUnitTest){.name = journeys[i].cache,
                                       .test_func = a_journey,
                                       .initial_state = (void *)(uintptr_t)&journeys[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
