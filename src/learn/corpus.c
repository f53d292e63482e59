#include "learn/corpus.h"

#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "runtime/sampler_random.h"

void ink_corpus_init(ink_corpus *c, const ink_allocator *allocator)
{
    *c = (ink_corpus){.allocator = allocator};
}

void ink_corpus_deinit(ink_corpus *c)
{
    ink_delete(c->allocator, c->tokens);
    ink_delete(c->allocator, c->targets);
    ink_delete(c->allocator, c->documents);
    ink_delete(c->allocator, c->windows);
    ink_delete(c->allocator, c->kept_apart);
    *c = (ink_corpus){.allocator = c->allocator};
}

/* ---- Documents ------------------------------------------------------------------------------- */

static bool grow(const ink_corpus *c, void **items, size_t size, size_t *capacity, size_t wanted)
{
    if (wanted <= *capacity)
        return true;
    size_t n = ink_size_max(wanted, *capacity + *capacity / 2);
    void *grown = ink_resize(c->allocator, *items, n, size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = n;
    return true;
}

static bool make_room(ink_corpus *c, size_t n)
{
    size_t held = c->capacity, wanted;
    void *tokens = c->tokens, *targets = c->targets, *documents = c->documents;
    if (!ink_size_add(c->n_tokens, n, &wanted))
        return false;
    bool ok = grow(c, &tokens, sizeof *c->tokens, &held, wanted);
    c->tokens = tokens;
    ok = ok && grow(c, &targets, sizeof *c->targets, &c->capacity, wanted);
    c->targets = targets;
    ok =
        ok && grow(c, &documents, sizeof *c->documents, &c->documents_capacity, c->n_documents + 1);
    c->documents = documents;
    return ok;
}

ink_status ink_corpus_add(ink_corpus *c, const int32_t *tokens, const int32_t *targets, size_t n,
                          ink_error *error)
{
    if (n == 0)
        return INK_OK;
    if (!make_room(c, n))
        return ink_fail(error, INK_NO_MEMORY, 0, "out of memory for %zu tokens of texts",
                        c->n_tokens + n);
    memcpy(c->tokens + c->n_tokens, tokens, n * sizeof *tokens);
    int32_t *to = c->targets + c->n_tokens;
    for (size_t i = 0; i < n; i++)
        to[i] = targets ? targets[i] : i + 1 < n ? tokens[i + 1] : -1;
    c->documents[c->n_documents++] = (ink_document){.begin = c->n_tokens, .n = n};
    c->n_tokens += n;
    return INK_OK;
}

ink_status ink_corpus_extend(ink_corpus *c, const int32_t *tokens, size_t n, ink_error *error)
{
    size_t n_before = c->n_documents;
    INK_TRY(ink_corpus_add(c, tokens, NULL, n, error));
    if (n_before == 0 || c->n_documents == n_before)
        return INK_OK;
    c->n_documents = n_before;
    c->documents[n_before - 1].n += n;
    c->targets[c->n_tokens - n - 1] = tokens[0];
    return INK_OK;
}

/* What is behind the first `n` tokens of a document becomes one of its own, kept apart. */
static ink_status split(ink_corpus *c, size_t index, size_t n, ink_error *error)
{
    if (!make_room(c, 0))
        return ink_fail_memory(error, "what is kept apart of the texts");
    ink_document *d = &c->documents[index];
    size_t border = d->begin + n, rest = d->n - n;
    d->n = n;
    c->targets[border - 1] = -1;
    c->documents[c->n_documents++] = (ink_document){.begin = border, .n = rest, .kept_apart = true};
    return INK_OK;
}

/* Its part fills a sequence. */
static bool is_long(const ink_corpus *c, const ink_document *d, float part)
{
    return (double)d->n * (double)part > (double)c->n_context;
}

/*
 * Of a short document that the border, n tokens into it, goes through: cut there if both sides fill
 * a sequence, else all on the side of the larger part.
 */
static ink_status keep_part(ink_corpus *c, size_t index, size_t n, ink_error *error)
{
    ink_document *d = &c->documents[index];
    size_t rest = d->n - n;
    if (n > c->n_context && rest > c->n_context)
        return split(c, index, n, error);
    d->kept_apart = n < rest;
    return INK_OK;
}

/* The end of each long document, so that all kinds are measured, and the last of the short ones. */
static ink_status keep_apart(ink_corpus *c, float part, ink_error *error)
{
    size_t n = c->n_documents, n_short = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        n_short += is_long(c, &c->documents[i], part) ? 0 : c->documents[i].n;
    size_t border = n_short - (size_t)((double)n_short * (double)part);
    for (size_t i = 0; i < n; i++) {
        ink_document *d = &c->documents[i];
        if (is_long(c, d, part)) {
            INK_TRY(split(c, i, d->n - (size_t)((double)d->n * (double)part), error));
            continue;
        }
        size_t begin = at;
        at += d->n;
        d->kept_apart = begin >= border;
        if (begin < border && at > border)
            INK_TRY(keep_part(c, i, border - begin, error));
    }
    return INK_OK;
}

/* ---- Windows --------------------------------------------------------------------------------- */

static bool counts(const ink_corpus *c, ink_window w)
{
    for (size_t i = w.begin; i < w.begin + w.n; i++)
        if (c->targets[i] >= 0)
            return true;
    return false;
}

/* Cuts documents into windows, behind `phase` tokens of each long one; `out` NULL only counts. */
static size_t cut(const ink_corpus *c, bool kept_apart, size_t phase, ink_window *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_documents; i++) {
        const ink_document *d = &c->documents[i];
        if (d->kept_apart != kept_apart)
            continue;
        size_t at = d->begin, end = d->begin + d->n;
        if (d->n > c->n_context)
            at += phase % (ink_size_min(d->n - c->n_context, c->n_context) + 1);
        while (at < end) {
            ink_window w = {at, (uint32_t)ink_size_min(c->n_context, end - at)};
            at += w.n;
            if (d->n > c->n_context && w.n < c->n_context && phase > 0)
                break; /* what is left comes in another epoch, with another phase */
            if (!counts(c, w))
                continue;
            if (out)
                out[n] = w;
            n++;
        }
    }
    return n;
}

static uint64_t below(uint64_t state[4], uint64_t n)
{
    return (uint64_t)(ink_random_unit(state) * (double)n);
}

static ink_status begin_epoch(ink_corpus *c, uint64_t epoch, ink_error *error)
{
    uint64_t state[4];
    ink_random_init(state, (int64_t)(c->seed + epoch * 0x9E3779B97F4A7C15u));
    size_t phase = epoch == 0 || c->same_windows ? 0 : (size_t)below(state, c->n_context);
    size_t n = cut(c, false, phase, NULL);
    ink_window *windows = ink_new(c->allocator, n, sizeof *windows);
    if (!windows)
        return ink_fail_memory(error, "the order of what is learned from");
    ink_delete(c->allocator, c->windows);
    c->windows = windows;
    c->n_windows = cut(c, false, phase, windows);
    for (size_t i = n; i > 1; i--) { /* Fisher and Yates */
        size_t j = (size_t)below(state, i);
        ink_window w = windows[j];
        windows[j] = windows[i - 1];
        windows[i - 1] = w;
    }
    c->epoch = epoch;
    c->next = 0;
    return INK_OK;
}

ink_status ink_corpus_begin(ink_corpus *c, size_t n_context, float part, uint64_t seed,
                            ink_error *error)
{
    c->n_context = n_context;
    c->seed = seed;
    if (part > 0)
        INK_TRY(keep_apart(c, part, error));
    c->n_kept_apart = cut(c, true, 0, NULL);
    c->kept_apart = ink_new(c->allocator, c->n_kept_apart, sizeof *c->kept_apart);
    if (!c->kept_apart)
        return ink_fail_memory(error, "what is kept apart of the texts");
    cut(c, true, 0, c->kept_apart);
    INK_TRY(begin_epoch(c, 0, error));
    if (c->n_windows == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "there is nothing to learn from: %zu tokens in %zu documents", c->n_tokens,
                        c->n_documents);
    if (part > 0 && c->n_kept_apart == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "too little text to keep some apart: %zu tokens in %zu documents; set "
                        "validation to 0 or bring more",
                        c->n_tokens, c->n_documents);
    return INK_OK;
}

ink_status ink_corpus_go_to(ink_corpus *c, uint64_t epoch, uint64_t next, ink_error *error)
{
    INK_TRY(begin_epoch(c, epoch, error));
    if (next > c->n_windows)
        return ink_fail(error, INK_CORRUPT, 0, "window %llu of %zu was to come next",
                        (unsigned long long)next, c->n_windows);
    c->next = next;
    return INK_OK;
}

/* ---- Batches --------------------------------------------------------------------------------- */

static void put(const ink_corpus *c, ink_batch *batch, size_t at, ink_window w)
{
    memcpy(batch->tokens + at, c->tokens + w.begin, w.n * sizeof *batch->tokens);
    memcpy(batch->targets + at, c->targets + w.begin, w.n * sizeof *batch->targets);
    for (size_t i = 0; i < w.n; i++) {
        batch->positions[at + i] = (int32_t)i;
        batch->origins[at + i] = (int64_t)(w.begin + i);
    }
}

/* Sequences of one token that do not count. */
static void pad(ink_batch *batch, size_t at)
{
    for (size_t i = at; i < batch->n_tokens; i++) {
        batch->tokens[i] = 0;
        batch->positions[i] = 0;
        batch->targets[i] = -1;
        batch->origins[i] = -1;
    }
}

ink_status ink_corpus_next(ink_corpus *c, ink_batch *batch, ink_error *error)
{
    size_t at = 0;
    for (;;) {
        if (c->next == c->n_windows)
            INK_TRY(begin_epoch(c, c->epoch + 1, error));
        ink_window w = c->windows[c->next];
        if (w.n > batch->n_tokens - at)
            break;
        put(c, batch, at, w);
        at += w.n;
        c->next++;
        if (at == batch->n_tokens)
            break;
    }
    pad(batch, at);
    return INK_OK;
}

bool ink_corpus_measure(const ink_corpus *c, size_t *next, ink_batch *batch)
{
    size_t at = 0;
    while (*next < c->n_kept_apart && c->kept_apart[*next].n <= batch->n_tokens - at) {
        put(c, batch, at, c->kept_apart[*next]);
        at += c->kept_apart[(*next)++].n;
    }
    pad(batch, at);
    return at > 0;
}

void ink_corpus_count(const ink_corpus *c, size_t *n_training, size_t *n_kept_apart)
{
    *n_training = *n_kept_apart = 0;
    for (size_t i = 0; i < c->n_documents; i++)
        *(c->documents[i].kept_apart ? n_kept_apart : n_training) += c->documents[i].n;
}

void ink_corpus_digest(const ink_corpus *c, uint8_t digest[INK_SHA256_BYTES])
{
    ink_sha256 sum;
    uint64_t numbers[3] = {c->n_context, c->seed, c->n_documents};
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, numbers, sizeof numbers);
    for (size_t i = 0; i < c->n_documents; i++) {
        uint64_t document[2] = {c->documents[i].n, c->documents[i].kept_apart};
        ink_sha256_add(&sum, document, sizeof document);
    }
    ink_sha256_add(&sum, c->tokens, c->n_tokens * sizeof *c->tokens);
    ink_sha256_add(&sum, c->targets, c->n_tokens * sizeof *c->targets);
    ink_sha256_finish(&sum, digest);
}
