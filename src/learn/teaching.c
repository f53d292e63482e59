#include "learn/teaching.h"

#include <string.h>
#include "array/backward.h"
#include "runtime/sampler_random.h"

void ink_distillation_init(ink_distillation *d)
{
    *d = (ink_distillation){.divergence = "forward"};
#define X(type, name, fallback, low, high, help) d->name = fallback;
    INK_DISTILLATION_TABLE(X)
#undef X
}

ink_status ink_teaching_init(ink_teaching *t, const ink_distillation *d, ink_error *error)
{
    *t = (ink_teaching){.options = d};
    if (!d)
        return INK_OK;
#define X(type, name, fallback, low, high, help)                                                 \
    if (!((double)d->name >= (double)(low) && (double)d->name <= (double)(high)))                \
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s is %g; it must be from %g to %g", #name, \
                        (double)d->name, (double)(low), (double)(high));
    INK_DISTILLATION_TABLE(X)
#undef X
    bool reverse = strcmp(d->divergence, "reverse") == 0;
    if (!reverse && strcmp(d->divergence, "forward") != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "divergence \"%.20s\": use forward or reverse",
                        d->divergence);
    if (!d->teacher)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no teacher");
    if ((d->keep > 0) != (d->kept != NULL))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a file for what the teacher expects, and how many tokens of it to keep: "
                        "each needs the other");
    if (d->keep > 0 && d->on_policy > 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "what the student writes itself is in no file: on_policy needs the teacher "
                        "beside, with keep 0");
    if (d->share == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "with a share of 0 the teacher has no effect; train without one");
    t->kind = reverse ? INK_DIVERGENCE_REVERSE : INK_DIVERGENCE_FORWARD;
    return INK_OK;
}

/* ---- The objective --------------------------------------------------------------------------- */

static ink_array *record(void *context, ink_array *logits, ink_array *targets)
{
    ink_teaching *t = context;
    const ink_distillation *d = t->options;
    ink_graph *graph = logits->graph;
    size_t n = logits->shape[0], k = t->cache.expected ? t->cache.k : logits->shape[1];
    bool softened = d->temperature != 1;
    t->expected = ink_input(graph, INK_F32, 2, (size_t[]){n, k});
    t->ids = t->cache.expected ? ink_input(graph, INK_I32, 2, (size_t[]){n, k}) : NULL;
    t->truth = ink_input(graph, INK_I32, 1, &n);
    ink_array *soft = softened ? ink_scale(logits, 1 / d->temperature) : logits;
    ink_array *teacher =
        softened && !t->ids ? ink_scale(t->expected, 1 / d->temperature) : t->expected;
    ink_array *loss = ink_divergence(t->kind, d->skew, soft, targets, teacher, t->ids);
    float weight = d->share * d->temperature * d->temperature;
    if (weight != 1)
        loss = ink_scale(loss, weight);
    return d->share == 1
               ? loss
               : ink_add(loss, ink_scale(ink_cross_entropy(logits, t->truth), 1 - d->share));
}

static bool counts(const ink_batch *batch, size_t begin, size_t n)
{
    for (size_t i = begin; i < begin + n; i++)
        if (batch->targets[i] >= 0)
            return true;
    return false;
}

static ink_status ask(ink_teaching *t, const ink_batch *batch, float *expected, ink_error *error)
{
    for (size_t begin = 0, n = 0; ink_batch_next_sequence(batch, &begin, &n);)
        if (counts(batch, begin, n))
            INK_TRY(ink_teacher_read(&t->teacher, batch->tokens + begin, n,
                                     expected + begin * t->teacher.n_vocab, error));
    return INK_OK;
}

static void look_up(const ink_teaching *t, const ink_batch *batch, float *expected, int32_t *ids)
{
    size_t k = t->cache.k;
    for (size_t i = 0; i < batch->n_tokens; i++) {
        if (batch->targets[i] < 0)
            continue;
        const ink_expected *kept = t->cache.expected + (size_t)batch->origins[i] * k;
        for (size_t j = 0; j < k; j++) {
            expected[i * k + j] = kept[j].log_p;
            ids[i * k + j] = kept[j].token;
        }
    }
}

static ink_status fill(void *context, ink_program *program, const ink_batch *batch,
                       ink_error *error)
{
    ink_teaching *t = context;
    int32_t *truth = ink_program_data(program, t->truth);
    float *expected = ink_program_data(program, t->expected);
    for (size_t i = 0; i < batch->n_tokens; i++)
        truth[i] = t->own ? -1 : batch->targets[i];
    if (!t->ids)
        return ask(t, batch, expected, error);
    look_up(t, batch, expected, ink_program_data(program, t->ids));
    return INK_OK;
}

/* ---- What the student writes ----------------------------------------------------------------- */

/* Its own distribution, as it is. */
static ink_generation own_writing(size_t n, uint64_t seed)
{
    ink_generation g;
    ink_generation_init(&g);
    g.sampling.temperature = 1;
    g.sampling.top_k = 0;
    g.sampling.top_p = 1;
    g.sampling.min_p = 0;
    g.sampling.seed = (int64_t)(seed >> 1);
    g.max_tokens = n;
    g.ignore_end = true;
    return g;
}

static ink_status go_on_from_half(ink_teaching *t, ink_batch *batch, size_t begin, size_t n,
                                  uint64_t seed, ink_error *error)
{
    size_t half = (n + 1) / 2;
    ink_generation generation = own_writing(n - half, seed);
    int32_t *tokens = batch->tokens + begin, *targets = batch->targets + begin;
    INK_TRY(ink_session_rewind(t->student, 0, error));
    INK_TRY(ink_generate(t->student, tokens, half, &generation, NULL, error));
    memcpy(tokens, ink_session_tokens(t->student), n * sizeof *tokens);
    for (size_t i = 0; i < n; i++)
        targets[i] = i + 1 < half || i + 1 == n ? -1 : tokens[i + 1];
    return INK_OK;
}

ink_status ink_teaching_write(ink_teaching *t, ink_batch *batch, uint64_t seed, ink_error *error)
{
    uint64_t state[4];
    t->own = false;
    if (!t->student)
        return INK_OK;
    ink_random_init(state, (int64_t)seed);
    t->own = ink_random_unit(state) < (double)t->options->on_policy;
    for (size_t begin = 0, n = 0; t->own && ink_batch_next_sequence(batch, &begin, &n);)
        if (n > 1)
            INK_TRY(go_on_from_half(t, batch, begin, n, ink_random_next(state), error));
    return INK_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

ink_status ink_teaching_open(ink_teaching *t, const ink_model *student, const ink_corpus *corpus,
                             const ink_training *training, ink_error *error)
{
    const ink_distillation *d = t->options;
    if (!d)
        return INK_OK;
    t->objective = (ink_objective){.context = t, .record = record, .fill = fill};
    INK_TRY(ink_teacher_open(&t->teacher, d->teacher, student, corpus->n_context, training, error));
    if (d->keep > 0)
        INK_TRY(ink_teacher_cache_open(&t->cache, d->kept, (size_t)d->keep, d->temperature, corpus,
                                       &t->teacher, d->progress, error));
    if (d->on_policy > 0)
        INK_TRY(ink_session_new(&t->student, student,
                                &(ink_session_options){.n_context = corpus->n_context,
                                                       .n_threads = training->n_threads,
                                                       .isolated = true}, /* it learns */
                                error));
    return INK_OK;
}

void ink_teaching_close(ink_teaching *t)
{
    ink_session_free(t->student);
    ink_teacher_cache_close(&t->cache);
    ink_teacher_close(&t->teacher);
    *t = (ink_teaching){.options = NULL};
}

void ink_teaching_digest(const ink_teaching *t, ink_sha256 *sum)
{
    uint8_t teacher[INK_SHA256_BYTES];
    if (!t->options)
        return;
    ink_teacher_digest(&t->teacher, teacher);
    ink_sha256_add(sum, teacher, sizeof teacher);
    ink_sha256_add(sum, &t->kind, sizeof t->kind);
#define X(type, name, fallback, low, high, help) \
    ink_sha256_add(sum, &t->options->name, sizeof t->options->name);
    INK_DISTILLATION_TABLE(X)
#undef X
}
