/*
 * What is learned from: documents of tokens, a part of them kept apart to measure with, and the
 * order in which the rest comes. A document longer than a sequence is cut into windows, at another
 * place each time; shorter ones stand whole, several in a batch. Each time through (an epoch) all
 * windows come once, in an order that the seed decides.
 *
 * Two numbers say how far it has come, so that training goes on where it was.
 */
#ifndef INK_LEARN_CORPUS_H
#define INK_LEARN_CORPUS_H

#include "base/memory.h"
#include "base/sha256.h"
#include "learn/batch.h"

typedef struct ink_document {
    size_t begin, n; /* tokens */
    bool kept_apart;
} ink_document;

/* n tokens of a document from `begin` on. */
typedef struct ink_window {
    size_t begin;
    uint32_t n;
} ink_window;

typedef struct ink_corpus {
    const ink_allocator *allocator;
    int32_t *tokens, *targets; /* [n_tokens]; a target is what follows, or -1 */
    size_t n_tokens, capacity;
    ink_document *documents;
    size_t n_documents, documents_capacity;
    size_t n_context;
    uint64_t seed;
    bool same_windows;   /* each epoch cuts where the first did; set before ink_corpus_begin */
    ink_window *windows; /* of this epoch, in their order */
    size_t n_windows;
    ink_window *kept_apart;
    size_t n_kept_apart;
    uint64_t epoch, next; /* the window that comes next */
} ink_corpus;

void ink_corpus_init(ink_corpus *corpus, const ink_allocator *allocator);
void ink_corpus_deinit(ink_corpus *corpus);

/*
 * A document of n tokens, which are copied. targets[n]: for each token the one that follows, or -1
 * where it does not count; NULL: all that follow count, none behind the last.
 */
ink_status ink_corpus_add(ink_corpus *corpus, const int32_t *tokens, const int32_t *targets,
                          size_t n, ink_error *error);

/* More of the document that was added last, all of which counts. Without one: the first. */
ink_status ink_corpus_extend(ink_corpus *corpus, const int32_t *tokens, size_t n, ink_error *error);

/*
 * Once all documents are there: keeps `part` of the tokens apart, the end of each long document and
 * the last of the short ones, and begins the first epoch. BAD_ARGUMENT when there is nothing to
 * learn from, or nothing was kept though part > 0.
 */
ink_status ink_corpus_begin(ink_corpus *corpus, size_t n_context, float part, uint64_t seed,
                            ink_error *error);

/* Goes to a place that `epoch` and `next` once said. CORRUPT when there is no such place. */
ink_status ink_corpus_go_to(ink_corpus *corpus, uint64_t epoch, uint64_t next, ink_error *error);

/*
 * Fills a batch from the next windows; what none fits into any more does not count. At the end of
 * an epoch the next begins.
 */
ink_status ink_corpus_next(ink_corpus *corpus, ink_batch *batch, ink_error *error);

/* The same from what is kept apart, from window *at on, which goes ahead; false at its end. */
bool ink_corpus_measure(const ink_corpus *corpus, size_t *at, ink_batch *batch);

/* Tokens to learn from, and kept apart. */
void ink_corpus_count(const ink_corpus *corpus, size_t *n_training, size_t *n_kept_apart);

/* Of everything that decides what comes when. */
void ink_corpus_digest(const ink_corpus *corpus, uint8_t digest[INK_SHA256_BYTES]);

#endif
