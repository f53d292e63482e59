#include "convert/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/status.h"

ink_status ink_document_path(const char *folder, const char *name,
                             char out[INK_DOCUMENT_PATH_BYTES], ink_error *error)
{
    int n = snprintf(out, INK_DOCUMENT_PATH_BYTES, "%s/%s", folder, name);
    return n >= 0 && n < INK_DOCUMENT_PATH_BYTES
               ? INK_OK
               : ink_fail(error, INK_BAD_ARGUMENT, 0, "%.100s...: the path is too long", folder);
}

static ink_status read_all(const ink_file *file, ink_arena *arena, ink_text *out, ink_error *error)
{
    uint64_t n_bytes = ink_file_size(file);
    if (n_bytes > INK_JSON_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "%s: has %" PRIu64 " bytes, at most %zu are read",
                        ink_file_name(file), n_bytes, INK_JSON_MAX_BYTES);
    char *bytes = ink_arena_take(arena, (size_t)n_bytes + 1, 1);
    if (!bytes)
        return ink_fail_memory(error, ink_file_name(file));
    *out = (ink_text){bytes, (size_t)n_bytes};
    return ink_file_read(file, 0, (size_t)n_bytes, bytes, error);
}

ink_status ink_document_bytes(const char *folder, const char *name, ink_arena *arena, ink_text *out,
                              ink_error *error)
{
    char path[INK_DOCUMENT_PATH_BYTES];
    ink_file *file;
    *out = (ink_text){NULL, 0};
    INK_TRY(ink_document_path(folder, name, path, error));
    if (access(path, F_OK) != 0)
        return INK_OK;
    INK_TRY(ink_file_open(&file, path, arena->allocator, error));
    ink_status status = read_all(file, arena, out, error);
    ink_file_close(file);
    return status;
}

ink_status ink_document_parse(ink_text text, const char *name, ink_arena *arena, ink_value *out,
                              ink_error *error)
{
    ink_error inner = {0};
    ink_status status = ink_value_from_json(arena, text.data, text.n_bytes, out, &inner);
    if (status != INK_OK)
        return ink_fail(error, status, inner.offset, "%s: %s", name, inner.message);
    if (out->kind != INK_VALUE_DICT)
        return ink_fail(error, INK_CORRUPT, 0, "%s: is no JSON object", name);
    return INK_OK;
}

ink_status ink_document_read(const char *folder, const char *name, ink_arena *arena, ink_value *out,
                             ink_error *error)
{
    ink_text text;
    *out = (ink_value){.kind = INK_VALUE_UNDEFINED};
    INK_TRY(ink_document_bytes(folder, name, arena, &text, error));
    return text.data ? ink_document_parse(text, name, arena, out, error) : INK_OK;
}

bool ink_document_word(const char **at, char mark, ink_text *out)
{
    if (!**at)
        return false;
    const char *end = strchr(*at, mark);
    *out = (ink_text){*at, end ? (size_t)(end - *at) : strlen(*at)};
    *at += out->n_bytes + (end != NULL);
    return true;
}

bool ink_document_fits(ink_text word, ink_text text)
{
    bool front = word.n_bytes > 0 && word.data[0] == '*';
    bool back = word.n_bytes > 0 && word.data[word.n_bytes - 1] == '*';
    size_t n = word.n_bytes - (front || back);
    if (front || back ? text.n_bytes < n : text.n_bytes != n)
        return false;
    return n == 0 || memcmp(word.data + front, text.data + (front ? text.n_bytes - n : 0), n) == 0;
}

bool ink_document_has_word(const char *words, char mark, ink_text text)
{
    ink_text word;
    while (ink_document_word(&words, mark, &word))
        if (ink_document_fits(word, text))
            return true;
    return false;
}

const ink_value *ink_document_get(const ink_value *object, const char *names)
{
    ink_text name;
    while (object && object->kind == INK_VALUE_DICT && ink_document_word(&names, '|', &name)) {
        const ink_value *value = ink_value_find(*object, ink_value_borrow(name.data, name.n_bytes));
        if (value && value->kind != INK_VALUE_NONE)
            return value;
    }
    return NULL;
}

const ink_value_list *ink_document_list(const ink_value *object, const char *names)
{
    static const ink_value_list empty;
    const ink_value *value = ink_document_get(object, names);
    return value && value->kind == INK_VALUE_LIST ? value->as.list : &empty;
}

bool ink_document_number(const ink_value *value, double *out)
{
    if (!value || !ink_value_is_number(*value))
        return false;
    *out = value->kind == INK_VALUE_FLOAT     ? value->as.real
           : value->kind == INK_VALUE_INTEGER ? (double)value->as.integer
                                              : (double)value->as.boolean;
    return isfinite(*out) != 0;
}

ink_text ink_document_text(const ink_value *object, const char *names)
{
    const ink_value *value = ink_document_get(object, names);
    if (!value || !ink_value_is_string(*value))
        return (ink_text){NULL, 0};
    return (ink_text){value->as.text, value->n_bytes};
}

bool ink_document_is_text(const ink_value *object, const char *names, const char *text)
{
    const ink_value *value = ink_document_get(object, names);
    return value && ink_value_is_text(*value, text);
}

bool ink_document_flag(const ink_value *object, const char *names, bool fallback)
{
    const ink_value *value = ink_document_get(object, names);
    return value ? ink_value_truth(*value) : fallback;
}

ink_status ink_document_write(ink_buffer *out, ink_value value, const ink_json_style *style,
                              ink_error *error)
{
    ink_status status = ink_json_write(out, value, style, error);
    return out->failed ? ink_fail_memory(error, "a file of text") : status;
}
