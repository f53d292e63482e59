/* The public text functions: a model's vocabulary and chat template behind plain results. */
#include <string.h>

#include "model/model.h"
#include "runtime/session.h"
#include "text/chat.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

#define MAX_TOKENS ((size_t)1 << 28)
#define MAX_TEXT_BYTES ((size_t)1 << 30)
#define MAX_VARIABLES_BYTES ((size_t)256 << 20) /* of a conversation, read from JSON */

void ink_tokens_free(ink_tokens *tokens)
{
    ink_delete(tokens->allocator, tokens->ids);
    *tokens = (ink_tokens){0};
}

void ink_string_free(ink_string *string)
{
    ink_delete(string->allocator, string->data);
    *string = (ink_string){0};
}

static ink_status need_vocabulary(const ink_model *model, ink_error *error)
{
    if (model->vocab)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s has no vocabulary (tokenizer.ggml.model)",
                    ink_gguf_name(model->gguf));
}

static ink_status check_special(unsigned special, unsigned known, ink_error *error)
{
    if ((special & ~known) == 0)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "special is %u: unknown bits %u", special,
                    special & ~known);
}

static ink_status encode(const ink_model *model, ink_text text, ink_encode_options options,
                         ink_tokens *out, ink_error *error)
{
    ink_token_list list;
    ink_token_list_init(&list, model->allocator, MAX_TOKENS);
    ink_status status = ink_vocab_encode(model->vocab, text, options, &list, error);
    if (status != INK_OK) {
        ink_token_list_deinit(&list);
        return status;
    }
    ink_tokens_free(out);
    *out = (ink_tokens){list.ids, list.n_tokens, list.capacity, model->allocator};
    return INK_OK;
}

ink_status ink_tokenize(const ink_model *model, const char *text, size_t n_bytes, unsigned special,
                        ink_tokens *out, ink_error *error)
{
    ink_encode_options options = {.add_special = special & INK_SPECIAL_ADD,
                                  .open_prompt = special & INK_SPECIAL_OPEN,
                                  .parse_special = special & INK_SPECIAL_PARSE};
    const unsigned known = INK_SPECIAL_ADD | INK_SPECIAL_OPEN | INK_SPECIAL_PARSE;
    INK_TRY(check_special(special, known, error));
    INK_TRY(need_vocabulary(model, error));
    return encode(model, (ink_text){text, n_bytes}, options, out, error);
}

/* The buffer's bytes become the string's. */
static void give_string(ink_buffer *buffer, ink_string *out)
{
    ink_string_free(out);
    *out = (ink_string){buffer->data, buffer->n_bytes, buffer->allocator};
}

ink_status ink_detokenize(const ink_model *model, const int32_t *tokens, size_t n_tokens,
                          unsigned special, ink_string *out, ink_error *error)
{
    ink_buffer buffer;
    ink_decode_options options = {.render_special = special & INK_SPECIAL_PARSE};
    INK_TRY(check_special(special, INK_SPECIAL_PARSE, error));
    INK_TRY(need_vocabulary(model, error));
    ink_buffer_init(&buffer, model->allocator, MAX_TEXT_BYTES);
    ink_status status = ink_vocab_decode(model->vocab, tokens, n_tokens, options, &buffer, error);
    if (status == INK_OK && !ink_buffer_append(&buffer, "", 0))
        status = ink_fail_memory(error, "text");
    if (status != INK_OK) {
        ink_buffer_deinit(&buffer);
        return status;
    }
    give_string(&buffer, out);
    return INK_OK;
}

bool ink_is_end_token(const ink_model *model, int32_t token)
{
    return model->vocab && ink_vocab_is_end(model->vocab, token);
}

/* A special token's text for a template; terminated, from the arena. NULL: the model has none. */
static ink_status role_text(const ink_model *model, ink_token_role role, ink_arena *arena,
                            const char **out, ink_error *error)
{
    int32_t token = ink_vocab_role(model->vocab, role);
    *out = NULL;
    if (token < 0)
        return INK_OK;
    ink_text text = ink_vocab_token_text(model->vocab, token);
    *out = ink_arena_string(arena, text.data, text.n_bytes);
    return *out ? INK_OK : ink_fail_memory(error, "a special token's text");
}

/* What is rendered: the conversation, without some of its oldest turns. */
typedef struct conversation {
    ink_text variables; /* JSON */
    size_t n_turns;     /* to leave out */
    size_t n_dropped;   /* messages that this came to */
    bool last;          /* as many are left out as can be */
} conversation;

static bool begins_turn(ink_value message)
{
    const ink_value *role =
        message.kind == INK_VALUE_DICT ? ink_value_find_name(message, "role") : NULL;
    return role && ink_value_is_string(*role) && role->n_bytes == 4 &&
           memcmp(role->as.text, "user", 4) == 0;
}

static size_t next_turn(const ink_value_list *messages, size_t at)
{
    while (at < messages->n_items && !begins_turn(messages->items[at]))
        at++;
    return at;
}

/* Messages [first, *n_dropped + first) go, in place. */
static void drop_turns(conversation *of, ink_value values)
{
    const ink_value *found = ink_value_find_name(values, "messages");
    if (of->n_turns == 0 || !found || found->kind != INK_VALUE_LIST)
        return;
    ink_value_list *list = found->as.list;
    size_t first = next_turn(list, 0), at = first;
    for (size_t i = 0; i < of->n_turns; i++) {
        size_t next = next_turn(list, at + 1);
        if (next >= list->n_items)
            break;
        at = next;
    }
    of->last = next_turn(list, at + 1) >= list->n_items;
    if (at >= list->n_items)
        return;
    memmove(list->items + first, list->items + at, (list->n_items - at) * sizeof *list->items);
    of->n_dropped = at - first;
    list->n_items -= of->n_dropped;
}

static ink_status render_in(ink_arena *arena, const ink_model *model, conversation *of,
                            const ink_template_options *how, ink_buffer *out, ink_error *error)
{
    ink_value values;
    ink_chat_options options = {.add_generation_prompt = true};
    INK_TRY(role_text(model, INK_ROLE_BOS, arena, &options.bos_token, error));
    INK_TRY(role_text(model, INK_ROLE_EOS, arena, &options.eos_token, error));
    INK_TRY(ink_chat_variables_from_json(arena, of->variables.data, of->variables.n_bytes, &options,
                                         &values, error));
    drop_turns(of, values);
    INK_TRY(ink_template_render(model->chat, values, how, out, error));
    return ink_buffer_append(out, "", 0) ? INK_OK : ink_fail_memory(error, "text");
}

/* `origins` may be NULL; both buffers are as far as they came when it fails. */
static ink_status render(const ink_model *model, conversation *of, int64_t now, ink_buffer *out,
                         ink_buffer *origins, ink_error *error)
{
    ink_arena arena;
    INK_TRY(need_vocabulary(model, error));
    if (!model->chat)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s has no chat template",
                        ink_gguf_name(model->gguf));
    ink_arena_init(&arena, model->allocator, MAX_VARIABLES_BYTES);
    ink_template_options how = {.unix_seconds = now, .origins = origins};
    ink_status status = render_in(&arena, model, of, &how, out, error);
    ink_arena_deinit(&arena);
    return status;
}

ink_status ink_chat_render(const ink_model *model, const char *variables, size_t n_bytes,
                           int64_t now, ink_string *out, ink_error *error)
{
    ink_buffer text;
    ink_buffer_init(&text, model->allocator, MAX_TEXT_BYTES);
    conversation whole = {.variables = {variables, n_bytes}};
    ink_status status = render(model, &whole, now, &text, NULL, error);
    if (status == INK_OK)
        give_string(&text, out);
    else
        ink_buffer_deinit(&text);
    return status;
}

static ink_status tokenize_chat(const ink_model *model, conversation *of, int64_t now,
                                ink_tokens *out, ink_error *error)
{
    ink_buffer text, origins;
    ink_buffer_init(&text, model->allocator, MAX_TEXT_BYTES);
    ink_buffer_init(&origins, model->allocator, MAX_TEXT_BYTES);
    ink_status status = render(model, of, now, &text, &origins, error);
    ink_encode_options options = {
        .open_prompt = true, .parse_special = true, .origins = origins.data};
    if (status == INK_OK)
        status = encode(model, (ink_text){text.data, text.n_bytes}, options, out, error);
    ink_buffer_deinit(&origins);
    ink_buffer_deinit(&text);
    return status;
}

ink_status ink_chat_tokenize(const ink_model *model, const char *variables, size_t n_bytes,
                             int64_t now, ink_tokens *out, ink_error *error)
{
    conversation whole = {.variables = {variables, n_bytes}};
    return tokenize_chat(model, &whole, now, out, error);
}

ink_status ink_chat_tokenize_fitting(const ink_model *model, const char *variables, size_t n_bytes,
                                     int64_t now, size_t n_most, ink_tokens *out, size_t *n_dropped,
                                     ink_error *error)
{
    conversation of = {.variables = {variables, n_bytes}};
    ink_tokens tokens = {0};
    for (;; of.n_turns++) {
        ink_status status = tokenize_chat(model, &of, now, &tokens, error);
        if (status != INK_OK) {
            ink_tokens_free(&tokens);
            return status;
        }
        if (tokens.n_tokens <= n_most) {
            ink_tokens_free(out);
            *out = tokens;
            *n_dropped = of.n_dropped;
            return INK_OK;
        }
        if (of.last) {
            size_t n = tokens.n_tokens;
            ink_tokens_free(&tokens);
            return ink_fail(error, INK_LIMIT, 0,
                            "%zu tokens do not fit, where %zu have room: what stands before the "
                            "first turn, and the last one, are not left out",
                            n, n_most);
        }
    }
}

static bool ends_with(ink_text text, const char *end)
{
    size_t n = strlen(end);
    return text.n_bytes >= n && memcmp(text.data + text.n_bytes - n, end, n) == 0;
}

ink_status ink_chat_get_thinking(const ink_model *model, const char *variables, size_t n_bytes,
                                 ink_thinking *out, ink_error *error)
{
    ink_buffer text;
    ink_gguf_string chat = {NULL, 0};
    INK_TRY(ink_gguf_get_string(model->gguf, "tokenizer.chat_template", &chat, error));
    ink_buffer_init(&text, model->allocator, MAX_TEXT_BYTES);
    conversation whole = {.variables = {variables, n_bytes}};
    ink_status status = render(model, &whole, 0, &text, NULL, error);
    ink_text prompt = {text.data, text.n_bytes};
    while (status == INK_OK && prompt.n_bytes && strchr(" \n", prompt.data[prompt.n_bytes - 1]))
        prompt.n_bytes--;
    if (status == INK_OK)
        *out = ends_with(prompt, "<think>") ? INK_THINKING_OPEN
               : strstr(chat.text, "<think>") && !ends_with(prompt, "</think>")
                   ? INK_THINKING_ALLOWED
                   : INK_THINKING_NONE;
    ink_buffer_deinit(&text);
    return status;
}
