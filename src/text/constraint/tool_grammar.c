#include "text/constraint/tool_grammar.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "text/constraint/answer_parts.h"
#include "text/constraint/schema.h"

typedef struct builder {
    ink_grammar *grammar;
    const struct ink_tools *tools;
    ink_error *error;
} builder;

static ink_expr marked(const builder *b, const char *text)
{
    return ink_marked_expr(b->grammar, b->tools->vocab, text);
}

static ink_status blame(const builder *b, const ink_tool *tool, ink_status status)
{
    ink_error why;
    if (status == INK_OK || !b->error)
        return status;
    why = *b->error;
    return ink_fail(b->error, status, why.offset, "tool \"%.*s\": %.400s", (int)tool->name.n_bytes,
                    tool->name.as.text, why.message);
}

/* open NAME middle ARGUMENTS close */
static ink_status write_call(const builder *b, const ink_tool *tool, ink_expr *out)
{
    const ink_tool_format *format = b->tools->format;
    ink_grammar *g = b->grammar;
    ink_expr arguments;
    ink_status status =
        format->quote ? ink_tool_bare_arguments(g, b->tools->vocab, tool->parameters, format->quote,
                                                &arguments, b->error)
                      : ink_schema_grow(g, tool->parameters, INK_JSON_PLAIN, &arguments, b->error);
    INK_TRY(blame(b, tool, status));
    ink_expr call = ink_expr_seq(g, arguments, marked(b, format->close));
    call = ink_expr_seq(g, marked(b, format->middle), call);
    call = ink_expr_seq(g, ink_expr_text(g, tool->name.as.text, tool->name.n_bytes), call);
    *out = ink_expr_seq(g, marked(b, format->open), call);
    return INK_OK;
}

static ink_status write_calls(const builder *b, ink_expr *out)
{
    const struct ink_tools *tools = b->tools;
    const ink_tool_format *format = tools->format;
    ink_grammar *g = b->grammar;
    bool named = tools->choice == INK_TOOL_NAMED, several = format->several && !tools->single;
    ink_expr any = INK_EXPR_FAIL, call;
    for (size_t i = 0; i < tools->n; i++) {
        if (named && tools->named != &tools->all[i])
            continue;
        INK_TRY(write_call(b, &tools->all[i], &call));
        any = ink_expr_alt(g, any, call);
    }
    ink_expr more = ink_expr_seq(g, marked(b, format->between), any);
    ink_expr all = marked(b, format->end);
    if (several && !named)
        all = ink_expr_seq(g, ink_expr_repeat(g, more, 0, INK_TOOL_CALLS_MAX - 1), all);
    *out = ink_expr_seq(g, marked(b, format->begin), ink_expr_seq(g, any, all));
    return INK_OK;
}

/* What is no call, without the marker or not begun as calls are; and no thoughts, if allowed. */
static ink_expr plain_text(const builder *b)
{
    const ink_tool_format *format = b->tools->format;
    ink_grammar *g = b->grammar;
    ink_expr text = *format->marker
                        ? ink_text_without(g, &format->marker, 1)
                        : ink_text_not_begun_by(g, *format->begin ? *format->begin : *format->open);
    if (g->prefix == INK_EXPR_NONE)
        return text;
    ink_expr thought =
        ink_expr_seq(g, ink_expr_literal(g, "<think>"), ink_text_without(g, NULL, 0));
    return ink_expr_and(g, text, ink_expr_not(g, thought));
}

static const char *no_name(void *context, uint32_t rule)
{
    (void)context;
    (void)rule;
    return "the schema of a tool";
}

ink_status ink_tool_grammar(ink_grammar *grammar, const struct ink_tools *tools, ink_expr *root,
                            ink_error *error)
{
    const builder b = {grammar, tools, error};
    ink_expr calls = INK_EXPR_FAIL, text = INK_EXPR_FAIL;
    if (tools->choice != INK_TOOL_NONE)
        INK_TRY(write_calls(&b, &calls));
    if (tools->choice == INK_TOOL_AUTO || tools->choice == INK_TOOL_NONE)
        text = plain_text(&b);
    if (tools->choice == INK_TOOL_AUTO && *tools->format->marker)
        *root = ink_expr_seq(grammar, text, ink_expr_optional(grammar, calls));
    else
        *root = ink_expr_alt(grammar, text, calls);
    return ink_grammar_finish(grammar, root, no_name, NULL, error);
}
