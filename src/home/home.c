#include "home/home.h"

#include <string.h>
#include "base/nearest.h"
#include "base/number.h"
#include "base/size.h"
#include "text/json.h"

typedef struct reader {
    ink_home *home;
    const char *file;
    ink_error *error;
    const char *list; /* "areas", and which of them is read */
    size_t index;
} reader;

/* What a list holds: its key, the kind, how many there may be, the member that says where. */
static const struct {
    const char *key, *place;
    ink_thing_kind kind;
    size_t max;
} lists[] = {{"floors", NULL, INK_THING_FLOOR, INK_HOME_MAX_FLOORS},
             {"areas", "floor", INK_THING_AREA, INK_HOME_MAX_AREAS},
             {"devices", "area", INK_THING_DEVICE, INK_HOME_MAX_DEVICES}};

enum { N_LISTS = sizeof lists / sizeof *lists };

static ink_status no_memory(const reader *r)
{
    return ink_fail_memory(r->error, "a home");
}

#define FAIL(r, status, format, ...)                                                            \
    ink_fail((r)->error, (status), 0, "%s: %s[%zu]: " format, (r)->file, (r)->list, (r)->index, \
             __VA_ARGS__)

size_t ink_home_fold(const ink_word *words, size_t n_words, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < n_words; i++) {
        char digits[INK_FLOAT_BYTES];
        const char *text = words[i].text;
        if (words[i].is_number)
            text = ink_print_float((float)words[i].number, digits);
        size_t length = strlen(text);
        if (n + length >= room)
            break;
        memcpy(out + n, text, length);
        n += length;
    }
    out[n] = '\0';
    return n;
}

uint64_t ink_home_letters(const char *folded, size_t n_bytes)
{
    uint64_t letters = 0;
    for (size_t i = 0; i < n_bytes; i++)
        letters |= (uint64_t)1 << (folded[i] & 63);
    return letters;
}

static ink_status fold_name(const reader *r, ink_value value, ink_thing_name *out)
{
    ink_words words;
    char folded[2 * INK_HOME_MAX_NAME];
    ink_words_read(&words, value.as.text, value.n_bytes);
    out->n_bytes = (uint32_t)ink_home_fold(words.items, words.n_words, folded, sizeof folded);
    out->n_words = (uint32_t)words.n_words;
    out->letters = ink_home_letters(folded, out->n_bytes);
    if (out->n_bytes == 0)
        return FAIL(r, INK_CORRUPT, "the name \"%.*s\" has no letters", (int)value.n_bytes,
                    value.as.text);
    out->folded = ink_arena_string(&r->home->arena, folded, out->n_bytes);
    return out->folded ? INK_OK : no_memory(r);
}

static ink_status check_name(const reader *r, const char *member, const ink_value *value)
{
    if (!value)
        return FAIL(r, INK_CORRUPT, "\"%s\" is missing", member);
    if (!ink_value_is_string(*value))
        return FAIL(r, INK_CORRUPT, "\"%s\" must be a text, not %s", member,
                    ink_value_kind_name(value->kind));
    if (value->n_bytes == 0 || value->n_bytes > INK_HOME_MAX_NAME)
        return FAIL(r, INK_LIMIT, "\"%s\" has %zu bytes; 1 to %d are allowed", member,
                    value->n_bytes, INK_HOME_MAX_NAME);
    for (size_t i = 0; i < value->n_bytes; i++)
        if ((unsigned char)value->as.text[i] < 32)
            return FAIL(r, INK_CORRUPT, "\"%s\" has a control character at byte %zu", member, i);
    return INK_OK;
}

static ink_status read_names(const reader *r, ink_value object, ink_thing *thing)
{
    const ink_value *name = ink_value_find_name(object, "name");
    const ink_value *aliases = ink_value_find_name(object, "aliases");
    INK_TRY(check_name(r, "name", name));
    if (aliases && aliases->kind != INK_VALUE_LIST)
        return FAIL(r, INK_CORRUPT, "\"aliases\" must be a list, not %s",
                    ink_value_kind_name(aliases->kind));
    size_t n_aliases = aliases ? aliases->as.list->n_items : 0;
    if (n_aliases > INK_HOME_MAX_ALIASES)
        return FAIL(r, INK_LIMIT, "%zu aliases; at most %d are allowed", n_aliases,
                    INK_HOME_MAX_ALIASES);
    thing->name = ink_arena_string(&r->home->arena, name->as.text, name->n_bytes);
    thing->names = ink_arena_take(&r->home->arena, n_aliases + 1, sizeof *thing->names);
    if (!thing->name || !thing->names)
        return no_memory(r);
    INK_TRY(fold_name(r, *name, &thing->names[0]));
    thing->n_names = (uint32_t)n_aliases + 1;
    for (size_t i = 0; i < n_aliases; i++) {
        INK_TRY(check_name(r, "aliases", &aliases->as.list->items[i]));
        INK_TRY(fold_name(r, aliases->as.list->items[i], &thing->names[i + 1]));
    }
    return INK_OK;
}

static ink_status read_place(const reader *r, size_t list, ink_value object, ink_thing *thing)
{
    const char *member = lists[list].place;
    const ink_value *value = member ? ink_value_find_name(object, member) : NULL;
    thing->place = INK_THING_NOWHERE;
    if (!value || value->kind == INK_VALUE_NONE)
        return INK_OK;
    INK_TRY(check_name(r, member, value));
    thing->place = ink_home_find(r->home, lists[list - 1].kind, value->as.text, value->n_bytes);
    if (thing->place == INK_THING_NOWHERE)
        return FAIL(r, INK_CORRUPT, "there is no %s \"%.*s\"", member, (int)value->n_bytes,
                    value->as.text);
    return INK_OK;
}

static ink_status read_domain(const reader *r, ink_value object, ink_thing *thing)
{
    const ink_value *value = ink_value_find_name(object, "domain");
    INK_TRY(check_name(r, "domain", value));
    thing->domain = ink_domain_find(value->as.text, value->n_bytes);
    if (thing->domain != INK_N_DOMAINS)
        return INK_OK;
    const char *names[INK_N_DOMAINS];
    char found[INK_HOME_MAX_NAME + 1];
    for (size_t i = 0; i < INK_N_DOMAINS; i++)
        names[i] = ink_domain_name((ink_home_domain)i);
    memcpy(found, value->as.text, value->n_bytes);
    found[value->n_bytes] = '\0';
    const char *nearest = ink_nearest(found, names, INK_N_DOMAINS);
    return FAIL(r, INK_CORRUPT, "unknown domain \"%s\"%s%s%s", found,
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Two of a name cannot be told apart, but for devices of different areas. */
static ink_status check_single(const reader *r, const ink_thing *thing, const ink_thing *first)
{
    for (const ink_thing *other = first; other < thing; other++)
        if (strcmp(other->names[0].folded, thing->names[0].folded) == 0 &&
            (thing->kind != INK_THING_DEVICE || other->place == thing->place))
            return FAIL(r, INK_CORRUPT, "there is another \"%s\"", thing->name);
    return INK_OK;
}

static ink_status check_members(const reader *r, size_t list, ink_value object)
{
    static const char *const known[] = {"name", "aliases", NULL, "domain"};
    if (object.kind != INK_VALUE_DICT)
        return FAIL(r, INK_CORRUPT, "must be an object, not %s", ink_value_kind_name(object.kind));
    size_t n_known = lists[list].kind == INK_THING_DEVICE ? 4 : lists[list].place ? 3 : 2;
    for (uint32_t i = 0; i < object.as.dict->n_entries; i++) {
        ink_value key = object.as.dict->entries[i].key;
        bool found = false;
        for (size_t k = 0; k < n_known; k++)
            found = found || ink_value_is_text(key, k == 2 ? lists[list].place : known[k]);
        if (!found)
            return FAIL(r, INK_CORRUPT, "unknown member \"%.*s\"",
                        (int)ink_size_min(key.n_bytes, 40), key.as.text);
    }
    return INK_OK;
}

static ink_status read_list(reader *r, size_t list, const ink_value *value)
{
    const ink_thing *first = r->home->things + r->home->n_things;
    for (size_t i = 0; value && i < value->as.list->n_items; i++) {
        ink_value object = value->as.list->items[i];
        ink_thing *thing = &r->home->things[r->home->n_things];
        r->list = lists[list].key;
        r->index = i;
        thing->kind = lists[list].kind;
        thing->domain = INK_N_DOMAINS;
        INK_TRY(check_members(r, list, object));
        INK_TRY(read_names(r, object, thing));
        INK_TRY(read_place(r, list, object, thing));
        if (thing->kind == INK_THING_DEVICE)
            INK_TRY(read_domain(r, object, thing));
        INK_TRY(check_single(r, thing, first));
        r->home->n_things++;
    }
    return INK_OK;
}

static ink_status count_list(const reader *r, size_t list, const ink_value *value, size_t *n)
{
    if (!value)
        return INK_OK;
    if (value->kind != INK_VALUE_LIST)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: \"%s\" must be a list, not %s", r->file,
                        lists[list].key, ink_value_kind_name(value->kind));
    if (value->as.list->n_items > lists[list].max)
        return ink_fail(r->error, INK_LIMIT, 0, "%s: %zu %s; at most %zu are allowed", r->file,
                        value->as.list->n_items, lists[list].key, lists[list].max);
    *n += value->as.list->n_items;
    return INK_OK;
}

static ink_status read_home(reader *r, ink_value root)
{
    const ink_value *values[N_LISTS];
    size_t n = 0, n_members = 0;
    if (root.kind != INK_VALUE_DICT)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: a home is an object, not %s", r->file,
                        ink_value_kind_name(root.kind));
    for (size_t i = 0; i < N_LISTS; i++) {
        values[i] = ink_value_find_name(root, lists[i].key);
        n_members += values[i] != NULL;
        INK_TRY(count_list(r, i, values[i], &n));
    }
    if (n_members != root.as.dict->n_entries)
        return ink_fail(r->error, INK_CORRUPT, 0,
                        "%s: a home has \"floors\", \"areas\", \"devices\" and nothing else",
                        r->file);
    r->home->things = ink_arena_take(&r->home->arena, n + 1, sizeof *r->home->things);
    if (!r->home->things)
        return no_memory(r);
    for (size_t i = 0; i < N_LISTS; i++)
        INK_TRY(read_list(r, i, values[i]));
    return INK_OK;
}

/* The message of the JSON reader gets the file's name before it. */
static ink_status blame(const reader *r, ink_status status, ink_error *inner)
{
    if (status == INK_NO_MEMORY)
        return no_memory(r);
    return ink_fail(r->error, status, inner->offset, "%s: %s", r->file, inner->message);
}

ink_status ink_home_read(ink_home **out, const char *json, size_t n_bytes, const char *file,
                         const ink_allocator *allocator, ink_error *error)
{
    if (n_bytes > INK_HOME_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "%s has %zu bytes; a home has at most %zu", file,
                        n_bytes, INK_HOME_MAX_BYTES);
    ink_home *home = ink_new(allocator, 1, sizeof *home);
    if (!home)
        return ink_fail_memory(error, "a home");
    reader r = {.home = home, .file = file, .error = error};
    ink_arena values;
    ink_error inner = {0};
    ink_value root;
    ink_arena_init(&home->arena, allocator, INK_HOME_MAX_BYTES * 8);
    ink_arena_init(&values, allocator, INK_HOME_MAX_BYTES * 32);
    ink_status status = ink_value_from_json(&values, json, n_bytes, &root, &inner);
    status = status == INK_OK ? read_home(&r, root) : blame(&r, status, &inner);
    ink_arena_deinit(&values);
    if (status != INK_OK) {
        ink_home_free(home);
        return status;
    }
    *out = home;
    return INK_OK;
}

void ink_home_free(ink_home *home)
{
    if (!home)
        return;
    const ink_allocator *allocator = home->arena.allocator;
    ink_arena_deinit(&home->arena);
    ink_delete(allocator, home);
}

uint32_t ink_home_find(const ink_home *home, ink_thing_kind kind, const char *name, size_t n_bytes)
{
    ink_words words;
    char folded[2 * INK_HOME_MAX_NAME];
    ink_words_read(&words, name, n_bytes);
    ink_home_fold(words.items, words.n_words, folded, sizeof folded);
    for (uint32_t i = 0; i < home->n_things; i++)
        for (uint32_t k = 0; k < home->things[i].n_names && home->things[i].kind == kind; k++)
            if (strcmp(home->things[i].names[k].folded, folded) == 0)
                return i;
    return INK_THING_NOWHERE;
}
