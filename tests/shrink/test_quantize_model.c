/* Models in other formats: what they become, the same bits however it runs, and what goes wrong. */
#include "small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf_writer.h"
#include "shrink/mixture.h"

static small s;

/* In each test, as what is missing skips it. */
static void prepare(void)
{
    if (!s.folder[0])
        small_init(&s);
}

static const char *type_in(const char *path, const char *name)
{
    static char type[32];
    ink_gguf *gguf;
    ink_error error;
    assert_int_equal(ink_gguf_open(&gguf, path, NULL, &error), INK_OK);
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, name);
    assert_non_null(tensor);
    (void)snprintf(type, sizeof type, "%s", tensor->type_name);
    ink_gguf_free(gguf);
    return type;
}

static uint64_t bytes_of(const char *path)
{
    size_t n;
    free(ink_read_file(path, &n));
    return n;
}

/* ---- Types ----------------------------------------------------------------------------------- */

/* KL of the model's own story, as measured, and half as much again. */
static void types_of_a_trained_model(void **state)
{
    static const struct {
        const char *type;
        double most;
    } kinds[] = {{"F16", 1e-6},  {"BF16", 1e-3},   {"Q8_0", 1e-3}, {"Q5_1", 0.02}, {"Q5_0", 0.02},
                 {"Q4_1", 0.08}, {"IQ4_NL", 0.08}, {"q4_0", 0.1},  {"MXFP4", 0.2}};
    double last = 0;
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        quantize_or_fail(s.stories, s.out, &(ink_quantizing){.type = kinds[i].type});
        last = divergence(s.stories, s.out);
        print_message("# %-7s %.6f\n", kinds[i].type, last);
        if (!(last < kinds[i].most))
            fail_msg("%s: %g nats", kinds[i].type, last);
        assert_string_equal(type_in(s.out, "blk.0.attn_norm.weight"), "F32");
    }
    assert_true(last > 1e-3);
    assert_string_equal(type_in(s.out, "blk.2.attn_q.weight"), "MXFP4");
    assert_string_equal(type_in(s.out, "blk.2.ffn_down.weight"), "F16"); /* rows of 172 */
}

/* Every mixture of the table can be written, also of weights that are in blocks already. */
static void every_mixture(void **state)
{
    const ink_mixture *mixture;
    (void)state;
    prepare();
    for (size_t i = 0; (mixture = ink_mixture_at(i)); i++) {
        quantize_or_fail(s.k_model, s.out, &(ink_quantizing){.type = ink_mixture_name(mixture)});
        double now = divergence(s.k_model, s.out);
        if (!isfinite(now))
            fail_msg("%s: %g", ink_mixture_name(mixture), now);
    }
    quantize_or_fail(s.k_model, s.out, &(ink_quantizing){.type = "Q4_K_M"});
    assert_string_equal(type_in(s.out, "blk.0.attn_q.weight"), "Q4_K");
    quantize_or_fail(s.out, s.other, &(ink_quantizing){.type = "Q3_K_S"});
    assert_string_equal(type_in(s.other, "blk.0.attn_q.weight"), "Q3_K");
}

static void the_same_format_is_a_copy(void **state)
{
    (void)state;
    prepare();
    quantize_or_fail(s.k_model, s.out, &(ink_quantizing){.type = "Q5_K"});
    quantize_or_fail(s.out, s.other, &(ink_quantizing){.type = "Q5_K"});
    assert_true(same_bytes(s.out, s.other));
}

/* Only where they are allowed, and then they are the better of what takes about as much. */
static void formats_of_our_own(void **state)
{
    ink_quantizing options = {.texts = s.texts, .n_texts = 1, .n_context = 32, .bits = 3};
    (void)state;
    prepare();
    quantize_or_fail(s.k_model, s.out, &options);
    double without = divergence(s.k_model, s.out);
    options.own = true;
    quantize_or_fail(s.k_model, s.other, &options);
    double with = divergence(s.k_model, s.other);
    print_message("# %.6f without, %.6f with\n", without, with);
    assert_true(with < without);
}

/* Weights of columns, and products of them, shape what is lost in spite of the rotation. */
static void rotated_and_calibrated(void **state)
{
    ink_quantizing options = {.type = "T2", .texts = s.texts, .n_texts = 1, .n_context = 32};
    (void)state;
    prepare();
    quantize_or_fail(s.k_model, s.out, &(ink_quantizing){.type = "T2"});
    double plain = divergence(s.k_model, s.out);
    assert_string_equal(type_in(s.out, "blk.0.attn_q.weight"), "T2");
    quantize_or_fail(s.k_model, s.out, &options);
    double shaped = divergence(s.k_model, s.out);
    options.feedback = true;
    quantize_or_fail(s.k_model, s.out, &options);
    double fed = divergence(s.k_model, s.out);
    print_message("# T2: %.6f, %.6f with weights, %.6f with feedback\n", plain, shaped, fed);
    assert_true(shaped < plain && fed < shaped);
    quantize_or_fail(s.out, s.other, &(ink_quantizing){.type = "Q8_0"}); /* and on from there */
    assert_true(divergence(s.out, s.other) < 0.1 * fed);
}

/* ---- Calibration ----------------------------------------------------------------------------- */

static void a_text_makes_it_better(void **state)
{
    static const char *const types[] = {"IQ4_NL", "Q4_0", "MXFP4"};
    (void)state;
    prepare();
    double with = 0, without = 0, fed = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        quantize_or_fail(s.stories, s.out, &(ink_quantizing){.type = types[i]});
        without += divergence(s.stories, s.out);
        ink_quantizing options = {
            .type = types[i], .texts = s.texts, .n_texts = 1, .n_context = 64};
        quantize_or_fail(s.stories, s.out, &options);
        with += divergence(s.stories, s.out);
        options.feedback = true;
        quantize_or_fail(s.stories, s.out, &options);
        fed += divergence(s.stories, s.out);
    }
    print_message("# %.6f without, %.6f with, %.6f with feedback\n", without, with, fed);
    assert_true(with < 0.95 * without);
    assert_true(fed < 0.95 * with);
}

static void statistics_are_kept(void **state)
{
    ink_quantizing options = {
        .type = "Q4_0", .texts = s.texts, .n_texts = 1, .n_context = 64, .keep = s.statistics};
    const char *kept[1] = {s.statistics};
    (void)state;
    prepare();
    quantize_or_fail(s.stories, s.out, &options);
    quantize_or_fail(s.stories, s.other,
                     &(ink_quantizing){.type = "Q4_0", .texts = kept, .n_texts = 1});
    /* sums are kept as floats, which may turn a choice here and there */
    assert_true(divergence(s.out, s.other) < 0.1 * divergence(s.stories, s.out));
    assert_true(bytes_of(s.out) == bytes_of(s.other));
}

static void experts_are_calibrated(void **state)
{
    ink_quantizing options = {
        .type = "Q3_K_M", .texts = s.texts, .n_texts = 1, .n_context = 32, .keep = s.statistics};
    ink_gguf *gguf;
    ink_error error;
    (void)state;
    prepare();
    quantize_or_fail(s.experts, s.out, &options);
    assert_true(isfinite(divergence(s.experts, s.out)));
    assert_int_equal(ink_gguf_open(&gguf, s.statistics, NULL, &error), INK_OK);
    const ink_gguf_tensor *counts = ink_gguf_find_tensor(gguf, "blk.0.ffn_down_exps.weight.counts");
    assert_non_null(counts);
    assert_true(counts->shape[1] > 1);
    ink_gguf_free(gguf);
}

/* ---- However it runs ------------------------------------------------------------------------- */

static void threads_change_no_bit(void **state)
{
    ink_quantizing options = {.type = "IQ4_NL",
                              .texts = s.texts,
                              .n_texts = 1,
                              .n_context = 64,
                              .feedback = true,
                              .n_threads = 1};
    (void)state;
    prepare();
    quantize_or_fail(s.stories, s.out, &options);
    options.n_threads = 3;
    quantize_or_fail(s.stories, s.other, &options);
    assert_true(same_bytes(s.out, s.other));
}

typedef struct stopper {
    int left;
} stopper;

static bool stop(void *context, float part)
{
    stopper *it = context;
    (void)part;
    return it->left-- > 0;
}

static void broken_off_it_goes_on(void **state)
{
    char part[160], journal[160];
    ink_error error;
    (void)state;
    prepare();
    (void)snprintf(part, sizeof part, "%s.part", s.other);
    (void)snprintf(journal, sizeof journal, "%s.journal", s.other);
    quantize_or_fail(s.stories, s.out, &(ink_quantizing){.type = "Q5_0"});
    (void)remove(s.other);
    for (int i = 0; i < 6; i++) {
        stopper it = {6};
        const ink_quantizing options = {.type = "Q5_0", .progress = {stop, &it}};
        assert_int_equal(ink_quantize_model(s.stories, s.other, &options, &error), INK_CANCELLED);
        assert_true(there_is(part) && !there_is(s.other));
    }
    assert_true(there_is(journal));
    size_t before;
    free(ink_read_file(part, &before));
    /* other options begin anew, and do not take what is there for their own */
    stopper it = {1};
    const ink_quantizing others = {.type = "Q8_0", .progress = {stop, &it}};
    assert_int_equal(ink_quantize_model(s.stories, s.other, &others, &error), INK_CANCELLED);
    quantize_or_fail(s.stories, s.other, &(ink_quantizing){.type = "Q5_0"});
    assert_true(same_bytes(s.out, s.other));
    assert_false(there_is(part) || there_is(journal));
    /* a part that is shorter than its journal says is no beginning */
    it.left = 20;
    const ink_quantizing options = {.type = "Q5_0", .progress = {stop, &it}};
    assert_int_equal(ink_quantize_model(s.stories, s.other, &options, &error), INK_CANCELLED);
    ink_write_file(part, "short", 5);
    quantize_or_fail(s.stories, s.other, &(ink_quantizing){.type = "Q5_0"});
    assert_true(same_bytes(s.out, s.other));
}

/* ---- Budgets --------------------------------------------------------------------------------- */

static void budgets(void **state)
{
    static const float bits[] = {3, 4, 5, 7, 10};
    double last = INFINITY;
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        ink_quantizing options = {.bits = bits[i], .texts = s.texts, .n_texts = 1, .n_context = 32};
        quantize_or_fail(s.k_model, s.out, &options);
        double now = divergence(s.k_model, s.out);
        print_message("# %.0f bits: %.6f, %llu bytes\n", (double)bits[i], now,
                      (unsigned long long)bytes_of(s.out));
        assert_true(now < last * 1.05);
        last = now;
    }
    for (uint64_t size = 340000; size < 600000; size += 100000) {
        ink_quantizing options = {.n_bytes = size, .texts = s.texts, .n_texts = 1, .n_context = 32};
        quantize_or_fail(s.stories, s.out, &options);
        assert_true(bytes_of(s.out) <= size && bytes_of(s.out) > size - 60000);
    }
}

static void budgets_that_are_too_small(void **state)
{
    ink_error error;
    ink_quantizing options = {.bits = 1, .texts = s.texts, .n_texts = 1, .n_context = 64};
    (void)state;
    prepare();
    assert_int_equal(ink_quantize_model(s.stories, s.out, &options, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "bits a parameter"));
    options.bits = 0;
    options.n_bytes = 1000;
    assert_int_equal(ink_quantize_model(s.stories, s.out, &options, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "metadata and padding"));
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static void refuse(const ink_quantizing *options, ink_status status, const char *words)
{
    ink_error error;
    ink_write_file(s.out, "as it was", 9);
    ink_status found = ink_quantize_model(s.stories, s.out, options, &error);
    if (found != status || !strstr(error.message, words))
        fail_msg("%d, %s", found, error.message);
    size_t n;
    char *left = ink_read_file(s.out, &n);
    assert_true(n == 9 && memcmp(left, "as it was", 9) == 0);
    free(left);
}

static void refusals(void **state)
{
    const char *nowhere[1] = {"/nowhere/at/all"}, *model[1] = {s.stories};
    (void)state;
    prepare();
    refuse(&(ink_quantizing){.type = "Q9_Z"}, INK_BAD_ARGUMENT, "there are F32, F16");
    refuse(&(ink_quantizing){.type = NULL}, INK_BAD_ARGUMENT, "one of a type");
    refuse(&(ink_quantizing){.type = "Q8_0", .bits = 4}, INK_BAD_ARGUMENT, "one of a type");
    refuse(&(ink_quantizing){.bits = 4}, INK_BAD_ARGUMENT, "calibrate with one");
    refuse(&(ink_quantizing){.type = "Q8_0", .feedback = true}, INK_BAD_ARGUMENT, "a text itself");
    refuse(&(ink_quantizing){.type = "T2", .own = true}, INK_BAD_ARGUMENT, "a type names");
    refuse(&(ink_quantizing){.type = "Q8_0", .keep = "x"}, INK_BAD_ARGUMENT, "nothing to keep");
    refuse(&(ink_quantizing){.type = "Q8_0", .texts = nowhere, .n_texts = 1}, INK_IO, "nowhere");
    refuse(&(ink_quantizing){.type = "Q8_0", .texts = model, .n_texts = 1}, INK_BAD_ARGUMENT,
           "no file of statistics");
    refuse(&(ink_quantizing){.type = "Q8_0", .texts = s.texts, .n_texts = 1, .n_context = 100000},
           INK_BAD_ARGUMENT, "is made for");
}

/* A copy of the stories whose tensor holds `value` at one place. */
static void damage(const char *tensor_name, float value)
{
    ink_gguf *gguf;
    ink_error error;
    const ink_gguf_tensor *tensor;
    size_t n;
    assert_int_equal(ink_gguf_open(&gguf, s.stories, NULL, &error), INK_OK);
    tensor = ink_gguf_find_tensor(gguf, tensor_name);
    char *bytes = ink_read_file(s.stories, &n);
    memcpy(bytes + tensor->offset + tensor->shape[0] * 3 * sizeof value, &value, sizeof value);
    ink_write_file(s.other, bytes, n);
    free(bytes);
    ink_gguf_free(gguf);
}

static void weights_that_are_no_numbers(void **state)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f};
    char part[160];
    ink_error error;
    (void)state;
    prepare();
    (void)snprintf(part, sizeof part, "%s.part", s.out);
    (void)remove(s.out);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        damage("blk.1.ffn_up.weight", values[i]);
        const ink_quantizing options = {.type = "Q4_0"};
        assert_int_equal(ink_quantize_model(s.other, s.out, &options, &error), INK_CORRUPT);
        assert_non_null(strstr(error.message, "blk.1.ffn_up.weight: row 3 holds"));
        assert_false(there_is(s.out) || there_is(part));
    }
    const ink_quantizing options = {.type = "Q4_0", .texts = s.texts, .n_texts = 1};
    damage("blk.1.ffn_up.weight", NAN);
    assert_int_equal(ink_quantize_model(s.other, s.out, &options, &error), INK_CORRUPT);
}

/* ---- Statistics of strangers ----------------------------------------------------------------- */

typedef struct forged {
    const char *type, *name;
    uint64_t k, n;
    float value;
    bool counts;
} forged;

static void forge(const forged *f)
{
    ink_gguf_writer *writer;
    ink_error error;
    char name[128];
    const uint64_t sums[2] = {f->k, f->n}, counts[2] = {1, f->n};
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_text(writer, "general.type", f->type, &error), INK_OK);
    (void)snprintf(name, sizeof name, "%s.in_sum2", f->name);
    assert_int_equal(ink_gguf_writer_add_tensor(writer, name, 0, 2, sums, &error), INK_OK);
    (void)snprintf(name, sizeof name, "%s.counts", f->name);
    if (f->counts)
        assert_int_equal(ink_gguf_writer_add_tensor(writer, name, 0, 2, counts, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_begin(writer, s.statistics, &error), INK_OK);
    for (uint64_t i = 0; i < f->k * f->n + (f->counts ? f->n : 0); i++)
        assert_int_equal(ink_gguf_writer_write(writer, &f->value, sizeof f->value, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_commit(writer, &error), INK_OK);
    ink_gguf_writer_free(writer);
}

static void forged_statistics(void **state)
{
    static const struct {
        forged file;
        ink_status status;
        const char *words;
    } cases[] = {
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, 1, true}, INK_OK, ""},
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, 0, true}, INK_OK, ""},
        {{"imatrix", "of.nobody", 64, 1, 1, true}, INK_OK, ""},
        {{"model", "blk.0.attn_q.weight", 64, 1, 1, true}, INK_BAD_ARGUMENT, "no file of"},
        {{"imatrix", "blk.0.attn_q.weight", 32, 1, 1, true}, INK_BAD_ARGUMENT, "another model"},
        {{"imatrix", "blk.0.attn_q.weight", 64, 2, 1, true}, INK_BAD_ARGUMENT, "another model"},
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, NAN, true}, INK_CORRUPT, "no sum of squares"},
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, -1, true}, INK_CORRUPT, "no sum of squares"},
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, INFINITY, true}, INK_CORRUPT, "no sum"},
        {{"imatrix", "blk.0.attn_q.weight", 64, 1, 1, false}, INK_CORRUPT, "has no counts"},
    };
    const char *kept[1] = {s.statistics};
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_error error = {0};
        const ink_quantizing options = {.type = "Q4_0", .texts = kept, .n_texts = 1};
        forge(&cases[i].file);
        ink_status found = ink_quantize_model(s.stories, s.out, &options, &error);
        if (found != cases[i].status || !strstr(error.message, cases[i].words))
            fail_msg("case %zu: %d, %s", i, found, error.message);
    }
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
        cmocka_unit_test(types_of_a_trained_model),
        cmocka_unit_test(every_mixture),
        cmocka_unit_test(the_same_format_is_a_copy),
        cmocka_unit_test(formats_of_our_own),
        cmocka_unit_test(rotated_and_calibrated),
        cmocka_unit_test(a_text_makes_it_better),
        cmocka_unit_test(statistics_are_kept),
        cmocka_unit_test(experts_are_calibrated),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(broken_off_it_goes_on),
        cmocka_unit_test(budgets),
        cmocka_unit_test(budgets_that_are_too_small),
        cmocka_unit_test(refusals),
        cmocka_unit_test(weights_that_are_no_numbers),
        cmocka_unit_test(forged_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, deinit);
}
