/* What this binary is made of. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <utf8proc.h>
#include "base/cpu.h"
#include "cli/line.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

enum { PCRE2_VERSION_BYTES = 64 };

typedef struct facts {
    const char *found, *used;
    int n_processors;
    char pcre2[PCRE2_VERSION_BYTES]; /* "10.42 2022-12-11" */
} facts;

static const char compiler[] =
#if defined(__clang__)
    "clang " __clang_version__;
#elif defined(__GNUC__)
    "gcc " __VERSION__;
#else
    "unknown";
#endif

static void print_plain(const facts *f)
{
    printf("inkling %s\n"
           "compiler    %s\n"
           "processors  %d, %s%s%s\n"
           "PCRE2       %s\n"
           "utf8proc    %s\n"
           "libedit     %s\n",
           ink_version(), compiler, f->n_processors, f->used,
           f->used == f->found ? "" : " by INK_CPU, of ", f->used == f->found ? "" : f->found,
           f->pcre2, utf8proc_version(),
           ink_line_library ? ink_line_library : "no: chats without history and line editing");
}

static ink_status print_json(const facts *f, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "version", ink_version());
    ink_report_text(&report, report.root, "compiler", compiler);
    ink_report_count(&report, report.root, "processors", (uint64_t)f->n_processors);
    ink_report_text(&report, report.root, "instructions_found", f->found);
    ink_report_text(&report, report.root, "instructions_used", f->used);
    ink_value libraries = ink_report_dict(&report, report.root, "libraries");
    ink_report_text(&report, libraries, "pcre2", f->pcre2);
    ink_report_text(&report, libraries, "utf8proc", utf8proc_version());
    if (ink_line_library)
        ink_report_text(&report, libraries, "libedit", ink_line_library);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

ink_exit ink_cmd_version(const ink_call *call)
{
    bool json = false;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {INK_OPTION_JSON(&json), {0}};
    INK_PARSE(call, options, NULL, arguments);
    ink_error error = {0};
    uint32_t features = 0;
    ink_status status = ink_cpu_select(&features, &error);
    if (status != INK_OK)
        return ink_finish(status, &error);
    facts f = {.found = ink_cpu_name(ink_cpu_features()),
               .used = ink_cpu_name(features),
               .n_processors = ink_cpu_count()};
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= PCRE2_VERSION_BYTES)
        (void)pcre2_config(PCRE2_CONFIG_VERSION, f.pcre2);
    if (json)
        return ink_finish(print_json(&f, &error), &error);
    print_plain(&f);
    return INK_EXIT_OK;
}
