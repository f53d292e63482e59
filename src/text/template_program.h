/*
 * A parsed template: tokens while it is being read, then a tree of nodes in the program's arena,
 * never changed again.
 *
 * Chains of one precedence ("a ~ b ~ c", "a < b < c", "x or y or z") are one node with links and
 * not a leaning tree, so the depth of the tree is the depth a reader sees, and walking it costs
 * stack only for real nesting.
 */
#ifndef INK_TEXT_TEMPLATE_PROGRAM_H
#define INK_TEXT_TEMPLATE_PROGRAM_H

#include "text/template.h"

/* ---- Tokens: slices of the source. */

typedef enum ink_token_kind {
    INK_TOKEN_END,
    INK_TOKEN_TEXT,           /* printed as it stands */
    INK_TOKEN_BLOCK_BEGIN,    /* {% */
    INK_TOKEN_BLOCK_END,      /* %} */
    INK_TOKEN_VARIABLE_BEGIN, /* {{ */
    INK_TOKEN_VARIABLE_END,   /* }} */
    INK_TOKEN_NAME,
    INK_TOKEN_STRING, /* between its quotes, escapes unread */
    INK_TOKEN_INTEGER,
    INK_TOKEN_FLOAT,
    INK_TOKEN_OPERATOR
} ink_token_kind;

/* Binary operators by how tightly they bind, loosest first; NOT is a prefix between two. */
typedef enum ink_level {
    INK_LEVEL_OR,
    INK_LEVEL_AND,
    INK_LEVEL_NOT,
    INK_LEVEL_COMPARE,
    INK_LEVEL_ADD,
    INK_LEVEL_CONCAT,
    INK_LEVEL_MULTIPLY,
    INK_LEVEL_POWER,
    INK_LEVEL_UNARY,
    INK_LEVEL_NONE /* punctuation */
} ink_level;

/*
 * name, spelling, level, kind of the chain it makes. A longer spelling stands before its own
 * beginning; the words come last, from OR on: the lexer takes them as names.
 */
#define INK_OPERATORS(X)                        \
    X(POWER, "**", POWER, ARITHMETIC)           \
    X(FLOOR_DIVIDE, "//", MULTIPLY, ARITHMETIC) \
    X(EQUAL, "==", COMPARE, COMPARE)            \
    X(NOT_EQUAL, "!=", COMPARE, COMPARE)        \
    X(GREATER_EQUAL, ">=", COMPARE, COMPARE)    \
    X(LESS_EQUAL, "<=", COMPARE, COMPARE)       \
    X(GREATER, ">", COMPARE, COMPARE)           \
    X(LESS, "<", COMPARE, COMPARE)              \
    X(ASSIGN, "=", NONE, LITERAL)               \
    X(ADD, "+", ADD, ARITHMETIC)                \
    X(SUBTRACT, "-", ADD, ARITHMETIC)           \
    X(DIVIDE, "/", MULTIPLY, ARITHMETIC)        \
    X(MULTIPLY, "*", MULTIPLY, ARITHMETIC)      \
    X(REMAINDER, "%", MULTIPLY, ARITHMETIC)     \
    X(CONCAT, "~", CONCAT, CONCAT)              \
    X(OPEN_BRACKET, "[", NONE, LITERAL)         \
    X(CLOSE_BRACKET, "]", NONE, LITERAL)        \
    X(OPEN_PAREN, "(", NONE, LITERAL)           \
    X(CLOSE_PAREN, ")", NONE, LITERAL)          \
    X(OPEN_BRACE, "{", NONE, LITERAL)           \
    X(CLOSE_BRACE, "}", NONE, LITERAL)          \
    X(DOT, ".", NONE, LITERAL)                  \
    X(COLON, ":", NONE, LITERAL)                \
    X(PIPE, "|", NONE, LITERAL)                 \
    X(COMMA, ",", NONE, LITERAL)                \
    X(OR, "or", OR, OR)                         \
    X(AND, "and", AND, AND)                     \
    X(IN, "in", COMPARE, COMPARE)               \
    X(NOT_IN, "not in", COMPARE, COMPARE)

typedef enum ink_operator {
#define X(name, text, level, node) INK_OPERATOR_##name,
    INK_OPERATORS(X)
#undef X
} ink_operator;

const char *ink_operator_text(ink_operator op);

typedef struct ink_token {
    ink_token_kind kind;
    ink_operator op; /* of OPERATOR */
    uint32_t offset, n_bytes;
} ink_token;

/* ---- Nodes. */

typedef enum ink_node_kind {
    INK_NODE_LITERAL,
    INK_NODE_NAME,
    INK_NODE_LIST,
    INK_NODE_TUPLE,
    INK_NODE_DICT,
    INK_NODE_ATTRIBUTE,
    INK_NODE_SUBSCRIPT,
    INK_NODE_SLICE, /* only as the index of a SUBSCRIPT */
    INK_NODE_CALL,
    INK_NODE_FILTER,
    INK_NODE_TEST,
    INK_NODE_NOT,
    INK_NODE_NEGATE,
    INK_NODE_PLUS,
    INK_NODE_OR,
    INK_NODE_AND,
    INK_NODE_COMPARE,
    INK_NODE_ARITHMETIC,
    INK_NODE_CONCAT,
    INK_NODE_CHOICE, /* a if b else c */
    INK_NODE_TEXT,
    INK_NODE_OUTPUT,
    INK_NODE_IF,
    INK_NODE_FOR,
    INK_NODE_SET,
    INK_NODE_SET_BLOCK,
    INK_NODE_FILTER_BLOCK,
    INK_NODE_WITH,
    INK_NODE_MACRO,
    INK_NODE_CALL_BLOCK,
    INK_NODE_SCOPE, /* a body transparent but for its variables */
    INK_NODE_BREAK,
    INK_NODE_CONTINUE
} ink_node_kind;

typedef struct ink_node ink_node;
typedef struct ink_builtin ink_builtin;

/* What stands between the parentheses of a call. */
typedef struct ink_argument {
    struct ink_argument *next;
    ink_value name; /* a string for name=value, else undefined */
    ink_node *value;
} ink_argument;

typedef struct ink_macro {
    ink_value name;
    struct ink_parameter {
        struct ink_parameter *next;
        uint32_t symbol;
        ink_node *fallback; /* or NULL */
    } * parameters;
    size_t n_parameters;
    ink_node *body;
    /* the body mentions them, so the macro takes them */
    bool reads_caller, reads_varargs, reads_kwargs;
} ink_macro;

struct ink_node {
    ink_node_kind kind;
    ink_operator op; /* of a link: between the operand before it and itself */
    uint32_t offset; /* in the source */
    ink_node *next;  /* sibling: item of a list, link of a chain, statement of a body */
    union {
        ink_value value; /* LITERAL, TEXT */
        uint32_t symbol; /* NAME */
        struct {
            ink_node *first; /* LIST, TUPLE: items; DICT: key, item, key, item ... */
            size_t n;
        } items;
        struct {
            ink_node *object, *index; /* SUBSCRIPT */
            ink_value name;           /* ATTRIBUTE */
        } access;
        struct {
            ink_node *start, *stop, *step; /* each may be NULL */
        } slice;
        struct {
            ink_node *subject; /* CALL: what is called; FILTER of a block: NULL */
            ink_argument *arguments;
            ink_value name;             /* FILTER, TEST */
            const ink_builtin *builtin; /* FILTER, TEST: NULL when there is none of that name */
            bool negated;               /* TEST */
        } call;
        struct {
            ink_node *first, *links;
        } chain;           /* OR, AND, COMPARE, ARITHMETIC, CONCAT */
        ink_node *operand; /* NOT, NEGATE, PLUS, OUTPUT */
        struct {
            ink_node *condition, *then, *otherwise; /* CHOICE, IF */
        } choice;
        struct {
            ink_node *target, *iterable, *filter, *body, *otherwise;
            bool recursive;
        } loop;
        struct {
            /* SET, WITH: as many of the one as of the other; SET_BLOCK: value is the filter */
            ink_node *target, *value;
            ink_node *body; /* SET_BLOCK, WITH, FILTER_BLOCK, SCOPE */
        } set;
        struct {
            ink_macro macro; /* MACRO, or the block of CALL_BLOCK */
            uint32_t symbol; /* MACRO */
            ink_node *call;  /* CALL_BLOCK */
        } macro;
    } as;
};

/* ---- The program. */

/* Names that the interpreter itself gives a value; the others follow in order of appearance. */
enum { INK_SYMBOL_LOOP, INK_SYMBOL_CALLER, INK_SYMBOL_VARARGS, INK_SYMBOL_KWARGS };

typedef struct ink_symbol {
    ink_value name;
    const ink_builtin *global; /* function of that name, or NULL */
} ink_symbol;

struct ink_template {
    const ink_allocator *allocator;
    ink_arena arena;
    char *source; /* line ends are "\n" */
    size_t source_bytes;
    ink_node *body;
    ink_value symbol_ids; /* dict: name -> index into symbols */
    ink_symbol *symbols;
    uint32_t n_symbols, symbols_capacity;
};

/* Fails with "template line N: ", N being the line of `offset`. */
INK_PRINTF(5, 6)
ink_status ink_template_fail_at(const ink_template *program, ink_error *error, ink_status status,
                                uint32_t offset, const char *format, ...);

/*
 * The tokens of the whole source, ended by END; the caller deletes them with the program's
 * allocator.
 */
ink_status ink_template_lex(ink_template *program, ink_token **out, ink_error *error);

/* Fills program->body and the symbols. */
ink_status ink_template_parse(ink_template *program, ink_error *error);

#endif
