/*
 * Memory that tells on a kernel, and a net that catches it when it falls.
 *
 * A slot is memory between two pages that may not be touched. An array is placed so that it ends
 * where the second begins, begins where the first ends, or lies inside at an odd address; what is
 * left beside it holds canaries.
 */
#ifndef KERNELS_GUARD_H
#define KERNELS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOT_BYTES = 4 << 20 };

#define PLACEMENTS(X)                        \
    X(AT_END, "ending at a guard page")      \
    X(AT_BEGIN, "beginning at a guard page") \
    X(INSIDE, "4 bytes off a cache line")

typedef enum placement {
#define X(name, text) name,
    PLACEMENTS(X)
#undef X
        N_PLACEMENTS
} placement;

extern const char *const placement_texts[N_PLACEMENTS];

typedef struct slot {
    unsigned char *body; /* SLOT_BYTES between the guard pages */
    unsigned char *at;   /* the array placed last */
    size_t bytes;
} slot;

/* False when the system has no memory left. */
bool slot_open(slot *s);

/*
 * Room for `bytes` at a multiple of `alignment` (a power of two), surrounded by fresh canaries.
 * Ends the program when the array does not fit: a test case was made too large.
 */
unsigned char *slot_place(slot *s, size_t bytes, size_t alignment, placement where);

/* False when a canary died, *distance bytes before the array (negative) or behind its end. */
bool slot_intact(const slot *s, ptrdiff_t *distance);

/* Whether `address` is in the slot or its guard pages; *distance as above, 0 inside the array. */
bool slot_covers(const slot *s, const void *address, ptrdiff_t *distance);

/* ---- The net */

typedef struct fall {
    int signal; /* 0: none */
    const char *name;
    void *address;
} fall;

/* Installs the handlers, once. */
void net_spread(void);

/* Runs call(context); a SIGSEGV, SIGBUS, SIGILL or SIGFPE inside comes back as a value. */
fall net_run(void (*call)(void *context), void *context);

#endif
