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

void ink_warn(const ink_log *log, const char *format, ...)
{
    char message[sizeof(((ink_error *)0)->message)];
    va_list arguments;
    if (!log->write)
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log->write(log->context, INK_LOG_WARNING, message);
}
