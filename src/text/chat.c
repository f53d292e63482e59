/* Options first, then what the caller's JSON says, which goes before them. */
#include "text/chat.h"

#include <string.h>
#include "base/status.h"
#include "text/json.h"

static ink_status no_memory(ink_error *error)
{
    return ink_fail_memory(error, "the variables of a chat template");
}

/* Letters, digits, '_' and '-': nothing that opens or closes a control token. */
static bool is_word(ink_value text)
{
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = text.as.text[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z', digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '_' && c != '-')
            return false;
    }
    return true;
}

static ink_value role_value(ink_value role)
{
    role.origin = is_word(role) ? INK_ORIGIN_TEMPLATE : INK_ORIGIN_DATA;
    return role;
}

static bool set_token(ink_arena *arena, ink_value dict, const char *key, const char *text)
{
    text = text ? text : "";
    return ink_value_set_name(arena, dict, key, ink_value_literal(text, strlen(text)));
}

/* Everything but the messages. */
static bool set_options(ink_arena *arena, const ink_chat_options *options, ink_value dict)
{
    if (!set_token(arena, dict, "bos_token", options->bos_token) ||
        !set_token(arena, dict, "eos_token", options->eos_token) ||
        !ink_value_set_name(arena, dict, "add_generation_prompt",
                            ink_value_bool(options->add_generation_prompt)))
        return false;
    if (options->sets_thinking && !ink_value_set_name(arena, dict, "enable_thinking",
                                                      ink_value_bool(options->enable_thinking)))
        return false;
    return options->tools.kind == INK_VALUE_UNDEFINED ||
           ink_value_set_name(arena, dict, "tools", options->tools);
}

static bool new_message(ink_arena *arena, const ink_chat_message *message, ink_value *out)
{
    ink_value content = ink_value_borrow(message->content, message->content_bytes);
    ink_value role = ink_value_borrow(message->role, strlen(message->role));
    return ink_value_new_dict(arena, INK_VALUE_DICT, out) &&
           ink_value_set_name(arena, *out, "role", role_value(role)) &&
           ink_value_set_name(arena, *out, "content", content);
}

ink_status ink_chat_variables(ink_arena *arena, const ink_chat_message *messages, size_t n_messages,
                              const ink_chat_options *options, ink_value *out, ink_error *error)
{
    ink_value list, dict, message;
    if (!ink_value_new_list(arena, INK_VALUE_LIST, n_messages, &list) ||
        !ink_value_new_dict(arena, INK_VALUE_DICT, &dict))
        return no_memory(error);
    for (size_t i = 0; i < n_messages; i++)
        if (!new_message(arena, &messages[i], &message) || !ink_value_append(arena, list, message))
            return no_memory(error);
    if (!ink_value_set_name(arena, dict, "messages", list) || !set_options(arena, options, dict))
        return no_memory(error);
    *out = dict;
    return INK_OK;
}

/* And whose words their roles are. */
static ink_status check_messages(ink_value messages, ink_error *error)
{
    if (messages.kind != INK_VALUE_LIST)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the messages of a chat are an array of objects");
    if (messages.as.list->n_items == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the array of messages is empty");
    for (size_t i = 0; i < messages.as.list->n_items; i++) {
        ink_value message = messages.as.list->items[i];
        ink_value *role =
            message.kind == INK_VALUE_DICT ? ink_value_find_name(message, "role") : NULL;
        if (!role || !ink_value_is_string(*role))
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "message %zu of a chat is not an object with a \"role\"", i + 1);
        *role = role_value(*role);
    }
    return INK_OK;
}

static bool names_token(ink_value name)
{
    static const char end[] = "_token";
    size_t n = sizeof end - 1;
    return name.n_bytes > n && memcmp(name.as.text + name.n_bytes - n, end, n) == 0;
}

/* The object's variables over the options'. */
static bool set_all(ink_arena *arena, const ink_value_dict *from, ink_value dict)
{
    for (uint32_t i = 0; i < from->n_entries; i++) {
        ink_value key = from->entries[i].key, item = from->entries[i].item;
        if (ink_value_is_string(item) && names_token(key))
            item.origin = INK_ORIGIN_TEMPLATE;
        if (!ink_value_set(arena, dict, key, item))
            return false;
    }
    return true;
}

ink_status ink_chat_variables_from_json(ink_arena *arena, const char *text, size_t n_bytes,
                                        const ink_chat_options *options, ink_value *out,
                                        ink_error *error)
{
    ink_value read, dict;
    INK_TRY(ink_value_from_json(arena, text, n_bytes, &read, error));
    if (!ink_value_new_dict(arena, INK_VALUE_DICT, &dict) || !set_options(arena, options, dict))
        return no_memory(error);
    bool fits = read.kind == INK_VALUE_DICT ? set_all(arena, read.as.dict, dict)
                                            : ink_value_set_name(arena, dict, "messages", read);
    if (!fits)
        return no_memory(error);
    const ink_value *messages = ink_value_find_name(dict, "messages");
    INK_TRY(check_messages(messages ? *messages : ink_value_none(), error));
    *out = dict;
    return INK_OK;
}
