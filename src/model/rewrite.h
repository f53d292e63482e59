/*
 * A model's file written anew with other weights: metadata is taken over, tensors that stay are
 * copied byte by byte, the others are read as floats, changed, and written in the format that is
 * wanted, stripe by stripe and by all threads. What changes, and into what, is the caller's to say.
 */
#ifndef INK_MODEL_REWRITE_H
#define INK_MODEL_REWRITE_H

#include "format/gguf_writer.h"

/* Where a file keeps what was measured of its weights (learn/card.h). */
#define INK_CARD_KEY "inkling.card"

/* What is written of a tensor. Lists rise, and live until the next tensor is asked about. */
typedef struct ink_rewrite_part {
    const char *name;                  /* that it gets */
    const uint32_t *rows, *columns;    /* that stay; NULL: all of them */
    uint64_t shape[INK_GGUF_MAX_DIMS]; /* of what stays */
} ink_rewrite_part;

/* Some rows of one matrix; with experts, of one expert's. */
typedef struct ink_rewrite_rows {
    const ink_gguf_tensor *tensor;
    ink_format format;          /* that is wanted */
    size_t expert, first, n, k; /* of what is written */
    float *values;              /* [n][k] */
    void *blocks;               /* [n] rows of the format */
} ink_rewrite_rows;

typedef struct ink_rewriter {
    const ink_gguf *gguf;
    const ink_allocator *allocator;
    const ink_progress *progress; /* by bytes read; or NULL */
    int n_threads;                /* 1 or more */
    const char *doing;            /* "merging", for messages */
    void *context;                /* of the functions below */
    /*
     * INK_N_FORMATS: the tensor is copied. Else its rows must be whole blocks of the format. NULL:
     * all are copied.
     */
    ink_format (*format)(void *context, const ink_gguf_tensor *tensor);
    /*
     * What of the tensor is written: `part` is all of it under its own name. Where columns go,
     * blocks are made anew. false: nothing is. NULL: all of all.
     */
    bool (*select)(void *context, const ink_gguf_tensor *tensor, ink_rewrite_part *part);
    /* More metadata. NULL: none. */
    ink_status (*describe)(void *context, ink_gguf_writer *writer, ink_error *error);
    /* Before the first row of an expert's matrix. NULL: nothing is to be done. */
    ink_status (*prepare)(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error);
    /* By any thread, several at once: changes values. NULL: they stay. */
    void (*change)(void *context, const ink_rewrite_rows *rows);
    /* By any thread, several at once: values, which are finite and within the format's limit. */
    void (*encode)(void *context, const ink_rewrite_rows *rows, int thread);
    /*
     * Of all that decides the bytes beside header and tensors of `gguf`. NULL: a run that is broken
     * off leaves nothing; else it goes on where it was (format/gguf_writer.h).
     */
    const uint8_t *digest;
} ink_rewriter;

/*
 * What stands at `out` stays as it was until the new file is whole. BAD_ARGUMENT: rows are no whole
 * blocks; CORRUPT: a value is not finite, or more than the format holds.
 */
ink_status ink_rewrite(const ink_rewriter *rewriter, const char *out, ink_error *error);

/*
 * All metadata of `gguf`, for a file of other weights: what was measured of its own is not true of
 * them.
 */
ink_status ink_rewrite_metadata(ink_gguf_writer *writer, const ink_gguf *gguf, ink_error *error);

#endif
