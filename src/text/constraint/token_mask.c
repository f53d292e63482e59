#include "text/constraint/token_mask.h"

#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "text/constraint/charset.h"
#include "text/constraint/grammar_nodes.h"

/* In the table of pairs: another question, of an expression and what follows its repetition. */
#define COUNTED (UINT32_C(1) << 31)

/* Among kept masks: the number of lengths, behind an expression's number, which has 30 bits. */
enum { SHORT_BITS = 2 };

enum { N_SLOT_BUCKETS = 4 * INK_MASK_CACHE_MAX, MAX_PAIRS_AT_ONCE = 512 };

/* Parts within parts that are looked at; parts of a sequence that are relaxed; of lengths, the
   first ones, up to 16 bytes. */
enum { MAX_NESTING = 32, MAX_SPINE = 3, RELAXED_LENGTHS = 3 };

/* ---- Containing: outer goes on with whatever inner goes on with. */

static ink_contains_pair *pair_of(const ink_token_mask *m, ink_expr outer, ink_expr inner)
{
    uint32_t hash = (outer * 0x9e3779b1u ^ inner) * 0x85ebca6bu;
    return &m->pairs[(hash ^ hash >> 15) & (INK_CONTAINS_BUCKETS - 1)];
}

static bool is_known(const ink_contains_pair *pair, ink_expr outer, ink_expr inner)
{
    return pair->known && pair->outer == outer && pair->inner == inner;
}

static bool remember(ink_token_mask *m, ink_expr outer, ink_expr inner, bool holds)
{
    *pair_of(m, outer, inner) = (ink_contains_pair){outer, inner, true, holds};
    return holds;
}

static bool was_pushed(const ink_token_mask *m, size_t base, ink_expr outer, ink_expr inner)
{
    for (size_t i = base; i < m->todo.n; i += 2)
        if (m->todo.items[i] == outer && m->todo.items[i + 1] == inner)
            return true;
    return false;
}

/* Pushes the pairs that one pair leads to; false when outer is behind. */
static bool follow_pair(ink_token_mask *m, size_t base, ink_expr outer, ink_expr inner)
{
    ink_grammar *grammar = m->grammar;
    for (size_t c = 0; c < grammar->n_classes; c++) {
        unsigned byte = grammar->byte_of[c];
        ink_expr next_inner = ink_grammar_step(grammar, inner, byte);
        if (next_inner == INK_EXPR_FAIL)
            continue;
        ink_expr next = ink_grammar_step(grammar, outer, byte);
        const ink_contains_pair *pair = pair_of(m, next, next_inner);
        if (next == INK_EXPR_FAIL || (is_known(pair, next, next_inner) && !pair->holds))
            return false;
        if (is_known(pair, next, next_inner) || was_pushed(m, base, next, next_inner))
            continue;
        if (!ink_grammar_push(grammar, &m->todo, next) ||
            !ink_grammar_push(grammar, &m->todo, next_inner))
            return false;
    }
    return true;
}

/* By looking at all pairs of states that come up together. */
static bool search_pairs(ink_token_mask *m, ink_expr outer, ink_expr inner)
{
    size_t base = m->todo.n;
    bool holds = ink_grammar_push(m->grammar, &m->todo, outer) &&
                 ink_grammar_push(m->grammar, &m->todo, inner);
    for (size_t i = base; holds && i < m->todo.n; i += 2)
        holds = m->todo.n - base < MAX_PAIRS_AT_ONCE &&
                follow_pair(m, base, m->todo.items[i], m->todo.items[i + 1]);
    for (size_t i = base; holds && i < m->todo.n; i += 2)
        remember(m, m->todo.items[i], m->todo.items[i + 1], true);
    m->todo.n = base;
    return holds;
}

/*
 * Repetitions of one character that takes all of `inner`'s: then only how many there may be counts.
 */
static bool counts_suffice(ink_token_mask *m, ink_expr outer, ink_expr inner)
{
    const ink_expr_node node = m->grammar->nodes[outer], of = m->grammar->nodes[inner];
    if (node.kind != INK_EXPR_IS_REPEAT || of.kind != INK_EXPR_IS_REPEAT || node.c < of.c)
        return false;
    return ink_expr_alt(m->grammar, node.a, of.a) == node.a;
}

/* Plain to see: in the first part of a sequence, or in one of several alternatives. */
static bool shows(ink_token_mask *m, ink_expr outer, ink_expr inner, unsigned nesting)
{
    ink_grammar *grammar = m->grammar;
    const ink_expr_node node = grammar->nodes[outer];
    if (nesting == MAX_NESTING)
        return false;
    if (node.kind == INK_EXPR_IS_SEQ)
        return shows(m, node.a, inner, nesting + 1);
    for (uint32_t i = 0; node.kind == INK_EXPR_IS_ALT && i < node.b && i < MAX_NESTING; i++)
        if (shows(m, grammar->lists.items[node.a + i], inner, nesting + 1))
            return true;
    return counts_suffice(m, outer, inner);
}

/* The first part of a sequence, when it is enough, is the same for whatever follows it. */
static bool contains(ink_token_mask *m, ink_expr outer, ink_expr inner)
{
    const ink_contains_pair *pair = pair_of(m, outer, inner);
    const ink_expr_node node = m->grammar->nodes[outer];
    if (is_known(pair, outer, inner))
        return pair->holds;
    bool holds = (node.kind == INK_EXPR_IS_SEQ && contains(m, node.a, inner)) ||
                 search_pairs(m, outer, inner);
    return remember(m, outer, inner, holds);
}

/* ---- The walk */

/* `stored`: as a node has it. */
static void add_token(const ink_token_trie *trie, uint32_t *mask, int32_t stored)
{
    int32_t token = stored & ~INK_TRIE_MORE;
    for (; token >= 0; token = stored & INK_TRIE_MORE ? trie->same[token] : -1)
        mask[token / 32] |= UINT32_C(1) << (token % 32);
}

static const uint32_t *row_of(const ink_grammar *grammar, ink_expr state)
{
    uint32_t row = grammar->nodes[state].row;
    return row ? ink_grammar_row(grammar, row) : NULL;
}

/* Where all bytes of the kinds lead; FAIL where they part, or one leads nowhere. */
static ink_expr step_by_kinds(ink_grammar *grammar, ink_expr state, unsigned kinds)
{
    ink_expr next = INK_EXPR_NONE;
    for (unsigned byte = '0'; byte <= 'z'; byte++) {
        if (!(ink_trie_kind_of(byte) & kinds))
            continue;
        ink_expr one = ink_grammar_step(grammar, state, byte);
        if (one == INK_EXPR_FAIL || (next != INK_EXPR_NONE && one != next))
            return INK_EXPR_FAIL;
        next = one;
    }
    return next;
}

/* Whether a state takes whatever stands below a node. */
static bool takes_run(ink_token_mask *m, ink_expr state, uint8_t below)
{
    unsigned kinds = below & (INK_TRIE_N_RUN_KINDS - 1), n_bytes = below >> INK_TRIE_RUN_BITS;
    ink_mask_run *run = &m->runs[(state * 0x9e3779b1u >> 16 ^ kinds) % INK_MASK_RUNS];
    if (run->state == state && run->kinds == kinds && (run->ends || run->n_bytes >= n_bytes))
        return run->n_bytes >= n_bytes;
    unsigned n = 0;
    ink_expr at = state;
    for (; n < n_bytes; n++) {
        ink_expr next = step_by_kinds(m->grammar, at, kinds);
        if (next == INK_EXPR_FAIL)
            break;
        at = next;
    }
    *run = (ink_mask_run){state, (uint8_t)kinds, (uint8_t)n, n < n_bytes};
    return n == n_bytes;
}

/* Too few nodes for the question to pay. */
enum { MIN_RUN_NODES = 6 };

/* Adds the tokens of one group that the state allows. */
static void walk(ink_token_mask *m, ink_expr state, unsigned group, uint32_t *mask)
{
    ink_grammar *grammar = m->grammar;
    const ink_trie_node *node = m->trie->nodes + m->trie->begin[group];
    const ink_trie_node *end = m->trie->nodes + m->trie->begin[group + 1];
    m->states[0] = state;
    m->rows[0] = row_of(grammar, state);
    while (node < end) {
        size_t depth = node->depth;
        const uint32_t *row = m->rows[depth - 1];
        ink_expr next = row ? row[grammar->class_of[node->byte]] : INK_EXPR_NONE;
        if (next == INK_EXPR_NONE) {
            next = ink_grammar_step(grammar, m->states[depth - 1], node->byte);
            m->rows[depth - 1] = row_of(grammar, m->states[depth - 1]);
            if (grammar->status != INK_OK)
                return;
        }
        if (next == INK_EXPR_FAIL) {
            node += node->size;
            continue;
        }
        m->states[depth] = next;
        m->rows[depth] = row_of(grammar, next);
        const ink_trie_node *last = node + 1; /* of those that need no look */
        if (node->size >= MIN_RUN_NODES && node->below != INK_TRIE_MIXED &&
            takes_run(m, next, node->below))
            last = node + node->size;
        for (; node < last; node++)
            if (node->token >= 0)
                add_token(m->trie, mask, node->token);
    }
}

static void add_group(const ink_token_mask *m, unsigned group, uint32_t *mask)
{
    const uint32_t *all = m->trie->masks + group * m->trie->n_words;
    for (size_t i = 0; i < m->trie->n_words; i++)
        mask[i] |= all[i];
}

/* The number of lengths up to which any such characters are allowed. */
static unsigned free_lengths(ink_token_mask *m, ink_expr state, ink_expr any,
                             const ink_expr *at_most)
{
    unsigned n = INK_TRIE_N_LIMITS;
    if (ink_grammar_step(m->grammar, state, 'a') == INK_EXPR_FAIL)
        return 0;
    if (shows(m, state, any, 0))
        return INK_TRIE_N_LENGTHS;
    while (n > 0 && !shows(m, state, at_most[n - 1], 0))
        n--;
    if (n > 0)
        return n;
    if (contains(m, state, any))
        return INK_TRIE_N_LENGTHS;
    for (n = INK_TRIE_N_LIMITS; n > 0 && !contains(m, state, at_most[n - 1]);)
        n--;
    return n;
}

/* Whether `of` takes a plain character just as the set of them does, and `then` takes none. */
static bool is_plain_only(ink_token_mask *m, ink_expr of, ink_expr then)
{
    ink_grammar *grammar = m->grammar;
    ink_expr one = grammar->nodes[m->plain].a;
    for (size_t c = 0; c < grammar->n_classes; c++) {
        unsigned byte = grammar->byte_of[c];
        ink_expr next = ink_grammar_step(grammar, one, byte);
        if (next != INK_EXPR_FAIL && (ink_grammar_step(grammar, of, byte) != next ||
                                      ink_grammar_step(grammar, then, byte) != INK_EXPR_FAIL))
            return false;
    }
    return true;
}

/*
 * A string of characters of which only the number counts: true with how many plain ones it takes.
 */
static bool counts_plain(ink_token_mask *m, ink_expr state, uint32_t *n_chars)
{
    const ink_expr_node node = m->grammar->nodes[state];
    bool seq = node.kind == INK_EXPR_IS_SEQ;
    const ink_expr_node repeat = m->grammar->nodes[seq ? node.a : state];
    ink_expr then = seq ? node.b : INK_EXPR_EMPTY;
    if (repeat.kind != INK_EXPR_IS_REPEAT)
        return false;
    ink_expr key = repeat.a | COUNTED;
    const ink_contains_pair *pair = pair_of(m, key, then);
    bool known = is_known(pair, key, then);
    bool holds = known ? pair->holds : is_plain_only(m, repeat.a, then);
    if (!known)
        remember(m, key, then, holds);
    *n_chars = repeat.c;
    return holds;
}

/* All plain tokens of at most so many characters. */
static void add_plain(const ink_token_mask *m, uint32_t n_chars, uint32_t *mask)
{
    const ink_token_trie *trie = m->trie;
    size_t n = ink_size_min(n_chars, INK_TRIE_MAX_CHARS);
    for (size_t i = 0; i < trie->n_words; i++)
        mask[i] |= trie->by_chars[n * trie->n_words + i];
    for (size_t i = 0; i < trie->n_long_plain; i++)
        if (trie->long_plain[i].n_chars <= n_chars)
            mask[trie->long_plain[i].token / 32] |= UINT32_C(1) << (trie->long_plain[i].token % 32);
}

/* Adds the tokens of the lengths from `first` to before `end`, and perhaps of more. */
static void add_lengths(ink_token_mask *m, ink_expr state, unsigned first, unsigned end,
                        uint32_t *mask)
{
    unsigned n_free[INK_TRIE_N_FAMILIES] = {0};
    uint32_t n_chars;
    if (counts_plain(m, state, &n_chars)) {
        add_plain(m, n_chars, mask);
        for (unsigned length = first; length < end; length++)
            walk(m, state, ink_trie_group(INK_TRIE_REST, length), mask);
        return;
    }
    n_free[INK_TRIE_PLAIN] = free_lengths(m, state, m->plain, m->plains);
    n_free[INK_TRIE_WORD] = n_free[INK_TRIE_PLAIN] == INK_TRIE_N_LENGTHS
                                ? INK_TRIE_N_LENGTHS
                                : free_lengths(m, state, m->word, m->words);
    for (unsigned family = 0; family < INK_TRIE_N_FAMILIES; family++)
        for (unsigned length = first; length < end; length++)
            if (length < n_free[family])
                add_group(m, ink_trie_group(family, length), mask);
            else
                walk(m, state, ink_trie_group(family, length), mask);
}

/*
 * The state without upper bounds of repetitions that no token of up to `n_bytes` can reach, as each
 * turn takes a byte; so much only as such a token may see. Not inside of intersections, where a
 * bound may decide whether there is an end at all.
 */
static ink_expr relax(ink_grammar *grammar, ink_expr state, uint32_t n_bytes, unsigned nesting)
{
    const ink_expr_node node = grammar->nodes[state];
    if (nesting == MAX_NESTING)
        return state;
    if (node.kind == INK_EXPR_IS_SEQ)
        return ink_expr_seq(grammar, relax(grammar, node.a, n_bytes, nesting + 1),
                            nesting < MAX_SPINE ? relax(grammar, node.b, n_bytes, nesting + 1)
                                                : node.b);
    if (node.kind == INK_EXPR_IS_REPEAT && node.c != INK_EXPR_FOREVER && node.c >= n_bytes)
        return ink_expr_repeat(grammar, node.a, (uint32_t)ink_size_min(node.b, n_bytes),
                               INK_EXPR_FOREVER);
    if (node.kind != INK_EXPR_IS_ALT || node.b > MAX_NESTING)
        return state;
    ink_expr parts[MAX_NESTING];
    for (uint32_t i = 0; i < node.b; i++)
        parts[i] = relax(grammar, grammar->lists.items[node.a + i], n_bytes, nesting + 1);
    return ink_expr_alts(grammar, parts, node.b);
}

static const uint32_t *find_or_compute(ink_token_mask *m, ink_expr state, unsigned n_lengths);

/*
 * Short tokens are those of a relaxed state, whose mask many states share; only longer ones have to
 * be looked at here.
 */
static void compute(ink_token_mask *m, ink_expr state)
{
    static const uint8_t limits[INK_TRIE_N_LIMITS] = INK_TRIE_LENGTHS;
    unsigned n_shared = RELAXED_LENGTHS;
    ink_expr relaxed = state;
    for (; n_shared > 0 && relaxed == state; n_shared -= relaxed == state)
        relaxed = relax(m->grammar, state, limits[n_shared - 1], 0);
    const uint32_t *shared = n_shared ? find_or_compute(m, relaxed, n_shared) : NULL;
    memset(m->scratch, 0, m->trie->n_words * sizeof *m->scratch);
    for (unsigned family = 0; family < INK_TRIE_N_FAMILIES; family++)
        for (unsigned length = 0; length < n_shared; length++)
            add_group(m, ink_trie_group(family, length), m->scratch);
    for (size_t i = 0; n_shared && i < m->trie->n_words; i++)
        m->scratch[i] &= shared[i];
    add_lengths(m, state, n_shared, INK_TRIE_N_LENGTHS, m->scratch);
}

/* What others share of it: the tokens of the first lengths, and perhaps more. */
static void compute_short(ink_token_mask *m, ink_expr state, unsigned n_lengths)
{
    memset(m->scratch, 0, m->trie->n_words * sizeof *m->scratch);
    add_lengths(m, state, 0, n_lengths, m->scratch);
}

/* ---- Kept masks */

static uint16_t *bucket_of(const ink_token_mask *m, ink_expr state)
{
    uint32_t hash = state * 0x9e3779b1u;
    return &m->slot_of[(hash >> 16) % N_SLOT_BUCKETS];
}

/* The slot to be filled next: a free one, else the one that was filled first. */
static size_t take_slot(ink_token_mask *m, ink_expr state)
{
    size_t slot = m->n_used < m->n_slots ? m->n_used++ : m->oldest;
    if (slot == m->oldest)
        m->oldest = (slot + 1) % m->n_slots;
    uint16_t *bucket = bucket_of(m, m->slot_states[slot]);
    if (*bucket == slot + 1)
        *bucket = 0;
    m->slot_states[slot] = state;
    *bucket_of(m, state) = (uint16_t)(slot + 1);
    return slot;
}

/* All tokens that the state allows or, with n_lengths, those of so many of the first lengths. */
static const uint32_t *find_or_compute(ink_token_mask *m, ink_expr state, unsigned n_lengths)
{
    size_t n_words = m->trie->n_words;
    ink_expr key = state << SHORT_BITS | n_lengths;
    uint16_t slot = *bucket_of(m, key);
    if (slot && m->slot_states[slot - 1] == key)
        return m->slot_masks + (size_t)(slot - 1) * n_words;
    if (n_lengths)
        compute_short(m, state, n_lengths);
    else
        compute(m, state);
    size_t taken = take_slot(m, m->grammar->status == INK_OK ? key : INK_EXPR_NONE);
    uint32_t *mask = m->slot_masks + taken * n_words;
    memcpy(mask, m->scratch, n_words * sizeof *mask);
    return mask;
}

ink_status ink_token_mask_get(ink_token_mask *m, ink_expr state, const uint32_t **out,
                              ink_error *error)
{
    ink_grammar_begin(m->grammar);
    *out = find_or_compute(m, state, 0);
    return ink_grammar_status(m->grammar, error);
}

/* ---- Life */

static void make_expressions(ink_token_mask *m)
{
    static const uint8_t limits[INK_TRIE_N_LIMITS] = INK_TRIE_LENGTHS;
    ink_grammar *grammar = m->grammar;
    ink_charset plain = {.grammar = grammar}, word = {.grammar = grammar};
    ink_charset_add(&plain, 0x20, '"' - 1);
    ink_charset_add(&plain, '"' + 1, '\\' - 1);
    ink_charset_add(&plain, '\\' + 1, 0x10ffff);
    ink_charset_add(&word, '0', '9');
    ink_charset_add(&word, 'A', 'Z');
    ink_charset_add(&word, '_', '_');
    ink_charset_add(&word, 'a', 'z');
    ink_expr one_plain = ink_charset_expr(&plain, INK_SPELLED_PLAIN);
    ink_expr one_word = ink_charset_expr(&word, INK_SPELLED_PLAIN);
    m->plain = ink_expr_repeat(grammar, one_plain, 0, INK_EXPR_FOREVER);
    m->word = ink_expr_repeat(grammar, one_word, 0, INK_EXPR_FOREVER);
    for (size_t i = 0; i < INK_TRIE_N_LIMITS; i++) {
        m->plains[i] = ink_expr_repeat(grammar, one_plain, 0, limits[i]);
        m->words[i] = ink_expr_repeat(grammar, one_word, 0, limits[i]);
    }
    ink_charset_deinit(&plain);
    ink_charset_deinit(&word);
}

static bool take_memory(ink_token_mask *m)
{
    size_t n_words = ink_size_max(m->trie->n_words, 1), n_depths = m->trie->longest_bytes + 1;
    m->n_slots =
        ink_size_min(INK_MASK_CACHE_BYTES / (n_words * sizeof(uint32_t)), INK_MASK_CACHE_MAX);
    m->n_slots = ink_size_max(m->n_slots, 2);
    m->pairs = ink_new(m->allocator, INK_CONTAINS_BUCKETS, sizeof *m->pairs);
    m->states = ink_new(m->allocator, n_depths, sizeof *m->states);
    m->rows = ink_new(m->allocator, n_depths, sizeof *m->rows);
    m->slot_states = ink_new(m->allocator, m->n_slots, sizeof *m->slot_states);
    m->slot_masks =
        ink_new(m->allocator, m->n_slots, n_words * sizeof *m->slot_masks /* checked */);
    m->slot_of = ink_new(m->allocator, N_SLOT_BUCKETS, sizeof *m->slot_of);
    m->scratch = ink_new(m->allocator, n_words, sizeof *m->scratch);
    return m->scratch && m->pairs && m->states && m->rows && m->slot_states && m->slot_masks &&
           m->slot_of;
}

ink_status ink_token_mask_init(ink_token_mask *m, ink_grammar *grammar, const ink_token_trie *trie,
                               ink_error *error)
{
    *m = (ink_token_mask){.allocator = grammar->allocator, .grammar = grammar, .trie = trie};
    make_expressions(m);
    ink_status status = ink_grammar_status(grammar, error);
    if (status == INK_OK && !take_memory(m))
        status = ink_fail_memory(error, "masks of tokens");
    if (status != INK_OK)
        ink_token_mask_deinit(m);
    return status;
}

void ink_token_mask_deinit(ink_token_mask *m)
{
    ink_delete(m->allocator, m->scratch);
    ink_delete(m->allocator, m->pairs);
    ink_delete(m->allocator, m->todo.items);
    ink_delete(m->allocator, m->states);
    ink_delete(m->allocator, m->rows);
    ink_delete(m->allocator, m->slot_states);
    ink_delete(m->allocator, m->slot_masks);
    ink_delete(m->allocator, m->slot_of);
    *m = (ink_token_mask){.allocator = m->allocator};
}
