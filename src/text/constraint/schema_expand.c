/* Conjunctions multiplied out into terms, and the rules that stand for them. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

/*
 * Choices at one place; how deep it is looked whether something is empty; terms in all.
 */
enum { MAX_CHOICES = 48, MAX_DEPTH_OF_EMPTY = 6, MAX_ALL_TERMS = 200000 };

typedef enum keyword_use { USE_JOIN, USE_CHOICE, USE_TYPED, USE_SIDE, USE_REFUSE } keyword_use;

static const struct keyword {
    const char *name;
    keyword_use use;
} keywords[] = {
#define KEYWORD(name, use) {name, USE_##use},
#include "text/constraint/keywords.def"
#undef KEYWORD
};

typedef struct expansion {
    ink_schema *schema;
    ink_schema_visit visit;
    void *context;
    unsigned n_terms;
    bool stop;
} expansion;

/* A term while it is made: what was joined, and what is still to be chosen. */
typedef struct draft {
    ink_schema_term term;
    uint32_t parents[INK_SCHEMA_MAX_TOGETHER]; /* literals that brought them, or UINT32_MAX */
    ink_schema_choice choices[MAX_CHOICES];
    uint32_t parents_of_choices[MAX_CHOICES];
    uint32_t n_choices, n_done; /* n_done: literals looked at */
    bool dead;
} draft;

/* ---- Joining */

/* Whether the literal at `place`, or one that it comes from, is of this node. */
static bool comes_from(const draft *d, uint32_t place, uint32_t node)
{
    while (place != UINT32_MAX && d->term.literals[place] >> 1 != node)
        place = d->parents[place];
    return place != UINT32_MAX;
}

/* Because of the literal at `parent`, which may be UINT32_MAX. */
static ink_status join(draft *d, const ink_schema *schema, uint32_t literal, uint32_t parent)
{
    if (literal >> 1 > 1 && comes_from(d, parent, literal >> 1))
        return ink_schema_fail(schema, INK_CORRUPT, &schema->nodes[d->term.literals[parent] >> 1],
                               NULL,
                               "it refers back to the schema that it is a part of, for the same "
                               "value, so it says nothing");
    for (uint32_t i = 0; i < d->term.n; i++) {
        if (d->term.literals[i] == literal)
            return INK_OK;
        d->dead |= d->term.literals[i] == (literal ^ 1);
    }
    if (d->term.n == INK_SCHEMA_MAX_TOGETHER)
        return ink_schema_fail(schema, INK_LIMIT, &schema->nodes[literal >> 1], NULL,
                               "more than %d schemas hold at one place", INK_SCHEMA_MAX_TOGETHER);
    d->parents[d->term.n] = parent;
    d->term.literals[d->term.n++] = literal;
    return INK_OK;
}

static ink_status join_all(draft *d, const ink_schema *schema, ink_conjunction of, uint32_t parent)
{
    for (uint32_t i = 0; i < of.n; i++)
        INK_TRY(join(d, schema, of.literals[i], parent));
    return INK_OK;
}

static ink_status add_choice(draft *d, const ink_schema *schema, const ink_schema_choice *choice)
{
    uint32_t parent = d->n_done - 1; /* the literal that is looked at */
    if (choice->n == 1)
        return join_all(d, schema, choice->options[0], parent);
    d->dead |= choice->n == 0;
    if (d->n_choices == MAX_CHOICES)
        return ink_schema_fail(schema, INK_LIMIT, &schema->nodes[choice->node], choice->keyword,
                               "more than %d choices hold at one place", MAX_CHOICES);
    d->parents_of_choices[d->n_choices] = parent;
    d->choices[d->n_choices++] = *choice;
    return INK_OK;
}

static const struct type_row {
    const char *name;
    unsigned types;
} type_rows[] = {{"null", INK_TYPE_NULL},
                 {"boolean", INK_TYPE_FALSE | INK_TYPE_TRUE},
                 {"number", INK_TYPE_NUMBER},
                 {"integer", INK_TYPE_NUMBER}, /* that it is whole, schema_number.c adds */
                 {"string", INK_TYPE_STRING},
                 {"array", INK_TYPE_ARRAY},
                 {"object", INK_TYPE_OBJECT}};

static unsigned types_of(ink_value name)
{
    for (size_t i = 0; i < sizeof type_rows / sizeof type_rows[0]; i++)
        if (ink_value_is_string(name) && ink_value_is_text(name, type_rows[i].name))
            return type_rows[i].types;
    return 0;
}

static ink_status join_type(draft *d, const ink_schema *schema, const ink_schema_node *node,
                            ink_value value)
{
    unsigned types = 0;
    bool list = value.kind == INK_VALUE_LIST;
    size_t n = list ? value.as.list->n_items : 1;
    for (size_t i = 0; i < n; i++) {
        unsigned one = types_of(list ? value.as.list->items[i] : value);
        if (!one)
            return ink_schema_fail(schema, INK_CORRUPT, node, "type", "it names no type");
        types |= one;
    }
    d->term.types &= types;
    return INK_OK;
}

/* Each item of allOf, or the target of $ref. */
static ink_status join_keyword(draft *d, ink_schema *schema, uint32_t index, const char *keyword,
                               ink_value value)
{
    const ink_schema_node node = schema->nodes[index];
    uint32_t target;
    if (strcmp(keyword, "type") == 0)
        return join_type(d, schema, &node, value);
    if (strcmp(keyword, "$ref") == 0) {
        INK_TRY(ink_schema_find_ref(schema, &node, value, &target));
        return join(d, schema, 2 * target, d->n_done - 1);
    }
    if (value.kind != INK_VALUE_LIST)
        return ink_schema_fail(schema, INK_CORRUPT, &node, keyword, "it must be a list of schemas");
    for (size_t i = 0; i < value.as.list->n_items; i++) {
        INK_TRY(ink_schema_node_of(schema, value.as.list->items[i], &node, &target));
        INK_TRY(join(d, schema, 2 * target, d->n_done - 1));
    }
    return INK_OK;
}

static ink_status join_choices(draft *d, ink_schema *schema, uint32_t index, const char *keyword,
                               ink_value value)
{
    ink_schema_choice *choices;
    size_t n;
    INK_TRY(ink_schema_choices(schema, index, keyword, value, &choices, &n));
    for (size_t i = 0; i < n; i++)
        INK_TRY(add_choice(d, schema, &choices[i]));
    return INK_OK;
}

/* Every keyword of a schema that a value must satisfy. */
static ink_status join_node(draft *d, ink_schema *schema, uint32_t index)
{
    const ink_schema_node node = schema->nodes[index];
    if (node.value.kind == INK_VALUE_BOOL) {
        d->dead |= !node.value.as.boolean;
        return INK_OK;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        const ink_value *value = ink_schema_get(&node, keywords[i].name);
        if (!value)
            continue;
        if (keywords[i].use == USE_REFUSE)
            return ink_schema_fail(schema, INK_UNSUPPORTED, &node, keywords[i].name,
                                   "this keyword is not supported");
        if (keywords[i].use == USE_JOIN)
            INK_TRY(join_keyword(d, schema, index, keywords[i].name, *value));
        if (keywords[i].use == USE_CHOICE)
            INK_TRY(join_choices(d, schema, index, keywords[i].name, *value));
    }
    return INK_OK;
}

/* ---- Multiplying out */

static ink_status expand(expansion *e, draft *d);

static ink_status choose(expansion *e, const draft *from)
{
    ink_schema *schema = e->schema;
    const ink_schema_choice choice = from->choices[from->n_choices - 1];
    draft *d = ink_new(schema->grammar->allocator, 1, sizeof *d);
    ink_status status = d ? INK_OK : ink_fail_memory(schema->error, "a schema");
    for (size_t i = 0; i < choice.n && status == INK_OK && !e->stop; i++) {
        *d = *from;
        d->n_choices--;
        status = join_all(d, schema, choice.options[i], from->parents_of_choices[d->n_choices]);
        if (status == INK_OK)
            status = expand(e, d);
    }
    ink_delete(schema->grammar->allocator, d);
    return status;
}

static ink_status expand(expansion *e, draft *d)
{
    ink_schema *schema = e->schema;
    while (d->n_done < d->term.n && !d->dead) {
        uint32_t literal = d->term.literals[d->n_done++];
        ink_schema_choice choice = {.n = 0};
        if (literal & 1) {
            INK_TRY(ink_schema_negate(schema, literal >> 1, &choice));
            INK_TRY(add_choice(d, schema, &choice));
        } else
            INK_TRY(join_node(d, schema, literal >> 1));
    }
    if (d->dead || d->term.types == 0)
        return INK_OK;
    if (d->n_choices > 0)
        return choose(e, d);
    if (++e->n_terms > INK_SCHEMA_MAX_TERMS || ++schema->n_terms > MAX_ALL_TERMS) {
        uint32_t at = d->term.n ? d->term.literals[0] >> 1 : 0;
        return ink_schema_fail(schema, INK_LIMIT, &schema->nodes[at], NULL,
                               "the choices multiply out to more than %d cases",
                               INK_SCHEMA_MAX_TERMS);
    }
    return e->visit(schema, &d->term, e->context);
}

static ink_status expand_all(expansion *e, ink_conjunction of)
{
    const ink_allocator *allocator = e->schema->grammar->allocator;
    draft *d = ink_new(allocator, 1, sizeof *d);
    if (!d)
        return ink_fail_memory(e->schema->error, "a schema");
    d->term.types = INK_TYPE_ALL;
    ink_status status = join_all(d, e->schema, of, UINT32_MAX);
    if (status == INK_OK)
        status = expand(e, d);
    ink_delete(allocator, d);
    return status;
}

ink_status ink_schema_expand(ink_schema *schema, ink_conjunction of, ink_schema_visit visit,
                             void *context)
{
    expansion e = {.schema = schema, .visit = visit, .context = context};
    return expand_all(&e, of);
}

/* ---- Rules */

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort_unique(ink_conjunction *of)
{
    uint32_t n = 0;
    if (of->n > 1)
        qsort(of->literals, of->n, sizeof *of->literals, ascending);
    for (uint32_t i = 0; i < of->n; i++)
        if (of->literals[i] != 2 && (n == 0 || of->literals[n - 1] != of->literals[i]))
            of->literals[n++] = of->literals[i]; /* 2 is "true", which adds nothing */
    of->n = n;
}

ink_status ink_schema_rule_of(ink_schema *schema, ink_conjunction of, ink_expr *rule)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    sort_unique(&of);
    for (uint32_t i = 0; i < of.n; i++)
        hash = (hash ^ of.literals[i]) * 16777619u;
    uint32_t *bucket = &schema->rule_buckets[hash % INK_SCHEMA_BUCKETS];
    for (uint32_t at = *bucket; at; at = schema->rules[at - 1].next) {
        const ink_schema_rule *row = &schema->rules[at - 1];
        if (row->of.n == of.n &&
            (of.n == 0 || memcmp(row->of.literals, of.literals, of.n * sizeof *of.literals) == 0)) {
            *rule = ink_expr_rule(schema->grammar, row->rule);
            return INK_OK;
        }
    }
    uint32_t number = ink_grammar_add_rule(schema->grammar);
    if (!ink_grammar_grow(schema->grammar, &schema->rules, schema->n_rules, &schema->rule_capacity,
                          sizeof *schema->rules))
        return ink_grammar_status(schema->grammar, schema->error);
    schema->rules[schema->n_rules++] = (ink_schema_rule){of, number, *bucket};
    *bucket = (uint32_t)schema->n_rules;
    *rule = ink_expr_rule(schema->grammar, number);
    return INK_OK;
}

/* ---- Emptiness */

static ink_status has_scalar(ink_schema *schema, const ink_schema_term *term, bool *has)
{
    ink_expr expr = INK_EXPR_FAIL;
    if (term->types & INK_TYPE_NUMBER)
        INK_TRY(ink_schema_number(schema, term, &expr));
    *has = expr != INK_EXPR_FAIL && ink_expr_is_alive(schema->grammar, expr);
    if (*has || !(term->types & INK_TYPE_STRING))
        return INK_OK;
    INK_TRY(ink_schema_string(schema, term, &expr));
    *has = expr != INK_EXPR_FAIL && ink_expr_is_alive(schema->grammar, expr);
    return INK_OK;
}

static ink_status has_value(ink_schema *schema, const ink_schema_term *term, bool *has)
{
    bool limited, empty = true;
    unsigned types = 0;
    ink_expr expr;
    INK_TRY(ink_schema_enum(schema, term, &limited, &expr));
    if (!limited)
        INK_TRY(ink_schema_types_left(schema, term, &types));
    *has = limited ? expr != INK_EXPR_FAIL
                   : (types & (INK_TYPE_NULL | INK_TYPE_FALSE | INK_TYPE_TRUE)) != 0;
    if (limited || *has)
        return INK_OK;
    INK_TRY(has_scalar(schema, term, has));
    if (!*has && term->types & INK_TYPE_ARRAY) {
        INK_TRY(ink_schema_array_is_empty(schema, term, &empty));
        *has = !empty;
    }
    if (!*has && term->types & INK_TYPE_OBJECT) {
        INK_TRY(ink_schema_object_is_empty(schema, term, &empty));
        *has = !empty;
    }
    return INK_OK;
}

static ink_status look_for_value(ink_schema *schema, const ink_schema_term *term, void *context)
{
    expansion *e = context;
    return has_value(schema, term, &e->stop);
}

ink_status ink_schema_is_empty(ink_schema *schema, ink_conjunction of, bool *empty)
{
    *empty = false;
    if (schema->depth == MAX_DEPTH_OF_EMPTY)
        return INK_OK;
    expansion e = {.schema = schema, .visit = look_for_value};
    e.context = &e;
    schema->depth++;
    ink_status status = expand_all(&e, of);
    schema->depth--;
    *empty = !e.stop;
    return status;
}
