/*
 * Sine and cosine of large angles in double, the same bits on every machine: plain products and
 * sums, no fused ones, so that this file's own code is the definition. Rotary positions reach 10^6
 * radians; the error stays below 1e-9.
 */
#ifndef INK_KERNEL_ANGLE_H
#define INK_KERNEL_ANGLE_H

/* |angle| below 2^30. */
void ink_sincos(double angle, double *sine, double *cosine);

#endif
