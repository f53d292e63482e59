#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *ink_status_text(ink_status status)
{
    switch (status) {
#define X(name, value, text) \
    case INK_##name:         \
        return text;
        INK_STATUS_TABLE(X)
#undef X
    }
    return "unknown status";
}

ink_status ink_fail(ink_error *error, ink_status status, uint64_t offset, const char *format, ...)
{
    if (error) {
        va_list arguments;
        error->status = status;
        error->offset = offset;
        va_start(arguments, format);
        (void)vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

ink_status ink_fail_memory(ink_error *error, const char *what)
{
    return ink_fail(error, INK_NO_MEMORY, 0, "out of memory for %s", what);
}
