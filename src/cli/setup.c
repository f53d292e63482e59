#include "cli/setup.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

void ink_setup_session_defaults(ink_session_options *options)
{
    *options = (ink_session_options){.cache = "f16", .n_batch = 512};
}

void ink_setup_model_defaults(ink_model_options *options)
{
    *options = (ink_model_options){.pack_cache = getenv("INK_PACK_CACHE")};
}

static void log_line(void *context, ink_log_level level, const char *message)
{
    (void)context;
    if (level == INK_LOG_WARNING)
        ink_say("%s", message);
}

ink_status ink_setup_model(ink_model **out, const char *path, const ink_model_options *wanted,
                           ink_error *error)
{
    ink_bar bar;
    ink_interrupt_watch();
    ink_bar_init(&bar, "Loading");
    ink_model_options options = *wanted;
    options.log = (ink_log){.write = log_line};
    options.progress = bar.progress;
    if (options.pack_cache && strcmp(options.pack_cache, "off") == 0)
        options.pack_cache = NULL;
    ink_status status = ink_model_open(out, path, &options, error);
    ink_bar_end(&bar);
    return status;
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
