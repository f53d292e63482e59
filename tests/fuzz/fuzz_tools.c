/*
 * Tools and an answer, parted by the first NUL: any JSON is refused with words or makes tools; what
 * they constrain can be asked; the answer is read to the same calls whole and byte by byte, and one
 * that the constraint allows is never refused.
 */
#include <stdlib.h>
#include <string.h>

#include "inkling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const formats[] = {"hermes", "mistral-args",   "mistral", "gemma4",
                                      "phi",    "function-gemma", "llama3",  "json"};

typedef struct sum {
    unsigned hash;
    size_t n_calls;
} sum;

static void add(sum *s, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        s->hash = s->hash * 31 + (unsigned char)text[i];
}

static bool take_text(void *context, const char *text, size_t n_bytes, bool thought)
{
    sum *s = context;
    add(s, text, n_bytes);
    s->hash += thought && n_bytes == 0;
    return true;
}

static bool take_call(void *context, const ink_tool_call *call)
{
    sum *s = context;
    add(s, call->name, strlen(call->name));
    add(s, call->arguments, call->n_bytes);
    s->n_calls++;
    return true;
}

static ink_status read_all(const ink_tools *tools, ink_thinking thinking, const char *text,
                           size_t n_bytes, size_t piece, sum *s)
{
    ink_answer *answer = NULL;
    ink_error error = {0};
    const ink_answer_events events = {take_text, take_call, s};
    if (ink_answer_new(&answer, tools, thinking, &events, &error) != INK_OK)
        abort();
    ink_status status = INK_OK;
    for (size_t at = 0; status == INK_OK && at < n_bytes; at += piece)
        status =
            ink_answer_feed(answer, text + at, n_bytes - at < piece ? n_bytes - at : piece, &error);
    if (status == INK_OK)
        status = ink_answer_end(answer, &error);
    if (status != INK_OK && (error.status != status || error.message[0] == '\0'))
        abort();
    ink_answer_free(answer);
    return status;
}

static void check_answer(const ink_tools *tools, ink_constraint *constraint, ink_thinking thinking,
                         const char *text, size_t n_bytes)
{
    sum whole = {0, 0}, bytes = {0, 0};
    size_t n = 0;
    ink_status first = read_all(tools, thinking, text, n_bytes, n_bytes ? n_bytes : 1, &whole);
    ink_status second = read_all(tools, thinking, text, n_bytes, 1, &bytes);
    if (first != second ||
        (first == INK_OK && (whole.hash != bytes.hash || whole.n_calls != bytes.n_calls)))
        abort();
    if (ink_constraint_accept(constraint, text, n_bytes, &n, NULL) != INK_OK)
        return;
    if (n == n_bytes && ink_constraint_may_end(constraint) && first != INK_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *json = (const char *)data, *end = size ? memchr(json, '\0', size) : NULL;
    size_t n_json = end ? (size_t)(end - json) : size, n_rest = end ? size - n_json - 1 : 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        ink_tools *tools = NULL;
        ink_constraint *constraint = NULL;
        ink_error error = {0};
        const ink_tools_options options = {
            .format = formats[i], .choice = (ink_tool_choice)(size % 3), .single = size & 4};
        ink_thinking thinking = (ink_thinking)(size / 8 % 3);
        ink_status status = ink_tools_new(&tools, NULL, json, n_json, &options, &error);
        if (status == INK_OK)
            status = ink_tools_constrain(&constraint, tools, thinking, &error);
        if (status != INK_OK && (error.status != status || error.message[0] == '\0'))
            abort();
        if (status == INK_OK && end)
            check_answer(tools, constraint, thinking, end + 1, n_rest);
        ink_constraint_free(constraint);
        ink_tools_free(tools);
    }
    return 0;
}
