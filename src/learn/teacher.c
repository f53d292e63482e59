#include "learn/teacher.h"

#include "model/weights.h"

/* ---- Life ------------------------------------------------------------------------------------ */

static ink_status open_all(ink_teacher *t, const char *path, const ink_model *student,
                           size_t n_context, const ink_training *training, ink_error *error)
{
    INK_TRY(ink_model_open(&t->model, path,
                           &(ink_model_options){.allocator = training->allocator,
                                                .log = training->log,
                                                .n_threads = training->n_threads},
                           error));
    if (t->model->arch->kind != INK_KIND_CAUSAL)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: has no logits to learn from", path);
    INK_TRY(ink_compare_vocabularies(t->model, student, error));
    if (n_context > t->model->hparams.n_context)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: is made for %u tokens, but sequences have up to %zu; use a shorter "
                        "context",
                        path, t->model->hparams.n_context, n_context);
    t->n_vocab = t->model->hparams.n_vocab;
    return ink_session_new(&t->session, t->model,
                           &(ink_session_options){.n_context = n_context,
                                                  .cache = "f32",
                                                  .n_threads = training->n_threads,
                                                  .isolated = true},
                           error);
}

ink_status ink_teacher_open(ink_teacher *t, const char *path, const ink_model *student,
                            size_t n_context, const ink_training *training, ink_error *error)
{
    *t = (ink_teacher){.model = NULL};
    ink_status status = open_all(t, path, student, n_context, training, error);
    if (status != INK_OK)
        ink_teacher_close(t);
    return status;
}

void ink_teacher_close(ink_teacher *t)
{
    ink_session_free(t->session);
    ink_model_free(t->model);
    *t = (ink_teacher){.model = NULL};
}

ink_status ink_teacher_read(ink_teacher *t, const int32_t *tokens, size_t n, float *logits,
                            ink_error *error)
{
    INK_TRY(ink_session_rewind(t->session, 0, error));
    return ink_session_evaluate(t->session, tokens, n, logits, NULL, error);
}

void ink_teacher_digest(const ink_teacher *t, uint8_t digest[INK_SHA256_BYTES])
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, t->model->memory, t->model->bindings->memory_bytes);
    ink_sha256_finish(&sum, digest);
}
