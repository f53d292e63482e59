#include "cli/train_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

ink_lesson *ink_lesson_new(void)
{
    ink_lesson *lesson = ink_new(NULL, 1, sizeof *lesson);
    if (lesson)
        ink_training_init(&lesson->training);
    return lesson;
}

void ink_lesson_free(ink_lesson *lesson)
{
    ink_delete(NULL, lesson);
}

ink_exit ink_lesson_run(const ink_call *call,
                        ink_exit (*run)(const ink_call *call, ink_lesson *lesson))
{
    ink_lesson *lesson = ink_lesson_new();
    if (!lesson)
        return ink_finish(INK_NO_MEMORY, &(ink_error){.message = "out of memory"});
    ink_exit code = run(call, lesson);
    ink_lesson_free(lesson);
    return code;
}

/* ---- While it runs --------------------------------------------------------------------------- */

static bool plot(const ink_lesson *l)
{
    const char *slash = strrchr(l->out, '/');
    return !l->plot_path || ink_course_plot(&l->course, l->plot_path, slash ? slash + 1 : l->out);
}

static bool report(void *context, const ink_training_report *r)
{
    ink_lesson *l = context;
    bool measured = !isnan(r->validation_loss), ok = true;
    l->step = r->step;
    ink_train_progress_show(&l->progress, r);
    if (l->log.file)
        ok = ink_train_log_add(&l->log, r, &l->course);
    ink_series_add(&l->course.loss, (double)r->step, r->loss);
    ink_series_add(&l->course.validation, (double)r->step, r->validation_loss);
    if (ok && (measured || r->step == r->steps))
        ok = plot(l);
    l->output_failed = !ok;
    return ok && !ink_interrupted();
}

/* ---- Before it begins ------------------------------------------------------------------------ */

static ink_status check_text(const char *path, ink_error *error)
{
    ink_file *file;
    INK_TRY(ink_file_open(&file, path, NULL, error));
    uint64_t n_bytes = ink_file_size(file);
    ink_file_close(file);
    return n_bytes > 0 ? INK_OK : ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: is empty", path);
}

/* Nobody else trains it, and it can be written. What trains takes the lock again, and keeps it. */
static ink_status check_out(const char *out, ink_error *error)
{
    ink_file_lock lock;
    INK_TRY(ink_file_lock_open(&lock, out, NULL, error));
    ink_file_lock_close(&lock);
    return ink_file_writer_check(out, 0, NULL, error);
}

static ink_status check_files(ink_lesson *l, ink_error *error)
{
    if (l->texts.n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "there is no text to learn from: name a --text");
    for (size_t i = 0; i < l->texts.n_texts; i++)
        INK_TRY(check_text(l->texts.texts[i], error));
    INK_TRY(check_out(l->out, error));
    if (l->plot_path) {
        ink_file_sweep(l->plot_path);
        INK_TRY(ink_file_writer_check(l->plot_path, 0, NULL, error));
    }
    return l->log_path ? ink_train_log_open(&l->log, l->log_path, error) : INK_OK;
}

ink_status ink_lesson_begin(ink_lesson *l, const char *out, ink_error *error)
{
    ink_training *training = &l->training;
    int n = snprintf(l->checkpoint, sizeof l->checkpoint, "%s.checkpoint", out);
    if (n < 0 || (size_t)n >= sizeof l->checkpoint)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%.60s...: the path is too long", out);
    l->out = out;
    training->texts = l->texts.texts;
    training->n_texts = l->texts.n_texts;
    training->checkpoint = l->checkpoint;
    training->log = ink_setup_log();
    training->report = report;
    training->report_context = l;
    ink_interrupt_watch();
    return check_files(l, error);
}

/* ---- When it has ended ----------------------------------------------------------------------- */

static void summarize(const ink_lesson *l, const ink_training_result *r)
{
    char parameters[INK_SIZE_BYTES], learned[INK_SIZE_BYTES], apart[INK_SIZE_BYTES],
        memory[INK_SIZE_BYTES];
    printf("%s: %s parameters, learned from %s tokens", l->out,
           ink_format_count(r->n_parameters, parameters),
           ink_format_count(r->n_training_tokens, learned));
    if (r->n_validation_tokens > 0)
        printf(" (%s more kept apart)", ink_format_count(r->n_validation_tokens, apart));
    printf(", in %s, %s beside the weights\n", r->precision,
           ink_format_bytes(r->memory_bytes, memory));
    if (r->last.step == 0)
        printf("%s had come to the last step already\n", l->checkpoint);
    else if (isfinite(r->last.best_validation_loss))
        printf("%s %lld, best validation loss %.4f (perplexity %.2f)\n",
               r->stopped_early ? "ended early, at step" : "step", (long long)r->last.step,
               r->last.best_validation_loss, exp(r->last.best_validation_loss));
}

void ink_lesson_close(ink_lesson *l)
{
    ink_train_progress_end(&l->progress);
    ink_train_log_close(&l->log);
}

ink_exit ink_lesson_end(ink_lesson *l, ink_status status, const ink_training_result *result,
                        const ink_error *error)
{
    ink_lesson_close(l);
    if (status == INK_OK)
        summarize(l, result);
    if (status != INK_CANCELLED || l->step == 0)
        return ink_finish(status, error);
    ink_say("%s after step %lld; the same command goes on from %s",
            l->output_failed ? "ended" : "interrupted", (long long)l->step, l->checkpoint);
    return l->output_failed ? INK_EXIT_FAILED : INK_EXIT_INTERRUPTED;
}
