/*
 * Reading an answer as it comes: thoughts, text, calls. What might become a marker is held back;
 * all else is passed on at once, and a call when it is whole.
 */
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "text/constraint/constraint.h"
#include "text/json.h"
#include "text/tools.h"

#define MAX_CALL_BYTES ((size_t)1 << 20)
enum { MAX_BLANKS = 4, MAX_DEPTH = INK_GRAMMAR_MAX_DEPTH };

/* What is expected next. */
typedef enum state {
    AT_BEGIN,   /* perhaps a block of thoughts */
    IN_THOUGHT, /* up to </think> */
    AT_ANSWER,  /* behind blanks: calls that stand alone, or text */
    IN_TEXT,
    IN_CALLS,
    AT_END /* of calls: nothing, or blanks */
} state;

struct ink_answer {
    const ink_allocator *allocator;
    const ink_tools *tools; /* NULL: no calls */
    ink_answer_events events;
    state at;
    ink_buffer text;      /* not passed on yet */
    uint64_t n_bytes;     /* passed on or taken */
    size_t n_calls;       /* so far */
    size_t n_blanks;      /* dropped behind thoughts */
    size_t n_scanned;     /* of the arguments of the call that is coming */
    unsigned depth;       /* there */
    bool inside, escaped; /* a string there */
    bool ended;           /* what stands behind all calls has come */
};

/* Whether a step got on, waits for more, or failed. */
typedef enum progress { GOES_ON, WAITS, FAILED } progress;

static progress fail(const ink_answer *a, const char *what, ink_error *error)
{
    (void)ink_fail(error, INK_CORRUPT, a->n_bytes,
                   "the answer has no call where one began, at byte %" PRIu64 ": %s", a->n_bytes,
                   what);
    return FAILED;
}

static void drop(ink_answer *a, size_t n)
{
    if (n == 0)
        return;
    memmove(a->text.data, a->text.data + n, a->text.n_bytes - n + 1);
    a->text.n_bytes -= n;
    a->n_bytes += n;
}

static progress pass_on(ink_answer *a, size_t n, bool thought, ink_error *error)
{
    bool goes_on =
        n == 0 || !a->events.text || a->events.text(a->events.context, a->text.data, n, thought);
    drop(a, n);
    if (goes_on)
        return GOES_ON;
    (void)ink_fail(error, INK_CANCELLED, 0, "stopped while an answer was read");
    return FAILED;
}

/* Whether the text from `at` on begins with the word; WAITS: as far as it goes. */
static progress begins(const ink_answer *a, size_t at, const char *word)
{
    size_t n = strlen(word), left = a->text.n_bytes - at, common = ink_size_min(n, left);
    if (memcmp(a->text.data + at, word, common) != 0)
        return FAILED;
    return common == n ? GOES_ON : WAITS;
}

/* Passes on what stands before the word, or what cannot be its begin. */
static progress up_to(ink_answer *a, const char *word, bool thought, bool *found, ink_error *error)
{
    size_t at = 0;
    progress here = FAILED;
    while (at < a->text.n_bytes && (here = begins(a, at, word)) == FAILED)
        at++;
    *found = at < a->text.n_bytes && here == GOES_ON;
    if (pass_on(a, at, thought, error) == FAILED)
        return FAILED;
    return *found ? GOES_ON : WAITS;
}

static bool has_calls(const ink_answer *a)
{
    return a->tools && a->tools->choice != INK_TOOL_NONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Moves to behind the arguments, which begin at `begin`; as far as they have come. */
static progress scan_arguments(ink_answer *a, size_t begin, size_t *end)
{
    const char *quote = a->tools->format->quote;
    if (a->n_scanned > 0 && a->depth == 0) { /* they had come already; what follows had not */
        *end = begin + a->n_scanned;
        return GOES_ON;
    }
    for (size_t at = begin + a->n_scanned; at < a->text.n_bytes; at = begin + a->n_scanned) {
        char c = a->text.data[at];
        size_t n = 1;
        progress quoted = quote ? begins(a, at, quote) : c == '"' ? GOES_ON : FAILED;
        if (quoted == WAITS)
            return WAITS;
        if (a->escaped)
            a->escaped = false;
        else if (quoted == GOES_ON) {
            a->inside = !a->inside;
            n = quote ? strlen(quote) : 1;
        } else if (a->inside)
            a->escaped = !quote && c == '\\';
        else if (c == '{' || c == '[')
            a->depth++;
        else if ((c == '}' || c == ']') && a->depth > 0)
            a->depth--;
        a->n_scanned += n;
        if (a->depth > MAX_DEPTH)
            return FAILED;
        if (a->depth == 0) {
            *end = begin + a->n_scanned;
            return c == '}' ? GOES_ON : FAILED;
        }
    }
    return WAITS;
}

/* One value in bare form, up to what ends it; the rest of the text is in [*at, end). */
static bool write_scalar(ink_buffer *out, const char *text, size_t *at, size_t end,
                         const char *quote)
{
    size_t n = strlen(quote), begin = *at;
    if (end - begin < n || memcmp(text + begin, quote, n) != 0) {
        while (*at < end && !strchr(",}]", text[*at]))
            ++*at;
        return ink_buffer_append(out, text + begin, *at - begin);
    }
    for (*at = begin += n; *at + n <= end && memcmp(text + *at, quote, n) != 0;)
        ++*at;
    if (*at + n > end)
        return false;
    size_t length = *at - begin;
    *at += n;
    return ink_json_write(out, ink_value_borrow(text + begin, length), NULL, NULL) == INK_OK;
}

/* {a:1,b:<escape>x<escape>} to {"a":1,"b":"x"}; false when it is something else. */
static bool bare_to_json(ink_buffer *out, const char *text, size_t end, const char *quote)
{
    uint64_t objects = 0; /* bit: the level is an object */
    unsigned depth = 0;
    bool at_key = false;
    for (size_t at = 0; at < end;) {
        char c = text[at];
        if (at_key && c != '}') {
            size_t begin = at;
            while (at < end && text[at] != ':')
                at++;
            if (at == end ||
                ink_json_write(out, ink_value_borrow(text + begin, at - begin), NULL, NULL))
                return false;
            (void)ink_buffer_append(out, ":", 1);
            at++;
            at_key = false;
            continue;
        }
        if (!strchr("{[]},", c)) {
            if (!write_scalar(out, text, &at, end, quote))
                return false;
            continue;
        }
        if (c == '{' || c == '[')
            objects = objects << 1 | (uint64_t)(c == '{');
        else if (c != ',')
            objects >>= 1;
        depth += c == '{' || c == '[';
        depth -= (c == '}' || c == ']') && depth > 0;
        if (depth > 63)
            return false;
        at_key = (c == '{' || c == ',') && (objects & 1);
        (void)ink_buffer_append(out, &c, 1);
        at++;
    }
    return depth == 0 && !out->failed;
}

/* Whether it is a JSON object: the reader of values would refuse what schemas may allow (1e999). */
static ink_status check_json(const ink_answer *a, const ink_buffer *json, bool *valid,
                             ink_error *error)
{
    static const char any[] = "{\"type\":\"object\"}";
    const ink_constraint_source source = {.kind = INK_CONSTRAINT_SCHEMA,
                                          .text = any,
                                          .n_bytes = sizeof any - 1,
                                          .form = INK_JSON_ANY};
    ink_constraint *object = NULL;
    size_t n = 0;
    INK_TRY(ink_constraint_make(&object, &source, NULL, NULL, a->allocator, error));
    ink_status status = ink_constraint_accept(object, json->data, json->n_bytes, &n, error);
    *valid = n == json->n_bytes && ink_constraint_may_end(object);
    ink_constraint_free(object);
    return status;
}

static progress report_call(ink_answer *a, const char *name, const ink_buffer *json,
                            ink_error *error)
{
    bool valid;
    if (check_json(a, json, &valid, error) != INK_OK)
        return FAILED;
    if (!valid)
        return fail(a, "its arguments are no JSON object", error);
    const ink_tool_call call = {name, json->data, json->n_bytes, a->n_calls};
    if (!a->events.call || a->events.call(a->events.context, &call))
        return GOES_ON;
    (void)ink_fail(error, INK_CANCELLED, 0, "stopped while an answer was read");
    return FAILED;
}

static bool is_tool(const ink_tools *tools, const char *name)
{
    for (size_t i = 0; i < tools->n; i++)
        if (ink_value_is_text(tools->all[i].name, name))
            return true;
    return false;
}

/* NAME [name, name_end), arguments [begin, end): tells the caller. */
static progress finish_call(ink_answer *a, size_t name, size_t name_end, size_t begin, size_t end,
                            ink_error *error)
{
    char copy[INK_TOOL_NAME_MAX_BYTES + 1];
    const char *quote = a->tools->format->quote;
    ink_buffer json;
    memcpy(copy, a->text.data + name, name_end - name);
    copy[name_end - name] = '\0';
    if (!is_tool(a->tools, copy))
        return fail(a, "no tool has its name", error);
    ink_buffer_init(&json, a->allocator, 8 * MAX_CALL_BYTES);
    bool made = quote ? bare_to_json(&json, a->text.data + begin, end - begin, quote)
                      : ink_buffer_append(&json, a->text.data + begin, end - begin);
    progress result = FAILED;
    if (made)
        result = report_call(a, copy, &json, error);
    else if (json.no_memory)
        (void)ink_fail_memory(error, "a call");
    else
        (void)fail(a, "its arguments cannot be read", error);
    ink_buffer_deinit(&json);
    return result;
}

/* Where the name that begins at `at` ends: where `middle`, or the arguments, begin. */
static progress find_name_end(const ink_answer *a, size_t at, size_t *end)
{
    const char *middle = *a->tools->format->middle ? a->tools->format->middle : "{";
    for (*end = at; *end < a->text.n_bytes; ++*end) {
        progress here = begins(a, *end, middle);
        if (here != FAILED)
            return here;
        if (*end - at >= INK_TOOL_NAME_MAX_BYTES)
            return FAILED;
    }
    return WAITS;
}

static progress read_call(ink_answer *a, ink_error *error)
{
    const ink_tool_format *format = a->tools->format;
    const char *const words[] = {a->n_calls ? format->between : format->begin, format->open};
    size_t at = 0, name_end, end;
    for (int i = 0; i < 2; i++) {
        progress here = begins(a, at, words[i]);
        if (here == WAITS)
            return WAITS;
        if (here == FAILED) {
            if (a->n_calls == 0)
                return fail(a, "it does not begin as calls do", error);
            a->at = AT_END;
            return GOES_ON;
        }
        at += strlen(words[i]);
    }
    progress here = find_name_end(a, at, &name_end);
    if (here != GOES_ON)
        return here == WAITS ? WAITS : fail(a, "its name has no end", error);
    size_t begin = name_end + strlen(format->middle);
    if (begin == a->text.n_bytes)
        return WAITS;
    if (a->text.data[begin] != '{')
        return fail(a, "its arguments are no object", error);
    here = scan_arguments(a, begin, &end);
    if (here == GOES_ON)
        here = begins(a, end, format->close);
    if (here != GOES_ON)
        return here == WAITS ? WAITS : fail(a, "it does not end as calls do", error);
    if (finish_call(a, at, name_end, begin, end, error) == FAILED)
        return FAILED;
    drop(a, end + strlen(format->close));
    a->n_calls++;
    a->n_scanned = 0;
    a->depth = 0;
    a->inside = a->escaped = false;
    return GOES_ON;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static progress step_begin(ink_answer *a)
{
    progress here = begins(a, 0, "<think>");
    if (here == WAITS)
        return WAITS;
    if (here == GOES_ON)
        drop(a, 7);
    a->at = here == GOES_ON ? IN_THOUGHT : AT_ANSWER;
    a->n_blanks = here == GOES_ON ? 0 : MAX_BLANKS;
    return GOES_ON;
}

static progress step_thought(ink_answer *a, ink_error *error)
{
    bool found;
    progress here = up_to(a, "</think>", true, &found, error);
    if (found && here == GOES_ON) {
        drop(a, 8);
        a->at = AT_ANSWER;
    }
    return here;
}

/* Behind thoughts blanks go; calls that stand alone are known by their first byte. */
static progress step_answer(ink_answer *a)
{
    size_t at = 0;
    for (; a->n_blanks < MAX_BLANKS && is_blank(*a->text.data); a->n_blanks++) {
        drop(a, 1);
        if (a->text.n_bytes == 0)
            return WAITS;
    }
    a->at = IN_TEXT;
    if (!has_calls(a) || *a->tools->format->marker)
        return GOES_ON;
    const ink_tool_format *format = a->tools->format;
    while (at < a->text.n_bytes && is_blank(a->text.data[at]))
        at++;
    if (at == a->text.n_bytes) {
        a->at = AT_ANSWER;
        a->n_blanks = MAX_BLANKS;
        return WAITS;
    }
    if (a->text.data[at] == (*format->begin ? *format->begin : *format->open)) {
        drop(a, at);
        a->at = IN_CALLS;
    }
    return GOES_ON;
}

static progress step_text(ink_answer *a, ink_error *error)
{
    bool found = false;
    if (!has_calls(a) || !*a->tools->format->marker)
        return pass_on(a, a->text.n_bytes, false, error) == FAILED ? FAILED : WAITS;
    progress here = up_to(a, a->tools->format->marker, false, &found, error);
    if (found)
        a->at = IN_CALLS;
    return here;
}

/* `end`, then blanks. */
static progress step_end(ink_answer *a, ink_error *error)
{
    const char *end = a->tools->format->end;
    progress here = a->ended ? FAILED : begins(a, 0, end);
    if (here == WAITS)
        return WAITS;
    if (here == GOES_ON) {
        drop(a, strlen(end));
        a->ended = true;
    }
    while (a->text.n_bytes && is_blank(*a->text.data))
        drop(a, 1);
    return a->text.n_bytes ? fail(a, "text follows calls", error) : WAITS;
}

static progress step(ink_answer *a, ink_error *error)
{
    switch (a->at) {
    case AT_BEGIN:
        return step_begin(a);
    case IN_THOUGHT:
        return step_thought(a, error);
    case AT_ANSWER:
        return step_answer(a);
    case IN_TEXT:
        return step_text(a, error);
    case IN_CALLS:
        return read_call(a, error);
    default:
        return step_end(a, error);
    }
}

ink_status ink_answer_feed(ink_answer *a, const char *text, size_t n_bytes, ink_error *error)
{
    ink_error why = {0};
    progress here = GOES_ON;
    if (n_bytes > MAX_CALL_BYTES || a->text.n_bytes > MAX_CALL_BYTES - n_bytes)
        return ink_fail(error, INK_LIMIT, 0, "a call of more than %zu bytes", MAX_CALL_BYTES);
    if (!ink_buffer_append(&a->text, text, n_bytes))
        return ink_fail_memory(error, "an answer");
    while (here == GOES_ON && a->text.n_bytes > 0)
        here = step(a, &why);
    if (here != FAILED)
        return INK_OK;
    if (error)
        *error = why;
    return why.status;
}

/* What is left is no call, and nothing is missing. */
static bool is_complete(ink_answer *a)
{
    if (a->n_calls == 0)
        return a->at != IN_CALLS;
    a->at = AT_END;
    if (a->text.n_bytes > 0 && step_end(a, NULL) == FAILED)
        return false;
    return a->text.n_bytes == 0 && (a->ended || !*a->tools->format->end);
}

ink_status ink_answer_end(ink_answer *a, ink_error *error)
{
    if (!is_complete(a))
        return ink_fail(error, INK_CORRUPT, 0, "the answer ends in the middle of a call");
    if (a->text.n_bytes && pass_on(a, a->text.n_bytes, a->at == IN_THOUGHT, error) == FAILED)
        return INK_CANCELLED;
    return INK_OK;
}

ink_status ink_answer_new(ink_answer **out, const ink_tools *tools, ink_thinking thinking,
                          const ink_answer_events *events, ink_error *error)
{
    static const state begins_at[] = {[INK_THINKING_NONE] = AT_ANSWER,
                                      [INK_THINKING_ALLOWED] = AT_BEGIN,
                                      [INK_THINKING_OPEN] = IN_THOUGHT};
    const ink_allocator *allocator = tools ? tools->allocator : NULL;
    if ((unsigned)thinking > INK_THINKING_OPEN)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no way %d of thinking",
                        (int)thinking);
    ink_answer *a = ink_new(allocator, 1, sizeof *a);
    if (!a)
        return ink_fail_memory(error, "an answer");
    *a = (ink_answer){.allocator = allocator,
                      .tools = tools,
                      .events = *events,
                      .at = begins_at[thinking],
                      .n_blanks = thinking == INK_THINKING_NONE ? MAX_BLANKS : 0};
    ink_buffer_init(&a->text, allocator, SIZE_MAX);
    *out = a;
    return INK_OK;
}

void ink_answer_free(ink_answer *a)
{
    if (!a)
        return;
    ink_buffer_deinit(&a->text);
    ink_delete(a->allocator, a);
}
