/*
 * Behind a long context, tokens one by one on several threads (which share the chunks of a head)
 * and a prompt in batches on one thread give the same logits, and no more memory is held than was
 * planned.
 */
#include "stories.h"

#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "device/device.h"
#include "runtime/session.h"

#define N_TOKENS 2060
#define N_CONTEXT 8192 /* more than the model has learned, which changes nothing here */

static void run(const ink_model *model, const ink_session_options *options, const int32_t *tokens,
                size_t n_tokens, float *logits)
{
    ink_session *session;
    ink_session_plan plan;
    ink_error error;
    size_t n_vocab = model->hparams.n_vocab;
    if (ink_session_plan_memory(model, options, &plan, &error) != INK_OK ||
        ink_session_new(&session, model, options, &error) != INK_OK)
        fail_msg("%s", error.message);
    /* Every size of step up to the batch, and then single tokens behind the second chunk's end. */
    size_t n = 1, done = 0;
    for (; done < n_tokens; done += n) {
        n = done > 2030 ? 1 : ink_size_min(n % options->n_batch + 1, n_tokens - done);
        if (ink_session_evaluate(session, tokens + done, n, logits + done * n_vocab, NULL,
                                 &error) != INK_OK)
            fail_msg("%s", error.message);
    }
    size_t held = ink_device_memory_bytes(session->device) + n_vocab * sizeof *logits +
                  options->n_context * sizeof *tokens;
    if (held > plan.work_bytes)
        fail_msg("%zu bytes are held, %zu were planned", held, plan.work_bytes);
    ink_session_free(session);
}

static void threads_change_no_bit(void **state)
{
    static const char *const caches[] = {"f16", "f32"};
    static int32_t tokens[N_TOKENS];
    (void)state;
    ink_require_shared();
    ink_model *model = open_model("weights/stories260K.gguf", NULL);
    size_t n_vocab = model->hparams.n_vocab, n = N_TOKENS * n_vocab;
    float *wanted = calloc(n, sizeof *wanted), *got = calloc(n, sizeof *got);
    assert_true(wanted && got);
    random_tokens(model, tokens, N_TOKENS, 0xa0761d6478bd642f);
    for (size_t c = 0; c < sizeof caches / sizeof *caches; c++) {
        ink_session_options options = {.n_context = N_CONTEXT,
                                       .cache = caches[c],
                                       .n_batch = 256,
                                       .n_threads = 1,
                                       .isolated = true};
        run(model, &options, tokens, N_TOKENS, wanted);
        for (options.n_threads = 2; options.n_threads <= 3; options.n_threads++) {
            options.n_batch = options.n_threads == 2 ? 1 : 24;
            run(model, &options, tokens, N_TOKENS, got);
            for (size_t i = 0; i < n; i++)
                if (memcmp(&wanted[i], &got[i], sizeof *got) != 0)
                    fail_msg("%s cache, %d threads: logit %zu of position %zu has other bits",
                             caches[c], options.n_threads, i % n_vocab, i / n_vocab);
        }
    }
    free(wanted);
    free(got);
    ink_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_no_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
