#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tensor/format.h"

/*
 * What must run: the architectures that a release promises, and those that came with them. Others
 * may be refused.
 */
static const char *const required_archs[] = {
    "llama",      "gemma",      "gemma2",    "gemma3",   "phi3",    "qwen2",           "qwen3",
    "smollm3",    "granite",    "olmo2",     "stablelm", "gpt2",    "bitnet",          "bert",
    "nomic-bert", "starcoder2", "phi2",      "qwen3moe", "minicpm", "gemma-embedding", "cohere2",
    "glm4",       "falcon",     "command-r", "nemotron", "exaone4", "gptneox",         "gpt-oss",
    "deepseek2",
};
static const char *const required_formats[] = {
    "F32",  "F16",  "BF16", "Q8_0", "Q4_0",   "Q4_1",   "Q5_0",  "Q5_1",  "Q2_K",
    "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4",
};
static const char *const float_formats[] = {"F32", "F16", "BF16"};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool is_one_of(const char *name, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* ---- The index. */

static bool only_formats(const json_t *json, const char *const *names, size_t n_names)
{
    const char *name;
    json_t *count;
    json_object_foreach(json_object_get(json, "tensor_types"), name,
                        count) if (!is_one_of(name, names, n_names)) return false;
    return true;
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static size_t size_of(const json_t *json, const char *key)
{
    return (size_t)json_integer_value(json_object_get(json, key));
}

static void read_case(const json_t *json, ink_golden_case *out)
{
    bool routed = json_is_true(json_object_get(json, "routed"));
    *out = (ink_golden_case){
        .json = json,
        .id = text_of(json, "id"),
        .arch = text_of(json, "arch"),
        .quant = text_of(json, "quant"),
        .embedding = strcmp(text_of(json, "kind"), "embedding") == 0,
        .use_median = json_is_true(json_object_get(json, "use_median")),
        .floats = only_formats(json, float_formats, LENGTH(float_formats)),
    };
    out->dense = !routed && !out->use_median && !out->embedding;
    out->required = is_one_of(out->arch, required_archs, LENGTH(required_archs)) &&
                    only_formats(json, required_formats, LENGTH(required_formats));
}

static void read_run(const json_t *json, const ink_golden_case *of, ink_golden_run *out)
{
    const json_t *prompt = json_object_get(json, "prompt");
    *out = (ink_golden_run){
        .json = json,
        .of = of,
        .id = text_of(json, "id"),
        .n_prompt = json_array_size(prompt),
        .n_context = size_of(json, "n_ctx"),
        .n_vocab = size_of(of->json, "n_vocab"),
    };
    out->prompt = calloc(out->n_prompt, sizeof *out->prompt);
    for (size_t i = 0; out->prompt && i < out->n_prompt; i++)
        out->prompt[i] = (int32_t)json_integer_value(json_array_get(prompt, i));
}

static bool load(ink_golden *golden)
{
    char path[1024];
    if (!ink_shared_has("golden/index.json"))
        return false;
    golden->index =
        json_load_file(ink_shared_path("golden/index.json", path, sizeof path), 0, NULL);
    const json_t *cases = json_object_get(golden->index, "cases");
    golden->n_cases = json_array_size(cases);
    for (size_t i = 0; i < golden->n_cases; i++)
        golden->n_runs += json_array_size(json_object_get(json_array_get(cases, i), "runs"));
    golden->cases = calloc(golden->n_cases + 1, sizeof *golden->cases);
    golden->runs = calloc(golden->n_runs + 1, sizeof *golden->runs);
    if (!golden->cases || !golden->runs)
        return false;
    ink_golden_run *run = golden->runs;
    for (size_t i = 0; i < golden->n_cases; i++) {
        const json_t *json = json_array_get(cases, i), *runs = json_object_get(json, "runs");
        read_case(json, &golden->cases[i]);
        for (size_t j = 0; j < json_array_size(runs); j++)
            read_run(json_array_get(runs, j), &golden->cases[i], run++);
    }
    return golden->n_runs > 0;
}

static void unload(ink_golden *golden)
{
    for (size_t i = 0; golden->runs && i < golden->n_runs; i++)
        free(golden->runs[i].prompt);
    free(golden->runs);
    free(golden->cases);
    json_decref(golden->index);
}

const ink_golden_case *ink_golden_find(const ink_golden *golden, const char *id)
{
    for (size_t i = 0; i < golden->n_cases; i++)
        if (strcmp(golden->cases[i].id, id) == 0)
            return &golden->cases[i];
    return NULL;
}

/* ---- Tests made from it. */

void ink_test_list_add(ink_test_list *list, const char *name, CMUnitTestFunction function,
                       void *state)
{
    if (list->n_tests == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 128;
        struct CMUnitTest *tests = realloc(list->tests, capacity * sizeof *tests);
        if (!tests)
            return;
        list->tests = tests;
        list->capacity = capacity;
    }
    list->tests[list->n_tests++] =
        (struct CMUnitTest){.name = name, .test_func = function, .initial_state = state};
}

static void reference_data_is_there(void **state)
{
    (void)state;
    ink_require_shared();
    fail_msg("golden/index.json cannot be read");
}

int ink_golden_main(void (*list_tests)(const ink_golden *golden, ink_test_list *list))
{
    ink_golden golden = {0};
    ink_test_list list = {0};
    if (load(&golden))
        list_tests(&golden, &list);
    else
        ink_test_list_add(&list, "reference_data_is_there", reference_data_is_there, NULL);
    int n_failed = _cmocka_run_group_tests("golden", list.tests, list.n_tests, NULL, NULL);
    free(list.tests);
    unload(&golden);
    return n_failed;
}

/* ---- Models and logits. */

static bool names_what_it_lacks(const ink_golden_case *of, const char *message)
{
    const char *name;
    json_t *count;
    if (strstr(message, of->arch))
        return true;
    json_object_foreach(json_object_get(of->json, "tensor_types"), name,
                        count) if (strstr(message, name)) return true;
    return false;
}

ink_model *ink_golden_open(const ink_golden_case *of)
{
    char relative[256], path[1024];
    ink_model *model = NULL;
    ink_error error = {.status = INK_OK};
    (void)snprintf(relative, sizeof relative, "golden/%s", text_of(of->json, "file"));
    ink_status status = ink_model_open(&model, ink_shared_path(relative, path, sizeof path),
                                       &(ink_model_options){.n_threads = 1}, &error);
    if (status == INK_OK)
        return model;
    if (of->required)
        fail_msg("%s is required: %s", of->id, error.message);
    if (status != INK_UNSUPPORTED || !names_what_it_lacks(of, error.message))
        fail_msg("%s: status %d, \"%s\"", of->id, (int)status, error.message);
    return NULL;
}

ink_session *ink_golden_session(const ink_model *model, const ink_session_options *options)
{
    ink_session *session = NULL;
    ink_error error;
    ink_session_options isolated = *options;
    isolated.isolated = true;
    if (ink_session_new(&session, model, &isolated, &error) != INK_OK)
        fail_msg("%s", error.message);
    return session;
}

float *ink_golden_logits(const ink_model *model, const ink_session_options *options,
                         const int32_t *tokens, size_t n_tokens)
{
    ink_model_info info;
    ink_error error;
    ink_session *session = ink_golden_session(model, options);
    ink_model_get_info(model, &info);
    float *logits = calloc(n_tokens * info.n_vocab, sizeof *logits);
    assert_non_null(logits);
    if (ink_session_evaluate(session, tokens, n_tokens, logits, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(session);
    return logits;
}

float *ink_golden_floats(const json_t *object, const char *key, size_t n)
{
    char relative[256], path[1024];
    size_t n_bytes;
    assert_non_null(text_of(object, key));
    (void)snprintf(relative, sizeof relative, "golden/%s", text_of(object, key));
    char *bytes = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    assert_int_equal(n_bytes, n * sizeof(float));
    return (float *)(void *)bytes; /* from malloc, so aligned; the files are little-endian */
}

double ink_golden_number(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    assert_true(json_is_number(number));
    return json_number_value(number);
}

/* ---- Comparing. */

static double log_sum_exp(const float *row, size_t n)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = row[i] > most ? row[i] : most;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)row[i] - most);
    return most + log(sum);
}

static double row_divergence(const float *truth, const float *got, size_t n)
{
    double truth_sum = log_sum_exp(truth, n), got_sum = log_sum_exp(got, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(truth[i] - truth_sum) * ((truth[i] - truth_sum) - (got[i] - got_sum));
    return sum;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

ink_golden_divergence ink_diverge(const float *truth, const float *got, size_t n_rows,
                                  size_t n_columns)
{
    ink_golden_divergence out = {0};
    double *rows = calloc(n_rows, sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < n_rows; i++) {
        rows[i] = row_divergence(truth + i * n_columns, got + i * n_columns, n_columns);
        out.mean += rows[i] / (double)n_rows;
    }
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        double difference = fabs((double)truth[i] - got[i]);
        out.max_difference = difference <= out.max_difference ? out.max_difference : difference;
    }
    qsort(rows, n_rows, sizeof *rows, by_value);
    out.median = isnan(out.mean) ? NAN : (rows[(n_rows - 1) / 2] + rows[n_rows / 2]) / 2;
    out.largest = isnan(out.mean) ? NAN : rows[n_rows - 1];
    free(rows);
    return out;
}

void ink_assert_same_bits(const float *wanted, const float *got, size_t n, const char *what)
{
    if (memcmp(wanted, got, n * sizeof *wanted) == 0)
        return;
    size_t i = 0;
    while (memcmp(&wanted[i], &got[i], sizeof *wanted) == 0)
        i++;
    fail_msg("%s: value %zu of %zu is %a instead of %a", what, i, n, (double)got[i],
             (double)wanted[i]);
}
