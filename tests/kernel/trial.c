/*
 * One trial after another: row one computes what is expected, then each row computes it again with
 * its arrays in every placement. Looked at are the bits of the outputs, the bytes of the inputs,
 * the gaps between runs and the canaries around each array.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/half.h"

/*
 * Scratch is aligned to a cache line. Timed arrays lie staggered: those a multiple of 4 KiB apart
 * would wait for each other.
 */
enum { CACHE_LINE = 64, STAGGER = 5 * CACHE_LINE, TEXT_BYTES = 400, CALL_BYTES = 260 };

static slot slots[MAX_OPERANDS];
static unsigned char *before[MAX_OPERANDS], *expected[MAX_OPERANDS];

bool trials_open(void)
{
    for (int i = 0; i < MAX_OPERANDS; i++) {
        before[i] = aligned_alloc(CACHE_LINE, SLOT_BYTES + MAX_OPERANDS * STAGGER);
        expected[i] = malloc(SLOT_BYTES);
        if (!before[i] || !expected[i] || !slot_open(&slots[i]))
            return false;
        before[i] += i * STAGGER;
    }
    return true;
}

size_t operand_bytes(const operand *o)
{
    return (o->n - 1) * o->stride + o->used;
}

void *trial_add(trial *t, const char *name, role r, content c, size_t n, size_t used, size_t stride)
{
    static const uint32_t poison = POISON;
    size_t i = t->n_operands++;
    operand *o = &t->operands[i];
    *o = (operand){name, r, c, n, used, stride, before[i], expected[i], NULL};
    if (operand_bytes(o) > SLOT_BYTES) {
        fprintf(stderr, "kernels: %s of %zu bytes does not fit\n", name, operand_bytes(o));
        exit(2);
    }
    for (size_t byte = 0; byte < operand_bytes(o); byte++)
        o->before[byte] = ((const unsigned char *)&poison)[byte % sizeof poison];
    return o->before;
}

/* ---- One call */

/* A call in one placement; `inplace` is the operand that operand 0 shares its memory with, or 0. */
typedef struct attempt {
    any_fn *fn;
    trial *trial;
    placement where;
    size_t inplace;
} attempt;

static void place(const attempt *a)
{
    for (size_t i = 0; i < a->trial->n_operands; i++) {
        operand *o = &a->trial->operands[i];
        size_t bytes = operand_bytes(o), alignment = o->content == BYTES ? 1 : sizeof(float);
        o->at = slot_place(&slots[i], bytes, o->role == SCRATCH ? CACHE_LINE : alignment, a->where);
        memcpy(o->at, o->before, bytes);
    }
    if (a->inplace)
        a->trial->operands[0].at = a->trial->operands[a->inplace].at;
}

static void make_call(void *context)
{
    const attempt *a = context;
    a->trial->family->call(a->fn, a->trial);
}

/* Where a fault's address lies, in words. */
static void explain_fall(const attempt *a, const fall *f, char *text, size_t text_bytes)
{
    for (size_t i = 0; i < a->trial->n_operands; i++) {
        ptrdiff_t distance;
        if (f->signal && slot_covers(&slots[i], f->address, &distance)) {
            const char *name = a->trial->operands[i].name;
            snprintf(text, text_bytes, "%s %td bytes %s %s", f->name,
                     distance < 0 ? -distance : distance,
                     distance < 0 ? "before" : "after the end of", name);
            return;
        }
    }
    snprintf(text, text_bytes, "%s at %p%s", f->name, f->address,
             f->address ? "" : ", a null pointer or an unaligned access that wants alignment");
}

/* ---- Looking at what a call left */

static bool same_float(const unsigned char *a, const unsigned char *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y || ((x & 0x7fffffff) > 0x7f800000 && (y & 0x7fffffff) > 0x7f800000);
}

static bool same_group(const unsigned char *a, const unsigned char *b)
{
    ink_q8 x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return memcmp(x.q, y.q, sizeof x.q) == 0 && memcmp(x.isum, y.isum, sizeof x.isum) == 0 &&
           same_float((unsigned char *)&x.d, (unsigned char *)&y.d) &&
           same_float((unsigned char *)&x.sum[0], (unsigned char *)&y.sum[0]) &&
           same_float((unsigned char *)&x.sum[1], (unsigned char *)&y.sum[1]);
}

static size_t unit_bytes(content c)
{
    return c == GROUPS ? sizeof(ink_q8) : c == FLOATS ? sizeof(float) : 1;
}

static bool same_unit(content c, const unsigned char *a, const unsigned char *b)
{
    return c == GROUPS ? same_group(a, b) : c == FLOATS ? same_float(a, b) : *a == *b;
}

/* Of a group's codes the first that differs from the other group's. */
static void show_group(const unsigned char *at, const unsigned char *other, char *text,
                       size_t text_bytes)
{
    ink_q8 group;
    size_t k = 0;
    memcpy(&group, at, sizeof group);
    while (k + 1 < INK_Q8_GROUP && at[k] == other[k])
        k++;
    snprintf(text, text_bytes, "q[%zu] %d d %a sum %a %a isum %d %d", k, group.q[k],
             (double)group.d, (double)group.sum[0], (double)group.sum[1], group.isum[0],
             group.isum[1]);
}

static void show_unit(content c, const unsigned char *at, const unsigned char *other, char *text,
                      size_t text_bytes)
{
    float value;
    if (c == GROUPS) {
        show_group(at, other, text, text_bytes);
    } else if (c == FLOATS) {
        memcpy(&value, at, sizeof value);
        snprintf(text, text_bytes, "%.9g (%08x)", (double)value, ink_float_bits(value));
    } else {
        snprintf(text, text_bytes, "%02x", *at);
    }
}

/* The first unit of an output that differs from what row one made of it. */
static bool right_units(const operand *o, char *text, size_t text_bytes)
{
    size_t unit = unit_bytes(o->content);
    for (size_t run = 0; run < o->n; run++) {
        for (size_t i = 0; i < o->used; i += unit) {
            const unsigned char *got = o->at + run * o->stride + i;
            const unsigned char *want = o->expected + run * o->stride + i;
            if (same_unit(o->content, got, want))
                continue;
            char got_text[120], want_text[120];
            show_unit(o->content, got, want, got_text, sizeof got_text);
            show_unit(o->content, want, got, want_text, sizeof want_text);
            snprintf(text, text_bytes, "%s[%zu][%zu] is %s, row one says %s", o->name, run,
                     i / unit, got_text, want_text);
            return false;
        }
    }
    return true;
}

/* Bytes between the runs are as before. */
static bool kept_gaps(const operand *o, char *text, size_t text_bytes)
{
    for (size_t run = 0; run + 1 < o->n; run++) {
        size_t gap = run * o->stride + o->used, bytes = o->stride - o->used;
        if (memcmp(o->at + gap, o->before + gap, bytes) != 0) {
            snprintf(text, text_bytes, "wrote behind %s[%zu], between two runs", o->name, run);
            return false;
        }
    }
    return true;
}

static bool right_operand(const attempt *a, size_t i, char *text, size_t text_bytes)
{
    const operand *o = &a->trial->operands[i];
    ptrdiff_t distance;
    if (!slot_intact(&slots[i], &distance)) {
        snprintf(text, text_bytes, "wrote %td bytes %s %s", distance < 0 ? -distance : distance,
                 distance < 0 ? "before" : "after the end of", o->name);
        return false;
    }
    bool is_output = o->role == OUTPUT || o->role == IN_OUT;
    if (is_output)
        return right_units(o, text, text_bytes) && kept_gaps(o, text, text_bytes);
    bool shared = a->inplace == i && i > 0;
    if (o->role == INPUT && !shared && memcmp(o->at, o->before, operand_bytes(o)) != 0) {
        snprintf(text, text_bytes, "changed its input %s", o->name);
        return false;
    }
    return true;
}

static bool attempt_passes(const attempt *a, char *text, size_t text_bytes)
{
    place(a);
    fall f = net_run(make_call, (void *)a);
    if (f.signal) {
        explain_fall(a, &f, text, text_bytes);
        return false;
    }
    for (size_t i = 0; i < a->trial->n_operands; i++)
        if (!right_operand(a, i, text, text_bytes))
            return false;
    return true;
}

/* ---- One trial */

static void report_failure(subject *s, const attempt *a, size_t number, const char *what)
{
    char call[CALL_BYTES];
    a->trial->family->describe(a->trial, call, sizeof call);
    snprintf(s->message, sizeof s->message, "case %zu, %s, arrays %s%s: %s", number, call,
             placement_texts[a->where], a->inplace ? ", in place" : "", what);
    s->verdict = FAILED;
}

static void try_subject(subject *s, trial *t, size_t number)
{
    char text[TEXT_BYTES];
    for (size_t inplace = 0; inplace <= t->family->n_inplace; inplace++) {
        for (placement where = 0; where < N_PLACEMENTS; where++) {
            attempt a = {s->row->fn, t, where, inplace};
            if (!attempt_passes(&a, text, sizeof text)) {
                report_failure(s, &a, number, text);
                return;
            }
        }
    }
    s->n_trials++;
}

/* What row one makes of the trial. */
static bool expect(subject *c_row, trial *t, size_t number)
{
    attempt a = {c_row->row->fn, t, INSIDE, 0};
    place(&a);
    fall f = net_run(make_call, &a);
    if (f.signal) {
        char text[TEXT_BYTES];
        explain_fall(&a, &f, text, sizeof text);
        report_failure(c_row, &a, number, text);
        return false;
    }
    for (size_t i = 0; i < t->n_operands; i++)
        memcpy(t->operands[i].expected, t->operands[i].at, operand_bytes(&t->operands[i]));
    return true;
}

void contest_refuse(contest *c, const char *why)
{
    for (size_t i = 0; i < c->n_subjects; i++) {
        subject *s = &c->subjects[i];
        if (s->verdict == PASSED) {
            s->verdict = FAILED;
            snprintf(s->message, sizeof s->message, "%s", why);
        }
    }
}

void contest_run(contest *c)
{
    const kernel_row *row_one = c->subjects[0].row;
    const family *f = row_family(row_one);
    for (size_t number = 0;; number++) {
        trial t = {.family = f, .format = row_format(row_one)};
        rng r = rng_for(c->options->seed, row_one->op, number);
        if (!f->draw(&t, &r, number))
            return;
        if (!expect(&c->subjects[0], &t, number)) {
            contest_refuse(c, "row one fell: nothing to compare with");
            return;
        }
        for (size_t i = 0; i < c->n_subjects; i++)
            if (c->judged[i] && c->subjects[i].verdict == PASSED)
                try_subject(&c->subjects[i], &t, number);
    }
}
