/*
 * Grammars: what JSON schemas, GBNF, regular expressions and lists of choices are compiled to.
 *
 * An expression is a language of byte strings, a small immutable node known by its number. Equal
 * expressions have equal numbers, so an expression is also a state of the automaton: what may still
 * follow. Its transitions are Brzozowski's derivatives (doi:10.1145/321239.321249; how to keep them
 * small: Owens et al., doi:10.1017/S0956796808007090), taken when they are first needed and kept.
 * References to rules make it context-free: what stands behind a reference is the stack.
 *
 * Making expressions never fails at the call: the first failure stays in `status`, and everything
 * made from then on is INK_EXPR_FAIL. One thread at a time.
 */
#ifndef INK_TEXT_CONSTRAINT_GRAMMAR_H
#define INK_TEXT_CONSTRAINT_GRAMMAR_H

#include "base/memory.h"
#include "text/vocab.h"

/*
 * Limits; each is reported when it is reached. All memory of a grammar; rules; alternatives that
 * are possible at once; references and parentheses within each other; work of one call; properties
 * of one object.
 */
#define INK_GRAMMAR_MAX_BYTES ((size_t)192 << 20)
#define INK_GRAMMAR_MAX_RULES (1u << 18)
#define INK_GRAMMAR_MAX_ALTERNATIVES (1u << 16)
#define INK_GRAMMAR_MAX_DEPTH 512
#define INK_GRAMMAR_MAX_WORK ((uint64_t)1 << 25)
#define INK_OBJECT_MAX_KEYS 4096
enum { INK_GRAMMAR_SHARED = 512 };

typedef uint32_t ink_expr;

/* Expressions that are always there. */
enum {
    INK_EXPR_NONE, /* no expression */
    INK_EXPR_FAIL, /* nothing, not even the empty text */
    INK_EXPR_EMPTY /* only the empty text */
};

/* kind, what a, b, c are */
#define INK_EXPR_KINDS(X)                                                          \
    X(NONE)                                                                        \
    X(FAIL)                                                                        \
    X(EMPTY)                                                                       \
    X(SET)    /* one byte of a: the number of a set */                             \
    X(TEXT)   /* b bytes at a in `texts` */                                        \
    X(SEQ)    /* a, which is no SEQ, then b */                                     \
    X(ALT)    /* any of b expressions at a in `lists`, ascending */                \
    X(AND)    /* what all of them allow */                                         \
    X(NOT)    /* all that a is not */                                              \
    X(REPEAT) /* a, b to c times; c may be INK_EXPR_FOREVER */                     \
    X(RULE)   /* rule a */                                                         \
    X(OBJECT) /* members of object a, keys of the SEEN b gone, c members before */ \
    X(SEEN)   /* no language: b words of bits at a in `lists` */

typedef enum ink_expr_kind {
#define X(name) INK_EXPR_IS_##name,
    INK_EXPR_KINDS(X)
#undef X
} ink_expr_kind;

#define INK_EXPR_FOREVER UINT32_MAX

/* Whether anything belongs to the language at all; asked of AND, where it is not plain to see. */
enum { INK_LIFE_UNKNOWN, INK_LIFE_ALIVE, INK_LIFE_DEAD };

/* What an expression has somewhere within. */
enum { INK_EXPR_HAS_AND = 1, INK_EXPR_HAS_RULE = 2 };

typedef struct ink_expr_node {
    uint8_t kind, nullable, life, has;
    uint32_t a, b, c;
    uint32_t row;  /* of transitions, from 1; 0: none yet */
    uint32_t more; /* OBJECT: what it expands to; 0: not yet */
    uint32_t next; /* in its hash chain */
} ink_expr_node;

typedef struct ink_byte_set {
    uint64_t bits[4];
} ink_byte_set;

typedef struct ink_grammar_rule {
    ink_expr body; /* NONE until it is set */
    bool nullable, productive;
    uint8_t mark; /* of the search for left recursion */
} ink_grammar_rule;

typedef struct ink_grammar_list {
    uint32_t *items;
    size_t n, capacity;
} ink_grammar_list;

typedef struct ink_object_spec ink_object_spec;

typedef struct ink_grammar {
    const ink_allocator *allocator;
    ink_status status; /* sticky */
    ink_error error;
    size_t used_bytes; /* of all below */
    uint64_t work;     /* of the present call */
    uint32_t depth;    /* of the present derivation */

    ink_expr_node *nodes; /* [n_nodes] */
    size_t n_nodes, node_capacity;
    uint32_t *buckets; /* [n_buckets], a power of two */
    size_t n_buckets;
    ink_grammar_list lists; /* members of ALT and AND */
    ink_grammar_list stack; /* scratch */
    char *texts;
    struct {
        uint32_t begin, n_bytes;
    } shared[INK_GRAMMAR_SHARED]; /* texts by hash, so that equal ones share their nodes */
    size_t n_texts, text_capacity;
    ink_byte_set *sets;
    size_t n_sets, set_capacity;
    ink_grammar_rule *rules;
    size_t n_rules, rule_capacity;
    ink_object_spec **specs;
    size_t n_specs, spec_capacity;

    ink_expr prefix; /* put before the root when the definition ends; NONE: nothing */
    bool finished;
    bool searching; /* for life: dead parts are then not dropped, and derivatives not kept */
    size_t n_classes;
    uint8_t class_of[256]; /* bytes that no expression tells apart share a class */
    uint8_t byte_of[256];  /* a byte of each class */
    uint32_t **row_blocks;
    size_t n_row_blocks, n_rows;
} ink_grammar;

ink_status ink_grammar_init(ink_grammar *grammar, const ink_allocator *allocator, ink_error *error);
void ink_grammar_deinit(ink_grammar *grammar);

/* Records the first failure; the format is printf's. Returns INK_EXPR_FAIL. */
INK_PRINTF(3, 4)
ink_expr ink_grammar_fail(ink_grammar *grammar, ink_status status, const char *format, ...);

/* The sticky failure, copied to `error`. */
ink_status ink_grammar_status(const ink_grammar *grammar, ink_error *error);

/* ---- Making expressions. */

static inline void ink_byte_set_add(ink_byte_set *set, unsigned byte)
{
    set->bits[byte >> 6] |= (uint64_t)1 << (byte & 63);
}

static inline bool ink_byte_set_has(const ink_byte_set *set, unsigned byte)
{
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}

ink_expr ink_expr_set(ink_grammar *grammar, const ink_byte_set *set);
ink_expr ink_expr_range(ink_grammar *grammar, unsigned low, unsigned high);
ink_expr ink_expr_text(ink_grammar *grammar, const char *text, size_t n_bytes);
ink_expr ink_expr_literal(ink_grammar *grammar, const char *text); /* terminated */
ink_expr ink_expr_seq(ink_grammar *grammar, ink_expr a, ink_expr b);
ink_expr ink_expr_alt(ink_grammar *grammar, ink_expr a, ink_expr b);
ink_expr ink_expr_and(ink_grammar *grammar, ink_expr a, ink_expr b);
ink_expr ink_expr_not(ink_grammar *grammar, ink_expr a);

/* `max` may be INK_EXPR_FOREVER. */
ink_expr ink_expr_repeat(ink_grammar *grammar, ink_expr a, uint32_t min, uint32_t max);
ink_expr ink_expr_optional(ink_grammar *grammar, ink_expr a);

/* [n]: not a part of the grammar's stack. */
ink_expr ink_expr_alts(ink_grammar *grammar, const ink_expr *items, size_t n);

/* Of what was pushed to the grammar's stack from `base` on, which is taken off. */
ink_expr ink_expr_alts_from(ink_grammar *grammar, size_t base);
ink_expr ink_expr_ands_from(ink_grammar *grammar, size_t base);

/* A rule to be defined later, by its number; and a reference to it. */
uint32_t ink_grammar_add_rule(ink_grammar *grammar);
void ink_grammar_set_rule(ink_grammar *grammar, uint32_t rule, ink_expr body);
ink_expr ink_expr_rule(ink_grammar *grammar, uint32_t rule);

/*
 * ---- Objects: members in the order of their keys or in any, each key at most once, then or
 * between them others.
 */

typedef struct ink_object_key {
    ink_expr name; /* with its quotes */
    ink_expr value;
    bool required;
} ink_object_key;

typedef struct ink_object_other {
    ink_expr name, value;
} ink_object_other;

struct ink_object_spec {
    ink_object_key *keys; /* [n_keys] */
    size_t n_keys;
    ink_object_other *others; /* [n_others] */
    size_t n_others;
    uint32_t min, max; /* members; max may be INK_EXPR_FOREVER */
    bool any_order;
    ink_expr colon, comma, close; /* with the blanks around them */
};

/* What follows "{", up to and with "}". The arrays are copied. */
ink_expr ink_expr_object(ink_grammar *grammar, const ink_object_spec *spec);

/* ---- The automaton. */

/*
 * Ends the definition: checks rules, drops what can never be completed, and returns what `root` has
 * become. `name` tells a rule's name in messages. UNSUPPORTED: left recursion. BAD_ARGUMENT: no
 * text satisfies `root`.
 */
INK_MUST_USE
ink_status ink_grammar_finish(ink_grammar *grammar, ink_expr *root,
                              const char *(*name)(void *context, uint32_t rule), void *context,
                              ink_error *error);

/*
 * What may follow behind `byte`; FAIL: nothing. Before the end of the definition only where there
 * are no rules within.
 */
ink_expr ink_expr_derive(ink_grammar *grammar, ink_expr expr, unsigned byte);

/* The same when it is finished, kept for the next time: a look-up where it is known. */
ink_expr ink_grammar_learn(ink_grammar *grammar, ink_expr state, unsigned byte_class);

static inline uint32_t *ink_grammar_row(const ink_grammar *grammar, uint32_t row)
{
    return grammar->row_blocks[(row - 1) >> 10] + ((row - 1) & 1023) * grammar->n_classes;
}

static inline ink_expr ink_grammar_step(ink_grammar *grammar, ink_expr state, unsigned byte)
{
    unsigned byte_class = grammar->class_of[byte];
    uint32_t row = grammar->nodes[state].row;
    if (row) {
        ink_expr next = ink_grammar_row(grammar, row)[byte_class];
        if (next)
            return next;
    }
    return ink_grammar_learn(grammar, state, byte_class);
}

static inline bool ink_expr_accepts_empty(const ink_grammar *grammar, ink_expr state)
{
    return grammar->nodes[state].nullable;
}

/* Begins a call: the work it may do is counted from here. */
static inline void ink_grammar_begin(ink_grammar *grammar)
{
    grammar->work = 0;
}

#endif
