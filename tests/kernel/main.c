/*
 * The kernel checker, after the idea of dav1d's checkasm: every row of kernels.def that this
 * processor can run against row one, bit for bit, on plain and hostile input, in memory that tells
 * on a kernel; and row one against what defines it. Beside the verdict stands the time: a row
 * slower than C fails.
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static bool op_chosen(const options *o, const char *name)
{
    return !o->op || strstr(name, o->op);
}

static bool isa_chosen(const options *o, const char *isa)
{
    return !o->isa || strcmp(o->isa, isa) == 0;
}

/* ---- Facts */

typedef struct fact_call {
    const fact *fact;
    size_t i;
    rng *rng;
    finding *finding;
} fact_call;

static void call_fact(void *context)
{
    const fact_call *c = context;
    c->fact->check(c->i, c->rng, c->finding);
}

static void check_fact(report *r, const options *o, const fact *f, size_t i)
{
    finding found = {PASSED, ""};
    rng random = rng_for(o->seed, f->name, i);
    fall fallen = net_run(call_fact, &(fact_call){f, i, &random, &found});
    if (fallen.signal)
        finding_fail(&found, "%s at %p", fallen.name, fallen.address);
    report_fact(r, f, i, &found);
}

/* A fact is named like a row, "decode_q4_0"; facts are about C alone. */
static void check_facts(report *r, const options *o)
{
    for (const fact *f = facts; f < facts + n_facts && isa_chosen(o, "c"); f++) {
        for (size_t i = 0; i < f->n_subjects; i++) {
            char name[64];
            fact_name(f, i, name, sizeof name);
            if (!op_chosen(o, name))
                continue;
            if (o->list)
                printf("%-24s c\n", name);
            else
                check_fact(r, o, f, i);
        }
    }
}

/* ---- Rows */

static void enter(contest *c, const kernel_row *row, uint32_t features)
{
    if (c->n_subjects == MAX_SUBJECTS) {
        fprintf(stderr, "kernels: more than %d rows of %s: raise MAX_SUBJECTS\n", MAX_SUBJECTS,
                row->op);
        exit(2);
    }
    subject *s = &c->subjects[c->n_subjects];
    s->row = row;
    c->judged[c->n_subjects++] = isa_chosen(c->options, row->isa);
    if ((row->needs & features) != row->needs) {
        s->verdict = SKIPPED;
        snprintf(s->message, sizeof s->message, "this processor has %s at most",
                 ink_cpu_name(features));
    }
}

static bool any_judged(const contest *c)
{
    for (size_t i = 0; i < c->n_subjects; i++)
        if (c->judged[i])
            return true;
    return false;
}

static void check_op(report *r, contest *c)
{
    if (!any_judged(c))
        return;
    if (strcmp(c->subjects[0].row->isa, "c") == 0)
        contest_run(c);
    else
        contest_refuse(c, "row one is not C: nothing to compare with");
    if (c->options->speed)
        contest_time(c);
    report_contest(r, c);
}

static void list_op(const contest *c)
{
    for (size_t i = 0; i < c->n_subjects; i++)
        if (c->judged[i])
            printf("%-24s %-8s %s\n", c->subjects[i].row->op, c->subjects[i].row->isa,
                   c->subjects[i].message);
}

static bool is_row_one(const kernel_row *row)
{
    for (const kernel_row *earlier = kernel_rows; earlier < row; earlier++)
        if (strcmp(earlier->op, row->op) == 0)
            return false;
    return true;
}

/* The rows of one op need not stand together in kernels.def: each row one gathers its own. */
static void gather(contest *c, const kernel_row *row_one, uint32_t features)
{
    for (const kernel_row *row = row_one; row < kernel_rows + n_kernel_rows; row++)
        if (strcmp(row->op, row_one->op) == 0)
            enter(c, row, features);
}

static void check_section(report *r, const options *o, section s, uint32_t features)
{
    for (const kernel_row *row = kernel_rows; row < kernel_rows + n_kernel_rows; row++) {
        if (!is_row_one(row) || row_family(row)->section != s || !op_chosen(o, row->op))
            continue;
        contest c = {.options = o};
        gather(&c, row, features);
        if (o->list)
            list_op(&c);
        else
            check_op(r, &c);
    }
}

int main(int n_arguments, char **arguments)
{
    options o = {.seed = 1, .speed = !SANITIZED};
    if (!options_read(&o, n_arguments, arguments))
        return 2;
    if (o.help) {
        options_help();
        return 0;
    }
    if (!trials_open()) {
        fprintf(stderr, "kernels: out of memory\n");
        return 2;
    }
    net_spread();
    report r;
    uint32_t features = ink_cpu_features();
    if (!o.list)
        report_begin(&r, &o, features);
    check_facts(&r, &o);
    for (section s = 0; s < N_SECTIONS; s++)
        check_section(&r, &o, s, features);
    if (o.list)
        return 0;
    if (report_rows(&r) == 0) { /* a name mistyped must not look like success */
        fprintf(stderr, "kernels: no row is named so; --list names all\n");
        return 2;
    }
    return report_end(&r);
}
