#include "small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TOKENS = 48 };

void small_init(small *s)
{
    ink_require_shared();
    ink_temporary_folder(s->folder);
    (void)snprintf(s->text, sizeof s->text, "%s/text", s->folder);
    (void)snprintf(s->out, sizeof s->out, "%s/out.gguf", s->folder);
    (void)snprintf(s->other, sizeof s->other, "%s/other.gguf", s->folder);
    (void)snprintf(s->statistics, sizeof s->statistics, "%s/statistics", s->folder);
    ink_shared_path("weights/stories260K.gguf", s->stories, sizeof s->stories);
    ink_shared_path("golden/models/llama-moe-Q4_K_M.gguf", s->experts, sizeof s->experts);
    ink_shared_path("golden/models/llama-types-F16.gguf", s->k_model, sizeof s->k_model);
    char text[8 * sizeof STORY] = "";
    for (int i = 0; i < 8; i++)
        memcpy(text + strlen(text), STORY, sizeof STORY);
    ink_write_file(s->text, text, strlen(text));
    s->texts[0] = s->text;
}

void small_deinit(small *s)
{
    ink_remove_folder(s->folder);
}

void quantize_or_fail(const char *in, const char *out, const ink_quantizing *options)
{
    ink_error error;
    if (ink_quantize_model(in, out, options, &error) != INK_OK)
        fail_msg("%s: %s", options->type ? options->type : "budget", error.message);
}

static float *logits_of(const char *path, size_t *n_tokens, size_t *n_vocab)
{
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_tokens tokens = {0};
    ink_model_info info;
    ink_error error;
    if (ink_model_open(&model, path, &(ink_model_options){.n_threads = 1}, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_model_get_info(model, &info);
    assert_int_equal(ink_tokenize(model, STORY, strlen(STORY), INK_SPECIAL_OPEN, &tokens, &error),
                     INK_OK);
    *n_tokens = tokens.n_tokens < MAX_TOKENS ? tokens.n_tokens : MAX_TOKENS;
    *n_vocab = info.n_vocab;
    const ink_session_options options = {.n_context = 64, .n_threads = 1};
    assert_int_equal(ink_session_new(&session, model, &options, &error), INK_OK);
    float *logits = malloc(*n_tokens * *n_vocab * sizeof *logits);
    assert_non_null(logits);
    assert_int_equal(ink_session_evaluate(session, tokens.ids, *n_tokens, logits, NULL, &error),
                     INK_OK);
    ink_tokens_free(&tokens);
    ink_session_free(session);
    ink_model_free(model);
    return logits;
}

static double log_total(const float *logits, size_t n)
{
    double most = (double)logits[0], sum = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, (double)logits[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - most);
    return most + log(sum);
}

double divergence(const char *a, const char *b)
{
    size_t n, m, n_vocab, m_vocab;
    float *p = logits_of(a, &n, &n_vocab), *q = logits_of(b, &m, &m_vocab);
    double sum = 0;
    assert_int_equal(n, m);
    assert_int_equal(n_vocab, m_vocab);
    for (size_t t = 0; t < n; t++) {
        const float *x = p + t * n_vocab, *y = q + t * n_vocab;
        double of_x = log_total(x, n_vocab), of_y = log_total(y, n_vocab);
        for (size_t i = 0; i < n_vocab; i++)
            sum += exp((double)x[i] - of_x) * ((double)x[i] - of_x - ((double)y[i] - of_y));
    }
    free(p);
    free(q);
    return sum / (double)n;
}

bool same_bytes(const char *a, const char *b)
{
    size_t n, m;
    char *x = ink_read_file(a, &n), *y = ink_read_file(b, &m);
    bool same = n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

bool there_is(const char *path)
{
    return access(path, F_OK) == 0;
}
