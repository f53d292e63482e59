/* Teaching an adapter of a model, which itself stays as it is. */
#include <stdio.h>
#include "cli/terminal.h"
#include "cli/train_options.h"

static const char *const notes =
    "The adapter is for `run --lora OUT.gguf`, or `merge` to build it in. Ctrl-C keeps what was\n"
    "learned in OUT.gguf.checkpoint, and the same command goes on from there.";

static ink_exit run(const ink_call *call, ink_lesson *lesson)
{
    ink_adapter_training wanted, *adapter = &wanted;
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_training *training = &lesson->training;
    ink_training_result result = {.first_step = 0};
    ink_adapter_training_init(adapter);
    training->batch = 1; /* what suits a model that is already good at something */
    training->rate = 2e-4f;
    training->decay = 0;
    const ink_option options[] = {
        {.name = "targets",
         .kind = INK_OPTION_TEXT,
         .destination = &adapter->targets,
         .value = "LIST",
         .help = "matrices to change: some of q,k,v,qkv,o,gate,up,down, or all"},
#define X(type, field, fallback, low_, high_, help_) \
    {.name = #field,                                 \
     .kind = INK_OPTION_OF_##type,                   \
     .destination = &adapter->field,                 \
     .value = "N",                                   \
     .help = help_,                                  \
     .low = (double)(low_),                          \
     .high = (double)(high_)},
        INK_ADAPTER_TABLE(X)
#undef X
            INK_TRAINING_TABLE(INK_OPTION_OF_TRAINING) INK_OPTION_TRAINING_TEXTS(lesson),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    ink_error error = {0};
    ink_status status = ink_lesson_begin(lesson, arguments[1], &error);
    if (status == INK_OK)
        status = ink_train_adapter(arguments[0], arguments[1], adapter, training, &result, &error);
    return ink_lesson_end(lesson, status, &result, &error);
}

ink_exit ink_cmd_lora(const ink_call *call)
{
    return ink_lesson_run(call, run);
}
