#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/json.h"

#define MAX_REPORT_BYTES ((size_t)256 << 20)

static ink_value new_container(ink_report *report, ink_value_kind kind)
{
    ink_value value = {0};
    bool made = kind == INK_VALUE_DICT ? ink_value_new_dict(&report->arena, kind, &value)
                                       : ink_value_new_list(&report->arena, kind, 8, &value);
    if (!made)
        report->failed = true;
    return value;
}

void ink_report_init(ink_report *report)
{
    report->failed = false;
    ink_arena_init(&report->arena, NULL, MAX_REPORT_BYTES);
    report->root = new_container(report, INK_VALUE_DICT);
}

void ink_report_deinit(ink_report *report)
{
    ink_arena_deinit(&report->arena);
}

static void put(ink_report *report, ink_value in, const char *name, ink_value value)
{
    if (report->failed)
        return;
    bool done = name ? ink_value_set_name(&report->arena, in, name, value)
                     : ink_value_append(&report->arena, in, value);
    if (!done)
        report->failed = true;
}

ink_value ink_report_dict(ink_report *report, ink_value in, const char *name)
{
    ink_value dict = new_container(report, INK_VALUE_DICT);
    put(report, in, name, dict);
    return dict;
}

ink_value ink_report_list(ink_report *report, ink_value in, const char *name)
{
    ink_value list = new_container(report, INK_VALUE_LIST);
    put(report, in, name, list);
    return list;
}

void ink_report_text(ink_report *report, ink_value in, const char *name, const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t n_bytes = strlen(text), length;
    ink_buffer clean;
    ink_value value = {0};
    ink_buffer_init(&clean, NULL, MAX_REPORT_BYTES);
    for (size_t at = 0; at < n_bytes; at += length ? length : 1) {
        uint32_t code_point;
        length = ink_utf8_decode(text + at, n_bytes - at, &code_point);
        (void)(length ? ink_buffer_append(&clean, text + at, length)
                      : ink_buffer_text(&clean, replacement));
    }
    if (clean.failed ||
        !ink_value_new_string(&report->arena, clean.data ? clean.data : "", clean.n_bytes, &value))
        report->failed = true;
    ink_buffer_deinit(&clean);
    put(report, in, name, value);
}

void ink_report_count(ink_report *report, ink_value in, const char *name, uint64_t count)
{
    put(report, in, name, ink_value_integer(count > INT64_MAX ? INT64_MAX : (int64_t)count));
}

void ink_report_bool(ink_report *report, ink_value in, const char *name, bool truth)
{
    put(report, in, name, ink_value_bool(truth));
}

void ink_report_real(ink_report *report, ink_value in, const char *name, double real)
{
    put(report, in, name, isfinite(real) ? ink_value_float(real) : ink_value_none());
}

void ink_report_word(ink_report *report, ink_value in, const char *name, const char *word)
{
    ink_value value;
    if (ink_value_from_json(&report->arena, word, strlen(word), &value, NULL) == INK_OK)
        put(report, in, name, value);
    else
        ink_report_text(report, in, name, word);
}

void ink_report_value(ink_report *report, ink_value in, const char *name, ink_value value)
{
    put(report, in, name, value);
}

ink_status ink_report_write(const ink_report *report, ink_buffer *out, ink_error *error)
{
    return report->failed ? ink_fail_memory(error, "the report")
                          : ink_json_write(out, report->root, NULL, error);
}

ink_status ink_report_print(ink_report *report, ink_error *error)
{
    static const ink_json_style style = {.item_separator = ",", .indent = "  "};
    if (report->failed)
        return ink_fail_memory(error, "the report");
    ink_buffer out;
    ink_buffer_init(&out, NULL, MAX_REPORT_BYTES);
    ink_status status = ink_json_write(&out, report->root, &style, error);
    if (status == INK_OK) {
        fwrite(out.data, 1, out.n_bytes, stdout);
        putchar('\n');
    }
    ink_buffer_deinit(&out);
    return status;
}
