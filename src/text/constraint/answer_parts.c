#include "text/constraint/answer_parts.h"

#include <string.h>
#include "text/constraint/charset.h"
#include "text/constraint/token_trie.h"

#define MAX_BLANKS 4 /* between thoughts and the answer */

/* How long the control token is that `text` begins with; 0: it begins with none. */
static size_t control_length(const ink_vocab *vocab, const char *text)
{
    const char *end = *text == '<' ? strchr(text, '>') : *text == '[' ? strchr(text, ']') : NULL;
    if (!vocab || !end)
        return 0;
    size_t n = (size_t)(end - text) + 1;
    int32_t token = ink_vocab_find(vocab, (ink_text){text, n});
    return token >= 0 && ink_vocab_token_type(vocab, token) == INK_TOKEN_CONTROL ? n : 0;
}

ink_expr ink_marked_expr(ink_grammar *grammar, const ink_vocab *vocab, const char *text)
{
    const char control = (char)INK_CONTROL_BYTE;
    ink_expr all = INK_EXPR_EMPTY;
    while (*text) {
        size_t n = control_length(vocab, text);
        if (n)
            all = ink_expr_seq(grammar, all, ink_expr_text(grammar, &control, 1));
        else
            for (n = 1; text[n] && !control_length(vocab, text + n);)
                n++;
        all = ink_expr_seq(grammar, all, ink_expr_text(grammar, text, n));
        text += n;
    }
    return all;
}

static ink_expr any_text(ink_grammar *grammar)
{
    return ink_expr_repeat(grammar, ink_char_any(grammar, INK_SPELLED_PLAIN), 0, INK_EXPR_FOREVER);
}

ink_expr ink_text_without(ink_grammar *grammar, const char *const *words, size_t n)
{
    ink_expr any = any_text(grammar), found = INK_EXPR_FAIL;
    for (size_t i = 0; i < n; i++)
        found = ink_expr_alt(grammar, found, ink_expr_literal(grammar, words[i]));
    if (n == 0)
        return any;
    found = ink_expr_seq(grammar, any, ink_expr_seq(grammar, found, any));
    return ink_expr_and(grammar, any, ink_expr_not(grammar, found));
}

static ink_expr blanks(ink_grammar *grammar, uint32_t max)
{
    ink_byte_set set = {{0}};
    for (const char *c = " \t\n\r"; *c; c++)
        ink_byte_set_add(&set, (unsigned char)*c);
    return ink_expr_repeat(grammar, ink_expr_set(grammar, &set), 0, max);
}

ink_expr ink_text_not_begun_by(ink_grammar *grammar, char first)
{
    ink_expr any = any_text(grammar);
    ink_expr begun = ink_expr_seq(grammar, ink_expr_text(grammar, &first, 1), any);
    begun = ink_expr_seq(grammar, blanks(grammar, INK_EXPR_FOREVER), begun);
    return ink_expr_and(grammar, any, ink_expr_not(grammar, begun));
}

ink_expr ink_thinking_prefix(ink_grammar *grammar, const ink_vocab *vocab, ink_thinking thinking)
{
    static const char *const close = "</think>";
    if (thinking == INK_THINKING_NONE)
        return INK_EXPR_NONE;
    ink_expr block =
        ink_expr_seq(grammar, ink_marked_expr(grammar, vocab, close), blanks(grammar, MAX_BLANKS));
    block = ink_expr_seq(grammar, ink_text_without(grammar, &close, 1), block);
    if (thinking == INK_THINKING_OPEN)
        return block;
    block = ink_expr_seq(grammar, ink_marked_expr(grammar, vocab, "<think>"), block);
    return ink_expr_optional(grammar, block);
}
