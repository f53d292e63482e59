/* Whether a sentence is one of a template: sets of positions, as bits, from node to node. */
#include <stdio.h>
#include <string.h>
#include "expand.h"

typedef struct matcher {
    const grammar *grammar;
    const char *const *words;
    size_t n_words;
} matcher;

static uint64_t match(const matcher *m, const node *n, uint64_t at);

static uint64_t match_word(const matcher *m, const char *word, uint64_t at)
{
    uint64_t next = 0;
    for (size_t i = 0; i < m->n_words; i++)
        if (at >> i & 1 && strcmp(m->words[i], word) == 0)
            next |= (uint64_t)1 << (i + 1);
    return next;
}

static uint64_t match_slot(const matcher *m, const node *n, uint64_t at)
{
    char word[64];
    if (n->sign == '=')
        return at;
    (void)snprintf(word, sizeof word, "{%s}", n->text);
    return match_word(m, word, at);
}

static uint64_t match(const matcher *m, const node *n, uint64_t at)
{
    uint64_t next = 0;
    if (!at)
        return 0;
    switch (n->kind) {
    case NODE_WORD:
        return match_word(m, n->text, at);
    case NODE_SLOT:
        return match_slot(m, n, at);
    case NODE_RULE:
        return match(m, grammar_rule(m->grammar, n->text), at);
    case NODE_CHOICE:
        next = n->optional ? at : 0;
        for (const node *child = n->child; child; child = child->next)
            next |= match(m, child, at);
        return next;
    case NODE_SEQUENCE:
        for (const node *child = n->child; child && at; child = child->next)
            at = match(m, child, at);
        return at;
    }
    return 0;
}

bool template_matches(const grammar *g, const template *t, const char *const *words, size_t n_words)
{
    matcher m = {.grammar = g, .words = words, .n_words = n_words};
    return n_words < 63 && match(&m, t->body, 1) >> n_words & 1;
}
