#include "cli/task_answer.h"

#include <string.h>
#include "base/status.h"
#include "text/json.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- Where it ends ------------------------------------------------------------------------- */

/* Inside a text of JSON brackets are characters like others. */
static void look_in_string(ink_answer *a, char c)
{
    if (a->escaped)
        a->escaped = false;
    else if (c == '\\')
        a->escaped = true;
    else if (c == '"')
        a->in_string = false;
}

/* True when the answer ended with this character. */
static bool look_at_json(ink_answer *a, char c)
{
    if (a->in_string) {
        look_in_string(a, c);
    } else if (c == '"') {
        a->in_string = true;
    } else if (c == '{' || c == '[') {
        a->depth++;
    } else if ((c == '}' || c == ']') && a->depth > 0) {
        a->depth--;
        return a->depth == 0;
    }
    return false;
}

/* True when the answer ended before this character, or with it. */
static bool look(ink_answer *a, char c, bool *belongs)
{
    bool new_line = c == '\n' && a->begun && a->depth == 0 && !a->multiline;
    *belongs = !new_line;
    if (new_line)
        return true;
    a->begun = a->begun || !is_space(c);
    return a->json && look_at_json(a, c);
}

bool ink_answer_write(void *context, const char *text, size_t n_bytes)
{
    ink_answer *a = context;
    size_t n = 0;
    while (n < n_bytes && !a->complete) {
        bool belongs;
        a->complete = look(a, text[n], &belongs);
        n += belongs;
    }
    return ink_buffer_append(&a->text, text, n) && !a->complete;
}

/* ---- Comparing ----------------------------------------------------------------------------- */

ink_value ink_answer_trim(ink_value text)
{
    size_t begin = 0, end = text.n_bytes;
    while (begin < end && is_space(text.as.text[begin]))
        begin++;
    while (begin < end && is_space(text.as.text[end - 1]))
        end--;
    return ink_value_part(text, begin, end - begin);
}

static bool is_same_text(ink_value a, ink_value b)
{
    return a.n_bytes == b.n_bytes &&
           (a.n_bytes == 0 || memcmp(a.as.text, b.as.text, a.n_bytes) == 0);
}

static ink_value text_of(const ink_answer *answer)
{
    return answer->text.n_bytes ? ink_value_borrow(answer->text.data, answer->text.n_bytes)
                                : ink_value_borrow("", 0);
}

bool ink_answer_matches_text(const ink_answer *answer, ink_value expected)
{
    return is_same_text(ink_answer_trim(text_of(answer)), ink_answer_trim(expected));
}

static bool is_same(ink_value a, ink_value b);

static bool are_same_lists(const ink_value_list *a, const ink_value_list *b)
{
    if (a->n_items != b->n_items)
        return false;
    for (size_t i = 0; i < a->n_items; i++)
        if (!is_same(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool are_same_dicts(ink_value a, ink_value b)
{
    if (a.as.dict->n_entries != b.as.dict->n_entries)
        return false;
    for (uint32_t i = 0; i < a.as.dict->n_entries; i++) {
        const ink_value *other = ink_value_find(b, a.as.dict->entries[i].key);
        if (!other || !is_same(a.as.dict->entries[i].item, *other))
            return false;
    }
    return true;
}

static bool is_number(ink_value value)
{
    return value.kind == INK_VALUE_INTEGER || value.kind == INK_VALUE_FLOAT;
}

/* As JSON has it: true is not 1, as it is to templates. No deeper than the reader goes. */
static bool is_same(ink_value a, ink_value b)
{
    if (is_number(a) && is_number(b))
        return ink_value_equal(a, b);
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case INK_VALUE_BOOL:
        return a.as.boolean == b.as.boolean;
    case INK_VALUE_STRING:
    case INK_VALUE_BIG_INTEGER:
        return is_same_text(a, b);
    case INK_VALUE_LIST:
        return are_same_lists(a.as.list, b.as.list);
    case INK_VALUE_DICT:
        return are_same_dicts(a, b);
    default: /* null */
        return true;
    }
}

ink_status ink_answer_matches_json(const ink_answer *answer, ink_value expected, ink_arena *arena,
                                   bool *matches, ink_error *error)
{
    ink_value text = text_of(answer), found;
    ink_status status = ink_value_from_json(arena, text.as.text, text.n_bytes, &found, error);
    *matches = status == INK_OK && is_same(found, expected);
    return status == INK_NO_MEMORY ? status : INK_OK;
}
