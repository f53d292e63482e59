/*
 * Chat templates: an interpreter for the part of the Jinja language that they use.
 *
 * A template is parsed once into an immutable program and rendered many times, by several threads
 * at once if need be. It is untrusted: it sees the variables it is given, can change nothing
 * outside its rendering, has no clock but the one in the options, and each of its appetites has a
 * limit below. Behaves as Jinja2 with trim_blocks, lstrip_blocks, loop controls, an immutable
 * sandbox and a `tojson` that neither escapes nor sorts, which is how the authors of templates run
 * them (https://jinja.palletsprojects.com/templates/). Every filter, test, function and method is a
 * row of template.def.
 */
#ifndef INK_TEXT_TEMPLATE_H
#define INK_TEXT_TEMPLATE_H

#include "text/value.h"

/* field, default, what is said when it is reached */
#define INK_TEMPLATE_LIMITS(X)                                                        \
    X(max_steps, 50 * 1000 * 1000, "steps") /* of evaluation; long texts cost more */ \
    X(max_depth, 400, "nested evaluations") /* expressions, blocks and macro calls */ \
    X(max_output_bytes, (size_t)64 << 20, "bytes of output")                          \
    X(max_memory_bytes, (size_t)256 << 20, "bytes of memory")                         \
    X(max_range, 100 * 1000, "numbers in a range")

/* For parsing, where nothing needs to vary. */
#define INK_TEMPLATE_MAX_SOURCE_BYTES ((size_t)1 << 20)
enum { INK_TEMPLATE_MAX_NESTING = 100 }; /* of blocks and of expressions, in the source */

typedef struct ink_template_options {
    int64_t unix_seconds; /* what strftime_now believes, in UTC */
    /*
     * NULL, or receives a byte for each that `out` does: INK_ORIGIN_TEMPLATE where a literal of the
     * template wrote it or a variable that counts as such, INK_ORIGIN_DATA where a variable did.
     */
    ink_buffer *origins;
#define X(field, value, text) size_t field; /* 0: the default */
    INK_TEMPLATE_LIMITS(X)
#undef X
} ink_template_options;

typedef struct ink_template ink_template;

/*
 * Copies the source. INK_CORRUPT names the line that cannot be parsed and `error->offset` its byte;
 * INK_LIMIT the limit. The allocator also serves the renderings. Ended by ink_template_free.
 */
ink_status ink_template_new(ink_template **out, const char *source, size_t n_bytes,
                            const ink_allocator *allocator, ink_error *error);
void ink_template_free(ink_template *program);

/*
 * Appends to `out`, or leaves it as it was. `variables` is a dict (or undefined: none) that is only
 * read. `options` may be NULL. INK_BAD_ARGUMENT when the template fails, by itself or through
 * raise_exception ("template refused the messages: ..."); INK_LIMIT when a limit is reached;
 * INK_UNSUPPORTED for a filter, test or method that is not there. Messages begin "template line N:
 * ".
 */
ink_status ink_template_render(const ink_template *program, ink_value variables,
                               const ink_template_options *options, ink_buffer *out,
                               ink_error *error);

#endif
