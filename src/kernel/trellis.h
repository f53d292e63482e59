/*
 * Codes along a trellis: a value is what a window of the stream of bits stands for, which moves on
 * by two bits a value, so that each value has a choice of many numbers and yet brings two bits
 * alone. Tseng et al., QTIP, arXiv:2406.11235; Marcellin & Fischer, IEEE Trans. Communications
 * 38(1), 1990. The numbers are those that Lloyd's iteration finds for a Gaussian
 * (bench/trellis_table.c); rotated weights (ink_spread) are about as a Gaussian is.
 *
 * The stream of a run of 32 values is a ring of 64 bits: the windows of the last ones end with its
 * first bits. The window of value t begins with bit 2t. T3 adds above it a bit that the value has
 * for itself.
 */
#ifndef INK_KERNEL_TRELLIS_H
#define INK_KERNEL_TRELLIS_H

#include "kernel/reference.h"

#define INK_TRELLIS_STEP 2
#define INK_TRELLIS_VALUES 128

typedef struct ink_trellis {
    const int8_t *values; /* [INK_TRELLIS_VALUES], of a window and what is above it */
    uint8_t window;       /* bits of it */
    float deviation;      /* of numbers that are coded best: 1 / the scale of a Gaussian */
} ink_trellis;

extern const ink_trellis ink_trellis_t2, ink_trellis_t3;

void ink_group_read_t2(ink_group *out, const void *block, size_t group);
void ink_group_read_t3(ink_group *out, const void *block, size_t group);

#endif
