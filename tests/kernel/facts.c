#include "facts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static const char *format_name(size_t i)
{
    return ink_formats[i].name;
}

static const char *no_name(size_t i)
{
    (void)i;
    return "";
}

const fact facts[] = {
    {"half", 1, no_name, check_half},
    {"bfloat", 1, no_name, check_bfloat},
    {"decode", INK_N_FORMATS, format_name, check_decode},
    {"encode", INK_N_FORMATS, format_name, check_encode},
    {"levels", N_LEVEL_FORMATS, level_format_name, check_levels},
    {"rotation", 1, no_name, check_rotation},
    {"tile", INK_N_FORMATS, format_name, check_tile},
    {"quantize", 1, no_name, check_quantize},
    {"product", INK_N_FORMATS, format_name, check_product},
    {"function", N_FUNCTIONS, function_name, check_function},
    {"result", N_REDUCTIONS, reduction_name, check_reduction},
};
const size_t n_facts = sizeof facts / sizeof *facts;

void fact_name(const fact *f, size_t i, char *name, size_t name_bytes)
{
    const char *of = f->subject(i);
    snprintf(name, name_bytes, "%s%s%s", f->name, *of ? "_" : "", of);
    for (; *name; name++)
        *name = (char)tolower((unsigned char)*name);
}

static void set(finding *f, verdict v, const char *format, va_list arguments)
{
    f->verdict = v;
    vsnprintf(f->note, sizeof f->note, format, arguments);
}

void finding_fail(finding *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (f->verdict != FAILED) /* the first failure says most */
        set(f, FAILED, format, arguments);
    va_end(arguments);
}

void finding_skip(finding *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(f, SKIPPED, format, arguments);
    va_end(arguments);
}

void finding_note(finding *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (f->verdict == PASSED)
        set(f, PASSED, format, arguments);
    va_end(arguments);
}
