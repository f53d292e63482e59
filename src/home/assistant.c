#include "home/assistant.h"

enum { MAX_PROMPT = 2048, MAX_GRAMMAR = 65536, MAX_ANSWER = 512 };

struct ink_assistant {
    const ink_allocator *allocator;
    const ink_model *model;
    const ink_home *home;
    ink_session *session;
    ink_tokens tokens;
    ink_buffer prompt, grammar, answer;
};

ink_status ink_assistant_new(ink_assistant **out, const ink_model *model, const ink_home *home,
                             const ink_allocator *allocator, ink_error *error)
{
    const ink_session_options options = {.cache = "f32", .n_threads = 1};
    ink_assistant *a = ink_new(allocator, 1, sizeof *a);
    if (!a)
        return ink_fail_memory(error, "an assistant");
    a->allocator = allocator;
    a->model = model;
    a->home = home;
    a->tokens.allocator = allocator;
    ink_buffer_init(&a->prompt, allocator, MAX_PROMPT);
    ink_buffer_init(&a->grammar, allocator, MAX_GRAMMAR);
    ink_buffer_init(&a->answer, allocator, MAX_ANSWER);
    ink_status status = ink_session_new(&a->session, model, &options, error);
    if (status != INK_OK) {
        ink_assistant_free(a);
        return status;
    }
    *out = a;
    return INK_OK;
}

void ink_assistant_free(ink_assistant *a)
{
    if (!a)
        return;
    ink_session_free(a->session);
    ink_tokens_free(&a->tokens);
    ink_buffer_deinit(&a->prompt);
    ink_buffer_deinit(&a->grammar);
    ink_buffer_deinit(&a->answer);
    ink_delete(a->allocator, a);
}

void ink_assistant_enter(ink_assistant *a, const ink_home *home)
{
    a->home = home;
}

static bool take(void *context, const char *text, size_t n_bytes)
{
    return ink_buffer_append(context, text, n_bytes);
}

static ink_status generate(ink_assistant *a, ink_constraint *constraint, ink_error *error)
{
    ink_generation generation;
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.constraint = constraint;
    generation.write = take;
    generation.context = &a->answer;
    INK_TRY(ink_session_rewind(a->session, 0, error));
    INK_TRY(ink_tokenize(a->model, a->prompt.data, a->prompt.n_bytes, INK_SPECIAL_OPEN, &a->tokens,
                         error));
    return ink_generate(a->session, a->tokens.ids, a->tokens.n_tokens, &generation, NULL, error);
}

static void reset(ink_buffer *buffer)
{
    buffer->n_bytes = 0;
    buffer->failed = false;
    ink_buffer_text(buffer, ""); /* terminated, even when nothing comes */
}

ink_status ink_assistant_ask(ink_assistant *a, const char *sentence, size_t n_bytes,
                             uint32_t spoken_in, ink_reply *reply, ink_error *error)
{
    ink_request request;
    ink_constraint *constraint;
    reset(&a->prompt);
    reset(&a->grammar);
    reset(&a->answer);
    INK_TRY(ink_request_read(&request, a->home, sentence, n_bytes, spoken_in, error));
    ink_request_prompt(&request, &a->prompt);
    ink_request_grammar(&request, &a->grammar);
    if (a->prompt.failed || a->grammar.failed || a->answer.failed)
        return ink_fail_memory(error, "a prompt");
    const ink_constraint_source source = {
        .kind = INK_CONSTRAINT_GRAMMAR, .text = a->grammar.data, .n_bytes = a->grammar.n_bytes};
    INK_TRY(ink_constraint_new(&constraint, a->model, &source, error));
    ink_status status = generate(a, constraint, error);
    ink_constraint_free(constraint);
    if (status == INK_OK && a->answer.failed)
        status = ink_fail_memory(error, "an answer");
    return status == INK_OK ? ink_reply_read(reply, &request, a->answer.data, error) : status;
}
