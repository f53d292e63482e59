#include "cli/setup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/read_rate.h"
#include "cli/terminal.h"

void ink_setup_session_defaults(ink_session_options *options)
{
    *options = (ink_session_options){.cache = "f16"};
}

void ink_setup_model_defaults(ink_open *open)
{
    *open = (ink_open){.model.pack_cache = getenv("INK_PACK_CACHE")};
}

static void log_line(void *context, ink_log_level level, const char *message)
{
    (void)context;
    if (level == INK_LOG_WARNING)
        ink_say("%s", message);
}

ink_log ink_setup_log(void)
{
    return (ink_log){.write = log_line};
}

bool ink_setup_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

ink_overflow ink_setup_overflow(const char *name)
{
    static const char *const names[] = {[INK_OVERFLOW_SLIDE] = "slide",
                                        [INK_OVERFLOW_ROLL] = "roll",
                                        [INK_OVERFLOW_EVICT] = "evict"};
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (ink_overflow)i;
    return INK_OVERFLOW_ERROR;
}

/* How much of `text` is a path, and the scale behind it. */
static size_t split_adapter(const char *text, float *scale)
{
    const char *colon = strrchr(text, ':');
    char *end;
    *scale = 1;
    if (!colon || colon == text || isspace((unsigned char)colon[1]))
        return strlen(text);
    float number = strtof(colon + 1, &end);
    if (end == colon + 1 || *end != '\0')
        return strlen(text);
    *scale = number;
    return (size_t)(colon - text);
}

ink_status ink_setup_adapters(const ink_texts *texts, ink_adapter *adapters, ink_buffer *memory,
                              ink_error *error)
{
    size_t at = 0;
    ink_buffer_init(memory, NULL, SIZE_MAX);
    for (size_t i = 0; i < texts->n_texts; i++) {
        size_t n_bytes = split_adapter(texts->texts[i], &adapters[i].scale);
        (void)ink_buffer_append(memory, texts->texts[i], n_bytes);
        if (!ink_buffer_append(memory, "", 1))
            return ink_fail_memory(error, "the names of adapters");
    }
    for (size_t i = 0; i < texts->n_texts; i++, at += strlen(memory->data + at) + 1)
        adapters[i].path = memory->data + at; /* which no longer moves */
    return INK_OK;
}

/* Of the path, or of what was planned, which ends with that. */
static ink_status open_with_bar(ink_model **out, const char *path, ink_model *planned,
                                const ink_model_options *wanted, ink_error *error)
{
    ink_bar bar;
    ink_model_options options = *wanted;
    ink_interrupt_watch();
    ink_bar_init(&bar, "Loading");
    options.progress = bar.progress;
    if (options.pack_cache && strcmp(options.pack_cache, "off") == 0)
        options.pack_cache = NULL;
    ink_status status = planned ? ink_model_open_planned(out, planned, &options, error)
                                : ink_model_open(out, path, &options, error);
    ink_bar_end(&bar);
    return status;
}

static ink_status open_as(ink_model **out, const char *path, ink_model *planned,
                          const ink_open *wanted, ink_load load, ink_error *error)
{
    ink_adapter adapters[INK_MAX_TEXTS];
    ink_buffer memory;
    ink_model_options options = wanted->model;
    ink_status status = ink_setup_adapters(&wanted->adapters, adapters, &memory, error);
    options.adapters = adapters;
    options.n_adapters = wanted->adapters.n_texts;
    options.load = load;
    if (load == INK_LOAD_METADATA && wanted->model.load != load) {
        options.memory_limit = 0;
        options.verify_pack_cache = false;
    }
    if (status == INK_OK)
        status = open_with_bar(out, path, planned, &options, error);
    else
        ink_model_free(planned);
    ink_buffer_deinit(&memory);
    return status;
}

static ink_open with_log(const ink_open *wanted, ink_log log)
{
    ink_open logged = *wanted;
    logged.model.log = log;
    return logged;
}

ink_status ink_setup_plan(ink_model **out, const char *path, const ink_open *wanted,
                          ink_error *error)
{
    const ink_open logged = with_log(wanted, ink_setup_log());
    return open_as(out, path, NULL, &logged, INK_LOAD_METADATA, error);
}

/* The refusal comes first, and what is slow is said. */
static ink_status check_limit(ink_model **planned, const char *path, const ink_open *wanted,
                              ink_error *error)
{
    ink_memory_plan plan;
    const ink_memory_options options = {.session = *wanted->session,
                                        .constraint = wanted->constraint,
                                        .memory_limit = wanted->model.memory_limit};
    /* what it would warn of is said when it is loaded */
    const ink_open silent = with_log(wanted, (ink_log){0});
    INK_TRY(open_as(planned, path, NULL, &silent, INK_LOAD_METADATA, error));
    ink_status status = ink_memory_check(*planned, &options, &plan, error);
    if (status != INK_OK)
        ink_model_free(*planned);
    else if (plan.mapped_bytes > wanted->model.memory_limit)
        ink_read_rate_say(path, plan.mapped_bytes, wanted->model.memory_limit);
    return status;
}

ink_status ink_setup_model(ink_model **out, const char *path, const ink_open *wanted,
                           ink_error *error)
{
    ink_model *planned = NULL;
    const ink_open logged = with_log(wanted, ink_setup_log());
    if (wanted->model.memory_limit && wanted->session && wanted->model.load == INK_LOAD_ALL)
        INK_TRY(check_limit(&planned, path, wanted, error));
    return open_as(out, path, planned, &logged, wanted->model.load, error);
}

ink_status ink_setup_session(ink_session **out, const ink_model *model,
                             const ink_session_options *options, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(model, &info);
    if (info.n_context && options->n_context > info.n_context)
        ink_say("a context of %zu positions, but %s was trained for %" PRIu32
                "; what comes behind them may make no sense",
                options->n_context, info.path, info.n_context);
    return ink_session_new(out, model, options, error);
}

float *ink_setup_rows(size_t n_rows, size_t n_columns)
{
    size_t n;
    return ink_size_mul(n_rows, n_columns, &n) ? ink_resize(NULL, NULL, n, sizeof(float)) : NULL;
}
