#include "learn/sample.h"

#include <string.h>
#include "base/size.h"
#include "base/status.h"

static bool append(void *context, const char *text, size_t n_bytes)
{
    return ink_buffer_append(context, text, n_bytes);
}

static ink_status open_session(ink_sample *s, const ink_model *model, const ink_training *training,
                               ink_error *error)
{
    size_t n, n_context = model->hparams.n_context;
    INK_TRY(ink_tokenize(model, s->begin, strlen(s->begin), INK_SPECIAL_OPEN, &s->prompt, error));
    n = s->prompt.n_tokens;
    if (n == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a sample begins with nothing, but no token begins texts here");
    if (n >= n_context)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the sample begins with %zu tokens, but the model has %zu positions", n,
                        n_context);
    const ink_session_options options = {
        .n_context = ink_size_min(n_context, n + INK_SAMPLE_TOKENS),
        .n_threads = training->n_threads,
    };
    return ink_session_new(&s->session, model, &options, error);
}

ink_status ink_sample_open(ink_sample *s, const ink_model *model, const ink_training *training,
                           ink_error *error)
{
    *s = (ink_sample){.begin = training->sample};
    if (!s->begin)
        return INK_OK;
    ink_buffer_init(&s->text, training->allocator, SIZE_MAX);
    ink_generation_init(&s->generation);
    s->generation.max_tokens = INK_SAMPLE_TOKENS;
    s->generation.sampling.seed = training->seed;
    s->generation.write = append;
    s->generation.context = &s->text;
    return open_session(s, model, training, error);
}

void ink_sample_close(ink_sample *s)
{
    ink_session_free(s->session);
    ink_tokens_free(&s->prompt);
    ink_buffer_deinit(&s->text);
    *s = (ink_sample){.session = NULL};
}

ink_status ink_sample_write(ink_sample *s, ink_error *error)
{
    s->text.n_bytes = 0;
    INK_TRY(ink_session_rewind(s->session, 0, error));
    if (!ink_buffer_text(&s->text, s->begin))
        return ink_fail_memory(error, "a sample");
    INK_TRY(
        ink_generate(s->session, s->prompt.ids, s->prompt.n_tokens, &s->generation, NULL, error));
    return s->text.failed ? ink_fail_memory(error, "a sample") : INK_OK;
}
