/*
 * Templates and the JSON beside them: any bytes parse or fail with words, a rendering ends within
 * its limits, twice the same, and leaves its buffer untouched when it fails; JSON that was read is
 * written and read again as an equal value.
 *
 * The input is a template, then, after its first NUL, the JSON of the variables.
 */
#include <stdlib.h>
#include <string.h>

#include "text/chat.h"
#include "text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1 << 22, OUTPUT_BYTES = 1 << 16 };

static void check_failed(ink_status status, const ink_error *error)
{
    if (error->status != status || error->message[0] == '\0')
        abort();
}

static void check_round_trip(ink_arena *arena, ink_value value)
{
    ink_buffer text;
    ink_value again;
    ink_error error = {0};
    ink_buffer_init(&text, NULL, ARENA_BYTES);
    ink_status status = ink_json_write(&text, value, NULL, &error);
    if (status == INK_OK)
        status = ink_value_from_json(arena, text.data, text.n_bytes, &again, &error);
    if (status == INK_OK && !ink_value_equal(value, again))
        abort();
    if (status != INK_OK && status != INK_NO_MEMORY && status != INK_LIMIT)
        abort();
    ink_buffer_deinit(&text);
}

static ink_value read_variables(ink_arena *arena, const char *text, size_t n_bytes)
{
    static const ink_chat_options options = {.bos_token = "<s>", .eos_token = "</s>"};
    ink_value value, variables = {.kind = INK_VALUE_UNDEFINED};
    ink_error error = {0};
    ink_status status = ink_value_from_json(arena, text, n_bytes, &value, &error);
    if (status == INK_OK)
        check_round_trip(arena, value);
    else
        check_failed(status, &error);
    status = ink_chat_variables_from_json(arena, text, n_bytes, &options, &variables, &error);
    if (status != INK_OK)
        check_failed(status, &error);
    return variables;
}

static ink_status render(const ink_template *program, ink_value variables, ink_buffer *out)
{
    ink_buffer origins;
    const ink_template_options options = {.unix_seconds = 1768478400,
                                          .origins = &origins,
                                          .max_steps = 20000,
                                          .max_memory_bytes = ARENA_BYTES,
                                          .max_output_bytes = OUTPUT_BYTES};
    ink_error error = {0};
    ink_buffer_init(&origins, NULL, OUTPUT_BYTES);
    ink_buffer_init(out, NULL, (size_t)OUTPUT_BYTES * 2);
    if (!ink_buffer_text(out, "before"))
        abort();
    ink_status status = ink_template_render(program, variables, &options, out, &error);
    if (status != INK_OK)
        check_failed(status, &error);
    if (status != INK_OK && (out->n_bytes != 6 || strcmp(out->data, "before") != 0))
        abort();
    if (status == INK_OK && origins.n_bytes != out->n_bytes - 6)
        abort();
    for (size_t i = 0; i < origins.n_bytes; i++)
        if (origins.data[i] != INK_ORIGIN_DATA && origins.data[i] != INK_ORIGIN_TEMPLATE)
            abort();
    ink_buffer_deinit(&origins);
    return status;
}

static void check_rendering(const ink_template *program, ink_value variables)
{
    ink_buffer first, second;
    ink_status status = render(program, variables, &first);
    if (render(program, variables, &second) != status || first.n_bytes != second.n_bytes ||
        memcmp(first.data, second.data, first.n_bytes) != 0)
        abort();
    ink_buffer_deinit(&first);
    ink_buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *source = (const char *)data;
    const char *end = size ? memchr(source, '\0', size) : NULL;
    size_t n_bytes = end ? (size_t)(end - source) : size;
    ink_value variables = {.kind = INK_VALUE_UNDEFINED};
    ink_template *program = NULL;
    ink_arena arena;
    ink_error error = {0};
    ink_arena_init(&arena, NULL, ARENA_BYTES);
    if (end)
        variables = read_variables(&arena, end + 1, size - n_bytes - 1);
    ink_status status = ink_template_new(&program, source, n_bytes, NULL, &error);
    if (status == INK_OK)
        check_rendering(program, variables);
    else
        check_failed(status, &error);
    ink_template_free(program);
    ink_arena_deinit(&arena);
    return 0;
}
