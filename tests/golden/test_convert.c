/*
 * Every golden model whose architecture has a row in dialects.def, exported with F32 matrices and
 * converted back: the same tensors, the same tokens of the same texts, and the logits of the truth,
 * which was computed of the dequantized weights. Others are refused by name.
 */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "convert/dialect.h"
#include "format/gguf.h"
#include "kernel/kernel.h"

/*
 * As in test_logits.c: only the order of sums differs, which alone gives about 1e-5 (README of the
 * data).
 */
#define MAX_DIFFERENCE 2e-3
#define MAX_KL 1e-6
#define MAX_DISTANCE 1e-3 /* of vectors, relative: 24 bits, sums of some hundred, a few layers */

static char folder[64], published[128], converted[128];

/* ---- Tensors --------------------------------------------------------------------------------- */

static float *values_of(const ink_gguf *gguf, const ink_gguf_tensor *tensor, size_t *n)
{
    void *bytes = malloc((size_t)tensor->n_bytes);
    const ink_format_info *format = &ink_formats[tensor->format];
    size_t n_blocks = (size_t)tensor->n_bytes / format->block_bytes;
    *n = n_blocks * format->block_elements;
    float *values = calloc(*n, sizeof *values);
    assert_non_null(bytes);
    assert_non_null(values);
    assert_int_equal(ink_gguf_read(gguf, tensor, 0, (size_t)tensor->n_bytes, bytes, NULL), INK_OK);
    ink_decode(tensor->format, values, bytes, n_blocks);
    free(bytes);
    return values;
}

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/*
 * Where norms lack one, it is taken off and added again: two roundings of at most 2^-24 of 2 or of
 * what is there. Of decays the logarithm is published: rounded by 2^-24 of itself, which is by so
 * much of the decay, that is then rounded.
 */
static void compare_values(const char *name, const float *a, const float *b, size_t n, bool norm)
{
    bool decay = ends(name, "ssm_a");
    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)a[i]);
        double bar = norm    ? 0x1p-23 * (2 + size)
                     : decay ? 0x1p-23 * (1 + fabs(log(size))) * size
                             : 0;
        if (!(fabs((double)a[i] - (double)b[i]) <= bar))
            fail_msg("%s: value %zu is %a, was %a", name, i, (double)b[i], (double)a[i]);
    }
}

/* Biases without the weight that they are added to are left out, as when a model is opened. */
static bool is_lone(const ink_gguf *gguf, const char *name)
{
    char weight[256];
    if (!ends(name, ".bias") || ends(name, "ssm_dt.bias") || ends(name, "exp_probs_b.bias"))
        return false; /* those are no biases of a weight */
    (void)snprintf(weight, sizeof weight, "%.*s.weight", (int)strlen(name) - 5, name);
    return !ink_gguf_find_tensor(gguf, weight);
}

static void compare_tensors(const char *before, const char *after, bool plus_one)
{
    ink_gguf *a, *b;
    size_t n_same = 0, n_lone = 0;
    assert_int_equal(ink_gguf_open(&a, before, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_open(&b, after, NULL, NULL), INK_OK);
    for (size_t i = 0; i < ink_gguf_n_tensors(a); i++) {
        const ink_gguf_tensor *old = ink_gguf_get_tensor(a, i);
        const ink_gguf_tensor *new = ink_gguf_find_tensor(b, old->name);
        size_t n, m;
        if (is_lone(a, old->name)) {
            n_lone++;
            continue;
        }
        if (!new)
            fail_msg("%s is lost", old->name);
        /* Beyond those that there are, dimensions are 1; norms of one group may say so. */
        assert_memory_equal(old->shape, new->shape, sizeof old->shape);
        float *x = values_of(a, old, &n), *y = values_of(b, new, &m);
        assert_int_equal(n, m);
        compare_values(old->name, x, y, n, plus_one && strstr(old->name, "norm.weight"));
        free(x);
        free(y);
        n_same++;
    }
    assert_int_equal(n_same, ink_gguf_n_tensors(b));
    assert_int_equal(n_same + n_lone, ink_gguf_n_tensors(a));
    ink_gguf_free(a);
    ink_gguf_free(b);
}

/* ---- Tokens and logits ----------------------------------------------------------------------- */

static void compare_tokens(const ink_golden_case *of, const ink_model *model)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(of->json, "text"), i, item)
    {
        const json_t *text = json_object_get(item, "text"), *ids = json_object_get(item, "ids");
        ink_tokens tokens = {0};
        assert_int_equal(ink_tokenize(model, json_string_value(text), json_string_length(text),
                                      INK_SPECIAL_ADD, &tokens, NULL),
                         INK_OK);
        assert_int_equal(tokens.n_tokens, json_array_size(ids));
        for (size_t j = 0; j < tokens.n_tokens; j++)
            assert_int_equal(tokens.ids[j], json_integer_value(json_array_get(ids, j)));
        ink_tokens_free(&tokens);
    }
}

static void compare_logits(const ink_golden_run *run, const ink_model *model)
{
    const ink_session_options options = {
        .n_context = run->n_context, .cache = "f32", .n_threads = 2};
    float *truth = ink_golden_floats(run->json, "truth", run->n_prompt * run->n_vocab);
    float *got = ink_golden_logits(model, &options, run->prompt, run->n_prompt);
    ink_golden_divergence out = ink_diverge(truth, got, run->n_prompt, run->n_vocab);
    if (!(out.max_difference <= MAX_DIFFERENCE && out.largest <= MAX_KL))
        fail_msg("%s: logits differ by %g, KL %g", run->id, out.max_difference, out.largest);
    free(truth);
    free(got);
}

static void compare_vectors(const json_t *json, const float *got, size_t n)
{
    double sum = 0, all = 0;
    float *truth = ink_golden_floats(json, "truth", n);
    for (size_t i = 0; i < n; i++) {
        sum += ((double)truth[i] - (double)got[i]) * ((double)truth[i] - (double)got[i]);
        all += (double)truth[i] * (double)truth[i];
    }
    if (!(sqrt(sum / all) <= MAX_DISTANCE))
        fail_msg("vectors differ by %g", sqrt(sum / all));
    free(truth);
}

static void compare_embeddings(const ink_golden_run *run, const ink_model *model)
{
    ink_model_info info;
    ink_model_get_info(model, &info);
    ink_session *session = ink_golden_session(
        model, &(ink_session_options){.n_context = run->n_context, .cache = "f32", .n_threads = 2});
    float *got = calloc(run->n_prompt * info.n_embedding, sizeof *got);
    assert_non_null(got);
    for (int pooled = 0; pooled < 2; pooled++) {
        assert_int_equal(ink_session_embed(session, run->prompt, run->n_prompt, pooled, got, NULL),
                         INK_OK);
        compare_vectors(json_object_get(run->json, pooled ? "pooled" : "tokens"), got,
                        (pooled ? 1 : run->n_prompt) * info.n_embedding);
    }
    free(got);
    ink_session_free(session);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

typedef struct a_case {
    const ink_golden *golden;
    const ink_golden_case *of;
} a_case;

static void remove_published(void)
{
    if (access(published, F_OK) == 0)
        ink_remove_folder(published);
}

static void compare_runs(const a_case *c)
{
    ink_model *model = NULL;
    ink_error error;
    if (ink_model_open(&model, converted, &(ink_model_options){.n_threads = 2}, &error) != INK_OK)
        fail_msg("%s", error.message);
    compare_tokens(c->of, model);
    for (size_t i = 0; i < c->golden->n_runs; i++) {
        if (c->golden->runs[i].of != c->of)
            continue;
        if (c->of->embedding)
            compare_embeddings(&c->golden->runs[i], model);
        else
            compare_logits(&c->golden->runs[i], model);
    }
    ink_model_free(model);
}

static void there_and_back(void **state)
{
    const a_case *c = *state;
    char relative[256], path[1024];
    ink_error error = {.status = INK_OK};
    const ink_conversion conversion = {.type = "F32"};
    const ink_dialect *dialect = ink_dialect_of_arch(c->of->arch, false);
    remove_published();
    (void)snprintf(relative, sizeof relative, "golden/%s",
                   json_string_value(json_object_get(c->of->json, "file")));
    ink_shared_path(relative, path, sizeof path);
    ink_status status = ink_export(path, published, &conversion, &error);
    ink_model *model = ink_golden_open(c->of);
    ink_model_free(model);
    if (!dialect || !model) {
        assert_int_equal(status, INK_UNSUPPORTED);
        return;
    }
    if (status != INK_OK || ink_convert(published, converted, &conversion, &error) != INK_OK)
        fail_msg("%s: %s", c->of->id, error.message);
    compare_tensors(path, converted, (dialect->traits & INK_DIALECT_PLUS_ONE) != 0);
    compare_runs(c);
}

static a_case *cases;

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    cases = calloc(golden->n_cases, sizeof *cases);
    for (size_t i = 0; cases && i < golden->n_cases; i++) {
        cases[i] = (a_case){golden, &golden->cases[i]};
        ink_test_list_add(list, golden->cases[i].id, there_and_back, &cases[i]);
    }
}

int main(void)
{
    ink_temporary_folder(folder);
    (void)snprintf(published, sizeof published, "%s/published", folder);
    (void)snprintf(converted, sizeof converted, "%s/m.gguf", folder);
    int n_failed = ink_golden_main(list_tests);
    remove_published();
    ink_remove_folder(folder);
    free(cases);
    return n_failed;
}
