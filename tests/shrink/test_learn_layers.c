/* Codes and scales that are learned: the same however it runs. e2e/quantize.sh has the gain. */
#include "small.h"

#include <stdio.h>
#include <string.h>
#include "quant/learned.h"
#include "quant/quantize.h"

static small s;

static void prepare(void)
{
    if (!s.folder[0])
        small_init(&s);
}

static ink_quantizing options_of(const char *type, uint32_t n_steps)
{
    return (ink_quantizing){.type = type,
                            .texts = s.texts,
                            .n_texts = 1,
                            .n_context = 64,
                            .n_threads = 1,
                            .feedback = true,
                            .learn_steps = n_steps};
}

/* What blocks said is what a row begins with, in each format; and a step moves it. */
static void blocks_come_back(void **state)
{
    enum { K = 512 };
    float x[K], gradient[K];
    uint8_t blocks[K * 4], again[K * 4];
    size_t n_formats = 0;
    (void)state;
    for (int i = 0; i < K; i++) {
        x[i] = (float)((i * 7919 + 13) % 1009 - 504) / 300 + (float)(i / 16 % 5);
        gradient[i] = (float)((i * 31) % 17 - 8);
    }
    for (ink_format f = 0; f < INK_N_FORMATS; f++) {
        ink_learned l;
        if (!ink_learned_takes(f))
            continue;
        size_t n_bytes = K / ink_formats[f].block_elements * ink_formats[f].block_bytes;
        (void)ink_quantize(f, blocks, x, NULL, K);
        assert_true(ink_learned_init(&l, f, 1, K, NULL));
        ink_learned_begin(&l, 0, x, blocks);
        memcpy(again, blocks, n_bytes);
        ink_learned_encode(&l, 0, again);
        if (memcmp(again, blocks, n_bytes) != 0)
            fail_msg("%s: the blocks changed", ink_formats[f].name);
        ink_learned_move(&l, 0, gradient, (ink_learned_step){0.5f, 0.05f});
        ink_learned_encode(&l, 0, again);
        if (memcmp(again, blocks, n_bytes) == 0)
            fail_msg("%s: nothing moved", ink_formats[f].name);
        ink_learned_deinit(&l, NULL);
        n_formats++;
    }
    assert_true(n_formats >= 10);
    assert_false(ink_learned_takes(INK_FORMAT_T2) || ink_learned_takes(INK_FORMAT_F16) ||
                 ink_learned_takes(INK_FORMAT_TQ2_0) || ink_learned_takes(INK_FORMAT_MXFP4));
}

static void threads_change_no_bit(void **state)
{
    ink_quantizing options = options_of("Q4_0", 4);
    (void)state;
    prepare();
    quantize_or_fail(s.stories, s.out, &options);
    options.n_threads = 2;
    quantize_or_fail(s.stories, s.other, &options);
    assert_true(same_bytes(s.out, s.other));
}

static bool stop(void *context, float part)
{
    int *left = context;
    (void)part;
    return (*left)-- > 0;
}

static void broken_off_it_goes_on(void **state)
{
    char first[160], second[160], rounded[160], activations[160];
    ink_error error;
    int left = 7; /* 4 steps and the end of a layer, then within the next */
    ink_quantizing options = options_of("Q4_0", 4);
    (void)state;
    prepare();
    (void)snprintf(first, sizeof first, "%s.learned-0", s.other);
    (void)snprintf(second, sizeof second, "%s.learned-1", s.other);
    (void)snprintf(rounded, sizeof rounded, "%s.rounded", s.other);
    (void)snprintf(activations, sizeof activations, "%s.activations", s.other);
    quantize_or_fail(s.stories, s.out, &options);
    (void)remove(s.other);
    options.learning_progress = (ink_progress){stop, &left};
    assert_int_equal(ink_quantize_model(s.stories, s.other, &options, &error), INK_CANCELLED);
    assert_true(there_is(first) && !there_is(second) && !there_is(s.other));
    left = 2; /* the layer that is done is told of once, and the next is begun */
    assert_int_equal(ink_quantize_model(s.stories, s.other, &options, &error), INK_CANCELLED);
    assert_true(there_is(first) && !there_is(second));
    options.learning_progress = (ink_progress){NULL, NULL};
    quantize_or_fail(s.stories, s.other, &options);
    assert_true(same_bytes(s.out, s.other));
    assert_false(there_is(first) || there_is(rounded) || there_is(activations));
}

static void what_cannot_be_learned(void **state)
{
    ink_error error;
    ink_quantizing options = options_of("F16", 4);
    (void)state;
    prepare();
    options.feedback = false;
    assert_int_equal(ink_quantize_model(s.stories, s.out, &options, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no matrix of a layer gets"));
    options.type = "Q8_0";
    options.n_context = 32;
    assert_int_equal(ink_quantize_model(s.experts, s.out, &options, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "experts"));
    options.n_texts = 0;
    assert_int_equal(ink_quantize_model(s.stories, s.out, &options, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "a text itself"));
}

static int deinit(void **state)
{
    (void)state;
    if (s.folder[0])
        small_deinit(&s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_back),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(broken_off_it_goes_on),
        cmocka_unit_test(what_cannot_be_learned),
    };
    return cmocka_run_group_tests(tests, NULL, deinit);
}
