/*
 * Sessions that share what is common: with the same bits as a session that is alone, whatever they
 * do in whatever order, on one thread and on several.
 */
#include "stories.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_CONTEXT 320
#define RECURRENT "golden/models/lfm2-Q8_0.gguf"  /* one layer of four attends */
#define STATES "golden/models/mamba2-Q4_K_M.gguf" /* nothing attends */
#define HYBRID "golden/models/granitehybrid-Q8_0.gguf"
#define WINDOWED "golden/models/gemma3-Q4_0.gguf" /* windows of 16 in most layers */

#define GQA "golden/models/llama-gqa-Q8_0.gguf"

typedef struct subject {
    const char *name, *cache;
    size_t window; /* of its windowed layers, in place of the model's; 0: the model's */
} subject;

static const subject subjects[] = {
    {STORIES, NULL, 0},
    {WINDOWED, NULL, 0},
    {GQA, "q4_0,q8_0", 0},
    {GQA, "q3r", 0}, /* the latest positions in two forms */
    {GQA, "q8_0/0=f32,q2r", 0},
    {WINDOWED, "q2r", 0},             /* in two forms where there is no window */
    {WINDOWED, "q3r,q2r/0=f16", 140}, /* two windows */
    {RECURRENT, NULL, 0},
    {RECURRENT, "q2r", 0},
    {STATES, NULL, 0},
    {HYBRID, NULL, 0},
    {HYBRID, "q3r", 0},
};
enum { N_SUBJECTS = sizeof subjects / sizeof *subjects, FIRST_WITH_STATES = 7 };

static ink_model *open_subject(const subject *s)
{
    ink_model *model = open_model(s->name, NULL);
    if (s->window)
        model->hparams.window = (uint32_t)s->window;
    return model;
}

static ink_session *shared_session_in(const ink_model *model, const char *cache, size_t n_batch)
{
    ink_session *session = NULL;
    ink_error error;
    const ink_session_options options = {
        .n_context = N_CONTEXT, .cache = cache, .n_batch = n_batch, .n_threads = 1};
    if (ink_session_new(&session, model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return session;
}

static ink_session *shared_session(const ink_model *model, size_t n_batch)
{
    return shared_session_in(model, NULL, n_batch);
}

/* Token `position` of a text; texts begin alike, number n differs from n - 1 behind 70 * n. */
static int32_t token_of(const ink_model *model, size_t text, size_t position)
{
    uint64_t seed = 1 + position + 1000 * (position < 70 * text ? position / 70 : text);
    (void)ink_test_random(&seed);
    return (int32_t)(ink_test_random(&seed) % model->hparams.n_vocab);
}

static void write_text(const ink_model *model, size_t text, int32_t tokens[N_CONTEXT])
{
    for (size_t i = 0; i < N_CONTEXT; i++)
        tokens[i] = token_of(model, text, i);
}

/* What the session holds gives what it gives to one that is alone. */
static void assert_as_alone(const ink_session *session, ink_session *alone)
{
    size_t n = ink_session_position(session);
    assert_int_equal(ink_session_rewind(alone, 0, NULL), INK_OK);
    if (n == 0)
        return;
    evaluate(alone, ink_session_tokens(session), n);
    assert_int_equal(ink_session_n_reused(alone), 0);
    assert_non_null(ink_session_logits(session));
    assert_memory_equal(ink_session_logits(session), ink_session_logits(alone),
                        session->model->hparams.n_vocab * sizeof(float));
}

/* Evaluates the first n tokens of a text from the begin. */
static size_t reuse(ink_session *session, size_t text, size_t n)
{
    int32_t tokens[N_CONTEXT];
    write_text(session->model, text, tokens);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    evaluate(session, tokens, n);
    return ink_session_n_reused(session);
}

/* ---- What is taken over ---------------------------------------------------------------------- */

static void full_blocks_are_taken_over(void **state)
{
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        const char *cache = subjects[i].cache;
        ink_model *model = open_subject(&subjects[i]);
        ink_session *a = shared_session_in(model, cache, 64),
                    *b = shared_session_in(model, cache, 100),
                    *alone = new_session(model, cache, N_CONTEXT, 64);
        assert_int_equal(reuse(a, 1, 63), 0);
        assert_int_equal(reuse(b, 1, 200), 0);
        assert_int_equal(reuse(a, 1, 200), 192);
        assert_as_alone(a, alone);
        /* one is left to evaluate; and where a text ended earlier a checkpoint is now made */
        assert_int_equal(reuse(a, 1, 192), i < FIRST_WITH_STATES ? 128 : 0);
        assert_as_alone(a, alone);
        assert_int_equal(reuse(a, 3, 200), 128);
        assert_as_alone(a, alone);
        assert_int_equal(reuse(a, 2, 200), 192);
        assert_as_alone(a, alone);
        assert_int_equal(reuse(a, 2, 180), 128);
        assert_as_alone(a, alone);
        ink_session_free(a);
        ink_session_free(b);
        /* nobody holds them, and they are still there, until room is asked for */
        a = shared_session_in(model, cache, 64);
        assert_int_equal(reuse(a, 1, 200), 192);
        assert_int_equal(ink_session_rewind(a, 0, NULL), INK_OK);
        ink_model_trim(model);
        assert_int_equal(reuse(a, 1, 200), 0);
        assert_as_alone(a, alone);
        ink_session_free(a);
        ink_session_free(alone);
        ink_model_free(model);
    }
}

static void one_copy_is_kept(void **state)
{
    ink_test_allocator memory;
    (void)state;
    ink_require_shared();
    ink_test_allocator_init(&memory, 0);
    ink_model *model = open_model(STORIES, &memory.allocator);
    size_t before = memory.n_bytes;
    ink_session *a = shared_session(model, 64), *b = shared_session(model, 64);
    (void)reuse(a, 0, 200);
    (void)reuse(b, 0, 200);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(a->cache.pages[0][i], b->cache.pages[0][i]);
    assert_ptr_not_equal(a->cache.pages[0][3], b->cache.pages[0][3]);
    size_t with = memory.n_bytes;
    ink_session_free(a);
    ink_session_free(b);
    assert_true(memory.n_bytes < with);
    a = shared_session(model, 64); /* has its room in what was kept */
    assert_true(memory.n_bytes <= with);
    ink_session_free(a);
    ink_model_set_pressure(model, INK_PRESSURE_SPARE);
    assert_true(memory.n_bytes < before + 4096); /* the list of what is shared */
    ink_model_free(model);
    assert_int_equal(memory.n_blocks, 0);
}

/* Blocks that were evaluated at the same time become one when they are full. */
static void twins_become_one(void **state)
{
    int32_t tokens[N_CONTEXT];
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *a = shared_session(model, 64), *b = shared_session(model, 64);
    write_text(model, 0, tokens);
    evaluate(a, tokens, 40);
    evaluate(b, tokens, 40);
    assert_ptr_not_equal(a->cache.pages[0][0], b->cache.pages[0][0]);
    evaluate(a, tokens + 40, 40);
    evaluate(b, tokens + 40, 23);
    assert_ptr_not_equal(a->cache.pages[0][0], b->cache.pages[0][0]);
    evaluate(b, tokens + 63, 1);
    assert_ptr_equal(a->cache.pages[0][0], b->cache.pages[0][0]);
    evaluate(b, tokens + 64, 16);
    assert_memory_equal(ink_session_logits(a), ink_session_logits(b),
                        model->hparams.n_vocab * sizeof(float));
    ink_session_free(a);
    ink_session_free(b);
    ink_model_free(model);
}

static void isolated_sessions_share_nothing(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *a = new_session(model, NULL, N_CONTEXT, 64), *b = shared_session(model, 64);
    (void)reuse(a, 0, 200);
    assert_int_equal(reuse(b, 0, 200), 0);
    assert_int_equal(reuse(a, 0, 200), 0);
    ink_session_free(a);
    ink_session_free(b);
    ink_model_free(model);
}

/* What comes from a file that anyone may have made is not given to others. */
static void restored_sessions_give_nothing(void **state)
{
    char folder[64], path[96];
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *a = shared_session(model, 64), *b = shared_session(model, 64);
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    (void)reuse(a, 0, 200);
    assert_int_equal(ink_session_save(a, path, &error), INK_OK);
    assert_int_equal(ink_session_rewind(a, 0, NULL), INK_OK);
    ink_model_trim(model);
    assert_int_equal(ink_session_restore(a, path, &error), INK_OK);
    evaluate(a, (int32_t[]){1, 2, 3}, 3);
    assert_int_equal(reuse(b, 0, 200), 0);
    assert_int_equal(reuse(a, 0, 200), 192); /* it begins anew, so it shares again */
    assert_int_equal(ink_session_rewind(b, 0, NULL), INK_OK);
    assert_int_equal(ink_session_spill(a, path, &error), INK_OK);
    ink_model_trim(model);
    evaluate(a, (int32_t[]){1, 2, 3}, 3); /* from its own file */
    assert_int_equal(reuse(b, 0, 200), 192);
    ink_session_free(a);
    ink_session_free(b);
    ink_model_free(model);
    ink_remove_folder(folder);
}

/* ---- Going back, forks ----------------------------------------------------------------------- */

static void forks_go_their_own_ways(void **state)
{
    int32_t tokens[N_CONTEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < 2 * N_SUBJECTS; i++) {
        ink_error error;
        const char *cache = subjects[i / 2].cache;
        ink_model *model = open_subject(&subjects[i / 2]);
        ink_session *a = i % 2 ? shared_session_in(model, cache, 64)
                               : new_session(model, cache, N_CONTEXT, 64),
                    *alone = new_session(model, cache, N_CONTEXT, 64), *b = NULL;
        write_text(model, 0, tokens);
        evaluate(a, tokens, 150);
        assert_int_equal(ink_session_fork(&b, a, &error), INK_OK);
        assert_int_equal(ink_session_position(b), 150);
        assert_as_alone(b, alone);
        evaluate(b, tokens + 10, 90);
        evaluate(a, tokens + 150, 20);
        assert_as_alone(b, alone);
        assert_as_alone(a, alone);
        assert_int_equal(ink_session_rewind(b, 100, &error), INK_OK);
        assert_null(ink_session_logits(b));
        evaluate(b, tokens, 7); /* into a block that `a` holds too */
        assert_as_alone(b, alone);
        ink_session_free(b);
        evaluate(a, tokens + 170, 5);
        assert_as_alone(a, alone);
        ink_session_free(a);
        ink_session_free(alone);
        ink_model_free(model);
    }
}

/* ---- Any order ------------------------------------------------------------------------------- */

#define N_SESSIONS 4

typedef struct crowd {
    const subject *subject;
    ink_model *model;
    ink_session *sessions[N_SESSIONS], *alone;
    uint64_t random;
    char path[96];
    size_t n_reused;
} crowd;

static size_t below(crowd *c, size_t n)
{
    return (size_t)(ink_test_random(&c->random) % n);
}

static void go_on(crowd *c, ink_session *session)
{
    static const size_t lengths[] = {1, 3, 30, 64, 65, 130, 250};
    int32_t tokens[N_CONTEXT];
    size_t at = ink_session_position(session), n = lengths[below(c, 7)], text = below(c, 4);
    if (n > N_CONTEXT - at)
        n = N_CONTEXT - at;
    if (n == 0)
        return;
    write_text(c->model, text, tokens);
    evaluate(session, tokens + at, n);
    c->n_reused += ink_session_n_reused(session);
    assert_as_alone(session, c->alone);
}

static void go_back(crowd *c, ink_session *session)
{
    size_t at = ink_session_position(session), to = below(c, 2) ? below(c, at + 1) : 0;
    assert_int_equal(ink_session_rewind(session, to, NULL), INK_OK);
    assert_int_equal(ink_session_position(session), to);
}

static void fork_into(crowd *c, ink_session *session)
{
    ink_session **place = &c->sessions[below(c, N_SESSIONS)];
    ink_session *forked = NULL;
    ink_error error;
    if (*place == session)
        return;
    if (ink_session_fork(&forked, session, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(*place);
    *place = forked;
}

static void save_and_restore(crowd *c, ink_session *session)
{
    ink_error error;
    if (ink_session_save(session, c->path, &error) != INK_OK ||
        ink_session_restore(c->sessions[below(c, N_SESSIONS)], c->path, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void spill(crowd *c, ink_session *session)
{
    ink_error error;
    if (ink_session_spill(session, c->path, &error) != INK_OK ||
        ink_session_rewind(session, ink_session_position(session) / 2, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(session); /* which may remove its file */
    for (size_t i = 0; i < N_SESSIONS; i++)
        if (c->sessions[i] == session)
            c->sessions[i] = shared_session_in(c->model, c->subject->cache, 1 + below(c, 100));
}

static void trim(crowd *c, ink_session *session)
{
    (void)session;
    ink_model_trim(c->model);
}

static void random_steps(const subject *s, uint64_t seed, const char *path, size_t n_steps)
{
    static void (*const steps[])(crowd * c, ink_session * session) = {
        go_on, go_on, go_on, go_back, go_on, go_back, fork_into, save_and_restore, spill, trim};
    crowd c = {.subject = s, .model = open_subject(s), .random = seed};
    (void)snprintf(c.path, sizeof c.path, "%s", path);
    c.alone = new_session(c.model, s->cache, N_CONTEXT, 50);
    for (size_t i = 0; i < N_SESSIONS; i++)
        c.sessions[i] = shared_session_in(c.model, s->cache, 1 + below(&c, 100));
    for (size_t i = 0; i < n_steps; i++)
        steps[below(&c, sizeof steps / sizeof *steps)](&c, c.sessions[below(&c, N_SESSIONS)]);
    assert_true(c.n_reused > 500);
    for (size_t i = 0; i < N_SESSIONS; i++)
        ink_session_free(c.sessions[i]);
    ink_session_free(c.alone);
    ink_model_free(c.model);
}

static void any_order_gives_the_same_bits(void **state)
{
    char folder[64], path[96];
    (void)state;
    ink_require_shared();
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    for (size_t i = 0; i < N_SUBJECTS; i++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            random_steps(&subjects[i], seed, path, 120);
    ink_remove_folder(folder);
}

/* ---- Several threads ------------------------------------------------------------------------- */

typedef struct worker {
    const ink_model *model;
    const char *cache;
    const float *expected; /* [4][n_vocab] */
    uint64_t random;
    bool same;
} worker;

static void *work(void *argument)
{
    worker *w = argument;
    int32_t tokens[N_CONTEXT];
    ink_session *session = NULL;
    const ink_session_options options = {
        .n_context = N_CONTEXT, .cache = w->cache, .n_batch = 64, .n_threads = 1};
    size_t row = w->model->hparams.n_vocab;
    w->same = true;
    for (int i = 0; i < 12 && w->same; i++) {
        size_t text = (size_t)(ink_test_random(&w->random) % 4);
        if (!session)
            w->same = ink_session_new(&session, w->model, &options, NULL) == INK_OK;
        write_text(w->model, text, tokens);
        w->same =
            w->same && ink_session_rewind(session, 0, NULL) == INK_OK &&
            ink_session_evaluate(session, tokens, 300, NULL, NULL, NULL) == INK_OK &&
            memcmp(ink_session_logits(session), w->expected + text * row, row * sizeof(float)) == 0;
        if (ink_test_random(&w->random) % 3 == 0) {
            ink_session_free(session);
            session = NULL;
        } else if (ink_test_random(&w->random) % 5 == 0) {
            ink_model_trim(w->model);
        }
    }
    ink_session_free(session);
    return NULL;
}

static void threads_share_one(const subject *s)
{
    enum { N_WORKERS = 3 };
    int32_t tokens[N_CONTEXT];
    worker workers[N_WORKERS];
    pthread_t threads[N_WORKERS];
    ink_model *model = open_subject(s);
    size_t row = model->hparams.n_vocab;
    float *expected = calloc(4 * row, sizeof *expected);
    ink_session *alone = new_session(model, s->cache, N_CONTEXT, 64);
    assert_non_null(expected);
    for (size_t text = 0; text < 4; text++) {
        write_text(model, text, tokens);
        assert_int_equal(ink_session_rewind(alone, 0, NULL), INK_OK);
        evaluate(alone, tokens, 300);
        memcpy(expected + text * row, ink_session_logits(alone), row * sizeof *expected);
    }
    for (size_t i = 0; i < N_WORKERS; i++) {
        workers[i] =
            (worker){.model = model, .cache = s->cache, .expected = expected, .random = 7 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < N_WORKERS; i++)
        assert_true(workers[i].same);
    ink_session_free(alone);
    free(expected);
    ink_model_free(model);
}

static void threads_share(void **state)
{
    (void)state;
    ink_require_shared();
    threads_share_one(&subjects[0]);
    threads_share_one(&(subject){GQA, "q3r", 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_blocks_are_taken_over),
        cmocka_unit_test(one_copy_is_kept),
        cmocka_unit_test(twins_become_one),
        cmocka_unit_test(isolated_sessions_share_nothing),
        cmocka_unit_test(restored_sessions_give_nothing),
        cmocka_unit_test(forks_go_their_own_ways),
        cmocka_unit_test(any_order_gives_the_same_bits),
        cmocka_unit_test(threads_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
