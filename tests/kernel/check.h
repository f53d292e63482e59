/*
 * The vocabulary of the kernel checker.
 *
 * A row of kernels.def belongs to a family: all ops with one signature. The family makes trials (a
 * call with all its arrays) and knows how to make the call; everything else, from placing arrays at
 * guard pages to comparing bits, is the same for all. A new row needs nothing here; a new signature
 * needs one family and its line in rows.c.
 */
#ifndef KERNELS_CHECK_H
#define KERNELS_CHECK_H

#include "guard.h"
#include "input.h"
#include "options.h"

typedef void any_fn(void); /* a kernel whose family knows its true type */
typedef struct family family;

typedef struct kernel_row {
    const char *op, *isa;
    uint32_t needs;
    any_fn *fn;
    const family *signature; /* the family of its type, unless its name says another */
    ink_format format;       /* of a matmul's weights, or of a page's values */
} kernel_row;

/* In the order of kernels.def, an op's rows together; row one of each op is C. */
extern const kernel_row kernel_rows[];
extern const size_t n_kernel_rows;

const family *row_family(const kernel_row *row);

/* The format a matmul's weights or a page's values are stored in. */
ink_format row_format(const kernel_row *row);

/* ---- Trials */

enum { MAX_OPERANDS = 5, POISON = 0x7fd5c5c5 /* a NaN, wherever it lies */ };

typedef enum role { INPUT, OUTPUT, IN_OUT, SCRATCH } role;
typedef enum content { BYTES, FLOATS, GROUPS /* ink_q8 */ } content;

/* An array of `n` runs, `used` bytes each, `stride` bytes apart; between them canaries. */
typedef struct operand {
    const char *name;
    role role;
    content content;
    size_t n, used, stride;
    unsigned char *before;   /* before the call */
    unsigned char *expected; /* after it, by row one */
    unsigned char *at;       /* where this call finds it */
} operand;

typedef struct trial {
    const family *family;
    ink_format format;
    size_t n_operands;
    operand operands[MAX_OPERANDS];
    size_t n; /* elements, groups or pairs; the families of one dimension */
    float factor, epsilon;
    bool no_weight, no_bias; /* a norm may be without: NULL */
    ink_matmul matmul;       /* pointers are filled by the call */
    ink_values values;
    ink_gemm gemm;
    const char *inputs[3]; /* names of the kinds of input, for the report */
    double bytes, steps;   /* read and written once; multiply-adds: for rates */
} trial;

/* Appends an array full of POISON and returns its content before the call. */
void *trial_add(trial *t, const char *name, role r, content c, size_t n, size_t used,
                size_t stride);

size_t operand_bytes(const operand *o);

typedef enum section { MATMULS, ATTENTION, VECTORS, N_SECTIONS } section;

struct family {
    section section; /* of the report */
    /* Trial `number`, drawn from `r`; false when there are no more. */
    bool (*draw)(trial *t, rng *r, size_t number);
    /* The trial that is timed, size 0 or 1; false when there is no such size. */
    bool (*draw_timed)(trial *t, rng *r, int size, bool large);
    void (*call)(any_fn *fn, trial *t);
    void (*describe)(const trial *t, char *text, size_t text_bytes);
    size_t n_inplace; /* operand 0 may be the same array as each of operands 1 .. n_inplace */
};

extern const family family_matmul, family_values, family_quantize, family_rms_norm,
    family_layer_norm, family_softmax, family_softmax_page, family_unary, family_binary,
    family_pack, family_scale, family_rope, family_gemm;

/* ---- Verdicts */

typedef enum verdict { PASSED, FAILED, SKIPPED } verdict;

enum { MAX_TIMINGS = 2 };

typedef struct timing {
    double ns, ratio;    /* per call; C's time over this time */
    double bytes, steps; /* of the trial timed */
} timing;

typedef struct subject {
    const kernel_row *row;
    verdict verdict;
    size_t n_trials;
    size_t n_timings;
    timing timings[MAX_TIMINGS];
    char message[800];
} subject;

enum { MAX_SUBJECTS = 8 };

/* The rows of one op; subjects[0] is C and the reference, even when it is not judged itself. */
typedef struct contest {
    const options *options;
    size_t n_subjects;
    subject subjects[MAX_SUBJECTS];
    bool judged[MAX_SUBJECTS]; /* chosen on the command line */
} contest;

/* Allocates the arrays all trials share; false when there is no memory. */
bool trials_open(void);

/* All trials of the op against all rows that can run here. */
void contest_run(contest *c);

/* Fails all rows that were not skipped. */
void contest_refuse(contest *c, const char *why);

/* Times those that passed; a row slower than C fails. */
void contest_time(contest *c);

#endif
