/*
 * Recursive descent over the text; a rule is known by its name, in the order of first mention.
 */
#include "text/constraint/gbnf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/constraint/charset.h"
#include "text/constraint/grammar_nodes.h"

typedef struct rule_name {
    ink_text text;
    size_t mentioned; /* byte where it was first */
    bool defined;
    char shown[64]; /* for messages */
} rule_name;

typedef struct reader {
    ink_grammar *grammar;
    ink_text text;
    size_t at;
    unsigned depth;
    rule_name *names; /* [n_names], by rule */
    size_t n_names, capacity;
    uint32_t *buckets; /* [N_BUCKETS] of names, from 1, chained by `next` */
    ink_grammar_list next;
    ink_error *error;
} reader;

enum { N_BUCKETS = 4096 };

INK_PRINTF(3, 4)
static ink_status fail(const reader *r, ink_status status, const char *format, ...)
{
    char what[240];
    size_t line = 1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < r->at && i < r->text.n_bytes; i++)
        line += r->text.data[i] == '\n';
    return ink_fail(r->error, status, r->at, "the grammar at line %zu (byte %zu): %s", line, r->at,
                    what);
}

static int peek(const reader *r)
{
    return r->at < r->text.n_bytes ? (unsigned char)r->text.data[r->at] : -1;
}

/* Blanks and comments; new lines too, where a rule cannot end. */
static void skip_blanks(reader *r, bool lines)
{
    for (int c; (c = peek(r)) >= 0; r->at++) {
        if (c == '#')
            while (peek(r) >= 0 && peek(r) != '\n' && peek(r) != '\r')
                r->at++;
        c = peek(r);
        if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r')))
            return;
    }
}

static bool is_name_byte(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_';
}

static bool read_name(reader *r, ink_text *name)
{
    size_t begin = r->at;
    while (is_name_byte(peek(r)))
        r->at++;
    *name = (ink_text){r->text.data + begin, r->at - begin};
    return name->n_bytes > 0;
}

static uint32_t hash_of(ink_text name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.n_bytes; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return hash & (N_BUCKETS - 1);
}

/* The rule of this name, a new one where it was not mentioned yet. */
static ink_status find_rule(reader *r, ink_text name, size_t at, uint32_t *rule)
{
    uint32_t *bucket = &r->buckets[hash_of(name)];
    for (uint32_t i = r->names ? *bucket : 0; i; i = r->next.items[i - 1])
        if (r->names[i - 1].text.n_bytes == name.n_bytes &&
            memcmp(r->names[i - 1].text.data, name.data, name.n_bytes) == 0) {
            *rule = i - 1;
            return INK_OK;
        }
    if (r->n_names == INK_GBNF_MAX_RULES)
        return fail(r, INK_LIMIT, "more than %d rules", INK_GBNF_MAX_RULES);
    *rule = ink_grammar_add_rule(r->grammar);
    if (!ink_grammar_grow(r->grammar, &r->names, r->n_names, &r->capacity, sizeof *r->names) ||
        !ink_grammar_push(r->grammar, &r->next, *bucket))
        return ink_grammar_status(r->grammar, r->error);
    rule_name *row = &r->names[r->n_names++];
    *row = (rule_name){.text = name, .mentioned = at};
    (void)snprintf(row->shown, sizeof row->shown, "rule %.*s",
                   (int)(name.n_bytes < 56 ? name.n_bytes : 56), name.data);
    *bucket = (uint32_t)r->n_names;
    return INK_OK;
}

/* ---- Characters */

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ink_status read_hex(reader *r, unsigned n, uint32_t *c)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++, r->at++) {
        int digit = hex_digit(peek(r));
        if (digit < 0)
            return fail(r, INK_CORRUPT, "%u hexadecimal digits are expected", n);
        sum = sum * 16 + (uint32_t)digit;
    }
    if (sum > 0x10ffff || (sum >= 0xd800 && sum < 0xe000))
        return fail(r, INK_CORRUPT, "%" PRIX32 " is no character", sum);
    *c = sum;
    return INK_OK;
}

/* One character of a literal or a class. */
static ink_status read_char(reader *r, uint32_t *c)
{
    static const char from[] = "nrt\\\"[]", to[] = "\n\r\t\\\"[]";
    size_t n = ink_utf8_decode(r->text.data + r->at, r->text.n_bytes - r->at, c);
    if (n == 0)
        return fail(r, INK_CORRUPT, "%s", peek(r) < 0 ? "it ends too early" : "invalid UTF-8");
    r->at += n;
    if (*c != '\\')
        return INK_OK;
    int letter = peek(r);
    r->at += letter >= 0;
    const char *found = letter > 0 ? strchr(from, letter) : NULL;
    if (found)
        *c = (unsigned char)to[found - from];
    else if (letter == 'x' || letter == 'u' || letter == 'U')
        return read_hex(r, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, c);
    else
        return fail(r, INK_CORRUPT, "an escape that there is not");
    return INK_OK;
}

/* Behind its quote. */
static ink_status read_literal(reader *r, ink_expr *out)
{
    ink_buffer text;
    uint32_t c;
    char bytes[4];
    ink_status status = INK_OK;
    ink_buffer_init(&text, r->grammar->allocator, INK_GBNF_MAX_BYTES);
    while (status == INK_OK && peek(r) != '"') {
        status = read_char(r, &c);
        if (status == INK_OK && !ink_buffer_append(&text, bytes, ink_utf8_encode(c, bytes)))
            status = ink_fail_memory(r->error, "a grammar");
    }
    r->at++;
    if (status == INK_OK)
        *out = ink_expr_text(r->grammar, text.data, text.n_bytes);
    ink_buffer_deinit(&text);
    return status;
}

/* Behind "[". */
static ink_status read_members(reader *r, ink_charset *set)
{
    bool inverted = peek(r) == '^';
    r->at += inverted;
    while (peek(r) != ']') {
        uint32_t low, high;
        INK_TRY(read_char(r, &low));
        high = low;
        if (peek(r) == '-' && r->at + 1 < r->text.n_bytes && r->text.data[r->at + 1] != ']') {
            r->at++;
            INK_TRY(read_char(r, &high));
        }
        if (high < low)
            return fail(r, INK_CORRUPT, "a range of characters ends before it begins");
        ink_charset_add(set, low, high);
    }
    r->at++;
    if (inverted)
        ink_charset_invert(set);
    return INK_OK;
}

static ink_status read_class(reader *r, ink_expr *out)
{
    ink_charset set = {.grammar = r->grammar};
    ink_status status = read_members(r, &set);
    if (status == INK_OK)
        *out = ink_charset_expr(&set, INK_SPELLED_PLAIN);
    ink_charset_deinit(&set);
    return status;
}

/* ---- Rules */

static ink_status read_alternatives(reader *r, bool nested, ink_expr *out);

static ink_status read_group(reader *r, ink_expr *out)
{
    if (r->depth == INK_GBNF_MAX_DEPTH)
        return fail(r, INK_LIMIT, "more than %d parentheses within each other", INK_GBNF_MAX_DEPTH);
    r->depth++;
    INK_TRY(read_alternatives(r, true, out));
    r->depth--;
    if (peek(r) != ')')
        return fail(r, INK_CORRUPT, "'(' without its ')'");
    r->at++;
    return INK_OK;
}

static ink_status read_reference(reader *r, ink_expr *out)
{
    size_t begin = r->at;
    ink_text name;
    uint32_t rule = 0;
    if (!read_name(r, &name))
        return fail(r, INK_CORRUPT, "'%c' begins no item", peek(r));
    INK_TRY(find_rule(r, name, begin, &rule));
    *out = ink_expr_rule(r->grammar, rule);
    return INK_OK;
}

static ink_status read_item(reader *r, ink_expr *out)
{
    int c = peek(r);
    if (c == '<' || c == '!')
        return fail(r, INK_UNSUPPORTED, "tokens ('<...>') are not supported; write their text");
    if (c != '"' && c != '[' && c != '(' && c != '.')
        return read_reference(r, out);
    r->at++;
    if (c == '.')
        *out = ink_char_any(r->grammar, INK_SPELLED_PLAIN);
    return c == '"'   ? read_literal(r, out)
           : c == '[' ? read_class(r, out)
           : c == '(' ? read_group(r, out)
                      : INK_OK;
}

static bool read_number(reader *r, uint32_t *value)
{
    size_t begin = r->at;
    uint64_t sum = 0;
    for (; peek(r) >= '0' && peek(r) <= '9'; r->at++)
        sum = sum < INK_EXPR_FOREVER ? sum * 10 + (uint64_t)(peek(r) - '0') : sum;
    *value = sum < INK_EXPR_FOREVER ? (uint32_t)sum : INK_EXPR_FOREVER - 1;
    return r->at > begin;
}

/* Behind "{". */
static ink_status read_counts(reader *r, uint32_t *min, uint32_t *max)
{
    skip_blanks(r, true);
    bool has_min = read_number(r, min);
    *max = *min;
    skip_blanks(r, true);
    if (peek(r) == ',') {
        r->at++;
        skip_blanks(r, true);
        if (!read_number(r, max))
            *max = INK_EXPR_FOREVER;
        skip_blanks(r, true);
    }
    if (!has_min || peek(r) != '}' || *min > *max)
        return fail(r, INK_CORRUPT, "a repetition is {m}, {m,} or {m,n} with m not above n");
    r->at++;
    return INK_OK;
}

static ink_status read_repetitions(reader *r, ink_expr *item)
{
    for (;;) {
        uint32_t min, max;
        int c = peek(r);
        if (c != '*' && c != '+' && c != '?' && c != '{')
            return INK_OK;
        r->at++;
        min = c == '+';
        max = c == '?' ? 1 : INK_EXPR_FOREVER;
        if (c == '{')
            INK_TRY(read_counts(r, &min, &max));
        *item = ink_expr_repeat(r->grammar, *item, min, max);
        skip_blanks(r, r->depth > 0);
    }
}

/* Joined from the last item to the first. */
static ink_status read_sequence(reader *r, bool nested, ink_expr *out)
{
    ink_grammar *grammar = r->grammar;
    size_t base = grammar->stack.n;
    skip_blanks(r, nested);
    for (int c; (c = peek(r)) >= 0 && c != '|' && c != ')' && c != '\n' && c != '\r';) {
        ink_expr item = INK_EXPR_FAIL;
        INK_TRY(read_item(r, &item));
        skip_blanks(r, nested);
        INK_TRY(read_repetitions(r, &item));
        (void)ink_grammar_push(grammar, &grammar->stack, item);
        INK_TRY(ink_grammar_status(grammar, r->error));
    }
    ink_expr sequence = INK_EXPR_EMPTY;
    while (grammar->stack.n > base)
        sequence = ink_expr_seq(grammar, grammar->stack.items[--grammar->stack.n], sequence);
    *out = sequence;
    return ink_grammar_status(grammar, r->error);
}

static ink_status read_alternatives(reader *r, bool nested, ink_expr *out)
{
    ink_grammar *grammar = r->grammar;
    size_t base = grammar->stack.n;
    for (bool more = true; more;) {
        ink_expr next = INK_EXPR_FAIL;
        INK_TRY(read_sequence(r, nested, &next));
        (void)ink_grammar_push(grammar, &grammar->stack, next);
        more = peek(r) == '|';
        r->at += more;
        if (more)
            skip_blanks(r, true);
    }
    INK_TRY(ink_grammar_status(grammar, r->error));
    *out = ink_expr_alts_from(grammar, base);
    return ink_grammar_status(grammar, r->error);
}

static ink_status read_rule(reader *r)
{
    ink_text name;
    ink_expr body = INK_EXPR_FAIL;
    uint32_t rule = 0;
    size_t begin = r->at;
    if (!read_name(r, &name))
        return fail(r, INK_CORRUPT, "the name of a rule is expected");
    INK_TRY(find_rule(r, name, begin, &rule));
    if (r->names[rule].defined)
        return fail(r, INK_CORRUPT, "%s is defined a second time", r->names[rule].shown);
    skip_blanks(r, false);
    if (r->text.n_bytes - r->at < 3 || memcmp(r->text.data + r->at, "::=", 3) != 0)
        return fail(r, INK_CORRUPT, "'::=' is expected behind %s", r->names[rule].shown);
    r->at += 3;
    skip_blanks(r, true);
    INK_TRY(read_alternatives(r, false, &body));
    if (peek(r) == ')')
        return fail(r, INK_CORRUPT, "')' without its '('");
    r->names[rule].defined = true;
    ink_grammar_set_rule(r->grammar, rule, body);
    return INK_OK;
}

static const char *name_of(void *context, uint32_t rule)
{
    return ((const reader *)context)->names[rule].shown;
}

static ink_status read_grammar(reader *r, ink_expr *root)
{
    uint32_t rule = 0;
    INK_TRY(find_rule(r, (ink_text){"root", 4}, 0, &rule));
    for (skip_blanks(r, true); peek(r) >= 0; skip_blanks(r, true))
        INK_TRY(read_rule(r));
    for (size_t i = 0; i < r->n_names; i++) {
        r->at = r->names[i].mentioned;
        if (!r->names[i].defined)
            return fail(r, INK_CORRUPT, "%s is not defined", r->names[i].shown);
    }
    *root = ink_expr_rule(r->grammar, rule);
    return ink_grammar_finish(r->grammar, root, name_of, r, r->error);
}

ink_status ink_gbnf_compile(ink_grammar *grammar, ink_text text, ink_expr *root, ink_error *error)
{
    if (text.n_bytes > INK_GBNF_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "a grammar of %zu bytes; at most %zu are supported",
                        text.n_bytes, INK_GBNF_MAX_BYTES);
    reader r = {.grammar = grammar, .text = text, .error = error};
    r.buckets = ink_new(grammar->allocator, N_BUCKETS, sizeof *r.buckets);
    ink_status status = r.buckets ? read_grammar(&r, root) : ink_fail_memory(error, "a grammar");
    ink_delete(grammar->allocator, r.buckets);
    ink_delete(grammar->allocator, r.names);
    ink_delete(grammar->allocator, r.next.items);
    return status;
}
