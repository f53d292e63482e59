/*
 * The life of a program, and the frame of a rendering: resolving the options, watching whose memory
 * ran out, and putting the output buffer back as it was when something fails.
 */
#include "text/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "text/template_program.h"
#include "text/template_render.h"

/*
 * A token takes at least a byte, a node stands for at least a token: this bounds the program of any
 * source.
 */
enum { PROGRAM_BYTES_PER_SOURCE_BYTE = 512 };

ink_status ink_template_fail_at(const ink_template *program, ink_error *error, ink_status status,
                                uint32_t offset, const char *format, ...)
{
    char text[440];
    size_t line = 1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (size_t at = 0; at < offset && at < program->source_bytes; at++)
        line += program->source[at] == '\n';
    return ink_fail(error, status, offset, "template line %zu: %s", line, text);
}

/* Line ends become "\n"; the last one does not count. */
static bool copy_source(ink_template *program, const char *source, size_t n_bytes)
{
    char *copy = ink_resize(program->allocator, NULL, n_bytes + 1, 1);
    if (!copy)
        return false;
    size_t n = 0;
    for (size_t at = 0; at < n_bytes; at++) {
        if (source[at] == '\r' && at + 1 < n_bytes && source[at + 1] == '\n')
            continue;
        copy[n++] = source[at] == '\r' ? '\n' : source[at];
    }
    n -= n > 0 && copy[n - 1] == '\n';
    copy[n] = '\0';
    program->source = copy;
    program->source_bytes = n;
    return true;
}

ink_status ink_template_new(ink_template **out, const char *source, size_t n_bytes,
                            const ink_allocator *allocator, ink_error *error)
{
    if (n_bytes > INK_TEMPLATE_MAX_SOURCE_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "a template of %zu bytes, at most %zu are read",
                        n_bytes, INK_TEMPLATE_MAX_SOURCE_BYTES);
    ink_template *program = ink_new(allocator, 1, sizeof *program);
    if (!program)
        return ink_fail_memory(error, "a template");
    program->allocator = allocator;
    ink_arena_init(&program->arena, allocator, (n_bytes + 64) * PROGRAM_BYTES_PER_SOURCE_BYTE);
    ink_status status = copy_source(program, source, n_bytes)
                            ? ink_template_parse(program, error)
                            : ink_fail_memory(error, "the source of a template");
    if (status == INK_OK)
        *out = program;
    else
        ink_template_free(program);
    return status;
}

void ink_template_free(ink_template *program)
{
    if (!program)
        return;
    ink_arena_deinit(&program->arena);
    ink_delete(program->allocator, program->source);
    ink_delete(program->allocator, program);
}

static void *watched_resize(void *context, void *pointer, size_t bytes)
{
    ink_watched_allocator *watched = context;
    if (bytes == 0) {
        ink_delete(watched->inner, pointer);
        return NULL;
    }
    void *block = ink_resize(watched->inner, pointer, bytes, 1);
    watched->exhausted = watched->exhausted || !block;
    return block;
}

static void watch(ink_watched_allocator *watched, const ink_allocator *inner)
{
    *watched = (ink_watched_allocator){.self = {watched_resize, watched}, .inner = inner};
}

static ink_template_options resolve(const ink_template_options *options)
{
    ink_template_options resolved = options ? *options : (ink_template_options){0};
#define X(field, value, text) \
    if (resolved.field == 0)  \
        resolved.field = value;
    INK_TEMPLATE_LIMITS(X)
#undef X
    return resolved;
}

/* Of what was rendered behind `before`; the end that nobody claimed is data. */
static ink_status give_origins(const ink_rendering *r, size_t before, ink_buffer *origins)
{
    size_t n_bytes = r->out.n_bytes - before;
    char *to = ink_buffer_reserve(origins, n_bytes);
    if (!to)
        return ink_fail_memory(r->error, "the origins of a rendered text");
    for (size_t i = 0; i < n_bytes; i++)
        to[i] = before + i < r->origins.n_bytes ? r->origins.data[before + i] : INK_ORIGIN_DATA;
    origins->n_bytes += n_bytes;
    origins->data[origins->n_bytes] = '\0';
    return INK_OK;
}

ink_status ink_template_render(const ink_template *program, ink_value variables,
                               const ink_template_options *options, ink_buffer *out,
                               ink_error *error)
{
    ink_rendering r = {
        .program = program, .variables = variables, .limits = resolve(options), .error = error};
    const size_t before = out->n_bytes, max_bytes = out->max_bytes;
    watch(&r.arena_memory, program->allocator);
    watch(&r.out_memory, out->allocator);
    ink_arena_init(&r.arena, &r.arena_memory.self, r.limits.max_memory_bytes);
    ink_buffer_init(&r.origins, &r.out_memory.self, SIZE_MAX);
    r.out = *out;
    r.out.allocator = &r.out_memory.self;
    r.out.failed = false;
    if (r.limits.max_output_bytes < max_bytes - before)
        r.out.max_bytes = before + r.limits.max_output_bytes;
    ink_status status = ink_render_new_scope(&r, NULL, &r.scope);
    if (status == INK_OK)
        status = ink_render_body(&r, program->body);
    ink_arena_deinit(&r.arena);
    if (status == INK_OK && options && options->origins)
        status = give_origins(&r, before, options->origins);
    ink_buffer_deinit(&r.origins);
    const bool failed = out->failed;
    const ink_allocator *allocator = out->allocator;
    *out = r.out;
    out->allocator = allocator;
    out->max_bytes = max_bytes;
    out->failed = failed;
    if (status != INK_OK)
        out->n_bytes = before;
    if (out->data)
        out->data[out->n_bytes] = '\0';
    return status;
}
