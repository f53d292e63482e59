#include "cli/card.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "cli/terminal.h"
#include "text/json.h"

#define MAX_CARD_BYTES ((size_t)256 << 20) /* read */
enum { MAX_SHOWN = 100, MAX_TEXT_BYTES = 400, MAX_FILES = 16, INDENT = 4 };

typedef enum form { FIXED, SHORT, PERCENT } form;

/* A figure of an entry: its field, what stands above it, its width, and how it is printed. */
static const struct {
    const char *field, *heading;
    int width;
    form form;
} columns[] = {
    {"perplexity", "perplexity", 12, FIXED},
    {"kl_mean", "KL mean", 11, SHORT},
    {"kl_median", "median", 11, SHORT},
    {"kl_p99", "99 %", 11, SHORT},
    {"kl_max", "highest", 11, SHORT},
    {"top1_agreement", "agreement", 11, PERCENT},
    {"exact_match", "exact match", 13, PERCENT},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* ---- What strangers wrote */

/* Control characters, new lines among them, and bytes that are no UTF-8 become '?'. */
static void print_safe(ink_value text)
{
    uint32_t code_point;
    size_t end = text.n_bytes > MAX_TEXT_BYTES ? MAX_TEXT_BYTES : text.n_bytes, length;
    for (size_t at = 0; at < end; at += length ? length : 1) {
        length = ink_utf8_decode(text.as.text + at, text.n_bytes - at, &code_point);
        bool safe = length && code_point >= 0x20 && (code_point < 0x7f || code_point > 0x9f);
        if (safe)
            fwrite(text.as.text + at, 1, length, stdout);
        else
            putchar('?');
    }
    if (end < text.n_bytes)
        printf("...");
}

static ink_value text_field(ink_value dict, const char *name)
{
    const ink_value *found = ink_value_find_name(dict, name);
    return found && ink_value_is_string(*found) ? *found : (ink_value){0};
}

static bool number_field(ink_value dict, const char *name, double *out)
{
    const ink_value *found = ink_value_find_name(dict, name);
    if (!found || (found->kind != INK_VALUE_INTEGER && found->kind != INK_VALUE_FLOAT))
        return false;
    *out = found->kind == INK_VALUE_INTEGER ? (double)found->as.integer : found->as.real;
    return true;
}

/* ---- The table */

static void print_headings(void)
{
    printf("\n%-*s", INDENT, "Card");
    for (size_t i = 0; i < N_COLUMNS; i++)
        printf("%*s", columns[i].width, columns[i].heading);
    putchar('\n');
}

/* What is too wide for its column is none of ours. */
static void print_figure(ink_value entry, size_t column)
{
    char figure[400] = "-";
    double value;
    int n = 1;
    if (number_field(entry, columns[column].field, &value)) {
        if (columns[column].form == FIXED)
            n = snprintf(figure, sizeof figure, "%.4f", value);
        else if (columns[column].form == SHORT)
            n = snprintf(figure, sizeof figure, "%.4g", value);
        else
            n = snprintf(figure, sizeof figure, "%.2f %%", 100 * value);
    }
    printf("%*s", columns[column].width, n < columns[column].width ? figure : "?");
}

static void print_label(const char *label, ink_value text)
{
    if (text.kind == INK_VALUE_UNDEFINED)
        return;
    printf("%*s%-10s ", INDENT, "", label);
    print_safe(text);
    putchar('\n');
}

static void print_data(ink_value entry)
{
    const ink_value *data = ink_value_find_name(entry, "data");
    if (!data || data->kind != INK_VALUE_LIST)
        return;
    for (size_t i = 0; i < data->as.list->n_items && i < MAX_FILES; i++) {
        ink_value file = data->as.list->items[i];
        if (file.kind != INK_VALUE_DICT)
            continue;
        print_label("data", text_field(file, "name"));
        print_label("  SHA-256", text_field(file, "sha256"));
    }
    if (data->as.list->n_items > MAX_FILES)
        printf("%*s%-10s and %zu more\n", INDENT, "", "data", data->as.list->n_items - MAX_FILES);
}

static void print_entry(ink_value entry, size_t number)
{
    printf("%-*zu", INDENT, number);
    for (size_t i = 0; i < N_COLUMNS; i++)
        print_figure(entry, i);
    putchar('\n');
    print_label("command", text_field(entry, "command"));
    print_label("reference", text_field(entry, "reference"));
    print_data(entry);
}

static void print_entries(const ink_value_list *entries)
{
    size_t first = entries->n_items > MAX_SHOWN ? entries->n_items - MAX_SHOWN : 0;
    print_headings();
    if (first)
        printf("%*s%zu older ones are left out\n", INDENT, "", first);
    for (size_t i = first; i < entries->n_items; i++)
        if (entries->items[i].kind == INK_VALUE_DICT)
            print_entry(entries->items[i], i + 1);
}

ink_status ink_card_print(const char *card, size_t n_bytes, ink_error *error)
{
    ink_arena arena;
    ink_value value;
    ink_arena_init(&arena, NULL, MAX_CARD_BYTES);
    ink_status status = ink_value_from_json(&arena, card, n_bytes, &value, error);
    if (status == INK_OK && value.kind == INK_VALUE_LIST && value.as.list->n_items)
        print_entries(value.as.list);
    ink_arena_deinit(&arena);
    return status;
}
