/* Two models side by side on what training keeps apart. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernel/math.h"
#include "learn/teacher.h"
#include "learn/text_source.h"

typedef struct side {
    float *logits;  /* [n_context][n_vocab] */
    ink_teacher of; /* a teacher is a model that is asked */
} side;

typedef struct comparing {
    const ink_training *training;
    ink_model *words; /* the first model's vocabulary */
    ink_corpus corpus;
    side sides[2];
    ink_comparison result;
} comparing;

/* log of the sum of exp. */
static double log_total(const float *logits, size_t n, size_t *best)
{
    double sum = 0;
    *best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[*best])
            *best = i;
    for (size_t i = 0; i < n; i++)
        sum += (double)ink_expf(logits[i] - logits[*best]);
    return (double)logits[*best] + log(sum);
}

static void compare_token(comparing *c, const float *mine, const float *other, int32_t target)
{
    size_t n = c->sides[0].of.n_vocab, best[2];
    double totals[2] = {log_total(mine, n, &best[0]), log_total(other, n, &best[1])};
    double divergence = 0;
    for (size_t i = 0; i < n; i++) {
        double log_p = (double)other[i] - totals[1], log_q = (double)mine[i] - totals[0];
        divergence += (double)ink_expf((float)log_p) * (log_p - log_q);
    }
    c->result.n_tokens++;
    c->result.loss += totals[0] - (double)mine[target];
    c->result.other_loss += totals[1] - (double)other[target];
    c->result.divergence += divergence;
    c->result.agreement += best[0] == best[1];
}

static ink_status compare_window(comparing *c, ink_window w, ink_error *error)
{
    size_t n_vocab = c->sides[0].of.n_vocab;
    for (int i = 0; i < 2; i++)
        INK_TRY(ink_teacher_read(&c->sides[i].of, c->corpus.tokens + w.begin, w.n,
                                 c->sides[i].logits, error));
    for (size_t i = 0; i < w.n; i++)
        if (c->corpus.targets[w.begin + i] >= 0)
            compare_token(c, c->sides[0].logits + i * n_vocab, c->sides[1].logits + i * n_vocab,
                          c->corpus.targets[w.begin + i]);
    return INK_OK;
}

/* As many windows as training's measurements see, evenly over all. */
static ink_status compare_windows(comparing *c, ink_error *error)
{
    const ink_training *t = c->training;
    size_t n = c->corpus.n_kept_apart, n_wanted = n;
    if (t->evaluate_batches > 0)
        n_wanted = ink_size_min(n, (size_t)t->evaluate_batches * (size_t)t->batch);
    for (size_t i = 0; i < n_wanted; i++)
        INK_TRY(compare_window(c, c->corpus.kept_apart[i * n / n_wanted], error));
    double n_tokens = (double)c->result.n_tokens;
    c->result.loss /= n_tokens;
    c->result.other_loss /= n_tokens;
    c->result.divergence /= n_tokens;
    c->result.agreement /= n_tokens;
    return INK_OK;
}

static ink_status open_side(comparing *c, side *s, const char *path, ink_error *error)
{
    size_t n, n_context = c->corpus.n_context;
    INK_TRY(ink_teacher_open(&s->of, path, c->words, n_context, c->training, error));
    if (!ink_size_mul(n_context, s->of.n_vocab, &n))
        return ink_fail(error, INK_LIMIT, 0, "sequences of %zu tokens are too long to compare",
                        n_context);
    s->logits = ink_new(c->training->allocator, n, sizeof *s->logits);
    return s->logits ? INK_OK : ink_fail_memory(error, "the logits of a sequence");
}

static ink_status compare(comparing *c, const char *model, const char *other, ink_error *error)
{
    const ink_training *t = c->training;
    ink_model_info info;
    if (t->validation == 0 || t->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "nothing of the texts is kept apart to compare");
    INK_TRY(ink_model_open(
        &c->words, model,
        &(ink_model_options){.allocator = t->allocator, .log = t->log, .load = INK_LOAD_METADATA},
        error));
    ink_model_get_info(c->words, &info);
    size_t n_context = t->context ? (size_t)t->context : info.n_context;
    const ink_text_options how = {n_context, t->cut != 0, &t->log};
    for (size_t i = 0; i < t->n_texts; i++)
        INK_TRY(ink_corpus_add_file(&c->corpus, c->words, t->texts[i], &how, error));
    INK_TRY(ink_corpus_begin(&c->corpus, n_context, t->validation, (uint64_t)t->seed, error));
    INK_TRY(open_side(c, &c->sides[0], model, error));
    INK_TRY(open_side(c, &c->sides[1], other, error));
    return compare_windows(c, error);
}

ink_status ink_compare(const char *model, const char *other, const ink_training *training,
                       ink_comparison *comparison, ink_error *error)
{
    comparing c = {.training = training};
    ink_corpus_init(&c.corpus, training->allocator);
    ink_status status = compare(&c, model, other, error);
    if (status == INK_OK)
        *comparison = c.result;
    for (int i = 0; i < 2; i++) {
        ink_delete(training->allocator, c.sides[i].logits);
        ink_teacher_close(&c.sides[i].of);
    }
    ink_corpus_deinit(&c.corpus);
    ink_model_free(c.words);
    return status;
}
