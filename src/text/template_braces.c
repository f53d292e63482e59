/*
 * str.format: fields in braces, "{} {0} {name.attribute[key]!r:>8.2f}" (Python's format string
 * syntax).
 */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_format.h"
#include "text/template_render.h"
#include "text/template_text.h"

typedef struct braces {
    ink_call *call;
    const char *at, *end;
    size_t next; /* the argument of the next "{}" */
} braces;

static ink_status fail_format(braces *b, const char *what)
{
    return ink_render_fail(b->call->rendering, INK_BAD_ARGUMENT, "a format string %s", what);
}

/* Steps over the characters before any of `stops`. */
static ink_value take_until(braces *b, const char *stops)
{
    ink_value format = b->call->subject;
    const char *from = b->at;
    while (b->at < b->end && (*b->at == '\0' || !strchr(stops, *b->at)))
        b->at++;
    return ink_value_part(format, (size_t)(from - format.as.text), (size_t)(b->at - from));
}

/* An argument by its number, or the next one when the field is empty, or by its name. */
static ink_status first_value(braces *b, ink_value name, ink_value *out)
{
    int64_t number = (int64_t)b->next;
    if (name.n_bytes == 0)
        b->next++;
    else if (ink_format_read_number(name.as.text, name.n_bytes, &number) != name.n_bytes) {
        const ink_value *item = b->call->keywords.kind == INK_VALUE_DICT
                                    ? ink_value_find(b->call->keywords, name)
                                    : NULL;
        if (!item)
            return fail_format(b, "names a value it is not given");
        *out = *item;
        return INK_OK;
    }
    if ((uint64_t)number >= b->call->n_arguments)
        return fail_format(b, "wants more values than it is given");
    *out = b->call->arguments[number];
    return INK_OK;
}

/* name, then .attribute and [key] as often as there are. */
static ink_status read_field(braces *b, ink_value *out)
{
    ink_rendering *r = b->call->rendering;
    INK_TRY(first_value(b, take_until(b, ".[!:}"), out));
    while (b->at < b->end && (*b->at == '.' || *b->at == '[')) {
        bool attribute = *b->at++ == '.';
        ink_value name = take_until(b, attribute ? ".[!:}" : "]");
        int64_t index;
        if (attribute) {
            INK_TRY(ink_render_attribute(r, *out, name, out));
            continue;
        }
        if (b->at == b->end)
            return fail_format(b, "lacks ']'");
        b->at++;
        if (ink_format_read_number(name.as.text, name.n_bytes, &index) == name.n_bytes &&
            name.n_bytes > 0)
            name = ink_value_integer(index);
        INK_TRY(ink_render_subscript(r, *out, name, out));
    }
    return INK_OK;
}

static bool is_align(char c)
{
    return c && strchr("<>^=", c);
}

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static ink_status read_spec(braces *b, ink_format *format)
{
    uint32_t code_point;
    size_t fill = ink_text_next(b->at, (size_t)(b->end - b->at), &code_point);
    if (b->at + fill < b->end && is_align(b->at[fill]) && *b->at != '}') {
        format->fill = ink_value_borrow(b->at, fill);
        format->align = b->at[fill];
        b->at += fill + 1;
    } else if (b->at < b->end && is_align(*b->at)) {
        format->align = *b->at++;
    }
    if (b->at < b->end && (*b->at == '+' || *b->at == ' ' || *b->at == '-')) {
        format->sign = *b->at == '-' ? '\0' : *b->at;
        b->at++;
    }
    format->alternate = b->at < b->end && *b->at == '#';
    b->at += format->alternate;
    if (b->at < b->end && *b->at == '0' && !format->align) {
        format->align = '=';
        format->fill = ink_value_borrow("0", 1);
    }
    b->at += ink_format_read_number(b->at, (size_t)(b->end - b->at), &format->width);
    if (b->at < b->end && (*b->at == ',' || *b->at == '_'))
        format->grouping = *b->at++;
    if (b->at < b->end && *b->at == '.') {
        b->at++;
        if (ink_format_read_number(b->at, (size_t)(b->end - b->at), &format->precision) == 0)
            return fail_format(b, "lacks digits after '.'");
        b->at += ink_format_read_number(b->at, (size_t)(b->end - b->at), &format->precision);
    }
    if (b->at < b->end && *b->at && strchr("sdeEfFgGxXon%", *b->at))
        format->type = *b->at++;
    return INK_OK;
}

/* A field after its '{'. */
static ink_status put_field(braces *b)
{
    ink_rendering *r = b->call->rendering;
    ink_format format = {.fill = ink_value_borrow(" ", 1), .precision = -1};
    ink_value value;
    INK_TRY(read_field(b, &value));
    if (b->at + 1 < b->end && *b->at == '!') {
        char conversion = b->at[1];
        b->at += 2;
        if (conversion != 'r' && conversion != 's')
            return fail_format(b, "has '!' without r or s");
        INK_TRY(conversion == 'r' ? ink_render_repr(r, value, &value)
                                  : ink_render_text(r, value, &value));
    }
    if (b->at < b->end && *b->at == ':') {
        b->at++;
        INK_TRY(read_spec(b, &format));
    }
    if (b->at == b->end || *b->at++ != '}')
        return fail_format(b, "has a field that is malformed or lacks '}'");
    return ink_format_put(r, &format, value);
}

ink_status ink_method_format(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    braces b = {.call = call,
                .at = call->subject.as.text,
                .end = call->subject.as.text + call->subject.n_bytes};
    size_t mark = ink_render_mark(r);
    while (b.at < b.end) {
        ink_value plain = take_until(&b, "{}");
        INK_TRY(ink_render_put_text(r, plain));
        INK_TRY(ink_render_spend(r, 1));
        if (b.at == b.end)
            break;
        char brace = *b.at++;
        bool doubled = b.at < b.end && *b.at == brace;
        if (!doubled && brace == '}')
            return fail_format(&b, "has '}' without '{'");
        if (doubled)
            INK_TRY(ink_render_put(r, b.at++, 1));
        else
            INK_TRY(put_field(&b));
    }
    return ink_render_take_text(r, mark, out);
}
