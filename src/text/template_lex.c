/*
 * The lexer: template source to tokens, with the white space around tags already gone.
 *
 * trim_blocks: the line end after a block or comment is dropped. lstrip_blocks: so are the blanks
 * before one that begins a line. A '-' inside a tag takes all white space on its side, a '+' keeps
 * it.
 */
#include <string.h>
#include "base/status.h"
#include "text/template_program.h"
#include "text/template_text.h"

typedef struct lexer {
    ink_template *program;
    const char *source;
    size_t n_bytes, at;
    ink_token *tokens;
    size_t n_tokens, capacity;
    unsigned brackets; /* open ones: "}}" inside of them closes two dicts, not the tag */
    ink_error *error;
} lexer;

static ink_status fail(lexer *l, size_t offset, const char *message)
{
    return ink_template_fail_at(l->program, l->error, INK_CORRUPT, (uint32_t)offset, "%s", message);
}

/* All tokens before any parsing: the parser may then look ahead as far as it likes. */
static ink_status add(lexer *l, ink_token_kind kind, size_t from, size_t to)
{
    if (l->n_tokens == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 256;
        ink_token *tokens = ink_resize(l->program->allocator, l->tokens, capacity, sizeof *tokens);
        if (!tokens)
            return ink_fail_memory(l->error, "the tokens of a template");
        l->tokens = tokens;
        l->capacity = capacity;
    }
    l->tokens[l->n_tokens++] =
        (ink_token){.kind = kind, .offset = (uint32_t)from, .n_bytes = (uint32_t)(to - from)};
    return INK_OK;
}

static bool looking_at(const lexer *l, size_t at, const char *text)
{
    size_t n = strlen(text);
    return l->n_bytes - at >= n && memcmp(l->source + at, text, n) == 0;
}

static size_t skip_space(const lexer *l, size_t at)
{
    return at + ink_text_leading_space(l->source + at, l->n_bytes - at);
}

/* The text [from, to) before a tag whose sign is `sign`, shortened as the tag asks. */
static ink_status add_text(lexer *l, size_t from, size_t to, char sign, bool is_block)
{
    if (sign == '-') {
        to = from + ink_text_without_trailing_space(l->source + from, to - from);
    } else if (sign != '+' && is_block) {
        size_t line = to;
        while (line > from && l->source[line - 1] != '\n')
            line--;
        bool begins_line = line > from || from == 0 || l->source[from - 1] == '\n';
        if (begins_line && skip_space(l, line) >= to)
            to = line;
    }
    return to > from ? add(l, INK_TOKEN_TEXT, from, to) : INK_OK;
}

static char sign_at(const lexer *l, size_t at)
{
    return at < l->n_bytes && (l->source[at] == '-' || l->source[at] == '+') ? l->source[at] : '\0';
}

/* When a tag can end here, steps over its end and the white space that goes with it. */
static bool take_end(lexer *l, const char *end, bool is_block)
{
    char sign = sign_at(l, l->at);
    if (sign == '+' && !is_block)
        return false;
    size_t at = l->at + (sign != '\0');
    if (!looking_at(l, at, end))
        return false;
    l->at = at + 2;
    if (sign == '-')
        l->at = skip_space(l, l->at);
    else if (sign == '\0' && is_block && looking_at(l, l->at, "\n"))
        l->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
           (c & 0x80);
}

static size_t skip_digits(const lexer *l, size_t at)
{
    while (at < l->n_bytes && (is_digit(l->source[at]) || l->source[at] == '_'))
        at++;
    return at;
}

static ink_status lex_number(lexer *l)
{
    size_t from = l->at, at = from;
    bool prefixed =
        l->source[at] == '0' && at + 1 < l->n_bytes && memchr("xXoObB", l->source[at + 1], 6);
    if (prefixed) {
        while (at < l->n_bytes && is_name(l->source[at]))
            at++;
        l->at = at;
        return add(l, INK_TOKEN_INTEGER, from, at);
    }
    at = skip_digits(l, at);
    bool is_index = from > 0 && l->source[from - 1] == '.'; /* of a.0.b: not the number 0.b */
    ink_token_kind kind = INK_TOKEN_INTEGER;
    if (!is_index && at + 1 < l->n_bytes && l->source[at] == '.' && is_digit(l->source[at + 1])) {
        kind = INK_TOKEN_FLOAT;
        at = skip_digits(l, at + 1);
    }
    if (!is_index && at < l->n_bytes && (l->source[at] | 32) == 'e') {
        size_t exponent = at + 1 + (sign_at(l, at + 1) != '\0');
        if (exponent < l->n_bytes && is_digit(l->source[exponent])) {
            kind = INK_TOKEN_FLOAT;
            at = skip_digits(l, exponent);
        }
    }
    l->at = at;
    return add(l, kind, from, at);
}

static ink_status lex_string(lexer *l)
{
    size_t from = l->at + 1, at = from;
    while (at < l->n_bytes && l->source[at] != l->source[l->at])
        at += l->source[at] == '\\' ? 2 : 1;
    if (at >= l->n_bytes)
        return fail(l, l->at, "a string has no end");
    l->at = at + 1;
    return add(l, INK_TOKEN_STRING, from, at);
}

const char *ink_operator_text(ink_operator op)
{
    static const char *const texts[] = {
#define X(name, text, level, node) [INK_OPERATOR_##name] = text,
        INK_OPERATORS(X)
#undef X
    };
    return texts[op];
}

static ink_status lex_operator(lexer *l)
{
    for (ink_operator op = 0; op < INK_OPERATOR_OR; op++) {
        const char *text = ink_operator_text(op);
        if (!looking_at(l, l->at, text))
            continue;
        bool closes = strchr("])}", text[0]) != NULL;
        if (closes && l->brackets == 0)
            return fail(l, l->at, "a bracket is closed that was not opened");
        if (strchr("[({", text[0]))
            l->brackets++;
        if (l->brackets > INK_TEMPLATE_MAX_NESTING)
            return ink_template_fail_at(l->program, l->error, INK_LIMIT, (uint32_t)l->at,
                                        "brackets nest deeper than %d", INK_TEMPLATE_MAX_NESTING);
        l->brackets -= closes;
        INK_TRY(add(l, INK_TOKEN_OPERATOR, l->at, l->at + strlen(text)));
        l->tokens[l->n_tokens - 1].op = op;
        l->at += strlen(text);
        return INK_OK;
    }
    char c = l->source[l->at];
    return ink_template_fail_at(l->program, l->error, INK_CORRUPT, (uint32_t)l->at,
                                "unexpected character '%c'", c >= 0x20 && c < 0x7f ? c : '?');
}

static ink_status lex_inside(lexer *l)
{
    char c = l->source[l->at];
    if (c == '"' || c == '\'')
        return lex_string(l);
    if (is_digit(c))
        return lex_number(l);
    if (!is_name(c))
        return lex_operator(l);
    size_t from = l->at;
    while (l->at < l->n_bytes && is_name(l->source[l->at]))
        l->at++;
    return add(l, INK_TOKEN_NAME, from, l->at);
}

/* From after "{%" or "{{" and its sign to after the end. */
static ink_status lex_tag(lexer *l, size_t tag, bool is_block)
{
    const char *end = is_block ? "%}" : "}}";
    l->brackets = 0;
    INK_TRY(add(l, is_block ? INK_TOKEN_BLOCK_BEGIN : INK_TOKEN_VARIABLE_BEGIN, tag, tag + 2));
    for (;;) {
        l->at = skip_space(l, l->at);
        size_t at = l->at;
        if (at >= l->n_bytes)
            return fail(l, tag,
                        is_block ? "a tag has no end: '%}' is missing"
                                 : "a tag has no end: '}}' is missing");
        if (l->brackets == 0 && take_end(l, end, is_block))
            return add(l, is_block ? INK_TOKEN_BLOCK_END : INK_TOKEN_VARIABLE_END, at, at + 2);
        INK_TRY(lex_inside(l));
    }
}

static ink_status lex_comment(lexer *l, size_t tag)
{
    while (l->at < l->n_bytes) {
        if (take_end(l, "#}", true))
            return INK_OK;
        l->at++;
    }
    return fail(l, tag, "a comment has no end: '#}' is missing");
}

/*
 * Whether the word stands alone in the tag that begins at `tag`; then *after is where the tag's end
 * begins.
 */
static bool is_word_tag(const lexer *l, size_t tag, const char *word, size_t *after)
{
    size_t at = skip_space(l, tag + 2 + (sign_at(l, tag + 2) != '\0'));
    if (!looking_at(l, at, word))
        return false;
    *after = skip_space(l, at + strlen(word));
    return looking_at(l, *after + (sign_at(l, *after) != '\0'), "%}");
}

/* After {% raw %}: everything up to {% endraw %} is text. */
static ink_status lex_raw(lexer *l, size_t tag, size_t end_of_tag)
{
    size_t after = end_of_tag;
    l->at = end_of_tag + (l->source[end_of_tag] == '%' ? 2 : 3);
    if (l->source[end_of_tag] == '-')
        l->at = skip_space(l, l->at);
    size_t from = l->at;
    for (size_t at = from; at < l->n_bytes; at++) {
        if (!looking_at(l, at, "{%") || !is_word_tag(l, at, "endraw", &after))
            continue;
        INK_TRY(add_text(l, from, at, sign_at(l, at + 2), true));
        l->at = after;
        (void)take_end(l, "%}", true);
        return INK_OK;
    }
    return fail(l, tag, "{% raw %} has no {% endraw %}");
}

/* From a tag's first brace at `tag` to after it. */
static ink_status lex_at_brace(lexer *l, size_t from, size_t tag)
{
    char opener = l->source[tag + 1], sign = sign_at(l, tag + 2);
    size_t end_of_tag;
    INK_TRY(add_text(l, from, tag, sign, opener != '{'));
    l->at = tag + 2 + (sign != '\0');
    if (opener == '#')
        return lex_comment(l, tag);
    if (opener == '%' && is_word_tag(l, tag, "raw", &end_of_tag))
        return lex_raw(l, tag, end_of_tag);
    return lex_tag(l, tag, opener == '%');
}

static ink_status lex_all(lexer *l)
{
    while (l->at < l->n_bytes) {
        size_t from = l->at, tag = from;
        while (tag + 1 < l->n_bytes &&
               !(l->source[tag] == '{' && memchr("{%#", l->source[tag + 1], 3)))
            tag++;
        if (tag + 1 >= l->n_bytes) {
            INK_TRY(add(l, INK_TOKEN_TEXT, from, l->n_bytes));
            break;
        }
        INK_TRY(lex_at_brace(l, from, tag));
    }
    return add(l, INK_TOKEN_END, l->n_bytes, l->n_bytes);
}

ink_status ink_template_lex(ink_template *program, ink_token **out, ink_error *error)
{
    lexer l = {.program = program,
               .source = program->source,
               .n_bytes = program->source_bytes,
               .error = error};
    ink_status status = lex_all(&l);
    if (status == INK_OK)
        *out = l.tokens;
    else
        ink_delete(program->allocator, l.tokens);
    return status;
}
