#include "cli/stages.h"

#include <stdio.h>
#include "base/size.h"
#include "cli/bench.h"
#include "cli/digest.h"
#include "cli/input.h"
#include "cli/terminal.h"
#include "cli/windows.h"

enum { N_PROMPT = 16, N_GENERATE = 64, N_REPEAT = 5 };

/* ---- Measuring ------------------------------------------------------------------------------- */

ink_status ink_stages_time(const char *path, const ink_session_options *session,
                           double *milliseconds, double *n_read, ink_error *error)
{
    ink_bench b = {.path = path,
                   .n_prompt = N_PROMPT,
                   .n_generate = N_GENERATE,
                   .n_repeat = N_REPEAT,
                   .session = *session};
    ink_status status = ink_bench_measure(&b, error);
    if (status == INK_OK) {
        *milliseconds = 1000 / b.decode.speed;
        *n_read = b.decode.work.weight_bytes / N_GENERATE;
    }
    ink_bench_close(&b);
    return status;
}

static ink_status score(const ink_stages *s, ink_windows *w, ink_stage *stage, ink_error *error)
{
    ink_buffer text;
    ink_window_counts counts;
    ink_score *scores = w->context;
    ink_status status = ink_windows_init(w, &s->session, error);
    scores->n_vocab = w->n_vocab;
    if (status == INK_OK) {
        status = ink_input_read(s->text, &text, error);
        if (status == INK_OK)
            status = ink_windows_read(w, s->text, text.data, text.n_bytes, &counts, error);
        ink_buffer_deinit(&text);
    }
    if (status == INK_OK)
        ink_score_finish(scores, &stage->figures);
    ink_windows_deinit(w);
    ink_score_deinit(scores);
    return status;
}

static ink_status measure(const ink_stages *s, ink_stage *stage, const char *path, bool beside,
                          ink_error *error)
{
    ink_model *model = NULL, *original = NULL;
    ink_model_info info;
    const ink_open open = {.model = {.n_threads = s->session.n_threads}};
    ink_status status = ink_setup_model(&model, path, &open, error);
    if (status == INK_OK && beside)
        status = ink_setup_model(&original, s->original, &open, error);
    if (status == INK_OK) {
        ink_score scores = {.path = path, .reference_path = beside ? s->original : NULL};
        ink_windows w = {.readers = {{.model = model}, {.model = original}},
                         .n_readers = beside ? 2 : 1,
                         .all = s->all,
                         .score = ink_score_token,
                         .context = &scores};
        ink_model_get_info(model, &info);
        stage->n_bytes = info.file_bytes;
        stage->n_parameters = info.n_parameters;
        w.n_window = s->session.n_context ? s->session.n_context
                                          : ink_size_min(info.n_context, INK_DEFAULT_WINDOW);
        status = score(s, &w, stage, error);
    }
    ink_model_free(original);
    ink_model_free(model);
    return status;
}

ink_status ink_stages_add(ink_stages *s, const char *name, const char *path, ink_error *error)
{
    double milliseconds, n_read;
    ink_stage *stage = &s->list[s->n];
    *stage = (ink_stage){.name = name};
    INK_TRY(measure(s, stage, path, s->n > 0, error));
    INK_TRY(ink_stages_time(path, &s->session, &milliseconds, &n_read, error));
    stage->speed = 1000 / milliseconds;
    s->n++;
    return INK_OK;
}

/* ---- Telling --------------------------------------------------------------------------------- */

void ink_stages_print(const ink_stages *s)
{
    char bytes[INK_SIZE_BYTES], parameters[INK_SIZE_BYTES];
    printf("\n%-10s %10s %10s %19s %20s %9s %10s\n", "", "bytes", "parameters", "perplexity", "KL",
           "same best", "tokens/s");
    for (size_t i = 0; i < s->n; i++) {
        const ink_stage *stage = &s->list[i];
        const ink_figures *f = &stage->figures;
        printf(
            "%-10s %10s %10s %11.3f +/- %.3f", stage->name, ink_format_bytes(stage->n_bytes, bytes),
            ink_format_count(stage->n_parameters, parameters), f->perplexity, f->perplexity_error);
        if (i > 0)
            printf(" %11.4f +/- %.4f %7.2f %%", f->kl_mean, f->kl_error, 100 * f->agreement);
        else
            printf(" %20s %9s", "", "");
        printf(" %10.1f\n", stage->speed);
    }
    printf("on %s; KL(before || stage) in nats a token, and how often both find the same token\n"
           "likeliest; tokens generated a second, each by itself\n",
           ink_digest_name(s->text));
}

void ink_stages_report(const ink_stages *s, ink_report *report)
{
    ink_value list = ink_report_list(report, report->root, "stages");
    ink_report_text(report, report->root, "text", ink_digest_name(s->text));
    for (size_t i = 0; i < s->n; i++) {
        const ink_stage *stage = &s->list[i];
        const ink_figures *f = &stage->figures;
        ink_value row = ink_report_dict(report, list, NULL);
        ink_report_text(report, row, "stage", stage->name);
        ink_report_count(report, row, "bytes", stage->n_bytes);
        ink_report_count(report, row, "parameters", stage->n_parameters);
        ink_report_real(report, row, "perplexity", f->perplexity);
        ink_report_real(report, row, "standard_error", f->perplexity_error);
        if (i > 0) {
            ink_report_real(report, row, "kl_mean", f->kl_mean);
            ink_report_real(report, row, "kl_standard_error", f->kl_error);
            ink_report_real(report, row, "top1_agreement", f->agreement);
        }
        ink_report_real(report, row, "tokens_per_second", stage->speed);
    }
}
