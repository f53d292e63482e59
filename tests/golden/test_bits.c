/*
 * The same bits from every instruction set that this machine has, any number of threads and any
 * batch, for each weight type, each cache format, and what models do differently. The C rows with
 * one thread are what is compared with.
 */
#define _POSIX_C_SOURCE 200809L
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cpu.h"

#define CONTEXT 256    /* no model has learned less */
#define MAX_TOKENS 160 /* beyond two cache pages, and further than windows reach */

typedef struct variant {
    const char *cpu;
    int n_threads;
    size_t batch; /* 0: the whole prompt */
} variant;

typedef struct subject {
    const ink_golden_case *of;
    const char *cache;
    size_t n_tokens;
    bool thorough; /* all variants; else one an instruction set */
    char name[96];
} subject;

static subject subjects[160];
static size_t n_subjects;

static const char *const cpus[] = {
#define X(name, NAME, features) #name,
    INK_CPU_TABLE(X)
#undef X
};

static bool has_cpu(size_t index)
{
    static const uint32_t features[] = {
#define X(name, NAME, mask) mask,
        INK_CPU_TABLE(X)
#undef X
    };
    return (features[index] & ~ink_cpu_features()) == 0;
}

/* Any tokens do: what counts is that they are the same ones. */
static void fill_tokens(int32_t *tokens, size_t n, uint32_t n_vocab)
{
    uint64_t seed = 0x1d8e4e27c47d124f;
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(ink_test_random(&seed) >> 33) % (int32_t)n_vocab;
}

/* Logits, or for embeddings rows and then the pooled vector. */
static float *results(const ink_model *model, const subject *s, const variant *v, size_t *n)
{
    int32_t tokens[MAX_TOKENS];
    ink_model_info info;
    ink_error error;
    const ink_session_options options = {
        .n_context = CONTEXT, .cache = s->cache, .n_batch = v->batch, .n_threads = v->n_threads};
    ink_model_get_info(model, &info);
    fill_tokens(tokens, s->n_tokens, info.n_vocab);
    assert_int_equal(setenv("INK_CPU", v->cpu, 1), 0);
    *n = s->n_tokens * info.n_vocab;
    if (!info.embedding)
        return ink_golden_logits(model, &options, tokens, s->n_tokens);
    size_t n_rows = s->n_tokens * info.n_embedding;
    *n = n_rows + info.n_embedding;
    float *out = calloc(*n, sizeof *out);
    assert_non_null(out);
    ink_session *session = ink_golden_session(model, &options);
    if (ink_session_embed(session, tokens, s->n_tokens, false, out, &error) != INK_OK ||
        ink_session_embed(session, tokens, s->n_tokens, true, out + n_rows, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session_free(session);
    return out;
}

static void check_variant(const ink_model *model, const subject *s, const variant *v,
                          const float *wanted)
{
    char name[160];
    size_t n;
    (void)snprintf(name, sizeof name, "INK_CPU=%s, %d threads, batch %zu", v->cpu, v->n_threads,
                   v->batch);
    float *got = results(model, s, v, &n);
    ink_assert_same_bits(wanted, got, n, name);
    free(got);
}

static void a_subject(void **state)
{
    static const size_t batches[] = {0, 7, 1};
    const subject *s = *state;
    size_t n;
    ink_model *model = ink_golden_open(s->of);
    assert_non_null(model);
    float *wanted = results(model, s, &(variant){"c", 1, 0}, &n);
    for (size_t cpu = 0; cpu < sizeof cpus / sizeof *cpus; cpu++) {
        if (!has_cpu(cpu))
            continue;
        if (!s->thorough)
            check_variant(model, s, &(variant){cpus[cpu], 2, 7}, wanted);
        for (int n_threads = 1; s->thorough && n_threads <= 3; n_threads++)
            for (size_t b = 0; b < 3; b++)
                check_variant(model, s, &(variant){cpus[cpu], n_threads, batches[b]}, wanted);
    }
    free(wanted);
    ink_model_free(model);
}

/* ---- The list. */

static void add(const ink_golden_case *of, ink_test_list *list, const char *cache, size_t n_tokens,
                bool thorough)
{
    if (!of || n_subjects == sizeof subjects / sizeof *subjects)
        return;
    subject *s = &subjects[n_subjects++];
    *s = (subject){.of = of, .cache = cache, .n_tokens = n_tokens, .thorough = thorough};
    (void)snprintf(s->name, sizeof s->name, "%s, %s cache, %zu tokens", of->id, cache, n_tokens);
    ink_test_list_add(list, s->name, a_subject, s);
}

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    static const struct {
        const char *id, *cache;
        size_t n_tokens;
    } chosen[] = {
        {"llama-types-Q4_0", "f32", 150},
        {"llama-types-Q4_0", "f16", 150},
        {"llama-types-Q4_0", "q8_0", 150},
        {"llama-types-Q4_0", "q4_0", 150},
        {"llama-gqa-Q4_0", "q8_0", 70},
        {"gemma2-Q4_K_M", "f16", 150},
        {"gemma3-k-Q4_K_M", "q8_0", 150},
        {"llama-moe-Q4_K_M", "f16", 20},
        {"bert-Q8_0", "f16", 40},
        {"phi3-longrope-Q4_K_M", "f16", 20},
        {"gemma-embedding-Q4_0", "f32", 70},
        {"lfm2-Q8_0", "f16", 70},
        {"lfm2moe-Q8_0", "f32", 20},
        {"gemma4-Q4_0", "f16", 70},
        {"mamba2-Q4_K_M", "f16", 70},
        {"granitehybrid-Q8_0", "q8_0", 70},
        {"falcon-h1-Q4_K_M", "f16", 40},
        {"qwen35-Q4_K_M", "f16", 70},
        {"qwen35moe-Q4_0", "f32", 20},
        {"gemma4-moe-Q4_0", "q8_0", 20},
    };
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        add(ink_golden_find(golden, chosen[i].id), list, chosen[i].cache, chosen[i].n_tokens, true);
    for (size_t i = 0; i < golden->n_cases; i++)
        if (golden->cases[i].required)
            add(&golden->cases[i], list, "f16", 20,
                strncmp(golden->cases[i].id, "llama-types-", 12) == 0);
}

int main(void)
{
    return ink_golden_main(list_tests);
}
