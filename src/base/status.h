/*
 * Failing: one call fills the caller's error and returns the status, so a failure is one statement.
 * Warning: one call tells the caller's log.
 */
#ifndef INK_BASE_STATUS_H
#define INK_BASE_STATUS_H

#include <inttypes.h>
#include "inkling.h"

/* Fills `error` when it is not NULL and returns `status`. A message that does not fit is cut. */
INK_PRINTF(4, 5)
ink_status ink_fail(ink_error *error, ink_status status, uint64_t offset, const char *format, ...);

/*
 * Out of memory, naming what was wanted. Here and not in status.c, so that whoever reads a caller,
 * a static analyzer too, sees that it never returns INK_OK.
 */
static inline ink_status ink_fail_memory(ink_error *error, const char *what)
{
    (void)ink_fail(error, INK_NO_MEMORY, 0, "out of memory for %s", what);
    return INK_NO_MEMORY;
}

/* Tells the log of something that was put up with. */
INK_PRINTF(2, 3)
void ink_warn(const ink_log *log, const char *format, ...);

/*
 * Returns from the enclosing function when `expression` fails; for functions with nothing to
 * release.
 */
#define INK_TRY(expression)                \
    do {                                   \
        ink_status status_ = (expression); \
        if (status_ != INK_OK)             \
            return status_;                \
    } while (0)

#endif
