/*
 * Text in the making, and who wrote each byte of it: the template, or whoever filled the variables.
 * A tokenizer reads control tokens in the former alone, so that nobody types one into a message.
 *
 * Scratch text is written behind the output rather than into buffers of its own: nothing has to be
 * freed on the way out of an error, and one limit bounds both. A byte is the template's only where
 * it was copied from a literal; whatever forgets to say so makes data, never the reverse.
 */
#include <string.h>
#include "base/size.h"
#include "text/template_render.h"

enum { ACCUMULATOR_MIN_BYTES = 256 /* shorter texts are cheaper copied than remembered */ };

/* ---- Behind the output */

size_t ink_render_mark(const ink_rendering *r)
{
    return r->out.n_bytes;
}

static bool is_mixed(ink_value text)
{
    return text.origin > INK_ORIGIN_TEMPLATE;
}

/* Writes the origins of the bytes of a string. */
static void copy_origins(char *to, ink_value text)
{
    if (is_mixed(text))
        memcpy(to, text.as.text + text.origin, text.n_bytes);
    else
        memset(to, (int)text.origin, text.n_bytes);
}

/* The last bytes put came from where `text` did, which is as long; nothing to do for data. */
static ink_status claim(ink_rendering *r, ink_value text)
{
    ink_buffer *origins = &r->origins;
    if (text.origin == INK_ORIGIN_DATA || text.n_bytes == 0)
        return INK_OK;
    size_t unclaimed = r->out.n_bytes - text.n_bytes - origins->n_bytes;
    char *to = ink_buffer_reserve(origins, unclaimed + text.n_bytes);
    if (!to)
        return ink_render_fail_memory(r);
    memset(to, INK_ORIGIN_DATA, unclaimed);
    copy_origins(to + unclaimed, text);
    origins->n_bytes = r->out.n_bytes;
    return INK_OK;
}

ink_status ink_render_put(ink_rendering *r, const char *text, size_t n_bytes)
{
    return ink_render_put_text(r, ink_value_borrow(text, n_bytes));
}

ink_status ink_render_put_text(ink_rendering *r, ink_value text)
{
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    if (!ink_buffer_append(&r->out, text.as.text, text.n_bytes))
        return ink_render_fail_memory(r);
    return claim(r, text);
}

ink_status ink_render_put_as(ink_rendering *r, const char *text, size_t n_bytes, ink_value source)
{
    ink_value put = ink_value_borrow(text, n_bytes);
    put.origin = is_mixed(source) ? (unsigned char)source.as.text[source.origin] : source.origin;
    return ink_render_put_text(r, put);
}

static ink_status check_printed(ink_rendering *r, bool printed)
{
    if (printed)
        return INK_OK;
    if (r->out.failed)
        return ink_render_fail_memory(r);
    return ink_render_fail(r, INK_LIMIT, "a namespace stands in itself or deeper than %d",
                           INK_VALUE_MAX_DEPTH);
}

static bool is_plain(ink_value value)
{
    return ink_value_is_number(value) || value.kind == INK_VALUE_NONE ||
           value.kind == INK_VALUE_BIG_INTEGER;
}

ink_status ink_render_put_value(ink_rendering *r, ink_value value)
{
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_spend(r, ink_value_weight(value)));
    INK_TRY(check_printed(r, ink_value_print(&r->out, value)));
    if (ink_value_is_string(value))
        return claim(r, value);
    return is_plain(value) ? claim(r, ink_value_literal(NULL, r->out.n_bytes - mark)) : INK_OK;
}

/* The origins of what stands behind the mark, when they are all the same; else -1. */
static int one_origin(const ink_rendering *r, size_t mark)
{
    if (r->origins.n_bytes <= mark)
        return INK_ORIGIN_DATA;
    const char *origins = r->origins.data + mark;
    size_t claimed = r->origins.n_bytes - mark;
    if (!memchr(origins, INK_ORIGIN_TEMPLATE, claimed))
        return INK_ORIGIN_DATA;
    bool all = r->origins.n_bytes == r->out.n_bytes && !memchr(origins, INK_ORIGIN_DATA, claimed);
    return all ? INK_ORIGIN_TEMPLATE : -1;
}

/*
 * Room for a text and, where it is mixed, the origins of its bytes behind it; NULL: *status says
 * why.
 */
static char *new_text(ink_rendering *r, size_t capacity, bool mixed, ink_status *status)
{
    void *memory = NULL;
    if (mixed && capacity > UINT32_MAX) /* the distance that a value can hold */
        *status = ink_render_fail_memory(r);
    else
        *status = ink_render_take(r, capacity, mixed ? 2 : 1, &memory);
    return *status == INK_OK ? memory : NULL;
}

ink_status ink_render_take_text(ink_rendering *r, size_t mark, ink_value *out)
{
    size_t n_bytes = r->out.n_bytes - mark;
    const char *text = n_bytes ? r->out.data + mark : "";
    int origin = one_origin(r, mark);
    if (origin >= 0) {
        INK_TRY(ink_render_new_string(r, text, n_bytes, out));
        out->origin = (uint32_t)origin;
    } else {
        ink_status status;
        INK_TRY(ink_render_spend_bytes(r, n_bytes));
        char *copy = new_text(r, n_bytes, true, &status);
        if (!copy)
            return status;
        memcpy(copy, text, n_bytes);
        memcpy(copy + n_bytes, r->origins.data + mark, r->origins.n_bytes - mark);
        *out = ink_value_borrow(copy, n_bytes);
        out->origin = (uint32_t)n_bytes;
    }
    r->out.n_bytes = mark;
    r->origins.n_bytes = ink_size_min(r->origins.n_bytes, mark);
    return INK_OK;
}

ink_status ink_render_text(ink_rendering *r, ink_value value, ink_value *out)
{
    *out = value;
    if (ink_value_is_string(value))
        return INK_OK;
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_put_value(r, value));
    return ink_render_take_text(r, mark, out);
}

ink_status ink_render_repr(ink_rendering *r, ink_value value, ink_value *out)
{
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_spend(r, ink_value_weight(value)));
    INK_TRY(check_printed(r, ink_value_repr(&r->out, value)));
    return ink_render_take_text(r, mark, out);
}

/* ---- Joining strings */

/* To `text`, whose origins stand `distance` bytes behind it; 0: it has none of its own. */
static void copy_text(char *text, size_t distance, ink_value from)
{
    memcpy(text, from.as.text, from.n_bytes);
    if (distance > 0)
        copy_origins(text + distance, from);
}

/* Whether `a` is the text that an accumulator holds, with room for n more bytes behind it. */
static bool extend(ink_rendering *r, ink_value a, ink_value b)
{
    for (unsigned i = 0; i < INK_RENDER_ACCUMULATORS; i++) {
        if (!r->accumulators[i].text || r->accumulators[i].text != a.as.text ||
            r->accumulators[i].n_bytes != a.n_bytes)
            continue;
        size_t capacity = r->accumulators[i].capacity;
        if (a.origin != capacity || capacity - a.n_bytes < b.n_bytes)
            return false;
        copy_text(r->accumulators[i].text + a.n_bytes, capacity, b);
        r->accumulators[i].n_bytes += b.n_bytes;
        return true;
    }
    return false;
}

/* The text is new; with capacity beyond it, it is remembered as one that may grow. */
static ink_status join(ink_rendering *r, ink_value a, ink_value b, size_t capacity, ink_value *out)
{
    ink_status status;
    size_t total = a.n_bytes + b.n_bytes;
    bool grows = capacity > total, mixed = grows || is_mixed(a) || a.origin != b.origin;
    char *text = new_text(r, capacity, mixed, &status);
    if (!text)
        return status;
    copy_text(text, mixed ? capacity : 0, a);
    copy_text(text + a.n_bytes, mixed ? capacity : 0, b);
    *out = ink_value_borrow(text, total);
    out->origin = mixed ? (uint32_t)capacity : a.origin;
    if (!grows)
        return INK_OK;
    unsigned i = r->next_accumulator++ % INK_RENDER_ACCUMULATORS;
    r->accumulators[i].text = text;
    r->accumulators[i].n_bytes = out->n_bytes;
    r->accumulators[i].capacity = capacity;
    return INK_OK;
}

ink_status ink_render_concat(ink_rendering *r, ink_value a, ink_value b, ink_value *out)
{
    size_t total, capacity;
    if (a.n_bytes == 0 || b.n_bytes == 0) {
        *out = a.n_bytes ? a : b;
        return INK_OK;
    }
    if (!ink_size_add(a.n_bytes, b.n_bytes, &total) || !ink_size_mul(total, 2, &capacity))
        return ink_render_fail_memory(r);
    INK_TRY(ink_render_spend_bytes(r, b.n_bytes));
    if (extend(r, a, b)) {
        *out = ink_value_part(a, 0, total);
        return INK_OK;
    }
    INK_TRY(ink_render_spend_bytes(r, a.n_bytes));
    return join(r, a, b, total < ACCUMULATOR_MIN_BYTES ? total : capacity, out);
}

ink_status ink_render_repeat(ink_rendering *r, ink_value text, size_t times, ink_value *out)
{
    size_t total;
    ink_status status;
    if (!ink_size_mul(text.n_bytes, times, &total))
        return ink_render_fail_memory(r);
    INK_TRY(ink_render_spend_bytes(r, total));
    char *memory = new_text(r, total, is_mixed(text), &status);
    if (!memory)
        return status;
    for (size_t at = 0; at < total; at += text.n_bytes)
        copy_text(memory + at, is_mixed(text) ? total : 0, text);
    *out = ink_value_borrow(total ? memory : "", total);
    out->origin = is_mixed(text) ? (uint32_t)total : text.origin;
    return INK_OK;
}
