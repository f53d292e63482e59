#include "fuzz/constrained.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return check_constraint(INK_CONSTRAINT_REGEX, data, size, true);
}
