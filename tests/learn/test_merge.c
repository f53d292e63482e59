/* Models with adapters built in, against the same models with the adapters beside them. */
#include "lora_small.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf.h"

#define STORIES "weights/stories260K.gguf"

static char folder[64], text[128], one[128], two[128], out[128], again[128], stories[1024];
static const char *const texts[] = {text};

static void prepare(void)
{
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    write_lesson(text);
}

static ink_adapter teach(const char *base, const char *path, const char *targets, int64_t seed)
{
    lesson l = lesson_of(base, path, texts, 10);
    l.adapter.targets = targets;
    l.training.seed = seed;
    take_lesson(&l);
    return (ink_adapter){path, 1};
}

static ink_status merge(const char *base, const ink_adapter *adapters, size_t n, const char *type,
                        ink_error *error)
{
    const ink_merging merging = {.adapters = adapters, .n_adapters = n, .type = type};
    return ink_merge_adapters(base, out, &merging, error);
}

static double distance(const char *base, const ink_adapter *adapters, size_t n_adapters)
{
    size_t n, m;
    float *beside = logits_with(base, adapters, n_adapters, &n);
    float *built_in = logits_with(out, NULL, 0, &m);
    assert_int_equal(n, m);
    double most = largest_difference(beside, built_in, n);
    free(beside);
    free(built_in);
    return most;
}

/*
 * In floats only the order of roundings differs: 2^-24 of logits up to 20, over five layers of sums
 * of up to 172, stays far below 1e-3.
 */
static void floats_are_exact_but_for_rounding(void **state)
{
    ink_error error;
    (void)state;
    prepare();
    ink_adapter both[2] = {teach(stories, one, "all", 1), teach(stories, two, "q,down", 2)};
    both[1].scale = -0.7f;
    assert_int_equal(merge(stories, both, 1, NULL, &error), INK_OK);
    assert_true(distance(stories, both, 1) < 1e-3);
    assert_true(distance(stories, NULL, 0) > 0.1);
    assert_int_equal(merge(stories, both, 2, NULL, &error), INK_OK);
    assert_true(distance(stories, both, 2) < 1e-3);
    assert_true(distance(stories, both, 1) > 0.1);
}

/* All of scale 0: every byte of tensors and metadata, in one file. */
static void nothing_added_is_a_copy(void **state)
{
    ink_error error;
    size_t n, m;
    (void)state;
    prepare();
    ink_adapter none = teach(stories, one, "all", 1);
    none.scale = 0;
    assert_int_equal(merge(stories, &none, 1, NULL, &error), INK_OK);
    float *base = logits_with(stories, NULL, 0, &n), *copy = logits_with(out, NULL, 0, &m);
    assert_int_equal(n, m);
    assert_memory_equal(base, copy, n * sizeof *base);
    free(base);
    free(copy);
}

static const ink_gguf_tensor *tensor_of(ink_gguf **gguf, const char *path, const char *name)
{
    ink_error error;
    assert_int_equal(ink_gguf_open(gguf, path, NULL, &error), INK_OK);
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(*gguf, name);
    assert_non_null(tensor);
    return tensor;
}

static void assert_type(const char *name, const char *type)
{
    ink_gguf *gguf;
    assert_string_equal(tensor_of(&gguf, out, name)->type_name, type);
    ink_gguf_free(gguf);
}

/* Each format errs by about its step; what is not changed keeps its own. */
static void types(void **state)
{
    static const struct {
        const char *name;
        double most;
    } kinds[] = {{"F32", 1e-3}, {"f16", 0.05}, {"BF16", 0.5}, {"Q8_0", 0.5},
                 {"Q5_1", 2},   {"IQ4_NL", 4}, {"Q4_0", 8}};
    double last = 0;
    ink_error error;
    (void)state;
    prepare();
    const ink_adapter adapter = teach(stories, one, "q,k,v,o", 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(merge(stories, &adapter, 1, kinds[i].name, &error), INK_OK);
        double now = distance(stories, &adapter, 1);
        if (!(now > 0 && now < kinds[i].most))
            fail_msg("%s: logits differ by %g", kinds[i].name, now);
        assert_type("blk.2.ffn_up.weight", "F32");
        last = now;
    }
    assert_true(last > 0.05);
    assert_type("blk.2.attn_q.weight", "Q4_0");
    /* and what was merged is a base like others */
    ink_adapter more = teach(out, two, "all", 3);
    assert_true(distance(out, &more, 1) > 0.05);
}

static void own_formats(void **state)
{
    static const struct {
        const char *model;
        double most; /* of what the adapter changes */
    } kinds[] = {{"llama-types-Q8_0", 0.5},
                 {"llama-types-F16", 0.5},
                 {"llama-types-BF16", 0.5},
                 {"llama-types-Q6_K", 0.75}};
    char relative[128], base[1024];
    ink_error error;
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", kinds[i].model);
        ink_shared_path(relative, base, sizeof base);
        const ink_adapter adapter = teach(base, one, "q,v", 1);
        assert_int_equal(merge(base, &adapter, 1, NULL, &error), INK_OK);
        assert_type("blk.0.attn_q.weight", strrchr(kinds[i].model, '-') + 1);
        double without = distance(base, NULL, 0), with = distance(base, &adapter, 1);
        if (!(with < kinds[i].most * without))
            fail_msg("%s: logits differ by %g, without the adapter by %g", kinds[i].model, with,
                     without);
    }
}

static void refusals(void **state)
{
    char base[1024];
    ink_error error;
    (void)state;
    prepare();
    ink_shared_path("golden/models/llama-types-Q4_K_M.gguf", base, sizeof base);
    const ink_adapter k = teach(base, one, "q", 1), other = teach(stories, two, "all", 1);
    ink_write_file(out, "as it was", 9);
    assert_int_equal(merge(stories, &other, 1, "Q4_K", &error), INK_BAD_ARGUMENT);
    assert_int_equal(merge(base, &k, 1, "Q9", &error), INK_BAD_ARGUMENT);
    assert_int_equal(merge(base, &other, 1, "F16", &error), INK_BAD_ARGUMENT);
    assert_int_equal(merge(stories, &other, 1, "Q8_0", &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "ffn_down.weight has rows of 172 values"));
    assert_int_equal(merge(stories, NULL, 0, NULL, &error), INK_BAD_ARGUMENT);
    const ink_adapter far = {two, 1e30f};
    assert_int_equal(merge(stories, &far, 1, "F16", &error), INK_CORRUPT);
    assert_non_null(strstr(error.message, "which F16 cannot"));
    size_t n;
    char *left = ink_read_file(out, &n);
    assert_true(n == 9 && memcmp(left, "as it was", 9) == 0);
    free(left);
    assert_int_equal(merge(base, &k, 1, "Q8_0", &error), INK_OK);
}

static bool cancel(void *context, float part)
{
    size_t *n = context;
    (void)part;
    return ++*n < 5;
}

static void progress_may_cancel(void **state)
{
    size_t n = 0;
    ink_error error;
    (void)state;
    prepare();
    const ink_adapter adapter = teach(stories, one, "q", 1);
    const ink_merging merging = {
        .adapters = &adapter, .n_adapters = 1, .progress = {.report = cancel, .context = &n}};
    assert_int_equal(ink_merge_adapters(stories, again, &merging, &error), INK_CANCELLED);
    assert_int_equal(n, 5);
    FILE *file = fopen(again, "rb");
    assert_null(file);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(text, sizeof text, "%s/text", folder);
    (void)snprintf(one, sizeof one, "%s/one.gguf", folder);
    (void)snprintf(two, sizeof two, "%s/two.gguf", folder);
    (void)snprintf(out, sizeof out, "%s/out.gguf", folder);
    (void)snprintf(again, sizeof again, "%s/again.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_exact_but_for_rounding),
        cmocka_unit_test(nothing_added_is_a_copy),
        cmocka_unit_test(types),
        cmocka_unit_test(own_formats),
        cmocka_unit_test(refusals),
        cmocka_unit_test(progress_may_cancel),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
