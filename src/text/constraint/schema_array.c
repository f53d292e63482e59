/* Arrays: what each place must satisfy, from all schemas that hold together. */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

typedef struct array_shape {
    uint32_t n_prefix; /* places that a schema speaks of one by one */
    uint32_t min, max; /* items */
} array_shape;

static ink_status check_unique(const ink_schema *schema, const ink_schema_node *node,
                               const array_shape *shape)
{
    const ink_value *unique = ink_schema_get(node, "uniqueItems");
    if (!unique || (unique->kind == INK_VALUE_BOOL && !unique->as.boolean) || shape->max <= 1)
        return INK_OK;
    return ink_schema_fail(schema, INK_UNSUPPORTED, node, "uniqueItems",
                           "this keyword is not supported, unless maxItems is 1 or less");
}

/* "contains" of what is always there. */
static ink_status check_contains(const ink_schema *schema, const ink_schema_node *node,
                                 array_shape *shape)
{
    const ink_value *contains = ink_schema_get(node, "contains");
    const ink_value *least = ink_schema_get(node, "minContains");
    const ink_value *most = ink_schema_get(node, "maxContains");
    uint32_t min = 1, max = INK_EXPR_FOREVER;
    if (!contains)
        return INK_OK;
    if (contains->kind != INK_VALUE_BOOL || !contains->as.boolean)
        return ink_schema_fail(schema, INK_UNSUPPORTED, node, "contains",
                               "this keyword is not supported, unless its schema is true");
    if (least)
        INK_TRY(ink_schema_count(schema, node, "minContains", *least, &min));
    if (most)
        INK_TRY(ink_schema_count(schema, node, "maxContains", *most, &max));
    shape->min = min > shape->min ? min : shape->min;
    shape->max = max < shape->max ? max : shape->max;
    return INK_OK;
}

static ink_status shape_of(const ink_schema *schema, const ink_schema_term *term, array_shape *out)
{
    *out = (array_shape){.n_prefix = 0};
    INK_TRY(ink_schema_min_of(schema, term, "minItems", &out->min));
    INK_TRY(ink_schema_max_of(schema, term, "maxItems", &out->max));
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node *node = &schema->nodes[term->literals[i] >> 1];
        if (term->literals[i] & 1)
            continue;
        const ink_value *prefix = ink_schema_get(node, "prefixItems");
        INK_TRY(check_contains(schema, node, out));
        INK_TRY(check_unique(schema, node, out));
        if (!prefix)
            continue;
        if (prefix->kind != INK_VALUE_LIST)
            return ink_schema_fail(schema, INK_CORRUPT, node, "prefixItems",
                                   "it must be a list of schemas");
        size_t n = prefix->as.list->n_items;
        if (n > INK_SCHEMA_MAX_PREFIX)
            return ink_schema_fail(schema, INK_LIMIT, node, "prefixItems", "more than %d items",
                                   INK_SCHEMA_MAX_PREFIX);
        out->n_prefix = n > out->n_prefix ? (uint32_t)n : out->n_prefix;
    }
    return INK_OK;
}

/* What the item at a place must satisfy; places behind the prefix are alike. */
static ink_status item_of(ink_schema *schema, const ink_schema_term *term, uint32_t place,
                          ink_conjunction *out)
{
    *out = (ink_conjunction){ink_arena_take(&schema->arena, term->n, sizeof *out->literals), 0};
    if (!out->literals)
        return ink_fail_memory(schema->error, "a schema");
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node node = schema->nodes[term->literals[i] >> 1];
        const ink_value *prefix = ink_schema_get(&node, "prefixItems");
        const ink_value *item = ink_schema_get(&node, "items");
        uint32_t target;
        if (term->literals[i] & 1)
            continue;
        if (prefix && place < prefix->as.list->n_items)
            item = &prefix->as.list->items[place];
        if (!item)
            continue;
        INK_TRY(ink_schema_node_of(schema, *item, &node, &target));
        INK_TRY(ink_schema_add(schema, out, term->n, 2 * target));
    }
    return INK_OK;
}

static ink_status item_rule(ink_schema *schema, const ink_schema_term *term, uint32_t place,
                            ink_expr *out)
{
    ink_conjunction of;
    INK_TRY(item_of(schema, term, place, &of));
    return ink_schema_rule_of(schema, of, out);
}

/* Behind the item at `place - 1`: up to the end. */
static ink_expr with_item(ink_schema *schema, const array_shape *shape, uint32_t place,
                          ink_expr item, ink_expr then)
{
    ink_grammar *grammar = schema->grammar;
    ink_expr more = ink_expr_seq(grammar, item, then);
    if (place > 0)
        more = ink_expr_seq(grammar, schema->comma, more);
    if (place >= shape->max)
        more = INK_EXPR_FAIL;
    return place >= shape->min ? ink_expr_alt(grammar, schema->close_array, more) : more;
}

ink_status ink_schema_array(ink_schema *schema, const ink_schema_term *term, ink_expr *out)
{
    ink_grammar *grammar = schema->grammar;
    array_shape shape;
    ink_expr rest;
    INK_TRY(shape_of(schema, term, &shape));
    INK_TRY(item_rule(schema, term, shape.n_prefix, &rest));
    uint32_t n = shape.n_prefix ? shape.n_prefix : 1; /* items before those that are repeated */
    uint32_t max = shape.max == INK_EXPR_FOREVER ? shape.max : shape.max > n ? shape.max - n : 0;
    ink_expr more = ink_expr_seq(grammar, schema->comma, rest);
    more = ink_expr_repeat(grammar, more, shape.min > n ? shape.min - n : 0, max);
    if (shape.min > shape.max)
        more = INK_EXPR_FAIL;
    more = ink_expr_seq(grammar, more, schema->close_array);
    for (uint32_t place = n; place-- > 0;) {
        ink_expr item = rest;
        if (place < shape.n_prefix)
            INK_TRY(item_rule(schema, term, place, &item));
        more = with_item(schema, &shape, place, item, more);
    }
    *out = ink_expr_seq(grammar, schema->open_array, more);
    return ink_grammar_status(grammar, schema->error);
}

ink_status ink_schema_array_is_empty(ink_schema *schema, const ink_schema_term *term, bool *empty)
{
    array_shape shape;
    INK_TRY(shape_of(schema, term, &shape));
    *empty = shape.min > shape.max;
    for (uint32_t place = 0; place <= shape.n_prefix && place < shape.min && !*empty; place++) {
        ink_conjunction of;
        INK_TRY(item_of(schema, term, place, &of));
        INK_TRY(ink_schema_is_empty(schema, of, empty));
    }
    return INK_OK;
}
