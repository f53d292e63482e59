/*
 * Attention over cache pages against its definition in double precision over what the cache format
 * keeps, in all variants that models have; and what a token gets does not depend on the batch, the
 * threads, or other sequences.
 */
#include "timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Sums of up to 1200 weighted terms of magnitude 1 whose weights add up to 1, and exp to 1e-6:
 * derived as in test_ops.
 */
#define TOLERANCE 1e-5
#define MOST_TOKENS 2100

static const variant variants[] = {
    {"one_head", INK_FORMAT_F32, 1, 1, 16, 16, 20, 20, 0, 0, false, false, false, false, 0, 0},
    {"groups", INK_FORMAT_F32, 8, 2, 32, 32, 70, 70, 0, 0, false, false, false, false, 0, 0},
    {"narrow_values", INK_FORMAT_F32, 4, 4, 24, 7, 70, 70, 0, 0, false, false, false, false, 0, 0},
    {"odd_heads", INK_FORMAT_F16, 6, 3, 5, 11, 70, 70, 0, 0, false, false, false, false, 0, 0},
    {"f16", INK_FORMAT_F16, 4, 2, 32, 32, 130, 130, 0, 0, false, false, false, false, 0, 0},
    {"q8_0", INK_FORMAT_Q8_0, 4, 2, 64, 32, 130, 130, 0, 0, false, false, false, false, 0, 0},
    {"q4_0", INK_FORMAT_Q4_0, 4, 2, 32, 64, 130, 130, 0, 0, false, false, false, false, 0, 0},
    {"soft_cap", INK_FORMAT_F32, 4, 2, 16, 16, 70, 70, 2.5f, 0, false, false, false, false, 0, 0},
    {"window_of_one", INK_FORMAT_F32, 2, 1, 16, 16, 70, 70, 0, 1, false, false, false, false, 0, 0},
    {"window", INK_FORMAT_F32, 4, 2, 16, 16, 200, 200, 0, 16, false, false, false, false, 0, 0},
    {"window_of_a_page", INK_FORMAT_F16, 4, 2, 16, 16, 200, 200, 0, 64, false, false, false, false,
     0, 0},
    {"window_and_sinks", INK_FORMAT_F32, 4, 2, 16, 16, 200, 200, 0, 65, false, true, false, false,
     0, 0},
    {"sinks", INK_FORMAT_F32, 4, 2, 16, 16, 70, 70, 0, 0, false, true, false, false, 0, 0},
    {"both_ways", INK_FORMAT_F32, 4, 2, 16, 16, 130, 130, 0, 0, true, false, false, false, 0, 0},
    {"both_ways_in_a_window", INK_FORMAT_F32, 4, 2, 16, 16, 130, 130, 0, 16, true, false, false,
     false, 0, 0},
    {"chunks", INK_FORMAT_F32, 2, 1, 16, 16, 1100, 90, 0, 0, false, false, false, false, 0, 0},
    {"chunks_in_a_window", INK_FORMAT_F16, 2, 1, 16, 16, 1200, 90, 0, 1050, false, true, false,
     false, 0, 0},
    {"three_chunks_q8_0", INK_FORMAT_Q8_0, 2, 1, 32, 32, 2100, 40, 0, 0, false, false, false, false,
     0, 0},
    {"rotated_q8_0", INK_FORMAT_Q8_0, 4, 2, 64, 96, 130, 130, 0, 0, false, false, true, false, 0,
     0},
    {"rotated_q4", INK_FORMAT_IQ4_NL, 4, 2, 64, 32, 130, 130, 0, 0, false, false, true, false, 0,
     0},
    {"rotated_q3", INK_FORMAT_G3, 6, 2, 96, 64, 130, 130, 0, 0, false, false, true, false, 0, 0},
    {"recent_q3", INK_FORMAT_G3, 4, 2, 32, 64, 300, 300, 0, 0, false, false, true, false, 100, 0},
    {"recent_q2", INK_FORMAT_G3, 8, 1, 64, 64, 300, 300, 5, 0, false, true, true, true, 128, 0},
    {"recent_one", INK_FORMAT_G3, 4, 2, 32, 32, 200, 200, 0, 0, false, false, true, true, 1, 0},
    {"recent_window", INK_FORMAT_G3, 4, 2, 32, 32, 400, 90, 0, 200, false, true, true, false, 70,
     0},
    {"recent_chunks", INK_FORMAT_G3, 2, 1, 32, 32, 1200, 90, 0, 0, false, false, true, true, 128,
     0},
    {"sink_page", INK_FORMAT_F32, 4, 2, 16, 16, 200, 200, 0, 0, false, false, false, false, 0, 1},
    {"sink_pages_q8_0", INK_FORMAT_Q8_0, 8, 2, 32, 32, 300, 300, 0, 0, false, true, false, false, 0,
     2},
    {"sink_pages_recent", INK_FORMAT_G3, 4, 2, 32, 64, 300, 300, 5, 0, false, false, true, true,
     128, 1},
    {"sink_pages_in_a_window", INK_FORMAT_F16, 4, 2, 16, 16, 200, 200, 0, 150, false, false, false,
     false, 0, 1},
    {"chunks_of_sinks", INK_FORMAT_F32, 2, 1, 16, 16, 1200, 90, 0, 0, false, false, false, false, 0,
     17},
};

#define N_VARIANTS (sizeof variants / sizeof *variants)

/* ---- The definition. */

static void as_stored(ink_format format, bool rotated, double *y, const float *x, size_t n)
{
    float blocks[256], floats[256];
    assert_true(n <= 256);
    memcpy(floats, x, n * sizeof *x);
    if (rotated)
        ink_rotate(floats, n);
    assert_true(ink_encode(format, blocks, floats, n) ||
                ink_encode_levels(format, blocks, floats, n));
    ink_decode(format, floats, blocks, n / ink_formats[format].block_elements);
    for (size_t i = 0; i < n; i++)
        y[i] = floats[i];
}

/* Times the orthonormal Hadamard matrix, whose signs are parities, in blocks of a power of two. */
static void rotate_exactly(double *x, size_t n)
{
    size_t block = n & (~n + 1);
    for (size_t first = 0; first < n; first += block) {
        double y[256] = {0};
        for (size_t i = 0; i < block; i++)
            for (size_t j = 0; j < block; j++)
                y[i] += __builtin_parityll(i & j) ? -x[first + j] : x[first + j];
        for (size_t i = 0; i < block; i++)
            x[first + i] = y[i] / sqrt((double)block);
    }
}

/* What a token sees of a position: its latest in Q8_0. */
static ink_format format_seen(const variant *v, bool values, size_t token, size_t position)
{
    const ink_kv_layout layout = {.n_recent = v->n_recent};
    if (v->n_recent > 0 && position / INK_PAGE >= ink_kv_first_recent(&layout, token))
        return INK_FORMAT_Q8_0;
    return values && v->narrow_values ? INK_FORMAT_G2 : v->format;
}

/* Queries meet quantized keys quantized. */
static void as_asked(ink_format format, bool rotated, double *y, const float *given, size_t n)
{
    float x[256];
    memcpy(x, given, n * sizeof *x);
    if (rotated)
        ink_rotate(x, n);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    for (size_t group = 0; ink_format_takes_q8(format) && group < n / INK_Q8_GROUP; group++) {
        ink_q8 q;
        ink_quantize_q8_c(&q, x + group * INK_Q8_GROUP, 1);
        for (size_t i = 0; i < INK_Q8_GROUP; i++)
            y[group * INK_Q8_GROUP + i] = (double)q.d * q.q[i];
    }
}

static bool sees(const variant *v, size_t from, size_t to)
{
    size_t distance = from > to ? from - to : to - from;
    if (v->looks_ahead)
        return !v->window || distance <= v->window / 2;
    return to <= from && (!v->window || distance < v->window);
}

/* Positions of sink pages are asked with another query. */
static void query_of(const timeline *t, size_t token, size_t head, size_t position, double *query)
{
    const variant *v = t->v;
    const float *q = position / INK_PAGE < v->n_sink_pages ? t->for_sinks : t->q;
    as_asked(v->format, v->rotated, query, q + (token * v->n_heads + head) * v->k_dim, v->k_dim);
}

static double score_of(const timeline *t, size_t token, size_t head, const double *query,
                       size_t position)
{
    const variant *v = t->v;
    size_t kv_head = head / (v->n_heads / v->n_kv_heads);
    double key[256], score = 0;
    as_stored(format_seen(v, false, token, position), v->rotated, key,
              t->k + (position * v->n_kv_heads + kv_head) * v->k_dim, v->k_dim);
    for (size_t i = 0; i < v->k_dim; i++)
        score += query[i] * key[i];
    score /= sqrt((double)v->k_dim);
    return v->soft_cap > 0 ? v->soft_cap * tanh(score / v->soft_cap) : score;
}

/* `seen` [n_tokens]: to each position the part of attention that it gets is added. */
static void define(const timeline *t, size_t token, size_t head, double *y, double *seen)
{
    const variant *v = t->v;
    size_t kv_head = head / (v->n_heads / v->n_kv_heads);
    double query[256], value[256],
        sum = v->sinks ? exp(t->sinks[head]) : 0; /* scores are small: no maximum needed */
    double parts[MOST_TOKENS] = {0};
    assert_true(v->n_tokens <= MOST_TOKENS);
    memset(y, 0, v->v_dim * sizeof *y);
    for (size_t position = 0; position < v->n_tokens; position++) {
        if (!sees(v, token, position))
            continue;
        query_of(t, token, head, position, query);
        double p = parts[position] = exp(score_of(t, token, head, query, position));
        as_stored(format_seen(v, true, token, position), v->rotated, value,
                  t->val + (position * v->n_kv_heads + kv_head) * v->v_dim, v->v_dim);
        for (size_t i = 0; i < v->v_dim; i++)
            y[i] += p * value[i];
        sum += p;
    }
    for (size_t i = 0; i < v->v_dim; i++)
        y[i] /= sum;
    for (size_t position = 0; position < v->n_tokens; position++)
        seen[position] += parts[position] / sum;
    if (v->rotated)
        rotate_exactly(y, v->v_dim);
}

/* Each probability is rounded down to a unit; scores are off as results are. */
static void check_heat(const timeline *t, const double *seen)
{
    const variant *v = t->v;
    const double one = (double)t->sequence.heat_of_one;
    for (size_t i = 0; t->sequence.heat && i < v->n_tokens; i++) {
        double heat = t->heat[i], wanted = v->window ? 0 : seen[i] * one;
        double n = (double)(OBSERVED * v->n_heads);
        if (heat > wanted * (1 + TOLERANCE) || heat < wanted * (1 - TOLERANCE) - n)
            fail_msg("%s: position %zu has %g of attention instead of %g", v->name, i, heat,
                     wanted);
    }
}

static void a_variant(void **state)
{
    const variant *v = *state;
    timeline t;
    timeline_init(&t, v, 0x2545f4914f6cdd1d);
    size_t batch = v->n_tokens < 600 ? v->n_tokens : 512;
    float *got = attend_all(&t, v->looks_ahead ? v->n_tokens : batch, 2);
    double seen[2][MOST_TOKENS] = {{0}, {0}}; /* by those who are observed; by others */
    for (size_t token = v->n_tokens - v->n_checked; token < v->n_tokens; token++) {
        for (size_t head = 0; head < v->n_heads; head++) {
            double wanted[256];
            define(&t, token, head, wanted, seen[token < t.sequence.first_observed]);
            ink_assert_close(got + (token * v->n_heads + head) * v->v_dim, wanted, v->v_dim,
                             TOLERANCE, v->name);
        }
    }
    check_heat(&t, seen[0]);
    free(got);
    timeline_deinit(&t);
}

/* ---- Independence. */

static void batches_and_threads_change_no_bit(void **state)
{
    static const size_t batches[] = {1, 7, 64, 100};
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const variant *v = &variants[i];
        timeline t;
        if (v->looks_ahead || v->n_tokens > 1200)
            continue;
        timeline_init(&t, v, 0x9e3779b97f4a7c15);
        size_t n_bytes = v->n_tokens * v->n_heads * v->v_dim * sizeof(float);
        float *wanted = attend_all(&t, 512, 1);
        uint32_t *heat = malloc(v->n_tokens * sizeof *heat);
        assert_non_null(heat);
        memcpy(heat, t.heat, v->n_tokens * sizeof *heat);
        for (size_t b = v->n_tokens > 600 ? 1 : 0; b < 4; b++) {
            float *got = attend_all(&t, batches[b], 1 + (int)b % 3);
            if (memcmp(wanted, got, n_bytes) != 0 ||
                memcmp(heat, t.heat, v->n_tokens * sizeof *heat) != 0)
                fail_msg("%s: a batch of %zu gives other bits", v->name, batches[b]);
            free(got);
        }
        free(wanted);
        free(heat);
        timeline_deinit(&t);
    }
}

/* Three sequences of different age, their tokens mixed in one batch: every other order of turns. */
static void sequences_in_one_batch_do_not_see_each_other(void **state)
{
    enum { N = 3, LAST = 12 };
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const variant *v = &variants[i];
        variant ages[N] = {*v, *v, *v};
        timeline t[N];
        float *alone[N];
        place places[N * LAST];
        size_t y_size = v->n_heads * v->v_dim, n_places = 0;
        if (v->looks_ahead || v->n_tokens < 70 || v->n_tokens > 600)
            continue;
        for (size_t s = 0; s < N; s++) {
            ages[s].n_tokens -= s * 15;
            timeline_init(&t[s], &ages[s], 77 + s);
            memcpy(t[s].sinks, t[0].sinks,
                   sizeof t[s].sinks); /* of the layer, so the same for all */
            alone[s] = attend_all(&t[s], 512, 1);
            t[s].sequence.n_positions = ages[s].n_tokens - LAST;
        }
        for (size_t j = 0; j < N * LAST; j++) {
            size_t s = j / 4 % N, turn = j / (4 * N) * 4 + j % 4;
            places[n_places++] = (place){&t[s], ages[s].n_tokens - LAST + turn};
        }
        float *got = attend(places, n_places, 2);
        for (size_t j = 0; j < n_places; j++) {
            size_t s = (size_t)(places[j].of - t);
            if (memcmp(got + j * y_size, alone[s] + places[j].position * y_size,
                       y_size * sizeof *got) != 0)
                fail_msg("%s: token %zu of sequence %zu is another than alone", v->name,
                         places[j].position, s);
        }
        for (size_t s = 0; s < N; s++) {
            free(alone[s]);
            timeline_deinit(&t[s]);
        }
        free(got);
    }
}

/* Pages that have left the window are gone: nothing may read them. */
static void windows_do_not_read_what_was_given_back(void **state)
{
    (void)state;
    const variant v = {"given back", INK_FORMAT_F16, 4,     2,     16,    16, 300, 0, 0,
                       40,           false,          false, false, false, 0,  0};
    timeline t;
    timeline_init(&t, &v, 0xda3e39cb94b95bdb);
    size_t y_size = v.n_heads * v.v_dim, n_last = 20;
    float *wanted = attend_all(&t, 512, 1);
    place places[20];
    for (size_t i = 0; i < n_last; i++)
        places[i] = (place){&t, v.n_tokens - n_last + i};
    void **pages = t.pages[0], *kept[3] = {pages[0], pages[1], pages[2]};
    pages[0] = pages[1] = pages[2] = NULL; /* token 280 sees 241 to 280; page 3 begins at 192 */
    float *got = attend(places, n_last, 2);
    assert_memory_equal(got, wanted + (v.n_tokens - n_last) * y_size,
                        n_last * y_size * sizeof *got);
    memcpy(pages, kept, sizeof kept);
    free(got);
    free(wanted);
    timeline_deinit(&t);
}

/*
 * A position is seen in one form at a time: what the other form holds then does not matter, and its
 * page may be gone.
 */
static void each_form_is_read_where_it_counts(void **state)
{
    (void)state;
    const variant v = {"forms", INK_FORMAT_G3, 4,     2,    32,   32,  300, 0, 0,
                       0,       false,         false, true, true, 100, 0};
    timeline t;
    timeline_init(&t, &v, 0x94d049bb133111eb);
    size_t y_size = v.n_heads * v.v_dim, n_last = 20; /* token 280 sees 181 on as they came */
    float *wanted = attend_all(&t, 512, 1);
    place places[20];
    for (size_t i = 0; i < n_last; i++)
        places[i] = (place){&t, v.n_tokens - n_last + i};
    void *kept[2] = {t.pages[1][0], t.pages[1][1]};
    t.pages[1][0] = t.pages[1][1] = NULL;
    for (size_t page = 3; page * INK_PAGE < v.n_tokens; page++)
        memset(t.pages[0][page], 0x7f, t.layouts[0].page_bytes);
    float *got = attend(places, n_last, 2);
    assert_memory_equal(got, wanted + (v.n_tokens - n_last) * y_size,
                        n_last * y_size * sizeof *got);
    memcpy(t.pages[1], kept, sizeof kept);
    free(got);
    free(wanted);
    timeline_deinit(&t);
}

int main(void)
{
    struct CMUnitTest tests[N_VARIANTS + 4] = {
        cmocka_unit_test(batches_and_threads_change_no_bit),
        cmocka_unit_test(sequences_in_one_batch_do_not_see_each_other),
        cmocka_unit_test(windows_do_not_read_what_was_given_back),
        cmocka_unit_test(each_form_is_read_where_it_counts),
    };
    for (size_t i = 0; i < N_VARIANTS; i++)
        tests[4 + i] = (struct CMUnitTest){.name = variants[i].name,
                                           .test_func = a_variant,
                                           .initial_state = (void *)(uintptr_t)&variants[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
