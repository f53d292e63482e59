#define _POSIX_C_SOURCE 200809L
#include "runtime/stop.h"

#include <string.h>
#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "base/utf8.h"

static ink_status check(const char *const *strings, size_t n_strings, size_t *n_bytes,
                        ink_error *error)
{
    *n_bytes = 0;
    if (n_strings > INK_MAX_STOP_STRINGS || (n_strings && !strings))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%zu stop strings; at most %d are possible",
                        strings ? n_strings : 0, INK_MAX_STOP_STRINGS);
    for (size_t i = 0; i < n_strings; i++) {
        size_t length = strings[i] ? strnlen(strings[i], INK_MAX_STOP_BYTES + 1) : 0;
        if (length == 0)
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "stop string %zu is empty", i);
        if (length > INK_MAX_STOP_BYTES)
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "stop string %zu is longer than %d bytes, the most that is possible", i,
                            INK_MAX_STOP_BYTES);
        if (!ink_utf8_valid(strings[i], length))
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "stop string %zu is not valid UTF-8", i);
        *n_bytes += length;
    }
    return INK_OK;
}

/* How much of the string the text ends with once `byte` has followed `n_matched` bytes of it. */
static size_t advance(const ink_stop_string *string, size_t n_matched, char byte)
{
    if (n_matched == string->n_bytes)
        n_matched = string->borders[n_matched - 1];
    while (n_matched > 0 && string->text[n_matched] != byte)
        n_matched = string->borders[n_matched - 1];
    return n_matched + (string->text[n_matched] == byte);
}

static void find_borders(ink_stop_string *string)
{
    string->borders[0] = 0;
    for (size_t i = 1; i < string->n_bytes; i++)
        string->borders[i] = (uint16_t)advance(string, string->borders[i - 1], string->text[i]);
}

ink_status ink_stop_init(ink_stop_matcher *matcher, const char *const *strings, size_t n_strings,
                         const ink_allocator *allocator, ink_error *error)
{
    size_t n_bytes, at = 0;
    *matcher = (ink_stop_matcher){.allocator = allocator};
    INK_TRY(check(strings, n_strings, &n_bytes, error));
    if (n_strings == 0)
        return INK_OK;
    matcher->strings = ink_new(allocator, n_strings, sizeof *matcher->strings);
    matcher->texts = ink_new(allocator, n_bytes, 1);
    matcher->borders = ink_new(allocator, n_bytes, sizeof *matcher->borders);
    if (!matcher->strings || !matcher->texts || !matcher->borders) {
        ink_stop_deinit(matcher);
        return ink_fail_memory(error, "stop strings");
    }
    matcher->n_strings = n_strings;
    for (size_t i = 0; i < n_strings; i++) {
        ink_stop_string *string = &matcher->strings[i];
        string->n_bytes = strlen(strings[i]);
        string->borders = matcher->borders + at;
        string->text = memcpy(matcher->texts + at, strings[i], string->n_bytes);
        find_borders(string);
        at += string->n_bytes;
    }
    return INK_OK;
}

void ink_stop_deinit(ink_stop_matcher *matcher)
{
    ink_delete(matcher->allocator, matcher->strings);
    ink_delete(matcher->allocator, matcher->texts);
    ink_delete(matcher->allocator, matcher->borders);
    *matcher = (ink_stop_matcher){.allocator = matcher->allocator};
}

size_t ink_stop_feed(ink_stop_matcher *matcher, char byte)
{
    size_t longest = 0;
    for (size_t i = 0; i < matcher->n_strings; i++) {
        ink_stop_string *string = &matcher->strings[i];
        string->n_matched = advance(string, string->n_matched, byte);
        if (string->n_matched == string->n_bytes)
            longest = ink_size_max(longest, string->n_bytes);
    }
    return longest;
}

size_t ink_stop_held(const ink_stop_matcher *matcher)
{
    size_t held = 0;
    for (size_t i = 0; i < matcher->n_strings; i++)
        held = ink_size_max(held, matcher->strings[i].n_matched);
    return held;
}
