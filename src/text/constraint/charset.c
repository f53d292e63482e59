#include "text/constraint/charset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/constraint/grammar_nodes.h"

enum { LAST = 0x10ffff, SURROGATE = 0xd800, BEHIND_SURROGATES = 0xe000 };

/* ---- Sets */

void ink_charset_deinit(ink_charset *set)
{
    ink_delete(set->grammar->allocator, set->ranges);
    set->grammar->used_bytes -= set->capacity * sizeof *set->ranges;
    *set = (ink_charset){.grammar = set->grammar};
}

void ink_charset_add(ink_charset *set, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    if (set->n > 0 && low <= set->ranges[set->n - 1].high + 1 &&
        low >= set->ranges[set->n - 1].low) {
        if (high > set->ranges[set->n - 1].high)
            set->ranges[set->n - 1].high = high;
        return;
    }
    if (set->n == INK_CHARSET_MAX_RANGES)
        ink_grammar_fail(set->grammar, INK_LIMIT, "a set of characters has more than %d ranges",
                         INK_CHARSET_MAX_RANGES);
    if (ink_grammar_grow(set->grammar, &set->ranges, set->n, &set->capacity, sizeof *set->ranges))
        set->ranges[set->n++] = (ink_char_range){low, high};
}

void ink_charset_add_all(ink_charset *set, const ink_charset *other)
{
    for (size_t i = 0; i < other->n; i++)
        ink_charset_add(set, other->ranges[i].low, other->ranges[i].high);
}

static int by_low(const void *a, const void *b)
{
    const ink_char_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Sorted, none touching another. */
static void sort(ink_charset *set)
{
    size_t n = set->n;
    if (n > 1)
        qsort(set->ranges, n, sizeof *set->ranges, by_low);
    set->n = 0;
    for (size_t i = 0; i < n; i++) {
        ink_char_range range = set->ranges[i];
        ink_charset_add(set, range.low, range.high); /* never more than are read */
    }
}

void ink_charset_invert(ink_charset *set)
{
    ink_charset rest = {.grammar = set->grammar};
    uint32_t next = 0;
    sort(set);
    for (size_t i = 0; i < set->n; i++) {
        if (set->ranges[i].low > next)
            ink_charset_add(&rest, next, set->ranges[i].low - 1);
        next = set->ranges[i].high + 1;
    }
    if (next <= LAST)
        ink_charset_add(&rest, next, LAST);
    ink_charset_deinit(set);
    *set = rest;
}

/* name, long name, first and last of utf8proc's categories */
static const struct category {
    const char *name, *long_name;
    int first, last;
} categories[] = {
    {"Any", "Any", 0, 29},
    {"L", "Letter", UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO},
    {"Lu", "Uppercase_Letter", UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LU},
    {"Ll", "Lowercase_Letter", UTF8PROC_CATEGORY_LL, UTF8PROC_CATEGORY_LL},
    {"Lt", "Titlecase_Letter", UTF8PROC_CATEGORY_LT, UTF8PROC_CATEGORY_LT},
    {"Lm", "Modifier_Letter", UTF8PROC_CATEGORY_LM, UTF8PROC_CATEGORY_LM},
    {"Lo", "Other_Letter", UTF8PROC_CATEGORY_LO, UTF8PROC_CATEGORY_LO},
    {"M", "Mark", UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME},
    {"Mn", "Nonspacing_Mark", UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_MN},
    {"Mc", "Spacing_Mark", UTF8PROC_CATEGORY_MC, UTF8PROC_CATEGORY_MC},
    {"Me", "Enclosing_Mark", UTF8PROC_CATEGORY_ME, UTF8PROC_CATEGORY_ME},
    {"N", "Number", UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO},
    {"Nd", "Decimal_Number", UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_ND},
    {"Nd", "digit", UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_ND},
    {"Nl", "Letter_Number", UTF8PROC_CATEGORY_NL, UTF8PROC_CATEGORY_NL},
    {"No", "Other_Number", UTF8PROC_CATEGORY_NO, UTF8PROC_CATEGORY_NO},
    {"P", "Punctuation", UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO},
    {"Pc", "Connector_Punctuation", UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PC},
    {"Pd", "Dash_Punctuation", UTF8PROC_CATEGORY_PD, UTF8PROC_CATEGORY_PD},
    {"Ps", "Open_Punctuation", UTF8PROC_CATEGORY_PS, UTF8PROC_CATEGORY_PS},
    {"Pe", "Close_Punctuation", UTF8PROC_CATEGORY_PE, UTF8PROC_CATEGORY_PE},
    {"Pi", "Initial_Punctuation", UTF8PROC_CATEGORY_PI, UTF8PROC_CATEGORY_PI},
    {"Pf", "Final_Punctuation", UTF8PROC_CATEGORY_PF, UTF8PROC_CATEGORY_PF},
    {"Po", "Other_Punctuation", UTF8PROC_CATEGORY_PO, UTF8PROC_CATEGORY_PO},
    {"S", "Symbol", UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO},
    {"Sm", "Math_Symbol", UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SM},
    {"Sc", "Currency_Symbol", UTF8PROC_CATEGORY_SC, UTF8PROC_CATEGORY_SC},
    {"Sk", "Modifier_Symbol", UTF8PROC_CATEGORY_SK, UTF8PROC_CATEGORY_SK},
    {"So", "Other_Symbol", UTF8PROC_CATEGORY_SO, UTF8PROC_CATEGORY_SO},
    {"Z", "Separator", UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP},
    {"Zs", "Space_Separator", UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZS},
    {"Zl", "Line_Separator", UTF8PROC_CATEGORY_ZL, UTF8PROC_CATEGORY_ZL},
    {"Zp", "Paragraph_Separator", UTF8PROC_CATEGORY_ZP, UTF8PROC_CATEGORY_ZP},
    {"Cc", "Control", UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CC},
    {"Cf", "Format", UTF8PROC_CATEGORY_CF, UTF8PROC_CATEGORY_CF},
};

static bool same(const char *name, const char *text, size_t n_bytes)
{
    return strlen(name) == n_bytes && memcmp(name, text, n_bytes) == 0;
}

static void add_category(ink_charset *set, const struct category *row)
{
    uint32_t first = 0;
    bool inside = false;
    for (uint32_t c = 0; c <= LAST + 1; c++) {
        int category = c <= LAST ? (int)utf8proc_category((utf8proc_int32_t)c) : -1;
        bool in = category >= row->first && category <= row->last;
        if (inside && !in)
            ink_charset_add(set, first, c - 1);
        if (in && !inside)
            first = c;
        inside = in;
    }
}

bool ink_charset_add_category(ink_charset *set, const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++) {
        const struct category *row = &categories[i];
        if (!same(row->name, name, n_bytes) && !same(row->long_name, name, n_bytes))
            continue;
        if (i == 0)
            ink_charset_add(set, 0, LAST);
        else
            add_category(set, row);
        return true;
    }
    return false;
}

/* ---- UTF-8 */

/* How much of [low, high] a sorted set has. */
typedef enum share { SHARE_NONE, SHARE_SOME, SHARE_ALL } share;

static share share_of(const ink_charset *set, uint32_t low, uint32_t high)
{
    size_t first = 0, n = set->n;
    while (n > 0) { /* the first range that ends at `low` or behind */
        size_t half = n / 2;
        if (set->ranges[first + half].high < low) {
            first += half + 1;
            n -= half + 1;
        } else
            n = half;
    }
    if (first == set->n || set->ranges[first].low > high)
        return SHARE_NONE;
    return set->ranges[first].low <= low && set->ranges[first].high >= high ? SHARE_ALL
                                                                            : SHARE_SOME;
}

/* First bytes, with what must follow each; equal followers come together. */
typedef struct branches {
    ink_expr tails[64];
    ink_byte_set heads[64];
    size_t n;
} branches;

static void add_branch(branches *b, unsigned byte, ink_expr tail)
{
    if (tail == INK_EXPR_FAIL)
        return;
    size_t i = 0;
    while (i < b->n && b->tails[i] != tail)
        i++;
    if (i == b->n)
        b->tails[b->n++] = tail;
    ink_byte_set_add(&b->heads[i], byte);
}

static ink_expr join_branches(ink_grammar *grammar, const branches *b)
{
    ink_expr items[64];
    for (size_t i = 0; i < b->n; i++)
        items[i] = ink_expr_seq(grammar, ink_expr_set(grammar, &b->heads[i]), b->tails[i]);
    return ink_expr_alts(grammar, items, b->n);
}

/* The last n bytes of characters from `low` on; [low, low + 64^n) is what n bytes can say. */
static ink_expr utf8_tail(const ink_charset *set, uint32_t low, unsigned n)
{
    ink_grammar *grammar = set->grammar;
    uint32_t size = UINT32_C(1) << (6 * n);
    share whole = share_of(set, low, low + size - 1);
    if (whole == SHARE_NONE)
        return INK_EXPR_FAIL;
    if (whole == SHARE_ALL)
        return ink_expr_repeat(grammar, ink_expr_range(grammar, 0x80, 0xbf), n, n);
    branches b = {.n = 0};
    for (unsigned i = 0; i < 64; i++) {
        uint32_t at = low + i * (size >> 6);
        ink_expr tail = n > 1
                            ? utf8_tail(set, at, n - 1)
                            : (share_of(set, at, at) == SHARE_ALL ? INK_EXPR_EMPTY : INK_EXPR_FAIL);
        add_branch(&b, 0x80 + i, tail);
    }
    return join_branches(grammar, &b);
}

/* The part of `set` in [low, high], whose characters take 1 + n bytes. */
static ink_expr utf8_length(const ink_charset *set, uint32_t low, uint32_t high, unsigned n)
{
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    ink_charset part = {.grammar = set->grammar};
    for (size_t i = 0; i < set->n; i++) {
        uint32_t from = set->ranges[i].low > low ? set->ranges[i].low : low;
        uint32_t to = set->ranges[i].high < high ? set->ranges[i].high : high;
        if (from <= to)
            ink_charset_add(&part, from, to);
    }
    ink_expr items[4];
    size_t n_items = 0;
    uint32_t step = UINT32_C(1) << (6 * n), lead = low / step;
    while (lead * step <= high) {
        branches b = {.n = 0};
        for (size_t i = 0; i < 64 && lead * step <= high; i++, lead++)
            add_branch(
                &b, leads[n] + lead,
                n ? utf8_tail(&part, lead * step, n)
                  : (share_of(&part, lead, lead) == SHARE_ALL ? INK_EXPR_EMPTY : INK_EXPR_FAIL));
        items[n_items++] = join_branches(set->grammar, &b);
    }
    ink_charset_deinit(&part);
    return ink_expr_alts(set->grammar, items, n_items);
}

static ink_expr utf8_expr(ink_charset *set)
{
    ink_expr items[5];
    sort(set);
    items[0] = utf8_length(set, 0, 0x7f, 0);
    items[1] = utf8_length(set, 0x80, 0x7ff, 1);
    items[2] = utf8_length(set, 0x800, SURROGATE - 1, 2);
    items[3] = utf8_length(set, BEHIND_SURROGATES, 0xffff, 2);
    items[4] = utf8_length(set, 0x10000, LAST, 3);
    return ink_expr_alts(set->grammar, items, 5);
}

/* ---- JSON */

/* Characters that have a short escape, and its letter. */
static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt";

static size_t escape(uint32_t c, char out[8])
{
    const char *at = c && c < 0x80 ? strchr(short_from, (int)c) : NULL;
    if (at) {
        out[0] = '\\';
        out[1] = short_to[at - short_from];
        return 2;
    }
    return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)c & 0xffff);
}

/* The characters of the set that must be escaped, then the others as they are. */
static ink_expr json_expr(ink_charset *set)
{
    ink_charset plain = {.grammar = set->grammar};
    ink_expr items[40];
    size_t n_items = 0;
    sort(set);
    for (uint32_t c = 0; c < 0x5d; c++) {
        char text[8];
        if ((c < 0x20 || c == '"' || c == '\\') && share_of(set, c, c) == SHARE_ALL)
            items[n_items++] = ink_expr_text(set->grammar, text, escape(c, text));
    }
    ink_charset_add_all(&plain, set);
    ink_charset_invert(&plain);
    ink_charset_add(&plain, 0, 0x1f);
    ink_charset_add(&plain, '"', '"');
    ink_charset_add(&plain, '\\', '\\');
    ink_charset_invert(&plain);
    items[n_items++] = utf8_expr(&plain);
    ink_charset_deinit(&plain);
    return ink_expr_alts(set->grammar, items, n_items);
}

ink_expr ink_charset_expr(ink_charset *set, ink_spelled spelled)
{
    return spelled == INK_SPELLED_JSON ? json_expr(set) : utf8_expr(set);
}

ink_expr ink_char_any(ink_grammar *grammar, ink_spelled spelled)
{
    ink_charset all = {.grammar = grammar};
    ink_charset_add(&all, 0, LAST);
    ink_expr any = ink_charset_expr(&all, spelled);
    ink_charset_deinit(&all);
    return any;
}

/* Hexadecimal digits from `low` to `high`, in both cases. */
static ink_expr hex(ink_grammar *grammar, unsigned low, unsigned high)
{
    ink_byte_set set = {{0}};
    for (unsigned i = low; i <= high; i++) {
        ink_byte_set_add(&set, (unsigned char)"0123456789abcdef"[i]);
        ink_byte_set_add(&set, (unsigned char)"0123456789ABCDEF"[i]);
    }
    return ink_expr_set(grammar, &set);
}

ink_expr ink_char_json_free(ink_grammar *grammar)
{
    ink_expr digit = hex(grammar, 0, 15), two = ink_expr_repeat(grammar, digit, 2, 2);
    ink_expr three = ink_expr_repeat(grammar, digit, 3, 3), d = hex(grammar, 13, 13);
    ink_expr high = ink_expr_seq(grammar, d, ink_expr_seq(grammar, hex(grammar, 8, 11), two));
    ink_expr low = ink_expr_seq(grammar, d, ink_expr_seq(grammar, hex(grammar, 12, 15), two));
    ink_expr below = ink_expr_seq(grammar, d, ink_expr_seq(grammar, hex(grammar, 0, 7), two));
    ink_expr others = ink_expr_alt(grammar, hex(grammar, 0, 12), hex(grammar, 14, 15));
    ink_expr pair =
        ink_expr_seq(grammar, high, ink_expr_seq(grammar, ink_expr_literal(grammar, "\\u"), low));
    ink_expr codes[] = {ink_expr_seq(grammar, others, three), below, pair};
    ink_expr code =
        ink_expr_seq(grammar, ink_expr_literal(grammar, "u"), ink_expr_alts(grammar, codes, 3));
    ink_byte_set letters = {{0}};
    for (const char *letter = "\"\\/bfnrt"; *letter; letter++)
        ink_byte_set_add(&letters, (unsigned char)*letter);
    ink_expr escaped = ink_expr_alt(grammar, ink_expr_set(grammar, &letters), code);
    ink_charset plain = {.grammar = grammar};
    ink_charset_add(&plain, 0x20, '"' - 1);
    ink_charset_add(&plain, '"' + 1, '\\' - 1);
    ink_charset_add(&plain, '\\' + 1, LAST);
    ink_expr as_it_is = utf8_expr(&plain);
    ink_charset_deinit(&plain);
    escaped = ink_expr_seq(grammar, ink_expr_literal(grammar, "\\"), escaped);
    return ink_expr_alt(grammar, as_it_is, escaped);
}

ink_expr ink_text_expr(ink_grammar *grammar, const char *text, size_t n_bytes, ink_spelled spelled)
{
    if (spelled == INK_SPELLED_PLAIN)
        return ink_expr_text(grammar, text, n_bytes);
    ink_buffer out;
    char escaped[8];
    ink_buffer_init(&out, grammar->allocator, SIZE_MAX);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == '"' || byte == '\\')
            (void)ink_buffer_append(&out, escaped, escape(byte, escaped));
        else
            (void)ink_buffer_append(&out, text + i, 1);
    }
    ink_expr result =
        out.failed ? ink_grammar_fail(grammar, INK_NO_MEMORY, "out of memory for a constraint")
                   : ink_expr_text(grammar, out.data, out.n_bytes);
    ink_buffer_deinit(&out);
    return result;
}
