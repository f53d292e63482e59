/*
 * Calibration: a text is read by the model, and what its matrices read is summed up. Windows of the
 * text are read one by one, each beginning as a text does; the sums are the same on any number of
 * threads.
 */
#ifndef INK_SHRINK_CALIBRATE_H
#define INK_SHRINK_CALIBRATE_H

#include "runtime/session.h"
#include "shrink/statistics.h"

typedef struct ink_calibration {
    const ink_allocator *allocator;
    const ink_progress *progress;
    int n_threads;
    ink_model *model;
    ink_tokens tokens; /* of all texts, cut into windows */
    size_t n_window, n_windows;
    ink_statistics *statistics;
} ink_calibration;

typedef struct ink_calibration_options {
    const char *const *texts; /* [n_texts] files */
    size_t n_texts;
    size_t n_context; /* tokens of a window; 0: 512, or what the model was trained for */
    size_t n_tokens;  /* at most, taken evenly from all of the text; 0: all */
    int n_threads;
    const ink_allocator *allocator;
    const ink_log *log;
    const ink_progress *progress;
} ink_calibration_options;

/* Opens the model with its weights. BAD_ARGUMENT: the texts fill no window. */
ink_status ink_calibration_open(ink_calibration *calibration, const char *model,
                                const ink_calibration_options *options, ink_error *error);
void ink_calibration_close(ink_calibration *calibration);

/* Ends the model; the tokens stay. */
void ink_calibration_close_model(ink_calibration *calibration);

/* Squares and counts of all matrices, and which of them read the same. */
ink_status ink_calibration_run(ink_calibration *calibration, ink_statistics *statistics,
                               ink_error *error);

/* What a layer does to the stream that it reads and adds to. */
typedef struct ink_influence {
    double n_tokens;
    double apart;         /* 1 - cosine of what enters and what leaves: its mean */
    double added, stream; /* squares of what it adds, and of what leaves it: sums over tokens */
} ink_influence;

/* Of all layers, into zeros. */
ink_status ink_calibration_influence(ink_calibration *calibration, ink_influence *layers,
                                     ink_error *error);

/* What layers add to the stream, beside what a matrix in front of them reads. */
typedef struct ink_added {
    const ink_matrix *matrix;
    size_t first, last; /* layers from `first` to before `last` */
    float *sums;        /* [k][n_embedding] of x d^T over tokens; NULL: not wanted */
} ink_added;

/* Sums of all, as they are set to zero here. */
ink_status ink_calibration_add(ink_calibration *calibration, const ink_added *all, size_t n,
                               ink_error *error);

/* Products of those that have room for them, as they are set to zero here. */
ink_status ink_calibration_multiply(ink_calibration *calibration, ink_statistics *statistics,
                                    ink_error *error);

/*
 * Squares of the gradients of what the matrices give, for the text's own next tokens. UNSUPPORTED:
 * the model has parts that no gradient goes through.
 */
ink_status ink_calibration_differentiate(ink_calibration *calibration, ink_statistics *statistics,
                                         ink_error *error);

#endif
