/* Models as others publish them, to GGUF and back. */
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static ink_exit run(const ink_call *call, bool back)
{
    ink_conversion conversion = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_error error = {0};
    ink_bar bar;
    ink_option options[] = {
        INK_OPTION_WORD(
            "type", &conversion.type, "T",
            "of matrices: F32, F16, BF16, or a type of quantize (their own, unless given)"),
        INK_OPTION_WORD("tokenizer", &conversion.tokenizer, "FILE",
                        "of a llama2.c file (tokenizer.bin beside it, unless given)"),
        {0}};
    if (back) {
        options[0].help = "of matrices: F32, F16 (unless given), BF16";
        options[1].kind = INK_OPTION_END;
    }
    INK_PARSE(call, options, NULL, arguments);
    ink_interrupt_watch();
    ink_bar_init(&bar, back ? "Exporting" : "Converting");
    conversion.log = ink_setup_log();
    conversion.progress = bar.progress;
    ink_status status =
        (back ? ink_export : ink_convert)(arguments[0], arguments[1], &conversion, &error);
    ink_bar_end(&bar);
    return ink_finish(status, &error);
}

ink_exit ink_cmd_convert(const ink_call *call)
{
    return run(call, false);
}

ink_exit ink_cmd_export(const ink_call *call)
{
    return run(call, true);
}
