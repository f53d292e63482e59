/* A model with adapters built in. */
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char *const notes =
    "Matrices that the adapters change are written anew, all others copied. The result needs no\n"
    "adapter to run; in a format of few bits it is a little less exact than the model with them.";

typedef struct request {
    const char *in, *out, *type;
    ink_texts adapters;
} request;

static ink_status merge(const request *r, ink_error *error)
{
    ink_adapter adapters[INK_MAX_TEXTS];
    ink_buffer memory;
    ink_bar bar;
    ink_status status = ink_setup_adapters(&r->adapters, adapters, &memory, error);
    ink_interrupt_watch();
    ink_bar_init(&bar, "Merging");
    ink_merging merging = {
        .adapters = adapters,
        .n_adapters = r->adapters.n_texts,
        .type = r->type,
        .log = ink_setup_log(),
        .progress = bar.progress,
    };
    if (status == INK_OK)
        status = ink_merge_adapters(r->in, r->out, &merging, error);
    ink_bar_end(&bar);
    ink_buffer_deinit(&memory);
    return status;
}

ink_exit ink_cmd_merge(const ink_call *call)
{
    request r = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_LORA(&r.adapters),
        INK_OPTION_WORD("type", &r.type, "T",
                        "format of what changes: F16, Q8_0, Q4_K, ... (its own, unless given)"),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.in = arguments[0];
    r.out = arguments[1];
    ink_error error = {0};
    return ink_finish(merge(&r, &error), &error);
}
