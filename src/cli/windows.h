/*
 * Windows of a text, read by one model, or by two of the same vocabulary side by side.
 *
 * The text is cut into windows of as many tokens, which do not overlap; the first token of each is
 * replaced by BOS where the vocabulary adds one; the tokens of the second half are scored, each
 * having seen at least half a window. A rest that fills no window is left out. This is the method
 * of llama.cpp's perplexity tool, so that figures can be compared. A text that fills no window is
 * one by itself and scored as a whole. Of logits only a piece of a window is held at a time.
 */
#ifndef INK_CLI_WINDOWS_H
#define INK_CLI_WINDOWS_H

#include "inkling.h"

enum { INK_MIN_WINDOW = 4, INK_DEFAULT_WINDOW = 512, INK_MAX_READERS = 2 };

/* One who reads: a model in a session of its own. */
typedef struct ink_reader {
    const ink_model *model;
    const char *cache; /* of its session, in place of what the options say; NULL: that */
    ink_session *session;
    float *logits;   /* [n_piece][n_vocab] */
    double seconds;  /* that its evaluations took */
    size_t n_tokens; /* evaluated */
} ink_reader;

typedef struct ink_windows {
    /* Set by the caller, who owns the models; sessions and logits are made here. */
    ink_reader readers[INK_MAX_READERS];
    size_t n_readers;
    size_t n_window; /* tokens of a window */
    size_t n_most;   /* windows of each text; 0: all of it */
    bool all;        /* all tokens but the first are scored, not the second half */
    /*
     * After each token that another follows which is to be scored: logits[r] is [n_vocab], of
     * reader r.
     */
    ink_status (*score)(void *context, const float *const *logits, int32_t next, ink_error *error);
    void *context;
    size_t n_vocab, n_piece;
    int32_t bos; /* -1: none */
} ink_windows;

/* How a text was cut. */
typedef struct ink_window_counts {
    size_t n_tokens, n_windows, n_window;
} ink_window_counts;

/* Makes the sessions; ended by ink_windows_deinit, also when this failed. */
ink_status ink_windows_init(ink_windows *windows, const ink_session_options *session,
                            ink_error *error);
void ink_windows_deinit(ink_windows *windows);

/*
 * Reads `text`, which `name` stands for in messages, with the vocabulary of the first reader, under
 * a progress bar. BAD_ARGUMENT: it has less than INK_MIN_WINDOW tokens.
 */
ink_status ink_windows_read(ink_windows *windows, const char *name, const char *text,
                            size_t n_bytes, ink_window_counts *counts, ink_error *error);

#endif
