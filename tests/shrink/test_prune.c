/*
 * Models with less in them: what goes is what nobody misses, what stays is what was there, repair
 * brings the outputs nearer, the same bits however it runs, and what cannot be is refused.
 */
#include "small.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf.h"

static small s;

static void prepare(void)
{
    if (!s.folder[0])
        small_init(&s);
}

static ink_pruning options_of(float percent, const char *kinds)
{
    return (ink_pruning){.percent = percent,
                         .kinds = kinds,
                         .texts = s.texts,
                         .n_texts = 1,
                         .n_context = 64,
                         .repair = true};
}

static void prune_or_fail(const char *in, const char *out, const ink_pruning *options)
{
    ink_error error;
    if (ink_prune_model(in, out, options, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static ink_gguf *open_file(const char *path)
{
    ink_gguf *gguf;
    ink_error error;
    if (ink_gguf_open(&gguf, path, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    return gguf;
}

/* A whole tensor of F32; ended by free(). */
static float *values_of(const ink_gguf *gguf, const char *name, size_t *n_rows, size_t *k)
{
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, name);
    ink_error error;
    assert_non_null(tensor);
    assert_int_equal(tensor->format, INK_FORMAT_F32);
    float *values = malloc((size_t)tensor->n_bytes);
    assert_non_null(values);
    assert_int_equal(ink_gguf_read(gguf, tensor, 0, (size_t)tensor->n_bytes, values, &error),
                     INK_OK);
    *k = (size_t)tensor->shape[0];
    *n_rows = (size_t)tensor->shape[1];
    return values;
}

static uint32_t key_of(const ink_gguf *gguf, const char *key)
{
    uint32_t number = 0;
    ink_error error;
    assert_int_equal(ink_gguf_get_u32(gguf, key, &number, &error), INK_OK);
    return number;
}

/* ---- What nobody misses ---------------------------------------------------------------------- */

typedef struct column_range {
    const char *name; /* "blk.%d.NAME.weight" */
    size_t first, n;
} column_range;

/* A copy of the stories where some columns of some layers are zero. */
static void zero_columns(const char *path, const column_range *range, int first, int last)
{
    size_t n_bytes;
    char *bytes = ink_read_file(s.stories, &n_bytes), name[64];
    ink_gguf *gguf = open_file(s.stories);
    if (there_is(path)) {
        free(bytes);
        bytes = ink_read_file(path, &n_bytes);
    }
    for (int layer = first; layer <= last; layer++) {
        (void)snprintf(name, sizeof name, "blk.%d.%s.weight", layer, range->name);
        const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, name);
        assert_non_null(tensor);
        float *values = (float *)(void *)(bytes + tensor->offset);
        for (size_t row = 0; row < tensor->shape[1]; row++)
            memset(values + row * tensor->shape[0] + range->first, 0, range->n * sizeof *values);
    }
    ink_gguf_free(gguf);
    ink_write_file(path, bytes, n_bytes);
    free(bytes);
}

static void check_unmissed(float percent, const char *kinds, const char *key, uint32_t number)
{
    const ink_pruning options = options_of(percent, kinds);
    prune_or_fail(s.other, s.out, &options);
    ink_gguf *gguf = open_file(s.out);
    assert_int_equal(key_of(gguf, key), number);
    ink_gguf_free(gguf);
    double lost = divergence(s.other, s.out);
    print_message("# %s: %g nats\n", kinds, lost);
    assert_true(lost < 1e-6);
}

static void channels_that_give_nothing(void **state)
{
    (void)state;
    prepare();
    (void)remove(s.other);
    zero_columns(s.other, &(column_range){"ffn_down", 3, 84}, 0, 4);
    check_unmissed(27, "channels", "llama.feed_forward_length", 88);
}

static void groups_that_give_nothing(void **state)
{
    (void)state;
    prepare();
    (void)remove(s.other);
    zero_columns(s.other, &(column_range){"attn_output", 32, 16}, 0, 4);
    check_unmissed(4, "groups", "llama.attention.head_count_kv", 3);
}

static void layers_that_give_nothing(void **state)
{
    (void)state;
    prepare();
    (void)remove(s.other);
    zero_columns(s.other, &(column_range){"attn_output", 0, 64}, 2, 3);
    zero_columns(s.other, &(column_range){"ffn_down", 0, 172}, 2, 3);
    check_unmissed(25, "layers", "llama.block_count", 3);
    /* left to itself it finds the same */
    check_unmissed(25, NULL, "llama.block_count", 3);
}

/* ---- What stays ------------------------------------------------------------------------------ */

/* Where each row of `part` is in `whole`, in rising order. */
static void find_rows(const float *part, size_t n, const float *whole, size_t n_whole, size_t k,
                      size_t *found)
{
    for (size_t i = 0, at = 0; i < n; i++, at++) {
        while (at < n_whole && memcmp(part + i * k, whole + at * k, k * sizeof *part) != 0)
            at++;
        assert_true(at < n_whole);
        found[i] = at;
    }
}

/* Rows of one matrix are those that were kept of another, and so are columns of a third. */
static void check_rows(const ink_gguf *before, const ink_gguf *after, const char *name,
                       const size_t *expected)
{
    size_t n, n_whole, k, found[256];
    float *part = values_of(after, name, &n, &k), *whole = values_of(before, name, &n_whole, &k);
    find_rows(part, n, whole, n_whole, k, found);
    assert_memory_equal(found, expected, n * sizeof *found);
    free(part);
    free(whole);
}

static void check_columns(const ink_gguf *before, const ink_gguf *after, const char *name,
                          const size_t *expected)
{
    size_t n, k, k_whole;
    float *part = values_of(after, name, &n, &k), *whole = values_of(before, name, &n, &k_whole);
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < k; i++)
            assert_memory_equal(part + row * k + i, whole + row * k_whole + expected[i],
                                sizeof *part);
    free(part);
    free(whole);
}

static void what_stays_is_what_was_there(void **state)
{
    size_t n, n_whole, k, found[256], heads[64];
    (void)state;
    prepare();
    ink_pruning options = options_of(40, "groups,channels");
    options.repair = false;
    prune_or_fail(s.stories, s.out, &options);
    ink_gguf *before = open_file(s.stories), *after = open_file(s.out);
    assert_true(key_of(after, "llama.feed_forward_length") < 172);
    float *part = values_of(after, "blk.2.ffn_up.weight", &n, &k);
    float *whole = values_of(before, "blk.2.ffn_up.weight", &n_whole, &k);
    find_rows(part, n, whole, n_whole, k, found);
    check_rows(before, after, "blk.2.ffn_gate.weight", found);
    check_columns(before, after, "blk.2.ffn_down.weight", found);
    free(part);
    free(whole);
    /* a head of queries is 8 rows, a group two heads, its key one */
    part = values_of(after, "blk.1.attn_q.weight", &n, &k);
    whole = values_of(before, "blk.1.attn_q.weight", &n_whole, &k);
    find_rows(part, n, whole, n_whole, k, heads);
    check_columns(before, after, "blk.1.attn_output.weight", heads);
    for (size_t i = 0; i < n; i++)
        assert_true(heads[i] % 16 == i % 16);
    for (size_t i = 0; i < n / 2; i++)
        found[i] = heads[i / 8 * 16] / 2 + i % 8;
    check_rows(before, after, "blk.1.attn_k.weight", found);
    check_rows(before, after, "blk.1.attn_v.weight", found);
    free(part);
    free(whole);
    ink_gguf_free(before);
    ink_gguf_free(after);
}

/* Layers are copied byte by byte under their new numbers. */
static void layers_stay_as_they_are(void **state)
{
    static const char *const parts[] = {"attn_norm", "attn_q", "attn_output", "ffn_down"};
    char name[64];
    int next = 0;
    (void)state;
    prepare();
    ink_pruning options = options_of(30, "layers");
    options.repair = false;
    prune_or_fail(s.stories, s.out, &options);
    ink_gguf *before = open_file(s.stories), *after = open_file(s.out);
    int n_layers = (int)key_of(after, "llama.block_count");
    assert_true(n_layers > 0 && n_layers < 5);
    for (int layer = 0; layer < 5 && next < n_layers; layer++) {
        size_t n_same = 0;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            size_t n, k;
            (void)snprintf(name, sizeof name, "blk.%d.%s.weight", layer, parts[i]);
            float *a = values_of(before, name, &n, &k);
            (void)snprintf(name, sizeof name, "blk.%d.%s.weight", next, parts[i]);
            float *b = values_of(after, name, &n, &k);
            n_same += memcmp(a, b, n * k * sizeof *a) == 0;
            free(a);
            free(b);
        }
        assert_true(n_same == 0 || n_same == sizeof parts / sizeof *parts);
        next += n_same > 0;
    }
    assert_int_equal(next, n_layers);
    ink_gguf_free(before);
    ink_gguf_free(after);
}

/* ---- What it costs --------------------------------------------------------------------------- */

static ink_status keep_copy(void *context, ink_error *error)
{
    size_t n;
    char *bytes = ink_read_file(s.out, &n);
    (void)error;
    ink_write_file(context, bytes, n);
    free(bytes);
    return INK_OK;
}

static void repair_brings_it_nearer(void **state)
{
    static const struct {
        const char *kinds;
        float percent;
    } cases[] = {
        {NULL, 20}, {"channels", 20}, {"groups", 4}, {"groups,channels", 20}, {"layers", 15}};
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_pruning options = options_of(cases[i].percent, cases[i].kinds);
        options.unrepaired = keep_copy;
        options.context = s.other;
        (void)remove(s.other);
        prune_or_fail(s.stories, s.out, &options);
        double without = divergence(s.stories, s.other), with = divergence(s.stories, s.out);
        print_message("# %s: %.4f without repair, %.4f with\n",
                      cases[i].kinds ? cases[i].kinds : "all", without, with);
        assert_true(isfinite(with) && with < 0.9 * without);
    }
}

static void note(void *context, const ink_pruned *pruned)
{
    *(ink_pruned *)context = *pruned;
}

static void as_much_goes_as_was_asked(void **state)
{
    double last = 0;
    (void)state;
    prepare();
    for (float percent = 10; percent < 60; percent += 20) {
        ink_pruned pruned;
        ink_pruning options = options_of(percent, NULL);
        options.chosen = note;
        options.context = &pruned;
        prune_or_fail(s.stories, s.out, &options);
        double part = 1 - (double)pruned.n_bytes / (double)pruned.n_bytes_before;
        double now = divergence(s.stories, s.out);
        print_message("# %.0f %%: %.4f nats, %u layers, %u groups, %u channels\n", (double)percent,
                      now, pruned.n[0], pruned.n[1], pruned.n[2]);
        assert_true(part >= (double)percent / 100 && part < (double)percent / 100 + 0.06);
        assert_true(now > last && pruned.lost > 0);
        last = now;
    }
    size_t n;
    ink_pruning options = options_of(0, NULL);
    options.n_bytes = 800000;
    prune_or_fail(s.stories, s.out, &options);
    free(ink_read_file(s.out, &n));
    assert_true(n <= 800000 && n > 740000);
}

/* ---- However it runs ------------------------------------------------------------------------- */

static void threads_change_no_bit(void **state)
{
    (void)state;
    prepare();
    ink_pruning options = options_of(30, NULL);
    options.n_threads = 1;
    prune_or_fail(s.stories, s.out, &options);
    options.n_threads = 3;
    prune_or_fail(s.stories, s.other, &options);
    assert_true(same_bytes(s.out, s.other));
}

static bool stop(void *context, float part)
{
    (void)part;
    return --*(int *)context > 0;
}

static void broken_off_it_leaves_nothing(void **state)
{
    ink_error error;
    size_t n;
    (void)state;
    prepare();
    for (int left = 1; left < 20; left += 6) {
        int calibrating = left, writing = left;
        ink_pruning options = options_of(30, NULL);
        ink_write_file(s.out, "as it was", 9);
        options.calibration_progress = (ink_progress){stop, &calibrating};
        assert_int_equal(ink_prune_model(s.stories, s.out, &options, &error), INK_CANCELLED);
        options.calibration_progress = (ink_progress){NULL, NULL};
        options.progress = (ink_progress){stop, &writing};
        assert_int_equal(ink_prune_model(s.stories, s.out, &options, &error), INK_CANCELLED);
        char *bytes = ink_read_file(s.out, &n);
        assert_true(n == 9 && memcmp(bytes, "as it was", 9) == 0);
        free(bytes);
    }
    DIR *folder = opendir(s.folder);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strncmp(entry->d_name, "out.gguf", 8) == 0)
            assert_string_equal(entry->d_name, "out.gguf");
    closedir(folder);
}

/* ---- Architectures --------------------------------------------------------------------------- */

/* Each either becomes smaller and says something, or is refused by name. */
static void every_architecture(void **state)
{
    static const char *const known[] = {"llama-gqa-Q8_0", "llama32-Q8_0",   "llama-bias-mha-Q4_0",
                                        "qwen2-Q4_K_M",   "qwen3-Q4_K_M",   "phi3-Q4_K_M",
                                        "gemma2-Q4_K_M",  "granite-Q4_K_M", "smollm3-Q8_0",
                                        "gpt2-Q8_0",      "glm4-Q4_0",      "starcoder2-Q8_0"};
    char path[1024], folder[1024];
    size_t n_pruned = 0, n_refused = 0, n_known = 0;
    (void)state;
    prepare();
    DIR *models = opendir(ink_shared_path("golden/models", folder, sizeof folder));
    assert_non_null(models);
    for (const struct dirent *entry; (entry = readdir(models));) {
        ink_error error = {0};
        const char *end = strstr(entry->d_name, ".gguf");
        if (!end || strstr(entry->d_name, "-types-"))
            continue;
        (void)snprintf(path, sizeof path, "%.500s/%.200s", folder, entry->d_name);
        ink_pruning options = options_of(15, NULL);
        options.n_context = 16;
        ink_status status = ink_prune_model(path, s.out, &options, &error);
        if (status == INK_OK) {
            assert_true(isfinite(divergence(s.out, s.out)));
            n_pruned++;
        } else if (status == INK_UNSUPPORTED) {
            n_refused++;
        } else {
            fail_msg("%s: %d, %s", entry->d_name, status, error.message);
        }
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            n_known += status == INK_OK && strlen(known[i]) == (size_t)(end - entry->d_name) &&
                       strncmp(known[i], entry->d_name, strlen(known[i])) == 0;
        print_message("# %s: %s\n", entry->d_name, status == INK_OK ? "pruned" : error.message);
    }
    closedir(models);
    assert_int_equal(n_known, sizeof known / sizeof *known);
    assert_true(n_pruned > 20 && n_refused > 5);
}

/* ---- Zeros ----------------------------------------------------------------------------------- */

static void thin_or_fail(const char *out, const char *sparsity, const char *method)
{
    ink_pruning options = {.sparsity = sparsity, .method = method, .n_context = 64};
    if (strcmp(method, "magnitude") != 0) {
        options.texts = s.texts;
        options.n_texts = 1;
    }
    prune_or_fail(s.stories, out, &options);
}

/* Zeros in each run of `among` columns of each row. */
static void check_zeros(const char *path, size_t among, size_t wanted, bool exactly)
{
    static const char *const names[] = {"blk.0.attn_q.weight", "blk.3.ffn_down.weight"};
    ink_gguf *gguf = open_file(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n, k;
        float *values = values_of(gguf, names[i], &n, &k);
        size_t run = among ? among : k;
        for (size_t at = 0; at < n * k; at += run) {
            size_t n_zeros = 0;
            for (size_t j = at; j < at + run; j++)
                n_zeros += values[j] == 0;
            if (exactly)
                assert_int_equal(n_zeros, among ? wanted : k / 2);
            assert_true(n_zeros >= wanted);
        }
        free(values);
    }
    ink_gguf_free(gguf);
}

static void zeros_in_place(void **state)
{
    static const char *const methods[] = {"magnitude", "wanda", "sparsegpt"};
    double last = INFINITY;
    size_t n, m;
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        thin_or_fail(s.out, "2:4", methods[i]);
        check_zeros(s.out, 4, 2, true);
        double pattern = divergence(s.stories, s.out);
        thin_or_fail(s.out, "50%", methods[i]);
        double now = divergence(s.stories, s.out);
        print_message("# %s: %.4f nats, 2:4 %.4f\n", methods[i], now, pattern);
        if (i < 2)
            check_zeros(s.out, 0, 0, true);
        free(ink_read_file(s.out, &n));
        free(ink_read_file(s.stories, &m));
        assert_int_equal(n, m);
        assert_true(now < last && now < pattern);
        last = now;
    }
}

/* Of any format that has a zero they stay zeros; rounding makes more. */
static void zeros_in_blocks(void **state)
{
    static const char *const types[] = {"F16", "BF16", "Q8_0", "Q5_0", "Q4_0", "MXFP4"};
    ink_error error;
    (void)state;
    prepare();
    const ink_pruning options = {.sparsity = "2:4"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        quantize_or_fail(s.stories, s.other, &(ink_quantizing){.type = types[i]});
        prune_or_fail(s.other, s.out, &options);
        quantize_or_fail(s.out, s.statistics, &(ink_quantizing){.type = "F32"});
        check_zeros(s.statistics, 4, 2, false);
    }
    quantize_or_fail(s.stories, s.other, &(ink_quantizing){.type = "IQ4_NL"});
    assert_int_equal(ink_prune_model(s.other, s.out, &options, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no exact zero"));
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static void refuse(const char *in, const ink_pruning *options, ink_status status, const char *words)
{
    ink_error error;
    ink_write_file(s.out, "as it was", 9);
    ink_status found = ink_prune_model(in, s.out, options, &error);
    if (found != status || !strstr(error.message, words))
        fail_msg("%d, %s", found, error.message);
    size_t n;
    char *left = ink_read_file(s.out, &n);
    assert_true(n == 9 && memcmp(left, "as it was", 9) == 0);
    free(left);
}

static void refusals(void **state)
{
    (void)state;
    prepare();
    ink_pruning o = options_of(0, NULL);
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "one of a part in percent");
    o = options_of(99, NULL);
    refuse(s.stories, &o, INK_LIMIT, "bytes of weights are too few: with one of each");
    o = options_of(20, "layers,heads");
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "some of layers,groups,channels");
    o = options_of(20, NULL);
    o.n_bytes = 100;
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "one of a part in percent");
    o.percent = 0;
    refuse(s.stories, &o, INK_LIMIT, "metadata and padding");
    o.n_bytes = 1 << 30;
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "nothing is to go");
    o = options_of(20, NULL);
    o.n_texts = 0;
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "calibrate with one");
    o = options_of(20, NULL);
    refuse(s.experts, &o, INK_UNSUPPORTED, "architecture llama in this form");
    refuse("/nowhere.gguf", &o, INK_IO, "nowhere");
    static const char *const patterns[] = {"",     "50",    "0%",   "100%",   "2:",   "4:2",
                                           "2:4x", "1.5:4", "nan%", "2:1000", "-1:4", "50%%"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        o = (ink_pruning){.sparsity = patterns[i]};
        refuse(s.stories, &o, INK_BAD_ARGUMENT, "is no sparsity");
    }
    o = (ink_pruning){.sparsity = "50%", .method = "wanda"};
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "wanda goes by what a text shows");
    o.method = "luck";
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "there is no method");
    o = options_of(0, NULL);
    o.sparsity = "50%";
    o.method = "magnitude";
    refuse(s.stories, &o, INK_BAD_ARGUMENT, "no text is read");
}

/* A copy of the stories with one weight that is no number. */
static void damage(void)
{
    const float nan = NAN;
    size_t n;
    char *bytes = ink_read_file(s.stories, &n);
    ink_gguf *gguf = open_file(s.stories);
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, "blk.1.ffn_up.weight");
    memcpy(bytes + tensor->offset, &nan, sizeof nan);
    ink_write_file(s.other, bytes, n);
    ink_gguf_free(gguf);
    free(bytes);
}

static void weights_that_are_no_numbers(void **state)
{
    (void)state;
    prepare();
    damage();
    const ink_pruning options = options_of(20, NULL);
    refuse(s.other, &options, INK_CORRUPT, "is not a number");
    const ink_pruning zeros = {.sparsity = "50%"};
    refuse(s.other, &zeros, INK_CORRUPT, "blk.1.ffn_up.weight: row 0 holds");
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
        cmocka_unit_test(channels_that_give_nothing),
        cmocka_unit_test(groups_that_give_nothing),
        cmocka_unit_test(layers_that_give_nothing),
        cmocka_unit_test(what_stays_is_what_was_there),
        cmocka_unit_test(layers_stay_as_they_are),
        cmocka_unit_test(repair_brings_it_nearer),
        cmocka_unit_test(as_much_goes_as_was_asked),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(broken_off_it_leaves_nothing),
        cmocka_unit_test(every_architecture),
        cmocka_unit_test(zeros_in_place),
        cmocka_unit_test(zeros_in_blocks),
        cmocka_unit_test(refusals),
        cmocka_unit_test(weights_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, deinit);
}
