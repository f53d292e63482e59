/*
 * The steps of ink_quantize_model, for who chooses formats in another way than by a mixture or by
 * one budget.
 */
#ifndef INK_SHRINK_QUANTIZER_H
#define INK_SHRINK_QUANTIZER_H

#include "shrink/targets.h"

typedef struct ink_quantizer ink_quantizer;

typedef struct ink_chooser {
    void *context;
    /* Calibrated; `beside`: what stands in the file beside tensors, at most. Sets the formats. */
    ink_status (*choose)(void *context, ink_quantizer *quantizer, ink_targets *targets,
                         uint64_t beside, ink_error *error);
} ink_chooser;

/* `options` say no type and no budget. Writes nothing by itself. */
ink_status ink_quantize_chosen(const char *in, const ink_quantizing *options,
                               const ink_chooser *chooser, ink_error *error);

/*
 * While choosing: the model in the formats that targets have now. Broken off, it leaves a part and
 * a journal beside `out`, to go on from, as ink_quantize_model does.
 */
ink_status ink_quantizer_write(ink_quantizer *quantizer, const char *out, ink_error *error);

#endif
