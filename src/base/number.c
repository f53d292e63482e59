#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WHOLE 1e15f

const char *ink_print_float(float value, char out[INK_FLOAT_BYTES])
{
    if (fabsf(value) < MAX_WHOLE && value == truncf(value)) {
        (void)snprintf(out, INK_FLOAT_BYTES, "%.0f", (double)value);
        return out;
    }
    for (int digits = 1; digits <= 9; digits++) { /* nine tell any float from its neighbors */
        (void)snprintf(out, INK_FLOAT_BYTES, "%.*g", digits, (double)value);
        if (strtof(out, NULL) == value)
            break;
    }
    return out;
}
