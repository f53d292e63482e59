#include "learn/record.h"

#include <string.h>
#include "base/status.h"

#define MAX_LINE_MEMORY ((size_t)256 << 20)

void ink_record_reader_init(ink_record_reader *reader, const char *file, ink_text text,
                            const ink_allocator *allocator)
{
    *reader = (ink_record_reader){
        .file = file, .begin = text.data, .at = text.data, .end = text.data + text.n_bytes};
    ink_arena_init(&reader->arena, allocator, MAX_LINE_MEMORY);
}

void ink_record_reader_deinit(ink_record_reader *reader)
{
    ink_arena_deinit(&reader->arena);
}

ink_status ink_record_fail(const ink_record_reader *reader, ink_status status,
                           const ink_error *inner, ink_error *error)
{
    return ink_fail(error, status, inner->offset, "%s, line %zu: %s", reader->file, reader->line,
                    inner->message);
}

/* NULL where it is absent or null. */
static const ink_value *find(ink_value object, const char *key)
{
    const ink_value *value = ink_value_find_name(object, key);
    return value && value->kind != INK_VALUE_NONE ? value : NULL;
}

static ink_status get_text(ink_value object, const char *key, ink_text *out, ink_error *error)
{
    const ink_value *value = find(object, key);
    if (!value || !ink_value_is_string(*value))
        return ink_fail(error, INK_CORRUPT, 0, "\"%s\" must be a string, but is %s%s", key,
                        value ? "a " : "absent", value ? ink_value_kind_name(value->kind) : "");
    *out = (ink_text){value->as.text, value->n_bytes};
    return INK_OK;
}

static ink_status get_messages(ink_value object, ink_value *out, ink_error *error)
{
    ink_value messages = *find(object, "messages");
    if (messages.kind != INK_VALUE_LIST || messages.as.list->n_items == 0)
        return ink_fail(error, INK_CORRUPT, 0,
                        "\"messages\" must be an array of at least one object");
    for (size_t i = 0; i < messages.as.list->n_items; i++) {
        ink_value message = messages.as.list->items[i];
        const ink_value *role = message.kind == INK_VALUE_DICT ? find(message, "role") : NULL;
        if (!role || !ink_value_is_string(*role))
            return ink_fail(error, INK_CORRUPT, 0, "message %zu is not an object with a \"role\"",
                            i + 1);
    }
    *out = messages;
    return INK_OK;
}

static ink_status classify(ink_record *record, ink_error *error)
{
    ink_value object = record->object;
    if (object.kind != INK_VALUE_DICT)
        return ink_fail(error, INK_CORRUPT, 0, "must be a JSON object, but is a %s",
                        ink_value_kind_name(object.kind));
    bool text = find(object, "text"), messages = find(object, "messages");
    bool completion = find(object, "prompt") || find(object, "completion");
    if (text + messages + completion != 1)
        return ink_fail(error, INK_CORRUPT, 0,
                        "must have one of \"text\", \"prompt\" with \"completion\", \"messages\", "
                        "but has %s",
                        text + messages + completion > 0 ? "several" : "none of them");
    if (text) {
        record->kind = INK_RECORD_TEXT;
        return get_text(object, "text", &record->text, error);
    }
    if (messages) {
        record->kind = INK_RECORD_CONVERSATION;
        return get_messages(object, &record->messages, error);
    }
    record->kind = INK_RECORD_COMPLETION;
    INK_TRY(get_text(object, "prompt", &record->text, error));
    return get_text(object, "completion", &record->completion, error);
}

static bool is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

ink_status ink_record_next(ink_record_reader *reader, ink_record *record, bool *found,
                           ink_error *error)
{
    ink_error inner = {0};
    *found = false;
    while (reader->at < reader->end) {
        const char *line = reader->at;
        const char *stop = memchr(line, '\n', (size_t)(reader->end - line));
        size_t n = (size_t)((stop ? stop : reader->end) - line);
        reader->at = stop ? stop + 1 : reader->end;
        reader->line++;
        if (is_blank(line, n))
            continue;
        *record = (ink_record){.kind = INK_RECORD_TEXT};
        ink_arena_reset(&reader->arena);
        ink_status status = ink_value_from_json(&reader->arena, line, n, &record->object, &inner);
        if (status == INK_OK)
            status = classify(record, &inner);
        inner.offset += (uint64_t)(line - reader->begin);
        *found = status == INK_OK;
        return status == INK_OK ? INK_OK : ink_record_fail(reader, status, &inner, error);
    }
    return INK_OK;
}

ink_status ink_record_visit(const ink_record *record,
                            ink_status (*visit)(void *context, ink_text text, ink_error *error),
                            void *context, ink_error *error)
{
    if (record->kind != INK_RECORD_CONVERSATION) {
        INK_TRY(visit(context, record->text, error));
        return record->kind == INK_RECORD_COMPLETION ? visit(context, record->completion, error)
                                                     : INK_OK;
    }
    const ink_value_list *messages = record->messages.as.list;
    for (size_t i = 0; i < messages->n_items; i++) {
        const ink_value *content = find(messages->items[i], "content");
        if (content && ink_value_is_string(*content))
            INK_TRY(visit(context, (ink_text){content->as.text, content->n_bytes}, error));
    }
    return INK_OK;
}
