#include "text/constraint/token_trie.h"

#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "base/utf8.h"
#include "text/detokenizer.h"

static const uint8_t limits[INK_TRIE_N_LIMITS] = INK_TRIE_LENGTHS;

/* A token to be put into its place. */
typedef struct entry {
    uint64_t head; /* group, then the first seven bytes: what most comparisons need */
    const char *text;
    uint32_t n_bytes;
    int32_t token;
} entry;

/* ---- Groups */

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static unsigned family_of(ink_text text, size_t *n_chars)
{
    bool word = true;
    *n_chars = 0;
    for (size_t at = 0, n; at < text.n_bytes; at += n, ++*n_chars) {
        uint32_t c;
        n = ink_utf8_decode(text.data + at, text.n_bytes - at, &c);
        if (n == 0 || c < 0x20 || c == '"' || c == '\\')
            return INK_TRIE_REST;
        word = word && is_word(c);
    }
    return word ? INK_TRIE_WORD : INK_TRIE_PLAIN;
}

static unsigned group_of(ink_text text)
{
    unsigned length = 0;
    size_t n_chars;
    while (length < INK_TRIE_N_LIMITS && text.n_bytes > limits[length])
        length++;
    return ink_trie_group(family_of(text, &n_chars), length);
}

static uint64_t head_of(unsigned group, ink_text text)
{
    uint64_t head = group;
    for (size_t i = 0; i < 7; i++)
        head = head << 8 | (i < text.n_bytes ? (unsigned char)text.data[i] : 0);
    return head;
}

static int by_text(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->head != y->head)
        return x->head > y->head ? 1 : -1;
    int order = memcmp(x->text, y->text, ink_size_min(x->n_bytes, y->n_bytes));
    if (order != 0)
        return order;
    if (x->n_bytes != y->n_bytes)
        return x->n_bytes > y->n_bytes ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

/* ---- Trees */

/* What is below a node, with one more child that is closed. */
static uint8_t with_child(uint8_t below, const ink_trie_node *child)
{
    unsigned kind = ink_trie_kind_of(child->byte);
    size_t n_bytes =
        ink_size_max(below >> INK_TRIE_RUN_BITS, (size_t)(child->below >> INK_TRIE_RUN_BITS) + 1);
    if (below == INK_TRIE_MIXED || child->below == INK_TRIE_MIXED || !kind ||
        n_bytes >= INK_TRIE_MIXED >> INK_TRIE_RUN_BITS)
        return INK_TRIE_MIXED;
    return INK_TRIE_RUN(((below | child->below) & (INK_TRIE_N_RUN_KINDS - 1)) | kind, n_bytes);
}

/* path[depth]: the node there, whose subtree is whole. */
static void close_node(ink_token_trie *trie, const size_t *path, size_t depth)
{
    ink_trie_node *node = &trie->nodes[path[depth]];
    node->size = (uint32_t)(trie->n_nodes - path[depth]);
    if (depth > 1)
        trie->nodes[path[depth - 1]].below = with_child(trie->nodes[path[depth - 1]].below, node);
}

/* Puts the entries [n] of one group behind the nodes there are; none counts as its root. */
static void add_group(ink_token_trie *trie, const entry *entries, size_t n)
{
    size_t path[INK_VOCAB_MAX_TOKEN_BYTES + 2]; /* [depth]: the node there */
    size_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        size_t shared = 0;
        const entry *e = &entries[i];
        if (i > 0) {
            size_t most = ink_size_min(entries[i - 1].n_bytes, e->n_bytes);
            while (shared < most && entries[i - 1].text[shared] == e->text[shared])
                shared++;
        }
        for (; depth > shared; depth--)
            close_node(trie, path, depth);
        while (depth < e->n_bytes) {
            path[++depth] = trie->n_nodes;
            trie->nodes[trie->n_nodes++] = (ink_trie_node){
                .token = -1, .depth = (uint16_t)depth, .byte = (uint8_t)e->text[depth - 1]};
        }
        ink_trie_node *node = &trie->nodes[path[depth]];
        trie->same[e->token] = node->token < 0 ? -1 : node->token & ~INK_TRIE_MORE;
        node->token = e->token | (node->token < 0 ? 0 : INK_TRIE_MORE);
    }
    for (; depth > 0; depth--)
        close_node(trie, path, depth);
}

/* How many nodes the sorted entries need. */
static size_t count_nodes(const entry *entries, size_t n)
{
    size_t n_nodes = 0;
    for (size_t i = 0; i < n; i++) {
        const entry *e = &entries[i], *before = i ? &entries[i - 1] : NULL;
        size_t shared = 0;
        bool same_group = before && before->head >> 56 == e->head >> 56;
        size_t most = same_group ? ink_size_min(before->n_bytes, e->n_bytes) : 0;
        while (shared < most && before->text[shared] == e->text[shared])
            shared++;
        n_nodes += e->n_bytes - shared;
    }
    return n_nodes;
}

static ink_status build(ink_token_trie *trie, entry *entries, size_t n, ink_error *error)
{
    qsort(entries, n, sizeof *entries, by_text);
    size_t n_nodes = count_nodes(entries, n), at = 0;
    trie->nodes = ink_new(trie->allocator, n_nodes, sizeof *trie->nodes);
    if (!trie->nodes)
        return ink_fail_memory(error, "a vocabulary's tree");
    for (unsigned group = 0; group < INK_TRIE_N_GROUPS; group++) {
        size_t end = at;
        trie->begin[group] = trie->n_nodes;
        for (; end < n && entries[end].head >> 56 == group; end++) {
            uint32_t *mask = trie->masks + group * trie->n_words;
            mask[entries[end].token / 32] |= UINT32_C(1) << (entries[end].token % 32);
        }
        add_group(trie, entries + at, end - at);
        at = end;
    }
    trie->begin[INK_TRIE_N_GROUPS] = trie->n_nodes;
    return INK_OK;
}

/* ---- Texts */

/*
 * A control token says nothing; to a constraint that asks for it, its text behind INK_CONTROL_BYTE,
 * which no other token has and no UTF-8.
 */
static size_t spell_token(const ink_vocab *vocab, int32_t token,
                          char text[INK_VOCAB_MAX_TOKEN_BYTES + 1])
{
    size_t n = ink_vocab_token_bytes(vocab, token, text);
    ink_text stored = ink_vocab_token_text(vocab, token);
    if (n > 0)
        return memchr(text, INK_CONTROL_BYTE, n) ? 0 : n;
    if (ink_vocab_token_type(vocab, token) != INK_TOKEN_CONTROL || stored.n_bytes == 0)
        return 0;
    text[0] = (char)INK_CONTROL_BYTE;
    memcpy(text + 1, stored.data, stored.n_bytes);
    return stored.n_bytes + 1;
}

static ink_status spell(ink_token_trie *trie, size_t n_tokens, ink_error *error)
{
    ink_buffer all;
    char text[INK_VOCAB_MAX_TOKEN_BYTES + 1];
    ink_buffer_init(&all, trie->allocator, UINT32_MAX);
    for (size_t i = 0; i < n_tokens; i++) {
        size_t n = spell_token(trie->vocab, (int32_t)i, text);
        trie->offsets[i] = (uint32_t)all.n_bytes;
        trie->longest_bytes = ink_size_max(trie->longest_bytes, n);
        (void)ink_buffer_append(&all, text, n);
    }
    trie->offsets[n_tokens] = (uint32_t)all.n_bytes;
    trie->bytes = all.data;
    return all.failed ? ink_fail_memory(error, "a vocabulary's texts") : INK_OK;
}

/* Plain tokens by their number of characters; the masks hold those with fewer, too. */
static ink_status count_chars(ink_token_trie *trie, size_t n_tokens, ink_error *error)
{
    size_t n_words = trie->n_words, n_chars;
    trie->long_plain = ink_new(trie->allocator, n_tokens, sizeof *trie->long_plain);
    if (!trie->long_plain)
        return ink_fail_memory(error, "a vocabulary's tree");
    for (size_t i = 0; i < n_tokens; i++) {
        ink_text text = ink_token_trie_text(trie, (int32_t)i);
        if (text.n_bytes == 0 || family_of(text, &n_chars) == INK_TRIE_REST)
            continue;
        if (n_chars <= INK_TRIE_MAX_CHARS)
            trie->by_chars[n_chars * n_words + i / 32] |= UINT32_C(1) << (i % 32);
        else
            trie->long_plain[trie->n_long_plain++] =
                (ink_plain_token){(int32_t)i, (uint32_t)n_chars};
    }
    for (size_t i = n_words; i < (INK_TRIE_MAX_CHARS + 1) * n_words; i++)
        trie->by_chars[i] |= trie->by_chars[i - n_words];
    ink_plain_token *fitting =
        ink_resize(trie->allocator, trie->long_plain, trie->n_long_plain + 1, sizeof *fitting);
    trie->long_plain = fitting ? fitting : trie->long_plain;
    return INK_OK;
}

static ink_status find_ends(ink_token_trie *trie, size_t n_tokens, ink_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < n_tokens; i++)
        n += ink_vocab_is_end(trie->vocab, (int32_t)i);
    trie->ends = ink_new(trie->allocator, n, sizeof *trie->ends);
    if (!trie->ends)
        return ink_fail_memory(error, "a vocabulary's end tokens");
    for (size_t i = 0; i < n_tokens; i++)
        if (ink_vocab_is_end(trie->vocab, (int32_t)i))
            trie->ends[trie->n_ends++] = (int32_t)i;
    return INK_OK;
}

static ink_status fill(ink_token_trie *trie, size_t n_tokens, ink_error *error)
{
    INK_TRY(find_ends(trie, n_tokens, error));
    INK_TRY(spell(trie, n_tokens, error));
    INK_TRY(count_chars(trie, n_tokens, error));
    entry *entries = ink_new(trie->allocator, n_tokens, sizeof *entries);
    size_t n = 0;
    if (!entries)
        return ink_fail_memory(error, "a vocabulary's tree");
    for (size_t i = 0; i < n_tokens; i++) {
        ink_text text = ink_token_trie_text(trie, (int32_t)i);
        trie->same[i] = -1;
        if (text.n_bytes > 0)
            entries[n++] = (entry){head_of(group_of(text), text), text.data, (uint32_t)text.n_bytes,
                                   (int32_t)i};
    }
    ink_status status = build(trie, entries, n, error);
    ink_delete(trie->allocator, entries);
    return status;
}

ink_status ink_token_trie_new(ink_token_trie **out, const ink_vocab *vocab,
                              const ink_allocator *allocator, ink_error *error)
{
    size_t n_tokens = (size_t)ink_vocab_n_tokens(vocab), n_words = ink_size_groups(n_tokens, 32);
    ink_token_trie *trie = ink_new(allocator, 1, sizeof *trie);
    if (!trie)
        return ink_fail_memory(error, "a vocabulary's tree");
    *trie = (ink_token_trie){.allocator = allocator, .vocab = vocab, .n_words = n_words};
    trie->offsets = ink_new(allocator, n_tokens + 1, sizeof *trie->offsets);
    trie->same = ink_new(allocator, n_tokens, sizeof *trie->same);
    trie->masks =
        ink_new(allocator, INK_TRIE_N_GROUPS, n_words * sizeof *trie->masks /* checked */);
    trie->by_chars =
        ink_new(allocator, INK_TRIE_MAX_CHARS + 1, n_words * sizeof *trie->by_chars /* checked */);
    ink_status status = trie->by_chars && trie->offsets && trie->same && trie->masks
                            ? fill(trie, n_tokens, error)
                            : ink_fail_memory(error, "a vocabulary's tree");
    if (status == INK_OK)
        *out = trie;
    else
        ink_token_trie_free(trie);
    return status;
}

void ink_token_trie_free(ink_token_trie *trie)
{
    if (!trie)
        return;
    ink_delete(trie->allocator, trie->ends);
    ink_delete(trie->allocator, trie->by_chars);
    ink_delete(trie->allocator, trie->long_plain);
    ink_delete(trie->allocator, trie->nodes);
    ink_delete(trie->allocator, trie->same);
    ink_delete(trie->allocator, trie->masks);
    ink_delete(trie->allocator, trie->offsets);
    ink_delete(trie->allocator, trie->bytes);
    ink_delete(trie->allocator, trie);
}

ink_text ink_token_trie_text(const ink_token_trie *trie, int32_t token)
{
    if (token < 0 || token >= ink_vocab_n_tokens(trie->vocab))
        return (ink_text){"", 0};
    uint32_t begin = trie->offsets[token], end = trie->offsets[token + 1];
    return begin == end ? (ink_text){"", 0} : (ink_text){trie->bytes + begin, end - begin};
}

/* The same in one group's tree. */
static bool goes_on(const ink_trie_node *nodes, size_t n, ink_text text,
                    bool (*may_follow)(void *context, unsigned byte), void *context)
{
    for (size_t i = 0, depth = 0; i < n;) {
        const ink_trie_node *node = &nodes[i];
        if (node->depth <= depth) /* what stood below the last match has been */
            return false;
        if (depth == text.n_bytes ? may_follow(context, node->byte)
                                  : node->byte != (unsigned char)text.data[depth]) {
            if (depth == text.n_bytes)
                return true;
            i += node->size;
            continue;
        }
        if (depth == text.n_bytes)
            i += node->size;
        else {
            depth++;
            i++;
        }
    }
    return false;
}

bool ink_token_trie_goes_on(const ink_token_trie *trie, ink_text text,
                            bool (*may_follow)(void *context, unsigned byte), void *context)
{
    for (size_t group = 0; group < INK_TRIE_N_GROUPS; group++)
        if (goes_on(trie->nodes + trie->begin[group], trie->begin[group + 1] - trie->begin[group],
                    text, may_follow, context))
            return true;
    return false;
}
