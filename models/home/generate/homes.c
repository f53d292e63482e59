#include "homes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "grammar.h"
#include "home/request.h"
#include "random.h"

enum {
    MAX_WORDS = 500,
    MAX_AREAS = 16,
    MAX_FLOORS = 4,
    NAME = 120,
    MAX_NAMED = 256,
    SYLLABLE = 16
};

/* A noun may tell the class of what it names: "motion: Motion Sensor". */
typedef struct word_list {
    const char *words[MAX_WORDS], *classes[MAX_WORDS];
    size_t n;
} word_list;

/* Lists are files; those of nouns are named like domains. */
struct name_lists {
    word_list areas, floors, adjectives, people, brands, common, devices[INK_N_DOMAINS];
};

/* Whose names are made. */
typedef struct maker {
    const name_lists *names;
    bool held_out;
    uint64_t *random;
} maker;

static ink_buffer json;

static void add_word(word_list *list, char *line)
{
    char *colon = strstr(line, ": ");
    list->classes[list->n] = colon ? copy_text(line, (size_t)(colon - line)) : NULL;
    const char *word = colon ? colon + 2 : line;
    list->words[list->n++] = copy_text(word, strlen(word));
}

static void read_list(word_list *list, const char *folder, const char *name)
{
    char path[512], line[128];
    (void)snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    list->n = 0;
    if (!file)
        return;
    while (list->n < MAX_WORDS && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line && *line != '#')
            add_word(list, line);
    }
    (void)fclose(file);
}

name_lists *names_read(const char *folder)
{
    name_lists *names = need(ink_new(NULL, 1, sizeof *names));
    const struct {
        word_list *list;
        const char *name;
    } needed[] = {{&names->areas, "areas"},           {&names->floors, "floors"},
                  {&names->adjectives, "adjectives"}, {&names->people, "people"},
                  {&names->brands, "brands"},         {&names->common, "common"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        read_list(needed[i].list, folder, needed[i].name);
        if (needed[i].list->n == 0) {
            fprintf(stderr, "%s/%s.txt: is missing or empty\n", folder, needed[i].name);
            exit(1);
        }
    }
    for (size_t i = 0; i < INK_N_DOMAINS; i++)
        read_list(&names->devices[i], folder, ink_domain_name((ink_home_domain)i));
    return names;
}

/* Held-out words are for homes that are measured on; those may have all words. */
static size_t pick_index(const maker *m, const word_list *list)
{
    size_t i;
    do
        i = below(m->random, list->n);
    while (list->n > 9 && hash_text(list->words[i]) % 10 == 0 && !m->held_out);
    return i;
}

static const char *pick(const maker *m, const word_list *list)
{
    return list->words[pick_index(m, list)];
}

static void invent(char *out, uint64_t *random)
{
    static const char *const begins[] = {"b", "br", "d", "dr", "f",  "fl", "g", "gr", "h", "k",
                                         "l", "m",  "n", "p",  "pl", "r",  "s", "st", "t", "tr",
                                         "v", "w",  "z", "sh", "ch", "th", "j", "qu", "y", ""};
    static const char *const middles[] = {"a", "e", "i", "o", "u", "ai", "ee", "oa", "ou", "y"};
    static const char *const ends[] = {"",  "",  "n", "r",  "l",  "s",  "t",
                                       "m", "k", "x", "nd", "ck", "th", "sh"};
    size_t n = 2 + below(random, 2);
    for (size_t i = 0; i < n; i++) {
        const char *begin = begins[below(random, sizeof begins / sizeof *begins)];
        const char *middle = middles[below(random, sizeof middles / sizeof *middles)];
        const char *end = ends[below(random, sizeof ends / sizeof *ends)];
        bool closed = i + 1 == n || chance(random, 30);
        out += snprintf(out, SYLLABLE, "%s%s%s", begin, middle, closed ? end : "");
    }
}

static void area_name(const maker *m, char out[NAME])
{
    char word[64];
    const char *area = pick(m, &m->names->areas);
    unsigned kind = (unsigned)below(m->random, 12);
    invent(word, m->random);
    if (kind < 7)
        (void)snprintf(out, NAME, "%s", area);
    else if (kind == 7)
        (void)snprintf(out, NAME, "%s's %s", pick(m, &m->names->people), area);
    else if (kind == 8)
        (void)snprintf(out, NAME, "%s %s", pick(m, &m->names->adjectives), area);
    else if (kind == 9)
        (void)snprintf(out, NAME, "%s %zu", area, 1 + below(m->random, 4));
    else
        (void)snprintf(out, NAME, kind == 10 ? "%s room" : "%s", word);
}

/*
 * How a noun becomes a name: %a an area, %d an adjective, %p a person, %b a brand, %w an invented
 * word, %n the noun, %1 a digit.
 */
static const char *const shapes_of_things[] = {
    "%n",    "%n",    "%n",       "%n",       "%n",    "%d %n",    "%d %n",
    "%d %n", "%a %n", "%a %n",    "%a %n",    "%a %n", "%a %n",    "%p's %n",
    "%n %1", "%w %n", "%w",       "%b %n",    "%n %d", "%a %d %n", "%b",
    "%p %n", "%w %1", "%a %n %1", "%n by %a", "%d %w", "%w %w",    "%n %w"};
static const char *const shapes_of_ideas[] = {"%n",      "%n",    "%n", "%n",    "%d %n",
                                              "%p's %n", "%n %1", "%w", "%a %n", "%w %n"};
static const char *const shapes_of_people[] = {"%n", "%n", "%n", "%n", "%w", "%n %w"};

#define PICK_SHAPE(m, list) list[below((m)->random, sizeof(list) / sizeof *(list))]

static const char *pick_shape(const maker *m, ink_home_domain domain)
{
    switch (domain) {
    case INK_DOMAIN_person:
        return PICK_SHAPE(m, shapes_of_people);
    case INK_DOMAIN_scene:
    case INK_DOMAIN_script:
    case INK_DOMAIN_todo:
    case INK_DOMAIN_weather:
        return PICK_SHAPE(m, shapes_of_ideas);
    default:
        return PICK_SHAPE(m, shapes_of_things);
    }
}

static bool has_noun(const char *shape)
{
    return strstr(shape, "%n") != NULL;
}

static void write_shape(const maker *m, const char *shape, const char *area, const char *noun,
                        char out[NAME])
{
    size_t n = 0;
    for (; *shape && n + 1 < NAME; shape++) {
        char word[64], digit[2] = {(char)('1' + below(m->random, 9)), '\0'};
        if (*shape != '%') {
            out[n++] = *shape;
            continue;
        }
        invent(word, m->random);
        const char *part = *++shape == 'a' ? area
                           : *shape == 'd' ? pick(m, &m->names->adjectives)
                           : *shape == 'p' ? pick(m, &m->names->people)
                           : *shape == 'b' ? pick(m, &m->names->brands)
                           : *shape == 'n' ? noun
                           : *shape == '1' ? digit
                                           : word;
        (void)snprintf(out + n, NAME - n, "%s", part);
        n += strlen(out + n);
    }
    out[n] = '\0';
}

static bool is_common(const word_list *common, const char *word)
{
    size_t i = 0;
    while (i < common->n && strcmp(common->words[i], word) != 0)
        i++;
    return i < common->n;
}

bool names_mean_kind(const name_lists *names, const ink_word *words, size_t n_words)
{
    size_t i = 0;
    while (i < n_words && is_common(&names->common, words[i].text))
        i++;
    return i == n_words;
}

/* Returns the class that the name tells, or NULL. `wanted`: one that it must tell, or NULL. */
static const char *device_name(const maker *m, ink_home_domain domain, const char *area,
                               const char *wanted, char out[NAME])
{
    const word_list *nouns = &m->names->devices[domain];
    const char *shape = pick_shape(m, domain);
    size_t noun = pick_index(m, nouns);
    for (size_t i = 0; wanted && i < MAX_WORDS; i++) {
        if (nouns->classes[noun] && strcmp(nouns->classes[noun], wanted) == 0)
            break;
        noun = pick_index(m, nouns);
    }
    while (wanted && !has_noun(shape))
        shape = pick_shape(m, domain);
    write_shape(m, shape, area, nouns->words[noun], out);
    return has_noun(shape) ? nouns->classes[noun] : NULL;
}

static bool has_name(const char *names, const char *name)
{
    char quoted[NAME + 3];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return strstr(names, quoted) != NULL;
}

/* ---- What the last home's file does not say, or not in one place. */

static struct {
    char name[NAME], alias[NAME];
    const char *class;
} named[MAX_NAMED];
static size_t n_named;

static size_t find_named(const char *name)
{
    size_t i = 0;
    while (i < n_named && strcmp(named[i].name, name) != 0)
        i++;
    return i;
}

const char *home_alias(const ink_thing *thing)
{
    size_t i = find_named(thing->name);
    return i < n_named && *named[i].alias ? named[i].alias : thing->name;
}

const char *home_class(const ink_thing *thing)
{
    size_t i = find_named(thing->name);
    return i < n_named ? named[i].class : NULL;
}

static void begin_item(const char *name, const char *alias, const char *class)
{
    ink_buffer_format(&json, "{\"name\":\"%s\"", name);
    if (n_named < MAX_NAMED) {
        (void)snprintf(named[n_named].name, NAME, "%s", name);
        (void)snprintf(named[n_named].alias, NAME, "%s", alias ? alias : "");
        named[n_named++].class = class;
    }
    if (alias)
        ink_buffer_format(&json, ",\"aliases\":[\"%s\"]", alias);
}

static void comma(size_t i)
{
    ink_buffer_text(&json, i ? "," : "");
}

static size_t write_floors(const maker *m, const char *floors[MAX_FLOORS])
{
    size_t tries = below(m->random, MAX_FLOORS + 1), n = 0;
    ink_buffer_text(&json, "{\"floors\":[");
    for (size_t i = 0; i < tries; i++) {
        const char *name = pick(m, &m->names->floors), *alias = pick(m, &m->names->floors);
        if (has_name(json.data, name) || has_name(json.data, alias) || strcmp(name, alias) == 0)
            continue;
        floors[n] = name;
        comma(n++);
        begin_item(name, chance(m->random, 30) ? alias : NULL, NULL);
        ink_buffer_text(&json, "}");
    }
    return n;
}

static size_t write_areas(const maker *m, const char *floors[MAX_FLOORS], size_t n_floors,
                          char areas[][NAME])
{
    size_t n = 0, tries = 2 + below(m->random, MAX_AREAS - 2);
    ink_buffer_text(&json, "],\"areas\":[");
    for (size_t i = 0; i < tries || n == 0; i++) {
        char alias[NAME];
        area_name(m, areas[n]);
        area_name(m, alias);
        if (has_name(json.data, areas[n]) || has_name(json.data, alias))
            continue;
        comma(n);
        begin_item(areas[n], chance(m->random, 20) ? alias : NULL, NULL);
        if (n_floors && chance(m->random, 80))
            ink_buffer_format(&json, ",\"floor\":\"%s\"", floors[below(m->random, n_floors)]);
        ink_buffer_text(&json, "}");
        n++;
    }
    return n;
}

static void write_device(const maker *m, bool first, ink_home_domain domain, const char *area)
{
    char name[NAME], alias[NAME];
    const char *class = device_name(m, domain, area, NULL, name);
    (void)device_name(m, domain, area, class, alias);
    if (has_name(json.data, name) || has_name(json.data, alias) ||
        strlen(name) >= INK_HOME_MAX_NAME || strlen(alias) >= INK_HOME_MAX_NAME)
        return;
    comma(!first);
    begin_item(name, chance(m->random, 20) ? alias : NULL, class);
    ink_buffer_format(&json, ",\"domain\":\"%s\"", ink_domain_name(domain));
    if (chance(m->random, 85))
        ink_buffer_format(&json, ",\"area\":\"%s\"", area);
    ink_buffer_text(&json, "}");
}

/* Sensors are many in homes, and in sentences. */
static ink_home_domain pick_domain(const maker *m)
{
    if (chance(m->random, 16))
        return chance(m->random, 65) ? INK_DOMAIN_binary_sensor : INK_DOMAIN_sensor;
    ink_home_domain domain;
    do
        domain = (ink_home_domain)below(m->random, INK_N_DOMAINS);
    while (m->names->devices[domain].n == 0);
    return domain;
}

static void write_home(const maker *m, size_t n_devices)
{
    const char *floors[MAX_FLOORS];
    char areas[MAX_AREAS][NAME];
    json.n_bytes = n_named = 0;
    size_t n_floors = write_floors(m, floors);
    size_t n_areas = write_areas(m, floors, n_floors, areas);
    ink_buffer_text(&json, "],\"devices\":[");
    size_t first = json.n_bytes;
    for (size_t i = 0; i < n_devices; i++)
        write_device(m, json.n_bytes == first, pick_domain(m), areas[below(m->random, n_areas)]);
    ink_buffer_text(&json, "]}");
}

ink_home *home_random(const name_lists *names, bool held_out, uint64_t *random)
{
    const maker m = {.names = names, .held_out = held_out, .random = random};
    ink_error error;
    ink_home *home;
    if (!json.max_bytes)
        ink_buffer_init(&json, NULL, INK_HOME_MAX_BYTES);
    for (;;) {
        write_home(&m, 12 + below(random, 60));
        if (json.failed) {
            fprintf(stderr, "out of memory\n");
            exit(1);
        }
        if (ink_home_read(&home, json.data, json.n_bytes, "home", NULL, &error) == INK_OK)
            return home;
    }
}

const char *home_json(void)
{
    return json.data;
}

void ghost_random(const name_lists *names, const ink_home *home, bool held_out, char *out,
                  size_t room, uint64_t *random)
{
    const maker m = {.names = names, .held_out = held_out, .random = random};
    ink_request request;
    char name[NAME], area[NAME];
    do {
        area_name(&m, area);
        if (chance(random, 30))
            (void)snprintf(name, sizeof name, "%s", area);
        else
            (void)device_name(&m, pick_domain(&m), area, NULL, name);
        (void)snprintf(out, room, "%s", name);
    } while (
        ink_request_read(&request, home, out, strlen(out), INK_THING_NOWHERE, NULL) != INK_OK ||
        request.n_candidates || names_mean_kind(names, request.words.items, request.words.n_words));
}
