/*
 * How long a call takes. Rows take turns, so that what disturbs the machine disturbs all; the best
 * of many turns counts. A row that looks slower than C gets more turns before it is said so.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { MAX_APPEALS = 4 };

static const double turn_ns = 100e3, short_ns = 60e6, long_ns = 600e6;
static const double slower = 1.05; /* than C by so much: failed; the rest is noise */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double turn(any_fn *fn, trial *t, size_t n_calls)
{
    double begin = now_ns();
    for (size_t i = 0; i < n_calls; i++)
        t->family->call(fn, t);
    return (now_ns() - begin) / (double)n_calls;
}

static bool takes_part(const contest *c, size_t i)
{
    return i == 0 || (c->judged[i] && c->subjects[i].verdict == PASSED);
}

static void take_turns(contest *c, trial *t, double best[], double budget_ns)
{
    double end = now_ns() + budget_ns;
    do {
        for (size_t i = 0; i < c->n_subjects; i++) {
            if (!takes_part(c, i))
                continue;
            double calls = isfinite(best[i]) ? turn_ns / best[i] : 1;
            double ns = turn(c->subjects[i].row->fn, t, calls < 1 ? 1 : (size_t)calls);
            if (ns < best[i])
                best[i] = ns;
        }
    } while (now_ns() < end);
}

static bool any_slower(const contest *c, const double best[])
{
    for (size_t i = 1; i < c->n_subjects; i++)
        if (takes_part(c, i) && best[i] > best[0] * slower)
            return true;
    return false;
}

static void record(subject *s, const trial *t, double ns, double c_ns)
{
    s->timings[s->n_timings++] = (timing){ns, c_ns / ns, t->bytes, t->steps};
    if (ns > c_ns * slower) {
        s->verdict = FAILED;
        snprintf(s->message, sizeof s->message, "slower than C: %.1f ns, C takes %.1f ns", ns,
                 c_ns);
    }
}

static void time_size(contest *c, trial *t)
{
    double best[MAX_SUBJECTS], budget_ns = c->options->bench ? long_ns : short_ns;
    for (size_t i = 0; i < t->n_operands; i++) {
        operand *o = &t->operands[i];
        o->at = o->before; /* without guard pages: here nothing is to be found */
    }
    for (size_t i = 0; i < MAX_SUBJECTS; i++)
        best[i] = INFINITY;
    take_turns(c, t, best, budget_ns);
    for (int appeal = 0; appeal < MAX_APPEALS && any_slower(c, best); appeal++)
        take_turns(c, t, best, 2 * budget_ns);
    for (size_t i = 0; i < c->n_subjects; i++)
        if (takes_part(c, i))
            record(&c->subjects[i], t, best[i], best[0]);
}

void contest_time(contest *c)
{
    const kernel_row *row_one = c->subjects[0].row;
    const family *f = row_family(row_one);
    if (c->subjects[0].verdict != PASSED)
        return;
    for (int size = 0; size < MAX_TIMINGS; size++) {
        trial t = {.family = f, .format = row_format(row_one)};
        rng r = rng_for(c->options->seed, row_one->op, (size_t)size);
        if (f->draw_timed(&t, &r, size, c->options->bench))
            time_size(c, &t);
    }
}
