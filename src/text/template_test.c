/* Tests: what stands after `is`. Each yields a boolean. */
#include "text/template_builtin.h"
#include "text/template_case.h"
#include "text/template_render.h"

static ink_status answer(bool holds, ink_value *out)
{
    *out = ink_value_bool(holds);
    return INK_OK;
}

static ink_status is_kind(const ink_call *call, ink_value_kind kind, ink_value *out)
{
    return answer(call->subject.kind == kind, out);
}

ink_status ink_test_boolean(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_BOOL, out);
}

ink_status ink_test_float(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_FLOAT, out);
}

ink_status ink_test_integer(ink_call *call, ink_value *out)
{
    return answer(call->subject.kind == INK_VALUE_INTEGER ||
                      call->subject.kind == INK_VALUE_BIG_INTEGER,
                  out);
}

ink_status ink_test_mapping(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_DICT, out);
}

ink_status ink_test_none(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_NONE, out);
}

ink_status ink_test_string(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_STRING, out);
}

ink_status ink_test_undefined(ink_call *call, ink_value *out)
{
    return is_kind(call, INK_VALUE_UNDEFINED, out);
}

ink_status ink_test_defined(ink_call *call, ink_value *out)
{
    return answer(call->subject.kind != INK_VALUE_UNDEFINED, out);
}

/* A boolean is a number, as in Python. */
ink_status ink_test_number(ink_call *call, ink_value *out)
{
    return answer(ink_value_is_number(call->subject) || call->subject.kind == INK_VALUE_BIG_INTEGER,
                  out);
}

ink_status ink_test_true(ink_call *call, ink_value *out)
{
    return answer(call->subject.kind == INK_VALUE_BOOL && call->subject.as.boolean, out);
}

ink_status ink_test_false(ink_call *call, ink_value *out)
{
    return answer(call->subject.kind == INK_VALUE_BOOL && !call->subject.as.boolean, out);
}

/* Python's undefined can be called too: it fails then. */
ink_status ink_test_callable(ink_call *call, ink_value *out)
{
    bool object = call->subject.kind == INK_VALUE_OBJECT;
    return answer(object ? call->subject.as.object->type->call != NULL
                         : call->subject.kind == INK_VALUE_UNDEFINED,
                  out);
}

ink_status ink_test_iterable(ink_call *call, ink_value *out)
{
    ink_value_kind kind = call->subject.kind;
    return answer(ink_value_is_listlike(call->subject) || kind == INK_VALUE_STRING ||
                      kind == INK_VALUE_DICT || kind == INK_VALUE_UNDEFINED,
                  out);
}

/* What has a length and can be indexed; a dict passes too, as in Jinja. */
ink_status ink_test_sequence(ink_call *call, ink_value *out)
{
    ink_value_kind kind = call->subject.kind;
    return answer(kind == INK_VALUE_LIST || kind == INK_VALUE_TUPLE || kind == INK_VALUE_RANGE ||
                      kind == INK_VALUE_STRING || kind == INK_VALUE_DICT ||
                      kind == INK_VALUE_UNDEFINED,
                  out);
}

ink_status ink_test_lower(ink_call *call, ink_value *out)
{
    INK_TRY(ink_render_text(call->rendering, call->subject, &call->subject));
    return answer(ink_case_is(call->subject, INK_CASE_LOWER), out);
}

ink_status ink_test_upper(ink_call *call, ink_value *out)
{
    INK_TRY(ink_render_text(call->rendering, call->subject, &call->subject));
    return answer(ink_case_is(call->subject, INK_CASE_UPPER), out);
}

ink_status ink_test_filter(ink_call *call, ink_value *out)
{
    return answer(ink_builtin_find(INK_BUILTIN_FILTER, call->subject) != NULL, out);
}

ink_status ink_test_test(ink_call *call, ink_value *out)
{
    return answer(ink_builtin_find(INK_BUILTIN_TEST, call->subject) != NULL, out);
}

/* ---- Against another value */

static ink_status compare(ink_call *call, ink_operator op, ink_value *out)
{
    bool holds;
    INK_TRY(ink_render_compare(call->rendering, op, call->subject, call->slots[0], &holds));
    return answer(holds, out);
}

ink_status ink_test_eq(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_EQUAL, out);
}

ink_status ink_test_ne(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_NOT_EQUAL, out);
}

ink_status ink_test_lt(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_LESS, out);
}

ink_status ink_test_le(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_LESS_EQUAL, out);
}

ink_status ink_test_gt(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_GREATER, out);
}

ink_status ink_test_ge(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_GREATER_EQUAL, out);
}

ink_status ink_test_in(ink_call *call, ink_value *out)
{
    return compare(call, INK_OPERATOR_IN, out);
}

/* One and the same: for what has no identity of its own, equal and of one kind. */
ink_status ink_test_sameas(ink_call *call, ink_value *out)
{
    ink_value a = call->subject, b = call->slots[0];
    if (a.kind != b.kind)
        return answer(false, out);
    if (ink_value_is_listlike(a))
        return answer(a.as.list == b.as.list, out);
    if (ink_value_is_dictlike(a))
        return answer(a.as.dict == b.as.dict, out);
    return compare(call, INK_OPERATOR_EQUAL, out);
}

/* ---- Of numbers */

static ink_status has_remainder(ink_call *call, ink_value divisor, int64_t wanted, ink_value *out)
{
    ink_value remainder;
    bool holds;
    INK_TRY(ink_render_arithmetic(call->rendering, INK_OPERATOR_REMAINDER, call->subject, divisor,
                                  &remainder));
    INK_TRY(ink_render_equal(call->rendering, remainder, ink_value_integer(wanted), &holds));
    return answer(holds, out);
}

ink_status ink_test_even(ink_call *call, ink_value *out)
{
    return has_remainder(call, ink_value_integer(2), 0, out);
}

ink_status ink_test_odd(ink_call *call, ink_value *out)
{
    return has_remainder(call, ink_value_integer(2), 1, out);
}

ink_status ink_test_divisibleby(ink_call *call, ink_value *out)
{
    return has_remainder(call, call->slots[0], 0, out);
}
