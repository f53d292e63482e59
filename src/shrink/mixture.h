/*
 * Mixtures of formats by name: which matrix of a model gets which format. The names, and what they
 * mean, are those that people know from the reference quantizer.
 */
#ifndef INK_SHRINK_MIXTURE_H
#define INK_SHRINK_MIXTURE_H

#include "model/hparams.h"

typedef struct ink_mixture ink_mixture;

/* The i-th row; NULL at the end. */
const ink_mixture *ink_mixture_at(size_t index);
const ink_mixture *ink_mixture_find(const char *name); /* without regard to case */
const char *ink_mixture_name(const ink_mixture *mixture);
ink_format ink_mixture_base(const ink_mixture *mixture);
uint32_t ink_mixture_file_type(const ink_mixture *mixture); /* of general.file_type */

/* "F32, F16, ...", for messages; cut at the end of `out`. */
void ink_mixture_list(char *out, size_t n_bytes);

/* A matrix of a model. */
typedef struct ink_mixture_place {
    const ink_hparams *hparams;
    ink_role role;
    uint32_t layer;
    bool output;   /* it makes the logits */
    bool weighted; /* it is known which columns matter */
    uint64_t k;    /* values of a row */
} ink_mixture_place;

/* What the mixture asks for; whether rows are whole blocks of it is not looked at. */
ink_format ink_mixture_format(const ink_mixture *mixture, const ink_mixture_place *place);

/* What takes the place of a format whose blocks do not fit a row; F16 after all others. */
ink_format ink_mixture_fallback(ink_format format);

#endif
