#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct verdict_text {
    const char *table, *json, *color;
} verdict_text;

static const verdict_text verdict_texts[] = {
    [PASSED] = {"ok", "passed", "\033[32m"},
    [FAILED] = {"FAILED", "failed", "\033[1;31m"},
    [SKIPPED] = {"skipped", "skipped", "\033[33m"},
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void heading(const report *r, const char *text)
{
    if (!r->json)
        printf("\n%s%s%s\n", r->color ? "\033[1m" : "", text, r->color ? "\033[0m" : "");
}

void report_begin(report *r, const options *o, uint32_t features)
{
    *r = (report){.json = o->json,
                  .seed = o->seed,
                  .timed = o->speed,
                  .section = N_SECTIONS,
                  .begin_s = now_s()};
    r->color = !o->json && isatty(STDOUT_FILENO);
    if (!r->json)
        printf("kernels: this processor runs %s, seed %llu\n", ink_cpu_name(features),
               (unsigned long long)o->seed);
}

static void print_verdict(report *r, verdict v)
{
    const verdict_text *t = &verdict_texts[v];
    printf("%s%-8s%s", r->color ? t->color : "", t->table, r->color ? "\033[0m" : "");
}

/* A JSON string; the messages are ours and hold only ASCII. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* ---- Facts */

static void print_fact_json(const char *name, const char *of, const finding *found)
{
    printf("{\"fact\":\"%s\",\"subject\":\"%s\",\"isa\":\"c\",\"verdict\":\"%s\",\"note\":", name,
           of, verdict_texts[found->verdict].json);
    print_quoted(found->note);
    puts("}");
}

void report_fact(report *r, const fact *f, size_t i, const finding *found)
{
    if (report_rows(r) == 0)
        heading(r, "the C definition   of            verdict  found");
    r->counts[found->verdict]++;
    if (r->json) {
        print_fact_json(f->name, f->subject(i), found);
        return;
    }
    printf("%-18s %-13s ", r->fact == f ? "" : f->name, f->subject(i));
    r->fact = f;
    print_verdict(r, found->verdict);
    printf(" %s\n", found->note);
    fflush(stdout);
}

/* ---- Rows */

static const char *time_text(double ns, char *text, size_t text_bytes)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;
    for (; ns >= 999.5 && unit < 3; unit++)
        ns /= 1000;
    snprintf(text, text_bytes, "%.*f %s", ns < 9.95 ? 2 : ns < 99.5 ? 1 : 0, ns, units[unit]);
    return text;
}

/* Bytes bound the first size, multiply-adds the second. */
static void rate_text(const timing *t, size_t size, char *text, size_t text_bytes)
{
    double rate = (size ? 2 * t->steps : t->bytes) / t->ns;
    snprintf(text, text_bytes, "%.*f %s", rate < 99.5 ? 1 : 0, rate, size ? "Gop/s" : "GB/s");
}

static void print_timings(const subject *s)
{
    for (size_t i = 0; i < s->n_timings; i++) {
        char time[32], rate[32];
        rate_text(&s->timings[i], i, rate, sizeof rate);
        printf(" %9s %6.1fx %11s", time_text(s->timings[i].ns, time, sizeof time),
               s->timings[i].ratio, rate);
    }
}

static void print_row_json(const subject *s)
{
    printf("{\"op\":\"%s\",\"isa\":\"%s\",\"verdict\":\"%s\",\"cases\":%zu", s->row->op,
           s->row->isa, verdict_texts[s->verdict].json, s->n_trials);
    for (size_t i = 0; i < s->n_timings; i++) {
        const timing *t = &s->timings[i];
        printf("%s{\"ns\":%.1f,\"ratio_to_c\":%.3f,\"gb_per_s\":%.3f,\"gop_per_s\":%.3f}",
               i ? "," : ",\"timings\":[", t->ns, t->ratio, t->bytes / t->ns, 2 * t->steps / t->ns);
    }
    printf("%s,\"message\":", s->n_timings ? "]" : "");
    print_quoted(s->message);
    puts("}");
}

static void print_row(report *r, const subject *s, bool first)
{
    printf("%-15s %-10s ", first ? s->row->op : "", s->row->isa);
    print_verdict(r, s->verdict);
    if (s->verdict == SKIPPED) {
        printf(" %s\n", s->message);
        return;
    }
    printf(" %6zu", s->n_trials);
    print_timings(s);
    if (s->verdict == FAILED)
        printf("\n    %s%s%s", r->color ? "\033[31m" : "", s->message, r->color ? "\033[0m" : "");
    putchar('\n');
}

static void print_heading(const report *r, section s)
{
    static const char *const titles[N_SECTIONS] = {"matmul", "attention", "vectors"};
    static const char *const sizes[N_SECTIONS] = {
        "  1 column    vs C     weights 64 columns    vs C   multiply-add",
        "   1 query    vs C      values  8 queries    vs C   multiply-add",
        "      time    vs C  read+write",
    };
    char text[120];
    snprintf(text, sizeof text, "%-14s isa      verdict   cases%s", titles[s],
             r->timed ? sizes[s] : "");
    heading(r, text);
}

void report_contest(report *r, const contest *c)
{
    bool first = true;
    section s = row_family(c->subjects[0].row)->section;
    if (r->section != s)
        print_heading(r, s);
    r->section = s;
    for (size_t i = 0; i < c->n_subjects; i++) {
        const subject *row = &c->subjects[i];
        if (!c->judged[i])
            continue;
        r->counts[row->verdict]++;
        if (r->json)
            print_row_json(row);
        else
            print_row(r, row, first);
        first = false;
    }
    fflush(stdout);
}

size_t report_rows(const report *r)
{
    return r->counts[PASSED] + r->counts[FAILED] + r->counts[SKIPPED];
}

int report_end(const report *r)
{
    size_t failed = r->counts[FAILED], passed = r->counts[PASSED], skipped = r->counts[SKIPPED];
    double seconds = now_s() - r->begin_s;
    if (r->json) {
        printf("{\"passed\":%zu,\"failed\":%zu,\"skipped\":%zu,\"seed\":%llu,\"seconds\":%.1f}\n",
               passed, failed, skipped, (unsigned long long)r->seed, seconds);
    } else {
        printf("\n%zu rows in %.1f s, seed %llu", passed + failed + skipped, seconds,
               (unsigned long long)r->seed);
        printf(failed ? "; a failure again: kernels --op OP --isa ISA --seed %llu\n" : "\n",
               (unsigned long long)r->seed);
        printf("%zu passed, %zu failed, %zu skipped\n", passed, failed, skipped);
    }
    return failed != 0;
}
