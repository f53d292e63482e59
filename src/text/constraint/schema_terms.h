/* The inside of the compiler of schemas. */
#ifndef INK_TEXT_CONSTRAINT_SCHEMA_TERMS_H
#define INK_TEXT_CONSTRAINT_SCHEMA_TERMS_H

#include "text/constraint/charset.h"
#include "text/constraint/schema.h"
#include "text/value.h"

/* A schema of the document, or one made up to stand for a negation. */
typedef struct ink_schema_node {
    ink_value value;     /* a dict or a boolean */
    const char *pointer; /* terminated, for messages: "#/properties/a" */
    const char *base;    /* URI of the resource that it belongs to, terminated */
    uint32_t next;       /* in its bucket, from 1 */
} ink_schema_node;

/* A name that $ref can have: base URI, "#", anchor. */
typedef struct ink_schema_name {
    const char *uri;
    uint32_t node;
} ink_schema_name;

/*
 * A literal is twice the number of a node, plus 1 when the value must not satisfy it. A conjunction
 * is a list of them, ascending.
 */
typedef struct ink_conjunction {
    uint32_t *literals;
    uint32_t n;
} ink_conjunction;

/* Which values; bits of a mask. */
enum {
    INK_TYPE_NULL = 1,
    INK_TYPE_FALSE = 2,
    INK_TYPE_TRUE = 4,
    INK_TYPE_NUMBER = 8,
    INK_TYPE_STRING = 16,
    INK_TYPE_ARRAY = 32,
    INK_TYPE_OBJECT = 64,
    INK_TYPE_ALL = 127
};

/* A conjunction without choices. */
typedef struct ink_schema_term {
    uint32_t literals[INK_SCHEMA_MAX_TOGETHER];
    uint32_t n;
    unsigned types;
} ink_schema_term;

typedef struct ink_schema_rule {
    ink_conjunction of;
    uint32_t rule; /* of the grammar */
    uint32_t next; /* in its bucket, from 1 */
} ink_schema_rule;

enum { INK_SCHEMA_BUCKETS = 4096 };

typedef struct ink_schema {
    ink_grammar *grammar;
    ink_arena arena;
    ink_error *error;
    ink_json_form form;
    ink_schema_node *nodes;
    size_t n_nodes, node_capacity;
    uint32_t *node_buckets; /* [INK_SCHEMA_BUCKETS] by address of the dict, from 1 */
    ink_schema_name *names;
    size_t n_names, name_capacity;
    ink_schema_rule *rules;
    size_t n_rules, rule_capacity;
    uint32_t *rule_buckets;
    unsigned depth; /* of looking whether something is empty */
    uint64_t n_terms;
    /* Expressions that are used again and again. */
    ink_expr string_char; /* any character of a free string */
    ink_expr plain_char;  /* the same, each in its shortest form only */
    ink_expr blank, colon, comma, close_object, open_array, close_array;
} ink_schema;

/* Fails naming the keyword and its place. `keyword` may be NULL. */
INK_PRINTF(5, 6)
ink_status ink_schema_fail(const ink_schema *schema, ink_status status, const ink_schema_node *at,
                           const char *keyword, const char *format, ...);

/* ---- schema_nodes.c */

/* Registers all schemas below `value` with their bases, ids and anchors. */
ink_status ink_schema_read(ink_schema *schema, ink_value value);

/* The node of a schema inside `parent`; a dict that is new (made up) becomes one. */
ink_status ink_schema_node_of(ink_schema *schema, ink_value value, const ink_schema_node *parent,
                              uint32_t *node);

ink_status ink_schema_find_ref(ink_schema *schema, const ink_schema_node *node, ink_value ref,
                               uint32_t *target);

/* The keyword's value, or NULL. */
const ink_value *ink_schema_get(const ink_schema_node *node, const char *keyword);

/* ---- schema_expand.c */

typedef ink_status (*ink_schema_visit)(ink_schema *schema, const ink_schema_term *term,
                                       void *context);

/* Calls `visit` with each term of the conjunction. */
ink_status ink_schema_expand(ink_schema *schema, ink_conjunction of, ink_schema_visit visit,
                             void *context);

/* The rule for a conjunction, compiled later. Sorts the literals. */
ink_status ink_schema_rule_of(ink_schema *schema, ink_conjunction of, ink_expr *rule);

/* Whether no value satisfies all, as far as can be told; false when in doubt. */
ink_status ink_schema_is_empty(ink_schema *schema, ink_conjunction of, bool *empty);

/* ---- schema_choice.c, schema_negate.c */

/* Alternatives, of which a value must satisfy one. */
typedef struct ink_schema_choice {
    ink_conjunction *options;
    size_t n;
    uint32_t node; /* where it comes from, for messages */
    const char *keyword;
} ink_schema_choice;

/* Adds an option of one literal; false when memory is out. Room must be there. */
bool ink_schema_offer(ink_schema *schema, ink_schema_choice *choice, uint32_t literal);

/* Room for n options. */
ink_status ink_schema_choice_init(ink_schema *schema, ink_schema_choice *choice, uint32_t node,
                                  const char *keyword, size_t n);

/* What a keyword of a node leaves to choose: a list of choices, from the arena. */
ink_status ink_schema_choices(ink_schema *schema, uint32_t node, const char *keyword,
                              ink_value value, ink_schema_choice **choices, size_t *n);

/* Alternatives, one of which holds exactly where the node does not. */
ink_status ink_schema_negate(ink_schema *schema, uint32_t node, ink_schema_choice *out);

/* A conjunction of one literal, from the arena; NULL literals when memory is out. */
ink_conjunction ink_schema_one(ink_schema *schema, uint32_t literal);

/* {keyword: value} as a new node. */
ink_status ink_schema_make(ink_schema *schema, const ink_schema_node *parent, const char *keyword,
                           ink_value value, uint32_t *node);

/* ---- schema_number.c, schema_string.c: what the keywords of a term allow. */

ink_status ink_schema_number(ink_schema *schema, const ink_schema_term *term, ink_expr *out);

/* Between the quotes. */
ink_status ink_schema_string(ink_schema *schema, const ink_schema_term *term, ink_expr *out);

/* A number as the value stands for, in the form of the schema. */
ink_expr ink_schema_number_literal(ink_schema *schema, ink_value value);

/* Whether the text, unescaped, is in the language; of expressions without open rules. */
bool ink_schema_matches(ink_schema *schema, ink_expr content, ink_value text);

ink_status ink_schema_pattern(ink_schema *schema, const ink_schema_node *at, const char *keyword,
                              ink_value pattern, ink_expr *out);

/* ---- schema_array.c, schema_object.c */

ink_status ink_schema_array(ink_schema *schema, const ink_schema_term *term, ink_expr *out);
ink_status ink_schema_object(ink_schema *schema, const ink_schema_term *term, ink_expr *out);

/* The conjunctions of the items that an array must have, and of properties that are required. */
ink_status ink_schema_array_is_empty(ink_schema *schema, const ink_schema_term *term, bool *empty);
ink_status ink_schema_object_is_empty(ink_schema *schema, const ink_schema_term *term, bool *empty);

/* ---- schema_enum.c */

/* The values that `enum` and `const` leave; `limited`: there are such keywords. */
ink_status ink_schema_enum(ink_schema *schema, const ink_schema_term *term, bool *limited,
                           ink_expr *out);

/* The same for names of properties: strings only, without their quotes. */
ink_status ink_schema_enum_strings(ink_schema *schema, const ink_schema_term *term, bool *limited,
                                   ink_expr *out);

/* The types of the term without null, false and true where a negated enum excludes them. */
ink_status ink_schema_types_left(ink_schema *schema, const ink_schema_term *term, unsigned *types);

bool ink_json_equal(ink_value a, ink_value b);

/* ---- schema_read.c: arguments of keywords. */

/* A number of things, at most UINT32_MAX - 1. */
ink_status ink_schema_count(const ink_schema *schema, const ink_schema_node *at,
                            const char *keyword, ink_value value, uint32_t *out);

/* The strictest of a counting keyword over the literals of the term. */
ink_status ink_schema_max_of(const ink_schema *schema, const ink_schema_term *term,
                             const char *keyword, uint32_t *out);
ink_status ink_schema_min_of(const ink_schema *schema, const ink_schema_term *term,
                             const char *keyword, uint32_t *out);

/* Adds a literal to a growing conjunction with room for `capacity`. */
ink_status ink_schema_add(const ink_schema *schema, ink_conjunction *to, uint32_t capacity,
                          uint32_t literal);

/* Keywords that stand for negations inside made up schemas. */
#define INK_SCHEMA_NOT_PATTERN "\x01pattern"
#define INK_SCHEMA_NOT_FORMAT \
    "\x01"                    \
    "format"
#define INK_SCHEMA_NOT_MULTIPLE "\x01multipleOf"
#define INK_SCHEMA_NOT_INTEGER "\x01integer"
#define INK_SCHEMA_NOT_ENUM \
    "\x01"                  \
    "enum"

#endif
