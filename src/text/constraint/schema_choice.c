/*
 * Keywords that leave a choice. Which options a value takes is not asked, only that each allowed
 * value takes one: options may overlap, except those of oneOf.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

static ink_status no_memory(const ink_schema *schema)
{
    return ink_fail_memory(schema->error, "a schema");
}

ink_conjunction ink_schema_one(ink_schema *schema, uint32_t literal)
{
    ink_conjunction one = {ink_arena_take(&schema->arena, 1, sizeof(uint32_t)), 1};
    if (one.literals)
        one.literals[0] = literal;
    return one;
}

ink_status ink_schema_choice_init(ink_schema *schema, ink_schema_choice *choice, uint32_t node,
                                  const char *keyword, size_t n)
{
    *choice = (ink_schema_choice){.node = node, .keyword = keyword};
    choice->options = ink_arena_take(&schema->arena, n, sizeof *choice->options);
    return choice->options ? INK_OK : no_memory(schema);
}

bool ink_schema_offer(ink_schema *schema, ink_schema_choice *choice, uint32_t literal)
{
    choice->options[choice->n] = ink_schema_one(schema, literal);
    return choice->options[choice->n++].literals != NULL;
}

ink_status ink_schema_add(const ink_schema *schema, ink_conjunction *to, uint32_t capacity,
                          uint32_t literal)
{
    for (uint32_t i = 0; i < to->n; i++)
        if (to->literals[i] == literal)
            return INK_OK;
    if (to->n == capacity)
        return ink_schema_fail(schema, INK_LIMIT, &schema->nodes[literal >> 1], NULL,
                               "more than %" PRIu32 " schemas hold at one place", capacity);
    to->literals[to->n++] = literal;
    return INK_OK;
}

ink_status ink_schema_make(ink_schema *schema, const ink_schema_node *parent, const char *keyword,
                           ink_value value, uint32_t *node)
{
    ink_value dict;
    const ink_schema_node copy = *parent;
    if (!ink_value_new_dict(&schema->arena, INK_VALUE_DICT, &dict) ||
        !ink_value_set_name(&schema->arena, dict, keyword, value))
        return no_memory(schema);
    return ink_schema_node_of(schema, dict, &copy, node);
}

/* ---- anyOf, oneOf */

static ink_status literals_of(ink_schema *schema, uint32_t index, const char *keyword,
                              ink_value value, ink_conjunction *out)
{
    const ink_schema_node node = schema->nodes[index];
    if (value.kind != INK_VALUE_LIST || value.as.list->n_items == 0)
        return ink_schema_fail(schema, INK_CORRUPT, &node, keyword, "it must be a list of schemas");
    size_t n = value.as.list->n_items;
    *out = (ink_conjunction){ink_arena_take(&schema->arena, n, sizeof *out->literals), 0};
    if (!out->literals)
        return no_memory(schema);
    for (size_t i = 0; i < n; i++) {
        uint32_t target;
        INK_TRY(ink_schema_node_of(schema, value.as.list->items[i], &node, &target));
        out->literals[out->n++] = 2 * target;
    }
    return INK_OK;
}

static ink_status any_of(ink_schema *schema, uint32_t index, ink_value value,
                         ink_schema_choice *out)
{
    ink_conjunction of = {NULL, 0};
    INK_TRY(literals_of(schema, index, "anyOf", value, &of));
    INK_TRY(ink_schema_choice_init(schema, out, index, "anyOf", of.n));
    for (uint32_t i = 0; i < of.n; i++)
        if (!ink_schema_offer(schema, out, of.literals[i]))
            return no_memory(schema);
    return INK_OK;
}

/* Whether two branches can hold at once. The branches may be equal. */
static ink_status overlap(ink_schema *schema, uint32_t a, uint32_t b, bool *result)
{
    uint32_t pair[] = {a, b};
    bool empty = false;
    INK_TRY(ink_schema_is_empty(schema, (ink_conjunction){pair, 2}, &empty));
    *result = !empty;
    return INK_OK;
}

/* Branch i, and not those others that it shares values with. */
static ink_status only_branch(ink_schema *schema, const ink_conjunction *of, uint32_t i,
                              ink_conjunction *out)
{
    *out = (ink_conjunction){ink_arena_take(&schema->arena, of->n, sizeof *out->literals), 0};
    if (!out->literals)
        return no_memory(schema);
    out->literals[out->n++] = of->literals[i];
    for (uint32_t k = 0; k < of->n; k++) {
        bool shares = false;
        if (k == i)
            continue;
        INK_TRY(overlap(schema, of->literals[i], of->literals[k], &shares));
        if (shares)
            out->literals[out->n++] = of->literals[k] ^ 1;
    }
    return INK_OK;
}

static ink_status one_of(ink_schema *schema, uint32_t index, ink_value value,
                         ink_schema_choice *out)
{
    ink_conjunction of = {NULL, 0};
    INK_TRY(literals_of(schema, index, "oneOf", value, &of));
    INK_TRY(ink_schema_choice_init(schema, out, index, "oneOf", of.n));
    for (uint32_t i = 0; i < of.n; i++)
        INK_TRY(only_branch(schema, &of, i, &out->options[out->n++]));
    return INK_OK;
}

/* ---- if, then, else */

static ink_status side(ink_schema *schema, uint32_t index, const char *keyword, uint32_t *literal)
{
    const ink_schema_node node = schema->nodes[index];
    const ink_value *value = ink_schema_get(&node, keyword);
    uint32_t target = 1; /* true */
    if (value)
        INK_TRY(ink_schema_node_of(schema, *value, &node, &target));
    *literal = 2 * target;
    return INK_OK;
}

static ink_status if_then(ink_schema *schema, uint32_t index, ink_schema_choice *out)
{
    uint32_t condition, then, otherwise;
    INK_TRY(side(schema, index, "if", &condition));
    INK_TRY(side(schema, index, "then", &then));
    INK_TRY(side(schema, index, "else", &otherwise));
    INK_TRY(ink_schema_choice_init(schema, out, index, "if", 2));
    uint32_t *literals = ink_arena_take(&schema->arena, 4, sizeof *literals);
    if (!literals)
        return no_memory(schema);
    literals[0] = condition;
    literals[1] = then;
    literals[2] = condition ^ 1;
    literals[3] = otherwise;
    out->options[0] = (ink_conjunction){literals, 2};
    out->options[1] = (ink_conjunction){literals + 2, 2};
    if (then == 2 && otherwise == 2) /* it decides nothing */
        out->options[0] = (ink_conjunction){literals + 1, 1};
    out->n = then == 2 && otherwise == 2 ? 1 : 2;
    return INK_OK;
}

/* ---- dependentSchemas, dependentRequired */

/* The property is absent, or the schema of `literal` holds too. */
static ink_status depend(ink_schema *schema, uint32_t index, ink_value key, uint32_t literal,
                         ink_schema_choice *out)
{
    const ink_schema_node node = schema->nodes[index];
    ink_value properties;
    uint32_t absent;
    if (!ink_value_new_dict(&schema->arena, INK_VALUE_DICT, &properties) ||
        !ink_value_set(&schema->arena, properties, key, ink_value_bool(false)))
        return no_memory(schema);
    INK_TRY(ink_schema_make(schema, &node, "properties", properties, &absent));
    INK_TRY(ink_schema_choice_init(schema, out, index, out->keyword, 2));
    if (!ink_schema_offer(schema, out, 2 * absent) || !ink_schema_offer(schema, out, literal))
        return no_memory(schema);
    return INK_OK;
}

static ink_status dependents(ink_schema *schema, uint32_t index, const char *keyword,
                             ink_value value, ink_schema_choice **choices, size_t *n)
{
    const ink_schema_node node = schema->nodes[index];
    bool required = strcmp(keyword, "dependentRequired") == 0;
    if (value.kind != INK_VALUE_DICT)
        return ink_schema_fail(schema, INK_CORRUPT, &node, keyword, "it must be an object");
    *n = value.as.dict->n_entries;
    *choices = ink_arena_take(&schema->arena, *n, sizeof **choices);
    if (!*choices)
        return no_memory(schema);
    for (size_t i = 0; i < *n; i++) {
        ink_value_entry entry = value.as.dict->entries[i];
        uint32_t target;
        if (required)
            INK_TRY(ink_schema_make(schema, &node, "required", entry.item, &target));
        else
            INK_TRY(ink_schema_node_of(schema, entry.item, &node, &target));
        (*choices)[i].keyword = keyword;
        INK_TRY(depend(schema, index, entry.key, 2 * target, &(*choices)[i]));
    }
    return INK_OK;
}

static ink_status not_of(ink_schema *schema, uint32_t index, ink_value value,
                         ink_schema_choice *out)
{
    const ink_schema_node node = schema->nodes[index];
    uint32_t target;
    INK_TRY(ink_schema_node_of(schema, value, &node, &target));
    INK_TRY(ink_schema_choice_init(schema, out, index, "not", 1));
    return ink_schema_offer(schema, out, 2 * target + 1) ? INK_OK : no_memory(schema);
}

ink_status ink_schema_choices(ink_schema *schema, uint32_t node, const char *keyword,
                              ink_value value, ink_schema_choice **choices, size_t *n)
{
    if (strncmp(keyword, "dependent", 9) == 0)
        return dependents(schema, node, keyword, value, choices, n);
    *choices = ink_arena_take(&schema->arena, 1, sizeof **choices);
    if (!*choices)
        return no_memory(schema);
    *n = 1;
    if (strcmp(keyword, "anyOf") == 0)
        return any_of(schema, node, value, *choices);
    if (strcmp(keyword, "oneOf") == 0)
        return one_of(schema, node, value, *choices);
    if (strcmp(keyword, "if") == 0)
        return if_then(schema, node, *choices);
    return not_of(schema, node, value, *choices);
}
