#include "text/constraint/constraint.h"

#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/constraint/answer_parts.h"
#include "text/constraint/gbnf.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/regex.h"
#include "text/constraint/schema.h"
#include "text/constraint/tool_grammar.h"

/* ---- Compiling */

static const char *no_name(void *context, uint32_t rule)
{
    (void)context;
    (void)rule;
    return "the expression";
}

static ink_status compile_regex(ink_constraint *c, ink_text text, ink_error *error)
{
    const ink_regex_options options = {.spelled = INK_SPELLED_PLAIN};
    INK_TRY(ink_regex_compile(&c->grammar, text, options, &c->root, error));
    return ink_grammar_finish(&c->grammar, &c->root, no_name, NULL, error);
}

/* One choice up to a comma: unescaped into `out`. Returns where it ends. */
static size_t read_choice(ink_text text, size_t at, ink_buffer *out)
{
    out->n_bytes = 0;
    for (; at < text.n_bytes && text.data[at] != ','; at++) {
        bool escaped = text.data[at] == '\\' && at + 1 < text.n_bytes &&
                       (text.data[at + 1] == ',' || text.data[at + 1] == '\\');
        at += escaped;
        (void)ink_buffer_append(out, text.data + at, 1);
    }
    return at;
}

static ink_status add_choices(ink_constraint *c, ink_text text, ink_buffer *choice,
                              ink_error *error)
{
    ink_grammar *grammar = &c->grammar;
    size_t base = grammar->stack.n;
    for (size_t at = 0; at <= text.n_bytes; at++) {
        size_t begin = at;
        at = read_choice(text, at, choice);
        if (choice->failed)
            return ink_fail_memory(error, "choices");
        if (choice->n_bytes == 0)
            return ink_fail(error, INK_CORRUPT, begin, "the choice at byte %zu is empty", begin);
        if (!ink_utf8_valid(choice->data, choice->n_bytes))
            return ink_fail(error, INK_CORRUPT, begin, "the choice at byte %zu is not valid UTF-8",
                            begin);
        (void)ink_grammar_push(grammar, &grammar->stack,
                               ink_expr_text(grammar, choice->data, choice->n_bytes));
    }
    INK_TRY(ink_grammar_status(grammar, error));
    c->root = ink_expr_alts_from(grammar, base);
    return ink_grammar_finish(grammar, &c->root, no_name, NULL, error);
}

static ink_status compile_choice(ink_constraint *c, ink_text text, ink_error *error)
{
    ink_buffer choice;
    if (text.n_bytes > INK_CHOICE_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "choices of %zu bytes; at most %zu are supported",
                        text.n_bytes, INK_CHOICE_MAX_BYTES);
    ink_buffer_init(&choice, c->allocator, INK_CHOICE_MAX_BYTES);
    ink_status status = add_choices(c, text, &choice, error);
    ink_buffer_deinit(&choice);
    return status;
}

static ink_status compile(ink_constraint *c, const ink_constraint_source *source, ink_error *error)
{
    ink_text text = {source->text, source->n_bytes};
    switch (source->kind) {
    case INK_CONSTRAINT_SCHEMA:
        return ink_schema_compile(&c->grammar, text, source->form, &c->root, error);
    case INK_CONSTRAINT_GRAMMAR:
        return ink_gbnf_compile(&c->grammar, text, &c->root, error);
    case INK_CONSTRAINT_REGEX:
        return compile_regex(c, text, error);
    case INK_CONSTRAINT_CHOICE:
        return compile_choice(c, text, error);
    default:
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no kind %d of constraints",
                        (int)source->kind);
    }
}

static ink_status build(ink_constraint *c, const ink_constraint_source *source,
                        const struct ink_tools *tools, ink_error *error)
{
    INK_TRY(ink_grammar_init(&c->grammar, c->allocator, error));
    if (c->trie) {
        INK_TRY(ink_token_mask_init(&c->masks, &c->grammar, c->trie, error));
        c->mask = ink_new(c->allocator, c->trie->n_words, sizeof *c->mask);
        if (!c->mask)
            return ink_fail_memory(error, "a mask of tokens");
    }
    if ((unsigned)source->thinking > INK_THINKING_OPEN)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no way %d of thinking",
                        (int)source->thinking);
    c->marked = tools || source->thinking != INK_THINKING_NONE;
    c->grammar.prefix = ink_thinking_prefix(&c->grammar, c->vocab, source->thinking);
    INK_TRY(tools ? ink_tool_grammar(&c->grammar, tools, &c->root, error)
                  : compile(c, source, error));
    for (unsigned byte = 0; byte < 256; byte++)
        c->class_size[c->grammar.class_of[byte]]++;
    c->state = c->root;
    return INK_OK;
}

ink_status ink_constraint_make(ink_constraint **out, const ink_constraint_source *source,
                               const struct ink_tools *tools, const ink_token_trie *trie,
                               const ink_allocator *allocator, ink_error *error)
{
    ink_constraint *c = ink_new(allocator, 1, sizeof *c);
    if (!c)
        return ink_fail_memory(error, "a constraint");
    *c = (ink_constraint){.allocator = allocator, .trie = trie, .vocab = trie ? trie->vocab : NULL};
    c->masks.allocator = allocator;
    ink_status status = build(c, source, tools, error);
    if (status == INK_OK)
        *out = c;
    else
        ink_constraint_free(c);
    return status;
}

void ink_constraint_free(ink_constraint *c)
{
    if (!c)
        return;
    ink_token_mask_deinit(&c->masks);
    ink_grammar_deinit(&c->grammar);
    ink_delete(c->allocator, c->mask);
    ink_delete(c->allocator, c);
}

/* ---- Texts */

void ink_constraint_reset(ink_constraint *c)
{
    c->state = c->root;
    c->n_bytes = 0;
}

ink_status ink_constraint_accept(ink_constraint *c, const char *text, size_t n_bytes,
                                 size_t *n_accepted, ink_error *error)
{
    size_t at = 0;
    for (; at < n_bytes; at++) {
        ink_grammar_begin(&c->grammar);
        ink_expr next = ink_grammar_step(&c->grammar, c->state, (unsigned char)text[at]);
        INK_TRY(ink_grammar_status(&c->grammar, error));
        if (next == INK_EXPR_FAIL)
            break;
        c->state = next;
    }
    c->n_bytes += at;
    if (n_accepted)
        *n_accepted = at;
    return INK_OK;
}

bool ink_constraint_may_end(const ink_constraint *c)
{
    return ink_expr_accepts_empty(&c->grammar, c->state);
}

/* How many bytes may follow: none, `*byte` alone, or more than one. */
static unsigned count_next(ink_constraint *c, unsigned *byte)
{
    unsigned n = 0;
    ink_grammar *grammar = &c->grammar;
    ink_grammar_begin(grammar);
    for (size_t class = 0; class < grammar->n_classes && n < 2; class ++) {
        if (ink_grammar_step(grammar, c->state, grammar->byte_of[class]) == INK_EXPR_FAIL)
            continue;
        n += c->class_size[class];
        *byte = grammar->byte_of[class];
    }
    return n;
}

bool ink_constraint_must_end(ink_constraint *c)
{
    unsigned byte;
    return ink_constraint_may_end(c) && count_next(c, &byte) == 0;
}

/* ---- Tokens */

static ink_status need_tokens(const ink_constraint *c, ink_error *error)
{
    if (c->trie)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "the constraint was made without a model");
}

size_t ink_constraint_mask_words(const ink_constraint *c)
{
    return c->trie ? c->trie->n_words : 0;
}

ink_status ink_constraint_mask(ink_constraint *c, const uint32_t **mask, ink_error *error)
{
    const uint32_t *texts;
    INK_TRY(need_tokens(c, error));
    INK_TRY(ink_token_mask_get(&c->masks, c->state, &texts, error));
    *mask = texts;
    if (!ink_constraint_may_end(c))
        return INK_OK;
    memcpy(c->mask, texts, c->trie->n_words * sizeof *c->mask);
    for (size_t i = 0; i < c->trie->n_ends; i++)
        c->mask[c->trie->ends[i] / 32] |= UINT32_C(1) << (c->trie->ends[i] % 32);
    *mask = c->mask;
    return INK_OK;
}

ink_status ink_constraint_accept_token(ink_constraint *c, int32_t token, ink_error *error)
{
    size_t n_accepted;
    INK_TRY(need_tokens(c, error));
    ink_text text = ink_token_trie_text(c->trie, token);
    ink_expr before = c->state;
    size_t n_before = c->n_bytes;
    if (ink_vocab_is_end(c->vocab, token) && ink_constraint_may_end(c))
        return INK_OK;
    if (text.n_bytes > 0) {
        INK_TRY(ink_constraint_accept(c, text.data, text.n_bytes, &n_accepted, error));
        if (n_accepted == text.n_bytes)
            return INK_OK;
    }
    c->state = before;
    c->n_bytes = n_before;
    return ink_fail(error, INK_BAD_ARGUMENT, n_before,
                    "token %" PRId32 " may not follow behind byte %zu of the text", token,
                    n_before);
}
