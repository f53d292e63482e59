#include "learn/teacher_cache.h"

#include <math.h>
#include "base/size.h"
#include "kernel/math.h"

typedef struct writing {
    const ink_corpus *corpus;
    ink_teacher *teacher;
    ink_expected *expected; /* [n_tokens][k] */
    size_t k;
    float temperature;
    float *logits; /* [n_context][n_vocab] */
} writing;

/* ---- The likeliest --------------------------------------------------------------------------- */

/* A heap of the best, the worst of them on top. */
static void sink(ink_expected *heap, size_t n, size_t at)
{
    for (;;) {
        size_t worst = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (ink_expected_before(heap[worst], heap[child]))
                worst = child;
        if (worst == at)
            return;
        ink_expected e = heap[at];
        heap[at] = heap[worst];
        heap[worst] = e;
        at = worst;
    }
}

static void choose(ink_expected *best, size_t k, const float *log_p, size_t n)
{
    for (size_t i = 0; i < k; i++)
        best[i] = (ink_expected){(int32_t)i, log_p[i]};
    for (size_t i = k; i-- > 0;)
        sink(best, k, i);
    for (size_t i = k; i < n; i++) {
        ink_expected e = {(int32_t)i, log_p[i]};
        if (!ink_expected_before(e, best[0]))
            continue;
        best[0] = e;
        sink(best, k, 0);
    }
    for (size_t left = k; left > 1; left--) { /* the worst goes to the end */
        ink_expected e = best[0];
        best[0] = best[left - 1];
        best[left - 1] = e;
        sink(best, left - 1, 0);
    }
}

/* Logits into logarithms of probabilities; false: they are none. */
static bool normalize(float *logits, size_t n, float temperature)
{
    float max = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        logits[i] /= temperature;
        max = logits[i] > max ? logits[i] : max;
    }
    for (size_t i = 0; i < n; i++)
        sum += (double)ink_expf(logits[i] - max);
    float total = max + ink_logf((float)sum);
    for (size_t i = 0; i < n; i++)
        logits[i] -= total;
    return isfinite(total) != 0;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_status expect_window(writing *w, ink_window window, ink_error *error)
{
    size_t n_vocab = w->teacher->n_vocab;
    INK_TRY(
        ink_teacher_read(w->teacher, w->corpus->tokens + window.begin, window.n, w->logits, error));
    for (size_t i = 0; i < window.n; i++) {
        float *logits = w->logits + i * n_vocab;
        if (!normalize(logits, n_vocab, w->temperature))
            return ink_fail(error, INK_CORRUPT, 0, "%s: its logits are not numbers",
                            ink_gguf_name(w->teacher->model->gguf));
        choose(w->expected + (window.begin + i) * w->k, w->k, logits, n_vocab);
    }
    return INK_OK;
}

static ink_status expect_all(writing *w, const ink_progress *progress, ink_error *error)
{
    for (size_t i = 0; i < w->corpus->n_windows; i++) {
        INK_TRY(expect_window(w, w->corpus->windows[i], error));
        float part = (float)(i + 1) / (float)w->corpus->n_windows;
        if (progress && progress->report && !progress->report(progress->context, part))
            return ink_fail(error, INK_CANCELLED, 0,
                            "what the teacher expects was not finished, and is not kept");
    }
    return INK_OK;
}

static ink_status write_file(const writing *w, ink_teacher_head *h, const char *path,
                             ink_error *error)
{
    ink_file_writer *file;
    size_t n_bytes = w->corpus->n_tokens * w->k * sizeof *w->expected;
    ink_teacher_head_seal(h, w->expected);
    INK_TRY(ink_file_writer_open(&file, path, INK_FILE_FOR_OWNER, w->corpus->allocator, error));
    ink_status status = ink_file_writer_write(file, h, sizeof *h, error);
    if (status == INK_OK)
        status = ink_file_writer_write(file, w->expected, n_bytes, error);
    if (status == INK_OK)
        status = ink_file_writer_commit(file, error);
    ink_file_writer_close(file);
    return status;
}

static ink_status make(const char *path, ink_teacher_head *h, float temperature,
                       const ink_corpus *corpus, ink_teacher *teacher, const ink_progress *progress,
                       ink_error *error)
{
    const ink_allocator *allocator = corpus->allocator;
    size_t n, n_logits;
    writing w = {.corpus = corpus, .teacher = teacher, .k = h->k, .temperature = temperature};
    if (!ink_size_mul(corpus->n_tokens, h->k, &n) ||
        !ink_size_mul(corpus->n_context, teacher->n_vocab, &n_logits))
        return ink_fail(error, INK_LIMIT, 0, "%s: the texts are too large for it", path);
    w.expected = ink_new(allocator, n, sizeof *w.expected);
    w.logits = ink_new(allocator, n_logits, sizeof *w.logits);
    ink_status status = w.expected && w.logits
                            ? expect_all(&w, progress, error)
                            : ink_fail_memory(error, "what the teacher expects of the texts");
    if (status == INK_OK)
        status = write_file(&w, h, path, error);
    ink_delete(allocator, w.expected);
    ink_delete(allocator, w.logits);
    return status;
}

/* ---- Using it -------------------------------------------------------------------------------- */

static void digest(uint8_t out[INK_SHA256_BYTES], float temperature, const ink_corpus *corpus,
                   const ink_teacher *teacher)
{
    ink_sha256 sum;
    uint8_t digests[2][INK_SHA256_BYTES];
    ink_corpus_digest(corpus, digests[0]);
    ink_teacher_digest(teacher, digests[1]);
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, digests, sizeof digests);
    ink_sha256_add(&sum, &temperature, sizeof temperature);
    ink_sha256_finish(&sum, out);
}

ink_status ink_teacher_cache_open(ink_teacher_cache *cache, const char *path, size_t k,
                                  float temperature, const ink_corpus *corpus, ink_teacher *teacher,
                                  const ink_progress *progress, ink_error *error)
{
    uint8_t of[INK_SHA256_BYTES];
    *cache = (ink_teacher_cache){.k = k};
    if (k > teacher->n_vocab)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%zu tokens of the teacher are to be kept, but its vocabulary has %zu", k,
                        teacher->n_vocab);
    digest(of, temperature, corpus, teacher);
    ink_teacher_head h = ink_teacher_head_of(k, corpus->n_tokens, of);
    INK_TRY(ink_mapping_open(&cache->mapping, path, error));
    if (!cache->mapping.bytes) {
        INK_TRY(make(path, &h, temperature, corpus, teacher, progress, error));
        INK_TRY(ink_mapping_open(&cache->mapping, path, error));
    }
    ink_status status =
        ink_teacher_file_read(&cache->expected, cache->mapping.bytes, cache->mapping.n_bytes, &h,
                              corpus, teacher->n_vocab, path, error);
    if (status != INK_OK)
        ink_teacher_cache_close(cache);
    return status;
}

void ink_teacher_cache_close(ink_teacher_cache *cache)
{
    ink_mapping_close(&cache->mapping);
    *cache = (ink_teacher_cache){.k = 0};
}
