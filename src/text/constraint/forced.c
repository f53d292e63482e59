/*
 * Stretches of text that are the only ones possible: their tokens are those that the tokenizer
 * makes of the stretch, as far as no token that reaches over its end could be meant instead.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/constraint.h"
#include "text/constraint/grammar_nodes.h"
#include "text/tokenizer.h"

/* The only byte that may follow in `state`, or -1. */
static int only_byte(ink_constraint *c, ink_expr state)
{
    ink_grammar *grammar = &c->grammar;
    int byte = -1;
    if (ink_expr_accepts_empty(grammar, state))
        return -1;
    for (size_t class = 0; class < grammar->n_classes; class ++) {
        if (ink_grammar_step(grammar, state, grammar->byte_of[class]) == INK_EXPR_FAIL)
            continue;
        if (byte >= 0 || c->class_size[class] > 1)
            return -1;
        byte = grammar->byte_of[class];
    }
    return byte;
}

/* The stretch, and the state behind it. */
static size_t find_stretch(ink_constraint *c, char text[INK_FORCED_MAX_BYTES], ink_expr *behind)
{
    size_t n = 0;
    ink_expr state = c->state;
    ink_grammar_begin(&c->grammar);
    for (int byte; n < INK_FORCED_MAX_BYTES && (byte = only_byte(c, state)) >= 0; n++) {
        text[n] = (char)byte;
        state = ink_grammar_step(&c->grammar, state, (unsigned)byte);
    }
    *behind = state;
    return n;
}

typedef struct follower {
    ink_grammar *grammar;
    ink_expr state;
} follower;

static bool may_follow(void *context, unsigned byte)
{
    const follower *f = context;
    return ink_grammar_step(f->grammar, f->state, byte) != INK_EXPR_FAIL;
}

/* How many of the tokens spell the stretch from its begin and do not depend on what follows. */
static size_t count_settled(ink_constraint *c, ink_text stretch, ink_expr behind,
                            const int32_t *ids, size_t n_ids)
{
    follower f = {&c->grammar, behind};
    size_t at = 0;
    for (size_t i = 0; i < n_ids; i++) {
        ink_text text = ink_token_trie_text(c->trie, ids[i]);
        ink_text rest = {stretch.data + at, stretch.n_bytes - at};
        if (text.n_bytes == 0 || text.n_bytes > rest.n_bytes ||
            memcmp(text.data, rest.data, text.n_bytes) != 0 ||
            ink_token_trie_goes_on(c->trie, rest, may_follow, &f))
            return i;
        at += text.n_bytes;
    }
    return n_ids;
}

static bool says(ink_text text, const char *what)
{
    return text.n_bytes == strlen(what) && memcmp(text.data, what, text.n_bytes) == 0;
}

/*
 * Tokenizes the stretch behind a new line, so that no blank is put before it; `*first` is where
 * its own tokens begin, n_tokens when the tokenizer joined it with the new line.
 */
static ink_status tokenize(ink_constraint *c, ink_text stretch, ink_token_list *list, size_t *first,
                           ink_error *error)
{
    char text[INK_FORCED_MAX_BYTES + 1] = {'\n'};
    bool found = false, blank = true;
    memcpy(text + 1, stretch.data, stretch.n_bytes);
    INK_TRY(ink_vocab_encode(c->vocab, (ink_text){text, stretch.n_bytes + 1},
                             (ink_encode_options){.add_special = false}, list, error));
    for (*first = 0; *first < list->n_tokens && !found && blank; ++*first) {
        ink_text token = ink_token_trie_text(c->trie, list->ids[*first]);
        found = says(token, "\n") || (*first == 0 && says(token, " \n"));
        blank = *first == 0 && says(token, " ");
    }
    if (!found)
        *first = list->n_tokens;
    return INK_OK;
}

static ink_status forced_into(ink_constraint *c, ink_token_list *list, ink_tokens *out,
                              ink_error *error)
{
    char text[INK_FORCED_MAX_BYTES];
    ink_expr behind;
    size_t first = 0;
    ink_text stretch = {text, find_stretch(c, text, &behind)};
    INK_TRY(ink_grammar_status(&c->grammar, error));
    out->n_tokens = 0;
    if (stretch.n_bytes == 0)
        return INK_OK;
    INK_TRY(tokenize(c, stretch, list, &first, error));
    size_t n = count_settled(c, stretch, behind, list->ids + first, list->n_tokens - first);
    INK_TRY(ink_grammar_status(&c->grammar, error));
    if (n > out->capacity) {
        int32_t *ids = ink_resize(out->allocator, out->ids, n, sizeof *ids);
        if (!ids)
            return ink_fail_memory(error, "forced tokens");
        out->ids = ids;
        out->capacity = n;
    }
    if (n > 0 && out->ids)
        memcpy(out->ids, list->ids + first, n * sizeof *out->ids);
    out->n_tokens = n;
    return INK_OK;
}

ink_status ink_constraint_forced(ink_constraint *c, ink_tokens *out, ink_error *error)
{
    ink_token_list list;
    if (!c->trie)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the constraint was made without a model");
    ink_token_list_init(&list, c->allocator, SIZE_MAX);
    if (!out->ids)
        out->allocator = c->allocator;
    ink_status status = forced_into(c, &list, out, error);
    ink_token_list_deinit(&list);
    return status;
}
