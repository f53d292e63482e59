/* What fitting came to: a table, JSON, a picture, what a card says of it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "base/memory.h"
#include "base/status.h"
#include "cli/digest.h"
#include "cli/fit.h"
#include "cli/plot.h"
#include "cli/terminal.h"

/* Of weights and cache together; NAN: not known. */
static double expected(const ink_fitted *fit)
{
    return fit->weights_loss + fit->cache_loss;
}

/* ---- For people */

static void print_number(int width, const char *format, double number)
{
    char text[32] = "-";
    if (isfinite(number))
        (void)snprintf(text, sizeof text, format, number);
    printf(" %*s", width, text);
}

static void print_fit(const ink_fitted *fit)
{
    char memory[INK_SIZE_BYTES], weights[INK_SIZE_BYTES];
    printf("%c %9s %9s %6.2f  %-10.10s", fit->is_choice ? '*' : ' ',
           ink_format_bytes(fit->plan.total_bytes, memory),
           ink_format_bytes(fit->weight_bytes, weights), fit->bits, fit->cache);
    print_number(9, "%.4g", fit->tokens_per_second);
    print_number(11, "%.3g", fit->weights_loss);
    print_number(11, "%.3g", fit->cache_loss);
    print_number(11, "%.3g", fit->divergence);
    putchar('\n');
}

static void print_choice(const ink_fit_run *r)
{
    char all[INK_SIZE_BYTES], memory[INK_SIZE_BYTES];
    const ink_fitted *fit = &r->fits[r->choice];
    printf("* takes %s of %s with a context of %zu", ink_format_bytes(fit->plan.total_bytes, all),
           ink_format_bytes(r->fitting.memory_bytes, memory), fit->plan.n_context);
    if (isfinite(fit->tokens_per_second))
        printf("; its last token reads %.0f %% of what this machine can in that time",
               100 * fit->read_bytes * fit->tokens_per_second / r->limits.all.read_bytes);
    putchar('\n');
    if (!r->out)
        return;
    printf("%s: planned with %" PRIu64 " bytes", r->out, r->plan.total_bytes);
    if (r->measured)
        printf("; KL %.6g +/- %.2g, agreement %.2f %%, on %zu tokens", r->eval.figures.kl_mean,
               r->eval.figures.kl_error, 100 * r->eval.figures.agreement, r->eval.score.n_scored);
    printf("\ninkling run %s --context %zu --cache %s --memory-limit %" PRIu64 "\n", r->out,
           fit->plan.n_context, fit->cache, r->fitting.memory_bytes);
}

static void print_plain(const ink_fit_run *r)
{
    ink_roofline_print(&r->limits);
    printf("%11s %9s %6s  %-10s %9s %11s %11s %11s\n", "memory", "weights", "bits", "cache",
           "tokens/s", "of weights", "of cache", "KL");
    for (size_t i = 0; i < r->n_fits; i++)
        print_fit(&r->fits[i]);
    printf("of weights: expected; of cache: measured on %s\n",
           r->measuring.n_texts ? "--measure" : "what was calibrated with");
    print_choice(r);
}

/* ---- For programs */

static void report_fit(ink_report *report, ink_value in, const char *name, const ink_fitted *fit)
{
    ink_value row = ink_report_dict(report, in, name);
    ink_report_count(report, row, "total_bytes", fit->plan.total_bytes);
    ink_report_count(report, row, "weights_bytes", fit->plan.weights_bytes);
    ink_report_count(report, row, "cache_bytes", fit->plan.cache_bytes);
    ink_report_count(report, row, "file_bytes", fit->file_bytes);
    ink_report_real(report, row, "bits", fit->bits);
    ink_report_text(report, row, "cache", fit->cache);
    ink_report_real(report, row, "tokens_per_second", fit->tokens_per_second);
    ink_report_real(report, row, "read_bytes_of_token", fit->read_bytes);
    ink_report_real(report, row, "expected_loss_of_weights", fit->weights_loss);
    ink_report_real(report, row, "kl_of_cache", fit->cache_loss);
    ink_report_real(report, row, "expected_loss", expected(fit));
    ink_report_real(report, row, "kl_mean", fit->divergence);
}

static ink_status print_json(const ink_fit_run *r, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_value root = report.root;
    ink_report_text(&report, root, "file", r->eval.reference_path);
    ink_report_count(&report, root, "memory", r->fitting.memory_bytes);
    ink_report_count(&report, root, "context", r->fits[r->choice].plan.n_context);
    if (r->fitting.tokens_per_second > 0)
        ink_report_real(&report, root, "speed", (double)r->fitting.tokens_per_second);
    ink_roofline_report(&report, root, &r->limits);
    ink_value list = ink_report_list(&report, root, "fits");
    for (size_t i = 0; i < r->n_fits; i++)
        report_fit(&report, list, NULL, &r->fits[i]);
    report_fit(&report, root, "choice", &r->fits[r->choice]);
    if (r->out) {
        ink_report_text(&report, root, "out", r->out);
        ink_report_count(&report, root, "planned_bytes", r->plan.total_bytes);
    }
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

ink_status ink_fit_print(const ink_fit_run *r, ink_error *error)
{
    if (r->json)
        return print_json(r, error);
    print_plain(r);
    return INK_OK;
}

/* Speeds are the machine's, not the model's. */
void ink_fit_note(const void *context, ink_report *report)
{
    const ink_fit_run *r = context;
    const ink_fitted *fit = &r->fits[r->choice];
    ink_value root = report->root, list = ink_report_list(report, root, "calibrated_with");
    for (size_t i = 0; i < r->calibration.n_texts; i++)
        ink_eval_report_file(report, list, r->calibration.texts[i], r->sources[i].n_bytes,
                             r->sources[i].sha256);
    ink_report_real(report, root, "expected_loss_of_weights", fit->weights_loss);
    ink_report_text(report, root, "cache", fit->cache);
    ink_report_count(report, root, "context", fit->plan.n_context);
    ink_report_count(report, root, "memory_bytes", fit->plan.total_bytes);
}

/* ---- As a picture */

typedef enum figure { EXPECTED, MEASURED, SPEED, WANTED, N_FIGURES } figure;

static double figure_of(const ink_fit_run *r, const ink_fitted *fit, figure f)
{
    switch (f) {
    case EXPECTED:
        return log10(expected(fit));
    case MEASURED:
        return log10(fit->divergence);
    case SPEED:
        return fit->tokens_per_second;
    default:
        return r->fitting.tokens_per_second > 0 ? (double)r->fitting.tokens_per_second
                                                : (double)NAN;
    }
}

bool ink_fit_plot(const ink_fit_run *r)
{
    ink_series *series = ink_new(NULL, N_FIGURES, sizeof *series);
    if (!series) {
        ink_say("%s: out of memory for a picture", r->svg);
        return false;
    }
    for (size_t i = 0; i < r->n_fits; i++)
        for (figure f = EXPECTED; f < N_FIGURES; f++)
            ink_series_add(&series[f], (double)r->fits[i].plan.total_bytes / 1e6,
                           figure_of(r, &r->fits[i], f));
    const ink_plot plots[] = {{.title = ink_digest_name(r->eval.reference_path),
                               .across = "memory, MB",
                               .along = "loss, nats a token",
                               .decades = true,
                               .lines = {{&series[EXPECTED], "expected", INK_PLOT_PALE, true},
                                         {&series[MEASURED], "measured", INK_PLOT_STRONG, true}}},
                              {.across = "memory, MB",
                               .along = "tokens/s",
                               .lines = {{&series[SPEED], "tokens/s", INK_PLOT_STRONG, true},
                                         {&series[WANTED], "wanted", INK_PLOT_GRAY, false}}}};
    bool written = ink_plot_write(plots, sizeof plots / sizeof *plots, r->svg);
    ink_delete(NULL, series);
    return written;
}
