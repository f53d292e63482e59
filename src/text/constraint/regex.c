/*
 * Recursive descent. What is read is kept as four expressions: with and without an anchor at its
 * begin, with and without one at its end.
 */
#include "text/constraint/regex.h"

#include <string.h>
#include "base/status.h"

typedef struct piece {
    ink_expr by[2][2]; /* [anchored at the begin][at the end] */
} piece;

static const piece nothing = {{{INK_EXPR_FAIL, INK_EXPR_FAIL}, {INK_EXPR_FAIL, INK_EXPR_FAIL}}};

static ink_status read_alternatives(ink_regex_reader *reader, piece *out);

static piece plain(ink_expr expr)
{
    piece result = nothing;
    result.by[0][0] = expr;
    return result;
}

static bool is_anchored(const piece *p)
{
    return p->by[0][1] != INK_EXPR_FAIL || p->by[1][0] != INK_EXPR_FAIL ||
           p->by[1][1] != INK_EXPR_FAIL;
}

/* One pair of the four times four of two pieces in a row. */
static ink_status join_pair(ink_regex_reader *reader, const piece *a, const piece *b, unsigned pair,
                            piece *out)
{
    unsigned begin_a = pair & 1, end_a = pair >> 1 & 1, begin_b = pair >> 2 & 1, end_b = pair >> 3;
    ink_expr first = a->by[begin_a][end_a], second = b->by[begin_b][end_b];
    if (first == INK_EXPR_FAIL || second == INK_EXPR_FAIL)
        return INK_OK;
    if (begin_b && first != INK_EXPR_EMPTY)
        return ink_regex_fail(reader, INK_UNSUPPORTED,
                              "'^' is supported only where an alternative begins");
    if (end_a && second != INK_EXPR_EMPTY)
        return ink_regex_fail(reader, INK_UNSUPPORTED,
                              "'$' is supported only where an alternative ends");
    ink_expr *to = &out->by[begin_a | begin_b][end_a | end_b];
    *to = ink_expr_alt(reader->grammar, *to, ink_expr_seq(reader->grammar, first, second));
    return INK_OK;
}

static ink_status join(ink_regex_reader *reader, const piece *a, const piece *b, piece *out)
{
    piece result = nothing;
    for (unsigned pair = 0; pair < 16; pair++)
        INK_TRY(join_pair(reader, a, b, pair, &result));
    *out = result;
    return INK_OK;
}

/* ---- Atoms */

/* Behind "(": what kind of group it is. */
static ink_status read_group_head(ink_regex_reader *reader)
{
    const char *at = reader->text.data + reader->at;
    size_t left = reader->text.n_bytes - reader->at;
    if (left == 0 || at[0] != '?')
        return INK_OK;
    char kind = left > 1 ? at[1] : '\0', next = left > 2 ? at[2] : '\0';
    if (kind == ':') {
        reader->at += 2;
        return INK_OK;
    }
    if (kind == '=' || kind == '!' || (kind == '<' && (next == '=' || next == '!')))
        return ink_regex_fail(reader, INK_UNSUPPORTED, "look-around is not supported");
    const char *end = kind == '<' ? memchr(at, '>', left) : NULL;
    if (!end)
        return ink_regex_fail(reader, INK_CORRUPT, "'(?' begins no group that there is");
    reader->at += (size_t)(end + 1 - at);
    return INK_OK;
}

static ink_status read_group(ink_regex_reader *reader, piece *out)
{
    INK_TRY(read_group_head(reader));
    if (reader->depth == INK_REGEX_MAX_DEPTH)
        return ink_regex_fail(reader, INK_LIMIT, "more than %d parentheses within each other",
                              INK_REGEX_MAX_DEPTH);
    reader->depth++;
    INK_TRY(read_alternatives(reader, out));
    reader->depth--;
    if (ink_regex_peek(reader) != ')')
        return ink_regex_fail(reader, INK_CORRUPT, "'(' without its ')'");
    reader->at++;
    return INK_OK;
}

/* A set of characters: a class, an escape, ".", or a character that stands for itself. */
static ink_status read_set(ink_regex_reader *reader, ink_charset *set)
{
    uint32_t c;
    INK_TRY(ink_regex_read_char(reader, &c));
    switch (c) {
    case '[':
        return ink_regex_read_class(reader, set);
    case '\\':
        return ink_regex_read_escape(reader, set);
    case '.':
        ink_charset_add(set, '\n', '\n');
        ink_charset_add(set, '\r', '\r');
        ink_charset_add(set, 0x2028, 0x2029);
        ink_charset_invert(set);
        return INK_OK;
    case '*':
    case '+':
    case '?':
        reader->at--;
        return ink_regex_fail(reader, INK_CORRUPT, "there is nothing that '%c' could repeat",
                              (char)c);
    default:
        ink_charset_add(set, c, c);
        return INK_OK;
    }
}

static ink_status read_atom(ink_regex_reader *reader, piece *out)
{
    int c = ink_regex_peek(reader);
    *out = nothing;
    if (c == '^' || c == '$' || c == '(')
        reader->at++;
    if (c == '(')
        return read_group(reader, out);
    if (c == '^' || c == '$') {
        out->by[c == '^'][c == '$'] = INK_EXPR_EMPTY;
        return INK_OK;
    }
    ink_charset set = {.grammar = reader->grammar};
    ink_status status = read_set(reader, &set);
    if (status == INK_OK)
        out->by[0][0] = ink_charset_expr(&set, reader->options.spelled);
    ink_charset_deinit(&set);
    return status;
}

/* ---- Repetition */

static bool read_number(ink_regex_reader *reader, uint32_t *value)
{
    size_t begin = reader->at;
    uint64_t sum = 0;
    for (int c; (c = ink_regex_peek(reader)) >= '0' && c <= '9'; reader->at++)
        sum = sum < UINT32_MAX ? sum * 10 + (uint64_t)(c - '0') : sum;
    *value = sum < INK_EXPR_FOREVER ? (uint32_t)sum : INK_EXPR_FOREVER - 1;
    return reader->at > begin;
}

/* Behind "{": false and nothing read when it is no repetition. */
static bool read_counts(ink_regex_reader *reader, uint32_t *min, uint32_t *max)
{
    size_t begin = reader->at;
    bool good = read_number(reader, min);
    *max = *min;
    if (good && ink_regex_peek(reader) == ',') {
        reader->at++;
        if (!read_number(reader, max))
            *max = INK_EXPR_FOREVER;
    }
    good = good && ink_regex_peek(reader) == '}';
    reader->at = good ? reader->at + 1 : begin;
    return good;
}

static bool read_quantifier(ink_regex_reader *reader, uint32_t *min, uint32_t *max)
{
    int c = ink_regex_peek(reader);
    if (c != '*' && c != '+' && c != '?' && c != '{')
        return false;
    reader->at++;
    *min = c == '+';
    *max = c == '?' ? 1 : INK_EXPR_FOREVER;
    if (c == '{' && !read_counts(reader, min, max)) {
        reader->at--;
        return false;
    }
    reader->at += ink_regex_peek(reader) == '?'; /* which match is taken makes no difference */
    return true;
}

static ink_status read_term(ink_regex_reader *reader, piece *out)
{
    uint32_t min, max;
    INK_TRY(read_atom(reader, out));
    if (!read_quantifier(reader, &min, &max))
        return INK_OK;
    if (is_anchored(out))
        return ink_regex_fail(reader, INK_UNSUPPORTED, "an anchor cannot be repeated");
    if (min > max)
        return ink_regex_fail(reader, INK_CORRUPT,
                              "a repetition of at least %" PRIu32 " and at most %" PRIu32, min,
                              max);
    out->by[0][0] = ink_expr_repeat(reader->grammar, out->by[0][0], min, max);
    if (ink_regex_peek(reader) > 0 && strchr("*+?", ink_regex_peek(reader)))
        return ink_regex_fail(reader, INK_CORRUPT, "there is nothing that '%c' could repeat",
                              ink_regex_peek(reader));
    return INK_OK;
}

/* ---- Sequences and alternatives */

static bool at_end(const ink_regex_reader *reader)
{
    int c = ink_regex_peek(reader);
    return c < 0 || c == '|' || c == ')';
}

static ink_status read_sequence(ink_regex_reader *reader, piece *out)
{
    piece next;
    *out = plain(INK_EXPR_EMPTY);
    while (!at_end(reader)) {
        INK_TRY(read_term(reader, &next));
        INK_TRY(join(reader, out, &next, out));
        INK_TRY(ink_grammar_status(reader->grammar, reader->error));
    }
    return INK_OK;
}

static ink_status read_alternatives(ink_regex_reader *reader, piece *out)
{
    piece all = nothing, next;
    for (bool more = true; more;) {
        INK_TRY(read_sequence(reader, &next));
        for (unsigned i = 0; i < 4; i++)
            all.by[i & 1][i >> 1] =
                ink_expr_alt(reader->grammar, all.by[i & 1][i >> 1], next.by[i & 1][i >> 1]);
        more = ink_regex_peek(reader) == '|';
        reader->at += more;
    }
    *out = all;
    return ink_grammar_status(reader->grammar, reader->error);
}

/* With anything before and behind it, where it is not anchored. */
static ink_expr surround(const ink_regex_reader *reader, const piece *all)
{
    ink_grammar *grammar = reader->grammar;
    ink_expr any = ink_char_any(grammar, reader->options.spelled), items[4];
    any = reader->options.anywhere ? ink_expr_repeat(grammar, any, 0, INK_EXPR_FOREVER)
                                   : INK_EXPR_EMPTY;
    for (unsigned i = 0; i < 4; i++) {
        ink_expr expr = all->by[i & 1][i >> 1];
        expr = ink_expr_seq(grammar, expr, i >> 1 ? INK_EXPR_EMPTY : any);
        items[i] = ink_expr_seq(grammar, i & 1 ? INK_EXPR_EMPTY : any, expr);
    }
    return ink_expr_alts(grammar, items, 4);
}

ink_status ink_regex_compile(ink_grammar *grammar, ink_text text, ink_regex_options options,
                             ink_expr *out, ink_error *error)
{
    ink_regex_reader reader = {
        .grammar = grammar, .text = text, .options = options, .error = error};
    piece all;
    if (text.n_bytes > INK_REGEX_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0,
                        "a regular expression of %zu bytes; at most %zu are supported",
                        text.n_bytes, INK_REGEX_MAX_BYTES);
    INK_TRY(read_alternatives(&reader, &all));
    if (reader.at < text.n_bytes)
        return ink_regex_fail(&reader, INK_CORRUPT, "')' without its '('");
    *out = surround(&reader, &all);
    return ink_grammar_status(grammar, error);
}
