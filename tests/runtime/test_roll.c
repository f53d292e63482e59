/*
 * Texts without an end: what is dropped and what stays, positions inside the cache, and the same
 * bits however a text was cut, saved, forked and taken back.
 */
#include "stories.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/kernel.h"
#include "runtime/state.h"

#define N_CONTEXT 320
#define N_TEXT 700
#define GQA "golden/models/llama-gqa-Q8_0.gguf"
#define WINDOWED "golden/models/gemma3-Q4_0.gguf" /* windows of 16 in most layers */
#define HYBRID "golden/models/granitehybrid-Q8_0.gguf"

static ink_session *session_that(const ink_model *model, ink_overflow overflow, const char *cache,
                                 size_t n_batch)
{
    ink_session *session = NULL;
    ink_error error;
    const ink_session_options options = {.n_context = N_CONTEXT,
                                         .cache = cache,
                                         .n_batch = n_batch,
                                         .n_threads = n_batch % 2 ? 3 : 1,
                                         .isolated = n_batch % 3 == 0,
                                         .overflow = overflow};
    if (ink_session_new(&session, model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return session;
}

/* Reads tokens of whatever length, and one that follows; returns how many were dropped. */
static size_t read_on(ink_session *session, const int32_t *tokens, size_t n_tokens, size_t n_keep)
{
    ink_generation generation;
    ink_generated result;
    ink_error error;
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = 1;
    generation.ignore_end = true;
    generation.overflow = session->options.overflow;
    generation.n_keep = n_keep;
    if (ink_generate(session, tokens, n_tokens, &generation, &result, &error) != INK_OK)
        fail_msg("%s", error.message);
    return result.n_dropped;
}

/* The same without the one that follows, as generating does it. */
static void stream(ink_session *session, const int32_t *tokens, size_t n_tokens)
{
    for (size_t n, n_dropped; n_tokens > 0; tokens += n, n_tokens -= n) {
        ink_error error;
        if (ink_session_room(session) == 0 &&
            ink_session_roll(session, 0, &n_dropped, &error) != INK_OK)
            fail_msg("%s", error.message);
        n = ink_session_room(session) < n_tokens ? ink_session_room(session) : n_tokens;
        evaluate(session, tokens, n);
    }
}

static void assert_same(const ink_session *a, const ink_session *b)
{
    size_t n = ink_session_position(a), of_a, of_b;
    assert_int_equal(n, ink_session_position(b));
    assert_int_equal(ink_session_n_dropped(a, &of_a), ink_session_n_dropped(b, &of_b));
    assert_int_equal(of_a, of_b);
    assert_memory_equal(ink_session_tokens(a), ink_session_tokens(b), n * sizeof(int32_t));
    assert_memory_equal(ink_session_logits(a), ink_session_logits(b),
                        a->model->hparams.n_vocab * sizeof(float));
}

typedef struct subject {
    const char *name, *cache;
    ink_overflow overflow;
} subject;

static const subject subjects[] = {
    {STORIES, NULL, INK_OVERFLOW_ROLL},  {STORIES, "f32", INK_OVERFLOW_EVICT},
    {WINDOWED, NULL, INK_OVERFLOW_ROLL}, {WINDOWED, "q8_0", INK_OVERFLOW_EVICT},
    {GQA, "q3r", INK_OVERFLOW_ROLL},     {GQA, "q4r,q2r", INK_OVERFLOW_EVICT},
    {HYBRID, NULL, INK_OVERFLOW_ROLL},   {HYBRID, NULL, INK_OVERFLOW_EVICT},
    {GQA, "q4_0", INK_OVERFLOW_EVICT},
};
enum { N_SUBJECTS = sizeof subjects / sizeof *subjects };

static ink_model *open_subject(const subject *s, int32_t tokens[N_TEXT])
{
    ink_model *model = open_model(s->name, NULL);
    model->hparams.n_context = 4096; /* some were trained for less than the texts here */
    random_tokens(model, tokens, N_TEXT, 11);
    return model;
}

/* ---- What stays ------------------------------------------------------------------------------ */

static void the_first_and_the_newest_stay(void **state)
{
    int32_t tokens[N_TEXT];
    size_t n_first;
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&subjects[0], tokens);
    ink_session *session = session_that(model, INK_OVERFLOW_ROLL, NULL, 64);
    assert_int_equal(read_on(session, tokens, N_CONTEXT - 1, 70), 0);
    assert_int_equal(ink_session_n_dropped(session, &n_first), 0);
    const int32_t next = ink_session_tokens(session)[N_CONTEXT - 1];
    assert_int_equal(read_on(session, tokens + N_CONTEXT, 10, 70), INK_PAGE);
    assert_int_equal(ink_session_n_dropped(session, &n_first), INK_PAGE);
    assert_int_equal(n_first, 2 * INK_PAGE);
    const int32_t *held = ink_session_tokens(session);
    assert_int_equal(ink_session_position(session), N_CONTEXT - INK_PAGE + 11);
    assert_memory_equal(held, tokens, 128 * sizeof *tokens);
    assert_memory_equal(held + 128, tokens + 192, (N_CONTEXT - 1 - 192) * sizeof *tokens);
    assert_int_equal(held[N_CONTEXT - INK_PAGE - 1], next);
    assert_memory_equal(held + N_CONTEXT - INK_PAGE, tokens + N_CONTEXT, 10 * sizeof *tokens);
    ink_session_free(session);
    ink_model_free(model);
}

static void what_stays_is_in_order(void **state)
{
    int32_t tokens[N_TEXT];
    size_t n_first;
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&subjects[1], tokens);
    for (int32_t i = 0; i < N_TEXT; i++)
        tokens[i] = i % 512; /* of 500 in a row no two are alike */
    ink_session *session = session_that(model, INK_OVERFLOW_EVICT, NULL, 64);
    /* five blocks: one stays, the newest stays, and of three between them one is left */
    assert_int_equal(read_on(session, tokens, 340, 0), 2 * INK_PAGE);
    assert_int_equal(ink_session_n_dropped(session, &n_first), 2 * INK_PAGE);
    assert_int_equal(n_first, 0);
    const int32_t *held = ink_session_tokens(session);
    assert_int_equal(ink_session_position(session), 341 - 128);
    assert_memory_equal(held, tokens, 64 * sizeof *tokens);
    assert_memory_equal(held + 128, tokens + 256, (340 - 256) * sizeof *tokens);
    for (size_t i = 64; i < 128; i++)
        assert_true(held[i] > held[i - 1] && held[i] < 256);
    ink_session_free(session);
    ink_model_free(model);
}

static void until_then_it_is_like_any(void **state)
{
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        ink_model *model = open_subject(&subjects[i], tokens);
        ink_session *a = session_that(model, subjects[i].overflow, subjects[i].cache, 64),
                    *b = session_that(model, INK_OVERFLOW_ERROR, subjects[i].cache, 50);
        evaluate(a, tokens, N_CONTEXT - 7);
        evaluate(b, tokens, N_CONTEXT);
        evaluate(a, tokens + N_CONTEXT - 7, 7);
        assert_same(a, b);
        ink_session_free(a);
        ink_session_free(b);
        ink_model_free(model);
    }
}

/* ---- Positions ------------------------------------------------------------------------------- */

/*
 * In a model of one layer keys and values depend on their own token alone. So a session that has
 * rolled must give what a prompt of the tokens that are left gives, but for the rounding of turned
 * keys: cosines and sines are floats, each off by 2^-24 of one.
 */
static void positions_count_inside(void **state)
{
    static const char *const models[] = {
        STORIES,
        GQA,
        WINDOWED,
        "golden/models/deepseek2-Q8_0.gguf",
        "golden/models/gpt-oss-MXFP4.gguf",
        "golden/models/smollm3-Q8_0.gguf",
        "golden/models/phi2-Q4_K_M.gguf",
        "golden/models/llama-yarn-Q4_K_M.gguf",
        "golden/models/phi3-longrope-Q4_K_M.gguf",
    };
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const subject s = {models[i], "f32", INK_OVERFLOW_ROLL};
        if (!ink_shared_has(models[i]))
            fail_msg("%s is not there", models[i]);
        ink_model *model = open_subject(&s, tokens);
        model->hparams.n_layers = 1;
        model->hparams.window = model->hparams.window ? 100 : 0;
        ink_session *a = session_that(model, s.overflow, s.cache, 64),
                    *b = session_that(model, INK_OVERFLOW_ERROR, s.cache, 64);
        assert_int_equal(read_on(a, tokens, N_TEXT, 0), 384);
        evaluate(b, ink_session_tokens(a), ink_session_position(a));
        double difference = 0, size = 0;
        for (size_t k = 0; k < model->hparams.n_vocab; k++) {
            double x = ink_session_logits(a)[k], y = ink_session_logits(b)[k];
            difference = fmax(difference, fabs(x - y));
            size = fmax(size, fabs(y));
        }
        if (!(difference <= 1e-4 * size))
            fail_msg("%s: logits of up to %g differ by %g", s.name, size, difference);
        ink_session_free(a);
        ink_session_free(b);
        ink_model_free(model);
    }
}

/* ---- The same bits --------------------------------------------------------------------------- */

static void however_it_is_cut(void **state)
{
    static const size_t pieces[][4] = {{700}, {1, 318, 2, 379}, {319, 1, 1, 379}, {330, 330, 40}};
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        ink_model *model = open_subject(&subjects[i], tokens);
        ink_session *first = NULL;
        for (size_t k = 0; k < 4; k++) {
            static const size_t batches[] = {64, 7, 99, 320};
            ink_session *session =
                session_that(model, subjects[i].overflow, subjects[i].cache, batches[k]);
            for (size_t at = 0, p = 0; at < N_TEXT; at += pieces[k][p++])
                stream(session, tokens + at, pieces[k][p]);
            (void)read_on(session, tokens, 3, 0);
            if (first)
                assert_same(first, session);
            if (first)
                ink_session_free(session);
            else
                first = session;
        }
        ink_session_free(first);
        ink_model_free(model);
    }
}

static void saved_spilled_and_forked(void **state)
{
    char folder[64], path[96];
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    for (size_t i = 0; i < 2 * N_SUBJECTS; i++) {
        const subject *s = &subjects[i / 2];
        const size_t before = i % 2 ? 310 : 500; /* while it is watched, and when it has dropped */
        ink_error error;
        ink_model *model = open_subject(s, tokens);
        ink_session *a = session_that(model, s->overflow, s->cache, 64),
                    *b = session_that(model, s->overflow, s->cache, 50), *c = NULL;
        (void)read_on(a, tokens, before, 0);
        assert_int_equal(ink_session_save(a, path, &error), INK_OK);
        if (ink_session_restore(b, path, &error) != INK_OK ||
            ink_session_fork(&c, a, &error) != INK_OK ||
            ink_session_spill(a, path, &error) != INK_OK)
            fail_msg("%s: %s", s->name, error.message);
        (void)read_on(b, tokens + before, N_TEXT - before, 0);
        (void)read_on(a, tokens + before, N_TEXT - before, 0);
        assert_same(a, b);
        (void)read_on(c, tokens + before, N_TEXT - before, 0);
        assert_same(a, c);
        ink_session_free(a);
        ink_session_free(b);
        ink_session_free(c);
        ink_model_free(model);
    }
    ink_remove_folder(folder);
}

static void taken_back(void **state)
{
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        const subject *s = &subjects[i];
        ink_model *model = open_subject(s, tokens);
        for (size_t before = 310; before <= 600; before += 290) {
            size_t n_first;
            ink_session *a = session_that(model, s->overflow, s->cache, 64),
                        *b = session_that(model, s->overflow, s->cache, 99),
                        *fresh = session_that(model, INK_OVERFLOW_ERROR, s->cache, 99);
            stream(a, tokens, before);
            stream(a, tokens, 5);
            if (before < N_CONTEXT || a->cache.n_state == 0) {
                /* as far as it has seen what it holds: as if it had not been */
                assert_int_equal(ink_session_rewind(a, ink_session_position(a) - 8, NULL), INK_OK);
                stream(b, tokens, before - 3);
                stream(a, tokens + before - 3, 90);
                stream(b, tokens + before - 3, 90);
                assert_same(a, b);
            }
            /* and before that as a text of what is left */
            assert_true(ink_session_n_dropped(a, &n_first) > 0);
            assert_int_equal(ink_session_rewind(a, 100, NULL), INK_OK);
            assert_int_equal(ink_session_n_dropped(a, &n_first), 0);
            evaluate(a, tokens, 9);
            evaluate(fresh, ink_session_tokens(a), 109);
            assert_same(a, fresh);
            ink_session_free(a);
            ink_session_free(b);
            ink_session_free(fresh);
        }
        ink_model_free(model);
    }
}

/* What has lost something is not for others, nor are others' blocks for it; its begin is. */
static void only_the_begin_is_shared(void **state)
{
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < 2; i++) {
        ink_model *model = open_subject(&subjects[i], tokens);
        ink_session *a = session_that(model, subjects[i].overflow, NULL, 64),
                    *b = session_that(model, INK_OVERFLOW_ERROR, NULL, 64);
        (void)read_on(a, tokens, N_TEXT, 0);
        ink_model_trim(model);
        evaluate(b, tokens, 300);
        assert_int_equal(ink_session_n_reused(b), 64);
        assert_int_equal(ink_session_rewind(a, 64, NULL), INK_OK);
        evaluate(a, tokens + 64, 236);
        assert_int_equal(ink_session_n_reused(a), 192);
        assert_int_equal(ink_session_rewind(a, 0, NULL), INK_OK);
        (void)read_on(a, tokens, N_TEXT, 0);
        ink_session *alone = session_that(model, subjects[i].overflow, NULL, 99);
        (void)read_on(alone, tokens, N_TEXT, 0);
        assert_same(a, alone);
        ink_session_free(a);
        ink_session_free(b);
        ink_session_free(alone);
        ink_model_free(model);
    }
}

/* ---- What was read, is not read again -------------------------------------------------------- */

static size_t match(ink_session *session, const int32_t *tokens, size_t n_tokens, size_t *position)
{
    size_t n_read = SIZE_MAX;
    ink_error error;
    if (ink_session_match(session, tokens, n_tokens, &n_read, position, &error) != INK_OK)
        fail_msg("%s", error.message);
    return n_read;
}

static void assert_known(ink_session *session, const int32_t *tokens, size_t n_tokens)
{
    size_t position;
    assert_int_equal(match(session, tokens, N_TEXT, &position), n_tokens);
    assert_int_equal(position, ink_session_position(session));
}

/* With one token changed: what is left in common, if the session can go back to it as it was. */
static void assert_told_apart(ink_session *session, int32_t *tokens, size_t changed)
{
    size_t position, n_dropped = session->cache.n_dropped;
    size_t n_settled = session->cache.n_settled + n_dropped;
    tokens[changed] ^= 1;
    size_t n_read = match(session, tokens, N_TEXT, &position);
    tokens[changed] ^= 1;
    bool may = changed >= n_settled && ink_session_goes_back(session, changed - n_dropped);
    assert_int_equal(n_read, may ? changed : 0);
    assert_int_equal(position, may ? changed - n_dropped : 0);
}

static void what_was_dropped_is_known(void **state)
{
    char folder[64], path[96];
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        const subject *s = &subjects[i];
        size_t position, n_settled;
        ink_model *model = open_subject(s, tokens);
        ink_session *a = session_that(model, s->overflow, s->cache, 64),
                    *b = session_that(model, s->overflow, s->cache, 50), *c = NULL;
        stream(a, tokens, 500);
        assert_known(a, tokens, 500);
        n_settled = a->cache.n_settled + a->cache.n_dropped;
        assert_in_range(n_settled, N_CONTEXT, 498); /* so that some can be taken back */
        for (size_t changed = 0; changed < 500; changed++)
            assert_told_apart(a, tokens, changed);
        assert_int_equal(match(a, tokens, N_CONTEXT - 1, &position), 0); /* it begins alike */
        assert_int_equal(match(a, tokens, 0, &position), 0);
        assert_int_equal(ink_session_save(a, path, NULL), INK_OK);
        assert_int_equal(ink_session_restore(b, path, NULL), INK_OK);
        assert_int_equal(ink_session_fork(&c, a, NULL), INK_OK);
        assert_int_equal(ink_session_spill(a, path, NULL), INK_OK);
        assert_known(a, tokens, 500);
        assert_known(b, tokens, 500);
        stream(b, tokens + 500, N_TEXT - 500); /* drops more */
        assert_true(b->cache.n_dropped > a->cache.n_dropped);
        assert_known(b, tokens, N_TEXT);
        assert_told_apart(b, tokens, 77);
        assert_known(c, tokens, 500);
        assert_int_equal(ink_session_rewind(c, 0, NULL), INK_OK);
        assert_int_equal(match(c, tokens, N_TEXT, &position), 0);
        stream(c, tokens, 300); /* as any session: nothing is dropped */
        assert_known(c, tokens, 300);
        tokens[200] ^= 1;
        assert_int_equal(match(c, tokens, N_TEXT, &position), 200);
        assert_int_equal(position, 200);
        ink_session_free(a);
        ink_session_free(b);
        ink_session_free(c);
        ink_model_free(model);
    }
    ink_remove_folder(folder);
}

/* ---- Heat ------------------------------------------------------------------------------------ */

/* Each head of each layer gives one token's attention, all of it, once. */
static void all_that_is_seen_is_counted(void **state)
{
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&subjects[1], tokens);
    ink_session *session = session_that(model, INK_OVERFLOW_EVICT, "f32", 64);
    const ink_kv_sequence *sequence = &session->cache.sequence;
    size_t first = N_CONTEXT - INK_KV_OBSERVED;
    assert_int_equal(sequence->first_observed, first);
    evaluate(session, tokens, first);
    for (size_t i = 0; i < N_CONTEXT; i++)
        assert_int_equal(atomic_load(&sequence->heat[i]), 0);
    evaluate(session, tokens + first, INK_KV_OBSERVED);
    double sum = 0, n_heads = 0;
    for (size_t i = 0; i < N_CONTEXT; i++)
        sum += atomic_load(&sequence->heat[i]);
    for (size_t i = 0; i < model->hparams.n_layers; i++)
        n_heads += model->hparams.layers[i].n_heads;
    double all = INK_KV_OBSERVED * n_heads * (double)sequence->heat_of_one;
    /* each number is rounded down, by less than one */
    assert_true(sum <= all * (1 + 1e-5));
    assert_true(sum >= all * (1 - 1e-5) - INK_KV_OBSERVED * n_heads * N_CONTEXT);
    ink_session_free(session);
    ink_model_free(model);
}

/* The rows of a layer's keys and values, as they lie. */
static void get_rows(const ink_kv_cache *cache, size_t layer, size_t head, size_t position,
                     uint8_t key[1024], uint8_t value[1024])
{
    const ink_kv_layout *layout = &cache->layers[layer].layout;
    const char *page = cache->pages[layer][position / INK_PAGE];
    const char *keys = page + head * layout->head_bytes;
    size_t row = position % INK_PAGE;
    memset(key, 0, 1024);
    memset(value, 0, 1024);
    ink_tile_get_row(layout->k_format, key,
                     keys + row / INK_TILE_ROWS * (layout->k_bytes * INK_TILE_ROWS / INK_PAGE),
                     row % INK_TILE_ROWS,
                     layout->k_dim / ink_formats[layout->k_format].block_elements);
    memcpy(value, keys + layout->k_bytes + row * layout->v_row_bytes, layout->v_row_bytes);
}

static uint64_t heat_near(const uint32_t *heat, size_t first, size_t end, size_t i)
{
    uint64_t sum = 0;
    for (size_t j = i < first + 2 ? first : i - 2; j <= i + 2 && j < end; j++)
        sum += heat[j];
    return sum;
}

/* Some, much and equal heat, in blocks that others hold, too. */
static void the_hottest_rows_move(void **state)
{
    static const char *const caches[] = {"f32", "q8_0", "q4_0", "q4r", "q3r,q2r"};
    static uint8_t before[N_CONTEXT][2][1024], after[2][1024];
    int32_t tokens[N_TEXT], kept[N_CONTEXT];
    uint32_t heat[N_CONTEXT];
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&(subject){GQA, NULL, 0}, tokens);
    for (size_t i = 0; i < 15; i++) {
        uint64_t random = 3 + i, limit = i % 3 == 0 ? 2 : i % 3 == 1 ? 1000 : UINT32_MAX;
        ink_session *session = session_that(model, INK_OVERFLOW_EVICT, caches[i / 3], 64),
                    *other = NULL;
        ink_kv_cache *cache = &session->cache;
        evaluate(session, tokens, N_CONTEXT);
        assert_int_equal(ink_session_fork(&other, session, NULL), INK_OK);
        for (size_t p = 0; p < N_CONTEXT; p++) {
            heat[p] = (uint32_t)(ink_test_random(&random) % limit);
            atomic_store(&cache->sequence.heat[p], heat[p]);
            get_rows(cache, 1, 1, p, before[p][0], before[p][1]);
        }
        memcpy(kept, tokens, sizeof kept);
        ink_kv_cache_condense(cache, 1, 4, 2, kept);
        size_t to = 64, n_kept = 0;
        uint64_t coldest = UINT64_MAX, hottest_lost = 0;
        for (size_t from = 64; from < 256; from++) {
            uint64_t warm = heat_near(heat, 64, 256, from);
            if (to < 192)
                get_rows(cache, 1, 1, to, after[0], after[1]);
            if (to < 192 && kept[to] == tokens[from] &&
                memcmp(after[0], before[from][0], sizeof after[0]) == 0 &&
                memcmp(after[1], before[from][1], sizeof after[1]) == 0) {
                coldest = warm < coldest ? warm : coldest;
                to++, n_kept++;
            } else {
                hottest_lost = warm > hottest_lost ? warm : hottest_lost;
            }
        }
        assert_int_equal(n_kept, 128);
        assert_true(coldest >= hottest_lost);
        for (size_t p = 256; p < N_CONTEXT; p++) { /* what is behind has moved up as it was */
            get_rows(cache, 1, 1, p - 64, after[0], after[1]);
            assert_memory_equal(after, before[p], sizeof after);
        }
        for (size_t p = 0; p < N_CONTEXT; p++) { /* and nobody else has seen any of it */
            get_rows(&other->cache, 1, 1, p, after[0], after[1]);
            assert_memory_equal(after, before[p], sizeof after);
            assert_int_equal(atomic_load(&cache->sequence.heat[p]), 0);
        }
        ink_session_free(session);
        ink_session_free(other);
    }
    ink_model_free(model);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void eviction_ends_where_training_does(void **state)
{
    int32_t tokens[N_TEXT];
    ink_generation generation;
    ink_generated result;
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&subjects[1], tokens);
    model->hparams.n_context = 512;
    ink_session *session = session_that(model, INK_OVERFLOW_EVICT, NULL, 64);
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.ignore_end = true;
    generation.overflow = INK_OVERFLOW_EVICT;
    assert_int_equal(ink_generate(session, tokens, 100, &generation, &result, &error), INK_OK);
    size_t n_first, n = ink_session_position(session) + ink_session_n_dropped(session, &n_first);
    assert_int_equal(result.stop, INK_STOP_CONTEXT);
    assert_int_equal(n, 100 + result.n_tokens);
    assert_int_equal(n, 512);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    assert_int_equal(ink_generate(session, tokens, N_TEXT, &generation, &result, &error),
                     INK_LIMIT);
    assert_non_null(strstr(error.message, "512 positions"));
    ink_session_free(session);
    ink_model_free(model);
}

static void assert_refused(ink_session *session, ink_overflow overflow, size_t n_keep,
                           const char *reason)
{
    ink_generation generation;
    ink_error error;
    ink_generation_init(&generation);
    generation.overflow = overflow;
    generation.n_keep = n_keep;
    generation.max_tokens = 1;
    assert_int_equal(ink_generate(session, (const int32_t[]){1, 2}, 2, &generation, NULL, &error),
                     INK_BAD_ARGUMENT);
    if (!strstr(error.message, reason))
        fail_msg("%s", error.message);
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const models[] = {"golden/models/gpt2-Q8_0.gguf",
                                         "golden/models/bert-Q8_0.gguf"};
    static const char *const reasons[] = {"learned its positions", "keeps nothing"};
    int32_t tokens[N_TEXT];
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *model = open_subject(&subjects[0], tokens);
    ink_session *session = session_that(model, INK_OVERFLOW_ROLL, NULL, 64);
    assert_refused(session, INK_OVERFLOW_EVICT, 0, "cannot drop what is in the middle");
    assert_refused(session, INK_OVERFLOW_ROLL, 193, "n_keep");
    assert_refused(session, INK_OVERFLOW_ROLL, SIZE_MAX, "n_keep");
    (void)read_on(session, tokens, 500, 192);
    assert_refused(session, INK_OVERFLOW_ROLL, 128, "behind its first 192");
    ink_session_free(session);
    session = session_that(model, INK_OVERFLOW_ERROR, NULL, 64);
    assert_refused(session, INK_OVERFLOW_ROLL, 0, "cannot drop what is in the middle");
    ink_session_free(session);
    session = session_that(model, INK_OVERFLOW_EVICT, NULL, 64);
    assert_refused(session, INK_OVERFLOW_EVICT, 129, "n_keep");
    ink_session_free(session);
    ink_model_free(model);
    model = open_model(WINDOWED, NULL); /* what is left must be as wide as its windows */
    model->hparams.window = 130;
    session = session_that(model, INK_OVERFLOW_ROLL, NULL, 64);
    assert_refused(session, INK_OVERFLOW_ROLL, 65, "n_keep");
    ink_session_free(session);
    ink_model_free(model);
    for (size_t i = 0; i < 2; i++) {
        model = open_model(models[i], NULL);
        session = NULL;
        assert_int_equal(ink_session_new(&session, model,
                                         &(ink_session_options){.overflow = INK_OVERFLOW_ROLL},
                                         &error),
                         INK_BAD_ARGUMENT);
        if (!strstr(error.message, reasons[i]))
            fail_msg("%s", error.message);
        ink_model_free(model);
    }
}

static void others_cannot_read_its_state(void **state)
{
    char folder[64], path[96];
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    ink_model *model = open_subject(&subjects[0], tokens);
    for (size_t from = 0; from < 3; from++) {
        static const ink_overflow overflows[] = {INK_OVERFLOW_ERROR, INK_OVERFLOW_ROLL,
                                                 INK_OVERFLOW_EVICT};
        ink_session *session = session_that(model, overflows[from], NULL, 64);
        if (from == 0)
            evaluate(session, tokens, N_CONTEXT - 5);
        else
            (void)read_on(session, tokens, 500, 0);
        assert_int_equal(ink_session_save(session, path, NULL), INK_OK);
        for (size_t to = 0; to < 3; to++) {
            ink_error error = {0};
            ink_session *other = session_that(model, overflows[to], NULL, 64);
            /* a full context that nobody watched is of no use to who evicts */
            bool may = to == from || (from == 0 && to == 1);
            ink_status status = ink_session_restore(other, path, &error);
            assert_int_equal(status, may ? INK_OK : INK_BAD_ARGUMENT);
            assert_true(may || strstr(error.message, "the same overflow"));
            ink_session_free(other);
        }
        ink_session_free(session);
    }
    ink_model_free(model);
    ink_remove_folder(folder);
}

/* With whatever a file said. */
static void go_on(ink_session *session, const int32_t *tokens)
{
    size_t position, n_dropped;
    assert_in_range(match(session, tokens, N_TEXT, &position), 0, N_TEXT);
    evaluate(session, tokens, N_CONTEXT - ink_session_position(session));
    ink_status status = ink_session_roll(session, 0, &n_dropped, NULL);
    assert_true(status == INK_OK || status == INK_BAD_ARGUMENT || status == INK_LIMIT);
}

/* Numbers of the header at random, with a right checksum: refused, or of no harm. */
static void lies_about_what_was_dropped(void **state)
{
    static const int fields[] = {INK_STATE_FIELD_n_heat, INK_STATE_FIELD_n_sink_pages,
                                 INK_STATE_FIELD_n_settled, INK_STATE_FIELD_n_dropped,
                                 INK_STATE_FIELD_n_summed};
    static const uint64_t numbers[] = {0,          1,
                                       2,          3,
                                       63,         64,
                                       128,        256,
                                       N_CONTEXT,  N_CONTEXT + 1,
                                       1u << 29u,  1u << 31u,
                                       UINT64_MAX, UINT64_MAX - 63};
    char folder[64], path[96];
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    for (size_t i = 0; i < 2; i++) {
        size_t n_bytes;
        ink_model *model = open_subject(&subjects[i], tokens);
        ink_session *session = session_that(model, subjects[i].overflow, NULL, 64);
        (void)read_on(session, tokens, 500, 0);
        assert_int_equal(ink_session_save(session, path, NULL), INK_OK);
        char *bytes = ink_read_file(path, &n_bytes);
        for (size_t k = 0; k < 5 * sizeof numbers / sizeof *numbers; k++) {
            uint8_t *place = (uint8_t *)bytes + INK_STATE_MAGIC_BYTES + 8 * fields[k % 5], truth[8];
            ink_sha256 sum;
            memcpy(truth, place, sizeof truth);
            ink_state_put_u64(place, numbers[k / 5]);
            ink_sha256_init(&sum);
            ink_sha256_add(&sum, bytes, n_bytes - INK_SHA256_BYTES);
            ink_sha256_finish(&sum, (uint8_t *)bytes + n_bytes - INK_SHA256_BYTES);
            ink_write_file(path, bytes, n_bytes);
            bool changed = memcmp(truth, place, sizeof truth) != 0;
            ink_status status = ink_session_restore(session, path, NULL);
            if (k % 5 < 3 && numbers[k / 5] > 256)
                assert_true(status != INK_OK);
            assert_true(status == INK_OK || changed);
            if (status == INK_OK)
                go_on(session, tokens);
            memcpy(place, truth, sizeof truth);
        }
        free(bytes);
        ink_session_free(session);
        ink_model_free(model);
    }
    ink_remove_folder(folder);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void rolling_allocates_nothing(void **state)
{
    int32_t tokens[N_TEXT];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < 2; i++) {
        ink_test_allocator memory;
        ink_test_allocator_init(&memory, 0);
        ink_model *model = open_model(STORIES, &memory.allocator);
        random_tokens(model, tokens, N_TEXT, 11);
        ink_session *session = session_that(model, subjects[i].overflow, NULL, 64);
        size_t n_dropped = 0, n_first;
        (void)read_on(session, tokens, 100, 0);
        size_t n_calls = memory.n_calls;
        while (n_dropped < 3 * INK_PAGE) { /* as generating does it */
            if (ink_session_position(session) == N_CONTEXT)
                assert_int_equal(ink_session_roll(session, 0, &n_dropped, NULL), INK_OK);
            evaluate(session, tokens + n_dropped % 50, 1);
            n_dropped = ink_session_n_dropped(session, &n_first);
        }
        assert_int_equal(memory.n_calls, n_calls);
        ink_session_free(session);
        ink_model_free(model);
        assert_int_equal(memory.n_blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_and_the_newest_stay),
        cmocka_unit_test(what_stays_is_in_order),
        cmocka_unit_test(until_then_it_is_like_any),
        cmocka_unit_test(positions_count_inside),
        cmocka_unit_test(however_it_is_cut),
        cmocka_unit_test(saved_spilled_and_forked),
        cmocka_unit_test(taken_back),
        cmocka_unit_test(only_the_begin_is_shared),
        cmocka_unit_test(what_was_dropped_is_known),
        cmocka_unit_test(all_that_is_seen_is_counted),
        cmocka_unit_test(the_hottest_rows_move),
        cmocka_unit_test(eviction_ends_where_training_does),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(others_cannot_read_its_state),
        cmocka_unit_test(lies_about_what_was_dropped),
        cmocka_unit_test(rolling_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
