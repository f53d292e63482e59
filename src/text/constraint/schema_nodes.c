/* The document: its schemas, what they are called, and what a $ref means. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

ink_status ink_schema_fail(const ink_schema *schema, ink_status status, const ink_schema_node *at,
                           const char *keyword, const char *format, ...)
{
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return ink_fail(schema->error, status, 0, "the schema at %.140s%s%s: %s",
                    at ? at->pointer : "#", keyword ? "/" : "", keyword ? keyword : "", what);
}

static ink_status no_memory(const ink_schema *schema)
{
    return ink_fail_memory(schema->error, "a schema");
}

const ink_value *ink_schema_get(const ink_schema_node *node, const char *keyword)
{
    return node->value.kind == INK_VALUE_DICT ? ink_value_find_name(node->value, keyword) : NULL;
}

/* ---- Nodes */

static uint32_t *bucket_of(const ink_schema *schema, const ink_value_dict *dict)
{
    uintptr_t hash = (uintptr_t)dict >> 4;
    return &schema->node_buckets[(hash ^ hash >> 12) % INK_SCHEMA_BUCKETS];
}

static uint32_t find_node(const ink_schema *schema, const ink_value_dict *dict)
{
    uint32_t at = *bucket_of(schema, dict);
    while (at && schema->nodes[at - 1].value.as.dict != dict)
        at = schema->nodes[at - 1].next;
    return at;
}

static ink_status add_node(ink_schema *schema, ink_value value, const char *pointer,
                           const char *base, uint32_t *node)
{
    if (schema->n_nodes == INK_SCHEMA_MAX_NODES)
        return ink_fail(schema->error, INK_LIMIT, 0, "the schema has more than %u subschemas",
                        INK_SCHEMA_MAX_NODES);
    if (!ink_grammar_grow(schema->grammar, &schema->nodes, schema->n_nodes, &schema->node_capacity,
                          sizeof *schema->nodes))
        return ink_grammar_status(schema->grammar, schema->error);
    ink_schema_node *row = &schema->nodes[schema->n_nodes++];
    *row = (ink_schema_node){.value = value, .pointer = pointer, .base = base};
    *node = (uint32_t)schema->n_nodes - 1;
    if (value.kind == INK_VALUE_DICT) {
        uint32_t *bucket = bucket_of(schema, value.as.dict);
        row->next = *bucket;
        *bucket = *node + 1;
    }
    return INK_OK;
}

ink_status ink_schema_node_of(ink_schema *schema, ink_value value, const ink_schema_node *parent,
                              uint32_t *node)
{
    uint32_t found = 0;
    if (value.kind == INK_VALUE_BOOL) { /* the first two nodes, see ink_schema_read */
        *node = value.as.boolean;
        return INK_OK;
    }
    if (value.kind != INK_VALUE_DICT)
        return ink_schema_fail(schema, INK_CORRUPT, parent, NULL,
                               "a schema is expected, an object or a boolean, but there is a %s",
                               ink_value_kind_name(value.kind));
    found = find_node(schema, value.as.dict);
    if (!found)
        return add_node(schema, value, parent->pointer, parent->base, node);
    *node = found - 1;
    return INK_OK;
}

/* ---- URIs: as much of RFC 3986, section 5, as identifiers of schemas need. */

/* Where the path begins, behind scheme and authority. */
static size_t path_begin(const char *uri)
{
    size_t at = strcspn(uri, ":/?#");
    at = uri[at] == ':' ? at + 1 : 0;
    if (strncmp(uri + at, "//", 2) == 0)
        at += 2 + strcspn(uri + at + 2, "/?#");
    return at;
}

static bool has_scheme(const char *uri)
{
    return uri[strcspn(uri, ":/?#")] == ':';
}

/* Takes "a/../" and "./" out of the path, in place. */
static void remove_dots(char *path)
{
    for (char *at; (at = strstr(path, "/./"));)
        memmove(at, at + 2, strlen(at + 2) + 1);
    for (char *at; (at = strstr(path, "/../"));) {
        char *before = at;
        while (before > path && before[-1] != '/')
            before--;
        before -= before > path;
        memmove(before, at + 3, strlen(at + 3) + 1);
    }
}

/* From the arena; NULL when memory is out. */
static char *resolve(ink_schema *schema, const char *base, const char *ref, size_t n_bytes)
{
    size_t keep = 0, n_base = strcspn(base, "#");
    char *copy = ink_arena_string(&schema->arena, ref, n_bytes);
    if (!copy || has_scheme(copy))
        return copy;
    if (*copy == '#' || !*copy)
        keep = n_base;
    else if (strncmp(copy, "//", 2) == 0)
        keep = strcspn(base, ":") + (base[strcspn(base, ":")] == ':');
    else if (*copy == '/')
        keep = path_begin(base);
    else
        for (size_t i = 0; i < n_base; i++)
            keep = base[i] == '/' ? i + 1 : keep;
    char *uri = ink_arena_take(&schema->arena, keep + n_bytes + 1, 1);
    if (!uri)
        return NULL;
    memcpy(uri, base, keep);
    memcpy(uri + keep, copy, n_bytes);
    remove_dots(uri + path_begin(uri));
    return uri;
}

/* ---- Reading the document */

static ink_status add_name(ink_schema *schema, const char *uri, uint32_t node)
{
    if (!ink_grammar_grow(schema->grammar, &schema->names, schema->n_names, &schema->name_capacity,
                          sizeof *schema->names))
        return ink_grammar_status(schema->grammar, schema->error);
    schema->names[schema->n_names++] = (ink_schema_name){uri, node};
    return INK_OK;
}

/* "$id" changes the base; "$anchor" and "$dynamicAnchor" name the node. */
static ink_status name_node(ink_schema *schema, uint32_t index)
{
    static const char *const anchors[] = {"$anchor", "$dynamicAnchor"};
    ink_schema_node *node = &schema->nodes[index];
    const ink_value *id = ink_schema_get(node, "$id");
    if (id && ink_value_is_string(*id)) {
        char *uri = resolve(schema, node->base, id->as.text, id->n_bytes);
        if (!uri)
            return no_memory(schema);
        uri[strcspn(uri, "#")] = '\0';
        node->base = uri;
        INK_TRY(add_name(schema, uri, index));
    }
    for (size_t i = 0; i < 2; i++) {
        node = &schema->nodes[index];
        const ink_value *anchor = ink_schema_get(node, anchors[i]);
        if (!anchor || !ink_value_is_string(*anchor))
            continue;
        size_t n_base = strlen(node->base);
        char *uri = ink_arena_take(&schema->arena, n_base + anchor->n_bytes + 2, 1);
        if (!uri)
            return no_memory(schema);
        memcpy(uri, node->base, n_base);
        uri[n_base] = '#';
        memcpy(uri + n_base + 1, anchor->as.text, anchor->n_bytes);
        INK_TRY(add_name(schema, uri, index));
    }
    return INK_OK;
}

/* pointer/key or pointer/index, escaped as RFC 6901 says; NULL when memory is out. */
static char *extend(ink_schema *schema, const char *pointer, const char *key, size_t n_bytes)
{
    size_t n = strlen(pointer), most;
    char *out = NULL;
    if (ink_size_mul(n_bytes, 2, &most) && ink_size_add(most, n + 2, &most))
        out = ink_arena_take(&schema->arena, most, 1);
    if (!out)
        return NULL;
    memcpy(out, pointer, n);
    out[n++] = '/';
    for (size_t i = 0; i < n_bytes; i++) {
        bool escaped = key[i] == '~' || key[i] == '/';
        if (escaped)
            out[n++] = '~';
        out[n++] = escaped ? (char)('0' + (key[i] == '/')) : key[i];
    }
    return out;
}

static ink_status read_schema(ink_schema *schema, ink_value value, const char *pointer,
                              const char *base, unsigned depth);

/* Each item of a list, or each member of a dict, is a schema. */
static ink_status read_each(ink_schema *schema, ink_value value, const char *pointer,
                            const char *base, unsigned depth)
{
    char number[24];
    bool list = value.kind == INK_VALUE_LIST;
    size_t n = list ? value.as.list->n_items : value.as.dict->n_entries;
    for (size_t i = 0; i < n; i++) {
        ink_value key = list ? ink_value_none() : value.as.dict->entries[i].key;
        ink_value item = list ? value.as.list->items[i] : value.as.dict->entries[i].item;
        int n_digits = snprintf(number, sizeof number, "%zu", i);
        const char *below = extend(schema, pointer, list ? number : key.as.text,
                                   list ? (size_t)n_digits : key.n_bytes);
        if (!below)
            return no_memory(schema);
        INK_TRY(read_schema(schema, item, below, base, depth));
    }
    return INK_OK;
}

/* keyword, whether its value is a schema, else schemas in a list or dict */
static const struct place {
    const char *keyword;
    bool one;
} places[] = {{"additionalProperties", true},
              {"items", true},
              {"contains", true},
              {"not", true},
              {"if", true},
              {"then", true},
              {"else", true},
              {"propertyNames", true},
              {"unevaluatedItems", true},
              {"unevaluatedProperties", true},
              {"contentSchema", true},
              {"allOf", false},
              {"anyOf", false},
              {"oneOf", false},
              {"prefixItems", false},
              {"properties", false},
              {"patternProperties", false},
              {"dependentSchemas", false},
              {"$defs", false},
              {"definitions", false}};

static ink_status read_places(ink_schema *schema, uint32_t index, unsigned depth)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const ink_schema_node node = schema->nodes[index];
        const ink_value *value = ink_schema_get(&node, places[i].keyword);
        if (!value)
            continue;
        bool many = value->kind == INK_VALUE_LIST || value->kind == INK_VALUE_DICT;
        const char *below =
            extend(schema, node.pointer, places[i].keyword, strlen(places[i].keyword));
        if (!below)
            return no_memory(schema);
        if (places[i].one)
            INK_TRY(read_schema(schema, *value, below, node.base, depth));
        else if (many)
            INK_TRY(read_each(schema, *value, below, node.base, depth));
    }
    return INK_OK;
}

/* Other metaschemas may take keywords away or give them another meaning. */
static ink_status check_dialect(const ink_schema *schema, uint32_t index)
{
    static const char *const known[] = {"http://json-schema.org/", "https://json-schema.org/"};
    const ink_schema_node *node = &schema->nodes[index];
    const ink_value *dialect = ink_schema_get(node, "$schema");
    bool found = !dialect;
    for (size_t i = 0; i < 2 && !found; i++) {
        size_t n = strlen(known[i]);
        found = ink_value_is_string(*dialect) && dialect->n_bytes >= n &&
                memcmp(dialect->as.text, known[i], n) == 0;
    }
    return found ? INK_OK
                 : ink_schema_fail(schema, INK_UNSUPPORTED, node, "$schema",
                                   "only the metaschemas of json-schema.org are known");
}

/* What is no schema is found out where it is used. */
static ink_status read_schema(ink_schema *schema, ink_value value, const char *pointer,
                              const char *base, unsigned depth)
{
    uint32_t node;
    if (value.kind != INK_VALUE_DICT || find_node(schema, value.as.dict))
        return INK_OK;
    if (depth > INK_VALUE_MAX_DEPTH)
        return ink_fail(schema->error, INK_LIMIT, 0, "the schema nests too deeply");
    INK_TRY(add_node(schema, value, pointer, base, &node));
    INK_TRY(check_dialect(schema, node));
    INK_TRY(name_node(schema, node));
    return read_places(schema, node, depth + 1);
}

ink_status ink_schema_read(ink_schema *schema, ink_value value)
{
    uint32_t node;
    INK_TRY(add_node(schema, ink_value_bool(false), "#", "", &node));
    INK_TRY(add_node(schema, ink_value_bool(true), "#", "", &node));
    if (value.kind != INK_VALUE_DICT && value.kind != INK_VALUE_BOOL)
        return ink_fail(schema->error, INK_CORRUPT, 0,
                        "a schema is an object or a boolean, but this is a %s",
                        ink_value_kind_name(value.kind));
    if (value.kind == INK_VALUE_BOOL)
        return INK_OK;
    INK_TRY(add_name(schema, "", 2));
    return read_schema(schema, value, "#", "", 0);
}

/* ---- References */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* One part of a pointer in a fragment, up to "/": "%25", "~0" and "~1" read. Returns its end. */
static const char *read_part(const char *at, char *out, size_t *n_out)
{
    *n_out = 0;
    while (*at && *at != '/') {
        char c = *at++;
        if (c == '%' && hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0) {
            c = (char)(hex_digit(at[0]) * 16 + hex_digit(at[1]));
            at += 2;
        }
        if (c == '~' && (*at == '0' || *at == '1'))
            c = *at++ == '0' ? '~' : '/';
        out[(*n_out)++] = c;
    }
    return at;
}

static const ink_value *step_into(const ink_value *from, const char *part, size_t n_bytes)
{
    if (from->kind == INK_VALUE_DICT)
        return ink_value_find(*from, ink_value_borrow(part, n_bytes));
    if (from->kind != INK_VALUE_LIST || n_bytes == 0 || n_bytes > 9)
        return NULL;
    size_t index = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (part[i] < '0' || part[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(part[i] - '0');
    }
    return index < from->as.list->n_items ? &from->as.list->items[index] : NULL;
}

/* What a pointer means below a node, or NULL. */
static const ink_value *follow(ink_schema *schema, const ink_schema_node *node, const char *pointer)
{
    const ink_value *at = &node->value;
    char *part = ink_arena_take(&schema->arena, strlen(pointer) + 1, 1);
    while (part && at && *pointer == '/') {
        size_t n_bytes;
        pointer = read_part(pointer + 1, part, &n_bytes);
        at = step_into(at, part, n_bytes);
    }
    return part ? at : NULL;
}

static uint32_t find_name(const ink_schema *schema, const char *uri, size_t n_bytes)
{
    for (size_t i = 0; i < schema->n_names; i++)
        if (strlen(schema->names[i].uri) == n_bytes &&
            memcmp(schema->names[i].uri, uri, n_bytes) == 0)
            return schema->names[i].node;
    return UINT32_MAX;
}

ink_status ink_schema_find_ref(ink_schema *schema, const ink_schema_node *node, ink_value ref,
                               uint32_t *target)
{
    if (!ink_value_is_string(ref))
        return ink_schema_fail(schema, INK_CORRUPT, node, "$ref", "it must be a string");
    char *uri = resolve(schema, node->base, ref.as.text, ref.n_bytes);
    if (!uri)
        return no_memory(schema);
    size_t n_resource = strcspn(uri, "#");
    const char *fragment = uri[n_resource] ? uri + n_resource + 1 : "";
    uint32_t found =
        find_name(schema, uri, *fragment && *fragment != '/' ? strlen(uri) : n_resource);
    if (found == UINT32_MAX)
        return ink_schema_fail(schema, INK_UNSUPPORTED, node, "$ref",
                               "'%.100s' is not in this document, and others are not fetched", uri);
    *target = found;
    if (*fragment != '/')
        return INK_OK;
    const ink_schema_node resource = schema->nodes[found];
    const ink_value *value = follow(schema, &resource, fragment);
    if (!value)
        return ink_schema_fail(schema, INK_CORRUPT, node, "$ref", "there is nothing at '%.100s'",
                               uri);
    return ink_schema_node_of(schema, *value, &resource, target);
}
