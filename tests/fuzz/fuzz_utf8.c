/*
 * UTF-8: decoding advances and comes back the same, validity is what decoding says, and what may be
 * shown of a text never splits a character nor holds back more than three bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_showable(const char *text, size_t size)
{
    size_t showable = ink_utf8_complete(text, size);
    if (showable > size || size - showable > 3)
        abort();
    if (ink_utf8_valid(text, size) && showable != size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    bool all_valid = true;
    for (size_t at = 0; at < size;) {
        uint32_t code_point = 0;
        char again[4];
        size_t length = ink_utf8_decode(text + at, size - at, &code_point);
        if (length > 4 || length > size - at)
            abort();
        if (length > 0 &&
            (ink_utf8_encode(code_point, again) != length || memcmp(again, text + at, length) != 0))
            abort();
        all_valid &= length > 0;
        at += length > 0 ? length : 1;
    }
    if (all_valid != ink_utf8_valid(text, size))
        abort();
    check_showable(text, size);
    return 0;
}
