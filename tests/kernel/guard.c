#define _GNU_SOURCE
#include "guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CANARY = 0xc5, MARGIN = 256, ODD = 4 };

const char *const placement_texts[N_PLACEMENTS] = {
#define X(name, text) text,
    PLACEMENTS(X)
#undef X
};

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

bool slot_open(slot *s)
{
    size_t page = page_bytes();
    unsigned char *all =
        mmap(NULL, SLOT_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + page, SLOT_BYTES, PROT_READ | PROT_WRITE) != 0)
        return false;
    *s = (slot){all + page, all + page, 0};
    return true;
}

/* The stretch beside the array that belongs to the slot, at most MARGIN bytes of it. */
static size_t margin_before(const slot *s)
{
    size_t room = (size_t)(s->at - s->body);
    return room < MARGIN ? room : MARGIN;
}

static size_t margin_after(const slot *s)
{
    size_t room = (size_t)(s->body + SLOT_BYTES - (s->at + s->bytes));
    return room < MARGIN ? room : MARGIN;
}

unsigned char *slot_place(slot *s, size_t bytes, size_t alignment, placement where)
{
    if (bytes > SLOT_BYTES - MARGIN - 64) {
        fprintf(stderr, "kernels: an array of %zu bytes does not fit a slot\n", bytes);
        exit(2);
    }
    size_t offset = where == AT_END ? SLOT_BYTES - bytes : where == INSIDE ? MARGIN + ODD : 0;
    s->at = s->body + offset / alignment * alignment;
    s->bytes = bytes;
    memset(s->at - margin_before(s), CANARY, margin_before(s));
    memset(s->at + bytes, CANARY, margin_after(s));
    return s->at;
}

bool slot_intact(const slot *s, ptrdiff_t *distance)
{
    for (size_t i = 1; i <= margin_before(s); i++) {
        *distance = -(ptrdiff_t)i;
        if (s->at[*distance] != CANARY)
            return false;
    }
    for (size_t i = 0; i < margin_after(s); i++) {
        *distance = (ptrdiff_t)i;
        if (s->at[s->bytes + i] != CANARY)
            return false;
    }
    return true;
}

bool slot_covers(const slot *s, const void *address, ptrdiff_t *distance)
{
    uintptr_t a = (uintptr_t)address, begin = (uintptr_t)s->at, end = begin + s->bytes;
    uintptr_t page = page_bytes(), body = (uintptr_t)s->body;
    *distance = a < begin ? -(ptrdiff_t)(begin - a) : a >= end ? (ptrdiff_t)(a - end) : 0;
    return a >= body - page && a < body + SLOT_BYTES + page;
}

/* ---- The net */

typedef struct trapped_signal {
    int number;
    const char *name;
} trapped_signal;

static const trapped_signal trapped[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}};

static sigjmp_buf landing;
static volatile sig_atomic_t armed;
static fall last_fall;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!armed) { /* the checker's own fault: die of it */
        signal(number, SIG_DFL);
        return;
    }
    armed = 0;
    last_fall.address = info->si_addr;
    siglongjmp(landing, number);
}

void net_spread(void)
{
    static unsigned char stack[1 << 16]; /* a kernel may have run out of the ordinary one */
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof trapped / sizeof *trapped; i++)
        sigaction(trapped[i].number, &action, NULL);
}

fall net_run(void (*call)(void *context), void *context)
{
    int number = sigsetjmp(landing, 0); /* SA_NODEFER: no signal mask to restore */
    if (number == 0) {
        armed = 1;
        call(context);
        armed = 0;
        return (fall){0, NULL, NULL};
    }
    last_fall.signal = number;
    for (size_t i = 0; i < sizeof trapped / sizeof *trapped; i++)
        if (trapped[i].number == number)
            last_fall.name = trapped[i].name;
    return last_fall;
}
