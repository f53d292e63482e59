/* What a cache is written as, what it comes to, and how formats are chosen. */
#include "stories.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/cache_spec.h"

#define GQA "golden/models/llama-gqa-Q8_0.gguf" /* heads of 32 */

static void the_header_names_all_formats(void **state)
{
    char names[200] = "";
    (void)state;
    for (size_t i = 0; ink_cache_format_name(i); i++)
        (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "|" : "",
                       ink_cache_format_name(i));
    assert_string_equal(names, INK_CACHE_FORMATS);
}

typedef struct spelling {
    const char *text, *keys, *values; /* a letter a layer: the row of the format */
} spelling;

/* 0 f32, 1 f16, 2 q8_0, 3 q4r, 4 q4_0, 5 q3r, 6 q2r */
static const spelling spellings[] = {
    {NULL, "1111", "1111"},         {"f32", "0000", "0000"},
    {"F16", "1111", "1111"},        {"q3r,q2r", "5555", "6666"},
    {"q8_0/1=q4r", "2322", "2322"}, {"q8_0/1-2=q4r,q2r/2=f16", "2312", "2612"},
    {"0-3=q4_0", "4444", "4444"},   {"0-1=q4_0/2-3=q8_0,f16", "4422", "4411"},
    {"3=f16/q8_0", "2222", "2222"},
};

static void spellings_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        const spelling *s = &spellings[i];
        ink_cache_spec spec;
        ink_error error;
        if (ink_cache_spec_read(&spec, s->text, 4, &error) != INK_OK)
            fail_msg("%s: %s", s->text, error.message);
        for (size_t layer = 0; layer < 4; layer++) {
            assert_int_equal(spec.keys[layer], s->keys[layer] - '0');
            assert_int_equal(spec.values[layer], s->values[layer] - '0');
        }
        assert_true(!s->text || ink_cache_check(s->text, NULL) == INK_OK);
    }
}

typedef struct mistake {
    const char *text, *reason;
    uint64_t offset;
} mistake;

static const mistake mistakes[] = {
    {"", "use f32, f16", 0},
    {"q9", "use f32, f16, q8_0, q4r, q4_0, q3r or q2r", 0},
    {"f1", "use f32", 0},
    {"f166", "use f32", 0},
    {"f16,", "use f32", 4},
    {"f16,q9", "use f32", 4},
    {"f16,f16,f16", "an unknown sign", 7},
    {"f16 ", "an unknown sign", 3},
    {"f16/", "use f32", 4},
    {"/f16", "use f32", 0},
    {"f16/4=f16", "no such layer", 4},
    {"f16/99999999999999999999999=f16", "no such layer", 4},
    {"f16/2-1=f16", "wrong order", 7},
    {"f16/1-=f16", "a layer is missing", 6},
    {"f16/1", "no = behind layers", 5},
    {"f16/1=", "use f32", 6},
    {"0-2=f16", "has no format", 7},
    {"f16/-1=f16", "use f32", 4},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        ink_cache_spec spec;
        ink_error error = {.status = INK_OK};
        assert_int_equal(ink_cache_spec_read(&spec, mistakes[i].text, 4, &error), INK_BAD_ARGUMENT);
        if (!strstr(error.message, mistakes[i].reason) || error.offset != mistakes[i].offset)
            fail_msg("\"%s\": %s (byte %d)", mistakes[i].text, error.message, (int)error.offset);
    }
}

static void names_tell_caches_apart(void **state)
{
    static const char *const texts[] = {"f16",        "q3r",        "q3r,q2r",  "q2r",
                                        "f16/3=q8_0", "f16/2=q8_0", "q3r/0=f16"};
    enum { N = sizeof texts / sizeof *texts };
    char names[N][INK_CACHE_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        ink_cache_spec spec;
        assert_int_equal(ink_cache_spec_read(&spec, texts[i], 4, NULL), INK_OK);
        ink_cache_spec_name(&spec, 4, names[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(names[i], names[j], INK_CACHE_NAME_BYTES);
    }
    assert_string_equal(names[1], "Q3R");
    assert_memory_equal(names[4], "MIXED ", 6);
}

static void heads_that_do_not_fit(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL); /* heads of 8 */
    for (size_t i = 2; ink_cache_format_name(i); i++) {
        const ink_session_options options = {.cache = ink_cache_format_name(i)};
        ink_session *session = NULL;
        ink_error error;
        assert_int_equal(ink_session_new(&session, model, &options, &error), INK_BAD_ARGUMENT);
        assert_true(strstr(error.message, options.cache) &&
                    strstr(error.message, "multiple of 32"));
    }
    ink_model_free(model);
}

static ink_cache_info info_of(const ink_model *model, const char *cache)
{
    ink_cache_info info;
    ink_error error;
    if (ink_cache_get_info(model, cache, &info, &error) != INK_OK)
        fail_msg("%s", error.message);
    return info;
}

/* What a plan says grows by what the information says, page by page. */
static void info_is_what_a_plan_says(void **state)
{
    static const char *const caches[] = {"f32", "q8_0", "q4r", "q3r", "q2r", "q3r/1=f16,q2r"};
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(GQA, NULL);
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        ink_session_plan small, large;
        ink_session_options options = {
            .cache = caches[i], .n_context = 1024, .n_batch = 64, .n_threads = 1};
        assert_int_equal(ink_session_plan_memory(model, &options, &small, NULL), INK_OK);
        options.n_context = 3072;
        assert_int_equal(ink_session_plan_memory(model, &options, &large, NULL), INK_OK);
        assert_int_equal(large.cache_bytes - small.cache_bytes,
                         2048 * info_of(model, caches[i]).position_bytes);
    }
    assert_true(fabs(info_of(model, "f16").bits - 16) < 1e-9);
    assert_true(fabs(info_of(model, "q4r").bits - 4.5) < 1e-9);
    assert_true(fabs(info_of(model, "q2r").bits - 3) < 1e-9);
    assert_int_equal(info_of(model, "q4_0").n_recent, 0);
    assert_int_equal(info_of(model, "q4_0,q2r").n_recent, 128);
    ink_model_free(model);
}

/* ---- Choosing */

/* A price for each layer and side: values of layer 0 are dear, keys of layer 1 cost nothing. */
typedef struct prices {
    size_t n_asked, fail_at;
} prices;

static ink_status tell_price(void *context, const char *cache, double *distance, ink_error *error)
{
    prices *p = context;
    size_t layer;
    char keys[16], values[16];
    if (++p->n_asked == p->fail_at) {
        if (error)
            *error = (ink_error){.status = INK_CANCELLED};
        return INK_CANCELLED;
    }
    assert_int_equal(sscanf(cache, "f16/%zu=%15[^,],%15s", &layer, keys, values), 3);
    assert_int_equal(ink_cache_check(cache, NULL), INK_OK);
    bool of_values = strcmp(keys, "f16") == 0;
    double narrow = strcmp(of_values ? values : keys, "q4r") == 0 ? 1 : 3;
    *distance = layer == 0 && of_values ? 100 * narrow : layer == 1 && !of_values ? 0 : narrow;
    return INK_OK;
}

static void choice_follows_prices(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(GQA, NULL);
    size_t n_layers = model->hparams.n_layers;
    ink_string chosen = {0};
    ink_error error;
    prices p = {0};
    const ink_cache_measure measure = {tell_price, &p};
    for (double bits = 8; bits >= 3.5; bits -= 0.5) {
        ink_cache_spec spec;
        p.n_asked = 0;
        if (ink_cache_choose(model, bits, &measure, &chosen, &error) != INK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(p.n_asked, n_layers * 5); /* q4r, q3r; q4r, q3r, q2r */
        assert_true(info_of(model, chosen.data).bits <= bits);
        assert_int_equal(ink_cache_spec_read(&spec, chosen.data, n_layers, NULL), INK_OK);
        assert_int_equal(strlen(chosen.data), chosen.n_bytes);
        if (bits <= 7)
            assert_string_equal(ink_cache_format_name(spec.keys[1]), "q3r"); /* for nothing */
        if (bits >= 4.5)
            assert_string_equal(ink_cache_format_name(spec.values[0]), "q8_0");
    }
    assert_int_equal(ink_cache_choose(model, 3, &measure, &chosen, &error), INK_OK);
    assert_string_equal(chosen.data, "q3r,q2r");
    p.n_asked = 0;
    assert_int_equal(ink_cache_choose(model, 2.9, &measure, &chosen, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "come to 3"));
    assert_int_equal(p.n_asked, 0); /* nothing is measured in vain */
    assert_string_equal(chosen.data, "q3r,q2r");
    p.fail_at = 3;
    assert_int_equal(ink_cache_choose(model, 4, &measure, &chosen, &error), INK_CANCELLED);
    ink_string_free(&chosen);
    ink_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_names_all_formats), cmocka_unit_test(spellings_are_read),
        cmocka_unit_test(mistakes_are_named),           cmocka_unit_test(names_tell_caches_apart),
        cmocka_unit_test(heads_that_do_not_fit),        cmocka_unit_test(info_is_what_a_plan_says),
        cmocka_unit_test(choice_follows_prices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
