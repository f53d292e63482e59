/*
 * One rendering: the state of an interpreter at work and the ground its parts stand on (failing,
 * paying, memory, text, scopes), then the parts themselves.
 *
 * Every part returns a status and fills r->error through ink_render_fail; work is paid for with
 * ink_render_spend before it is done. Text in the making is written behind the output in the same
 * buffer and taken away again.
 */
#ifndef INK_TEXT_TEMPLATE_RENDER_H
#define INK_TEXT_TEMPLATE_RENDER_H

#include "base/status.h"
#include "text/template_builtin.h"
#include "text/template_program.h"

typedef struct ink_binding {
    uint32_t symbol;
    ink_value value;
} ink_binding;

typedef struct ink_scope {
    struct ink_scope *parent;
    ink_binding *bindings;
    uint32_t n_bindings, capacity;
    bool captured; /* a macro keeps it: an iteration's scope may then not be used for the next */
} ink_scope;

/*
 * Passes on to `inner` and remembers whether it had nothing left: memory that is out differs from a
 * limit reached.
 */
typedef struct ink_watched_allocator {
    ink_allocator self;
    const ink_allocator *inner;
    bool exhausted;
} ink_watched_allocator;

typedef enum ink_flow { INK_FLOW_ON, INK_FLOW_BREAK, INK_FLOW_CONTINUE } ink_flow;

enum { INK_RENDER_ACCUMULATORS = 4 };

struct ink_rendering {
    const ink_template *program;
    ink_value variables;
    ink_template_options limits; /* all set */
    ink_watched_allocator arena_memory, out_memory;
    ink_arena arena;
    ink_buffer out;
    ink_buffer origins; /* of the bytes of `out`, one each; those beyond its end are data */
    ink_scope *scope;
    ink_flow flow;
    size_t n_steps, depth;
    uint32_t at; /* source offset of what is being evaluated, for messages */
    ink_error *error;
    struct {
        char *text; /* [capacity], and their origins behind them */
        size_t n_bytes, capacity;
    } accumulators[INK_RENDER_ACCUMULATORS]; /* see ink_render_concat */
    unsigned next_accumulator;
};

/* ---- template_render.c: the ground. */

INK_PRINTF(3, 4)
ink_status ink_render_fail(ink_rendering *r, ink_status status, const char *format, ...);

/* The arena or the buffer refused: INK_LIMIT with its name, or INK_NO_MEMORY. */
ink_status ink_render_fail_memory(ink_rendering *r);

/* "'name' is undefined". */
ink_status ink_render_fail_undefined(ink_rendering *r, ink_value undefined);

/* Pays `steps`, or INK_LIMIT. Work on n bytes costs ink_render_spend_bytes. */
ink_status ink_render_spend(ink_rendering *r, size_t steps);
ink_status ink_render_spend_bytes(ink_rendering *r, size_t n_bytes);

ink_status ink_render_enter(ink_rendering *r);
static inline void ink_render_leave(ink_rendering *r)
{
    r->depth--;
}

ink_status ink_render_take(ink_rendering *r, size_t count, size_t size, void **out);
ink_status ink_render_new_list(ink_rendering *r, ink_value_kind kind, size_t capacity,
                               ink_value *out);
ink_status ink_render_append(ink_rendering *r, ink_value list, ink_value item);
ink_status ink_render_new_dict(ink_rendering *r, ink_value_kind kind, ink_value *out);
ink_status ink_render_set(ink_rendering *r, ink_value dict, ink_value key, ink_value item);

/* A copy in the arena. */
ink_status ink_render_new_string(ink_rendering *r, const char *text, size_t n_bytes,
                                 ink_value *out);
ink_value ink_render_undefined(const char *name);

/* ---- template_origin.c: text in the making, and who wrote each byte of it. */

/* Behind the output: what was put since the mark becomes a string and leaves the buffer. */
size_t ink_render_mark(const ink_rendering *r);
ink_status ink_render_take_text(ink_rendering *r, size_t mark, ink_value *out);

/* Data, whatever was written. */
ink_status ink_render_put(ink_rendering *r, const char *text, size_t n_bytes);

/* Bytes that were made of the first byte of `source` and came from where that came. */
ink_status ink_render_put_as(ink_rendering *r, const char *text, size_t n_bytes, ink_value source);

/* A string, each byte with its origin. */
ink_status ink_render_put_text(ink_rendering *r, ink_value text);

/*
 * str(value). A number, a boolean and None count as the template's, which decides where to print
 * one: they spell no token of their own, and may be part of the name of one ("<|image_" ~ 1 ~
 * "|>"). A list or a dict is data, whoever wrote what is in it.
 */
ink_status ink_render_put_value(ink_rendering *r, ink_value value);

/* A text `times` over. */
ink_status ink_render_repeat(ink_rendering *r, ink_value text, size_t times, ink_value *out);

/* str(value); a string is itself. */
ink_status ink_render_text(ink_rendering *r, ink_value value, ink_value *out);

/* repr(value), always a new string. */
ink_status ink_render_repr(ink_rendering *r, ink_value value, ink_value *out);

/*
 * a + b for strings. Text that grows at its end is extended in place, so building it piece by piece
 * is linear.
 */
ink_status ink_render_concat(ink_rendering *r, ink_value a, ink_value b, ink_value *out);

ink_status ink_render_new_scope(ink_rendering *r, ink_scope *parent, ink_scope **out);

/* In the innermost scope. */
ink_status ink_render_assign(ink_rendering *r, uint32_t symbol, ink_value value);

/* Undefined when nothing has the name. */
ink_status ink_render_lookup(ink_rendering *r, uint32_t symbol, ink_value *out);

/* ---- template_eval.c, template_run.c: nodes. */

ink_status ink_render_eval(ink_rendering *r, const ink_node *node, ink_value *out);
ink_status ink_render_body(ink_rendering *r, const ink_node *body);

/* To a name, to names with commas, or to an attribute of a namespace. */
ink_status ink_render_assign_target(ink_rendering *r, const ink_node *target, ink_value value);

/* A CALL node; `caller`, unless undefined, is passed as the keyword of that name. */
ink_status ink_render_call_node(ink_rendering *r, const ink_node *node, ink_value caller,
                                ink_value *out);

/* A filter of a chain whose first subject is NULL, applied to `subject`. */
ink_status ink_render_filter(ink_rendering *r, const ink_node *filter, ink_value subject,
                             ink_value *out);

/* The body's output as a string, evaluated in the present scope. */
ink_status ink_render_capture(ink_rendering *r, const ink_node *body, ink_value *out);

/* ---- template_access.c: attributes, indices, iteration. */

ink_status ink_render_attribute(ink_rendering *r, ink_value object, ink_value name, ink_value *out);
ink_status ink_render_subscript(ink_rendering *r, ink_value object, ink_value index,
                                ink_value *out);

/* start, stop, step: integers, or none for those left out. */
ink_status ink_render_slice(ink_rendering *r, ink_value object, const ink_value bounds[3],
                            ink_value *out);

/* What a loop over the value sees: borrowed items, or made ones. A stream is used up. */
ink_status ink_render_items(ink_rendering *r, ink_value value, const ink_value **items,
                            size_t *n_items);

/* "a.b.0" from the object downwards, as `map(attribute=...)` has it; a number is an index. */
ink_status ink_render_path(ink_rendering *r, ink_value object, ink_value path, ink_value *out);

/* ---- template_operator.c. */

ink_status ink_render_arithmetic(ink_rendering *r, ink_operator op, ink_value a, ink_value b,
                                 ink_value *out);
ink_status ink_render_compare(ink_rendering *r, ink_operator op, ink_value a, ink_value b,
                              bool *out);
ink_status ink_render_equal(ink_rendering *r, ink_value a, ink_value b, bool *out);

/* Fails for values without an order. *out as for ink_value_order. */
ink_status ink_render_order(ink_rendering *r, ink_value a, ink_value b, int *out);

/* The first place of `part` in `text` from byte `from` on, or SIZE_MAX. */
ink_status ink_render_find(ink_rendering *r, ink_value text, ink_value part, size_t from,
                           size_t *out);

/* ---- template_format.c: "%s" % x and "{}".format(x). */

ink_status ink_render_percent(ink_rendering *r, ink_value format, ink_value arguments,
                              ink_value *out);

/* ---- template_call.c, template_object.c. */

ink_status ink_render_call(ink_rendering *r, ink_value callee, ink_call *call, ink_value *out);
ink_status ink_render_new_macro(ink_rendering *r, const ink_macro *macro, ink_value *out);

/* A loop over `items`, from depth 0; r->flow is ON afterwards. */
ink_status ink_render_loop(ink_rendering *r, const ink_node *node, ink_value items, size_t depth);

#endif
