#include "lora_small.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void write_lesson(const char *path)
{
    char text[6 * sizeof LESSON] = "";
    for (int i = 0; i < 6; i++)
        memcpy(text + strlen(text), LESSON, sizeof LESSON);
    ink_write_file(path, text, strlen(text));
}

static bool note_loss(void *context, const ink_training_report *report)
{
    lesson *l = context;
    if (report->step == 1)
        l->first_loss = report->loss;
    l->last_loss = report->loss;
    return report->step != l->stop_after;
}

lesson lesson_of(const char *base, const char *out, const char *const *text_path, int64_t steps)
{
    lesson l = {.base = base, .out = out};
    ink_training_init(&l.training);
    ink_adapter_training_init(&l.adapter);
    l.training.texts = text_path;
    l.training.n_texts = 1;
    l.training.steps = steps;
    l.training.batch = 2;
    l.training.context = 32;
    l.training.rate = 3e-3f;
    l.training.warmup = 2;
    l.training.decay = 0;
    l.training.validation = 0;
    l.training.n_threads = 1;
    l.training.report = note_loss;
    l.adapter.rank = 4;
    return l;
}

void take_lesson(lesson *l)
{
    ink_error error = {.status = INK_OK};
    l->training.report_context = l;
    ink_status status = ink_train_adapter(l->base, l->out, &l->adapter, &l->training, NULL, &error);
    if (status != (l->stop_after ? INK_CANCELLED : INK_OK))
        fail_msg("%s", error.message);
}

float *logits_with(const char *path, const ink_adapter *adapters, size_t n_adapters, size_t *n)
{
    static const int32_t tokens[] = {1, 40, 300, 7, 5, 261, 378};
    const size_t n_tokens = sizeof tokens / sizeof *tokens;
    const ink_model_options options = {
        .n_threads = 1, .adapters = adapters, .n_adapters = n_adapters};
    const ink_session_options session_options = {.n_context = 64, .n_threads = 1};
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_model_info info;
    ink_error error = {.status = INK_OK};
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_model_get_info(model, &info);
    *n = n_tokens * (size_t)info.n_vocab;
    float *logits = calloc(*n, sizeof *logits);
    assert_non_null(logits);
    assert_int_equal(ink_session_new(&session, model, &session_options, &error), INK_OK);
    assert_int_equal(ink_session_evaluate(session, tokens, n_tokens, logits, NULL, &error), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
    return logits;
}

double largest_difference(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

bool same_files(const char *a, const char *b)
{
    size_t n, m;
    char *x = ink_read_file(a, &n), *y = ink_read_file(b, &m);
    bool same = n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}
