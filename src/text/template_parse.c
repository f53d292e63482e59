/* Statements: blocks and their bodies, one function and one row of `statements` for each. */
#include "text/template_parse.h"

#include <string.h>
#include "text/template_builtin.h"

/* ---- The token stream */

ink_status ink_parse_unexpected(ink_parser *p, const char *expected)
{
    static const char *const names[] = {
        "the end of the template", "text", "'{%'", "'%}'", "'{{'", "'}}'"};
    const ink_token *token = p->token;
    if (token->kind < INK_TOKEN_NAME)
        return ink_template_fail_at(p->program, p->error, INK_CORRUPT, token->offset,
                                    "expected %s, found %s", expected, names[token->kind]);
    int shown = token->n_bytes > 40 ? 40 : (int)token->n_bytes;
    return ink_template_fail_at(p->program, p->error, INK_CORRUPT, token->offset,
                                "expected %s, found '%.*s'", expected, shown,
                                p->program->source + token->offset);
}

ink_status ink_parse_enter(ink_parser *p)
{
    if (p->depth == INK_TEMPLATE_MAX_NESTING)
        return ink_template_fail_at(p->program, p->error, INK_LIMIT, p->token->offset,
                                    "blocks and parentheses nest deeper than %d",
                                    INK_TEMPLATE_MAX_NESTING);
    p->depth++;
    return INK_OK;
}

bool ink_parse_is_word(const ink_parser *p, const char *word)
{
    size_t n = strlen(word);
    return p->token->kind == INK_TOKEN_NAME && p->token->n_bytes == n &&
           memcmp(p->program->source + p->token->offset, word, n) == 0;
}

bool ink_parse_take_word(ink_parser *p, const char *word)
{
    bool found = ink_parse_is_word(p, word);
    p->token += found;
    return found;
}

bool ink_parse_is_operator(const ink_parser *p, ink_operator op)
{
    return p->token->kind == INK_TOKEN_OPERATOR && p->token->op == op;
}

bool ink_parse_take_operator(ink_parser *p, ink_operator op)
{
    bool found = ink_parse_is_operator(p, op);
    p->token += found;
    return found;
}

ink_status ink_parse_expect_operator(ink_parser *p, ink_operator op)
{
    char expected[8] = "'";
    if (ink_parse_take_operator(p, op))
        return INK_OK;
    const char *text = ink_operator_text(op);
    memcpy(expected + 1, text, strlen(text));
    expected[1 + strlen(text)] = '\'';
    return ink_parse_unexpected(p, expected);
}

static ink_status expect(ink_parser *p, ink_token_kind kind, const char *expected)
{
    if (p->token->kind != kind)
        return ink_parse_unexpected(p, expected);
    p->token++;
    return INK_OK;
}

static ink_status expect_block_end(ink_parser *p)
{
    return expect(p, INK_TOKEN_BLOCK_END, "'%}'");
}

/* ---- Memory and names */

ink_status ink_parse_take(ink_parser *p, size_t size, void **out)
{
    *out = ink_arena_take(&p->program->arena, 1, size);
    return *out ? INK_OK : ink_fail_memory(p->error, "the program of a template");
}

ink_status ink_parse_new_node(ink_parser *p, ink_node_kind kind, ink_node **out)
{
    void *memory;
    INK_TRY(ink_parse_take(p, sizeof(ink_node), &memory));
    *out = memory;
    (*out)->kind = kind;
    (*out)->offset = p->token->offset;
    return INK_OK;
}

ink_status ink_parse_name(ink_parser *p, ink_value *out)
{
    const ink_token *token = p->token;
    INK_TRY(expect(p, INK_TOKEN_NAME, "a name"));
    *out = ink_value_borrow(p->program->source + token->offset, token->n_bytes);
    return INK_OK;
}

/* The number of the name, which is new if no symbol has it yet. */
static ink_status intern(ink_parser *p, ink_value name, uint32_t *out)
{
    ink_template *program = p->program;
    const ink_value *known = ink_value_find(program->symbol_ids, name);
    if (known) {
        *out = (uint32_t)known->as.integer;
        return INK_OK;
    }
    if (program->n_symbols == program->symbols_capacity) {
        uint32_t capacity = program->symbols_capacity ? program->symbols_capacity * 2 : 64;
        ink_symbol *symbols = ink_arena_take(&program->arena, capacity, sizeof *symbols);
        if (!symbols)
            return ink_fail_memory(p->error, "the names of a template");
        if (program->n_symbols)
            memcpy(symbols, program->symbols, program->n_symbols * sizeof *symbols);
        program->symbols = symbols;
        program->symbols_capacity = capacity;
    }
    *out = program->n_symbols;
    program->symbols[*out] = (ink_symbol){name, ink_builtin_find(INK_BUILTIN_GLOBAL, name)};
    if (!ink_value_set(&program->arena, program->symbol_ids, name, ink_value_integer(*out)))
        return ink_fail_memory(p->error, "the names of a template");
    program->n_symbols++;
    return INK_OK;
}

ink_status ink_parse_symbol(ink_parser *p, uint32_t *out)
{
    ink_value name;
    INK_TRY(ink_parse_name(p, &name));
    return intern(p, name, out);
}

/* ---- Bodies */

static ink_status parse_statement(ink_parser *p, ink_node **out);

/* Whether the next tag is one of the words, which are separated by spaces and end the body. */
static bool at_end(const ink_parser *p, const char *words)
{
    if (p->token->kind != INK_TOKEN_BLOCK_BEGIN)
        return false;
    ink_parser inside = *p;
    inside.token++;
    while (*words) {
        char word[16] = {0};
        size_t n = strcspn(words, " ");
        memcpy(word, words, n);
        if (ink_parse_is_word(&inside, word))
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

/*
 * Statements up to a tag that begins with one of `words`, whose '{%' is stepped over; at the top to
 * the end.
 */
static ink_status parse_body(ink_parser *p, const char *words, ink_node **out)
{
    INK_TRY(ink_parse_enter(p));
    while (!at_end(p, words)) {
        if (p->token->kind == INK_TOKEN_END && *words)
            return ink_template_fail_at(p->program, p->error, INK_CORRUPT, p->token->offset,
                                        "the template ends where one of these tags is due: %s",
                                        words);
        if (p->token->kind == INK_TOKEN_END)
            break;
        INK_TRY(parse_statement(p, out));
        out = &(*out)->next;
    }
    ink_parse_leave(p);
    p->token += p->token->kind == INK_TOKEN_BLOCK_BEGIN;
    return INK_OK;
}

/* A body and its one end tag. */
static ink_status parse_simple_body(ink_parser *p, const char *end, ink_node **out)
{
    INK_TRY(expect_block_end(p));
    INK_TRY(parse_body(p, end, out));
    p->token++;
    return expect_block_end(p);
}

/* ---- Statements. Each begins after its word and ends after its last '%}'. */

static ink_status parse_if(ink_parser *p, ink_node *node)
{
    for (;;) {
        INK_TRY(ink_parse_tuple(p, true, &node->as.choice.condition));
        INK_TRY(expect_block_end(p));
        INK_TRY(parse_body(p, "elif else endif", &node->as.choice.then));
        if (!ink_parse_is_word(p, "elif"))
            break;
        ink_node *otherwise;
        INK_TRY(ink_parse_new_node(p, INK_NODE_IF, &otherwise));
        p->token++;
        node->as.choice.otherwise = otherwise;
        node = otherwise;
    }
    if (ink_parse_take_word(p, "else"))
        return parse_simple_body(p, "endif", &node->as.choice.otherwise);
    p->token++;
    return expect_block_end(p);
}

static ink_status parse_for(ink_parser *p, ink_node *node)
{
    INK_TRY(ink_parse_target(p, &node->as.loop.target));
    if (!ink_parse_take_word(p, "in"))
        return ink_parse_unexpected(p, "'in'");
    INK_TRY(ink_parse_tuple(p, true, &node->as.loop.iterable));
    if (ink_parse_take_word(p, "if"))
        INK_TRY(ink_parse_expression(p, &node->as.loop.filter));
    node->as.loop.recursive = ink_parse_take_word(p, "recursive");
    INK_TRY(expect_block_end(p));
    p->loops++;
    INK_TRY(parse_body(p, "else endfor", &node->as.loop.body));
    p->loops--;
    if (ink_parse_take_word(p, "else"))
        return parse_simple_body(p, "endfor", &node->as.loop.otherwise);
    p->token++;
    return expect_block_end(p);
}

static ink_status parse_set(ink_parser *p, ink_node *node)
{
    INK_TRY(ink_parse_target(p, &node->as.set.target));
    if (ink_parse_take_operator(p, INK_OPERATOR_ASSIGN)) {
        INK_TRY(ink_parse_tuple(p, false, &node->as.set.value));
        return expect_block_end(p);
    }
    node->kind = INK_NODE_SET_BLOCK;
    if (ink_parse_take_operator(p, INK_OPERATOR_PIPE))
        INK_TRY(ink_parse_filters(p, NULL, &node->as.set.value));
    return parse_simple_body(p, "endset", &node->as.set.body);
}

static ink_status parse_filter_block(ink_parser *p, ink_node *node)
{
    INK_TRY(ink_parse_filters(p, NULL, &node->as.set.value));
    return parse_simple_body(p, "endfilter", &node->as.set.body);
}

static ink_status parse_with(ink_parser *p, ink_node *node)
{
    ink_node **target = &node->as.set.target, **value = &node->as.set.value;
    while (p->token->kind != INK_TOKEN_BLOCK_END) {
        INK_TRY(ink_parse_target(p, target));
        INK_TRY(ink_parse_expect_operator(p, INK_OPERATOR_ASSIGN));
        INK_TRY(ink_parse_expression(p, value));
        target = &(*target)->next;
        value = &(*value)->next;
        if (!ink_parse_take_operator(p, INK_OPERATOR_COMMA))
            break;
    }
    return parse_simple_body(p, "endwith", &node->as.set.body);
}

/* After '(' to after ')'. */
static ink_status parse_parameters(ink_parser *p, ink_macro *macro)
{
    struct ink_parameter **end = &macro->parameters;
    while (!ink_parse_is_operator(p, INK_OPERATOR_CLOSE_PAREN)) {
        void *memory;
        INK_TRY(ink_parse_take(p, sizeof **end, &memory));
        *end = memory;
        INK_TRY(ink_parse_symbol(p, &(*end)->symbol));
        if (ink_parse_take_operator(p, INK_OPERATOR_ASSIGN))
            INK_TRY(ink_parse_expression(p, &(*end)->fallback));
        end = &(*end)->next;
        macro->n_parameters++;
        if (!ink_parse_take_operator(p, INK_OPERATOR_COMMA))
            break;
    }
    return ink_parse_expect_operator(p, INK_OPERATOR_CLOSE_PAREN);
}

/* A macro's body sees neither the loop nor the macro around it. */
static ink_status parse_macro_body(ink_parser *p, ink_macro *macro, const char *end)
{
    unsigned loops = p->loops;
    ink_macro *around = p->macro;
    p->loops = 0;
    p->macro = macro;
    INK_TRY(parse_simple_body(p, end, &macro->body));
    p->loops = loops;
    p->macro = around;
    return INK_OK;
}

static ink_status parse_macro(ink_parser *p, ink_node *node)
{
    ink_macro *macro = &node->as.macro.macro;
    INK_TRY(ink_parse_name(p, &macro->name));
    INK_TRY(intern(p, macro->name, &node->as.macro.symbol));
    INK_TRY(ink_parse_expect_operator(p, INK_OPERATOR_OPEN_PAREN));
    INK_TRY(parse_parameters(p, macro));
    return parse_macro_body(p, macro, "endmacro");
}

/* The block after {% call %} is a macro without a name that only the called one can reach. */
static ink_status parse_call_block(ink_parser *p, ink_node *node)
{
    ink_macro *macro = &node->as.macro.macro;
    macro->name = ink_value_borrow("caller", 6);
    if (ink_parse_take_operator(p, INK_OPERATOR_OPEN_PAREN))
        INK_TRY(parse_parameters(p, macro));
    INK_TRY(ink_parse_expression(p, &node->as.macro.call));
    if (node->as.macro.call->kind != INK_NODE_CALL)
        return ink_template_fail_at(p->program, p->error, INK_CORRUPT, node->offset,
                                    "{%% call %%} needs a call");
    return parse_macro_body(p, macro, "endcall");
}

/* Marks what the assistant said, for training; for rendering it is only a scope. */
static ink_status parse_generation(ink_parser *p, ink_node *node)
{
    return parse_simple_body(p, "endgeneration", &node->as.set.body);
}

static ink_status parse_loop_control(ink_parser *p, ink_node *node)
{
    if (p->loops == 0)
        return ink_template_fail_at(p->program, p->error, INK_CORRUPT, node->offset,
                                    "break or continue outside a loop");
    return expect_block_end(p);
}

static const struct {
    const char *word;
    ink_node_kind kind;
    ink_status (*parse)(ink_parser *p, ink_node *node);
} statements[] = {
    {"if", INK_NODE_IF, parse_if},
    {"for", INK_NODE_FOR, parse_for},
    {"set", INK_NODE_SET, parse_set},
    {"filter", INK_NODE_FILTER_BLOCK, parse_filter_block},
    {"with", INK_NODE_WITH, parse_with},
    {"macro", INK_NODE_MACRO, parse_macro},
    {"call", INK_NODE_CALL_BLOCK, parse_call_block},
    {"generation", INK_NODE_SCOPE, parse_generation},
    {"break", INK_NODE_BREAK, parse_loop_control},
    {"continue", INK_NODE_CONTINUE, parse_loop_control},
};

static ink_status parse_tag(ink_parser *p, ink_node **out)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!ink_parse_is_word(p, statements[i].word))
            continue;
        INK_TRY(ink_parse_new_node(p, statements[i].kind, out));
        p->token++;
        return statements[i].parse(p, *out);
    }
    return ink_parse_unexpected(p, "a tag that chat templates use");
}

static ink_status parse_statement(ink_parser *p, ink_node **out)
{
    const ink_token *token = p->token;
    if (token->kind == INK_TOKEN_TEXT) {
        INK_TRY(ink_parse_new_node(p, INK_NODE_TEXT, out));
        (*out)->as.value = ink_value_literal(p->program->source + token->offset, token->n_bytes);
        p->token++;
        return INK_OK;
    }
    p->token++;
    if (token->kind == INK_TOKEN_BLOCK_BEGIN)
        return parse_tag(p, out);
    INK_TRY(ink_parse_new_node(p, INK_NODE_OUTPUT, out));
    INK_TRY(ink_parse_tuple(p, false, &(*out)->as.operand));
    return expect(p, INK_TOKEN_VARIABLE_END, "'}}'");
}

static ink_status parse_all(ink_parser *p)
{
    static const char *const known[] = {"loop", "caller", "varargs",
                                        "kwargs"}; /* as enum INK_SYMBOL_* */
    uint32_t symbol;
    if (!ink_value_new_dict(&p->program->arena, INK_VALUE_DICT, &p->program->symbol_ids))
        return ink_fail_memory(p->error, "the names of a template");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        INK_TRY(intern(p, ink_value_borrow(known[i], strlen(known[i])), &symbol));
    return parse_body(p, "", &p->program->body);
}

ink_status ink_template_parse(ink_template *program, ink_error *error)
{
    ink_token *tokens;
    INK_TRY(ink_template_lex(program, &tokens, error));
    ink_parser p = {.program = program, .token = tokens, .error = error};
    ink_status status = parse_all(&p);
    ink_delete(program->allocator, tokens);
    return status;
}
