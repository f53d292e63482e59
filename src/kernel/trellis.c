#include "kernel/trellis.h"

#include <string.h>
#include "base/half.h"

static const int8_t values_t2[INK_TRELLIS_VALUES] = {
    -111, 37,  7,   -28, -56, 56,  18,  -14, -36, 94,  29,  -2,  -25, -75, 45,  9,   -10, -53, 72,
    25,   1,   -34, -94, 35,  13,  -19, -60, 58,  26,  -4,  -41, 94,  41,  6,   -24, -74, 49,  13,
    -13,  -51, 103, 31,  -2,  -31, -82, 52,  9,   -24, -53, 68,  25,  -10, -37, 127, 32,  -2,  -18,
    -66,  49,  16,  -9,  -40, 63,  24,  7,   -28, -84, 40,  12,  -17, -56, 62,  30,  -4,  -41, -118,
    45,   12,  -21, -64, 64,  23,  -9,  -47, 90,  38,  5,   -32, -63, 52,  13,  -16, -48, 70,  22,
    -8,   -28, -96, 44,  8,   -18, -71, 61,  19,  -2,  -39, 88,  32,  10,  -24, -69, 50,  22,  -8,
    -44,  78,  36,  4,   -27, -72, 49,  13,  -15, -46, 69,  26,  -7,  -36,
};

static const int8_t values_t3[INK_TRELLIS_VALUES] = {
    -127, -57, -35, -18, -73, -44, -27, -10, -94, -45, -23, -6,   -62, -33, -14, 2,   -64, -34, -17,
    -87,  -45, -25, -10, -62, -43, -24, -6,  -77, -32, -15, 1,    -49, -35, -15, -94, -58, -25, -10,
    -79,  -40, -22, -7,  -60, -40, -13, 0,   -47, -27, -18, -106, -59, -35, -11, -75, -48, -25, -7,
    -70,  -40, -21, 2,   -51, -29, -10, -4,  13,  37,  63,  4,    20,  38,  75,  8,   24,  43,  91,
    14,   30,  55,  126, 14,  32,  64,  -1,  19,  36,  55,  5,    25,  43,  67,  10,  31,  48,  84,
    18,   32,  53,  1,   16,  39,  67,  6,   23,  47,  76,  10,   28,  52,  105, 16,  33,  59,  -2,
    17,   34,  62,  5,   21,  41,  78,  9,   26,  51,  96,  15,   32,  50,
};

const ink_trellis ink_trellis_t2 = {values_t2, 7, 44.944f};
const ink_trellis ink_trellis_t3 = {values_t3, 6, 41.307f};

static uint64_t turn_right(uint64_t x, int n)
{
    return x >> n | x << (-n & 63);
}

/* `own` has a bit for each value; NULL: they have none. */
static void read_run(ink_group *out, const ink_trellis *trellis, const uint8_t ring[8],
                     const uint8_t *own, ink_half d)
{
    const uint64_t mask = (1u << trellis->window) - 1;
    uint64_t bits = 0;
    *out = (ink_group){.scale = {1, 1}, .d = ink_half_to_float(d)};
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)ring[i] << 8 * i;
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        uint64_t index = turn_right(bits, INK_TRELLIS_STEP * k) & mask;
        if (own)
            index |= (uint64_t)(own[k / 8] >> k % 8 & 1) << trellis->window;
        out->q[k] = trellis->values[index];
    }
}

void ink_group_read_t2(ink_group *out, const void *data, size_t group)
{
    const ink_block_t2 *block = data;
    read_run(out, &ink_trellis_t2, block->q + 8 * group, NULL, block->d);
}

void ink_group_read_t3(ink_group *out, const void *data, size_t group)
{
    const ink_block_t3 *block = data;
    read_run(out, &ink_trellis_t3, block->q + 8 * group, block->own + 4 * group, block->d);
}
