/*
 * What the C rows themselves must satisfy: the file formats, the definitions in kernel.h and
 * reference.h, and the error bounds of math.h, each against something that is not Inkling's
 * kernels.
 */
#ifndef KERNELS_FACTS_H
#define KERNELS_FACTS_H

#include "check.h"

typedef struct finding {
    verdict verdict;
    char note[300]; /* what was found: the reason of a failure, or the figure of a success */
} finding;

typedef struct fact {
    const char *name;
    size_t n_subjects;
    const char *(*subject)(size_t i); /* for instance a format's name */
    void (*check)(size_t i, rng *r, finding *f);
} fact;

extern const fact facts[];
extern const size_t n_facts;

/* As --op and --list know it: "decode_q4_0". */
void fact_name(const fact *f, size_t i, char *name, size_t name_bytes);

INK_PRINTF(2, 3) void finding_fail(finding *f, const char *format, ...);
INK_PRINTF(2, 3) void finding_skip(finding *f, const char *format, ...);
INK_PRINTF(2, 3) void finding_note(finding *f, const char *format, ...);

/* i counts ink_format */
void check_decode(size_t i, rng *r, finding *f);
void check_encode(size_t i, rng *r, finding *f);
void check_tile(size_t i, rng *r, finding *f);
void check_product(size_t i, rng *r, finding *f);

/* i counts the rows of a table of functions */
void check_function(size_t i, rng *r, finding *f);
enum { N_FUNCTIONS = 9 };
const char *function_name(size_t i);

enum { N_REDUCTIONS = 8 };
void check_reduction(size_t i, rng *r, finding *f);
const char *reduction_name(size_t i);

enum { N_LEVEL_FORMATS = 3 };
void check_levels(size_t i, rng *r, finding *f);
const char *level_format_name(size_t i);

void check_half(size_t i, rng *r, finding *f);
void check_bfloat(size_t i, rng *r, finding *f);
void check_quantize(size_t i, rng *r, finding *f);
void check_rotation(size_t i, rng *r, finding *f);

#endif
