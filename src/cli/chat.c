#include "cli/chat.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/file.h"
#include "base/size.h"
#include "cli/input.h"
#include "cli/setup.h"
#include "text/json.h"

#define MAX_CHAT_BYTES ((size_t)256 << 20)

void ink_chat_deinit(ink_chat *chat)
{
    ink_chat_truncate(chat, 0);
    ink_delete(NULL, chat->turns);
    chat->turns = NULL;
    chat->capacity = 0;
}

void ink_chat_truncate(ink_chat *chat, size_t n_turns)
{
    while (chat->n_turns > n_turns) {
        ink_turn *turn = &chat->turns[--chat->n_turns];
        ink_delete(NULL, turn->role);
        ink_delete(NULL, turn->content);
    }
}

ink_status ink_chat_add(ink_chat *chat, const char *role, const char *content, size_t n_bytes,
                        ink_error *error)
{
    if (chat->n_turns == chat->capacity) {
        size_t capacity = chat->capacity ? 2 * chat->capacity : 16;
        ink_turn *turns = ink_resize(NULL, chat->turns, capacity, sizeof *turns);
        if (!turns)
            return ink_fail_memory(error, "the conversation");
        chat->turns = turns;
        chat->capacity = capacity;
    }
    ink_turn turn = {.role = ink_copy_string(NULL, role, strlen(role)),
                     .content = ink_copy_string(NULL, content, n_bytes),
                     .content_bytes = n_bytes};
    if (!turn.role || !turn.content) {
        ink_delete(NULL, turn.role);
        ink_delete(NULL, turn.content);
        return ink_fail_memory(error, "the conversation");
    }
    chat->turns[chat->n_turns++] = turn;
    return INK_OK;
}

ink_status ink_chat_copy_turns(ink_chat *chat, const ink_chat *from, ink_error *error)
{
    ink_chat copy = {.n_turns = 0};
    for (size_t i = 0; i < from->n_turns; i++) {
        const ink_turn *turn = &from->turns[i];
        ink_status status =
            ink_chat_add(&copy, turn->role, turn->content, turn->content_bytes, error);
        if (status != INK_OK) {
            ink_chat_deinit(&copy);
            return status;
        }
    }
    chat->turns = copy.turns;
    chat->n_turns = copy.n_turns;
    chat->capacity = copy.capacity;
    return INK_OK;
}

/* ---- To JSON and back. */

static bool add_turn(ink_arena *arena, ink_value list, const ink_turn *turn)
{
    ink_value message;
    return ink_value_new_dict(arena, INK_VALUE_DICT, &message) &&
           ink_value_set_name(arena, message, "role",
                              ink_value_borrow(turn->role, strlen(turn->role))) &&
           ink_value_set_name(arena, message, "content",
                              ink_value_borrow(turn->content, turn->content_bytes)) &&
           ink_value_append(arena, list, message);
}

static bool list_turns(const ink_chat *chat, ink_arena *arena, ink_value *list)
{
    if (!ink_value_new_list(arena, INK_VALUE_LIST, chat->n_turns, list))
        return false;
    for (size_t i = 0; i < chat->n_turns; i++)
        if (!add_turn(arena, *list, &chat->turns[i]))
            return false;
    return true;
}

static ink_status write_variables(const ink_chat *chat, ink_buffer *out, ink_error *error)
{
    ink_arena arena;
    ink_value list, variables;
    ink_arena_init(&arena, NULL, MAX_CHAT_BYTES);
    bool made = list_turns(chat, &arena, &list) &&
                ink_value_new_dict(&arena, INK_VALUE_DICT, &variables) &&
                ink_value_set_name(&arena, variables, "messages", list);
    if (made && chat->thinking)
        made = ink_value_set_name(&arena, variables, "enable_thinking",
                                  ink_value_bool(strcmp(chat->thinking, "on") == 0));
    ink_value tools;
    ink_status status = INK_OK;
    if (made && chat->tools) {
        status =
            ink_value_from_json(&arena, chat->tools->data, chat->tools->n_bytes, &tools, error);
        made = status == INK_OK && ink_value_set_name(&arena, variables, "tools", tools);
    }
    if (status == INK_OK)
        status = made ? ink_json_write(out, variables, NULL, error)
                      : ink_fail_memory(error, "the conversation");
    ink_arena_deinit(&arena);
    return status;
}

static ink_status write_file(const char *path, const ink_buffer *text, ink_error *error)
{
    ink_file_writer *writer = NULL;
    INK_TRY(ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, NULL, error));
    ink_status status = ink_file_writer_write(writer, text->data, text->n_bytes, error);
    if (status == INK_OK)
        status = ink_file_writer_commit(writer, error);
    ink_file_writer_close(writer);
    return status;
}

ink_status ink_chat_save(const ink_chat *chat, const char *path, ink_error *error)
{
    static const ink_json_style style = {.item_separator = ",", .indent = "  "};
    ink_arena arena;
    ink_value list;
    ink_buffer text;
    ink_arena_init(&arena, NULL, MAX_CHAT_BYTES);
    ink_buffer_init(&text, NULL, MAX_CHAT_BYTES);
    ink_status status = list_turns(chat, &arena, &list)
                            ? ink_json_write(&text, list, &style, error)
                            : ink_fail_memory(error, "the conversation");
    if (status == INK_OK && !ink_buffer_text(&text, "\n"))
        status = ink_fail_memory(error, "the conversation");
    if (status == INK_OK)
        status = write_file(path, &text, error);
    ink_buffer_deinit(&text);
    ink_arena_deinit(&arena);
    return status;
}

/* One message of a file; content in parts is for templates, not for chats that people type. */
static ink_status load_turn(ink_chat *chat, ink_arena *arena, ink_value message, ink_error *error)
{
    const ink_value *role = NULL, *content = NULL;
    if (message.kind == INK_VALUE_DICT) {
        role = ink_value_find_name(message, "role");
        content = ink_value_find_name(message, "content");
    }
    if (!role || !content || !ink_value_is_string(*role) || !ink_value_is_string(*content))
        return ink_fail(error, INK_CORRUPT, 0,
                        "message %zu is not an object with the texts role and content",
                        chat->n_turns + 1);
    char *name = ink_arena_string(arena, role->as.text, role->n_bytes);
    if (!name)
        return ink_fail_memory(error, "the conversation");
    return ink_chat_add(chat, name, content->as.text, content->n_bytes, error);
}

static ink_status load_turns(ink_chat *chat, ink_arena *arena, const ink_buffer *text,
                             ink_error *error)
{
    ink_value list;
    INK_TRY(ink_value_from_json(arena, text->data, text->n_bytes, &list, error));
    if (list.kind != INK_VALUE_LIST)
        return ink_fail(error, INK_CORRUPT, 0, "a saved conversation is an array of messages");
    for (size_t i = 0; i < list.as.list->n_items; i++)
        INK_TRY(load_turn(chat, arena, list.as.list->items[i], error));
    return INK_OK;
}

ink_status ink_chat_load(ink_chat *chat, const char *path, ink_error *error)
{
    ink_arena arena;
    ink_buffer text;
    ink_chat loaded = {0};
    ink_arena_init(&arena, NULL, MAX_CHAT_BYTES);
    ink_status status = ink_input_read(path, &text, error);
    if (status == INK_OK)
        status = ink_input_blame(load_turns(&loaded, &arena, &text, error), path, error);
    if (status == INK_OK) {
        ink_chat old = *chat;
        chat->turns = loaded.turns;
        chat->n_turns = loaded.n_turns;
        chat->capacity = loaded.capacity;
        loaded = old;
    }
    ink_chat_deinit(&loaded);
    ink_buffer_deinit(&text);
    ink_arena_deinit(&arena);
    return status;
}

/* ---- Generating. */

typedef struct listener {
    const ink_generation *outer;
    ink_buffer text;
} listener;

static bool listen(void *context, const char *text, size_t n_bytes)
{
    listener *l = context;
    if (!ink_buffer_append(&l->text, text, n_bytes))
        return false;
    return !l->outer->write || l->outer->write(l->outer->context, text, n_bytes);
}

ink_status ink_chat_generate(ink_chat *chat, const ink_tokens *tokens,
                             const ink_generation *generation, ink_generated *result,
                             ink_error *error)
{
    size_t n, position, n_first;
    if (tokens->n_tokens == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the prompt is empty, and this vocabulary has no token that opens a text");
    /* one at least is left to evaluate */
    INK_TRY(
        ink_session_match(chat->session, tokens->ids, tokens->n_tokens - 1, &n, &position, error));
    chat->reads_again = n == 0 && ink_session_n_dropped(chat->session, &n_first) > 0;
    if (ink_session_rewind(chat->session, position, NULL) != INK_OK) {
        n = 0; /* a window or a state has left what is in common: all is read again */
        INK_TRY(ink_session_rewind(chat->session, 0, error));
    }
    return ink_generate(chat->session, tokens->ids + n, tokens->n_tokens - n, generation, result,
                        error);
}

/* Of a context, what a prompt may take so that an answer has room: three quarters, chosen. */
static size_t room_for_prompt(const ink_chat *chat, size_t max_tokens)
{
    size_t n_context = ink_session_n_context(chat->session), least = n_context / 4;
    return n_context - (max_tokens ? ink_size_min(max_tokens, least) : least);
}

/* n_most: tokens that have room, where the oldest turns are left out; 0: all are wanted. */
static ink_status render(const ink_chat *chat, size_t n_most, ink_tokens *tokens, size_t *n_dropped,
                         ink_error *error)
{
    ink_buffer variables;
    int64_t now = (int64_t)time(NULL);
    ink_buffer_init(&variables, NULL, MAX_CHAT_BYTES);
    ink_status status = write_variables(chat, &variables, error);
    if (status == INK_OK && n_most)
        status = ink_chat_tokenize_fitting(chat->model, variables.data, variables.n_bytes, now,
                                           n_most, tokens, n_dropped, error);
    else if (status == INK_OK)
        status =
            ink_chat_tokenize(chat->model, variables.data, variables.n_bytes, now, tokens, error);
    ink_buffer_deinit(&variables);
    return status;
}

ink_status ink_chat_thinking(const ink_chat *chat, ink_thinking *out, ink_error *error)
{
    ink_buffer variables;
    ink_buffer_init(&variables, NULL, MAX_CHAT_BYTES);
    ink_status status = write_variables(chat, &variables, error);
    if (status == INK_OK)
        status = ink_chat_get_thinking(chat->model, variables.data, variables.n_bytes, out, error);
    ink_buffer_deinit(&variables);
    return status;
}

/*
 * How many tokens the system's message takes, with what stands around it: as many as the prompt has
 * in common with that of another conversation under it.
 */
static ink_status count_system(const ink_chat *chat, const ink_tokens *prompt, size_t *n,
                               ink_error *error)
{
    static char role[] = "user", content[] = "?";
    ink_turn turns[2];
    ink_tokens tokens = {0};
    *n = 0;
    if (chat->n_turns == 0 || strcmp(chat->turns[0].role, "system") != 0)
        return INK_OK;
    turns[0] = chat->turns[0];
    turns[1] = (ink_turn){role, content, 1};
    ink_chat other = *chat;
    other.turns = turns;
    other.n_turns = 2;
    ink_status status = render(&other, 0, &tokens, NULL, error);
    while (status == INK_OK && *n < tokens.n_tokens && *n < prompt->n_tokens &&
           tokens.ids[*n] == prompt->ids[*n])
        ++*n;
    ink_tokens_free(&tokens);
    return status;
}

ink_status ink_chat_answer(ink_chat *chat, const ink_generation *generation, ink_generated *result,
                           ink_error *error)
{
    ink_tokens tokens = {0};
    listener l = {.outer = generation};
    ink_generation inner = *generation;
    inner.write = listen;
    inner.context = &l;
    ink_buffer_init(&l.text, NULL, MAX_CHAT_BYTES);
    chat->n_dropped = 0;
    ink_status status =
        render(chat, chat->drops_turns ? room_for_prompt(chat, generation->max_tokens) : 0, &tokens,
               &chat->n_dropped, error);
    if (status == INK_OK && generation->overflow != INK_OVERFLOW_ERROR)
        status = count_system(chat, &tokens, &inner.n_keep, error);
    if (status == INK_OK)
        status = ink_chat_generate(chat, &tokens, &inner, result, error);
    if (status == INK_OK && l.text.failed)
        status =
            ink_fail(error, INK_LIMIT, 0, "the answer is too long to be kept, or memory is out");
    if (status == INK_OK && l.text.n_bytes)
        status = ink_chat_add(chat, "assistant", l.text.data, l.text.n_bytes, error);
    ink_buffer_deinit(&l.text);
    ink_tokens_free(&tokens);
    return status;
}

ink_status ink_chat_continue(ink_chat *chat, const char *text, size_t n_bytes, bool parse_special,
                             const ink_generation *generation, ink_generated *result,
                             ink_error *error)
{
    ink_tokens tokens = {0};
    unsigned special = INK_SPECIAL_OPEN | (parse_special ? INK_SPECIAL_PARSE : INK_SPECIAL_NONE);
    ink_status status = ink_tokenize(chat->model, text, n_bytes, special, &tokens, error);
    if (status == INK_OK)
        status = ink_chat_generate(chat, &tokens, generation, result, error);
    ink_tokens_free(&tokens);
    return status;
}
