/* Tools for a model: the public way to them. */
#include "text/tools.h"

#include <string.h>
#include "base/status.h"
#include "model/model.h"
#include "text/constraint/constraint.h"
#include "text/constraint/tool_grammar.h"
#include "text/json.h"

#define MAX_ARENA_BYTES ((size_t)64 << 20)

static ink_text chat_template(const ink_model *model)
{
    ink_gguf_string chat = {NULL, 0};
    if (model && model->chat)
        (void)ink_gguf_get_string(model->gguf, "tokenizer.chat_template", &chat, NULL);
    return chat.text ? (ink_text){chat.text, chat.n_bytes} : (ink_text){"", 0};
}

/* Nobody is left to think that the model has learned to write calls like this. */
static void warn_of_other_forms(const ink_tools *tools, ink_text chat)
{
    static const char *const forms[] = {"<function=", "<arg_key>"}; /* which no row has */
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strstr(chat.data, forms[i]))
            ink_warn(&tools->model->log,
                     "%s: its template writes calls by %s..., which is not known; they will be %s",
                     ink_gguf_name(tools->model->gguf), forms[i], tools->format->name);
}

static ink_status choose_format(ink_tools *tools, const char *name, ink_error *error)
{
    char names[160];
    ink_text chat = chat_template(tools->model);
    tools->in_template = strstr(chat.data, "tools") != NULL;
    tools->format = name ? ink_tool_format_find(name) : ink_tool_format_of(chat);
    if (!name && !tools->format)
        tools->format = ink_tool_format_find("json");
    if (!name)
        warn_of_other_forms(tools, chat);
    if (tools->format)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no format \"%.40s\" of calls; use %s",
                    name, ink_tool_format_names(names));
}

static ink_status choose_tool(ink_tools *tools, const ink_tools_options *options, ink_error *error)
{
    tools->choice = options->choice;
    tools->single = options->single;
    if ((unsigned)tools->choice > INK_TOOL_NAMED ||
        (tools->choice == INK_TOOL_NAMED) != !!options->name)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a tool's name goes with INK_TOOL_NAMED, and only with it");
    for (size_t i = 0; options->name && i < tools->n; i++)
        if (ink_value_is_text(tools->all[i].name, options->name))
            tools->named = &tools->all[i];
    if (options->name && !tools->named)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no tool \"%.64s\"", options->name);
    return INK_OK;
}

ink_status ink_tools_new(ink_tools **out, const ink_model *model, const char *json, size_t n_bytes,
                         const ink_tools_options *options, ink_error *error)
{
    const ink_tools_options defaults = {0};
    const ink_allocator *allocator = model ? model->allocator : NULL;
    options = options ? options : &defaults;
    ink_tools *tools = ink_new(allocator, 1, sizeof *tools);
    if (!tools)
        return ink_fail_memory(error, "tools");
    tools->allocator = allocator;
    tools->model = model;
    tools->vocab = model ? model->vocab : NULL;
    ink_arena_init(&tools->arena, allocator, MAX_ARENA_BYTES);
    ink_status status = ink_tools_read(tools, json, n_bytes, error);
    if (status == INK_OK)
        status = choose_format(tools, options->format, error);
    if (status == INK_OK)
        status = choose_tool(tools, options, error);
    if (status == INK_OK)
        *out = tools;
    else
        ink_tools_free(tools);
    return status;
}

void ink_tools_free(ink_tools *tools)
{
    if (!tools)
        return;
    ink_arena_deinit(&tools->arena);
    ink_delete(tools->allocator, tools);
}

const char *ink_tools_format(const ink_tools *tools)
{
    return tools->format->name;
}

bool ink_tools_in_template(const ink_tools *tools)
{
    return tools->in_template;
}

/* What a call looks like, with NAME and ARGUMENTS in it. */
static bool show_call(ink_buffer *out, const ink_tool_format *f)
{
    const char *arguments = f->quote ? "{KEY:VALUE}" : "{\"KEY\": VALUE}";
    return ink_buffer_format(out, "%s%sNAME%s%s%s%s", f->begin, f->open, f->middle, arguments,
                             f->close, f->end);
}

ink_status ink_tools_describe(const ink_tools *tools, ink_string *out, ink_error *error)
{
    ink_buffer text;
    ink_buffer_init(&text, tools->allocator, 4 * INK_TOOLS_MAX_BYTES);
    bool made = ink_buffer_text(&text, "You may call these functions:\n");
    ink_status status =
        made ? ink_json_write(&text, tools->list, NULL, error) : ink_fail_memory(error, "tools");
    if (status == INK_OK && !(ink_buffer_text(&text, "\nTo call one, answer with nothing but\n") &&
                              show_call(&text, tools->format) && ink_buffer_text(&text, "\n\n")))
        status = ink_fail_memory(error, "tools");
    if (status != INK_OK) {
        ink_buffer_deinit(&text);
        return status;
    }
    ink_string_free(out);
    *out = (ink_string){text.data, text.n_bytes, text.allocator};
    return INK_OK;
}

ink_status ink_tools_constrain(ink_constraint **out, const ink_tools *tools, ink_thinking thinking,
                               ink_error *error)
{
    const ink_token_trie *trie = NULL;
    if (tools->vocab)
        INK_TRY(ink_vocab_trie(tools->vocab, &trie, error));
    const ink_constraint_source source = {.thinking = thinking};
    return ink_constraint_make(out, &source, tools, trie, tools->allocator, error);
}
