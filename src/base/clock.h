/* A clock that only goes forward. */
#ifndef INK_BASE_CLOCK_H
#define INK_BASE_CLOCK_H

/* Seconds from some fixed moment. */
double ink_clock_seconds(void);

#endif
