#include "cli/setup.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

void ink_setup_session_defaults(ink_session_options *options)
{
    *options = (ink_session_options){.cache = "f16", .n_batch = 512};
}

static void log_line(void *context, ink_log_level level, const char *message)
{
    (void)context;
    if (level == INK_LOG_WARNING)
        ink_say("%s", message);
}

/* NULL: none. */
static const char *pack_folder(const char *flag)
{
    const char *folder = flag ? flag : getenv("INK_PACK_CACHE");
    return folder && *folder && strcmp(folder, "off") != 0 ? folder : NULL;
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
    options.pack_cache = pack_folder(wanted->pack_cache);
    ink_status status = INK_OK;
    if (options.verify_pack_cache && !options.pack_cache)
        status =
            ink_fail(error, INK_BAD_ARGUMENT, 0, "--verify has no effect without --pack-cache");
    if (status == INK_OK)
        status = ink_model_open(out, path, &options, error);
    ink_bar_end(&bar);
    return status;
}

float *ink_setup_rows(size_t n_rows, size_t n_columns)
{
    size_t n;
    return ink_size_mul(n_rows, n_columns, &n) ? ink_resize(NULL, NULL, n, sizeof(float)) : NULL;
}
